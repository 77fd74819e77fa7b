"""`/pay/{token}` and what belongs to it. The token is the only key; whoever has none sees a 404.

Paying happens elsewhere, in the parent's banking app or on a provider's page; nothing here books
money, not even a provider's return, which is for display only.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final

import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import ServerSentEvent

from adapters import CREATE, REDIRECT
from adapters.contract import Checkout, Order, Outcome, Refused, RefusedError
from adapters.messages import Lang
from adapters.ways import name_of
from core.invoices.debts import order_parts
from core.invoices.errors import InvoiceNotFoundError
from core.invoices.qr import qr_png, qr_svg
from core.invoices.queries import PublicInvoice, invoice_by_token
from core.invoices.receipts import receipts_of_invoice
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.merchants.directory import Merchant
from core.merchants.provider_client import UnansweredError, send
from core.payments.checkouts import name_order, open_checkout
from gateway.context import AppContext
from gateway.network import client_ip
from gateway.pages.rendering import in_lang, lang_of, page, strict_headers
from gateway.parents.errors import (
    AmountOutOfRangeError,
    CheckoutUnavailableError,
    QrNotFoundError,
    TooManyStreamsError,
    WayToPayNotFoundError,
)
from gateway.parents.live import Streams, state_events
from gateway.parents.sheet import PaySheet, make_sheet, offers_of, vietqr_of

log = structlog.get_logger(__name__)

HttpRequest = Request[Any, Any, Any]

UNLIMITED: Final = "not_rate_limited"
_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]{16,128}")


@get("/pay/{token:str}", operation_id="show_invoice", include_in_schema=False)
async def show_invoice(
    request: HttpRequest, context: NamedDependency[AppContext], token: FromPath[str]
) -> Response[str]:
    """The invoice, how to pay it, and how it stands."""
    return _invoice_page(request, context, await _sheet(context, token))


@get("/pay/{token:str}/qr.svg", operation_id="show_qr_svg", include_in_schema=False)
async def show_qr_svg(context: NamedDependency[AppContext], token: FromPath[str]) -> Response[str]:
    """The VietQR code as SVG; 404 once nothing is left to pay."""
    return Response(
        qr_svg(await _payload(context, token)),
        media_type="image/svg+xml",
        headers=strict_headers(),
    )


@get("/pay/{token:str}/qr.png", operation_id="show_qr_png", include_in_schema=False)
async def show_qr_png(
    context: NamedDependency[AppContext], token: FromPath[str]
) -> Response[bytes]:
    """The VietQR code as PNG, large enough to be read from a phone's gallery."""
    return Response(
        qr_png(await _payload(context, token)), media_type="image/png", headers=strict_headers()
    )


@get("/pay/{token:str}/payload.txt", operation_id="show_payload", include_in_schema=False)
async def show_payload(context: NamedDependency[AppContext], token: FromPath[str]) -> Response[str]:
    """The payload of the QR code, as text."""
    return Response(
        await _payload(context, token), media_type=MediaType.TEXT, headers=strict_headers()
    )


@get(
    "/pay/{token:str}/events",
    operation_id="invoice_events",
    include_in_schema=False,
    opt={UNLIMITED: True},
)
async def invoice_events(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    streams: NamedDependency[Streams],
    token: FromPath[str],
) -> ServerSentEvent:
    """The live status. Raises TooManyStreamsError."""
    invoice = await _invoice(context, token)
    if streams.is_full:
        raise TooManyStreamsError
    return ServerSentEvent(
        state_events(context, streams, invoice, lang_of(request)),
        headers={**strict_headers(), "cache-control": "no-store", "x-accel-buffering": "no"},
    )


@post(
    "/pay/{token:str}/checkout/{adapter:str}",
    operation_id="begin_checkout",
    include_in_schema=False,
)
async def begin_checkout(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    token: FromPath[str],
    adapter: FromPath[str],
) -> Response[Any]:
    """Write the checkout, then send the browser to the provider: by 303, by a link, or by a form.

    A provider that does not answer costs the parent nothing but another try: the page comes back with a
    notice of it, and with every other way to pay.
    """
    invoice = await _invoice(context, token)
    merchant = await _merchant(context, invoice, adapter)
    _expect_open(invoice, adapter)
    try:
        target = await _checkout(request, context, invoice, merchant)
    except UnansweredError as error:
        log.warning("checkout.unanswered", adapter=adapter, error=str(error))
        sheet = await _sheet(context, token)
        return _invoice_page(request, context, sheet, unanswered=adapter, status_code=502)
    if target.fields:
        origins = _sheet_of(invoice).form_origins
        return page(request, "checkout.html", form_origins=origins, target=target, invoice=invoice)
    if adapter in CREATE:  # its page may stand on any host: a link, not a redirect after a form
        return page(request, "leaving.html", target=target, invoice=invoice)
    headers = {**strict_headers(), "location": target.url}
    return Response(b"", status_code=303, media_type=MediaType.HTML, headers=headers)


def _expect_open(invoice: PublicInvoice, adapter: str) -> None:
    """Raise AmountOutOfRangeError where the way does not take what is left to pay."""
    for offer in offers_of(invoice, business_date(now_utc())):
        if offer.adapter == adapter and offer.limit and not offer.is_open:
            raise AmountOutOfRangeError(offer.name, offer.limit.min_vnd, offer.limit.max_vnd)


