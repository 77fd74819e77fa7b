"""The queue of nights: several workers, each night once; trouble of one school is its own and is tried again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from support.factories import DAY, World
from support.killing import dying_at
from support.reconciliation_school import (
    DUE,
    bring_lines,
    hashes,
    let_retries_run,
    queue_at,
    run_queue,
    runs,
    schools,
    waiting,
)

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.locks import lock_reconciliation
from reconciliation.jobs.progress import reconciliation_runs, run_reconciliation
from reconciliation.jobs.queue import conninfo_of
from reconciliation.jobs.reconcile_day import reconcile


async def created(engine: AsyncEngine, world: World) -> int:
    """Payments that were made of the school's statement."""
    async with transaction(engine) as db:
        return await db.raw.fetchval(
            "SELECT count(*) FROM match WHERE school_id = $1 AND rule = 'created_from_statement'",
            world.school_id,
        )


async def test_workers_share_the_schools_and_run_each_night_once(engine: AsyncEngine) -> None:
    worlds = await schools(engine, 30)
    for world in worlds:
        await bring_lines(engine, world)
    assert await queue_at(engine, DUE) == 30
    await run_queue(engine, workers=3, at_once=2)

    assert await waiting(engine) == []
    assert await runs(engine) == [(world.school_id, DAY, "done", 1) for world in worlds]
    assert {await created(engine, world) for world in worlds} == {4}
    async with transaction(engine) as db:
        names = await db.raw.fetch("SELECT DISTINCT worker FROM reconciliation_run")
    assert len(names) > 1
    # by hand it comes to the same
    told = await hashes(engine)
    for world in worlds[:3]:
        again = await reconcile(engine, world.school_id, DAY)
        assert (again.result_hash, again.created) in {
            (told[f"TH{n:02d}", DAY], 0) for n in range(1, 31)
        }


async def test_one_schools_trouble_is_its_own_and_is_tried_again(engine: AsyncEngine) -> None:
    ill, well = await schools(engine, 2)
    for world in (ill, well):
        await bring_lines(engine, world)
    async with transaction(engine) as db:
        await db.raw.execute(
            "ALTER TABLE match ADD CONSTRAINT secret_name"
            f" CHECK (school_id <> {ill.school_id} OR rule = 'Nguyen Minh Anh')"
        )
    await queue_at(engine, DUE)
    await run_queue(engine)

    assert await runs(engine) == [
        (ill.school_id, DAY, "failed", 1),
        (well.school_id, DAY, "done", 1),
    ]
    assert await waiting(engine) == [(ill.school_id, str(DAY), "todo")]
    async with transaction(engine) as db:
        when = await db.raw.fetchval("SELECT scheduled_at > now() FROM procrastinate_jobs")
        (state,) = await reconciliation_runs(db, ill.school_id, DAY)
        await db.raw.execute("ALTER TABLE match DROP CONSTRAINT secret_name")
    assert when
    assert (state.error_code, state.attempts) == ("CheckViolationError", 1)
    assert await queue_at(engine, DUE + timedelta(days=1)) == 2  # its day waits already

    await let_retries_run(engine)
    await run_queue(engine)
    assert [row[1:] for row in await runs(engine) if row[0] == ill.school_id] == [
        (DAY, "done", 2),
        (DAY + timedelta(1), "done", 1),
    ]
    assert await created(engine, ill) == await created(engine, well) == 4


