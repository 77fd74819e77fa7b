"""The portal's e-receipts: asked for once per payment, fetched in the same breath, kept as they came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World, make_world, merchant_in
from support.serving import gateway_client, settings_for_tests

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.portal import receipts
from core.portal.receipts import fetch_receipts

TOTAL_VND = 500_000
PDF = b"%PDF-1.7\nbien lai dien tu\n%%EOF"
LINK = "https://sandbox.test/receipt/1"
Portal = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, TOTAL_VND])


async def pay(
    engine: AsyncEngine,
    world: World,
    adapter: str = "dvcqg",
    at: int = 0,
    bank_transaction: str = "",
) -> None:
    """The invoice number `at` is paid, and this provider reports it."""
    invoice = world.invoices[at]
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, adapter)
    notice = Notice(
        transaction_id=f"{adapter}-{at}",
        outcome=Outcome.PAID,
        amount_vnd=TOTAL_VND,
        paid_at=datetime(2026, 9, 10, 2, tzinfo=UTC),
        merchant_reference=f"{invoice.reference}00" if adapter == "dvcqg" else "",
        content=invoice.reference,
        payee_account=world.bank_number if adapter != "dvcqg" else "",
        bank_transaction_id=bank_transaction,
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])


def answers(pdf: bytes = PDF, url: str = LINK, status: int = 200) -> Portal:
    """A portal that answers GET_BILL with an address, and the address with `pdf`."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(status, content=pdf, headers={"content-type": "application/pdf"})
        assert json.loads(request.content)["LoaiBanTin"] == "GET_BILL"
        return httpx.Response(200, json={"MaLoi": "00", "MoTaLoi": "ok", "UrlBienLai": url})

    return answer


def not_yet(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"MaLoi": "99", "MoTaLoi": "Chưa có biên lai"})


async def fetch(engine: AsyncEngine, portal: Portal, minutes: float = 0, **how: bool) -> int:
    async with httpx.AsyncClient(transport=httpx.MockTransport(portal)) as http:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        return await fetch_receipts(engine, KEYS, http, at=at, **how)


async def stored(engine: AsyncEngine) -> list[asyncpg.Record]:
    async with transaction(engine) as db:
        return await db.raw.fetch("SELECT * FROM official_receipt ORDER BY payment_id")


async def test_an_address_is_fetched_in_the_same_breath_and_kept(
    engine: AsyncEngine, world: World
) -> None:
    await pay(engine, world)
    assert await fetch(engine, answers()) == 1
    (row,) = await stored(engine)
    assert (row["content"], row["content_type"]) == (PDF, "application/pdf")
    assert row["sha256"] == hashlib.sha256(PDF).digest()
    assert row["next_ask_at"] is None
    assert await fetch(engine, answers(b"%PDF-other"), 600) == 0
    assert [row["content"] for row in await stored(engine)] == [PDF]


async def test_a_stream_is_kept_as_well(engine: AsyncEngine, world: World) -> None:
    await pay(engine, world)
    stream = httpx.Response(200, content=PDF, headers={"content-type": "application/pdf"})
    assert await fetch(engine, lambda _: stream) == 1


async def test_only_payments_by_such_a_provider_are_asked_about(
    engine: AsyncEngine, world: World
) -> None:
    await pay(engine, world, "sepay", 1)
    assert await fetch(engine, answers()) == 0
    assert await stored(engine) == []


async def test_money_that_the_bank_told_of_first_has_its_receipt_too(
    engine: AsyncEngine, world: World
) -> None:
    await pay(engine, world, "sepay", bank_transaction="FT1")
    await pay(engine, world, "dvcqg", bank_transaction="FT1")
    async with transaction(engine) as db:
        payments = await db.raw.fetch("SELECT id, channel FROM payment")
    assert await fetch(engine, answers()) == len(payments)
    assert {row["payment_id"] for row in await stored(engine)} == {row["id"] for row in payments}


def too_large(request: httpx.Request) -> httpx.Response:
    return answers(PDF + b"0" * receipts.MAX_BYTES)(request)


