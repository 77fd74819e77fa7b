"""A refund as a browser sees it, on a large screen and on a phone: asked for by keyboard, nothing spills."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.live import LiveServer
from support.refund_school import PAYEE, sound
from support.staff import PASSWORD, hire, receive

from core.kit.database import transaction

pytestmark = pytest.mark.browser

TOTAL_VND = 1_250_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND])
    await hire(engine, world, "ketoan")
    await hire(engine, world, "hieutruong", "approver")
    await receive(engine, world, TOTAL_VND + 50_000, world.invoices[0].reference)
    return world


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def contexts(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[list[BrowserContext]]:
    width, height = request.param
    made = [
        await browser.new_context(viewport={"width": width, "height": height}) for _ in range(2)
    ]
    yield made
    for context in made:
        await context.close()


async def signed_in(context: BrowserContext, server: LiveServer, username: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill(username)
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hôm nay")).to_be_visible()
    return page


async def fits(page: Page) -> None:
    spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(spill) == 0, page.url


async def test_a_refund_is_asked_for_approved_and_listed(
    contexts: list[BrowserContext], live_server: LiveServer, world: World, engine: AsyncEngine
) -> None:
    page = await signed_in(contexts[0], live_server, "ketoan")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto(f"{live_server.url}/console/invoices/{world.invoices[0].id}")
    await fits(page)
    await page.get_by_role("link", name="Hoàn tiền…").click()
    await expect(page.get_by_role("heading", name="Đề nghị hoàn tiền")).to_be_visible()
    await fits(page)
    await page.get_by_label("Số tiền hoàn").focus()
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("50000")
    await page.get_by_label("Lý do").fill("Nộp thừa")
    await page.get_by_label("Ngân hàng", exact=True).select_option(PAYEE.bin)
    await page.get_by_label("Số tài khoản").fill(PAYEE.number)
    await page.get_by_label("Tên chủ tài khoản").fill("Nguyễn Văn A")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Đã ghi đề nghị hoàn tiền")
    await expect(page.get_by_role("heading", name="HOAN000001")).to_be_visible()
    await fits(page)
    refund = page.url.split("?")[0]

    head = await signed_in(contexts[1], live_server, "hieutruong")
    await head.goto(refund)
    await fits(head)
    await head.get_by_role("button", name="Duyệt hoàn").click()
    await expect(head.get_by_role("status")).to_contain_text("Đã duyệt hoàn tiền")

    await page.get_by_role("link", name="Hoàn tiền").first.click()
    await expect(page.get_by_text("Đã duyệt", exact=True)).to_be_visible()
    await fits(page)
    await page.get_by_role("button", name="Lập danh sách chi hoàn").click()
    await expect(page.get_by_role("link", name="Tải về")).to_be_visible()
    await fits(page)
    await page.get_by_role("link", name="HOAN000001").click()
    await fits(page)
    await page.get_by_role("button", name="Xác nhận đã chi").click()
    await expect(page.get_by_role("status")).to_contain_text("Đã ghi sổ hoàn tiền")
    await fits(page)
    assert await sound(engine, world) == [TOTAL_VND]  # the pupil's credit went back, nothing else
    assert complaints == []
