"""`hocphi import-statement`, `hocphi reconcile`: the accountant's night by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import FileError
from adapters.spreadsheet import MAX_FILE_BYTES
from adapters.statements import LAYOUTS, Layout, mapped
from adapters.statements import Mapping as Columns
from gateway.commands.context import json_option, print_result, run, school_id_of, school_option
from gateway.kit.database import transaction
from gateway.kit.money import format_vnd
from gateway.kit.problem import Problem, not_found
from reconciliation.proof import Proof
from reconciliation.run import DayResult, reconcile
from reconciliation.statements import Imported, import_statement

ACTOR = "operator"
STEPS = {
    "match": "Ghép dòng sao kê / matching",
    "record": "Ghi khoản thu bị lỡ / healing",
    "prove": "Chứng minh ngày / proving",
}


@click.command("import-statement")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", required=True, help="The bank account's number.")
@click.option(
    "--layout", type=click.Choice(list(LAYOUTS)), help="Skip finding out whose file it is."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=HEADER",
    help="For any other bank: which header is date, content, credit, debit, amount, balance or"
    " transaction_id. Repeat it.",
)
@school_option
@json_option
def import_statement_file(
    file: Path,
    account: str,
    layout: str | None,
    columns: tuple[str, ...],
    school_code: str | None,
    as_json: bool,
) -> None:
    """Nhập sao kê ngân hàng. / Import a bank statement (XLSX, XLS or CSV)."""

    with file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)  # the reader refuses what is longer

    async def work(engine: AsyncEngine) -> Imported:
        school_id = await school_id_of(engine, school_code)
        chosen = _layout(layout, columns)
        async with transaction(engine) as db:
            bank_account_id = await db.fetchval(
                "SELECT id FROM bank_account WHERE school_id = $1 AND number = $2",
                school_id,
                account.replace(" ", ""),
            )
            if bank_account_id is None:
                raise not_found("tài khoản ngân hàng này của trường", "bank account of the school")
            return await import_statement(
                db,
                school_id,
                bank_account_id,
                data,
                file.name,
                actor=ACTOR,
                layout=chosen,
            )

    imported = run(work)
    lines = [
        f"{file.name}: {imported.lines} dòng, {imported.new_lines} dòng mới,"
        f" {imported.unreadable} dòng không đọc được."
        if imported.is_new
        else f"{file.name}: đã nhập trước đây, không có gì thay đổi. / imported before, nothing changed."
    ]
    print_result(asdict(imported), as_json=as_json, lines=lines)


def _layout(name: str | None, columns: tuple[str, ...]) -> Layout | None:
    """The layout named, or one made of `--column` words. Raises Problem."""
    if not columns:
        return LAYOUTS[name] if name else None
    try:
        pairs: Mapping[str, str] = dict(column.split("=", 1) for column in columns)
        return mapped(Columns(**{"date": "", "content": "", **pairs}))
    except (FileError, TypeError, ValueError) as error:  # a wrong header, role, or no "="
        raise Problem(
            "bad_mapping",
            vi="--column cần dạng VAI=TIÊU ĐỀ, ít nhất date, content và credit (hoặc amount).",
            en="--column needs ROLE=HEADER, at least date, content and credit (or amount).",
            status=422,
        ) from error


@click.command("reconcile")
@click.option(
    "--date",
    "day",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The business date in Vietnam, YYYY-MM-DD.",
)
@school_option
@json_option
def reconcile_day(day: datetime, school_code: str | None, as_json: bool) -> None:
    """Đối soát một ngày. / Reconcile a day and prove it. Status 2 when the day does not close."""

    async def work(engine: AsyncEngine) -> DayResult:
        school_id = await school_id_of(engine, school_code)
        with _progress() as bar:
            return await reconcile(engine, school_id, day.date(), on_progress=bar)

    result = run(work)
    print_result(_day_as_json(result), as_json=as_json, lines=_day_as_lines(result))
    sys.exit(0 if result.is_closed else 2)


@contextmanager
def _progress() -> Iterator[_Bar]:
    """A progress bar on a terminal; elsewhere nothing is drawn."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield _Bar(progress)


class _Bar:
    """Called by the night with each step; one row per step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows = {name: progress.add_task(title, total=None) for name, title in STEPS.items()}

    def __call__(self, step: str, done: int, total: int) -> None:
        self._progress.update(self._rows[step], completed=done, total=total)


def _day_as_json(result: DayResult) -> dict[str, object]:
    return {
        "date": result.day.isoformat(),
        "is_closed": result.is_closed,
        "created": result.created,
        "matches": dict(result.matches),
        "exceptions": dict(result.exceptions),
        "proof": [
            {
                "account": proof.account,
                "opening_vnd": proof.opening_vnd,
                "closing_vnd": proof.closing_vnd,
                "difference_vnd": proof.difference_vnd,
                "items": [asdict(item) for item in proof.items],
            }
            for proof in result.proofs
        ],
        "result_hash": result.result_hash,
    }


def _day_as_lines(result: DayResult) -> list[str]:
    matched = sum(result.matches.values())
    listed = ", ".join(f"{reason} {count}" for reason, count in result.exceptions.items())
    return [
        f"Ngày {result.day:%d/%m/%Y}: ghép {matched} dòng, tạo {result.created} khoản thu từ sao kê.",
        f"Ngoại lệ: {listed or 'không có'}.",
        *map(_proof_line, result.proofs),
    ]


def _proof_line(proof: Proof) -> str:
    if proof.closing_vnd is None or proof.difference_vnd is None or proof.opening_vnd is None:
        return (
            f"{proof.account}: chưa có sao kê cho ngày này, chưa đóng. / no statement, not closed."
        )
    end = "ĐÓNG" if proof.is_closed else f"LỆCH {format_vnd(proof.difference_vnd, 'vi')}"
    opening, closing = (format_vnd(v, "vi") for v in (proof.opening_vnd, proof.closing_vnd))
    return f"{proof.account}: đầu ngày {opening}, cuối ngày {closing}: {end}."
