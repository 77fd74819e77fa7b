"""A school whose day can be closed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring_day, pay, world_of
from support.errors import status_of
from support.factories import DAY, KEYS, World
from support.statement_files import Entry

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.seal import Keys
from reconciliation.closing.service import (
    close_day,
    reopen_day,
    request_reopening,
)
from reconciliation.closing.verification import VerifiedCloses, verify_closes

NEXT = DAY + timedelta(1)


async def close(engine: AsyncEngine, world: World, day: date = DAY, actor: str = "ketoan") -> int:
    return (await close_day(engine, KEYS, world.school_id, day, actor=actor)).number


async def reopen(engine: AsyncEngine, world: World, day: date = DAY) -> None:
    await request_reopening(
        engine, KEYS, world.school_id, day, actor="ketoan", reason="Thiếu sao kê"
    )
    await reopen_day(engine, KEYS, world.school_id, day, actor="hieutruong")


async def checked(engine: AsyncEngine, world: World, keys: Keys = KEYS) -> VerifiedCloses:
    async with transaction(engine) as db:
        return await verify_closes(db, keys, world.school_id)


async def locked(engine: AsyncEngine, world: World) -> date | None:
    async with transaction(engine) as db:
        found: date | None = await db.raw.fetchval(
            "SELECT books_locked_until FROM school WHERE id = $1", world.school_id
        )
        return found


async def transfers(
    engine: AsyncEngine, world: World, until: date = DAY
) -> list[tuple[object, ...]]:
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT * FROM transfer WHERE school_id = $1 AND business_date <= $2 ORDER BY id",
            world.school_id,
            until,
        )
        return [tuple(row) for row in rows]


async def quiet_day(engine: AsyncEngine) -> World:
    """A school with one payment that its statement shows, and two open invoices."""
    world = await world_of(engine, [100_000, 200_000, 300_000])
    await pay(engine, world, "S1", 100_000, world.invoices[0].reference)
    await bring_day(engine, world, [Entry(DAY, 100_000, world.invoices[0].reference, "FT1")])
    return world


async def next_day(engine: AsyncEngine, world: World, *entries: Entry) -> None:
    """A statement that goes on where the quiet day ended."""
    await bring_day(engine, world, entries, OPENING_VND + 100_000)


def problem_code(caught: pytest.ExceptionInfo[DomainError]) -> tuple[str, int]:
    return caught.value.code, status_of(caught.value)
