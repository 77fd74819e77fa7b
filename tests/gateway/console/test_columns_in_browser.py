"""Saying which column is what, as a browser sees it: by keyboard, on a large screen and on a phone, nothing spills."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.column_files import rows
from support.factories import World, make_world
from support.live import LiveServer
from support.staff import PASSWORD, hire
from support.table_files import as_xlsx

from core.kit.database import transaction

pytestmark = pytest.mark.browser


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [500_000])
    await hire(engine, world, "ketoan")
    return world


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height})
    yield await context.new_page()
    await context.close()


async def fits(page: Page) -> None:
    spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(spill) == 0, page.url


async def test_an_unknown_file_is_explained_by_keyboard_and_read(
    page: Page, live_server: LiveServer, world: World, tmp_path: Path
) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    file = tmp_path / "sao-ke.xlsx"
    file.write_bytes(as_xlsx(rows()))
    await page.goto(f"{live_server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hôm nay")).to_be_visible()
    await page.goto(f"{live_server.url}/console/imports")
    await page.locator("#statement-file").set_input_files(file)
    await page.locator("section:has(#statement-file) button").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await fits(page)
    await page.get_by_role("link", name="Chỉ ra các cột của tệp…").click()
    await expect(page.get_by_role("heading", name="Cột nào là gì?")).to_be_visible()
    await fits(page)
    await page.get_by_label("Số tiền có dấu").focus()
    await page.keyboard.type("Số phát")
    await page.get_by_label("Mã giao dịch của ngân hàng").select_option("Mã tra soát")
    await page.get_by_role("button", name="Đọc thử").press("Enter")
    await expect(page.get_by_role("cell", name="LAN MOT").last).to_be_visible()
    await fits(page)
    if place := os.environ.get("HOCPHI_SHOTS"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        await page.screenshot(path=f"{place}/columns-{width}.png", full_page=True)
    await page.get_by_role("button", name="Lưu và xem trước tệp").press("Enter")
    await expect(page.get_by_role("button", name="Chấp nhận")).to_be_visible()
    await expect(page.get_by_role("status").first).to_contain_text("Đã lưu cách đọc")
    await fits(page)
    assert complaints == []
