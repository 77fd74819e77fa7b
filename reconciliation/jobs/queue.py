"""The queue of reconciliations on PostgreSQL (procrastinate): any number of workers take from it, each job once.

Days of one school run one after the other (the job's lock), schools side by side. A job that fails is tried
again later, a worker that is killed leaves its jobs to the others. Finished jobs are deleted: what became
of a day is kept in `reconciliation_run`. The queue must never log the text of an error.
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

from core.kit.database import Query, transaction
from reconciliation.jobs.due import QUEUE, TASK
from reconciliation.jobs.progress import code_of, run_reconciliation

log = structlog.get_logger(__name__)

RETRY: Final = RetryStrategy(max_attempts=6, exponential_wait=4)
"""After 4 s, 16 s, 64 s … 68 min; then not before the school's next day is due."""
CONNECTIONS: Final = 3
"""One listens, the others take jobs, finish them and write the worker's heartbeat."""
POLL_S: Final = 5.0
GRACE_S: Final = 8.0
"""How long the jobs of a worker that is stopped may go on; then another takes them up."""

IS_DONE = Query(
    bool,
    """
SELECT state = 'done' AND started_at >= queued_at AS is_done FROM reconciliation_run
 WHERE school_id = $1 AND business_date = $2
""",
)


class ReconciliationFailedError(Exception):
    """A job that will be tried again. It holds a code and nothing else: the queue logs it."""


def worker_name() -> str:
    """Where a job runs: "host:pid"."""
    return f"{socket.gethostname()}:{os.getpid()}"


def conninfo_of(url: str) -> str:
    """libpq's address of the database that is `url` for SQLAlchemy (postgresql+asyncpg://…)."""
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
    async def run(school_id: int, day: str) -> None:
        await run_queued(engine, school_id, date.fromisoformat(day), worker)

    return queue


async def run_queued(engine: AsyncEngine, school_id: int, day: date, worker: str) -> None:
    """Reconcile a queued day unless that was done since it was queued. Raises ReconciliationFailedError."""
    about = {"school": school_id, "day": day.isoformat()}
    try:
        async with transaction(engine) as db:
            is_done = await db.fetch_value(IS_DONE, school_id, day)
        if is_done:
            return
        result = await run_reconciliation(engine, school_id, day, worker=worker)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again, and its text is not logged
        log.warning("reconciliation.failed", code=code_of(error), **about)
        raise ReconciliationFailedError(code_of(error)) from None
    log.info("reconciliation.done", result=result.result_hash, is_closed=result.is_closed, **about)


async def drain(
    queue: App, *, at_once: int, heartbeat_timeout_s: float, until: asyncio.Event | None = None
) -> None:
    """Run the jobs of an open queue, `at_once` side by side: until `until` is set, or what waits is done."""
    running = asyncio.create_task(
        queue.run_worker_async(
            queues=[QUEUE],
            concurrency=at_once,
            wait=until is not None,
            listen_notify=until is not None,
            install_signal_handlers=False,
            # only new jobs are announced, not those that are tried again
            fetch_job_polling_interval=min(POLL_S, heartbeat_timeout_s),
            delete_jobs="always",
            shutdown_graceful_timeout=GRACE_S,
            update_heartbeat_interval=heartbeat_timeout_s / 5,
            stalled_worker_timeout=heartbeat_timeout_s,
        )
    )
    if until is None:
        await running
        return
    stopping = asyncio.create_task(until.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not running.done():
            running.cancel()  # it returns its jobs to the queue first
        with suppress(asyncio.CancelledError):
            await running
