"""Alembic runs this file for every command: it opens the one connection the migrations run on.

An advisory lock makes processes that start together migrate one after the other. No statement of a
migration may wait long for a table that a payment is being written to.
"""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Column, Connection, DefaultClause
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SchemaItem

from core.models import metadata

LOCK_KEY = 0x686F63706869  # "hocphi"
# A statement that waits for a table's lock makes everybody behind it wait too, payments first. Rather than
# that, a migration fails whole after this time and is tried again at a quieter moment.
LOCK_TIMEOUT = "5s"
LIBRARYS_OWN = "procrastinate_"  # tables of the job queue's library, which no models describe
RANDOM = "gen_random_uuid()"


def is_compared(
    item: SchemaItem, name: str | None, kind: str, _is_found: bool, other: SchemaItem | None
) -> bool:
    """Whether Alembic looks at `item` when it compares the database with the models.

    It would call a random default changed each time, since it compares what the two evaluate to;
    `tools/check_migrations.py` compares their texts.
    """
    if kind == "table":
        return not (name or "").startswith(LIBRARYS_OWN)
    if isinstance(item, Column) and isinstance(item.server_default, DefaultClause):
        return other is None or RANDOM not in str(item.server_default.arg)
    return True


def migrate() -> None:
    """Run what the command asks for in one transaction: all of it or nothing."""
    with context.begin_transaction():
        context.execute(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        # after the advisory lock: for another process's migration to end, any time may be waited
        context.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        context.run_migrations()


def migrate_on(connection: Connection) -> None:
    """Run what the command asks for on this connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        include_object=is_compared,
    )
    migrate()


async def connect_and_migrate(url: str) -> None:
    """Open the connection, migrate, close it."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate_on)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata)
    migrate()
else:
    asyncio.run(
        connect_and_migrate(context.config.attributes.get("url") or os.environ["DATABASE_URL"])
    )
