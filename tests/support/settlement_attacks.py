"""What attackers of a settlement look for."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import make_world
from support.settlement_school import NEXT, SettlementSchool, payout_line, settlement_school

from core.kit.database import transaction
from core.ledger.service import open_books
from reconciliation.settlements.files import import_settlement
from sandbox.settlements import Payout

SPOKEN = "MOMO QUYET TOAN"


SILENT = "CHUYEN KHOAN 0910"


async def found(school: SettlementSchool, table: str, condition: str = "true") -> Any:
    async with transaction(school.engine) as db:
        (row,) = await db.raw.fetch(
            f"SELECT * FROM {table} WHERE school_id = $1 AND {condition}", school.school_id
        )
    return row


async def second_account(school: SettlementSchool) -> int:
    """Another account of the school with the same provider, at the same bank account."""
    async with transaction(school.engine) as db:
        merchant_id: int = await db.raw.fetchval(
            "INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,"
            " sealed_secrets, settings) SELECT school_id, adapter, account_key || 'b', bank_account_id,"
            " settlement, sealed_secrets, settings FROM merchant_account WHERE school_id = $1 AND id = $2"
            " RETURNING id",
            school.school_id,
            school.merchant_id,
        )
        await open_books(db, school.school_id)
    return merchant_id


async def bring_to(school: SettlementSchool, merchant_id: int, data: bytes) -> None:
    async with transaction(school.engine) as db:
        await import_settlement(db, school.school_id, merchant_id, data, "b.csv", actor="an")


async def silent(engine: AsyncEngine, text: str = SILENT) -> tuple[SettlementSchool, Payout]:
    school = await settlement_school(engine, [500_000])
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.notify(school.movement(0))
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, text)])
    return school, payout


async def school_of_code(engine: AsyncEngine, totals_vnd: list[int], code: str) -> SettlementSchool:
    async with transaction(engine) as db:
        world = await make_world(db, totals_vnd, code=code)
    return SettlementSchool(engine, world, "momo")
