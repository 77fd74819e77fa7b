"""Kênh thu: figures of each channel, undefined states, the switch; over HTTP and as a browser shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, SETTINGS, World, make_world, merchant_in
from support.live import LiveServer
from support.serving import BASE_URL, gateway_client, settings_for_tests
from support.staff import PASSWORD, ConsoleSession, hire, receive
from support.texts import in_both

from adapters import IPN
from adapters.contract import MerchantAccount, Notice, Outcome, Refused, RefusedError, Request
from adapters.ways import name_of
from core.identity.audit import verify_chain
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.texts import vi_of
from core.merchants import directory as merchants
from core.payments.checkouts import open_checkout
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from core.statistics.channels import (
    attention_of,
    channels_of,
    find_channel,
    last_notices,
    overdue_before,
    unmapped_statuses,
)
from gateway.console.frame.labels import label
from gateway.console.setup.callback_urls import callback_urls_of
from gateway.console.setup.channels import settings_of
from sandbox.vnpay import signed_query

TOTAL_VND = 500_000
LIST = "/console/channels"


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND, TOTAL_VND])
    await hire(engine, world, "ketoan")
    await hire(engine, world, "hieutruong", "approver")
    return world


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for_tests(base_url=BASE_URL)
    async with gateway_client(database_url, settings) as client:
        yield client


@pytest.fixture
async def console(world: World, client: httpx.AsyncClient) -> ConsoleSession:
    """An approver, signed in."""
    console = ConsoleSession(client)
    await console.sign_in("hieutruong")
    return console


@contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile; the application's own configuration comes back."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)


async def order(engine: AsyncEngine, world: World, invoice: int = 0) -> str:
    """A checkout by VNPAY under way; what VNPAY was given."""
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, "vnpay")
        opened = await open_checkout(db, merchant, world.invoices[invoice].id, at=now_utc())
    return opened.merchant_reference


async def tell(client: httpx.AsyncClient, world: World, reference: str, status: str) -> str:
    """VNPAY's IPN with a TransactionStatus; the RspCode that it gets."""
    fields = {
        "vnp_TmnCode": SETTINGS["vnpay"]["tmn_code"],
        "vnp_TxnRef": reference,
        "vnp_Amount": str(TOTAL_VND * 100),
        "vnp_TransactionNo": "14422574",
        "vnp_ResponseCode": "00",
        "vnp_TransactionStatus": status,
        "vnp_PayDate": "20260910090000",
    }
    query = signed_query(fields, SECRETS["vnpay"]["hash_secret"])
    answer = await client.get(f"/ipn/vnpay/{world.merchants['vnpay'][1]}?{query}")
    code: str = answer.json()["RspCode"]
    return code


async def advise(
    engine: AsyncEngine, world: World, adapter: str, *, days_ago: int, number: str, **more: Any
) -> int:
    """Money told by a bank's push some days ago; the notice's id."""
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, adapter)
        notice = Notice(
            transaction_id=f"{adapter}.{number}",
            outcome=Outcome.PAID,
            amount_vnd=120_000,
            paid_at=now_utc() - timedelta(days=days_ago),
            content="NGUYEN VAN BI MAT CHUYEN TIEN",
            bank_transaction_id=number,
            **more,
        )
        recorded = await ingest_notices(db, [InboundNotice(merchant, notice, b"{}")])
    return int(recorded.verdicts[0].record_id)


async def test_the_list_shows_what_each_channel_does(
    engine: AsyncEngine, world: World, console: ConsoleSession
) -> None:
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    await advise(engine, world, "sepay", days_ago=29, number="OLD1")
    await advise(engine, world, "sepay", days_ago=30, number="OLD2")
    await order(engine, world, 1)
    today = business_date(now_utc())
    async with transaction(engine) as db:
        found = {one.adapter: one for one in await channels_of(db, world.school_id, today)}
    assert set(found) == set(world.merchants)
    sepay, vnpay, idle = found["sepay"], found["vnpay"], found["casso"]
    assert (sepay.today_count, sepay.today_vnd) == (1, TOTAL_VND)
    assert (sepay.window_count, sepay.window_vnd) == (2, TOTAL_VND + 120_000)
    assert sepay.last_vnd == 120_000
    assert (vnpay.asked_count, vnpay.settlement) == (1, "batch")
    assert (idle.window_count, idle.last_at, idle.asked_count) == (0, None, 0)
    shown = (await console.get(LIST)).text
    for text in (
        "620.000",
        "Ví MoMo",
        world.bank_number,
        "Quyết toán theo lô",
        "1 đơn đang hỏi kết quả",
    ):
        assert text in shown, text
    english = (await console.get(f"{LIST}?lang=en")).text
    assert "MoMo wallet" in english
    assert "1 orders being asked about" in english


