"""What somebody in a hurry, or with bad intent, tries with refunds: nothing goes back twice or unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World, make_world, merchant_in
from support.refund_school import (
    PAYEE,
    Wallet,
    approve,
    approved,
    ask_for,
    receive,
    refund_request,
    shown,
    sound,
    wallet,
)

from adapters.contract import Notice, Outcome
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.refunds import sending
from core.refunds.manual import confirm_refund, fail_refund
from core.refunds.payee import read_payee
from core.refunds.refund_transfers import make_transfer_list
from core.refunds.service import Method, Status, refundable, set_refund_limit
from gateway.api.refunds import PayeeBody
from gateway.console.money.refunds import RefundForm
from reconciliation.review.decisions import resolve_exception
from reconciliation.review.queue import list_exceptions
from sandbox.servers import Trouble

TOTAL_VND = 1_000_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, 700_000])


@pytest.fixture
async def momo(world: World) -> AsyncIterator[Wallet]:
    async with wallet(world) as found:
        yield found


async def refused(attempt: object) -> str:
    """The code of the DomainError that an attempt ends with."""
    with pytest.raises(DomainError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


async def limited(engine: AsyncEngine, world: World, limit_vnd: int) -> None:
    async with transaction(engine) as db:
        await set_refund_limit(db, world.school_id, limit_vnd, actor="operator")


async def test_a_key_means_one_request_and_no_other(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    asked = refund_request(400_000, key="k1")
    made = await ask_for(engine, world, payment_id, asked)
    again = await ask_for(engine, world, payment_id, replace(asked, reason="Nộp trùng lần hai"))
    assert (again.id, again.is_new) == (made.id, False)  # words are no other request
    for other in (
        replace(asked, amount_vnd=400_001),
        replace(asked, payee=replace(PAYEE, number="0071001234568")),
        replace(asked, from_invoice_id=world.invoices[0].id),
    ):
        assert await refused(ask_for(engine, world, payment_id, other)) == "key_used"


async def test_a_refund_is_not_cut_into_pieces_below_the_limit(
    engine: AsyncEngine, world: World
) -> None:
    await limited(engine, world, 300_000)
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    pieces = [await ask_for(engine, world, payment_id, refund_request(150_000)) for _ in range(4)]
    assert [piece.status for piece in pieces] == [
        Status.APPROVED, Status.APPROVED, Status.REQUESTED, Status.REQUESTED,
    ]  # fmt: skip
    assert (
        await refused(approve(engine, world, pieces[2].id, actor="ketoan")) == "two_persons_needed"
    )
    await approve(engine, world, pieces[2].id)
    other_id = await receive(engine, world, 700_000, world.invoices[1].reference)
    assert (
        await ask_for(engine, world, other_id, refund_request(300_000))
    ).status is Status.APPROVED


async def test_what_a_second_person_approved_does_not_use_up_the_limit(
    engine: AsyncEngine, world: World
) -> None:
    await limited(engine, world, 300_000)
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    await approved(engine, world, payment_id, refund_request(400_000))
    assert (
        await ask_for(engine, world, payment_id, refund_request(300_000))
    ).status is Status.APPROVED


async def test_the_limit_of_the_day_of_asking_counts(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await ask_for(engine, world, payment_id, refund_request(200_000))
    await limited(engine, world, TOTAL_VND)  # raised later: who asked still cannot approve
    assert (await shown(engine, world, made.id)).status is Status.REQUESTED
    assert await refused(approve(engine, world, made.id, actor="ketoan")) == "two_persons_needed"


DISPUTES = {
    "missing_in_statement": "INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date,"
    " payment_id) VALUES ($1, 'missing_in_statement', 'payment:x', 1, '2026-09-10', $2)",
    "amount_mismatch": "INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date,"
    " payment_id, statement_line_id) SELECT $1, 'amount_mismatch', 'line:x', 1, '2026-09-10', $2, s.id"
    " FROM statement_line s",
}


async def conflict(engine: AsyncEngine, world: World, transaction_id: str) -> None:
    """The provider reports the same transaction with another amount."""
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, "sepay")
    notice = Notice(
        transaction_id=transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=100_000,
        paid_at=now_utc(),
        content=world.invoices[0].reference,
        payee_account=world.bank_number,
        bank_transaction_id="FT0",
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])


async def test_money_whose_amount_is_contradicted_waits_for_a_person(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    before = await ask_for(engine, world, payment_id, refund_request(400_000))
    ready = await approved(engine, world, payment_id, refund_request(100_000))
    await conflict(engine, world, "T0")
    async with transaction(engine) as db:
        (found,) = await list_exceptions(db, world.school_id)
    assert found.reason == "conflicting_duplicate"
    code = "payment_contradicted"
    assert await refused(ask_for(engine, world, payment_id, refund_request(1))) == code
    assert await refused(approve(engine, world, before.id)) == code  # asked for before it was known
    async with transaction(engine) as db:  # nor does one that was approved leave for the bank
        made = await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
        )
    assert made is None
    assert (await shown(engine, world, ready.id)).status is Status.APPROVED
    async with transaction(engine) as db:
        await resolve_exception(
            db,
            world.school_id,
            found.id,
            resolution="explained",
            actor="ketoan",
            note="Ngân hàng xác nhận",
        )
    await approve(engine, world, before.id)
    async with transaction(engine) as db:
        made = await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
        )
    assert made is not None
    assert made.total_vnd == 500_000


async def test_a_demand_waits_while_its_payment_is_contradicted(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    payment_id = await momo.pay(engine, world)
    made = await approved(engine, world, payment_id, refund_request(TOTAL_VND, Method.PROVIDER))
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, notice_id)"
            " VALUES ($1, 'conflicting_duplicate', 'notice:x', 1, '2026-09-10', $2)",
            world.school_id, payment_id,
        )  # fmt: skip
    assert await momo.poll(engine) == 0
    assert momo.server.refunds == {}
    async with transaction(engine) as db:
        (found,) = await list_exceptions(db, world.school_id)
        await resolve_exception(
            db, world.school_id, found.id, resolution="explained", actor="ketoan", note="Đúng"
        )
    assert await momo.poll(engine) == 1
    assert (await shown(engine, world, made.id)).status is Status.SENT


async def doubted(engine: AsyncEngine, world: World, momo: Wallet) -> int:
    """A refund whose demand was taken and never answered, three days ago."""
    payment_id = await momo.pay(engine, world)
    made = await approved(engine, world, payment_id, refund_request(TOTAL_VND, Method.PROVIDER))
    momo.servers.trouble("momo", *[Trouble.HTML] * 20)
    for hours in (0, 1, 2, 4, 8, 16, 30, 60, 73):
        await momo.poll(engine, timedelta(hours=hours))
    momo.servers.troubles.clear()
    return made.id


async def test_a_doubt_that_was_explained_away_can_still_be_ended(
    engine: AsyncEngine, world: World, momo: Wallet
) -> None:
    """Closing the exception must not leave a refund that nobody may end any more."""
    refund_id = await doubted(engine, world, momo)
    async with transaction(engine) as db:
        (found,) = await list_exceptions(db, world.school_id)
        await resolve_exception(
            db, world.school_id, found.id, resolution="explained", actor="ketoan", note="Chờ MoMo"
        )
    assert (await shown(engine, world, refund_id)).is_in_doubt


async def test_money_that_went_back_after_a_person_said_no_is_alarmed(
    engine: AsyncEngine, world: World, momo: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_id = await doubted(engine, world, momo)
    conclude = sending._conclude

    async def late(*args: object) -> None:
        """The person is faster than the answer that is on its way."""
        async with transaction(engine) as db:
            await fail_refund(db, world.school_id, refund_id, actor="hieutruong", note="Không có")
        await conclude(*args)  # type: ignore[arg-type]

    await momo.poll(engine, timedelta(days=5))  # MoMo receives it
    assert momo.refunded_vnd == TOTAL_VND
    monkeypatch.setattr(sending, "_conclude", late)
    await momo.poll(engine, timedelta(days=7))
    assert (await shown(engine, world, refund_id)).status is Status.REFUSED
    async with transaction(engine) as db:
        rows = await list_exceptions(db, world.school_id)
    assert [(row.reason, row.amount_vnd) for row in rows] == [("refund_unmatched", TOTAL_VND)]
    await sound(engine, world)


async def test_a_duplicate_notice_after_the_refund_changes_nothing(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await approved(engine, world, payment_id, refund_request(TOTAL_VND))
    async with transaction(engine) as db:
        await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
        )
    async with transaction(engine) as db:
        await confirm_refund(
            db, world.school_id, made.id, on=business_date(now_utc()), actor="ketoan"
        )
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, "sepay")
        row = await db.raw.fetchrow("SELECT * FROM notice WHERE id = $1", payment_id)
    notice = Notice(
        transaction_id=row["transaction_id"],
        outcome=Outcome.PAID,
        amount_vnd=TOTAL_VND,
        paid_at=row["paid_at"],
        content=row["content"],
        payee_account=world.bank_number,
        bank_transaction_id="FT0",
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])
    assert await sound(engine, world) == [0, 0]
    async with transaction(engine) as db:
        assert (await refundable(db, world.school_id, payment_id)).remaining_vnd == 0


@pytest.mark.parametrize(
    "holder", ["=1+1", "+84 A", "-A", "@SUM(A1)", "\tA", "A\n=1", "A;B", "A|B", "A'B", '"A']
)
def test_a_holder_cannot_be_a_formula_or_a_new_cell(holder: str) -> None:
    try:
        payee = read_payee("970436", "0071001234567", holder)
    except DomainError:
        return
    assert payee.holder[0].isalnum()
    assert not set(payee.holder) & set("=+@|;'\"\t\r\n")


@pytest.mark.parametrize(
    "number", ["=1+11", "+84123", "@123", "123", "1" * 20, "12 34'", "１２３４５"]
)
def test_an_account_number_is_digits_or_letters(number: str) -> None:
    with pytest.raises(DomainError):
        read_payee("970436", number, "NGUYEN VAN A")


def test_an_account_is_in_no_repr() -> None:
    body = PayeeBody(bin="970436", number="0071001234567", holder="NGUYEN VAN A")
    form = RefundForm(method="payout", bin="970436", number="0071001234567", holder="NGUYEN VAN A")
    for shown_as in (repr(body), repr(form), repr(refund_request(1)), str(PAYEE)):
        assert "1234567" not in shown_as
        assert "NGUYEN" not in shown_as
