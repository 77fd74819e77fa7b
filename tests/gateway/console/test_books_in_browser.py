"""An approver in a browser: the trial balance downloads, an account of the school's own is chosen."""

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
    await hire(engine, world, "hieutruong", "approver")
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    return world


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def context(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[BrowserContext]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height})
    yield context
    await context.close()


async def test_an_approver_takes_a_book_and_chooses_an_account(
    context: BrowserContext, live_server: LiveServer, world: World
) -> None:
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    async def fits() -> None:
        spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(spill) == 0, page.url

    await page.goto(f"{live_server.url}/console/exports")
    await page.get_by_label("Tên đăng nhập").fill("hieutruong")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_label("Từ ngày").fill("2026-09-01")
    await fits()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Bảng cân đối số phát sinh").click()
    file = await download.value
    assert file.suggested_filename.startswith("hocphi-trial-balance-2026-09-01-")
    assert await file.failure() is None

    await page.get_by_role("link", name="Hệ thống tài khoản của trường").click()
    await expect(page.get_by_label("Mục đích")).to_be_visible()
    await fits()
    await page.get_by_label("Mục đích").select_option("bank")
    await page.get_by_label("Số hiệu tài khoản").fill("1121")
    await page.get_by_role("button", name="Ghi tài khoản").click()
    await expect(page.get_by_role("status")).to_have_text("Đã ghi tài khoản.")
    await expect(page.get_by_role("cell", name="1121").first).to_be_visible()
    await fits()
    assert complaints == []
