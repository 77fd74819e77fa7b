"""Refunds at the console over HTTP: asked for, decided by another person, listed for the bank, booked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.refund_school import PAYEE, sound, wallet
from support.serving import gateway_client
from support.staff import ConsoleSession, hire, receive

from core.identity.service import create_api_key
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction

TOTAL_VND = 1_250_000
SEE_OTHER = 303
BY_BANK = {
    "method": "payout",
    "bin": PAYEE.bin,
    "number": "0071 0012 34567",
    "holder": "Nguyễn Văn A",
    "reason": "Nộp trùng",
}


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND, 700_000])
    await hire(engine, world, "ketoan")
    await hire(engine, world, "hieutruong", "approver")
    return world


@pytest.fixture
async def console(client: httpx.AsyncClient, world: World) -> ConsoleSession:
    """An accountant of the world's school, signed in."""
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    await console.get("/console")
    return console


@pytest.fixture
async def approver(database_url: str, world: World) -> AsyncIterator[ConsoleSession]:
    """The head of the school, signed in elsewhere."""
    async with gateway_client(database_url) as other:
        console = ConsoleSession(other)
        await console.sign_in("hieutruong")
        await console.get("/console")
        yield console


async def form_of(console: ConsoleSession, payment_id: int) -> tuple[str, dict[str, str]]:
    """The address of a payment's refund form and its hidden key."""
    address = f"/console/payments/{payment_id}/refund"
    page = (await console.get(address)).text
    found = re.search(r'name="key" value="([0-9a-f]+)"', page)
    assert found is not None
    return address, {"key": found[1]}


