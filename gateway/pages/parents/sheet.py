"""What the page of an invoice shows, put together from the invoice and today's date. Pure.

The QR code asks for what is left to pay; where nothing is left, or the sum is beyond what one transfer
may carry, there is none. A page's `version` changes whenever its state does, and tells nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from adapters.bankapps import AppLink, app_links
from adapters.vietqr import MAX_AMOUNT_VND, encode
from gateway.invoices.queries import PublicInvoice, ReceiptLink, State

CHANNELS: Final[Mapping[str, tuple[str, str]]] = {
    "vnpay": ("Ví hoặc thẻ qua VNPAY", "Wallet or card by VNPAY"),
    "sepay": ("Chuyển khoản ngân hàng", "Bank transfer"),
    "vietqrvn": ("Chuyển khoản ngân hàng", "Bank transfer"),
    "statement": ("Chuyển khoản ngân hàng", "Bank transfer"),
}
_OTHER_CHANNEL: Final = ("Kênh thanh toán khác", "Other channel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An invoice ready to be shown. `days_left` is negative once it is overdue."""

    invoice: PublicInvoice
    receipts: tuple[ReceiptLink, ...]
    payload: str | None
    apps: tuple[AppLink, ...]
    days_left: int
    version: str
    form_origins: tuple[str, ...]


def make_sheet(invoice: PublicInvoice, receipts: Iterable[ReceiptLink], today: date) -> Sheet:
    """Everything the page shows; `today` is the business date."""
    payload = vietqr_of(invoice)
    return Sheet(
        invoice=invoice,
        receipts=tuple(receipts),
        payload=payload,
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
        form_origins=provider_origins(option.settings for option in invoice.checkouts),
    )


def vietqr_of(invoice: PublicInvoice) -> str | None:
    """The VietQR payload for what is left to pay; None where one transfer cannot pay it."""
    if not 1 <= invoice.open_vnd <= MAX_AMOUNT_VND:
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
    for value in (value for said in settings for value in said.values()):
        parts = urlsplit(value) if value.startswith(("https://", "http://")) else None
        if parts and parts.netloc and not set(parts.netloc) & set(" ;,'\""):
            found.add(f"{parts.scheme}://{parts.netloc}")
    return tuple(sorted(found))


def channel_words(adapter: str) -> tuple[str, str]:
    """How the money came, in Vietnamese and English."""
    return CHANNELS.get(adapter, _OTHER_CHANNEL)