@pytest.mark.parametrize("adapter", sorted(IPN))
def test_every_screen_calls_a_channel_as_parents_know_it(adapter: str) -> None:
    vi, en = in_both(label("channel", adapter))
    assert (vi, en) == in_both(name_of(adapter))
    assert adapter not in (vi, en)
    assert (vi, en) != in_both(label("channel", "no such channel"))


async def test_the_last_payments_name_their_channel(
    engine: AsyncEngine, world: World, console: ConsoleSession
) -> None:
    await advise(engine, world, "casso", days_ago=0, number="FT1")
    shown = (await console.get("/console")).text
    assert "Chuyển khoản ngân hàng" in shown
    assert ">casso<" not in shown
    assert vi_of(label("channel", "statement")) in (await console.get(LIST)).text


async def test_an_undefined_state_is_pending_logged_once_and_shown(
    engine: AsyncEngine, world: World, console: ConsoleSession
) -> None:
    assert "trạng thái lạ" not in (await console.get("/console")).text
    reference = await order(engine, world)
    with logged() as lines:
        assert await tell(console.client, world, reference, "88") == "00"
        assert await tell(console.client, world, reference, "88") == "02"
    said = [line for line in lines if line["event"] == "notice.unmapped_status"]
    assert len(said) == 1
    assert (said[0]["adapter"], said[0]["status"]) == ("vnpay", "88")
    assert reference not in str(lines)
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 0
        (word,) = await unmapped_statuses(db, world.school_id)
    assert (word.status, word.count, word.open_count, word.references) == ("88", 1, 1, (reference,))
    shown = (await console.get(LIST)).text
    assert "<code>88</code>" in shown
    assert reference in shown
    assert "1 tin có trạng thái lạ" in (await console.get("/console")).text
    page = (await console.get(f"{LIST}/{world.merchants['vnpay'][0]}")).text
    assert f"/console/invoices/{world.invoices[0].id}" in page

    assert await tell(console.client, world, reference, "00") == "00"  # VNPAY says how it ended
    async with transaction(engine) as db:
        (word,) = await unmapped_statuses(db, world.school_id)
    assert (word.count, word.open_count, word.references) == (1, 0, ())
    assert "trạng thái lạ" not in (await console.get("/console")).text


async def test_unsigned_money_waits_until_another_channel_confirms_it(
    engine: AsyncEngine, world: World, console: ConsoleSession
) -> None:
    today = business_date(now_utc())

    async def waiting() -> tuple[int, int, int]:
        channel_id = world.merchants["vietcombank"][0]
        async with transaction(engine) as db:
            found = await find_channel(db, world.school_id, channel_id, today)
            hint = await attention_of(db, world.school_id, today)
        return found.waiting_count, found.waiting_vnd, hint.overdue_count

    await advise(engine, world, "vietcombank", days_ago=0, number="VCB0", is_provisional=True)
    assert await waiting() == (1, 120_000, 0)
    await advise(engine, world, "vietcombank", days_ago=7, number="VCB7", is_provisional=True)
    assert await waiting() == (2, 240_000, 1)
    assert "1 khoản (120.000" in (await console.get("/console")).text
    assert "Quá hạn xác nhận" in (await console.get(LIST)).text
    await advise(engine, world, "sepay", days_ago=7, number="VCB7", payee_account=world.bank_number)
    assert await waiting() == (1, 120_000, 0)
    assert "làm việc chưa được" not in (await console.get("/console")).text


