"""The way to PostgreSQL: one engine per process, typed statements, and asyncpg beneath them.

A statement is a constant of its module: a `Query` with the type of its rows, or a `Command` without
rows. Sessions read and write UTC. It must never hide a commit: whoever opens a transaction ends it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, final

from sqlalchemy import SelectBase
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.kit.rows import Reader, RowError, reader_of

T = TypeVar("T")

READ_TOGETHER = 1_000


@dataclass(slots=True)
class _Checking:
    """Whether the values of every row are compared with the annotations of its type."""

    is_on: bool


_checking = _Checking(is_on=os.environ.get("HOCPHI_CHECK_ROWS") == "1")


def check_rows(*, is_on: bool) -> bool:
    """Have every value that is read compared with its annotation, or no longer; gives what held before.

    For tests. The environment's `HOCPHI_CHECK_ROWS=1` turns it on when the process starts.
    """
    before, _checking.is_on = _checking.is_on, is_on
    return before


@final
class Query(Generic[T]):
    """A statement with rows: a constant, written once, next to the type of its rows.

    `row` is a slotted dataclass whose fields bear the names of the columns, in their order, or a
    plain type (int, str, a date, a StrEnum …) for a statement of one column. Enum fields are looked
    up by value, `Mapping` and `dict` fields are read from JSON, `tuple[X, ...]` from an array or
    from JSON.
    """

    __slots__ = ("_has_columns", "_reader", "row", "text")

    def __init__(self, row: type[T], text: str) -> None:
        self.row: Final = row
        self.text: Final = text
        self._reader: Reader[T] | None = None
        self._has_columns = False

    def __repr__(self) -> str:
        return f"Query({self.row.__name__}, {_start_of(self.text)!r})"

    def read(self, records: Sequence[Any]) -> list[T]:
        """Records of asyncpg as rows. Raises `RowError` where columns and fields differ."""
        reader = self._reader
        if (
            reader is None
        ):  # at first use: a row type may name classes that its module defines later
            reader = self._reader = reader_of(self.row)
        if records and not self._has_columns:
            reader.require_columns(tuple(records[0].keys()), repr(self))
            self._has_columns = True
        rows = reader.read(records)
        if _checking.is_on:
            reader.require_values(rows, repr(self))
        return rows


@final
class Command:
    """A statement without rows: a constant, written once."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text

    def __repr__(self) -> str:
        return f"Command({_start_of(self.text)!r})"


def _start_of(text: str) -> str:
    return " ".join(text.split())[:80]


class RawCursor(Protocol):
    """A server-side cursor of asyncpg: awaited for its `fetch`, or iterated."""

    def __aiter__(self) -> AsyncIterator[Any]: ...
    def __await__(self) -> Generator[Any, None, Any]: ...


class RawConnection(Protocol):
    """What is used of asyncpg's connection, which has no types of its own."""

    async def fetch(self, query: str, *args: object) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: object) -> Any: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...
    async def executemany(self, command: str, args: Iterable[Sequence[object]]) -> None: ...
    def cursor(self, query: str, *args: object, prefetch: int | None = None) -> RawCursor: ...
    async def prepare(self, query: str) -> Any: ...
    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]],
        columns: Sequence[str] | None = None,
    ) -> str: ...
    async def copy_from_table(self, table_name: str, *, output: Any, format: str) -> str: ...  # noqa: A002 # asyncpg's name
    async def copy_to_table(self, table_name: str, *, source: Any, format: str) -> str: ...  # noqa: A002 # asyncpg's name
    def transaction(self) -> AbstractAsyncContextManager[object]: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self) -> None: ...