async def _checkout(
    request: HttpRequest, context: AppContext, invoice: PublicInvoice, merchant: Merchant
) -> Checkout:
    """The way to the provider's page for a checkout that is written first.

    Raises CheckoutUnavailableError, and UnansweredError when the provider could not be reached this time:
    the order's end is then unknown, and it is queried like any other.
    """
    at = now_utc()
    lang = lang_of(request)
    adapter, base_url = merchant.adapter, context.settings.base_url
    async with transaction(context.engine) as db:
        opened = await open_checkout(db, merchant, invoice.invoice_id, at=at)
        parts = await order_parts(db, merchant, invoice.invoice_id)
    order = Order(
        merchant_reference=opened.merchant_reference,
        amount_vnd=opened.amount_vnd,
        description=f"Thanh toan {invoice.reference}",
        return_url=f"{base_url}/pay/{invoice.token}/return/{adapter}/{lang}",
        ipn_url=f"{base_url}/ipn/{adapter}/{merchant.account.account_key}",
        client_ip=_address(client_ip(request, context.settings.trusted_proxies)),
        locale=lang,
        created_at=at,
        expires_at=opened.expires_at,
        bill=parts.bill,
        payer=parts.payer,
        payee=parts.payee,
    )
    try:
        if adapter in REDIRECT:
            return REDIRECT[adapter].checkout(order, merchant.account)
        answer = await send(context.http, CREATE[adapter].create(order, merchant.account))
        target = CREATE[adapter].read_created(order, answer, merchant.account)
        _expect_web(target.url, is_sandbox=context.settings.sandbox)
    except (RefusedError, ValueError) as error:
        if isinstance(error, RefusedError) and error.reason is Refused.BUSY:
            raise UnansweredError(error.field) from error
        log.warning("checkout.refused", adapter=adapter, error=str(error))
        raise CheckoutUnavailableError from error
    if target.provider_reference:
        async with transaction(context.engine) as db:
            await name_order(db, merchant, opened, target.provider_reference)
    return target


def _expect_web(url: str, *, is_sandbox: bool) -> None:
    """Raise ValueError unless a provider's address is one that a browser may be sent to."""
    schemes = ("https://", "http://") if is_sandbox else ("https://",)
    if not url.startswith(schemes) or not url.isprintable():
        raise ValueError("not a web address")


@get(
    ["/pay/{token:str}/return/{adapter:str}", "/pay/{token:str}/return/{adapter:str}/{locale:str}"],
    operation_id="return_from_checkout",
    include_in_schema=False,
)
async def return_from_checkout(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    token: FromPath[str],
    adapter: FromPath[str],
) -> Response[Any]:
    """Back from the provider: the signature is checked, the invoice's own state is shown.

    A language in the path becomes the page's `?lang=` in a redirect that keeps the provider's query.
    """
    locale = request.url.path.rpartition("/")[2]
    query = request.scope["query_string"]
    returning = REDIRECT.get(adapter) or CREATE.get(adapter)
    if returning is None or not _TOKEN.fullmatch(token):  # nothing else goes into a header
        raise WayToPayNotFoundError
    if locale in ("vi", "en"):
        path = f"/pay/{token}/return/{adapter}"
        location = in_lang(f"{path}?{query.decode('latin-1')}" if query else path, _lang(locale))
        headers = {**strict_headers(), "location": location}
        return Response(b"", status_code=303, media_type=MediaType.HTML, headers=headers)
    sheet = await _sheet(context, token)
    merchant = await _merchant(context, sheet.invoice, adapter)
    try:
        outcome: Outcome | None = returning.read_return(query, merchant.account)
    except RefusedError:
        outcome = None
    return _invoice_page(request, context, sheet, returned=outcome or "unverified")


def _lang(locale: str) -> Lang:
    return "en" if locale == "en" else "vi"


def _invoice_page(
    request: HttpRequest,
    context: AppContext,
    sheet: PaySheet,
    returned: str = "",
    unanswered: str = "",
    status_code: int = 200,
) -> Response[str]:
    invoice = sheet.invoice
    return page(
        request,
        "pay.html",
        status_code=status_code,
        form_origins=sheet.form_origins,
        sheet=sheet,
        invoice=invoice,
        offers_sandbox=context.settings.sandbox and invoice.open_vnd > 0,
        returned=returned,
        unanswered=name_of(unanswered) if unanswered else None,
        path=f"/pay/{invoice.token}",
    )


async def _invoice(context: AppContext, token: str) -> PublicInvoice:
    found = None
    if _TOKEN.fullmatch(token):
        async with transaction(context.engine) as db:
            found = await invoice_by_token(db, token)
    if found is None:
        raise InvoiceNotFoundError
    return found


async def _sheet(context: AppContext, token: str) -> PaySheet:
    invoice = await _invoice(context, token)
    if not invoice.paid_vnd:
        return _sheet_of(invoice)
    async with transaction(context.engine) as db:
        receipts = await receipts_of_invoice(db, invoice.school_id, invoice.invoice_id)
    return make_sheet(invoice, receipts, business_date(now_utc()))


def _sheet_of(invoice: PublicInvoice) -> PaySheet:
    return make_sheet(invoice, (), business_date(now_utc()))


async def _payload(context: AppContext, token: str) -> str:
    payload = vietqr_of(await _invoice(context, token), business_date(now_utc()))
    if payload is None:
        raise QrNotFoundError
    return payload


async def _merchant(context: AppContext, invoice: PublicInvoice, adapter: str) -> Merchant:
    """The merchant account that this invoice may be paid through. Raises WayToPayNotFoundError."""
    for option in invoice.checkouts:
        if option.adapter == adapter:
            merchant = await context.merchants.find(adapter, option.account_key)
            if merchant is not None:
                return merchant
    raise WayToPayNotFoundError


def _address(caller: str) -> str:
    """The caller's IP address, which providers want; ours where a local socket has none."""
    try:
        return str(ip_address(caller.partition("%")[0]))  # behind "%" a zone may be any text
    except ValueError:
        return "127.0.0.1"
