"""Asking a provider: a lost IPN is healed, a race yields one payment, silence means nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world, merchant_in

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.merchants.directory import find_merchant
from core.payments.checkouts import open_checkout
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.payments.polling import ask_about_checkouts

TOTAL_VND = 500_000
ANSWER_FIELDS = (
    "vnp_ResponseId", "vnp_Command", "vnp_ResponseCode", "vnp_Message", "vnp_TmnCode", "vnp_TxnRef", "vnp_Amount",
    "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionType", "vnp_TransactionStatus",
    "vnp_OrderInfo", "vnp_PromotionCode", "vnp_PromotionAmount",
)  # fmt: skip


def vnpay_answers(status: str, code: str = "00") -> Callable[[httpx.Request], httpx.Response]:
    """VNPAY's own side of querydr, signed as its document says."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        fields = {
            "vnp_ResponseId": "r1",
            "vnp_Command": "querydr",
            "vnp_ResponseCode": code,
            "vnp_Message": "ok",
            "vnp_TmnCode": SETTINGS["vnpay"]["tmn_code"],
            "vnp_TxnRef": asked["vnp_TxnRef"],
            "vnp_Amount": str(TOTAL_VND * 100),
            "vnp_BankCode": "NCB",
            "vnp_PayDate": "20260910090000",
            "vnp_TransactionNo": "14422574",
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": status,
            "vnp_OrderInfo": asked["vnp_OrderInfo"],
        }
        signed = "|".join(fields.get(name, "") for name in ANSWER_FIELDS)
        secret = SECRETS["vnpay"]["hash_secret"].encode()
        fields["vnp_SecureHash"] = hmac.new(secret, signed.encode(), hashlib.sha512).hexdigest()
        return httpx.Response(200, json=fields)

    return answer


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND])


async def opened(engine: AsyncEngine, world: World) -> str:
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, "vnpay")
        checkout = await open_checkout(db, merchant, world.invoices[0].id, at=datetime.now(UTC))
    return checkout.merchant_reference


async def ask(
    engine: AsyncEngine, answer: Callable[[httpx.Request], httpx.Response], minutes: int
) -> int:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await ask_about_checkouts(
            engine, KEYS, http, at=datetime.now(UTC) + timedelta(minutes=minutes)
        )


async def paid(engine: AsyncEngine) -> tuple[int, int]:
    async with transaction(engine) as db:
        return (
            await db.raw.fetchval("SELECT paid_vnd FROM invoice"),
            await db.raw.fetchval("SELECT count(*) FROM payment"),
        )


async def test_a_lost_ipn_is_healed_once(engine: AsyncEngine, world: World) -> None:
    await opened(engine, world)
    assert await ask(engine, vnpay_answers("00"), 5) == 0
    assert await ask(engine, vnpay_answers("00"), 16) == 1
    assert await paid(engine) == (TOTAL_VND, 1)
    assert await ask(engine, vnpay_answers("00"), 600) == 0


async def test_a_state_that_nobody_defined_is_pending_and_logged_once(
    engine: AsyncEngine, world: World
) -> None:
    before = structlog.get_config()
    reference = await opened(engine, world)
    structlog.reset_defaults()
    try:
        with structlog.testing.capture_logs() as lines:
            assert await ask(engine, vnpay_answers("88"), 16) == 1
            assert await ask(engine, vnpay_answers("88"), 600) == 1
    finally:
        structlog.configure(**before)
    said = {
        "event": "notice.unmapped_status",
        "adapter": "vnpay",
        "status": "88",
        "log_level": "warning",
    }
    assert lines == [said]
    async with transaction(engine) as db:
        row = await db.raw.fetchrow(
            "SELECT outcome, unmapped_status, merchant_reference FROM notice"
        )
    assert tuple(row) == ("pending", "88", reference)
    assert await paid(engine) == (0, 0)


