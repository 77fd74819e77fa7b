"""The parent's page over HTTP: what it shows, what it keeps to itself, and what it hands on."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl, quote_plus, urlsplit

import httpx
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncEngine
from support import staff
from support.factories import SECRETS, SETTINGS, World, make_world
from support.serving import gateway_client, settings_for_tests

from adapters import REDIRECT
from adapters.vietqr import decode
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.ledger.service import reverse_journal
from gateway.parents.routes import PER_MINUTE

TOTAL_VND = 1_250_000
NOBODY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, 600_000_000, 700_000], per_student=1)


async def receive(engine: AsyncEngine, world: World, amount_vnd: int, content: str) -> str:
    """Money arrives by SePay; the token of its payment."""
    payment_id = await staff.receive(engine, world, amount_vnd, content)
    async with transaction(engine) as db:
        token: str = await db.raw.fetchval("SELECT token FROM payment WHERE id = $1", payment_id)
        return token


def read_code(picture: bytes) -> str:
    [code] = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    assert code.ec_level == "M"
    return code.text


async def test_the_page_shows_what_is_to_be_paid(client: httpx.AsyncClient, world: World) -> None:
    invoice = world.invoices[0]
    answer = await client.get(f"/pay/{invoice.token}")
    assert answer.status_code == 200
    text = answer.text
    for shown in (
        '<html lang="vi">', "Trường Tiểu học Hoa Sen", "1.250.000 đ", "Tiền ăn bán trú", "3A", "20/09/2026",
        "Vietcombank", world.bank_number, "TRUONG TH HOA SEN", invoice.reference, "N. M. A***",
        f'data-copy="{TOTAL_VND}"', f'data-copy="{invoice.reference}"', f'data-copy="{world.bank_number}"',
    ):  # fmt: skip
        assert shown in text, shown
    assert "Minh" not in text
    assert "sandbox" not in text


async def test_no_page_is_kept_indexed_framed_or_loads_from_elsewhere(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    receipt = await receive(engine, world, 10_000, invoice.reference)
    for path in (f"/pay/{invoice.token}", f"/receipts/{receipt}", f"/pay/{NOBODY}"):
        answer = await client.get(path)
        headers = answer.headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert "noindex" in headers["x-robots-tag"]
        assert 'name="robots" content="noindex' in answer.text
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "no-store" in headers["cache-control"]
        assert "set-cookie" not in headers
        loaded = re.findall(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="([^"]+)"', answer.text)
        assert loaded
        assert all(address.startswith("/") for address in loaded)
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", answer.text)
    policy = (await client.get(f"/pay/{invoice.token}")).headers["content-security-policy"]
    allowed = re.search(r"form-action ([^;]+)", policy)
    assert allowed
    assert "https://sandbox.vnpayment.vn" in allowed[1].split()
    known = {value for name in REDIRECT for value in SETTINGS[name].values()}
    for origin in allowed[1].split():
        assert origin == "'self'" or any(value.startswith(origin) for value in known)


async def test_static_files_are_kept_for_a_year_and_named_by_their_content(
    client: httpx.AsyncClient, world: World
) -> None:
    text = (await client.get(f"/pay/{world.invoices[0].token}")).text
    for address in re.findall(r'"(/static/[^"]+)"', text):
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert hashlib.sha256(answer.content).hexdigest().startswith(address.split("/")[2])
    assert (await client.get("/static/0000000000000000/site.css")).status_code == 404
    assert (await client.get("/static/0000000000000000/../rendering.py")).status_code == 404


async def test_who_has_no_token_learns_nothing(client: httpx.AsyncClient, world: World) -> None:
    for path in (
        f"/pay/{NOBODY}", "/pay/x", "/pay/%00", f"/pay/{NOBODY}/qr.svg", f"/pay/{NOBODY}/events",
        f"/pay/{world.invoices[0].reference}", f"/receipts/{NOBODY}", f"/receipts/{NOBODY}.pdf", "/nowhere",
    ):  # fmt: skip
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert "Không tìm thấy" in answer.text
        assert "Hoa Sen" not in answer.text
    answer = await client.post(f"/pay/{NOBODY}/checkout/vnpay")
    assert answer.status_code == 404
    assert "Page not found" in (await client.get(f"/pay/{NOBODY}?lang=en")).text


async def test_english_is_a_link_away_and_stays(client: httpx.AsyncClient, world: World) -> None:
    path = f"/pay/{world.invoices[0].token}"
    assert f'href="{path}?lang=en"' in (await client.get(path)).text
    english = (await client.get(f"{path}?lang=en")).text
    assert '<html lang="en">' in english
    assert "VND 1,250,000" in english
    assert "Amount due" in english
    assert f'href="{path}"' in english
    assert f'data-events="{path}/events?lang=en"' in english
    assert f'action="{path}/checkout/vnpay?lang=en"' in english


async def test_the_code_asks_for_what_is_left(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    await receive(engine, world, 250_000, invoice.reference)
    page = (await client.get(f"/pay/{invoice.token}")).text
    assert "Còn phải nộp" in page
    assert "1.000.000 đ" in page
    assert "250.000 đ" in page
    payload = (await client.get(f"/pay/{invoice.token}/payload.txt")).text
    said = decode(payload)
    assert (said.amount_vnd, said.content) == (1_000_000, invoice.reference)
    assert (said.bin, said.account) == ("970436", world.bank_number)
    picture = await client.get(f"/pay/{invoice.token}/qr.png")
    assert picture.headers["content-type"] == "image/png"
    assert read_code(picture.content) == payload
    drawn = await client.get(f"/pay/{invoice.token}/qr.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")


async def test_paid_shows_the_receipt_and_no_way_to_pay_again(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    first = await receive(engine, world, 250_000, invoice.reference)
    second = await receive(engine, world, 1_000_000, invoice.reference)
    page = (await client.get(f"/pay/{invoice.token}")).text
    assert "Đã thanh toán đủ" in page
    assert f"/receipts/{first}" in page
    assert f"/receipts/{second}" in page
    for absent in ("qr.png", "data-copy", "/checkout/", "data-events", "dl.vietqr.io"):
        assert absent not in page, absent
    assert (await client.get(f"/pay/{invoice.token}/qr.png")).status_code == 404
    assert (await client.get(f"/pay/{invoice.token}/payload.txt")).status_code == 404
    refused = await client.post(f"/pay/{invoice.token}/checkout/vnpay")
    assert refused.status_code == 409
    assert "không còn khoản nào phải nộp" in refused.text


async def test_beyond_one_transfer_there_is_no_code(
    client: httpx.AsyncClient, world: World
) -> None:
    invoice = world.invoices[1]
    page = await client.get(f"/pay/{invoice.token}")
    assert page.status_code == 200
    assert "600.000.000 đ" in page.text
    assert "qr.png" not in page.text
    assert (await client.get(f"/pay/{invoice.token}/qr.svg")).status_code == 404


async def test_a_cancelled_invoice_asks_for_nothing(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE invoice SET cancelled_at = now() WHERE id = $1", invoice.id)
    page = (await client.get(f"/pay/{invoice.token}")).text
    assert "Phiếu báo thu đã được hủy" in page
    assert "data-copy" not in page


async def test_the_due_date_is_told_from_today(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    token = world.invoices[0].token
    today = business_date(now_utc())
    for days, words in ((3, "Còn 3 ngày"), (0, "Hôm nay là hạn cuối"), (-2, "Quá hạn 2 ngày")):
        async with transaction(engine) as db:
            await db.raw.execute("UPDATE invoice SET due_on = $1", today + timedelta(days=days))
        assert words in (await client.get(f"/pay/{token}")).text


async def test_app_links_carry_the_transfer_and_no_address_of_ours(
    client: httpx.AsyncClient, world: World
) -> None:
    invoice = world.invoices[0]
    page = (await client.get(f"/pay/{invoice.token}")).text
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(https://[^"]+)"', page)]
    assert links
    filled = {"ba": f"{world.bank_number}@vcb", "am": str(TOTAL_VND), "tn": invoice.reference}
    for link in links:
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.path) == ("https", "dl.vietqr.io", "/pay")
        said = dict(parse_qsl(parts.query))
        assert said.pop("app")
        assert said in ({}, filled)
    assert any("ba=" in link for link in links)


def vnpay_signature(pairs: list[tuple[str, str]]) -> str:
    """VNPAY PAY 2.1.0: HMAC-SHA512 over the sorted, url-encoded pairs."""
    data = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(pairs))
    key = SECRETS["vnpay"]["hash_secret"].encode()
    return hmac.new(key, data.encode(), hashlib.sha512).hexdigest()


async def test_checkout_sends_the_parent_to_vnpay_signed(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    seen = []
    for _ in range(2):
        answer = await client.post(f"/pay/{invoice.token}/checkout/vnpay?lang=en")
        assert answer.status_code == 303
        target = urlsplit(answer.headers["location"])
        assert target.netloc == "sandbox.vnpayment.vn"
        pairs = parse_qsl(target.query)
        said = dict(pairs)
        signature = said.pop("vnp_SecureHash")
        assert signature == vnpay_signature(list(said.items()))
        assert said["vnp_Amount"] == str(TOTAL_VND * 100)
        assert said["vnp_Locale"] == "en"
        assert said["vnp_TxnRef"].startswith(invoice.reference)
        assert "Anh" not in answer.headers["location"]
        seen.append(said["vnp_TxnRef"])
    assert len(set(seen)) == 2
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT merchant_reference, amount_vnd, invoice_id FROM checkout"
            " WHERE merchant_account_id = $1 ORDER BY id",
            world.merchants["vnpay"][0],
        )
    assert [tuple(row) for row in rows] == [(txn, TOTAL_VND, invoice.id) for txn in seen]


async def test_checkouts_of_one_invoice_are_bounded(
    client: httpx.AsyncClient, world: World
) -> None:
    path = f"/pay/{world.invoices[0].token}/checkout/vnpay"
    answers = [(await client.post(path)).status_code for _ in range(21)]
    assert answers == [303] * 20 + [429]


async def test_an_adapter_that_cannot_check_out_is_not_found(
    client: httpx.AsyncClient, world: World
) -> None:
    for adapter in ("sepay", "unknown"):
        answer = await client.post(f"/pay/{world.invoices[0].token}/checkout/{adapter}")
        assert answer.status_code == 404


async def test_a_providers_return_is_for_display_only(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    fields = [
        ("vnp_Amount", str(TOTAL_VND * 100)), ("vnp_ResponseCode", "00"), ("vnp_TmnCode", "HOCPHI01"),
        ("vnp_TransactionNo", "14000001"), ("vnp_TransactionStatus", "00"), ("vnp_TxnRef", invoice.reference + "00"),
    ]  # fmt: skip
    query = "&".join(f"{name}={value}" for name, value in fields)
    path = f"/pay/{invoice.token}/return/vnpay"
    signed = f"{query}&vnp_SecureHash={vnpay_signature(fields)}"
    assert "báo giao dịch thành công" in (await client.get(f"{path}?{signed}")).text
    forged = signed.replace("vnp_ResponseCode=00", "vnp_ResponseCode=24")
    assert "Không xác minh được" in (await client.get(f"{path}?{forged}")).text
    redirected = await client.get(f"{path}/en?{signed}")
    assert redirected.status_code == 303
    assert "reports success" in (await client.get(redirected.headers["location"])).text
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 0
        assert await db.raw.fetchval("SELECT paid_vnd FROM invoice WHERE id = $1", invoice.id) == 0


async def test_a_receipt_says_what_came_and_what_it_settled(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    one, two = world.invoices[0], world.invoices[2]
    token = await receive(engine, world, TOTAL_VND + 700_000, f"{one.reference} {two.reference}")
    page = (await client.get(f"/receipts/{token}")).text
    for shown in (
        "Xác nhận thanh toán", "1.950.000 đ", "Một triệu chín trăm năm mươi nghìn đồng", one.reference, two.reference,
        "N. M. A***", "Chuyển khoản ngân hàng", "FT0", "không thay cho hóa đơn điện tử",
    ):  # fmt: skip
        assert shown in page, shown
    assert "Minh" not in page
    document = await client.get(f"/receipts/{token}.pdf")
    assert document.headers["content-type"] == "application/pdf"
    assert document.content.startswith(b"%PDF-")
    assert (await client.get(f"/receipts/{token}.pdf")).content == document.content
    assert (await client.get(f"/receipts/{token}.pdf?lang=en")).content != document.content


async def test_an_overpaid_receipt_tells_of_the_rest(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    token = await receive(engine, world, TOTAL_VND + 50_000, world.invoices[0].reference)
    page = (await client.get(f"/receipts/{token}")).text
    assert "Phần còn lại" in page
    assert "50.000 đ" in page
    assert (await client.get(f"/receipts/{token}.pdf")).status_code == 200


async def test_money_that_settles_nothing_has_no_receipt(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    suspended = await receive(engine, world, 5_000, "khong co ma")
    assert (await client.get(f"/receipts/{suspended}")).status_code == 404
    invoice = world.invoices[0]
    token = await receive(engine, world, 5_000, invoice.reference)
    assert (await client.get(f"/receipts/{token}")).status_code == 200
    async with transaction(engine) as db:
        journal = await db.raw.fetchval(
            "SELECT journal_id FROM transfer WHERE invoice_id = $1 AND payment_id IS NOT NULL",
            invoice.id,
        )
        await reverse_journal(
            db, world.school_id, journal, business_date(now_utc()), "nhầm học sinh"
        )
    assert (await client.get(f"/receipts/{token}")).status_code == 404
    assert f"/receipts/{token}" not in (await client.get(f"/pay/{invoice.token}")).text


async def test_the_live_stream_of_a_paid_invoice_says_so_and_ends(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    await receive(engine, world, TOTAL_VND, invoice.reference)
    answer = await client.get(f"/pay/{invoice.token}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: standing" in answer.text
    [said] = re.findall(r"data: (.+)", answer.text)
    shown = json.loads(said)
    assert (shown["state"], shown["is_final"]) == ("paid", True)
    assert "Đã thanh toán đủ" in shown["message"]
    page = (await client.get(f"/pay/{invoice.token}")).text
    assert f'data-version="{shown["version"]}"' in page


async def test_one_caller_cannot_ask_without_end(client: httpx.AsyncClient, world: World) -> None:
    path = f"/pay/{NOBODY}/payload.txt"
    for _ in range(PER_MINUTE):
        await client.get(path)
    refused = await client.get(path)
    assert refused.status_code == 429
    assert "Quá nhiều yêu cầu" in refused.text


async def test_the_sandbox_bank_is_offered_in_the_sandbox_alone(
    database_url: str, world: World
) -> None:
    token = world.invoices[0].token
    async with gateway_client(database_url, settings_for_tests(sandbox=True)) as client:
        page = (await client.get(f"/pay/{token}")).text
    assert 'action="/sandbox/bank/pay"' in page
    assert f'name="token" value="{token}"' in page


async def test_a_failure_inside_is_a_page_for_people_and_json_for_machines(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute("ALTER TABLE fee_schedule RENAME TO gone")
    answer = await client.get(f"/pay/{world.invoices[0].token}")
    assert answer.status_code == 500
    assert "Hệ thống đang gặp sự cố" in answer.text
    assert "fee_schedule" not in answer.text
    machine = await client.get("/ipn/nobody/nothing")
    assert machine.status_code == 404
    assert machine.headers["content-type"].startswith("application/problem+json")


async def test_callers_of_the_past_are_forgotten(
    database_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.parents.routes.SWEEP_EVERY_S", 0.0)
    async with gateway_client(database_url, settings_for_tests(trusted_proxies=1)) as client:
        app = client._transport.app
        store = app.stores.get("rate_limit")
        await store.set("RateLimitMiddleware::gone", b"{}", expires_in=-1)
        await client.get(f"/pay/{NOBODY}", headers={"x-forwarded-for": "203.0.113.7"})
        await client.get(
            f"/pay/{world.invoices[0].token}", headers={"x-forwarded-for": "203.0.113.8"}
        )
        assert not await store.exists("RateLimitMiddleware::gone")
        assert await store.exists("RateLimitMiddleware::203.0.113.8")