@pytest.mark.parametrize(
    ("today", "first_in_time"),
    [
        (date(2026, 11, 27), date(2026, 11, 25)),  # Friday
        (date(2026, 11, 23), date(2026, 11, 19)),  # Monday: the weekend does not count
        (date(2026, 11, 22), date(2026, 11, 19)),  # Sunday
    ],
)
def test_overdue_counts_weekdays(today: date, first_in_time: date) -> None:
    assert overdue_before(today) == first_in_time


async def test_a_channels_page_shows_addresses_settings_and_messages_but_no_secret_and_no_payer(
    engine: AsyncEngine, world: World, console: ConsoleSession
) -> None:
    await receive(engine, world, TOTAL_VND, f"{world.invoices[0].reference} BO DE NOP")
    await advise(engine, world, "sepay", days_ago=0, number="FT9")
    for adapter, (channel_id, key) in world.merchants.items():
        answer = await console.get(f"{LIST}/{channel_id}")
        assert answer.status_code == 200, adapter
        for secret in SECRETS[adapter].values():
            assert secret not in answer.text, adapter
        for value in SETTINGS[adapter].values():
            assert value.replace('"', "&#34;") in answer.text, (adapter, value)
        assert (f"{BASE_URL}/ipn/{adapter}/{key}" in answer.text) is (adapter in IPN)
    shown = (await console.get(f"{LIST}/{world.merchants['sepay'][0]}")).text
    assert world.invoices[0].reference in shown
    for text in ("NOP", "BI MAT", "Nguyễn Minh Anh"):
        assert text not in shown
    assert "apikey" in shown  # the adapter's own explanation of `auth`
    assert (await console.get(f"{LIST}/999999")).status_code == 404


async def test_the_last_messages_are_the_newest_of_this_channel(
    engine: AsyncEngine, world: World
) -> None:
    for index in range(4):
        await advise(
            engine, world, "sepay", days_ago=0, number=f"A{index}", merchant_reference=f"R{index}"
        )
        await advise(engine, world, "casso", days_ago=0, number=f"B{index}")
    async with transaction(engine) as db:
        found = await last_notices(db, world.school_id, world.merchants["sepay"][0], limit=3)
    assert [one.reference for one in found] == ["R3", "R2", "R1"]


@pytest.mark.parametrize("adapter", sorted(IPN))
def test_addresses_are_the_paths_that_the_adapter_reads(adapter: str) -> None:
    settings = SETTINGS[adapter]
    home = f"{BASE_URL}/ipn/{adapter}/key"

    def is_read(path: str) -> bool:
        """Whether the adapter knows the path: any refusal of an empty message but "no such path"."""
        return any(
            _refusal(adapter, method, path) is not Refused.NOT_FOUND for method in ("POST", "GET")
        )

    callbacks = callback_urls_of(adapter, "key", settings, BASE_URL)
    assert callbacks
    for one in callbacks:
        path = one.url.removeprefix(home).removeprefix(f"{BASE_URL}/portal/key")
        assert is_read(path), one.url
    assert not is_read("/no-such-path")
    named = {one.url.removeprefix(home) for one in callbacks}
    assert is_read("") == ("" in named)
    assert not {one.name for one in settings_of(adapter, settings)} & set(SECRETS[adapter])


def _refusal(adapter_name: str, method: str, path: str) -> Refused | None:
    adapter = IPN[adapter_name]
    account = MerchantAccount(
        account_key="key", secrets=SECRETS[adapter_name], settings=SETTINGS[adapter_name]
    )
    message = Request(
        method=method,
        path=path,
        query=b"",
        headers={},
        body=b"",
        received_at=datetime(2026, 9, 10, tzinfo=UTC),
    )
    try:
        adapter.read(message, account)
    except RefusedError as refused:
        return refused.reason
    return None


