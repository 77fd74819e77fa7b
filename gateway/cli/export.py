"""`hocphi export`: vouchers for the accountant's software, and the books of a period."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.accounting.book_sheets import BookFile, write_book
from core.accounting.books import Book, detail_ledger, trial_balance
from core.accounting.export import FORMATS, VoucherFile, export_vouchers
from core.kit.database import transaction
from core.kit.money import format_vnd
from gateway.cli.context import (
    OPERATOR,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)
from gateway.settings import settings

TRIAL_BALANCE = "trial-balance"
DETAIL_LEDGER = "detail-ledger"
DAY = click.DateTime(["%Y-%m-%d"])


@click.command("export")
@click.option(
    "--format",
    "format_name",
    required=True,
    type=click.Choice([*FORMATS, TRIAL_BALANCE, DETAIL_LEDGER]),
)
@click.option("--from", "since", type=DAY, help="Of a book: its first day, YYYY-MM-DD.")
@click.option("--to", "until", type=DAY, help="Of a book: its last day, YYYY-MM-DD.")
@click.option("--account", help="Of a detail ledger: the account of the chart.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the file; HOCPHI_HOME/exports unless given.",
)
@school_option
@json_option
def export_file(
    format_name: str,
    since: datetime | None,
    until: datetime | None,
    account: str | None,
    out: Path | None,
    school_code: str | None,
    as_json: bool,
) -> None:
    """Xuất chứng từ chưa xuất, hoặc sổ của một kỳ. / Export the vouchers that no export of this
    format holds yet, or (with --from and --to) a book of a period."""
    folder = out or settings().home / "exports"
    if format_name in FORMATS:
        if since or until or account:
            raise click.UsageError("--from, --to and --account belong to a book of a period")
        _export_vouchers(format_name, folder, school_code, as_json)
        return
    if since is None or until is None or (account is None) == (format_name == DETAIL_LEDGER):
        raise click.UsageError(
            f"{TRIAL_BALANCE} needs --from and --to; {DETAIL_LEDGER} needs --account as well"
        )
    _export_book(account, since.date(), until.date(), folder, school_code, as_json)


def _export_vouchers(
    format_name: str, folder: Path, school_code: str | None, as_json: bool
) -> None:
    async def work(engine: AsyncEngine) -> tuple[VoucherFile, Path] | None:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            made = await export_vouchers(db, school_id, format_name, actor=OPERATOR)
            if made is None:
                return None
            # before the commit: a folder that cannot be written leaves nothing exported
            return made, _save(folder, made)

    done = run(work)
    if done is None:
        empty: dict[str, object] = {"file": None, "vouchers": 0, "total_vnd": 0}
        print_result(empty, as_json=as_json, lines=["Không có gì mới để xuất. / Nothing new."])
        return
    made, path = done
    print_result(
        {
            "file": str(path),
            "number": made.number,
            "vouchers": made.voucher_count,
            "total_vnd": made.total_vnd,
        },
        as_json=as_json,
        lines=[f"{path}: {made.voucher_count} chứng từ, {format_vnd(made.total_vnd, 'vi')}."],
    )


def _export_book(
    account: str | None,
    since: date,
    until: date,
    folder: Path,
    school_code: str | None,
    as_json: bool,
) -> None:
    async def work(engine: AsyncEngine) -> Path:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            if account is None:
                book: Book = await trial_balance(db, school_id, since, until)
            else:
                book = await detail_ledger(db, school_id, account, since, until)
        return _save(folder, write_book(book))

    path = run(work)
    print_result({"file": str(path)}, as_json=as_json, lines=[str(path)])


def _save(folder: Path, made: VoucherFile | BookFile) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / made.file_name
    path.write_bytes(made.content)
    return path
