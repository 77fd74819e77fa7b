"""A reconciliation that reports its progress while it runs: on another connection, for its own is one transaction.

`reconciliation_run` is for people to look at, and for the queue to know what is done. It must never decide
about money, and a reconciliation must never fail because its progress could not be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.clock import now_utc
from core.kit.database import Command, Driver, Query, transaction
from core.kit.errors import DomainError
from reconciliation.jobs.due import HEARTBEAT_TIMEOUT_S
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.matching.pairing import Progress, no_progress
from reconciliation.proof.day import DayResult, require_past

WRITE_EVERY_S: Final = 0.5
HEARTBEAT_S: Final = HEARTBEAT_TIMEOUT_S / 6
UNREACHABLE: Final = (
    OSError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What a lost or busy database raises; progress is left unwritten then."""

RunState = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class ReconciliationRun:
    """The state of the reconciliation of a school's day. Instants are aware, UTC.

    `done` of `total` of its `step`; `attempts` since it was queued; `error_code`: why the last one failed.
    """

    day: date
    state: RunState
    step: str
    done: int
    total: int
    worker: str
    attempts: int
    result_hash: str | None
    error_code: str | None
    queued_at: datetime | None
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None

    @property
    def is_unfinished(self) -> bool:
        """Whether its state may change within seconds."""
        return self.state in {"queued", "running"}

    @property
    def is_stalled(self) -> bool:
        """Whether its worker seems to be gone; another takes it over."""
        return (
            self.state == "running"
            and self.heartbeat_at is not None
            and (now_utc() - self.heartbeat_at).total_seconds() > HEARTBEAT_TIMEOUT_S
        )


RUNS = Query(
    ReconciliationRun,
    """
SELECT business_date AS day, state, step, done, total, worker, attempts, result_hash, error_code,
       queued_at, started_at, heartbeat_at, finished_at
  FROM reconciliation_run
 WHERE school_id = $1 AND (business_date = $2 OR state <> 'done')
 ORDER BY business_date <> $2, business_date
""",
)

BEGIN = Command("""
INSERT INTO reconciliation_run (school_id, business_date, state, worker, attempts, started_at, heartbeat_at)
VALUES ($1, $2, 'running', $3, 1, $4, $4)
ON CONFLICT (school_id, business_date) DO UPDATE
   SET state = 'running', worker = excluded.worker, attempts = reconciliation_run.attempts + 1, step = '',
       done = 0, total = 0, started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at
""")

WRITE = Command("""
UPDATE reconciliation_run SET step = $3, done = $4, total = $5, heartbeat_at = $6
 WHERE school_id = $1 AND business_date = $2 AND state = 'running'
""")

END = Command("""
UPDATE reconciliation_run
   SET state = $3, result_hash = coalesce($4, result_hash), error_code = $5, finished_at = $6, heartbeat_at = $6
 WHERE school_id = $1 AND business_date = $2
""")


async def reconciliation_runs(db: Driver, school_id: int, day: date) -> list[ReconciliationRun]:
    """The run of `day`, if there was one, then the school's others that are not done, oldest first."""
    return await db.fetch(RUNS, school_id, day)


async def run_reconciliation(
    engine: AsyncEngine,
    school_id: int,
    day: date,
    *,
    worker: str,
    on_progress: Progress = no_progress,
) -> DayResult:
    """`reconcile`, with its progress and its end kept in `reconciliation_run`. Raises the same."""
    require_past(day)
    async with _kept_progress(engine, school_id, day, worker) as keep:

        def report(step: str, done: int, total: int) -> None:
            keep(step, done, total)
            on_progress(step, done, total)

        try:
            result = await reconcile(engine, school_id, day, on_progress=report)
        except Exception as error:
            with suppress(*UNREACHABLE):
                await _end(engine, school_id, day, "failed", error_code=code_of(error))
            raise
    await _end(engine, school_id, day, "done", result_hash=result.result_hash)
    return result


def code_of(error: Exception) -> str:
    """What may be logged of an error: its code, or its type. Its text may hold names."""
    return error.code if isinstance(error, DomainError) else type(error).__name__


@asynccontextmanager
async def _kept_progress(
    engine: AsyncEngine, school_id: int, day: date, worker: str
) -> AsyncIterator[Progress]:
    """Mark the run as begun; then write its latest progress, twice a second at most, and its heartbeat."""
    await _begin(engine, school_id, day, worker)
    latest = ("", 0, 0)
    changed, ended = asyncio.Event(), asyncio.Event()

    def keep(step: str, done: int, total: int) -> None:
        nonlocal latest
        latest = (step, done, total)
        changed.set()

    async def write_latest() -> None:
        while True:
            await _wait(changed, HEARTBEAT_S)
            if ended.is_set():
                return
            changed.clear()
            with suppress(*UNREACHABLE):
                await _write(engine, school_id, day, latest)
            await _wait(ended, WRITE_EVERY_S)

    writing = asyncio.create_task(write_latest())
    try:
        yield keep
    finally:
        ended.set()
        changed.set()
        await writing


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _begin(engine: AsyncEngine, school_id: int, day: date, worker: str) -> None:
    async with transaction(engine) as db:
        await db.execute(BEGIN, school_id, day, worker, now_utc())


async def _write(
    engine: AsyncEngine, school_id: int, day: date, progress: tuple[str, int, int]
) -> None:
    async with transaction(engine) as db:
        await db.execute(WRITE, school_id, day, *progress, now_utc())


async def _end(
    engine: AsyncEngine,
    school_id: int,
    day: date,
    state: RunState,
    *,
    result_hash: str | None = None,
    error_code: str | None = None,
) -> None:
    async with transaction(engine) as db:
        await db.execute(END, school_id, day, state, result_hash, error_code, now_utc())
