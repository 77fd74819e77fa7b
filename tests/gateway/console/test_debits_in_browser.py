"""The page of debits in a browser, on a large screen and on a phone: ticked, previewed, booked, opened one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World
from support.live import LiveServer
from support.staff import PASSWORD, receive
from test_console_debits import world as world_of_debits

pytestmark = pytest.mark.browser

world = world_of_debits  # the fixture


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def context(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[BrowserContext]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height})
    yield context
    await context.close()


async def test_a_fee_is_booked_and_a_line_paid_on(
    context: BrowserContext, live_server: LiveServer, world: World, engine: AsyncEngine
) -> None:
    await receive(engine, world, 70_000, "chuyen noi bo")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    async def fits(name: str) -> None:
        spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(spill) == 0, name

    await page.goto(f"{live_server.url}/console/debits")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("checkbox")).to_have_count(3)
    for box in (await page.get_by_role("checkbox").all())[:2]:
        await box.check()
    await fits("list")
    await page.get_by_role("button", name="Xem trước").click()
    await expect(page.get_by_text("33.000")).to_be_visible()
    await fits("preview")
    await page.get_by_role("button", name="Ghi phí ngân hàng").click()
    await expect(page.get_by_role("checkbox")).to_have_count(1)

    await page.locator("tbody th a").click()
    await page.get_by_role("radio", name="Chi trả khoản thu hộ").check()
    await page.get_by_label("Bảo hiểm y tế").fill("500.000")
    await fits("debit")
    await page.get_by_label("Chi nhiều hơn").check()
    await page.locator("#debit-note").fill("chi trước")
    await page.get_by_role("button", name="Ghi sổ").click()
    await expect(page.get_by_role("heading", name="Chi trả khoản thu hộ")).to_be_visible()
    await fits("booked")
    await page.get_by_role("link", name="Mở ngoại lệ").click()
    await fits("exception")

    await page.goto(f"{live_server.url}/console/exceptions?reason=unknown_reference")
    await page.locator("main a[href*='/console/exceptions/']").first.click()
    await page.get_by_role("link", name="Không phải tiền của phụ huynh").click()
    await fits("own money")
    await page.get_by_label("Chuyển từ tài khoản khác").check()
    await page.get_by_label("Vì sao biết").fill("giấy báo có")
    await page.get_by_role("button", name="Ghi sổ").click()
    await expect(page.get_by_role("heading", name="Đã ghi sổ")).to_be_visible()

    await page.goto(f"{live_server.url}/console/exports")
    await page.get_by_label("Phần mềm của trường").check()
    await page.get_by_role("button", name="Xuất sổ").click()
    await expect(page.get_by_text("chưa xác nhận đã nhận")).to_be_visible()
    await fits("exports")
    assert complaints == []
