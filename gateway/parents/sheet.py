"""What the page of an invoice shows, put together from the invoice and today's date. Pure.

The QR code asks for what is left to pay; where nothing is left, or the sum is beyond what one transfer
may carry, there is none. A page's `version` changes whenever its state does, and reveals nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from adapters import REDIRECT
from adapters.bankapps import AppLink, app_links
from adapters.messages import Message
from adapters.vietqr import encode
from adapters.ways import VIETQR, Limit, in_order, limit_of, name_of
from core.invoices.queries import PublicInvoice, State
from core.invoices.receipts import ReceiptLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A provider's page that the parent may choose. `limit`: what it takes, where that is known.

    `is_open`: whether it takes what is left to pay.
    """

    adapter: str
    name: Message
    limit: Limit | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaySheet:
    """An invoice ready to be shown. `days_left` is negative once it is overdue."""

    invoice: PublicInvoice
    receipts: tuple[ReceiptLink, ...]
    payload: str | None
    offers: tuple[Offer, ...]
    apps: tuple[AppLink, ...]
    days_left: int
    version: str
    form_origins: tuple[str, ...]


def make_sheet(invoice: PublicInvoice, receipts: Iterable[ReceiptLink], today: date) -> PaySheet:
    """Everything the page shows; `today` is the business date."""
    payload = vietqr_of(invoice, today)
    return PaySheet(
        invoice=invoice,
        receipts=tuple(receipts),
        payload=payload,
        offers=offers_of(invoice, today),
        apps=app_links(
            bin=invoice.payee.bin,
            account=invoice.payee.number,
            amount_vnd=invoice.open_vnd,
            content=invoice.reference,
        )
        if payload
        else (),
        days_left=(invoice.due_on - today).days,
        version=version_of(invoice.token, invoice.state, invoice.paid_vnd),
        form_origins=provider_origins(
            option.settings for option in invoice.checkouts if option.adapter in REDIRECT
        ),
    )


def offers_of(invoice: PublicInvoice, today: date) -> tuple[Offer, ...]:
    """What the school has enabled for this invoice, in the order to be shown; none once it is paid."""
    if not invoice.open_vnd:
        return ()
    offers = []
    for adapter in in_order(sorted({option.adapter for option in invoice.checkouts})):
        limit = limit_of(adapter, today)
        is_open = limit is None or limit.takes(invoice.open_vnd)
        offers.append(Offer(adapter=adapter, name=name_of(adapter), limit=limit, is_open=is_open))
    return tuple(offers)


def vietqr_of(invoice: PublicInvoice, today: date) -> str | None:
    """The VietQR payload for what is left to pay; None where one transfer cannot pay it."""
    limit = limit_of(VIETQR, today)
    if not invoice.open_vnd or (limit and not limit.takes(invoice.open_vnd)):
        return None
    return encode(
        bin=invoice.payee.bin,
        account=invoice.payee.number,
        amount_vnd=invoice.open_vnd,
        content=invoice.reference,
    )


def version_of(token: str, state: State, paid_vnd: int) -> str:
    """Twelve hex digits that stand for the invoice's state."""
    return hashlib.sha256(f"{token}|{state}|{paid_vnd}".encode()).hexdigest()[:12]


def provider_origins(settings: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """The "scheme://host" of every web address among providers' settings, sorted, each once."""
    found = set()
    for value in (value for one in settings for value in one.values()):
        parts = urlsplit(value) if value.startswith(("https://", "http://")) else None
        if parts and parts.netloc and not set(parts.netloc) & set(" ;,'\""):
            found.add(f"{parts.scheme}://{parts.netloc}")
    return tuple(sorted(found))
