"""Sent once, polled until final: against MoMo's sandbox over HTTP, whatever goes wrong on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.refund_school import (
    Wallet,
    actions,
    approved,
    ask_for,
    at_once,
    refund_request,
    shown,
    sound,
    wallet,
)

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.merchants import provider_client as calling
from core.refunds import sending
from core.refunds.manual import confirm_refund, fail_refund
from core.refunds.service import Method, Status, cancel_refund, refundable
from reconciliation.jobs.reconcile_day import reconcile
from sandbox.servers import Trouble

TOTAL_VND = 1_000_000
SOON = timedelta(minutes=6)


class CrashError(Exception):
    """The process ends here."""


async def crash(*_: object, **__: object) -> None:
    raise CrashError


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, 700_000])


@pytest.fixture
async def momo(world: World) -> AsyncIterator[Wallet]:
    async with wallet(world) as found:
        yield found


async def begun(
    engine: AsyncEngine, world: World, momo: Wallet, amount_vnd: int = TOTAL_VND
) -> int:
    """An approved refund of a payment by MoMo, not sent yet."""
    payment_id = await momo.pay(engine, world)
    made = await approved(engine, world, payment_id, refund_request(amount_vnd, Method.PROVIDER))
    return made.id


async def clearing_vnd(engine: AsyncEngine, world: World) -> int:
    """What MoMo still holds for the school, by the books."""
    async with transaction(engine) as db:
        found: int = await db.raw.fetchval(
            """
            SELECT coalesce(sum(CASE WHEN t.debit_account_id = a.id THEN t.amount_vnd ELSE -t.amount_vnd END), 0)
              FROM ledger_account a JOIN transfer t ON a.id IN (t.debit_account_id, t.credit_account_id)
             WHERE a.kind = 'clearing' AND a.merchant_account_id = $1
            """,
            world.merchants["momo"][0],
        )
        return int(found)


async def test_a_refund_is_sent_polled_and_booked_as_a_reversal(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await begun(engine, world, momo)
    assert await sound(engine, world) == [TOTAL_VND, 0]
    assert await momo.poll(engine) == 1
    row = await shown(engine, world, refund_id)
    assert (row.status, row.provider_code) == (Status.SENT, "7002")
    assert row.request_id is not None
    assert row.request_id.isalnum()
    assert len(row.request_id) == 20
    assert await sound(engine, world) == [TOTAL_VND, 0]  # accepted is not final
    assert await momo.poll(engine) == 0  # not asked again at once
    assert await momo.poll(engine, SOON) == 1
    row = await shown(engine, world, refund_id)
    assert (row.status, row.done_on) == (Status.DONE, business_date(now_utc() + SOON))
    assert row.provider_refund_id
    assert await sound(engine, world) == [0, 0]  # the invoice is open again
    assert await clearing_vnd(engine, world) == 0
    assert momo.refunded_vnd == TOTAL_VND
    async with transaction(engine) as db:
        transfers = await db.raw.fetch(
            "SELECT t.*, o.kind AS reversed FROM transfer t JOIN transfer o ON o.id = t.reverses_id"
            " WHERE t.kind = 'refund'"
        )
    assert [(t["reversed"], t["amount_vnd"]) for t in transfers] == [
        ("payment_received", TOTAL_VND)
    ]
    assert [step for step, _ in await actions(engine, refund_id)] == [
        "refund.requested", "refund.approved", "refund.demanded", "refund.done",
    ]  # fmt: skip
    assert await momo.poll(engine, timedelta(days=9)) == 0


async def test_a_part_is_given_back_and_the_proof_of_clearing_holds(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    await begun(engine, world, momo, 400_000)
    await momo.poll(engine)
    await momo.poll(engine, SOON)
    assert await sound(engine, world) == [600_000, 0]
    result = await reconcile(engine, world.school_id, business_date(now_utc()))
    (proof,) = [p for p in result.proofs if p.account.startswith("momo")]
    assert (proof.closing_vnd, proof.difference_vnd) == (600_000, 0)
    figures = {item.kind.value: item.amount_vnd for item in proof.items}
    assert figures == {
        "received": TOTAL_VND, "settled": 0, "refunded": -400_000, "unsettled": TOTAL_VND, "returned": -400_000,
    }  # fmt: skip


async def test_two_workers_send_one_demand(engine: AsyncEngine, world: World, momo: Wallet) -> None:
    refund_id = await begun(engine, world, momo)
    ends = await at_once(*(momo.poll(engine) for _ in range(4)))
    assert sorted(end for end in ends if isinstance(end, int)) == [0, 0, 0, 1]
    assert momo.refunded_vnd == TOTAL_VND
    await at_once(*(momo.poll(engine, SOON) for _ in range(4)))
    assert (await shown(engine, world, refund_id)).status is Status.DONE
    assert await sound(engine, world) == [0, 0]
    assert [step for step, _ in await actions(engine, refund_id)].count("refund.done") == 1


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_whatever_comes_back_instead_of_an_answer_is_in_doubt(
    engine: AsyncEngine,
    world: World,
    momo: Wallet,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calling, "PATIENCE_S", 0.2)
    refund_id = await begun(engine, world, momo)
    momo.servers.trouble("momo", trouble, trouble, trouble)
    await momo.poll(engine)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.ask_count) == (Status.SENT, 1)
    first_id = row.request_id
    await momo.poll(engine, SOON)
    await momo.poll(engine, timedelta(minutes=30))
    assert (await shown(engine, world, refund_id)).status is Status.SENT
    assert await sound(engine, world) == [TOTAL_VND, 0]
    for hours in (
        2,
        4,
        8,
    ):  # the provider is well again; it is asked, and demanded of again if it never received it
        await momo.poll(engine, timedelta(hours=hours))
    row = await shown(engine, world, refund_id)
    assert (row.status, row.request_id) == (Status.DONE, first_id)
    assert momo.refunded_vnd == TOTAL_VND
    assert await sound(engine, world) == [0, 0]


async def test_a_demand_that_was_never_seen_goes_out_again_under_its_id(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await begun(engine, world, momo)
    momo.servers.trouble("momo", Trouble.ERROR)
    await momo.poll(engine)
    assert momo.server.refunds == {}
    before = (await shown(engine, world, refund_id)).request_id
    await momo.poll(engine, SOON)
    assert [key.rpartition("/")[2] for key in momo.server.refunds] == [before]
    assert "refund.demanded_again" in [step for step, _ in await actions(engine, refund_id)]
    assert (await shown(engine, world, refund_id)).status is Status.SENT


async def test_a_crash_between_commit_and_call_is_healed_by_asking_first(
    engine: AsyncEngine, world: World, momo: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_id = await begun(engine, world, momo)

    with monkeypatch.context() as broken:
        broken.setattr(sending, "_call", crash)
        with pytest.raises(CrashError):
            await momo.poll(engine)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.request_id is not None) == (Status.APPROVED, True)
    assert momo.server.refunds == {}
    with pytest.raises(DomainError):  # it may have left us: nobody takes it back now
        async with transaction(engine) as db:
            await cancel_refund(db, world.school_id, refund_id, actor="ketoan", note="Thôi")
    await momo.poll(engine, SOON)
    await momo.poll(engine, timedelta(minutes=30))
    assert (await shown(engine, world, refund_id)).status is Status.DONE
    assert momo.refunded_vnd == TOTAL_VND


async def test_a_crash_after_the_call_is_not_a_second_demand(
    engine: AsyncEngine, world: World, momo: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_id = await begun(engine, world, momo)

    with monkeypatch.context() as broken:
        broken.setattr(sending, "_conclude", crash)
        with pytest.raises(CrashError):
            await momo.poll(engine)
    assert momo.refunded_vnd == TOTAL_VND
    await momo.poll(engine, SOON)
    assert (await shown(engine, world, refund_id)).status is Status.DONE
    assert momo.refunded_vnd == TOTAL_VND
    assert "refund.demanded_again" not in [step for step, _ in await actions(engine, refund_id)]


async def test_a_refusal_moves_nothing_and_frees_the_amount(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await begun(engine, world, momo)
    for order in momo.server.orders.values():  # MoMo has given it back already, by another way
        order.movement = None
    await momo.poll(engine)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.provider_code) == (Status.REFUSED, "42")
    assert await sound(engine, world) == [TOTAL_VND, 0]
    async with transaction(engine) as db:
        assert (await refundable(db, world.school_id, row.payment_id)).remaining_vnd == TOTAL_VND
    assert await momo.poll(engine, timedelta(days=1)) == 0


async def test_what_the_provider_cannot_be_asked_is_refused_before_it_leaves(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await begun(engine, world, momo, 999)  # below MoMo's least amount
    await momo.poll(engine)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.provider_code) == (Status.REFUSED, "unsendable")
    assert momo.server.refunds == {}


async def test_an_account_without_its_keys_sends_nothing_and_is_tried_again(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await begun(engine, world, momo)
    async with transaction(engine) as db:
        kept = await db.raw.fetchval(
            "SELECT settings::text FROM merchant_account WHERE id = $1", world.merchants["momo"][0]
        )
        await db.raw.execute(
            "UPDATE merchant_account SET settings = '{}' WHERE id = $1", world.merchants["momo"][0]
        )
    await momo.poll(engine)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.request_id) == (Status.APPROVED, None)
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE merchant_account SET settings = $2::text::jsonb WHERE id = $1",
            world.merchants["momo"][0],
            kept,
        )
    await momo.poll(engine, SOON)
    await momo.poll(engine, timedelta(hours=1))
    assert (await shown(engine, world, refund_id)).status is Status.DONE


async def in_doubt(engine: AsyncEngine, world: World, momo: Wallet) -> int:
    """A refund that has been in doubt for more than three days."""
    refund_id = await begun(engine, world, momo)
    momo.servers.trouble("momo", *[Trouble.HTML] * 20)
    await momo.poll(engine)
    with pytest.raises(DomainError) as early:
        async with transaction(engine) as db:
            await fail_refund(db, world.school_id, refund_id, actor="hieutruong", note="Không")
    assert early.value.code == "refund_under_way"
    for hours in (1, 2, 4, 8, 16, 30, 60, 73):
        await momo.poll(engine, timedelta(hours=hours))
    return refund_id


async def test_after_three_days_of_doubt_a_person_sees_it_and_it_is_still_polled(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    refund_id = await in_doubt(engine, world, momo)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.is_in_doubt) == (Status.SENT, True)
    assert row.next_ask_at is not None
    momo.servers.troubles.clear()
    for days in (5, 7):
        await momo.poll(engine, timedelta(days=days))
    row = await shown(engine, world, refund_id)
    assert (row.status, row.is_in_doubt) == (Status.DONE, False)
    async with transaction(engine) as db:
        assert (
            await db.raw.fetchval(
                "SELECT resolution FROM exception WHERE reason = 'refund_unmatched'"
            )
            == "paid_back"
        )


@pytest.mark.parametrize("is_paid", [True, False])
async def test_a_person_may_end_a_refund_in_doubt(
    engine: AsyncEngine, world: World, momo: Wallet, is_paid: bool
) -> None:
    refund_id = await in_doubt(engine, world, momo)
    async with transaction(engine) as db:
        if is_paid:
            await confirm_refund(
                db, world.school_id, refund_id, on=business_date(now_utc()), actor="hieutruong"
            )
        else:
            await fail_refund(db, world.school_id, refund_id, actor="hieutruong", note="Không có")
    row = await shown(engine, world, refund_id)
    assert row.status is (Status.DONE if is_paid else Status.REFUSED)
    assert not row.is_in_doubt
    assert await sound(engine, world) == [0 if is_paid else TOTAL_VND, 0]
    assert await momo.poll(engine, timedelta(days=9)) == 0


async def test_an_unapproved_refund_is_never_sent(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    payment_id = await momo.pay(engine, world)
    await ask_for(engine, world, payment_id, refund_request(TOTAL_VND, Method.PROVIDER))
    assert await momo.poll(engine, timedelta(days=2)) == 0
    assert momo.server.refunds == {}
