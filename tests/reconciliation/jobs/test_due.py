"""When a night is due, and that it is queued once, at each school's hour, with the days that were missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY
from support.reconciliation_school import (
    DUE,
    HOUR,
    bring_lines,
    days_before,
    last_due_day,
    let_retries_run,
    queue_at,
    run_queue,
    runs,
    schools,
    waiting,
)

from core.kit.database import transaction
from reconciliation.jobs.due import CATCH_UP_DAYS, queue_due, take_over

A_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (
            datetime(2026, 9, 10, 17, 59, tzinfo=UTC),
            date(2026, 9, 9),
        ),  # 00:59 on the 11th in Vietnam
        (datetime(2026, 9, 10, 18, 0, tzinfo=UTC), date(2026, 9, 10)),  # 01:00 on the 11th
        (datetime(2026, 9, 11, 16, 59, tzinfo=UTC), date(2026, 9, 10)),  # 23:59 on the 11th
    ],
)
def test_a_night_begins_at_its_hour_in_vietnam(at: datetime, day: date) -> None:
    assert last_due_day(at, 1) == day


async def test_each_school_is_queued_once_at_its_own_hour(engine: AsyncEngine) -> None:
    first, second = await schools(engine, 2)
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE school SET reconciliation_hour = 3 WHERE id = $1", second.school_id
        )
    eve = DAY - timedelta(1)

    assert await queue_at(engine, DUE - A_MINUTE) == 2
    assert await waiting(engine) == [
        (first.school_id, str(eve), "todo"),
        (second.school_id, str(eve), "todo"),
    ]
    assert await queue_at(engine, DUE - A_MINUTE) == 0
    await run_queue(engine)
    assert [await queue_at(engine, DUE - A_MINUTE) for _ in range(2)] == [0, 0]

    assert await queue_at(engine, DUE) == 1
    assert await waiting(engine) == [(first.school_id, str(DAY), "todo")]
    assert await queue_at(engine, DUE + timedelta(hours=2) - A_MINUTE) == 0
    assert await queue_at(engine, DUE + timedelta(hours=2)) == 1


async def test_workers_that_queue_at_the_same_time_queue_once(engine: AsyncEngine) -> None:
    worlds = await schools(engine, 3)
    counts = await asyncio.gather(*(queue_at(engine, DUE) for _ in range(5)))
    assert sum(counts) == len(worlds) == len(await waiting(engine))


async def test_days_missed_are_caught_up_in_their_order(engine: AsyncEngine) -> None:
    one, two = await schools(engine, 2)
    await bring_lines(engine, one, DAY - timedelta(2))
    # money since the day before yesterday; the other school has none yet
    assert await queue_at(engine, DUE) == 4
    assert await waiting(engine) == [
        (one.school_id, str(DAY - timedelta(2)), "todo"),
        (one.school_id, str(DAY - timedelta(1)), "todo"),
        *((world.school_id, str(DAY), "todo") for world in (one, two)),
    ]
    await run_queue(engine)
    # nobody works for three days; the last of them was run by hand when it was over
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO reconciliation_run (school_id, business_date, state, result_hash, started_at, finished_at)"
            " VALUES ($1, $2, 'done', 'x', $3, $3)",
            two.school_id,
            DAY + timedelta(3),
            DUE + timedelta(days=3),
        )
    assert await queue_at(engine, DUE + timedelta(days=3)) == 5
    days = [str(DAY + timedelta(n)) for n in (1, 2, 3)]
    queued = [(school, day) for school, day, _ in await waiting(engine)]
    assert [day for school, day in queued if school == one.school_id] == days
    assert [day for school, day in queued if school == two.school_id] == days[:2]


async def test_a_long_absence_is_queued_in_parts_the_oldest_days_first(engine: AsyncEngine) -> None:
    """A month of all the country's schools in one statement would never be done."""
    one, two = await schools(engine, 2)
    for world in (one, two):
        await bring_lines(engine, world, DAY - timedelta(2))
    parts = []
    for _ in range(3):
        async with transaction(engine) as db:
            parts.append(await queue_due(db, DUE, HOUR, at_most=4))
    assert parts == [4, 2, 0]
    assert await waiting(engine) == [
        (world.school_id, str(day), "todo") for day in days_before(DAY, 3) for world in (one, two)
    ]


async def test_what_lies_long_back_is_not_made_up_for(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    await bring_lines(engine, world, DAY - timedelta(200))
    assert await queue_at(engine, DUE) == CATCH_UP_DAYS
    assert [day for _, day, _ in await waiting(engine)] == list(
        map(str, days_before(DAY, CATCH_UP_DAYS))
    )


async def test_a_day_run_before_it_was_over_is_run_again(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO reconciliation_run (school_id, business_date, state, result_hash, started_at, finished_at)"
            " VALUES ($1, $2, 'done', 'x', $3, $3)",
            world.school_id,
            DAY,
            DUE - timedelta(hours=4),
        )
    assert await queue_at(engine, DUE) == 1


async def test_a_night_that_runs_by_hand_is_left_alone_while_it_lives(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO reconciliation_run (school_id, business_date, state, started_at, heartbeat_at)"
            " VALUES ($1, $2, 'running', $3, $3)",
            world.school_id,
            DAY,
            DUE,
        )
    assert await queue_at(engine, DUE + timedelta(seconds=30)) == 0
    assert await queue_at(engine, DUE + timedelta(minutes=2)) == 1


async def test_what_a_lost_worker_held_goes_to_the_others_once(engine: AsyncEngine) -> None:
    worlds = await schools(engine, 3)
    await queue_at(engine, DUE)
    async with transaction(engine) as db:
        ids = [
            await db.raw.fetchval("SELECT worker_id FROM procrastinate_register_worker_v1()")
            for _ in range(2)
        ]
        alive, lost = ids
        for worker_id in (alive, lost, None):
            await db.raw.execute(
                "SELECT procrastinate_fetch_job_v2(NULL, $1)", worker_id
            )  # NULL: its worker was pruned
        await db.raw.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes' WHERE id = $1",
            lost,
        )

    async def once() -> int:
        async with transaction(engine) as db:
            return await take_over(db, 60)

    assert sum(await asyncio.gather(*(once() for _ in range(4)))) == 2
    assert [status for *_, status in await waiting(engine)] == ["doing", "todo", "todo"]
    await run_queue(engine)
    assert [school for school, *_ in await waiting(engine)] == [worlds[0].school_id]
    assert {row[0] for row in await runs(engine) if row[2] == "done"} == {
        world.school_id for world in worlds[1:]
    }


async def test_a_failed_night_waits_for_the_schools_next_night(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO reconciliation_run (school_id, business_date, state, error_code, started_at, finished_at)"
            " VALUES ($1, $2, 'failed', 'no_statement_door', $3, $3)",
            world.school_id,
            DAY,
            DUE + timedelta(hours=2),
        )
    assert await queue_at(engine, DUE + timedelta(hours=20)) == 0
    assert await queue_at(engine, DUE + timedelta(days=1)) == 2
    await let_retries_run(engine)
    await run_queue(engine)
    assert [row[2] for row in await runs(engine)] == ["done", "done"]
