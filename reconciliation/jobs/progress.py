"""A night that says how it goes, while it runs: on another connection, for its own is one transaction.

What is told here is for people to look at. It must never decide about money, and a night must never
fail because nobody could be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.clock import now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from reconciliation.jobs.due import SILENCE_S
from reconciliation.jobs.night import reconcile
from reconciliation.matching.pairing import Progress
from reconciliation.proof.day import DayResult, refuse_future

WRITE_EVERY_S: Final = 0.5
HEARTBEAT_S: Final = SILENCE_S / 6


@dataclass(frozen=True, slots=True)
class NightState:
    """How the night of a day stands: `state` is queued, running, done or failed; instants are aware, UTC.

    `done` of `total` of its `step`; `attempts` since it was queued; `error_code`: why the last one failed.
    """

    day: date
    state: str
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
    def is_moving(self) -> bool:
        """Whether a look in a few seconds may show something else."""
        return self.state in {"queued", "running"}

    @property
    def is_silent(self) -> bool:
        """Whether whoever ran it seems to be gone; another takes it over."""
        return (
            self.state == "running"
            and self.heartbeat_at is not None
            and (now_utc() - self.heartbeat_at).total_seconds() > SILENCE_S
        )


async def night_states(db: Driver, school_id: int, day: date) -> list[NightState]:
    """The night of `day`, if there was one, then the school's others that are not done, oldest first."""
    rows = await db.raw.fetch(
        """
        SELECT business_date AS day, state, step, done, total, worker, attempts, result_hash, error_code,
               queued_at, started_at, heartbeat_at, finished_at
          FROM night_run
         WHERE school_id = $1 AND (business_date = $2 OR state <> 'done')
         ORDER BY business_date <> $2, business_date
        """,
        school_id,
        day,
    )
    return [NightState(**row) for row in rows]


async def run_night(
    engine: AsyncEngine,
    school_id: int,
    day: date,
    *,
    worker: str,
    on_progress: Progress | None = None,
) -> DayResult:
    """`reconcile`, and `night_run` tells its progress while it runs and how it ended. Raises the same."""
    refuse_future(day)
    async with _told(engine, school_id, day, worker) as tell:

        def note(step: str, done: int, total: int) -> None:
            tell(step, done, total)
            if on_progress:
                on_progress(step, done, total)

        try:
            result = await reconcile(engine, school_id, day, on_progress=note)
        except Exception as error:
            with suppress(OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await _end(engine, school_id, day, "failed", error=code_of(error))
            raise
    await _end(engine, school_id, day, "done", result_hash=result.result_hash)
    return result


def code_of(error: Exception) -> str:
    """What may be told of an error: a Problem's code, else its kind. Its text may hold names."""
    return error.code if isinstance(error, DomainError) else type(error).__name__


@asynccontextmanager
async def _told(
    engine: AsyncEngine, school_id: int, day: date, worker: str
) -> AsyncIterator[Progress]:
    """Say that the night begins, then write what is told, twice a second at most, and that it lives."""
    await _begin(engine, school_id, day, worker)
    latest = ("", 0, 0)
    news, end = asyncio.Event(), asyncio.Event()

    def tell(step: str, done: int, total: int) -> None:
        nonlocal latest
        latest = (step, done, total)
        news.set()

    async def write_down() -> None:
        while True:
            await _wait(news, HEARTBEAT_S)
            if end.is_set():
                return
            news.clear()
            with suppress(OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await _write(engine, school_id, day, latest)
            await _wait(end, WRITE_EVERY_S)

    writing = asyncio.create_task(write_down())
    try:
        yield tell
    finally:
        end.set()
        news.set()
        await writing


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _begin(engine: AsyncEngine, school_id: int, day: date, worker: str) -> None:
    async with transaction(engine) as db:
        await db.raw.execute(
            """
            INSERT INTO night_run (school_id, business_date, state, worker, attempts, started_at, heartbeat_at)
            VALUES ($1, $2, 'running', $3, 1, $4, $4)
            ON CONFLICT (school_id, business_date) DO UPDATE
               SET state = 'running', worker = excluded.worker, attempts = night_run.attempts + 1, step = '',
                   done = 0, total = 0, started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at
            """,
            school_id,
            day,
            worker,
            now_utc(),
        )


async def _write(
    engine: AsyncEngine, school_id: int, day: date, told: tuple[str, int, int]
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE night_run SET step = $3, done = $4, total = $5, heartbeat_at = $6"
            " WHERE school_id = $1 AND business_date = $2 AND state = 'running'",
            school_id,
            day,
            *told,
            now_utc(),
        )


async def _end(
    engine: AsyncEngine,
    school_id: int,
    day: date,
    state: str,
    *,
    result_hash: str | None = None,
    error: str | None = None,
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE night_run SET state = $3, result_hash = coalesce($4, result_hash), error_code = $5,"
            " finished_at = $6, heartbeat_at = $6 WHERE school_id = $1 AND business_date = $2",
            school_id,
            day,
            state,
            result_hash,
            error,
            now_utc(),
        )