@final
class Driver:
    """One connection, within the caller's transaction: typed statements in, typed rows out.

    Arguments take the places of `$1`, `$2` … in their order. `raw` is asyncpg's connection itself:
    for statements that are not typed yet, and for free SQL in tests.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: RawConnection) -> None:
        self.raw: Final = raw

    async def fetch(self, query: Query[T], *args: object) -> list[T]:
        """All rows, held in memory."""
        return query.read(await self.raw.fetch(query.text, *args))

    async def fetch_one(self, query: Query[T], *args: object) -> T | None:
        """The first row, or None where there is none."""
        record = await self.raw.fetchrow(query.text, *args)
        return None if record is None else query.read((record,))[0]

    async def fetch_only(self, query: Query[T], *args: object) -> T:
        """The one row that must exist, or `RowError`.

        For what cannot lack its row: an aggregate without GROUP BY, RETURNING of one INSERT, a row
        that a foreign key or a lock of this transaction holds. What a caller asks for by an id or a
        name of their own is read with `fetch_one`.
        """
        rows = query.read(await self.raw.fetch(query.text, *args))
        if len(rows) != 1:
            raise RowError(f"{query!r}: one row must exist, {len(rows)} were found")
        return rows[0]

    async def fetch_value(self, query: Query[T], *args: object) -> T | None:
        """The value of a statement of one column; None where there is no row, or NULL in it."""
        record = await self.raw.fetchrow(query.text, *args)
        return None if record is None or record[0] is None else query.read((record,))[0]

    async def execute(self, command: Command, *args: object) -> int:
        """Run a statement; gives the number of rows it wrote, or 0 for one that counts none."""
        return _count_of(await self.raw.execute(command.text, *args))

    async def execute_many(self, command: Command, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each of the rows of arguments, in one exchange with the server."""
        await self.raw.executemany(command.text, rows)

    async def copy_in(
        self, table: str, columns: Sequence[str], records: Iterable[Sequence[object]]
    ) -> int:
        """COPY records into a table; gives their number. JSON columns take JSON's text."""
        return _count_of(
            await self.raw.copy_records_to_table(table, records=records, columns=columns)
        )

    async def cursor(
        self, query: Query[T], *args: object, prefetch: int = READ_TOGETHER
    ) -> AsyncIterator[T]:
        """The rows one by one through a server-side cursor, `prefetch` of them in memory.

        Other statements may run between two rows. It ends with the caller's transaction.
        """
        async for rows in self.batches(query, *args, size=prefetch):
            for row in rows:
                yield row

    async def batches(
        self, query: Query[T], *args: object, size: int = READ_TOGETHER
    ) -> AsyncIterator[list[T]]:
        """The rows in lists of `size`, the last one shorter, through a server-side cursor."""
        cursor = await self.raw.cursor(query.text, *args)
        while records := await cursor.fetch(size):
            yield query.read(records)

    async def select(self, row: type[T], statement: SelectBase) -> list[T]:
        """All rows of a statement put together with SQLAlchemy over the tables of the models.

        Its columns bear the names of the fields of `row`, in their order. For filters and orders
        that are chosen at run time; every other statement is a `Query`.
        """
        text, args = compiled(statement)
        return Query(row, text).read(await self.raw.fetch(text, *args))

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A savepoint within a transaction, a transaction outside of one."""
        return self.raw.transaction()


_DIALECT = make_url("postgresql+asyncpg://").get_dialect()()


def compiled(statement: SelectBase) -> tuple[str, list[object]]:
    """A statement's text with `$1`, `$2` … and the arguments in their order."""
    made = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = made.params
    return str(made), [values[name] for name in made.positiontup or ()]


def _count_of(status: str) -> int:
    """The rows of a command tag: `INSERT 0 5` and `UPDATE 5` are five, `SET` is none."""
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdecimal() else 0


def create_engine(url: str, pool_size: int = 8) -> AsyncEngine:
    """An engine for `postgresql+asyncpg://…`. READ COMMITTED; statement time is bounded by 60 s."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=False,
        pool_recycle=3600,
        connect_args={
            "server_settings": {
                "timezone": "UTC",
                "application_name": "hocphi",
                "statement_timeout": "60000",
                "lock_timeout": "15000",
            }
        },
    )


@asynccontextmanager
async def borrowed(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """A connection of the engine's pool, outside any transaction.

    Measured: SQLAlchemy's own execution costs about 2.3 times asyncpg's on the recording path.
    """
    async with engine.connect() as connection:
        found = await _asyncpg_of(connection)
        if found.is_closed():  # what breaks under raw statements, the pool does not hear of
            await connection.invalidate()
            found = await _asyncpg_of(connection)
        yield Driver(found)


async def _asyncpg_of(connection: AsyncConnection) -> RawConnection:
    found = (await connection.get_raw_connection()).driver_connection
    if found is None:
        raise RuntimeError("the pool gave no connection")
    raw: RawConnection = found
    return raw


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """One transaction on a borrowed connection; committed at the end, rolled back by an exception."""
    async with borrowed(engine) as db, db.transaction():
        yield db