async def test_the_answer_and_the_ipn_are_one_payment(engine: AsyncEngine, world: World) -> None:
    reference = await opened(engine, world)
    await ask(engine, vnpay_answers("00"), 16)
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, "vnpay", world.merchants["vnpay"][1])
    assert merchant
    late = Notice(
        transaction_id=f"{reference}.14422574",
        outcome=Outcome.PAID,
        amount_vnd=TOTAL_VND,
        paid_at=datetime(2026, 9, 10, 2, tzinfo=UTC),
        merchant_reference=reference,
    )
    recorded = await commit_notices(engine, [InboundNotice(merchant, late, b"ipn")])
    assert recorded.verdicts[0].duplicate
    assert await paid(engine) == (TOTAL_VND, 1)


@pytest.mark.parametrize(
    "answer",
    [
        vnpay_answers("01"),  # not finished
        vnpay_answers("00", code="99"),  # VNPAY could not say
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(200, text="<html>maintenance</html>"),
        lambda _: httpx.Response(200, json={"vnp_ResponseCode": "00", "vnp_SecureHash": "00"}),
    ],
)
async def test_no_clear_answer_means_unknown_and_it_is_asked_again(
    engine: AsyncEngine, world: World, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    await opened(engine, world)
    assert await ask(engine, answer, 16) == 1
    assert await paid(engine) == (0, 0)
    assert await ask(engine, answer, 17) == 0
    assert await ask(engine, vnpay_answers("00"), 16 + 31) == 1
    assert await paid(engine) == (TOTAL_VND, 1)


async def test_a_timeout_is_not_a_failure(engine: AsyncEngine, world: World) -> None:
    def silence(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    await opened(engine, world)
    assert await ask(engine, silence, 16) == 1
    assert await paid(engine) == (0, 0)
    assert await ask(engine, vnpay_answers("02"), 60) == 1  # it failed in the end
    assert await ask(engine, vnpay_answers("00"), 600) == 0


async def test_it_gives_up_after_three_days(engine: AsyncEngine, world: World) -> None:
    await opened(engine, world)
    assert await ask(engine, vnpay_answers("01"), 4 * 24 * 60) == 1
    assert await ask(engine, vnpay_answers("01"), 40 * 24 * 60) == 0


async def test_one_schools_bad_address_does_not_silence_the_others(
    engine: AsyncEngine, world: World
) -> None:
    async with transaction(engine) as db:
        other = await make_world(db, [TOTAL_VND], code="TH02")
        await db.raw.execute(
            'UPDATE merchant_account SET settings = settings || \'{"query_url": "https://a:port/x"}\''
            " WHERE id = $1",
            other.merchants["vnpay"][0],
        )
    await opened(engine, other)
    await opened(engine, world)
    assert await ask(engine, vnpay_answers("00"), 16) == 2
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT school_id, paid_vnd FROM invoice")
    assert dict(rows) == {world.school_id: TOTAL_VND, other.school_id: 0}


async def test_the_provider_is_asked_by_the_time_it_was_told(
    engine: AsyncEngine, world: World
) -> None:
    at = datetime(2026, 9, 10, 2, 0, 59, tzinfo=UTC)
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, "vnpay")
        await open_checkout(db, merchant, world.invoices[0].id, at=at)
        assert await db.raw.fetchval("SELECT min(created_at) FROM checkout") == at


async def test_an_answer_that_cannot_be_kept_holds_up_nobody_and_is_not_lost(
    engine: AsyncEngine, world: World
) -> None:
    """A night's work holds one school's invoice while its provider is asked for the last time."""
    async with transaction(engine) as db:
        other = await make_world(db, [TOTAL_VND], code="TH02")
    await opened(engine, other)
    await opened(engine, world)
    last = 3 * 24 * 60 + 20
    async with transaction(engine) as db:
        await db.raw.execute("SELECT FROM invoice WHERE school_id = $1 FOR UPDATE", other.school_id)
        assert await ask(engine, vnpay_answers("00"), last) == 2
        rows = await db.raw.fetch("SELECT school_id, paid_vnd FROM invoice")
    assert dict(rows) == {world.school_id: TOTAL_VND, other.school_id: 0}
    assert await ask(engine, vnpay_answers("00"), last + 61) == 1
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT school_id, paid_vnd FROM invoice")
    assert dict(rows) == {world.school_id: TOTAL_VND, other.school_id: TOTAL_VND}
    assert await ask(engine, vnpay_answers("00"), 2 * last) == 0
