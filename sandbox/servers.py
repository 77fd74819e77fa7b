"""The sandbox's providers as one small web application: `/{provider}/…` for merchants' calls and payers.

`GET /{provider}/pay…` shows the payer what to pay, `POST /{provider}/decide` takes the decision, sends
the signed message in the background and the browser back; everything else is a merchant's call. Each
server can be told to misbehave. It must never be reachable in production: see `sandbox.pages`.
"""

from __future__ import annotations

import asyncio
import html
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from string import Template
from typing import Any, Final
from urllib.parse import parse_qs

from sandbox.courier import Answer, wire_client
from sandbox.provider import (
    Call,
    CallReply,
    Decided,
    Merchant,
    Movement,
    Notifier,
    OrderRefusedError,
    ProviderServer,
    notify,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COMPRESSION: Final = 60.0  # a provider's minute is a second here
MAX_BODY_BYTES: Final = 256 * 1024
SILENCE_S: Final = 3_600.0


class Trouble(StrEnum):
    """How a server misbehaves on a merchant's call."""

    SILENCE = "silence"  # takes the call and never answers
    LOST_ANSWER = "lost_answer"  # does the work, then never answers
    ERROR = "error"  # HTTP 500
    HTML = "html"  # a page for people
    NOTHING = "nothing"  # 200 and an empty body


@dataclass(slots=True)
class ProviderServers:
    """All servers and notifiers of a sandbox. `troubles`: what the next calls at a provider meet, in order."""

    servers: Mapping[str, ProviderServer]
    notifiers: Mapping[str, Notifier]
    troubles: dict[str, deque[Trouble]] = field(default_factory=dict)
    notifies: bool = True  # whether a decision is told to the merchant at once
    _sending: set[asyncio.Task[Any]] = field(default_factory=set)

    def trouble(self, provider: str, *troubles: Trouble) -> None:
        """Let the next calls at a provider go wrong, one after the other."""
        self.troubles.setdefault(provider, deque()).extend(troubles)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work in the background; it is kept until it is done."""
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def call(self, provider: str, call: Call) -> CallReply:
        """A merchant's call, with whatever trouble is due."""
        waiting = self.troubles.get(provider)
        trouble = waiting.popleft() if waiting else None
        match trouble:
            case Trouble.SILENCE:
                await asyncio.sleep(SILENCE_S)
            case Trouble.ERROR:
                return CallReply(
                    status=500, body=b"Internal Server Error", content_type="text/plain"
                )
            case Trouble.HTML:
                page = b"<!doctype html><title>Bao tri</title><h1>He thong dang bao tri</h1>"
                return CallReply(body=page, content_type="text/html")
            case Trouble.NOTHING:
                return CallReply()
            case _:
                pass
        reply = self.servers[provider].answer(call, datetime.now(UTC))
        if trouble is Trouble.LOST_ANSWER:
            await asyncio.sleep(SILENCE_S)
        return reply

    async def notify(self, provider: str, movement: Movement, merchant: Merchant) -> list[Answer]:
        """Tell the merchant on the provider's own, compressed schedule."""
        async with wire_client() as client:
            notifier = self.notifiers[provider]
            return await notify(client, notifier, movement, merchant, compression=COMPRESSION)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: `/{provider}/…`, wherever it is mounted."""
        provider, _, below = scope["path"].strip("/").removeprefix("sandbox/").partition("/")
        body = await _body(receive)
        if provider not in self.servers or body is None:
            await _send(send, CallReply(status=404 if body is not None else 413))
            return
        call = Call(
            method=scope["method"],
            path=f"/{below}" if below else "",
            query=scope["query_string"].decode("latin-1"),
            headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        if call.path == "/decide" and call.method == "POST":
            await self._decide(provider, call, send)
        elif call.path.startswith("/pay") and call.method == "GET":
            await _send(send, self._pay_page(provider, call))
        else:
            await _send(send, await self.call(provider, call))

    def _pay_page(self, provider: str, call: Call) -> CallReply:
        try:
            shown = self.servers[provider].open_order(call, datetime.now(UTC))
        except OrderRefusedError as refused:
            return refusal_page(refused.vi)
        return _page(
            _ORDER.substitute(
                provider=html.escape(provider.upper()),
                path=provider,
                order=html.escape(shown.order_id, quote=True),
                amount=f"{shown.amount_vnd:,}".replace(",", "."),
                info=html.escape(shown.info),
            )
        )

    async def _decide(self, provider: str, call: Call, send: Send) -> None:
        form = {name: values[0] for name, values in parse_qs(call.body.decode("latin-1")).items()}
        try:
            decided: Decided = self.servers[provider].decide(
                form.get("order", ""),
                is_paid=form.get("decision") == "pay",
                at=datetime.now(UTC),
            )
        except OrderRefusedError as refused:
            await _send(send, refusal_page(refused.vi))
            return
        if self.notifies and decided.is_notified and provider in self.notifiers:
            self.start(self.notify(provider, decided.movement, decided.merchant))
        await _send(send, CallReply(status=303), location=decided.return_url)


_FRAME: Final = Template(
    """<!doctype html>
<html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hocphi sandbox</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;background:#eef2f7;color:#1c2733;margin:0;padding:0 12px}
main{max-width:420px;margin:32px auto;background:#fff;border-radius:12px;padding:24px;box-shadow:0 1px 4px #0002}
h1{font-size:1.15rem;margin:0 0 4px}small{color:#5b6b7c}dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px}
dt{color:#5b6b7c}dd{margin:0;text-align:right;overflow-wrap:anywhere}b{font-size:1.3rem}
button{width:100%;padding:12px;border-radius:8px;border:1px solid #c5ced8;background:#fff;font:inherit;margin-top:8px}
button[value=pay]{background:#005baa;border-color:#005baa;color:#fff}
</style><main>$body</main></html>"""
)
_ORDER: Final = Template(
    """<h1>$provider · môi trường thử</h1>
<small>Không có tiền thật. / No real money.</small>
<dl><dt>Số tiền</dt><dd><b>$amount đ</b></dd><dt>Nội dung</dt><dd>$info</dd></dl>
<form method="post" action="/sandbox/$path/decide"><input type="hidden" name="order" value="$order">
<button name="decision" value="pay">Thanh toán / Pay</button>
<button name="decision" value="cancel">Huỷ / Cancel</button></form>"""
)
_REFUSED: Final = Template("<h1>Không thực hiện được</h1><p>$why</p>")


def refusal_page(words: str) -> CallReply:
    """A page that says why something cannot be done."""
    return _page(_REFUSED.substitute(why=html.escape(words)), status=400)


def _page(body: str, status: int = 200) -> CallReply:
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self'"
    )
    return CallReply(
        status=status,
        body=_FRAME.substitute(body=body).encode(),
        content_type="text/html; charset=utf-8",
        headers=(
            ("content-security-policy", policy),
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex"),
        ),
    )


async def _body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not part.get("more_body", False):
            return bytes(body)


async def _send(send: Send, reply: CallReply, location: str = "") -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in reply.headers),
    ]
    if location:
        headers.append((b"location", location.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})
