"""`/ipn/{adapter}/{account_key}`: bounded body -> verify over raw bytes -> record -> acknowledge.

Nothing is acknowledged before its commit. What fails verification stores nothing under the order's
key; it is counted and logged without its content.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from litestar import Request as HttpRequest
from litestar import Response, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from adapters import IPN
from adapters.contract import IpnAdapter, Refused, RefusedError, Reply, Request, VerdictKind
from gateway.house import House
from gateway.kit.clock import now_utc
from gateway.kit.network import client_ip
from gateway.kit.problem import not_found
from gateway.payments.arriving import Incoming
from gateway.payments.merchants import Merchant
from gateway.payments.recorder import RecorderBusyError

log = structlog.get_logger(__name__)

NOTICES = Counter("hocphi_notices", "Notices by verdict", ["adapter", "verdict", "duplicate"])
REFUSALS = Counter("hocphi_ipn_refusals", "IPN messages refused", ["adapter", "reason"])


@route(
    ["/ipn/{adapter:str}/{account_key:str}", "/ipn/{adapter:str}/{account_key:str}/{rest:path}"],
    http_method=[HttpMethod.GET, HttpMethod.POST],
    operation_id="receive_ipn",
    include_in_schema=False,
    exclude_from_csrf=True,
)
async def receive_ipn(
    request: HttpRequest[Any, Any, Any],
    house: NamedDependency[House],
    adapter: FromPath[str],
    account_key: FromPath[str],
) -> Response[bytes]:
    """Take one message of a provider and answer it in the provider's words."""
    speaks = IPN.get(adapter)
    if speaks is None:
        raise not_found("địa chỉ này", "address")
    body, too_large = await _bounded_body(request, house.settings.ipn_body_limit)
    message = Request(
        method=request.method,
        path=_below(request.url.path, adapter, account_key),
        query=request.scope["query_string"],
        headers={
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in request.scope["headers"]
        },
        body=body,
        received_at=now_utc(),
        remote_ip=client_ip(request, house.settings.trusted_proxies),
    )
    merchant: Merchant | None = None
    try:
        merchant = await _merchant(house, adapter, account_key)
        if too_large:
            raise RefusedError(Refused.TOO_LARGE)  # noqa: TRY301  # one place words all refusals
        reply = await _receive(house, speaks, message, merchant)
    except RefusedError as error:
        REFUSALS.labels(adapter, error.reason).inc()
        log.warning("ipn.refused", adapter=adapter, reason=error.reason, field=error.field)
        reply = speaks.refuse(message, merchant.account if merchant else None, error)
    return Response(
        reply.body,
        status_code=reply.status,
        media_type=reply.content_type,
        headers=dict(reply.headers),
    )


async def _merchant(house: House, adapter: str, account_key: str) -> Merchant:
    try:
        merchant = await house.merchants.find(adapter, account_key)
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise RefusedError(Refused.BUSY) from error
    if merchant is None:
        raise RefusedError(Refused.NOT_FOUND, "account_key")
    return merchant


async def _receive(house: House, speaks: IpnAdapter, message: Request, merchant: Merchant) -> Reply:
    read = speaks.read(message, merchant.account)
    if isinstance(read, Reply):
        return read
    raw = message.query if message.method == HttpMethod.GET else message.body
    try:
        verdicts = await house.recorder.record(
            [Incoming(merchant, notice, raw) for notice in read.items]
        )
    except RecorderBusyError as error:
        raise RefusedError(Refused.BUSY) from error
    for verdict in verdicts:
        NOTICES.labels(speaks.NAME, verdict.kind, verdict.duplicate).inc()
        if verdict.kind is VerdictKind.CONFLICT:
            log.error("ipn.conflicting_duplicate", adapter=speaks.NAME, notice=verdict.record_id)
    return speaks.acknowledge(message, merchant.account, verdicts)


def _below(path: str, adapter: str, account_key: str) -> str:
    """What a protocol names itself below its address, e.g. "/bank/api/transaction-sync"."""
    return path.removeprefix(f"/ipn/{adapter}/{account_key}").rstrip("/")


async def _bounded_body(request: HttpRequest[Any, Any, Any], limit: int) -> tuple[bytes, bool]:
    """The body, read no further than `limit` bytes, and whether there was more."""
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > limit:
            return b"", True
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return b"", True
    return bytes(body), False
