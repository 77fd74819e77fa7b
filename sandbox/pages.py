"""What a payer sees at the sandbox: its bank's button and its providers' servers. Mounted in demos only.

`POST /sandbox/bank/pay` makes a transfer and sends the signed push; everything else below `/sandbox` is a
provider's server (`sandbox.servers`). Messages go over HTTP like a provider's. It must never be reachable in
production: only the demo mounts it, and without a `Sandbox` in the
application's state every address answers 404.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from litestar import MediaType, Request, Response, asgi, post
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from litestar.types import Receive, Scope, Send

from sandbox.bank import BANK_NAMES, Bank, Entry
from sandbox.noise import Payee, delivered_text
from sandbox.provider import Merchant, Movement
from sandbox.servers import ProviderServers, refusal_page

MAX_TRANSFER_VND: Final = 10**12
_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


@dataclass(slots=True)
class Sandbox:
    """The other side, as one application holds it: the bank, who is told of what, the servers.

    `told`: account number -> the merchant account that hears of a payer's transfer to it.
    """

    bank: Bank
    notified: Mapping[str, Merchant]
    servers: ProviderServers
    rng: random.Random = field(default_factory=random.SystemRandom)


def movement_of(entry: Entry, virtual_account: str = "") -> Movement:
    """A bank's entry as the one who tells of it sees it. Raises ValueError for money that went out."""
    if entry.amount_vnd <= 0:
        raise ValueError("only money that came in is told of")
    return Movement(
        sequence=entry.sequence,
        amount_vnd=entry.amount_vnd,
        at=entry.at,
        content=entry.content,
        account_number=entry.account_number,
        virtual_account=virtual_account,
        bank_transaction_id=entry.transaction_id,
    )


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
    content = data.get("content", "")[:200]
    found = sandbox.bank.find(number)
    if not _TOKEN.fullmatch(token) or found is None or not content.isprintable():
        return _refusal("Ngân hàng thử không có tài khoản này. / No such account at this bank.")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", amount) or int(amount) > MAX_TRANSFER_VND:
        return _refusal("Số tiền không hợp lệ. / This is not an amount.")
    account, virtual_account = found
    payee = Payee(number=account.number, holder=account.holder, bank=BANK_NAMES[account.bin])
    text = delivered_text(content, payee, sandbox.rng)
    entry = sandbox.bank.book(account.number, int(amount), text, datetime.now(UTC))
    merchant = sandbox.notified.get(account.number)
    if merchant is not None:
        movement = movement_of(entry, virtual_account)
        sandbox.servers.start(sandbox.servers.notify(merchant.provider, movement, merchant))
    language = "?lang=en" if request.query_params.get("lang") == "en" else ""
    return Redirect(f"/pay/{token}{language}", status_code=303)


@asgi("/sandbox", is_mount=True, copy_scope=True, exclude_from_csrf=True)
async def at_a_server(scope: Scope, receive: Receive, send: Send) -> None:
    """Whatever is asked of a provider."""
    servers = sandbox_of(scope["litestar_app"].state).servers
    await servers(scope, receive, send)  # type: ignore[arg-type]  # Litestar's own names for ASGI's dicts


ROUTES: Final = (bank_pay, at_a_server)
"""What `gateway.app` mounts where `settings.sandbox` is on."""


def _refusal(words: str) -> Response[bytes]:
    reply = refusal_page(words)
    return Response(
        reply.body,
        status_code=reply.status,
        media_type=MediaType.HTML,
        headers=dict(reply.headers),
    )
