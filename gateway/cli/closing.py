"""`hocphi close-day`, `hocphi reopen-day`: the books of a school closed through a day, and opened again.

The operator acts as the person named by `--as`; reopening takes two of them.
"""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.errors import Problem
from gateway.cli.context import json_option, print_result, run, school_id_of, school_option
from gateway.context import keys_of
from gateway.settings import settings
from reconciliation.closing.records import DayClose
from reconciliation.closing.service import ask_to_reopen, close_day, reopen_day

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
    _say(
        record,
        as_json=as_json,
        vi=f"Đã chốt sổ đến hết ngày {record.day:%d/%m/%Y}",
        en=f"The books are closed through {record.day.isoformat()}",
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
            raise Problem(
                "ask_or_approve",
                vi="Hãy dùng --reason để đề nghị, hoặc --approve để duyệt.",
                en="Give --reason to ask, or --approve to approve.",
                status=422,
            )
        school_id = await school_id_of(engine, school_code)
        keys, on = keys_of(settings()), day.date()
        if approve:
            return await reopen_day(engine, keys, school_id, on, actor=actor)
        return await ask_to_reopen(engine, keys, school_id, on, actor=actor, reason=reason)

    record = run(work)
    shown = f"{record.day:%d/%m/%Y}"
    _say(
        record,
        as_json=as_json,
        vi=f"Đã mở lại ngày {shown}" if approve else f"Đã đề nghị mở lại ngày {shown}",
        en=f"{record.day.isoformat()} is reopened"
        if approve
        else f"Reopening {record.day.isoformat()} is asked for",
    )


def _say(record: DayClose, *, as_json: bool, vi: str, en: str) -> None:
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
            f"{vi}: biên bản số {record.number}.",
            f"{en}: record {record.number}, {record.hash.hex()}.",
        ],
    )
