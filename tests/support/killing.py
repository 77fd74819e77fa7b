"""A night that dies: at its n-th statement the connection is cut, as if the process had been killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit import database
from core.kit.database import Driver
from reconciliation.jobs import reconcile_day as run

STATEMENTS = frozenset(
    {"execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table"}
)


class KilledError(Exception):
    """Nobody is left to say anything."""


class Count:
    """Statements of nights, counted; at the `fatal` one the connection is gone. 0: none is fatal."""

    def __init__(self, fatal: int = 0) -> None:
        self.fatal = fatal
        self.done = 0

    def step(self, db: Driver) -> None:
        self.done += 1
        if self.done == self.fatal:
            db.raw.terminate()
            raise KilledError


class Mortal:
    """A connection whose statements are counted."""

    def __init__(self, db: Driver, count: Count) -> None:
        self._db = db
        self._count = count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._db.raw, name)
        if name not in STATEMENTS:
            return found

        async def counted(*args: Any, **more: Any) -> Any:
            self._count.step(self._db)
            return await found(*args, **more)

        return counted


@contextmanager
def dying_at(fatal: int) -> Iterator[Count]:
    """Within, nights die at their `fatal`-th statement, counted over all of them; once."""
    count = Count(fatal)

    @asynccontextmanager
    async def transaction(engine: AsyncEngine) -> AsyncIterator[Driver]:
        async with database.transaction(engine) as db:
            yield Driver(Mortal(db, count))  # type: ignore[arg-type] # it speaks as a connection does

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "transaction", transaction)
        yield count
