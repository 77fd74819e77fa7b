"""The demo's promise, in a browser: press "pay with the sandbox bank" and the page says "paid" by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from factories import SECRETS, World, make_world
from live import LiveServer, listening, served
from playwright.async_api import Browser, expect
from serving import settings_for_tests
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.app import create_app
from gateway.kit.database import transaction
from sandbox.bank import Bank, BankAccount
from sandbox.pages import Sandbox
from sandbox.pushes import Subscriber
from sandbox.vnpay import Vnpay

pytestmark = pytest.mark.browser

TOTAL_VND = 640_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND])


@pytest.fixture
async def sandbox_server(world: World, database_url: str) -> AsyncIterator[LiveServer]:
    with listening() as (listener, url):
        app = create_app(settings_for_tests(base_url=url, sandbox=True), database_url)
        app.state.sandbox = Sandbox(
            bank=Bank([BankAccount(bin="970436", number=world.bank_number, holder="TRUONG")]),
            subscribers=[
                Subscriber(
                    provider="sepay",
                    account_number=world.bank_number,
                    ipn_url=f"{url}/ipn/sepay/{world.merchants['sepay'][1]}",
                    secrets=SECRETS["sepay"],
                )
            ],
            vnpay=Vnpay([]),
        )
        with served(app, listener):
            yield LiveServer(url)


async def test_the_sandbox_bank_pays_and_the_waiting_page_turns_to_paid(
    browser: Browser, sandbox_server: LiveServer, world: World, engine: AsyncEngine
) -> None:
    address = f"{sandbox_server.url}/pay/{world.invoices[0].token}"
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    waiting, paying = await context.new_page(), await context.new_page()
    await waiting.goto(address)
    await paying.goto(address)
    await expect(waiting.get_by_role("heading", name="Số tiền cần nộp")).to_be_visible()
    await paying.get_by_role("button", name="Trả bằng ngân hàng thử nghiệm").click()
    for page in (waiting, paying):
        await expect(page.get_by_role("heading", name="Đã thanh toán đủ")).to_be_visible()
        await expect(page.locator("a[href*='/receipts/']").first).to_be_visible()
    async with transaction(engine) as db:
        assert await db.fetchval("SELECT paid_vnd FROM invoice") == TOTAL_VND
    await context.close()
