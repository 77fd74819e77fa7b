"""`hocphi set-refund-limit`: how large a refund one person may give."""

from __future__ import annotations

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import transaction
from core.kit.money import format_vnd
from core.refunds.service import set_refund_limit
from gateway.cli.context import (
    OPERATOR,
    json_option,
    print_result,
    run,
    school_id_of,
    school_option,
)


@click.command("set-refund-limit")
@school_option
@click.option("--above", "limit_vnd", type=int, required=True, help="VND; 0: every refund.")
@json_option
def set_refund_limit_command(school_code: str | None, limit_vnd: int, as_json: bool) -> None:
    """Đặt hạn mức hoàn tiền. / Refunds above this many VND need a second person."""

    async def work(engine: AsyncEngine) -> None:
        school_id = await school_id_of(engine, school_code)
        async with transaction(engine) as db:
            await set_refund_limit(db, school_id, limit_vnd, actor=OPERATOR)

    run(work)
    print_result(
        {"refund_approval_above_vnd": limit_vnd},
        as_json=as_json,
        lines=[
            f"Hoàn tiền trên {format_vnd(limit_vnd, 'vi')} cần người thứ hai duyệt.",
            f"Refunds above {format_vnd(limit_vnd, 'en')} need a second person.",
        ],
    )
