"""The whole gateway as one ASGI application on a test database, and a client that speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar
from support.factories import KEYS

from gateway.app import create_app
from gateway.settings import Settings

BASE_URL = "http://testserver.local"


def settings_for_tests(**more: object) -> Settings:
    """Settings with the factories' keys and quiet logs."""
    return Settings(
        master_key=KEYS.master.hex(), reference_key=KEYS.reference.hex(), log_level="ERROR", **more
    )


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app` while it runs.

    The application lives in a task of its own: it must be entered and left by the same task, which
    a fixture's two halves are not.
    """
    ready, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await done.wait()

    life = asyncio.create_task(live())
    started = asyncio.create_task(ready.wait())
    await asyncio.wait({life, started}, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        started.cancel()
        await life
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
        yield client
    done.set()
    await life


@asynccontextmanager
async def gateway_client(
    database_url: str, settings: Settings | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running gateway on a test database."""
    async with running(create_app(settings or settings_for_tests(), database_url)) as client:
        yield client
