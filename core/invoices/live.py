"""Wakes waiting pages when an invoice was paid: one LISTEN connection per process, many subscribers.

It carries ids only, and it is a hint: a page that missed it finds the same at its next look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import structlog

log = structlog.get_logger(__name__)

RECONNECT_S = 2.0


class PaidFeed:
    """Subscriptions by (school id, invoice id); `start` and `stop` follow the application's life."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._subscribers: dict[tuple[int, int], set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End listening."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def subscribe(self, school_id: int, invoice_id: int) -> Iterator[asyncio.Event]:
        """An event that is set whenever this invoice received money."""
        event = asyncio.Event()
        waiting = self._subscribers.setdefault((school_id, invoice_id), set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting:
                self._subscribers.pop((school_id, invoice_id), None)

    async def _listen(self) -> None:
        while True:
            try:
                connection: asyncpg.Connection[Any] = await asyncpg.connect(self._dsn)
                try:
                    closed = asyncio.Event()
                    connection.add_termination_listener(lambda _, closed=closed: closed.set())
                    await connection.add_listener(self._channel, self._wake)
                    await closed.wait()
                    await asyncio.sleep(RECONNECT_S)
                finally:
                    connection.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("paid_feed.lost", error=type(error).__name__)
                await asyncio.sleep(RECONNECT_S)

    def _wake(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for school_id, invoice_id in json.loads(str(payload)):
            for event in self._subscribers.get((school_id, invoice_id), ()):
                event.set()