async def test_a_payout_from_the_invoice_to_the_books(
    console: ConsoleSession, approver: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    invoice = (await console.get(f"/console/invoices/{world.invoices[0].id}")).text
    assert f'href="/console/payments/{payment_id}/refund"' in invoice
    address, key = await form_of(console, payment_id)
    asked = [await console.send(address, amount="250.000", **BY_BANK, **key) for _ in range(2)]
    assert {answer.status_code for answer in asked} == {SEE_OTHER}
    assert len({answer.headers["location"] for answer in asked}) == 1  # two clicks, one refund
    refund = asked[0].headers["location"].split("?")[0]
    page = (await console.get(refund)).text
    assert "Chờ duyệt" in page
    assert "***4567" in page
    assert PAYEE.number not in page
    assert "/approve" not in page
    assert (await console.send(f"{refund}/approve")).status_code == 403
    assert (await console.send(f"{refund}/reject", note="x")).status_code == 403
    assert f"{refund}/approve" in (await approver.get(refund)).text
    assert (await approver.send(f"{refund}/approve")).status_code == SEE_OTHER

    listing = (await console.get("/console/refunds")).text
    assert "HOAN000001" in listing
    assert "Lập danh sách chi hoàn" in listing
    bank_account = re.search(r'name="bank_account_id" value="(\d+)"', listing)
    assert bank_account is not None
    made = await console.send(
        "/console/refunds/lists", bank_account_id=bank_account[1], format="csv"
    )
    assert made.headers["location"] == "/console/refunds?done=listed"
    link = re.search(
        r'href="(/console/refunds/lists/\d+/file)"', (await console.get("/console/refunds")).text
    )
    assert link is not None
    files = [await console.client.get(link[1]) for _ in range(2)]
    assert files[0].content == files[1].content
    assert b"0071001234567,NGUYEN VAN A,250000,HOAN000001 HOAN TIEN" in files[0].content
    assert files[0].headers["content-disposition"].startswith("attachment")
    assert files[0].headers["cache-control"] == "private, no-store"

    assert "Xác nhận đã chi" in (await console.get(refund)).text
    assert (await console.send(f"{refund}/confirm", day="khong")).status_code == 422
    today = business_date(now_utc()).isoformat()
    done = await console.send(f"{refund}/confirm", day=today, bank_transaction_id="FT9")
    assert done.status_code == SEE_OTHER
    assert "Đã ghi sổ hoàn tiền" in (await console.get(done.headers["location"])).text
    assert (await console.send(f"{refund}/confirm", day=today)).status_code == 409
    assert (await sound(engine, world))[0] == TOTAL_VND - 250_000
    books = (await console.get(f"/console/invoices/{world.invoices[0].id}")).text
    assert "Hoàn tiền" in books
    assert "HOAN000001 Nộp trùng" in books
    assert "1.000.000 đ" in books
    assert "HOAN000001" in (await console.get("/console/refunds?show=done")).text


async def test_the_parent_sees_it_open_again_and_the_receipt_what_still_stands(
    console: ConsoleSession, approver: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    async with transaction(engine) as db:
        token = await db.raw.fetchval("SELECT token FROM payment WHERE id = $1", payment_id)
    pay = f"/pay/{world.invoices[0].token}"
    assert "Đã thanh toán đủ" in (await console.client.get(pay)).text
    address, key = await form_of(console, payment_id)
    asked = await console.send(address, amount="250000", **BY_BANK, **key)
    refund = asked.headers["location"].split("?")[0]
    await approver.get(refund)
    await approver.send(f"{refund}/approve")
    async with transaction(engine) as db:
        bank_account_id = await db.raw.fetchval("SELECT bank_account_id FROM refund")
    await console.send(
        "/console/refunds/lists", bank_account_id=str(bank_account_id), format="xlsx"
    )
    await console.send(f"{refund}/confirm", day=business_date(now_utc()).isoformat())
    page = (await console.client.get(pay)).text
    assert "Đã thanh toán đủ" not in page
    assert "250.000 đ" in page
    receipt = (await console.client.get(f"/receipts/{token}")).text
    assert "1.000.000 đ" in receipt
    assert "Nhà trường đã hoàn trả: <strong>250.000 đ</strong>" in receipt
    assert "Phần còn lại" not in receipt
    document = await console.client.get(f"/receipts/{token}.pdf")
    assert document.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": "9.999.999"}, "phần còn hoàn được"),
        ({"amount": "hai trăm"}, "bằng chữ số"),
        ({"amount": "0"}, "phần còn hoàn được"),
        ({"reason": " "}, "lý do"),
        ({"method": "cash"}, "chọn cách hoàn"),
        ({"method": "provider"}, "không nhận lệnh hoàn tiền"),
        ({"bin": ""}, "chọn ngân hàng"),
        ({"number": "12'; DROP"}, "Số tài khoản gồm"),
        ({"holder": "=HYPERLINK(1)"}, "Tên chủ tài khoản"),
    ],
)
async def test_a_form_with_a_fault_says_so_and_keeps_what_was_typed(
    console: ConsoleSession, engine: AsyncEngine, world: World, changes: dict[str, str], said: str
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    address, key = await form_of(console, payment_id)
    answer = await console.send(address, **{"amount": "250000", **BY_BANK, **key, **changes})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert said in answer.text
    assert f'value="{key["key"]}"' in answer.text
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM refund") == 0


async def test_a_payment_that_is_not_certain_offers_no_form(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE payment SET is_provisional = true")
    page = await console.get(f"/console/payments/{payment_id}/refund")
    assert page.status_code == 409
    assert "chưa được sao kê" in page.text
    assert 'name="amount"' not in page.text
    assert (await console.get("/console/payments/987654/refund")).status_code == 404


async def test_a_request_is_rejected_or_withdrawn_with_a_reason(
    console: ConsoleSession, approver: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    for who, step, word in ((approver, "reject", "Không duyệt"), (console, "cancel", "Đã rút")):
        address, key = await form_of(console, payment_id)
        asked = await console.send(address, amount="1250000", **BY_BANK, **key)
        refund = asked.headers["location"].split("?")[0]
        await who.get(refund)
        assert (await who.send(f"{refund}/{step}", note="")).status_code == 422
        assert (await who.send(f"{refund}/{step}", note="Nhầm")).status_code == SEE_OTHER
        assert word in (await who.get(refund)).text
    assert "HOAN000002" in (await console.get("/console/refunds?show=ended")).text


async def test_a_wallet_payment_goes_back_through_the_wallet(
    console: ConsoleSession, approver: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    async with wallet(world) as momo:
        payment_id = await momo.pay(engine, world)
        address, key = await form_of(console, payment_id)
        asked = await console.send(
            address, amount="1250000", method="provider", reason="Nộp trùng", **key
        )
        refund = asked.headers["location"].split("?")[0]
        await approver.get(refund)
        await approver.send(f"{refund}/approve")
        await momo.poll(engine)
        page = (await console.get(refund)).text
        assert "Đã gửi, chờ kết quả" in page
        assert "/confirm" not in page  # the provider says how it ended
        assert (await console.send(f"{refund}/fail", note="x")).status_code == 403
        assert (await approver.send(f"{refund}/fail", note="x")).status_code == 409


async def test_the_api_asks_once_and_shows_no_account(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    async with transaction(engine) as db:
        key = await create_api_key(db, world.school_id, "SMAS")
    headers = {"authorization": f"Bearer {key}"}
    body = {
        "payment_id": payment_id,
        "amount_vnd": 400_000,
        "reason": "Nộp trùng",
        "method": "payout",
        "key": "SMAS-1",
        "payee": {"bin": PAYEE.bin, "number": PAYEE.number, "holder": PAYEE.holder},
    }
    answers = [await client.post("/api/v1/refunds", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    made = answers[0].json()
    assert answers[1].json() == made
    assert (made["status"], made["code"], made["requested_by"]) == (
        "requested",
        "HOAN000001",
        "api:SMAS",
    )
    assert PAYEE.number not in answers[0].text
    listed = await client.get("/api/v1/refunds", headers=headers)
    assert listed.json() == {"items": [made], "next_cursor": None}
    one = await client.get(f"/api/v1/refunds/{made['id']}", headers=headers)
    assert one.json() == made
    for change, status in (
        ({"amount_vnd": 0}, 400),
        ({"payment_id": 2**70}, 400),
        ({"method": "cash"}, 400),
        ({"key": ""}, 400),
        ({"amount_vnd": 400_001}, 409),
        ({"key": "2", "amount_vnd": TOTAL_VND}, 422),
        ({"key": "3", "payment_id": 987_654}, 404),
        ({"key": "4", "payee": None}, 422),
        ({"key": "5", "reason": "\0"}, 422),
    ):
        answer = await client.post("/api/v1/refunds", json={**body, **change}, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert (await client.get("/api/v1/refunds")).status_code == 401
