"""The queue of nights on PostgreSQL (procrastinate): any number of workers take from it, each night once.

Days of one school run one after the other (the job's lock), schools side by side. A night that fails is
tried again later, a worker that is killed leaves its nights to the others. Finished jobs are deleted:
what became of a night stands in `night_run`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import date
from typing import Final

import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.database import transaction
from reconciliation.jobs.due import QUEUE, TASK
from reconciliation.jobs.progress import code_of, run_night

log = structlog.get_logger(__name__)

RETRY: Final = RetryStrategy(max_attempts=6, exponential_wait=4)
"""After 4 s, 16 s, 64 s … 68 min; then not before the school's next night."""
CONNECTIONS: Final = 3
"""One listens, the others take, finish and keep the worker's heart beating."""
POLL_S: Final = 5.0
GRACE_S: Final = 8.0
"""A worker that is told to stop gives its nights so long; then another takes them up."""


class NightFailedError(Exception):
    """A night that will be tried again. It holds a code and nothing else: the queue logs it."""


def worker_name() -> str:
    """Where a night runs: "host:pid"."""
    return f"{socket.gethostname()}:{os.getpid()}"


def conninfo_of(url: str) -> str:
    """libpq's address of the database that SQLAlchemy knows as `url` (postgresql+asyncpg://…)."""
    address = make_url(url)
    # asyncpg's word for what libpq calls sslmode; the values are the same
    query = {("sslmode" if name == "ssl" else name): value for name, value in address.query.items()}
    return address.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


def make_queue(engine: AsyncEngine, url: str, worker: str) -> App:
    """The queue as one worker sees it; `async with queue.open_async()` connects it."""
    queue = App(
        connector=PsycopgConnector(
            conninfo=conninfo_of(url),
            min_size=1,
            max_size=CONNECTIONS,
            kwargs={
                "application_name": "hocphi queue",
                "options": "-c timezone=UTC -c statement_timeout=60000",
            },
        )
    )

    @queue.task(name=TASK, queue=QUEUE, retry=RETRY)
    async def night(school_id: int, day: str) -> None:
        await run_queued(engine, school_id, date.fromisoformat(day), worker)

    return queue


async def run_queued(engine: AsyncEngine, school_id: int, day: date, worker: str) -> None:
    """Run a night of the queue unless it is done since it was queued. Raises NightFailedError."""
    about = {"school": school_id, "day": day.isoformat()}
    try:
        async with transaction(engine) as db:
            is_done = await db.raw.fetchval(
                "SELECT state = 'done' AND started_at >= queued_at FROM night_run"
                " WHERE school_id = $1 AND business_date = $2",
                school_id,
                day,
            )
        if is_done:
            return
        result = await run_night(engine, school_id, day, worker=worker)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again, and its text stays here
        log.warning("night.failed", code=code_of(error), **about)
        raise NightFailedError(code_of(error)) from None
    log.info("night.done", result=result.result_hash, is_closed=result.is_closed, **about)


async def drain(
    queue: App, *, at_once: int, silence_s: float, until: asyncio.Event | None = None
) -> None:
    """Run nights of an open queue, `at_once` side by side: until `until` is set, or what waits is done."""
    running = asyncio.create_task(
        queue.run_worker_async(
            queues=[QUEUE],
            concurrency=at_once,
            wait=until is not None,
            listen_notify=until is not None,
            install_signal_handlers=False,
            # only new nights announce themselves, not those that come again
            fetch_job_polling_interval=min(POLL_S, silence_s),
            delete_jobs="always",
            shutdown_graceful_timeout=GRACE_S,
            update_heartbeat_interval=silence_s / 5,
            stalled_worker_timeout=silence_s,
        )
    )
    if until is None:
        await running
        return
    told = asyncio.create_task(until.wait())
    try:
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        if not running.done():
            running.cancel()  # it lets go of its nights first
        with suppress(asyncio.CancelledError):
            await running
