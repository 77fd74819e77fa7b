"""`hocphi reconcile`: a day or a period reconciled by hand, for one school or all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import Query, transaction
from core.kit.money import format_vnd
from core.kit.texts import en_of, vi_of
from gateway.cli.context import json_option, print_result, run
from gateway.cli.errors import NoSchoolError, SchoolsNotChosenError, UnknownSchoolsError
from gateway.console.frame.labels import label
from gateway.settings import settings
from reconciliation.jobs.period import (
    PeriodProgress,
    SchoolPeriod,
    days_between,
    hash_of,
    reconcile_period,
)
from reconciliation.jobs.queue import worker_name
from reconciliation.proof.day import DayResult
from reconciliation.proof.proof import Proof

DAY = click.DateTime(["%Y-%m-%d"])
MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class ChosenSchool:
    """A school by its code."""

    code: str
    id: int


SCHOOLS = Query(
    ChosenSchool,
    "SELECT code, id FROM school WHERE $1::text[] = '{}' OR code = ANY ($1) ORDER BY code",
)


@click.command("reconcile")
@click.option("--date", "day", type=DAY, help="One business date in Vietnam, YYYY-MM-DD.")
@click.option("--from", "first", type=DAY, help="The first day of a period.")
@click.option("--to", "last", type=DAY, help="The last day of a period.")
@click.option(
    "--school",
    "codes",
    multiple=True,
    help="The school's code, repeatable; not needed when there is one school.",
)
@click.option("--all-schools", "is_everyone", is_flag=True, help="Every school.")
@json_option
def reconcile_days(
    day: datetime | None,
    first: datetime | None,
    last: datetime | None,
    codes: tuple[str, ...],
    is_everyone: bool,
    as_json: bool,
) -> None:
    """Đối soát một ngày hoặc nhiều ngày. / Reconcile a day or a period and prove it.

    Days run in their order, schools side by side. Running it again changes nothing and prints the same
    result. Status 1 when a day was refused, 2 when a day does not close.
    """
    days = _days(day, first, last)
    chosen = settings()

    async def work(engine: AsyncEngine) -> list[SchoolPeriod]:
        schools = await _schools(engine, codes, is_everyone=is_everyone)
        with _progress(len(schools) * len(days)) as report:
            return await reconcile_period(
                engine,
                schools,
                days,
                at_once=chosen.reconciliations_at_once,
                worker=worker_name(),
                on_progress=report,
            )

    periods = run(work, pool_size=2 * chosen.reconciliations_at_once + 1)
    if day and len(periods) == 1:
        _print_day(periods[0], as_json=as_json)
    else:
        print_result(
            _period_as_json(days, periods), as_json=as_json, lines=[_period_as_text(periods)]
        )
    for one in periods:
        if one.problem:
            click.echo(f"{one.code}: {one.problem.vi}\n{one.code}: {one.problem.en}", err=True)
    if any(one.problem for one in periods):
        sys.exit(1)
    sys.exit(0 if all(one.is_closed for one in periods) else 2)


def _days(day: datetime | None, first: datetime | None, last: datetime | None) -> list[date]:
    """What `--date`, or `--from` and `--to`, ask for. Raises UsageError."""
    if (day is None) == (first is None and last is None):
        raise click.UsageError("Name --date, or --from and --to.")
    if day:
        return [day.date()]
    if first is None or last is None or last < first:
        raise click.UsageError("A period needs --from and --to, in this order.")
    days = days_between(first.date(), last.date())
    if len(days) > MAX_DAYS:
        raise click.UsageError(f"A period has {MAX_DAYS} days at most.")
    return days


async def _schools(
    engine: AsyncEngine, codes: Sequence[str], *, is_everyone: bool
) -> dict[str, int]:
    """Code -> id of the schools named, of all, or of the only one.

    Raises UnknownSchoolsError, SchoolsNotChosenError or NoSchoolError.
    """
    if codes and is_everyone:
        raise click.UsageError("Name schools by --school, or --all-schools.")
    async with transaction(engine) as db:
        found = await db.fetch(SCHOOLS, list(codes))
    schools = {school.code: school.id for school in found}
    if unknown := sorted({*codes} - schools.keys()):
        raise UnknownSchoolsError(codes=tuple(unknown))
    if not schools:
        raise NoSchoolError
    if len(schools) > 1 and not codes and not is_everyone:
        raise SchoolsNotChosenError
    return schools


@contextmanager
def _progress(days: int) -> Iterator[PeriodProgress]:
    """On a terminal a bar for all days and one for each that runs; elsewhere nothing is drawn."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        whole = progress.add_task("Các ngày / days", total=days)
        rows: dict[str, TaskID] = {}
        begun: set[tuple[str, date]] = set()

        def report(code: str, day: date, step: str, done: int, total: int) -> None:
            name = label("run_step", step)
            title = f"{code} {day:%d/%m/%Y} {vi_of(name)} / {en_of(name)}"
            if code not in rows:
                rows[code] = progress.add_task(title, total=total)
            progress.update(rows[code], description=title, completed=done, total=total)
            if step == "prove" and (code, day) not in begun:
                begun.add((code, day))
                progress.advance(whole)
                progress.update(rows[code], visible=len(begun) < days)

        yield report


