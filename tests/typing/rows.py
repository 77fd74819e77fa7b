"""What mypy makes of typed statements: `# reveals` is the type it sees, `# error` the misuse it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import reveal_type

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import Command, Driver, Query, borrowed, transaction
from core.models.identity import login_attempt


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    colour: Colour | None
    detail: Mapping[str, int]


FIND = Query(Row, "SELECT id, colour, detail FROM thing")
COUNT = Query(int, "SELECT count(*) FROM thing")
CLOSE = Command("UPDATE thing SET is_open = false")


async def reads(db: Driver) -> None:
    rows = await db.fetch(FIND, 1)
    reveal_type(rows)  # reveals: list[Row]
    reveal_type(rows[0].colour)  # reveals: Colour | None
    row = await db.fetch_one(FIND, 1)
    reveal_type(row)  # reveals: Row | None
    number = row.id  # error: union-attr
    reveal_type(await db.fetch_only(FIND))  # reveals: Row
    reveal_type(await db.fetch_value(COUNT))  # reveals: int | None
    reveal_type(await db.fetch_only(COUNT))  # reveals: int
    async for one in db.cursor(FIND, 1, prefetch=10):
        reveal_type(one)  # reveals: Row
    async for some in db.batches(FIND, size=10):
        reveal_type(some)  # reveals: list[Row]
    listed = await db.select(Row, select(login_attempt.c.username))
    reveal_type(listed)  # reveals: list[Row]
    number = rows[0].idd  # error: attr-defined
    number = rows[0]["id"]  # error: index
    rows[0].id = number  # error: misc
    await db.fetch("SELECT 1")  # error: arg-type
    await db.fetch(CLOSE)  # error: arg-type
    await db.fetchrowww(FIND)  # error: attr-defined
    await db.raw.fetchrowww("SELECT 1")  # error: attr-defined


async def writes(engine: AsyncEngine) -> None:
    async with transaction(engine) as db, db.transaction():
        reveal_type(db)  # reveals: Driver
        reveal_type(await db.execute(CLOSE, 1))  # reveals: int
        await db.execute(FIND)  # error: arg-type
        await db.execute_many(CLOSE, [(1,), 2])  # error: list-item
        reveal_type(await db.copy_in("thing", ("id",), [(1,)]))  # reveals: int
    async with borrowed(engine) as db:
        reveal_type(db)  # reveals: Driver
