"""The worker's nights, and the doctor's eye for books that do not agree."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from factories import KEYS, make_world
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.commands.doctor import examine
from gateway.commands.worker import night_due, run_nights
from gateway.kit.database import transaction
from gateway.kit.seal import Keys
from reconciliation.turn import take_turn


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
    assert night_due(at, 1) == day


async def test_each_school_has_its_night_once(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        worlds = [await make_world(db, [100_000], code=f"TH{n}") for n in range(2)]
    done: set[tuple[int, date]] = set()
    await run_nights(engine, date(2026, 9, 10), done)
    assert done == {(world.school_id, date(2026, 9, 10)) for world in worlds}
    await run_nights(engine, date(2026, 9, 10), done)


async def test_the_doctor_finds_what_is_wrong(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        await make_world(db, [100_000])
    healthy = {f.check: f.ok for f in await examine(engine, KEYS)}
    assert healthy["books of TH01"]
    assert healthy["audit chain of TH01"]
    assert healthy["credentials"]

    async with transaction(engine) as db:
        await db.execute("UPDATE invoice SET paid_vnd = 1")
    other_keys = Keys(master=b"x" * 32, reference=KEYS.reference)
    ill = {f.check: f.ok for f in await examine(engine, other_keys)}
    assert not ill["books of TH01"]
    assert not ill["credentials"]


async def test_one_schools_trouble_is_its_own_and_is_tried_again(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        ill, well = [await make_world(db, [100_000], code=f"TH{n}") for n in range(2)]
    day = date(2026, 9, 10)
    done: set[tuple[int, date]] = set()
    async with transaction(engine) as db:  # another night of this school is under way
        await take_turn(db, ill.school_id)
        await run_nights(engine, day, done)
    assert done == {(well.school_id, day)}
    await run_nights(engine, day, done)
    assert done == {(well.school_id, day), (ill.school_id, day)}