async def test_the_text_of_an_error_is_not_logged(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (world,) = await schools(engine, 1)
    await bring_lines(engine, world)
    async with transaction(engine) as db:
        await db.raw.execute("ALTER TABLE match ADD CONSTRAINT nguyen_minh_anh CHECK (rule = '')")
    await queue_at(engine, DUE)
    with caplog.at_level("DEBUG", logger="procrastinate"):
        for _ in range(8):
            await run_queue(engine)
            await let_retries_run(engine)
    said = caplog.text + "".join(capsys.readouterr())
    assert "CheckViolationError" in said
    assert "nguyen_minh_anh" not in said
    # it was tried as often as it may; the next night tries again
    assert await waiting(engine) == []
    assert [row[2:] for row in await runs(engine)] == [("failed", 7)]


async def test_a_night_done_since_it_was_queued_is_not_run_again(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    await queue_at(engine, DUE)
    await run_reconciliation(engine, world.school_id, DAY, worker="by hand")
    await run_queue(engine)
    assert await waiting(engine) == []
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT worker FROM reconciliation_run") == "by hand"


async def test_a_night_that_finds_another_under_way_comes_later(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    await queue_at(engine, DUE)
    impatient = create_async_engine(
        engine.url, connect_args={"server_settings": {"lock_timeout": "200"}}
    )
    async with transaction(engine) as db:
        await lock_reconciliation(db, world.school_id)
        await run_queue(impatient)
        await impatient.dispose()
        (state,) = await reconciliation_runs(db, world.school_id, DAY)
    assert (state.state, state.error_code) == ("failed", "night_under_way")
    await let_retries_run(engine)
    await run_queue(engine)
    assert [row[2] for row in await runs(engine)] == ["done"]


async def test_progress_is_seen_while_the_night_runs(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    await bring_lines(engine, world)
    async with transaction(engine) as db:
        await db.raw.execute(
            "LOCK TABLE daily_proof IN EXCLUSIVE MODE"
        )  # the night waits at its end
        night = asyncio.create_task(run_reconciliation(engine, world.school_id, DAY, worker="w"))
        seen = set()
        while ("prove", True) not in seen:
            async with transaction(engine) as other:
                states = await reconciliation_runs(other, world.school_id, DAY)
            seen |= {(state.step, 0 < state.done == state.total) for state in states}
            await asyncio.sleep(0.01)
        (state,) = states
        assert (state.state, state.worker, state.is_unfinished) == ("running", "w", True)
    result = await night
    async with transaction(engine) as db:
        (state,) = await reconciliation_runs(db, world.school_id, DAY)
    assert (state.state, state.result_hash) == ("done", result.result_hash)


async def test_a_night_killed_at_any_statement_leaves_nothing_half_done(
    engine: AsyncEngine,
) -> None:
    (world,) = await schools(engine, 1)
    await bring_lines(engine, world)
    fatal = 1
    while True:
        with dying_at(fatal) as count:
            try:
                result = await run_reconciliation(engine, world.school_id, DAY, worker="w")
            except Exception:  # noqa: BLE001 - whatever a cut connection raises
                assert count.done == fatal
            else:
                break
        assert await created(engine, world) == 0
        async with transaction(engine) as db:
            assert await db.raw.fetchval("SELECT count(*) FROM payment") == 0
            assert [
                row[0] for row in await db.raw.fetch("SELECT state FROM reconciliation_run")
            ] == ["failed"]
        fatal += 1
    assert fatal > 15
    assert result.created == 4
    again = await reconcile(engine, world.school_id, DAY)
    assert (again.result_hash, again.created) == (result.result_hash, 0)


async def test_a_day_that_has_not_come_leaves_no_trace(engine: AsyncEngine) -> None:
    (world,) = await schools(engine, 1)
    with pytest.raises(DomainError):
        await run_reconciliation(engine, world.school_id, DAY + timedelta(3650), worker="w")
    assert await runs(engine) == []


@pytest.mark.parametrize(
    ("url", "conninfo"),
    [
        ("postgresql+asyncpg://hocphi@/hocphi?host=/var/run", "postgresql://hocphi@/hocphi?host=%2Fvar%2Frun"),
        ("postgresql+asyncpg://u:p%40x@db:5433/fees", "postgresql://u:p%40x@db:5433/fees"),
        ("postgresql+asyncpg://u:p@db/fees?ssl=require", "postgresql://u:p@db/fees?sslmode=require"),
    ],
)  # fmt: skip
def test_the_queue_finds_the_same_database(url: str, conninfo: str) -> None:
    assert conninfo_of(url) == conninfo
