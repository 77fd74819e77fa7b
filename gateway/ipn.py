"""`/ipn/{adapter}/{account_key}`: bounded body -> verify over raw bytes -> record -> acknowledge.

`/portal/{account_key}/lookup` and `/result` are the same endpoint at the addresses that the National
Public Service Portal calls.

Nothing is acknowledged before its commit. What fails verification stores nothing under the order's
key; it is counted and logged without its content.
"""

from __future__ import annotations

from time import perf_counter

import asyncpg
import structlog
from litestar import asgi
from litestar.enums import ScopeType
from litestar.status_codes import HTTP_204_NO_CONTENT
from litestar.types import HTTPScope, Receive, Scope, Send
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError

from adapters import IPN, LOOKUP
from adapters.contract import (
    IpnAdapter,
    Lookup,
    Refused,
    RefusedError,
    Reply,
    Request,
    VerdictKind,
)
from core.kit.clock import now_utc
from core.merchants.directory import Merchant
from core.payments.ingest.group_commit import IngestBusyError
from core.payments.ingest.inbound import InboundNotice
from core.payments.lookups import look_up
from gateway.context import AppContext
from gateway.network import address_of

log = structlog.get_logger(__name__)

NOTICES = Counter("hocphi_notices", "Notices by verdict", ["adapter", "verdict", "duplicate"])
REFUSALS = Counter("hocphi_ipn_refusals", "IPN messages refused", ["adapter", "reason"])
SECONDS = Histogram("hocphi_ipn_seconds", "From the last byte of an IPN to its acknowledgement")

PORTAL = "dvcqg"
PORTAL_CALLS = ("lookup", "result")
NO_SUCH_ADAPTER = Reply(
    status=404,
    body=b'{"type":"about:blank","title":"Not Found","status":404,"code":"not_found"}',
    content_type="application/problem+json",
)


@asgi(["/ipn", "/portal"], is_mount=True, copy_scope=True, exclude_from_csrf=True)
async def receive_ipn(scope: Scope, receive: Receive, send: Send) -> None:
    """Take one message of a provider and answer it as its protocol wants.

    Plain ASGI: on this path Litestar's reading of parameters costs as much as the work itself.
    """
    assert scope["type"] == ScopeType.HTTP
    context: AppContext = scope["litestar_app"].state.context
    adapter_name, account_key, below = _address(scope)
    adapter = IPN.get(adapter_name)
    if adapter is None:
        await _send(send, NO_SUCH_ADAPTER)
        return
    body, too_large = await _bounded_body(receive, context.settings.ipn_body_limit)
    began = perf_counter()
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    message = Request(
        method=scope["method"],
        path=below,
        query=scope["query_string"],
        headers=headers,
        body=body,
        received_at=now_utc(),
        remote_ip=address_of(
            scope["client"], headers.get("x-forwarded-for", ""), context.settings.trusted_proxies
        ),
    )
    merchant: Merchant | None = None
    try:
        merchant = await _merchant(context, adapter_name, account_key)
        if too_large:
            raise RefusedError(Refused.TOO_LARGE)  # noqa: TRY301  # one place answers all refusals
        reply = await _receive(context, adapter, message, merchant)
    except RefusedError as error:
        REFUSALS.labels(adapter_name, error.reason).inc()
        log.warning("ipn.refused", adapter=adapter_name, reason=error.reason, field=error.field)
        reply = adapter.refuse(message, merchant.account if merchant else None, error)
    SECONDS.observe(perf_counter() - began)
    await _send(send, reply)


def _address(scope: HTTPScope) -> tuple[str, str, str]:
    """(adapter's name, account key, the protocol's own path: "" or "/bank/api/transaction-sync")."""
    if scope["raw_path"].startswith(
        b"/portal/"
    ):  # `path` has lost what this endpoint is mounted at
        account_key, _, below = scope["path"].strip("/").partition("/")
        return (PORTAL, account_key, f"/{below}") if below in PORTAL_CALLS else ("", "", "")
    adapter_name, _, rest = scope["path"].removeprefix("/ipn").strip("/").partition("/")
    account_key, _, below = rest.partition("/")
    return adapter_name, account_key, f"/{below}" if below else ""


async def _send(send: Send, reply: Reply) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.status != HTTP_204_NO_CONTENT:  # which carries no content (RFC 9110 §8.6)
        headers.append((b"content-type", reply.content_type.encode()))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def _merchant(context: AppContext, adapter_name: str, account_key: str) -> Merchant:
    try:
        merchant = await context.merchants.find(adapter_name, account_key)
    except asyncpg.DataError as error:  # no key of ours has such characters
        raise RefusedError(Refused.NOT_FOUND, "account_key") from error
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise RefusedError(Refused.BUSY) from error
    if merchant is None:
        raise RefusedError(Refused.NOT_FOUND, "account_key")
    return merchant


async def _receive(
    context: AppContext, adapter: IpnAdapter, message: Request, merchant: Merchant
) -> Reply:
    read = adapter.read(message, merchant.account)
    if isinstance(read, Reply):
        return read
    if isinstance(read, Lookup):
        debt = await look_up(context.engine, context.keys, merchant, read.code)
        return LOOKUP[adapter.NAME].answer_lookup(message, merchant.account, debt)
    raw = message.query if message.method == "GET" else message.body
    try:
        verdicts = await context.group_commit.record(
            [InboundNotice(merchant, notice, raw) for notice in read.items]
        )
    except IngestBusyError as error:
        raise RefusedError(Refused.BUSY) from error
    for verdict in verdicts:
        NOTICES.labels(adapter.NAME, verdict.kind, verdict.duplicate).inc()
        if verdict.kind is VerdictKind.CONFLICT:
            log.error("ipn.conflicting_duplicate", adapter=adapter.NAME, notice=verdict.record_id)
    return adapter.acknowledge(message, merchant.account, verdicts)


async def _bounded_body(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The body, read no further than `limit` bytes, and whether there was more."""
    body = bytearray()
    while True:
        part = await receive()
        if part["type"] != "http.request":  # the sender hung up: what came is not a message
            return b"", False
        body += part["body"]
        if len(body) > limit:
            return b"", True
        if not part["more_body"]:
            return bytes(body), False
