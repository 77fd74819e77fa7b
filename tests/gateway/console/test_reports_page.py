"""Báo cáo: the screens and their files over HTTP, and as a browser shows them on a phone and a console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO

import httpx
import pytest
from playwright.async_api import Browser, expect
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.live import LiveServer
from support.serving import BASE_URL, gateway_client, settings_for_tests
from support.staff import PASSWORD, ConsoleSession, hire, receive
from support.texts import in_both

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.money import format_vnd
from gateway.console.books.report_sheets import channel_columns, channel_name

PAGE = "/console/reports"
KINDS = ("debt", "collected", "cashless", "bank-book")


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """Two invoices due long ago: one paid with 40,000 VND too much today, one open; 7,000 in suspense."""
    async with transaction(engine) as db:
        world = await make_world(db, [500_000, 300_000])
        await db.raw.execute(
            "UPDATE invoice SET due_on = $1", business_date(now_utc()) - timedelta(45)
        )
    await hire(engine, world, "ketoan")
    await receive(engine, world, 540_000, world.invoices[0].reference)
    await receive(engine, world, 7_000, "chuyen tien")
    return world


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for_tests(base_url=BASE_URL)
    async with gateway_client(database_url, settings) as client:
        yield client


@pytest.fixture
async def console(world: World, client: httpx.AsyncClient) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    return console


def rows_of(content: bytes) -> list[list[object]]:
    """The only sheet of a workbook."""
    book = CalamineWorkbook.from_filelike(BytesIO(content))
    return book.get_sheet_by_index(0).to_python()


async def test_screen_and_file_say_the_same(console: ConsoleSession) -> None:
    expected = {
        "debt": ["Cộng", "", 1, 300_000, 0, 0, 300_000, 0, 0],
        "collected": ["Cộng", "", 547_000, 547_000],
        "cashless": ["Cộng", 547_000, 547_000, 1, 2, 2, 1],
        "bank-book": ["", "Số dư cuối ngày", "", "", 547_000, 0, 547_000],
    }
    for kind in KINDS:
        page = await console.get(f"{PAGE}/{kind}")
        assert page.status_code == 200
        assert 'aria-current="page"><svg' in page.text  # the navigation knows where we are
        assert "<script" not in page.text.replace("<script src", "")
        file = await console.get(f"{PAGE}/{kind}/file")
        assert file.headers["content-disposition"].endswith('.xlsx"')
        rows = rows_of(file.content)
        assert rows[-1] == expected[kind]
        for amount_vnd in expected[kind]:
            if isinstance(amount_vnd, int) and amount_vnd > 100:
                assert format_vnd(amount_vnd, "vi") in page.text
        assert "Minh Anh" not in page.text + str(rows)


async def test_the_english_file_speaks_english(console: ConsoleSession) -> None:
    page = await console.get(f"{PAGE}/collected?lang=en")
    assert "A part payment fills the invoice" in page.text
    rows = rows_of((await console.get(f"{PAGE}/collected/file?lang=en")).content)
    assert rows[0][0] == "Collected by fee item and channel"
    assert ["Pupils' credit", "", 40_000, 40_000] in rows
    assert ["In suspense", "", 7_000, 7_000] in rows


async def test_what_cannot_be_read_is_said(console: ConsoleSession, world: World) -> None:
    assert (await console.get(f"{PAGE}/nothing")).status_code == 404
    for query in ("until=x", "until=1999-12-31", "since=2026-09-02&until=2026-09-01",
                  "since=2020-01-01&until=2026-09-01"):  # fmt: skip
        page = await console.get(f"{PAGE}/collected?{query}")
        assert page.status_code == 400
        assert 'role="alert"' in page.text
        assert (await console.get(f"{PAGE}/collected/file?{query}")).status_code == 400
    assert (await console.get(f"{PAGE}/bank-book?account=999999")).status_code == 404
    other = await console.get(f"{PAGE}/bank-book?account={world.other_bank_account_id}")
    assert world.other_bank_number in other.text


async def test_another_schools_account_is_unknown(
    console: ConsoleSession, engine: AsyncEngine
) -> None:
    async with transaction(engine) as db:
        foreign = await make_world(db, [100_000], code="TH99")
    answer = await console.get(f"{PAGE}/bank-book?account={foreign.bank_account_id}")
    assert answer.status_code == 404
    assert foreign.bank_number not in answer.text


async def test_nothing_is_shown_to_strangers(world: World, client: httpx.AsyncClient) -> None:
    for kind in KINDS:
        for path in (f"{PAGE}/{kind}", f"{PAGE}/{kind}/file"):
            answer = await client.get(path)
            assert answer.status_code == 303
            assert "login" in answer.headers["location"]


async def test_a_school_without_invoices_sees_empty_reports(
    engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [])
    await hire(engine, world, "ketoan")
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    for kind in KINDS:
        assert (await console.get(f"{PAGE}/{kind}")).status_code == 200
        assert (await console.get(f"{PAGE}/{kind}/file")).status_code == 200


@pytest.mark.parametrize("width", [360, 1280])
async def test_it_fits_a_phone_and_a_large_screen(
    browser: Browser, live_server: LiveServer, world: World, width: int
) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(f"{live_server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Báo cáo").click()
    for name in ("Công nợ", "Đã thu", "Không tiền mặt", "Sổ tiền gửi"):
        tabs = page.get_by_role("navigation", name="Các báo cáo")
        await tabs.get_by_role("link", name=name).click()
        await expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("img")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Tải XLSX").click()
    assert (await download.value).suggested_filename.startswith("bank-book-")
    assert complaints == []
    await page.close()


def test_channels_that_are_called_alike_are_told_apart() -> None:
    assert channel_columns(["sepay", "momo", "cash"])[0] == channel_name("sepay")
    assert list(map(in_both, channel_columns(["sepay", "mb", "momo"]))) == [
        ("Chuyển khoản ngân hàng (sepay)", "Bank transfer (sepay)"),
        ("Chuyển khoản ngân hàng (mb)", "Bank transfer (mb)"),
        in_both(channel_name("momo")),
    ]
    assert in_both(channel_name("cash")) == ("Tiền mặt", "Cash")
    assert in_both(channel_name("")) == ("Không qua kênh", "No channel")
