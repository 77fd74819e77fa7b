"""`hocphi close-day`, `hocphi reopen-day`: the books of a school closed through a day, and opened again.

The operator acts as the person named by `--as`; reopening must never take fewer than two of them.
"""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.messages import Message, msg
from core.kit.texts import en_of, vi_of
from gateway.cli.context import json_option, print_result, run, school_id_of, school_option
from gateway.cli.errors import RequestOrApproveError
from gateway.context import keys_of
from gateway.settings import settings
from reconciliation.closing.records import DayClose
from reconciliation.closing.service import close_day, reopen_day, request_reopening

day_option = click.option(
    "--date",
    "day",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The business date in Vietnam, YYYY-MM-DD.",
)


@click.command("close-day")
@day_option
@school_option
@click.option("--as", "actor", required=True, help="Who closes it.")
@json_option
def close_day_command(day: datetime, school_code: str | None, actor: str, as_json: bool) -> None:
    """Chốt sổ đến hết ngày. / Prove a day, close the books through it and sign that."""

    async def work(engine: AsyncEngine) -> DayClose:
        school_id = await school_id_of(engine, school_code)
        return await close_day(engine, keys_of(settings()), school_id, day.date(), actor=actor)

    record = run(work)
    _print_record(
        record, msg("Đã chốt sổ đến hết ngày {day:date}", day=record.day), as_json=as_json
    )


@click.command("reopen-day")
@day_option
@school_option
@click.option("--as", "actor", required=True, help="Who asks, or who approves: not the same.")
@click.option("--reason", default="", help="Ask for it: why.")
@click.option("--approve", is_flag=True, help="Approve what another person asked for.")
@json_option
def reopen_day_command(
    day: datetime, school_code: str | None, actor: str, reason: str, approve: bool, as_json: bool
) -> None:
    """Mở lại ngày đã chốt. / Ask to reopen the latest close, or approve it as another person."""

    async def work(engine: AsyncEngine) -> DayClose:
        if approve == bool(reason):
            raise RequestOrApproveError
        school_id = await school_id_of(engine, school_code)
        keys, on = keys_of(settings()), day.date()
        if approve:
            return await reopen_day(engine, keys, school_id, on, actor=actor)
        return await request_reopening(engine, keys, school_id, on, actor=actor, reason=reason)

    record = run(work)
    if approve:
        outcome = msg("Đã mở lại ngày {day:date}", day=record.day)
    else:
        outcome = msg("Đã đề nghị mở lại ngày {day:date}", day=record.day)
    _print_record(record, outcome, as_json=as_json)


def _print_record(record: DayClose, outcome: Message, *, as_json: bool) -> None:
    print_result(
        {
            "number": record.number,
            "kind": record.kind,
            "date": record.day,
            "actor": record.actor,
            "reason": record.reason,
            "hash": record.hash.hex(),
        },
        as_json=as_json,
        lines=[
            f"{vi_of(outcome)}: biên bản số {record.number}.",
            f"{en_of(outcome)}: record {record.number}, {record.hash.hex()}.",
        ],
    )