def _print_day(school: SchoolPeriod, *, as_json: bool) -> None:
    for result in school.days:
        print_result(_day_as_json(result), as_json=as_json, lines=_day_as_lines(result))


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


def _period_as_json(days: Sequence[date], periods: Sequence[SchoolPeriod]) -> dict[str, object]:
    return {
        "from": days[0].isoformat(),
        "to": days[-1].isoformat(),
        "is_closed": all(one.is_closed for one in periods),
        "schools": [
            {
                "code": one.code,
                "is_closed": one.is_closed,
                "days": [_day_as_json(day) for day in one.days],
                "problem": one.problem and one.problem.code,
            }
            for one in periods
        ],
        "result_hash": hash_of(periods),
    }


def _day_as_lines(result: DayResult) -> list[str]:
    matched = sum(result.matches.values())
    listed = ", ".join(f"{reason} {count}" for reason, count in result.exceptions.items())
    return [
        f"Ngày {result.day:%d/%m/%Y}: ghép {matched} dòng, tạo {result.created} khoản thu từ sao kê.",
        f"Ngoại lệ: {listed or 'không có'}.",
        *map(_proof_line, result.proofs),
        f"Mã kết quả / result: {result.result_hash}",
    ]


def _proof_line(proof: Proof) -> str:
    if proof.closing_vnd is None or proof.difference_vnd is None or proof.opening_vnd is None:
        return (
            f"{proof.account}: chưa có sao kê cho ngày này, chưa đóng. / no statement, not closed."
        )
    end = "ĐÓNG" if proof.is_closed else f"LỆCH {format_vnd(proof.difference_vnd, 'vi')}"
    opening, closing = (format_vnd(v, "vi") for v in (proof.opening_vnd, proof.closing_vnd))
    return f"{proof.account}: đầu ngày {opening}, cuối ngày {closing}: {end}."


def _period_as_text(periods: Sequence[SchoolPeriod]) -> str:
    """A table with a row per day, and the hash over all of them."""
    table = Table("Trường", "Ngày", "Ghép", "Tạo", "Ngoại lệ", "Đóng", "Mã kết quả")
    for one in periods:
        for day in one.days:
            table.add_row(
                one.code,
                f"{day.day:%d/%m/%Y}",
                str(sum(day.matches.values())),
                str(day.created),
                str(sum(day.exceptions.values())),
                _state_of(day),
                day.result_hash,
            )
    console = Console(width=132, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return f"{captured.get()}Mã kết quả chung / result of all: {hash_of(periods)}"


def _state_of(day: DayResult) -> str:
    """Closed, differs, or no statement yet."""
    if day.is_closed:
        return "ĐÓNG"
    has_difference = any(proof.difference_vnd for proof in day.proofs)
    return "LỆCH" if has_difference else "CHƯA CÓ SAO KÊ"
