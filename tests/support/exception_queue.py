"""A queue of exceptions to work on."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World

from core.kit.database import Driver, transaction
from core.ledger.queries import balances
from reconciliation.review.queue import ExceptionRow, list_exceptions


async def the_exception(engine: AsyncEngine, world: World) -> ExceptionRow:
    async with transaction(engine) as db:
        (found,) = await list_exceptions(db, world.school_id)
    return found


async def balance_of(engine: AsyncEngine, world: World, kind: str) -> int:
    async with transaction(engine) as db:
        everything = await balances(db, world.school_id, DAY.replace(year=2100))
        account = await db.raw.fetchval(
            "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2",
            world.school_id,
            kind,
        )
    return everything[account]


async def name_students(engine: AsyncEngine, world: World, names: list[str]) -> None:
    async with transaction(engine) as db:
        for invoice, name in zip(world.invoices, names, strict=True):
            await db.raw.execute(
                "UPDATE student SET search_name = $2 WHERE id = $1", invoice.student_id, name
            )


async def line_of_exception(db: Driver, school_id: int, exception_id: int) -> int:
    """The bank line that an exception is about, itself or through its payment."""
    line_id: int = await db.raw.fetchval(
        "SELECT coalesce(e.statement_line_id, m.statement_line_id) FROM exception e"
        " LEFT JOIN match m ON m.school_id = e.school_id AND m.payment_id = e.payment_id"
        " WHERE e.school_id = $1 AND e.id = $2",
        school_id,
        exception_id,
    )
    return line_id