def silence(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("", request=request)


def elsewhere(request: httpx.Request) -> httpx.Response:
    if request.method == "GET":
        return httpx.Response(302, headers={"location": "https://sandbox.test/other.pdf"})
    return answers()(request)


@pytest.mark.parametrize(
    "portal",
    [
        not_yet,
        silence,
        elsewhere,
        too_large,
        answers(b"<html>not a receipt</html>"),
        answers(b""),
        answers(status=404),
        answers(url="http://sandbox.test/receipt/1"),
        answers(url="https://user:secret@sandbox.test/receipt/1"),
        answers(url="file:///etc/passwd"),
        answers(url="https://169.254.169.254/latest/meta-data"),
        answers(url="https://localhost/receipt.pdf"),
        answers(url="https://[bad"),
        lambda _: httpx.Response(500, text="<html>"),
        lambda _: httpx.Response(200, text="<html>maintenance</html>"),
    ],
)
async def test_whatever_is_no_receipt_is_asked_for_again(
    engine: AsyncEngine, world: World, portal: Portal
) -> None:
    await pay(engine, world)
    assert await fetch(engine, portal) == 0
    (row,) = await stored(engine)
    assert row["content"] is None
    assert row["next_ask_at"] is not None
    assert await fetch(engine, answers(), 1) == 0  # not yet due
    assert await fetch(engine, answers(), 3) == 1


async def test_trouble_with_one_receipt_keeps_no_other_back(
    engine: AsyncEngine, world: World
) -> None:
    await pay(engine, world, at=0)
    await pay(engine, world, at=1)
    count = 0

    def portal(request: httpx.Request) -> httpx.Response:
        nonlocal count
        if request.method == "POST":
            count += 1
            if count == 1:
                raise RuntimeError("no error of the wire")
        return answers()(request)

    with pytest.raises(RuntimeError):
        await fetch(engine, portal)
    assert sorted(row["content"] is None for row in await stored(engine)) == [False, True]


async def test_an_address_by_http_is_for_the_sandbox(engine: AsyncEngine, world: World) -> None:
    await pay(engine, world)
    plain = answers(url="http://sandbox.test/receipt/1")
    assert await fetch(engine, plain) == 0
    assert await fetch(engine, plain, 3, is_sandbox=True) == 1


async def test_it_gives_up_after_three_days(engine: AsyncEngine, world: World) -> None:
    await pay(engine, world)
    asked = 0

    def portal(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return not_yet(request)

    for hour in range(24 * 6):
        await fetch(engine, portal, 60 * hour)
    (row,) = await stored(engine)
    assert row["next_ask_at"] is None
    assert 12 <= asked == row["ask_count"] <= 30


async def test_a_stored_receipt_cannot_be_changed(engine: AsyncEngine, world: World) -> None:
    await pay(engine, world)
    await fetch(engine, answers())
    for change in ("UPDATE official_receipt SET content = 'x'", "DELETE FROM official_receipt"):
        with pytest.raises(asyncpg.PostgresError, match="forbidden"):
            async with transaction(engine) as db:
                await db.raw.execute(change)


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url, settings_for_tests()) as client:
        yield client


async def test_the_parent_downloads_it(
    engine: AsyncEngine, world: World, client: httpx.AsyncClient
) -> None:
    await pay(engine, world)
    async with transaction(engine) as db:
        token = await db.raw.fetchval("SELECT token FROM payment")
    address = f"/receipts/{token}/official.pdf"
    pages = (f"/receipts/{token}", f"/pay/{world.invoices[0].token}")
    assert (await client.get(address)).status_code == 404
    assert all([address not in (await client.get(path)).text for path in pages])

    await fetch(engine, answers())
    answer = await client.get(address)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert all([address in (await client.get(path)).text for path in pages])
    for unknown in ("0" * 32, "short", "x" * 80):
        assert (await client.get(f"/receipts/{unknown}/official.pdf")).status_code == 404
