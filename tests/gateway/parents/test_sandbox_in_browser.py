"""The demo's promise, in a browser: pay at the sandbox's bank or a provider's page, and "paid" appears by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, SETTINGS, World, make_world
from support.live import LiveServer, listening, served
from support.serving import settings_for_tests

from core.kit.database import transaction
from gateway.app import create_app
from sandbox.bank import Bank, BankAccount
from sandbox.pages import ROUTES, Sandbox
from sandbox.provider import Merchant
from sandbox.providers import open_servers

pytestmark = pytest.mark.browser

TOTAL_VND = 640_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND])


@pytest.fixture
async def sandbox_server(
    world: World, engine: AsyncEngine, database_url: str
) -> AsyncIterator[LiveServer]:
    with listening() as (listener, url):
        at_servers = {
            "vnpay": {"pay_url": f"{url}/sandbox/vnpay/pay"},
            "momo": {"api_url": f"{url}/sandbox/momo/v2/gateway/api"},
        }
        async with transaction(engine) as db:
            await db.raw.executemany(
                "UPDATE merchant_account SET settings = settings || $2::jsonb WHERE adapter = $1",
                [(name, json.dumps(more)) for name, more in at_servers.items()],
            )

        def merchant(provider: str) -> Merchant:
            return Merchant(
                provider=provider,
                ipn_url=f"{url}/ipn/{provider}/{world.merchants[provider][1]}",
                account_number=world.bank_number,
                settings=SETTINGS[provider] | at_servers.get(provider, {}),
                secrets=SECRETS[provider],
            )

        app = create_app(settings_for_tests(base_url=url, sandbox=True), database_url, ROUTES)
        app.state.sandbox = Sandbox(
            bank=Bank([BankAccount(bin="970436", number=world.bank_number, holder="TRUONG")]),
            notified={world.bank_number: merchant("sepay")},
            servers=open_servers([merchant(provider) for provider in at_servers]),
        )
        with served(app, listener):
            yield LiveServer(url)


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    yield context
    await context.close()


async def expect_paid(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Đã thanh toán đủ")).to_be_visible()
    await expect(page.locator("a[href*='/receipts/']").first).to_be_visible()


async def booked(engine: AsyncEngine) -> tuple[int, int]:
    """(what is paid on the invoice, how many payments there are)."""
    async with transaction(engine) as db:
        return (
            await db.raw.fetchval("SELECT paid_vnd FROM invoice"),
            await db.raw.fetchval("SELECT count(*) FROM payment"),
        )


async def test_the_sandbox_bank_pays_and_the_waiting_page_turns_to_paid(
    phone: BrowserContext, sandbox_server: LiveServer, world: World, engine: AsyncEngine
) -> None:
    address = f"{sandbox_server.url}/pay/{world.invoices[0].token}"
    waiting, paying = await phone.new_page(), await phone.new_page()
    await waiting.goto(address)
    await paying.goto(address)
    await expect(waiting.get_by_role("heading", name="Số tiền cần nộp")).to_be_visible()
    await paying.get_by_role("button", name="Trả bằng ngân hàng thử nghiệm").click()
    for page in (waiting, paying):
        await expect_paid(page)
    assert await booked(engine) == (TOTAL_VND, 1)


@pytest.mark.parametrize("provider", ["vnpay", "momo"])
async def test_a_parent_pays_at_the_providers_page_and_every_open_page_turns_to_paid(
    provider: str,
    phone: BrowserContext,
    sandbox_server: LiveServer,
    world: World,
    engine: AsyncEngine,
) -> None:
    address = f"{sandbox_server.url}/pay/{world.invoices[0].token}"
    waiting, paying = await phone.new_page(), await phone.new_page()
    await waiting.goto(address)
    await paying.goto(address)
    await paying.locator(f"form[action*='/checkout/{provider}'] button").click()
    await paying.wait_for_url(f"{sandbox_server.url}/sandbox/{provider}/pay?**")
    await expect(paying.get_by_text("640.000 đ")).to_be_visible()
    assert await paying.evaluate("document.documentElement.scrollWidth") == 360
    assert await booked(engine) == (0, 0)
    await paying.get_by_role("button", name="Thanh toán / Pay").click()
    await paying.wait_for_url(f"{address}/return/{provider}?**")
    for page in (waiting, paying):
        await expect_paid(page)
    assert await booked(engine) == (TOTAL_VND, 1)


@pytest.mark.parametrize("provider", ["vnpay", "momo"])
async def test_a_parent_who_cancels_at_the_providers_page_can_choose_it_again(
    provider: str,
    phone: BrowserContext,
    sandbox_server: LiveServer,
    world: World,
    engine: AsyncEngine,
) -> None:
    address = f"{sandbox_server.url}/pay/{world.invoices[0].token}"
    page = await phone.new_page()
    await page.goto(address)
    await page.locator(f"form[action*='/checkout/{provider}'] button").click()
    await page.get_by_role("button", name="Huỷ / Cancel").click()
    await page.wait_for_url(f"{address}/return/{provider}?**")
    await expect(page.get_by_role("heading", name="Số tiền cần nộp")).to_be_visible()
    await page.locator(f"form[action*='/checkout/{provider}'] button").click()
    await page.get_by_role("button", name="Thanh toán / Pay").click()
    await expect_paid(page)
    assert await booked(engine) == (TOTAL_VND, 1)
