"""A debit line is booked by a person as what it was: the proof stays whole, and it can be taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring_day, world_of
from support.debit_school import INSURANCE_VND, debited, found, insurance_id, items_of
from support.exception_queue import balance_of
from support.factories import DAY
from support.statement_files import Entry

from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.review.debit_booking import (
    book_bank_fees,
    book_own_transfer,
    book_paid_on,
    undo_debit,
)
from reconciliation.review.debits import debit_of, on_behalf_of
from reconciliation.review.queue import list_exceptions
from reconciliation.review.suspense_booking import book_suspense, undo_suspense_booking


async def test_each_kind_of_debit_leaves_the_proof_whole(engine: AsyncEngine) -> None:
    world = await debited(engine, 11_000, INSURANCE_VND, 50_000)
    assert (await items_of(engine, world))["unposted"] == (-(61_000 + INSURANCE_VND), 3)
    fee, insurance, own = await found(engine, world)
    item = await insurance_id(engine, world)
    async with transaction(engine) as db:
        assert await book_bank_fees(db, world.school_id, [fee], actor="an") == 11_000
        await book_paid_on(db, world.school_id, insurance, {item: INSURANCE_VND}, actor="an")
        await book_own_transfer(
            db, world.school_id, own, actor="an", note="nộp về tài khoản kho bạc"
        )
    assert "unposted" not in await items_of(engine, world)
    assert await found(engine, world) == []
    assert await balance_of(engine, world, "bank_fee") == 11_000
    assert await balance_of(engine, world, "in_transit") == 50_000
    assert await balance_of(engine, world, "on_behalf") == 0
    async with transaction(engine) as db:
        (standing,) = await on_behalf_of(db, world.school_id)
        assert (standing.collected_vnd, standing.outstanding_vnd) == (INSURANCE_VND, 0)
        names = {
            json.loads(row["evidence"])["name"]
            for row in await db.raw.fetch("SELECT evidence::text AS evidence FROM line_journal")
        }
        assert names == {"bank_fee", "own_transfer", f"paid_on:BHYT={INSURANCE_VND}"}
        assert (await verify_chain(db, world.school_id)).broken_at is None


@pytest.mark.parametrize("rule", ["bank_fee", "paid_on", "own_transfer"])
async def test_what_was_booked_is_taken_back_by_a_reversal(engine: AsyncEngine, rule: str) -> None:
    world = await debited(engine, INSURANCE_VND)
    before = await reconcile(engine, world.school_id, DAY)
    (debit,) = await found(engine, world)
    item = await insurance_id(engine, world)
    async with transaction(engine) as db:
        match rule:
            case "bank_fee":
                await book_bank_fees(db, world.school_id, [debit], actor="an")
            case "paid_on":
                await book_paid_on(db, world.school_id, debit, {item: INSURANCE_VND}, actor="an")
            case _:
                await book_own_transfer(db, world.school_id, debit, actor="an")
        assert (await debit_of(db, world.school_id, debit)).rule == rule
    booked = await reconcile(engine, world.school_id, DAY)
    assert booked.result_hash != before.result_hash
    async with transaction(engine) as db:
        with pytest.raises(DomainError, match="note_required"):
            await undo_debit(db, world.school_id, debit, actor="binh", reason="  ")
    async with transaction(engine) as db:
        await undo_debit(db, world.school_id, debit, actor="binh", reason="ghi nhầm")
    again = await reconcile(engine, world.school_id, DAY)
    assert again.result_hash == before.result_hash  # the day stands as if nothing had been
    assert await found(engine, world) == [debit]
    async with transaction(engine) as db:
        with pytest.raises(DomainError, match="not_booked"):
            await undo_debit(db, world.school_id, debit, actor="binh", reason="lần nữa")
    async with transaction(engine) as db:  # and it can be booked anew
        await book_bank_fees(db, world.school_id, [debit], actor="an")


async def test_no_more_is_paid_on_than_stands_unless_a_person_says_so(engine: AsyncEngine) -> None:
    world = await debited(engine, INSURANCE_VND + 1)
    (debit,) = await found(engine, world)
    item = await insurance_id(engine, world)
    whole = {item: INSURANCE_VND + 1}
    for amounts, note, is_beyond, code in (
        (whole, "", False, "beyond_collected"),
        (whole, "", True, "beyond_collected"),
        ({item: INSURANCE_VND}, "", False, "parts_differ"),
        ({item: INSURANCE_VND + 2, 0: -1}, "", False, "bad_parts"),
        ({0: INSURANCE_VND + 1}, "", False, "bad_parts"),
        ({}, "", False, "bad_parts"),
    ):
        with pytest.raises(DomainError, match=code):
            async with transaction(engine) as db:
                await book_paid_on(
                    db, world.school_id, debit, amounts, actor="an", note=note, is_beyond=is_beyond
                )
    async with transaction(engine) as db:
        await book_paid_on(
            db, world.school_id, debit, whole, actor="an", note="làm tròn", is_beyond=True
        )
        (standing,) = await on_behalf_of(db, world.school_id)
        assert standing.outstanding_vnd == -1
        detail = await db.raw.fetchval(
            "SELECT detail::text FROM audit_entry WHERE action = 'debit.booked'"
        )
        assert json.loads(detail)["beyond_collected"] == ["BHYT"]


async def test_a_line_is_booked_once_and_only_by_its_own_school(engine: AsyncEngine) -> None:
    world = await debited(engine, 11_000, 22_000)
    first, second = await found(engine, world)
    async with transaction(engine) as db:
        await book_bank_fees(db, world.school_id, [first], actor="an")
    for ids, code in (([first], "already_resolved"), ([first, second], "already_resolved")):
        with pytest.raises(DomainError, match=code):
            async with transaction(engine) as db:
                await book_bank_fees(db, world.school_id, ids, actor="an")
    assert await found(engine, world) == [second]
    with pytest.raises(DomainError, match="not_found"):
        async with transaction(engine) as db:
            await book_bank_fees(db, world.school_id + 1, [second], actor="an")
    with pytest.raises(DomainError, match="bad_selection"):
        async with transaction(engine) as db:
            await book_bank_fees(db, world.school_id, [], actor="an")


async def test_what_falls_on_a_closed_day_is_booked_on_the_first_open_one(
    engine: AsyncEngine,
) -> None:
    world = await debited(engine, 11_000, 22_000)
    first, second = await found(engine, world)
    next_day = DAY + timedelta(1)
    async with transaction(engine) as db:
        await book_bank_fees(db, world.school_id, [first], actor="an")
        await db.raw.execute("UPDATE school SET books_locked_until = $1", DAY)
        await book_bank_fees(db, world.school_id, [second], actor="an")
        assert (await debit_of(db, world.school_id, first)).booked_on == DAY
        assert (await debit_of(db, world.school_id, second)).booked_on == next_day
        await undo_debit(db, world.school_id, first, actor="an", reason="nhầm")
        days = await db.raw.fetch("SELECT business_date FROM transfer WHERE kind = 'reversal'")
        assert [row["business_date"] for row in days] == [next_day]
    opening_vnd = OPENING_VND + 100_000 + INSURANCE_VND - 33_000
    await bring_day(engine, world, [Entry(next_day, 1_000, "lai tien gui", "FT2")], opening_vnd)
    items = await items_of(engine, world, next_day)
    assert items["carried"] == (-11_000, 1)


@pytest.mark.parametrize(
    ("source", "kind"), [("own_transfer", "in_transit"), ("state_received", "state_receivable")]
)
async def test_money_of_the_school_or_the_state_leaves_suspense_and_comes_back(
    engine: AsyncEngine, source: str, kind: str
) -> None:
    world = await world_of(engine, [100_000])
    await bring_day(engine, world, [Entry(DAY, 90_000, "KBNN cap bu mien giam hoc phi", "FT9")])
    await reconcile(engine, world.school_id, DAY)
    async with transaction(engine) as db:
        (waiting,) = await list_exceptions(db, world.school_id)
        with pytest.raises(DomainError, match="note_required"):
            await book_suspense(db, world.school_id, waiting.id, source, actor="an", note="")
        with pytest.raises(DomainError, match="unknown_source"):
            await book_suspense(db, world.school_id, waiting.id, "x", actor="an", note="x")
    async with transaction(engine) as db:
        moved_vnd = await book_suspense(
            db, world.school_id, waiting.id, source, actor="an", note="giấy báo có 12"
        )
    assert moved_vnd == 90_000
    assert await balance_of(engine, world, "suspense") == 0
    assert await balance_of(engine, world, kind) == -90_000
    assert "unposted" not in await items_of(engine, world)
    with pytest.raises(DomainError, match="already_resolved"):
        async with transaction(engine) as db:
            await book_suspense(db, world.school_id, waiting.id, source, actor="an", note="lại")
    async with transaction(engine) as db:
        await undo_suspense_booking(db, world.school_id, waiting.id, actor="binh", reason="nhầm")
    assert await balance_of(engine, world, "suspense") == -90_000
    assert await balance_of(engine, world, kind) == 0
    async with transaction(engine) as db:
        (again,) = await list_exceptions(db, world.school_id)
        assert again.can_allocate
        with pytest.raises(DomainError, match="not_booked"):
            await undo_suspense_booking(db, world.school_id, waiting.id, actor="binh", reason="nữa")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    amounts_vnd=st.lists(st.integers(1, 10**9), min_size=1, max_size=4),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["fee", "own", "undo"])), max_size=6
    ),
)
async def test_whatever_is_booked_and_undone_the_proof_holds(
    engine: AsyncEngine, amounts_vnd: Sequence[int], steps: Sequence[tuple[int, str]]
) -> None:
    world = await debited(engine, *amounts_vnd)
    debits = await found(engine, world)
    booked: set[int] = set()
    for place, step in steps:
        debit = debits[place % len(debits)]
        if (step == "undo") != (debit in booked):
            continue
        async with transaction(engine) as db:
            if step == "undo":
                await undo_debit(db, world.school_id, debit, actor="an", reason="nhầm")
                booked.remove(debit)
            elif step == "fee":
                await book_bank_fees(db, world.school_id, [debit], actor="an")
                booked.add(debit)
            else:
                await book_own_transfer(db, world.school_id, debit, actor="an")
                booked.add(debit)
    items = await items_of(engine, world)
    left = [vnd for place, vnd in enumerate(amounts_vnd) if debits[place] not in booked]
    assert items.get("unposted", (0, 0)) == (-sum(left), len(left))
