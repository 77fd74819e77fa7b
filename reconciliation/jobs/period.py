"""Several days of several schools, started by hand: days in order, schools side by side.

A school of which a day is refused stops there, because its later days build on the earlier ones; the
others go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.errors import DomainError
from reconciliation.jobs.progress import run_reconciliation
from reconciliation.proof.day import DayResult

PeriodProgress = Callable[[str, date, str, int, int], None]
"""Called at each step: the school's code, the day, the step's name, how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class SchoolPeriod:
    """What the days of one school came to; `problem`: why it stopped before the last day."""

    code: str
    days: tuple[DayResult, ...]
    problem: DomainError | None = None

    @property
    def is_closed(self) -> bool:
        """Whether every day ran and closes to the đồng."""
        return self.problem is None and all(day.is_closed for day in self.days)


def days_between(first: date, last: date) -> list[date]:
    """The business dates from `first` to `last`, both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


async def reconcile_period(
    engine: AsyncEngine,
    schools: Mapping[str, int],
    days: Sequence[date],
    *,
    at_once: int,
    worker: str,
    on_progress: PeriodProgress | None = None,
) -> list[SchoolPeriod]:
    """Reconcile `days` for `schools` (code -> id), `at_once` schools side by side."""
    places = asyncio.Semaphore(at_once)

    async def reconcile_school(code: str, school_id: int) -> SchoolPeriod:
        results: list[DayResult] = []
        async with places:
            for day in days:

                def report(step: str, done: int, total: int, day: date = day) -> None:
                    if on_progress:
                        on_progress(code, day, step, done, total)

                try:
                    results.append(
                        await run_reconciliation(
                            engine, school_id, day, worker=worker, on_progress=report
                        )
                    )
                except DomainError as problem:
                    return SchoolPeriod(code, tuple(results), problem)
        return SchoolPeriod(code, tuple(results))

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(reconcile_school(code, school_id))
            for code, school_id in schools.items()
        ]
    return [task.result() for task in tasks]


def hash_of(periods: Sequence[SchoolPeriod]) -> str:
    """SHA-256, in hex, over the results of all days; who ran them, and in which order, does not matter."""
    lines = sorted(
        f"{one.code} {day.day.isoformat()} {day.result_hash}\n"
        for one in periods
        for day in one.days
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
