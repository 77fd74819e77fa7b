"""Asking and deciding: two people, never more than there is, nothing that is not certain."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS, World, make_world
from support.refund_school import (
    actions,
    approve,
    approved,
    ask_for,
    at_once,
    receive,
    refund_request,
    shown,
    sound,
    wallet,
)

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.seal import Keys, SealBrokenError
from core.refunds.queries import list_refunds
from core.refunds.service import (
    Method,
    Requested,
    Status,
    cancel_refund,
    refundable,
    reject_refund,
    set_refund_limit,
)
from reconciliation.review.allocations import allocate_exception
from reconciliation.review.queue import list_exceptions
from reconciliation.review.undo import undo_decision

TOTAL_VND = 1_000_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, 700_000])


async def remaining(engine: AsyncEngine, world: World, payment_id: int) -> int:
    async with transaction(engine) as db:
        return (await refundable(db, world.school_id, payment_id)).remaining_vnd


async def test_a_request_waits_for_a_second_person(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(400_000))
    assert (made.status, made.is_new, made.code) == (Status.REQUESTED, True, "HOAN000001")
    with pytest.raises(DomainError) as same:
        await approve(engine, world, made.id, actor="ketoan")
    assert (same.value.code, status_of(same.value)) == ("two_persons_needed", 403)
    assert (await shown(engine, world, made.id)).status is Status.REQUESTED
    await approve(engine, world, made.id)
    row = await shown(engine, world, made.id)
    assert (row.status, row.approved_by) == (Status.APPROVED, "hieutruong")
    assert await actions(engine, made.id) == [
        ("refund.requested", "ketoan"),
        ("refund.approved", "hieutruong"),
    ]
    assert await sound(engine, world) == [TOTAL_VND, 0]  # nothing is booked before money has gone


async def test_the_database_itself_knows_two_persons(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(400_000))
    for change in (
        "status = 'approved', approved_at = now(), approved_by = requested_by",
        "status = 'approved', approved_at = now()",
        "status = 'done'",
        "status = 'sent'",
        "status = 'listed'",
        "amount_vnd = 0",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with transaction(engine) as db:
                await db.raw.execute(f"UPDATE refund SET {change} WHERE id = $1", made.id)


async def test_up_to_the_limit_one_person_is_enough(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    async with transaction(engine) as db:
        await set_refund_limit(db, world.school_id, 300_000, actor="operator")
    small = await ask_for(engine, world, payment_id, refund_request(300_000))
    large = await ask_for(engine, world, payment_id, refund_request(300_001))
    assert (small.status, large.status) == (Status.APPROVED, Status.REQUESTED)
    row = await shown(engine, world, small.id)
    assert (row.approved_by, row.approved_at is not None) == (None, True)
    assert [step for step, _ in await actions(engine, small.id)] == [
        "refund.requested",
        "refund.approved",
    ]


async def test_a_limit_below_nothing_is_refused(engine: AsyncEngine, world: World) -> None:
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as refused:
            await set_refund_limit(db, world.school_id, -1, actor="operator")
    assert refused.value.code == "bad_limit"


@pytest.mark.parametrize("amount_vnd", [0, -1, TOTAL_VND + 1, 10**15])
async def test_an_amount_outside_what_there_is_is_refused(
    engine: AsyncEngine, world: World, amount_vnd: int
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    with pytest.raises(DomainError) as refused:
        await ask_for(engine, world, payment_id, refund_request(amount_vnd))
    assert (refused.value.code, status_of(refused.value)) == ("refund_exceeds", 422)
    assert "1.000.000 đ" in refused.value.vi


async def test_what_is_asked_for_is_held_back_until_it_ends(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    first = await ask_for(engine, world, payment_id, refund_request(600_000))
    second = await ask_for(engine, world, payment_id, refund_request(400_000))
    assert await remaining(engine, world, payment_id) == 0
    with pytest.raises(DomainError):
        await ask_for(engine, world, payment_id, refund_request(1))
    async with transaction(engine) as db:
        await reject_refund(db, world.school_id, first.id, actor="hieutruong", note="Không đúng")
        await cancel_refund(db, world.school_id, second.id, actor="ketoan", note="Nhầm")
    assert await remaining(engine, world, payment_id) == TOTAL_VND
    for refund_id in (first.id, second.id):
        with pytest.raises(DomainError) as late:
            await approve(engine, world, refund_id)
        assert late.value.code == "refund_moved_on"
    assert (await shown(engine, world, first.id)).note == "Không đúng"


async def test_many_requests_at_once_never_exceed_what_was_received(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    ends = await at_once(
        *(ask_for(engine, world, payment_id, refund_request(300_000)) for _ in range(7))
    )
    made = [end for end in ends if isinstance(end, Requested)]
    refused = [end for end in ends if isinstance(end, DomainError)]
    assert (len(made), len(refused)) == (3, 4)
    assert len({one.code for one in made}) == 3
    assert await remaining(engine, world, payment_id) == 100_000


async def test_the_same_form_sent_twice_is_one_refund(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    other_id = await receive(engine, world, 700_000, world.invoices[1].reference)
    asked = refund_request(100_000, key="form-1")
    ends = await at_once(*(ask_for(engine, world, payment_id, asked) for _ in range(4)))
    made = [end for end in ends if isinstance(end, Requested)]
    assert len(made) == 4
    assert len({one.id for one in made}) == 1
    assert [one.is_new for one in made].count(True) == 1
    with pytest.raises(DomainError) as other:
        await ask_for(engine, world, other_id, asked)
    assert other.value.code == "key_used"


async def test_two_approvals_at_once_are_one(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(400_000))
    ends = await at_once(
        approve(engine, world, made.id, actor="hieutruong"),
        approve(engine, world, made.id, actor="hieupho"),
    )
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "RefundMovedOnError"]
    assert [step for step, _ in await actions(engine, made.id)].count("refund.approved") == 1


async def test_a_request_needs_a_reason_a_method_and_a_payee_that_fit(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    for asked, code in (
        (refund_request(1, Method.PROVIDER), "no_refund_call"),  # SePay has no refunds
        (refund_request(1, key="x" * 201), "bad_key"),
        (refund_request(1, bank_account_id=987_654), "not_found"),
        (refund_request(1, from_invoice_id=world.invoices[1].id), "refund_exceeds_part"),
    ):
        with pytest.raises(DomainError) as refused:
            await ask_for(engine, world, payment_id, asked)
        assert refused.value.code == code
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM refund") == 0


@pytest.mark.parametrize("reason", ["", " \n\t", "\0", "x" * 201])
async def test_a_reason_must_say_something(engine: AsyncEngine, world: World, reason: str) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    asked = refund_request(1)
    object.__setattr__(asked, "reason", reason)
    with pytest.raises(DomainError) as refused:
        await ask_for(engine, world, payment_id, asked)
    assert refused.value.code == "reason_missing"


async def test_another_school_sees_and_refunds_nothing(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(1))
    async with transaction(engine) as db:
        other = await make_world(db, [5], code="TH02")
    for attempt in (
        ask_for(engine, other, payment_id, refund_request(1)),
        approve(engine, other, made.id),
        shown(engine, other, made.id),
    ):
        with pytest.raises(DomainError) as unknown:
            await attempt
        assert status_of(unknown.value) == 404


async def test_an_amount_that_nobody_signed_waits_for_its_confirmation(
    engine: AsyncEngine, world: World
) -> None:
    reference = world.invoices[0].reference
    payment_id = await receive(
        engine, world, TOTAL_VND, reference, is_provisional=True, bank_transaction_id="FT1"
    )
    with pytest.raises(DomainError) as unsure:
        await ask_for(engine, world, payment_id, refund_request(1))
    assert (unsure.value.code, status_of(unsure.value)) == ("payment_not_confirmed", 409)
    by_casso = {"adapter": "casso", "transaction_id": "C1", "bank_transaction_id": "FT1"}
    for signed in (False, True):  # who signs nothing confirms nothing
        with pytest.raises(DomainError):
            await ask_for(engine, world, payment_id, refund_request(1))
        await receive(engine, world, TOTAL_VND, reference, is_provisional=not signed, **by_casso)
    assert (await ask_for(engine, world, payment_id, refund_request(1))).is_new


async def test_money_for_a_foreign_account_is_not_ours_to_give_back(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, "x", payee_account="999999999")
    with pytest.raises(DomainError) as foreign:
        await ask_for(engine, world, payment_id, refund_request(1))
    assert foreign.value.code == "payment_not_ours"


async def test_a_placement_stays_while_its_money_is_given_back(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, "nop tien cho con")
    async with transaction(engine) as db:
        (exception,) = await list_exceptions(db, world.school_id)
        await allocate_exception(
            db, world.school_id, exception.id, world.invoices[0].id, actor="ketoan", note="Mẹ gọi"
        )
    made = await ask_for(engine, world, payment_id, refund_request(TOTAL_VND))

    async def undo() -> None:
        async with transaction(engine) as db:
            await undo_decision(
                db, world.school_id, exception.id, actor="ketoan", reason="Nhầm học sinh"
            )

    with pytest.raises(DomainError) as refused:
        await undo()
    assert refused.value.code == "payment_refunded"
    async with transaction(engine) as db:
        await cancel_refund(db, world.school_id, made.id, actor="ketoan", note="Thôi")
    await undo()
    assert await sound(engine, world) == [0, 0]


async def test_the_payee_is_sealed_and_shown_masked(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(1))
    row = await shown(engine, world, made.id)
    assert row.payee.endswith("***4567")
    assert "0071001234567" not in repr(row)
    async with transaction(engine) as db:
        text = await db.raw.fetchval("SELECT array_agg(r::text)::text FROM refund r")
        audited = await db.raw.fetchval("SELECT array_agg(a::text)::text FROM audit_entry a")
        assert "0071001234567" not in text + audited
        assert "NGUYEN VAN A" not in text + audited
        with pytest.raises(SealBrokenError):
            await list_refunds(db, Keys(b"x" * 32, KEYS.reference), world.school_id)


async def test_a_provider_that_refunds_offers_both_ways(engine: AsyncEngine, world: World) -> None:
    async with wallet(world) as momo:
        payment_id = await momo.pay(engine, world)
    async with transaction(engine) as db:
        found = await refundable(db, world.school_id, payment_id)
    assert found.methods == (Method.PROVIDER, Method.TRANSFER)
    for method in found.methods:
        assert (await approved(engine, world, payment_id, refund_request(1_000, method))).is_new
