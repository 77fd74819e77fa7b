"""What somebody who owns the database, or spells a name in another way, might try on the close records."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.closing_school import checked, close, problem_code, quiet_day, reopen
from support.factories import DAY, KEYS

from core.fees import income_recognition as from_suspense
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from reconciliation.closing import service as closing
from reconciliation.closing.service import reopen_day, request_reopening
from reconciliation.jobs import reconcile_day as run


async def tamper(engine: AsyncEngine, *statements: str) -> None:
    """As nobody but the owner of the database may."""
    async with transaction(engine) as db:
        await db.raw.execute("SET LOCAL session_replication_role = replica")
        for sql in statements:
            await db.raw.execute(sql)


async def test_a_last_close_that_was_taken_away_is_missed(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await tamper(engine, "DELETE FROM day_close", "UPDATE school SET books_locked_until = NULL")
    assert (await checked(engine, world)).faults == (
        f"the close record 1 of {DAY} that the audit chain names is missing",
    )


async def test_a_reopening_that_was_taken_away_is_missed(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await reopen(engine, world)
    await tamper(
        engine,
        "DELETE FROM day_close WHERE number > 1",
        f"UPDATE school SET books_locked_until = '{DAY}'",
    )
    assert (await checked(engine, world)).faults == (
        f"the close record 2 of {DAY} that the audit chain names is missing",
        f"the close record 3 of {DAY} that the audit chain names is missing",
    )


@pytest.mark.parametrize(
    "body",
    [
        "'{}'",
        "body || '{\"total\": 1.5}'",
        "'[]'",
        "body - 'school'",
        "body - 'transfers'",
        "body || '{\"school\": 7}'",
    ],
)
async def test_a_body_that_says_nonsense_is_found_and_not_stumbled_over(
    engine: AsyncEngine, body: str
) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await tamper(engine, f"UPDATE day_close SET body = {body}")
    assert "record 1 does not hash to what it says" in (await checked(engine, world)).faults


async def test_a_reopening_that_says_nonsense_is_found(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await reopen(engine, world)
    await tamper(engine, "UPDATE day_close SET body = '{}' WHERE number = 3")
    assert "record 3 does not hash to what it says" in (await checked(engine, world)).faults


async def test_swapped_signatures_are_found(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    await reopen(engine, world)
    await tamper(
        engine,
        "UPDATE day_close c SET signature = o.signature FROM day_close o"
        " WHERE c.number + o.number = 3 AND c.number < 3",
    )
    assert (await checked(engine, world)).faults == (
        "record 1 is not signed by this installation",
        "record 2 is not signed by this installation",
    )


async def test_the_same_name_in_other_code_points_is_the_same_person(engine: AsyncEngine) -> None:
    world = await quiet_day(engine)
    await close(engine, world)
    name = unicodedata.normalize("NFC", "Nguyễn Thị Hiếu")
    again = unicodedata.normalize("NFD", name).upper()
    await request_reopening(engine, KEYS, world.school_id, DAY, actor=name, reason="thiếu sao kê")
    with pytest.raises(DomainError) as caught:
        await reopen_day(engine, KEYS, world.school_id, DAY, actor=again)
    assert problem_code(caught) == ("same_person", 403)


async def test_while_fees_are_issued_for_long_a_night_and_a_close_say_so(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def impatient(db: Driver, school_id: int, day: date) -> from_suspense.Released:
        await db.raw.execute("SET LOCAL lock_timeout = '50ms'")
        return await from_suspense.release_income(db, school_id, day)

    world = await quiet_day(engine)
    for room in (run, closing):
        monkeypatch.setattr(room, "release_income", impatient)
    async with transaction(engine) as db:
        await db.raw.execute("SELECT FROM school WHERE id = $1 FOR NO KEY UPDATE", world.school_id)
        for doing in (run.reconcile(engine, world.school_id, DAY), close(engine, world)):
            with pytest.raises(DomainError) as caught:
                await doing
            assert problem_code(caught) == ("school_busy", 409)
