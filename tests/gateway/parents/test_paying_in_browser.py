"""A parent pays, as a browser sees it: the code, the money, and "paid" appearing by itself."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, World, make_world
from support.live import LiveServer

from adapters.vietqr import decode
from core.kit.database import transaction

pytestmark = pytest.mark.browser

TOTAL_VND = 1_250_000
PHONE = {"width": 360, "height": 740}


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND])


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport=PHONE)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    await context.close()


async def push(
    server: LiveServer, world: World, amount_vnd: int, content: str, number: int
) -> None:
    """What SePay sends when money reaches the account: signed over "{timestamp}.{body}"."""
    body = json.dumps(
        {
            "id": number, "gateway": "Vietcombank", "transactionDate": "2026-09-10 09:00:00",
            "accountNumber": world.bank_number, "subAccount": None, "code": None, "content": content,
            "transferType": "in", "description": "", "transferAmount": amount_vnd, "accumulated": 0,
            "referenceCode": f"FT{number}",
        }
    ).encode()  # fmt: skip
    stamp = str(int(time.time()))
    key = SECRETS["sepay"]["hmac_secret"].encode()
    signature = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    async with httpx.AsyncClient() as sender:
        answer = await sender.post(
            f"{server.url}/ipn/sepay/{world.merchants['sepay'][1]}",
            content=body,
            headers={
                "content-type": "application/json",
                "x-sepay-timestamp": stamp,
                "x-sepay-signature": f"sha256={signature}",
            },
        )
    assert (answer.status_code, answer.content) == (200, b'{"success":true}')


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Addresses the page asks for, and what it complains about."""
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    return asked, complaints


async def test_paid_appears_by_itself(
    live_server: LiveServer, world: World, phone: BrowserContext
) -> None:
    page = await phone.new_page()
    asked, complaints = watch(page)
    invoice = world.invoices[0]
    await page.goto(f"{live_server.url}/pay/{invoice.token}")
    await page.evaluate("window.neverReloaded = true")
    picture = await page.locator(".qr img").screenshot()
    [code] = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    payload = decode(code.text)
    assert (payload.amount_vnd, payload.content) == (TOTAL_VND, invoice.reference)

    await push(live_server, world, 250_000, payload.content, 1)
    await expect(page.get_by_role("heading", name="Còn phải nộp")).to_be_visible()
    await expect(page.locator(".summary .amount")).to_have_text("1.000.000 đ")
    await expect(page.locator("#announce")).to_have_text("Đã nhận một phần số tiền.")
    await push(live_server, world, 1_000_000, f"MBVCB {payload.content} CT DEN", 2)
    await expect(page.get_by_role("heading", name="Đã thanh toán đủ")).to_be_visible()
    await expect(page.locator("#announce")).to_contain_text("Đã thanh toán đủ")
    assert await page.evaluate("window.neverReloaded") is True

    receipts = page.locator(".receipts a")
    await expect(receipts).to_have_count(2)
    await receipts.last.click()
    await expect(page.get_by_role("heading", name="Xác nhận thanh toán")).to_be_visible()
    await expect(page.locator(".receipt .amount")).to_have_text("1.000.000 đ")
    document = await page.request.get(f"{page.url}.pdf")
    assert (await document.body()).startswith(b"%PDF-")
    assert [url for url in asked if not url.startswith(live_server.url)] == []
    assert complaints == []


async def test_everything_to_copy_is_within_the_keyboards_reach(
    live_server: LiveServer, world: World, phone: BrowserContext
) -> None:
    page = await phone.new_page()
    await page.goto(f"{live_server.url}/pay/{world.invoices[0].token}")
    expected = await page.locator("button[data-copy]").evaluate_all(
        "all => all.map(b => b.dataset.copy)"
    )
    assert expected == [
        "TRUONG TH HOA SEN",
        world.bank_number,
        str(TOTAL_VND),
        world.invoices[0].reference,
    ]
    copied: list[str] = []
    for _ in range(40):
        if len(copied) == len(expected):
            break
        await page.keyboard.press("Tab")
        focused = page.locator("button[data-copy]:focus")
        if await focused.count():
            announced = await focused.get_attribute("data-say")
            await page.keyboard.press("Enter")
            await expect(page.locator("button.copied:focus")).to_have_count(1)
            await expect(page.locator("#announce")).to_have_text(announced)
            copied.append(await page.evaluate("navigator.clipboard.readText()"))
    assert copied == expected


async def test_it_fits_a_small_screen_and_large_fingers(
    live_server: LiveServer, world: World, phone: BrowserContext
) -> None:
    page = await phone.new_page()
    await page.set_viewport_size({"width": 320, "height": 600})
    await page.goto(f"{live_server.url}/pay/{world.invoices[0].token}")
    await page.locator(".apps summary").click()
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    boxes = await page.locator("button, .button, .lang, .apps-list a, .waiting a").evaluate_all(
        "all => all.map(e => [e.textContent.trim(), e.getBoundingClientRect().height])"
    )
    assert boxes
    assert [box for box in boxes if box[1] < 44] == []


async def test_without_scripts_everything_but_the_live_part_works(
    live_server: LiveServer, world: World, browser: Browser
) -> None:
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = await context.new_page()
    invoice = world.invoices[0]
    await page.goto(f"{live_server.url}/pay/{invoice.token}")
    await expect(page.locator(".qr img")).to_be_visible()
    await expect(page.locator("button[data-copy]").first).to_be_hidden()
    await page.locator(".apps summary").click()
    await expect(page.locator(".apps-list a").first).to_be_visible()
    await push(live_server, world, TOTAL_VND, invoice.reference, 1)
    await page.get_by_role("link", name="Kiểm tra lại").click()
    await expect(page.get_by_role("heading", name="Đã thanh toán đủ")).to_be_visible()
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", name="Paid in full")).to_be_visible()
    await context.close()


async def test_a_page_that_slept_looks_again(
    live_server: LiveServer, world: World, phone: BrowserContext
) -> None:
    page = await phone.new_page()
    invoice = world.invoices[0]
    await page.goto(f"{live_server.url}/pay/{invoice.token}")
    await phone.set_offline(True)
    await push(live_server, world, TOTAL_VND, invoice.reference, 1)
    await phone.set_offline(False)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_role("heading", name="Đã thanh toán đủ")).to_be_visible()
