"""Several days of several schools by hand: days in order, schools side by side.

A school whose night is refused stops there, because its later days stand on the earlier ones; the others go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.errors import DomainError
from reconciliation.jobs.progress import run_night
from reconciliation.proof.day import DayResult

Told = Callable[[str, date, str, int, int], None]
"""Told of each step: the school's code, the day, the step's name, how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class SchoolNights:
    """What the nights of one school came to; `problem`: why it stopped before the last day."""

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
    tell: Told | None = None,
) -> list[SchoolNights]:
    """Run the nights of `days` for `schools` (code -> id), `at_once` schools side by side."""
    places = asyncio.Semaphore(at_once)

    async def one(code: str, school_id: int) -> SchoolNights:
        results: list[DayResult] = []
        async with places:
            for day in days:

                def note(step: str, done: int, total: int, day: date = day) -> None:
                    if tell:
                        tell(code, day, step, done, total)

                try:
                    results.append(
                        await run_night(engine, school_id, day, worker=worker, on_progress=note)
                    )
                except DomainError as problem:
                    return SchoolNights(code, tuple(results), problem)
        return SchoolNights(code, tuple(results))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(code, id_)) for code, id_ in schools.items()]
    return [task.result() for task in tasks]


def hash_of(nights: Sequence[SchoolNights]) -> str:
    """SHA-256, in hex, over the results of all nights; who ran them, and in which order, is nothing."""
    lines = sorted(
        f"{one.code} {day.day.isoformat()} {day.result_hash}\n"
        for one in nights
        for day in one.days
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
