"""A school that receives notices, and what its books say."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.ledger.queries import balances, disagreements
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice

AT = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)


async def world_of(engine: AsyncEngine, totals: list[int], per_student: int = 1) -> World:
    async with transaction(engine) as db:
        return await make_world(db, totals, per_student=per_student)


async def inbound(
    engine: AsyncEngine, world: World, notice: Notice, adapter: str = "sepay"
) -> InboundNotice:
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, adapter, world.merchants[adapter][1])
    assert merchant is not None
    return InboundNotice(merchant, notice, b"raw")


def paid(transaction_id: str, amount_vnd: int, content: str = "", **more: str) -> Notice:
    return Notice(
        transaction_id=transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=AT,
        content=content,
        **more,
    )


async def record(engine: AsyncEngine, world: World, *notices: Notice, adapter: str = "sepay"):
    items = [await inbound(engine, world, notice, adapter) for notice in notices]
    return (await commit_notices(engine, items)).verdicts


async def balance(engine: AsyncEngine, world: World, kind: str) -> int:
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        all_balances = await balances(db, world.school_id, DAY)
        ids = await db.raw.fetch(
            "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2",
            world.school_id,
            kind,
        )
    return sum(all_balances[row["id"]] for row in ids)


async def reasons(engine: AsyncEngine, world: World) -> list[str]:
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT reason FROM exception WHERE school_id = $1 ORDER BY id", world.school_id
        )
    return [row["reason"] for row in rows]


async def paid_of(engine: AsyncEngine, invoice_id: int) -> int:
    async with transaction(engine) as db:
        return await db.raw.fetchval("SELECT paid_vnd FROM invoice WHERE id = $1", invoice_id)


def mistyped(reference: str) -> str:
    wrong = "7" if reference[5] != "7" else "8"
    return reference[:5] + wrong + reference[6:]


def told(
    transaction_id: str, amount_vnd: int, content: str, bank_id: str, adapter_day: int = 10
) -> Notice:
    return Notice(
        transaction_id=transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=datetime(2026, 9, adapter_day, 2, 0, tzinfo=UTC),
        content=content,
        bank_transaction_id=bank_id,
    )
