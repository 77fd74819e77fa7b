"""The store of exceptions: found once for ever, followed while open, resolved and opened again as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, make_world

from core.exceptions.details import ExceptionDetail, ExceptionSteps, StepDetail
from core.exceptions.notes import notes_of, write_notes
from core.exceptions.reasons import Reason
from core.exceptions.resolutions import RECONCILIATION_ACTOR, Resolution
from core.exceptions.service import (
    assign,
    open_denied,
    open_many,
    open_on_first_day,
    open_or_follow,
    record_steps,
    reopen,
    resolve,
)
from core.exceptions.sql import NewException
from core.kit.database import Driver, transaction


async def rows_of(db: Driver, school_id: int) -> list[dict[str, Any]]:
    found = await db.raw.fetch(
        "SELECT id, identity, amount_vnd, business_date, detail::text, resolution, resolved_by, note,"
        " assigned_to, invoice_id FROM exception WHERE school_id = $1 ORDER BY identity",
        school_id,
    )
    return [dict(row) for row in found]


def new(school_id: int, identity: str, amount_vnd: int = 5_000) -> NewException:
    return NewException(
        school_id=school_id,
        reason=Reason.BATCH_TOTAL_MISMATCH,
        identity=identity,
        amount_vnd=amount_vnd,
        business_date=DAY,
        detail={"batch": "momo:B1"},
    )


async def test_what_is_found_again_opens_nothing(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = (await make_world(db, [])).school_id
        found = [new(school_id, "a"), new(school_id, "b")]
        assert await open_many(db, found) == 2
        assert await open_many(db, [*found, new(school_id, "c"), new(school_id, "c")]) == 1
        assert await open_many(db, []) == 0
        earlier = replace(found[0], business_date=DAY - timedelta(3), amount_vnd=9)
        await open_on_first_day(db, [earlier, replace(found[1], business_date=DAY + timedelta(1))])
        rows = await rows_of(db, school_id)
    assert [(row["identity"], row["amount_vnd"], row["business_date"]) for row in rows] == [
        ("a", 5_000, DAY - timedelta(3)),
        ("b", 5_000, DAY),
        ("c", 5_000, DAY),
    ]


async def test_findings_follow_while_open_and_return_when_they_were_withdrawn(
    engine: AsyncEngine,
) -> None:
    async with transaction(engine) as db:
        school_id = (await make_world(db, [])).school_id
        await open_denied(db, replace(new(school_id, "a"), detail={"denied": ["momo:B1"]}))
        await open_denied(db, replace(new(school_id, "a"), detail={"denied": ["momo:B2"]}))
        await open_many(db, [new(school_id, "b"), new(school_id, "c")])
        _, withdrawn, concluded = [row["id"] for row in await rows_of(db, school_id)]
        await resolve(
            db, school_id, [withdrawn], Resolution.MATCHED_LATER, actor=RECONCILIATION_ACTOR
        )
        await resolve(db, school_id, [concluded], Resolution.ACCEPTED, actor="an", note="đúng")
        await open_or_follow(db, [new(school_id, name, 7_000) for name in "abc"])
        a, b, c = await rows_of(db, school_id)
    assert (a["amount_vnd"], a["detail"]) == (
        7_000,
        '{"batch": "momo:B1", "denied": ["momo:B1", "momo:B2"]}',
    )
    assert (b["amount_vnd"], b["resolution"], b["resolved_by"]) == (7_000, None, None)
    assert (c["amount_vnd"], c["resolution"], c["note"]) == (5_000, "accepted", "đúng")


async def test_only_what_is_open_is_resolved_and_only_what_is_resolved_is_opened(
    engine: AsyncEngine,
) -> None:
    async with transaction(engine) as db:
        school_id = (await make_world(db, [])).school_id
        await open_many(db, [new(school_id, "a"), new(school_id, "b")])
        first, second = [row["id"] for row in await rows_of(db, school_id)]
        with pytest.raises(AssertionError, match="resolved is opened again"):
            await reopen(db, school_id, [first])
        booking = {first: ExceptionDetail(journal_id=9, rule="bank_fee")}
        await resolve(
            db,
            school_id,
            [first, second],
            Resolution.BOOKED,
            actor="an",
            note="phí",
            details=booking,
        )
        assert '"journal_id": 9' in (await rows_of(db, school_id))[0]["detail"]
        with pytest.raises(AssertionError, match="open is resolved"):
            await resolve(db, school_id, [first], Resolution.ACCEPTED, actor="an")
        await reopen(db, school_id, [first, second], dropping=("journal_id", "rule"))
        rows = await rows_of(db, school_id)
    assert {(row["resolution"], row["resolved_by"], row["note"]) for row in rows} == {
        (None, None, "phí")
    }
    assert {row["detail"] for row in rows} == {'{"batch": "momo:B1"}'}


async def test_steps_questions_and_notes_are_of_the_school_alone(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = (await make_world(db, [])).school_id
        other = await make_world(db, [], code="TH02")
        await open_many(db, [new(school_id, "a")])
        (exception_id,) = [row["id"] for row in await rows_of(db, school_id)]
        posted = ExceptionSteps(
            exception_id=exception_id,
            invoice_id=None,
            steps=[StepDetail(journal_id=4, invoice_id=None)],
        )
        await record_steps(db, school_id, [posted], note="chia")
        with pytest.raises(AssertionError, match="exceptions of this school"):
            await record_steps(db, other.school_id, [posted], note="chia")
        await assign(db, school_id, [exception_id], "binh")
        await write_notes(
            db,
            school_id,
            [exception_id],
            author="an",
            text="Của ai?",
            kind="question",
            addressee="binh",
        )
        (row,) = await rows_of(db, school_id)
        (note,) = await notes_of(db, school_id, exception_id)
        assert await notes_of(db, other.school_id, exception_id) == ()
    assert '"steps": [{"invoice_id": null, "journal_id": 4}]' in row["detail"]
    assert (row["note"], row["assigned_to"], row["resolution"]) == ("chia", "binh", None)
    assert (note.kind, note.author, note.addressee, note.text) == (
        "question",
        "an",
        "binh",
        "Của ai?",
    )
