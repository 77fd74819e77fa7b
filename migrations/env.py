"""Alembic runs this file for every command: it opens the one connection the migrations run on.

An advisory lock makes processes that start together migrate one after the other.
"""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from core.models import metadata

LOCK_KEY = 0x686F63706869  # "hocphi"


def migrate(connection: Connection) -> None:
    """Run what the command asks for, on this connection, in one transaction."""
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        context.run_migrations()


async def connect_and_migrate(url: str) -> None:
    """Open the connection, migrate, close it."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(
        connect_and_migrate(context.config.attributes.get("url") or os.environ["DATABASE_URL"])
    )
