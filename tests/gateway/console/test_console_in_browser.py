"""An accountant at work, as a browser sees it: money with an unreadable text finds its invoice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.live import LiveServer
from support.staff import PASSWORD, hire, receive

from core.kit.database import transaction

pytestmark = pytest.mark.browser

TOTAL_VND = 1_250_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND])
    await hire(engine, world, "ketoan")
    await receive(engine, world, TOTAL_VND, "NGUYEN MINH ANH NOP TIEN AN LOP 3A")
    return world


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def context(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[BrowserContext]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height})
    yield context
    await context.close()


async def test_an_accountant_places_money_from_suspense(
    context: BrowserContext, live_server: LiveServer, world: World, engine: AsyncEngine
) -> None:
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    async def fits() -> None:
        spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(spill) == 0, page.url

    await page.goto(f"{live_server.url}/console/exceptions")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    queue = page.get_by_role("table")
    await expect(queue.get_by_role("row")).to_have_count(2)
    await fits()

    await queue.get_by_role("link", name="Không rõ nội dung chuyển khoản").click()
    await expect(page.get_by_text("NGUYEN MINH ANH NOP TIEN AN LOP 3A")).to_be_visible()
    await expect(page.get_by_text("có tên học sinh")).to_be_visible()
    await fits()
    await page.get_by_role("link", name="Ghi vào đây").click()

    await expect(page.get_by_text("phiếu báo thu đủ tiền")).to_be_visible()
    reason = page.get_by_label("Lý do (bắt buộc)")
    await expect(reason).to_have_value("Nội dung có tên học sinh")  # suggested, and changed
    await reason.fill("Đúng tên và lớp")
    await fits()
    await page.get_by_role("button", name="Ghi vào phiếu báo thu này").click()

    await expect(page.get_by_role("status")).to_contain_text("Đã ghi khoản tiền vào phiếu báo thu")
    await expect(page.get_by_text("Không có ngoại lệ nào ở đây.")).to_be_visible()
    async with transaction(engine) as db:
        paid_vnd = await db.raw.fetchval("SELECT paid_vnd FROM invoice")
    assert paid_vnd == TOTAL_VND

    await page.get_by_role("link", name="Phiếu báo thu").click()
    await page.get_by_role("link", name="Nguyễn Minh Anh").click()
    await expect(page.get_by_text("Đã xác nhận (thủ công)")).to_have_count(2)  # invoice, payment
    await fits()
    assert complaints == []


async def test_the_keyboard_skips_the_navigation(
    context: BrowserContext, live_server: LiveServer, world: World
) -> None:
    page = await context.new_page()
    await page.goto(f"{live_server.url}/console/login")
    await expect(page.get_by_label("Tên đăng nhập")).to_be_focused()
    await page.keyboard.type("ketoan")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hôm nay")).to_be_visible()
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Đến nội dung chính")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