async def test_an_approver_turns_a_channel_off_and_on(
    engine: AsyncEngine, world: World, console: ConsoleSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merchants, "CACHE_S", 0.0)
    channel_id = world.merchants["vnpay"][0]
    page = f"{LIST}/{channel_id}"
    pay = f"/pay/{world.invoices[0].token}"
    assert "15 giây" in (await console.get(page)).text
    assert "/checkout/vnpay" in (await console.client.get(pay)).text
    nothing = await console.send(f"{page}/switch", to="off", reason=" \n ")
    assert nothing.status_code == 422
    assert (await console.send(f"{page}/switch", to="sideways", reason="x")).status_code == 422

    off = await console.send(f"{page}/switch", to="off", reason="VNPAY đổi hợp đồng")
    assert off.headers["location"] == f"{page}?done=channel_disabled"
    shown = (await console.get(page)).text
    assert "VNPAY đổi hợp đồng" in shown
    assert "Đang tắt" in shown
    assert "/checkout/vnpay" not in (await console.client.get(pay)).text
    assert await tell(console.client, world, "HPX", "00") != "00"
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM notice") == 0
    assert (await console.send(f"{page}/switch", to="off", reason="lần nữa")).status_code == 409

    on = await console.send(f"{page}/switch", to="on", reason="Đã ký lại")
    assert on.headers["location"] == f"{page}?done=channel_enabled"
    reference = await order(engine, world)
    assert await tell(console.client, world, reference, "00") == "00"
    async with transaction(engine) as db:
        entries = await db.raw.fetch(
            "SELECT actor, action, detail->>'reason' AS reason FROM audit_entry WHERE subject = $1 ORDER BY id",
            f"merchant_account:{channel_id}",
        )
        assert (await verify_chain(db, world.school_id)).broken_at is None
    assert [tuple(entry) for entry in entries] == [
        ("hieutruong", "channel.disabled", "VNPAY đổi hợp đồng"),
        ("hieutruong", "channel.enabled", "Đã ký lại"),
    ]


async def test_nobody_else_may_switch(
    engine: AsyncEngine, world: World, client: httpx.AsyncClient
) -> None:
    async with transaction(engine) as db:
        other = await make_world(db, [TOTAL_VND], code="TH02")
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    own = f"{LIST}/{world.merchants['vnpay'][0]}"
    shown = (await console.get(own)).text
    assert 'name="reason"' not in shown
    assert (await console.send(f"{own}/switch", to="off", reason="x")).status_code == 403
    client.cookies.clear()
    await console.sign_in("hieutruong")
    await console.get(own)
    foreign = f"{LIST}/{other.merchants['vnpay'][0]}"
    assert (await console.get(foreign)).status_code == 404
    assert (await console.send(f"{foreign}/switch", to="off", reason="x")).status_code == 404
    statement = f"{LIST}/{world.merchants['statement'][0]}"
    assert (await console.send(f"{statement}/switch", to="off", reason="x")).status_code == 409
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT bool_and(enabled) FROM merchant_account")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)], ids=["screen", "phone"])
async def test_the_pages_fit_and_work_by_keyboard(
    engine: AsyncEngine,
    world: World,
    browser: Browser,
    live_server: LiveServer,
    width: int,
    height: int,
) -> None:
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    await advise(engine, world, "vietcombank", days_ago=7, number="VCB7", is_provisional=True)
    reference = await order(engine, world, 1)
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        await tell(client, world, reference, "88_TREO_CHO_DUYET_LAI")
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto(f"{live_server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill("hieutruong")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 tin có trạng thái lạ")).to_be_visible()
    await fits(page)
    await page.get_by_role("link", name="Xem Kênh thu").click()
    await expect(page.get_by_role("heading", name="Trạng thái lạ từ")).to_be_visible()
    await expect(page.get_by_text(reference)).to_be_visible()
    await fits(page)
    await page.get_by_role("table").first.get_by_role("link", name="Ví hoặc thẻ qua VNPAY").click()
    await expect(page.get_by_role("heading", name="50 tin gần nhất")).to_be_visible()
    await fits(page)
    await page.get_by_text("Tắt kênh này").press("Enter")
    await page.get_by_label("Lý do").fill("Đổi hợp đồng")
    await fits(page)
    await page.get_by_role("button", name="Tắt kênh").press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("Đã tắt kênh thu")
    await fits(page)
    await page.goto(f"{live_server.url}{LIST}?lang=en")
    await expect(page.get_by_role("heading", name="Channels", exact=True)).to_be_visible()
    await fits(page)
    assert complaints == []
    await context.close()


async def fits(page: Page) -> None:
    spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(spill) == 0, page.url
