"""A school, its payments and its bank's day, brought as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world
from support.statement_files import Entry, mb_csv

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.ledger.queries import disagreements
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from reconciliation.proof.day import DayResult
from reconciliation.proof.proof import Proof
from reconciliation.statements.imports import ImportedStatement, import_statement

OPENING_VND = 5_000_000


async def world_of(engine: AsyncEngine, totals_vnd: list[int]) -> World:
    async with transaction(engine) as db:
        return await make_world(db, totals_vnd)


async def pay(
    engine: AsyncEngine,
    world: World,
    transaction_id: str,
    amount_vnd: int,
    content: str,
    *,
    day: date = DAY,
    adapter: str = "sepay",
    **more: str,
) -> None:
    """An IPN at nine in the morning of `day`."""
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, adapter, world.merchants[adapter][1])
    assert merchant
    notice = Notice(
        transaction_id=transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=datetime(day.year, day.month, day.day, 2, tzinfo=UTC),
        content=content,
        **more,
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"raw")])


async def bring(
    engine: AsyncEngine, world: World, data: bytes, name: str = "mb.csv"
) -> ImportedStatement:
    async with transaction(engine) as db:
        return await import_statement(
            db, world.school_id, world.bank_account_id, data, name, actor="an"
        )


async def bring_day(
    engine: AsyncEngine, world: World, entries: Sequence[Entry], opening_vnd: int = OPENING_VND
) -> ImportedStatement:
    return await bring(engine, world, mb_csv(world.bank_number, opening_vnd, entries))


def proof_of(result: DayResult, account: str) -> Proof:
    (proof,) = [proof for proof in result.proofs if proof.account == account]
    return proof


async def everything(engine: AsyncEngine) -> dict[str, list[tuple[object, ...]]]:
    """Every row the night could touch."""
    tables = ("notice", "payment", "transfer", "invoice", "statement", "statement_line", "match")
    async with transaction(engine) as db:
        return {
            table: [
                tuple(row)
                for row in await db.raw.fetch(f'SELECT * FROM "{table}" ORDER BY 1, 2, 3')
            ]
            for table in (*tables, "exception", "daily_proof", "audit_entry")
        }


async def exceptions(engine: AsyncEngine, world: World) -> list[tuple[str, int, str | None]]:
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT reason, amount_vnd, resolution FROM exception WHERE school_id = $1 ORDER BY 1, 2",
            world.school_id,
        )
        return [tuple(row) for row in rows]


async def paid_vnd(engine: AsyncEngine, world: World) -> list[int]:
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        rows = await db.raw.fetch(
            "SELECT paid_vnd FROM invoice WHERE school_id = $1 ORDER BY id", world.school_id
        )
        return [row[0] for row in rows]
