"""What a payer sees at the sandbox: its bank's button and VNPAY's page. Mounted in demos only.

`POST /sandbox/bank/pay` makes a transfer and sends the signed push; `GET|POST /sandbox/vnpay/pay` is the
payment page; `POST /sandbox/vnpay/query` answers querydr. Messages go over HTTP like a provider's.
It must never be reachable in production: `gateway.app` mounts it only where `settings.sandbox` is on,
and without a `Sandbox` in the application's state every address answers 404.
"""

from __future__ import annotations

import asyncio
import html
import random
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import Template
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from sandbox.bank import VIETCOMBANK_BIN, Bank
from sandbox.courier import wire_client
from sandbox.noise import Payee, delivered_text
from sandbox.pushes import Subscriber, push
from sandbox.vnpay import Order, OrderRefusedError, Vnpay

MAX_TRANSFER_VND: Final = 10**12
COMPRESSION: Final = 60.0  # a provider's minute is a second here
_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


@dataclass(slots=True)
class Sandbox:
    """The other side, as one application holds it: the bank, who is told of what, VNPAY."""

    bank: Bank
    subscribers: Sequence[Subscriber]
    vnpay: Vnpay
    rng: random.Random = field(default_factory=random.SystemRandom)
    _sending: set[asyncio.Task[Any]] = field(default_factory=set)

    def send(self, message: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Send in the background, retries included; the payer's browser does not wait for those."""
        task = asyncio.create_task(message)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    def subscriber_of(self, account_number: str) -> Subscriber | None:
        """Who is told about an account's entries."""
        return next((s for s in self.subscribers if s.account_number == account_number), None)


def sandbox_of(state: State) -> Sandbox:
    """The sandbox of the running application. Raises NotFoundException where there is none."""
    found = getattr(state, "sandbox", None)
    if not isinstance(found, Sandbox):
        raise NotFoundException
    return found


@post(
    "/sandbox/bank/pay",
    operation_id="sandbox_bank_pay",
    include_in_schema=False,
    exclude_from_csrf=True,
)
async def bank_pay(
    request: Request[Any, Any, Any], data: URLEncodedBody[dict[str, str]]
) -> Response[Any]:
    """Transfer what a parent's page asks for (token, account, amount_vnd, content); back to the page."""
    sandbox = sandbox_of(request.app.state)
    token, number, amount = (data.get(name, "") for name in ("token", "account", "amount_vnd"))
    account = sandbox.bank.accounts.get(number)
    content = data.get("content", "")[:200]
    if not _TOKEN.fullmatch(token) or account is None or not content.isprintable():
        return _refusal("Ngân hàng thử không có tài khoản này.", "No such account at this bank.")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", amount) or int(amount) > MAX_TRANSFER_VND:
        return _refusal("Số tiền không hợp lệ.", "This is not an amount.")
    bank_name = "VCB" if account.bin == VIETCOMBANK_BIN else "MB"
    payee = Payee(number=account.number, holder=account.holder, bank=bank_name)
    text = delivered_text(content, payee, sandbox.rng)
    entry = sandbox.bank.book(number, int(amount), text, datetime.now(UTC))
    subscriber = sandbox.subscriber_of(number)
    if subscriber is not None:

        async def tell() -> None:
            async with wire_client() as client:
                await push(client, sandbox.bank, entry, subscriber, compression=COMPRESSION)

        sandbox.send(tell())
    language = "?lang=en" if request.query_params.get("lang") == "en" else ""
    return Redirect(f"/pay/{token}{language}", status_code=303)


@get("/sandbox/vnpay/pay", operation_id="sandbox_vnpay_page", include_in_schema=False)
async def vnpay_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The payment page for a signed order."""
    sandbox = sandbox_of(request.app.state)
    query = request.scope["query_string"].decode("latin-1")
    try:
        order = sandbox.vnpay.open_order(query, datetime.now(UTC))
    except OrderRefusedError as refused:
        return _refusal(refused.vi, "VNPAY does not accept this order.")
    return _page(
        _VNPAY.substitute(
            amount=f"{order.amount_vnd:,}".replace(",", "."),
            info=html.escape(order.info),
            reference=html.escape(order.txn_ref),
            terminal=html.escape(order.tmn_code),
            query=html.escape(query, quote=True),
        ),
        form_targets=f"'self' {_origin(order)}",
    )


@post(
    "/sandbox/vnpay/pay",
    operation_id="sandbox_vnpay_pay",
    include_in_schema=False,
    exclude_from_csrf=True,
)
async def vnpay_pay(
    request: Request[Any, Any, Any], data: URLEncodedBody[dict[str, str]]
) -> Response[Any]:
    """The payer pressed pay or cancel: IPN to the merchant, browser back to the return address."""
    sandbox = sandbox_of(request.app.state)
    try:
        order = sandbox.vnpay.open_order(data.get("query", ""), datetime.now(UTC))
    except OrderRefusedError as refused:
        return _refusal(refused.vi, "VNPAY does not accept this order.")
    is_paid = data.get("choice") == "pay"
    transaction = sandbox.vnpay.finish(order, datetime.now(UTC), is_paid=is_paid)

    async def tell() -> None:
        async with wire_client() as client:
            await sandbox.vnpay.notify(client, transaction, compression=COMPRESSION)

    sandbox.send(tell())
    return Redirect(sandbox.vnpay.return_url(transaction), status_code=303)


@post(
    "/sandbox/vnpay/query",
    operation_id="sandbox_vnpay_query",
    include_in_schema=False,
    exclude_from_csrf=True,
)
async def vnpay_query(request: Request[Any, Any, Any]) -> dict[str, str]:
    """querydr: what became of an order."""
    return sandbox_of(request.app.state).vnpay.answer_query(await request.body())


ROUTES: Final = (bank_pay, vnpay_page, vnpay_pay, vnpay_query)
"""What `gateway.app` mounts where `settings.sandbox` is on."""


def _origin(order: Order) -> str:
    """Where the form's answer leads; a browser's form-action counts redirects too."""
    parts = urlsplit(order.return_url)
    is_plain = parts.scheme in {"http", "https"} and re.fullmatch(
        r"[0-9A-Za-z.:\[\]-]+", parts.netloc
    )
    return f"{parts.scheme}://{parts.netloc}" if is_plain else ""


def _refusal(vi: str, en: str) -> Response[str]:
    body = _REFUSAL.substitute(vi=html.escape(vi), en=html.escape(en))
    return _page(body, status=400)


def _page(body: str, *, status: int = 200, form_targets: str = "'self'") -> Response[str]:
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {form_targets}"
    )
    return Response(
        _FRAME.substitute(body=body),
        status_code=status,
        media_type=MediaType.HTML,
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Cache-Control": "no-store",
        },
    )


_FRAME: Final = Template(
    """<!doctype html>
<html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hocphi sandbox</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;background:#eef2f7;color:#1c2733;margin:0}
main{max-width:420px;margin:32px auto;background:#fff;border-radius:12px;padding:24px;box-shadow:0 1px 4px #0002}
h1{font-size:1.15rem;margin:0 0 4px}small{color:#5b6b7c}dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px}
dt{color:#5b6b7c}dd{margin:0;text-align:right;overflow-wrap:anywhere}b{font-size:1.3rem}
button{width:100%;padding:12px;border-radius:8px;border:1px solid #c5ced8;background:#fff;font:inherit;margin-top:8px}
button[value=pay]{background:#005baa;border-color:#005baa;color:#fff}
</style><main>$body</main></html>"""
)
_VNPAY: Final = Template(
    """<h1>VNPAY · môi trường thử</h1>
<small>Không có tiền thật. / No real money.</small>
<dl><dt>Số tiền</dt><dd><b>$amount đ</b></dd>
<dt>Nội dung</dt><dd>$info</dd><dt>Mã đơn</dt><dd>$reference</dd><dt>Website</dt><dd>$terminal</dd></dl>
<form method="post" action="/sandbox/vnpay/pay"><input type="hidden" name="query" value="$query">
<button name="choice" value="pay">Thanh toán / Pay</button>
<button name="choice" value="cancel">Huỷ / Cancel</button></form>"""
)
_REFUSAL: Final = Template("<h1>Không thực hiện được</h1><p>$vi</p><small>$en</small>")
