"""What one process is made of: settings, keys, the database, the group commit. Built once, at the top.

Endpoints ask for it as `context: NamedDependency[AppContext]`; nothing reaches for a global.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from core.invoices.live import PaidFeed
from core.kit.database import create_engine
from core.kit.seal import Keys, load_keys
from core.merchants.directory import MerchantDirectory
from core.merchants.provider_client import provider_client
from core.payments.ingest.group_commit import PAID_CHANNEL, GroupCommit
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts that endpoints share. `http` calls providers."""

    settings: Settings
    keys: Keys
    engine: AsyncEngine
    group_commit: GroupCommit
    merchants: MerchantDirectory
    paid: PaidFeed
    http: httpx.AsyncClient


def keys_of(settings: Settings) -> Keys:
    """The installation's keys. Raises ValueError when one is malformed."""
    master, reference = settings.master_key, settings.reference_key
    return load_keys(
        master.get_secret_value() if master else None,
        reference.get_secret_value() if reference else None,
        settings.home,
    )


@asynccontextmanager
async def open_context(settings: Settings, database_url: str) -> AsyncIterator[AppContext]:
    """Build the parts, start what runs in the background, and end it in the right order."""
    keys = keys_of(settings)
    engine = create_engine(database_url, settings.pool_size)
    group_commit = GroupCommit(
        engine, queue_size=settings.ingest_queue, batch_size=settings.ingest_batch
    )
    paid = PaidFeed(database_url.replace("+asyncpg", "", 1), PAID_CHANNEL)
    group_commit.start()
    paid.start()
    try:
        async with provider_client() as http:
            directory = MerchantDirectory(engine, keys)
            yield AppContext(settings, keys, engine, group_commit, directory, paid, http)
    finally:
        await group_commit.stop()
        await paid.stop()
        await engine.dispose()
