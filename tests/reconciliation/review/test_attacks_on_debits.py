"""Attacks on the review of debits and own money: two people at once, and decisions that cross each school."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine
from support.debit_school import debited
from support.debit_school import found as debits_found
from support.exception_queue import line_of_exception
from support.factories import DAY, make_world
from support.refund_school import at_once
from support.settlement_attacks import found, silent
from support.settlement_school import SettlementSchool
from support.statement_files import Entry

from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.review.debit_booking import book_bank_fees, book_own_transfer, undo_debit
from reconciliation.review.manual_payouts import candidate_batches, match_payout
from reconciliation.review.suspense_booking import book_suspense, undo_suspense_booking
from reconciliation.review.undo_payouts import deny_payout


def codes(results: list[object]) -> list[str]:
    """The problems among what `at_once` gave."""
    assert all(not isinstance(r, BaseException) or isinstance(r, DomainError) for r in results), (
        results
    )
    return [result.code for result in results if isinstance(result, DomainError)]


async def test_a_debit_is_booked_and_taken_back_once_by_two_at_once(engine: AsyncEngine) -> None:
    world = await debited(engine, 11_000)
    (debit,) = await debits_found(engine, world)

    async def fee() -> None:
        async with transaction(engine) as db:
            await book_bank_fees(db, world.school_id, [debit], actor="an")

    async def own() -> None:
        async with transaction(engine) as db:
            await book_own_transfer(db, world.school_id, debit, actor="binh")

    async def undo() -> None:
        async with transaction(engine) as db:
            await undo_debit(db, world.school_id, debit, actor="binh", reason="nhầm")

    assert codes(await at_once(fee(), own(), fee())) == ["already_resolved"] * 2
    assert codes(await at_once(undo(), undo())) == ["not_booked"]
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT count(*) FILTER (WHERE kind IN ('bank_fee', 'own_transfer')) AS booked,"
            " count(*) FILTER (WHERE kind = 'reversal') AS reversed FROM transfer WHERE school_id = $1",
            world.school_id,
        )
        assert dict(rows[0]) == {"booked": 1, "reversed": 1}
        assert (await verify_chain(db, world.school_id)).broken_at is None


async def test_one_payout_is_not_taken_for_own_money_at_the_same_moment(
    engine: AsyncEngine,
) -> None:
    school, _ = await silent(engine)
    await school.reconcile()
    waiting = await found(school, "exception", "reason = 'unknown_reference'")
    async with transaction(engine) as db:
        line_id = await line_of_exception(db, school.school_id, waiting["id"])
        (batch,) = await candidate_batches(db, school.school_id, line_id)

    async def settle() -> None:
        async with transaction(engine) as db:
            await match_payout(db, school.school_id, batch.id, line_id, actor="an", note="vì sao")

    async with transaction(engine) as db:
        await book_suspense(
            db, school.school_id, waiting["id"], "own_transfer", actor="binh", note="từ kho bạc"
        )
        second = asyncio.create_task(at_once(settle()))
        await asyncio.sleep(0.3)  # long enough to read what the first has not committed yet
    assert codes(await second) == ["line_booked"]
    assert await school.balance_of("suspense") == 0
    await school.reconcile()
    async with transaction(engine) as db:
        await undo_suspense_booking(
            db, school.school_id, waiting["id"], actor="binh", reason="nhầm"
        )
    assert codes(await at_once(settle(), settle())) == ["batch_booked"]
    assert await school.balance_of("suspense") == 0


async def test_what_a_person_says_while_the_night_books_is_not_half_heard(
    engine: AsyncEngine,
) -> None:
    school = await school_of_none(engine)
    held = await found(school, "exception", "reason = 'batch_total_mismatch'")

    async def deny() -> None:
        async with transaction(engine) as db:
            await deny_payout(db, school.school_id, held["id"], actor="an", note="tài trợ")

    results = await at_once(deny(), school.reconcile(), deny())
    assert codes(results) == ["already_resolved"]
    await school.reconcile()
    assert await school.count("match") == 1
    assert await school.count("line_journal") == 0


async def school_of_none(engine: AsyncEngine) -> SettlementSchool:
    """A school whose bank shows a payout that no file reports."""
    async with transaction(engine) as db:
        world = await make_world(db, [500_000], code="N1")
    school = SettlementSchool(engine, world, "momo")
    await school.bring_lines([Entry(DAY, 77_000, "MOMO QUYET TOAN")])
    await school.reconcile()
    return school
