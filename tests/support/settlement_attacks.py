"""What attackers of a settlement look for."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import make_world
from support.settlement_school import NEXT, Lumps, lump, lumps_of

from core.kit.database import transaction
from core.ledger.service import open_books
from reconciliation.settlements.files import import_settlement
from sandbox.settlements import Payout

SPOKEN = "MOMO QUYET TOAN"


SILENT = "CHUYEN KHOAN 0910"


async def found(lumps: Lumps, table: str, condition: str = "true") -> Any:
    async with transaction(lumps.engine) as db:
        (row,) = await db.raw.fetch(
            f"SELECT * FROM {table} WHERE school_id = $1 AND {condition}", lumps.school_id
        )
    return row


async def second_account(lumps: Lumps) -> int:
    """Another account of the school with the same provider, at the same bank account."""
    async with transaction(lumps.engine) as db:
        merchant_id: int = await db.raw.fetchval(
            "INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,"
            " sealed_secrets, settings) SELECT school_id, adapter, account_key || 'b', bank_account_id,"
            " settlement, sealed_secrets, settings FROM merchant_account WHERE school_id = $1 AND id = $2"
            " RETURNING id",
            lumps.school_id,
            lumps.merchant_id,
        )
        await open_books(db, lumps.school_id)
    return merchant_id


async def bring_to(lumps: Lumps, merchant_id: int, data: bytes) -> None:
    async with transaction(lumps.engine) as db:
        await import_settlement(db, lumps.school_id, merchant_id, data, "b.csv", actor="an")


async def silent(engine: AsyncEngine, text: str = SILENT) -> tuple[Lumps, Payout]:
    lumps = await lumps_of(engine, [500_000])
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[lumps.movement(0)])
    await lumps.notify(lumps.movement(0))
    await lumps.bring_file(lumps.file(payout))
    await lumps.bring_lines([lump(payout, text)])
    return lumps, payout


async def lumps_of_code(engine: AsyncEngine, totals_vnd: list[int], code: str) -> Lumps:
    async with transaction(engine) as db:
        world = await make_world(db, totals_vnd, code=code)
    return Lumps(engine, world, "momo")
