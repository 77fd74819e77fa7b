"""The schema as it stands in a migrated database: what it forbids, and that tests do not meet."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.models import metadata


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_begins_with_an_empty_database(engine: AsyncEngine, turn: str) -> None:
    async with engine.begin() as connection:
        count = await connection.scalar(text("SELECT count(*) FROM login_attempt"))
        assert count == 0, f"{turn} test saw rows of another"
        await connection.execute(
            text("INSERT INTO login_attempt (username, remote_ip) VALUES ('a', 'b')")
        )


async def test_the_template_holds_every_table(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        names = await connection.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        )
        assert set(names) >= {table.name for table in metadata.sorted_tables}


@pytest.mark.parametrize("table", ["transfer", "audit_entry", "notice_conflict", "voucher"])
async def test_the_books_are_append_only(engine: AsyncEngine, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(DBAPIError, match=r"forbidden: it is append-only"):
            async with engine.begin() as connection:
                await connection.execute(text(statement))
