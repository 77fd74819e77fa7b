"""Opening a checkout: the record that a parent is about to be sent to a provider's page.

It is written before the parent leaves, so that what the provider reports later finds its invoice and the
amount that was asked for. A checkout never means that money arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters import NUMBERED, QUERY
from core.kit.database import Command, Driver, Query
from core.kit.reference import ALPHABET, code_of
from core.merchants.directory import Merchant
from core.payments.errors import NoSuchInvoiceError, NothingToPayError, TooManyCheckoutsError

LIFETIME: Final = timedelta(minutes=15)
AT_ONCE: Final = 20
"""Checkouts of one invoice that may be alive together; a parent needs a handful."""
NUMBERED_ATTEMPTS: Final = 2**10
"""Attempts that fit a numbered order: with the reference's 40 bits they stay below 2**50."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckout:
    """An order for a provider. `merchant_reference` is unique; the amount is what was open, in VND."""

    checkout_id: int
    merchant_reference: str
    amount_vnd: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PayableInvoice:
    """What is left of an invoice, in VND: nothing where it is cancelled."""

    reference: str
    open_vnd: int


@dataclass(frozen=True, slots=True)
class CheckoutCounts:
    """Checkouts of an invoice: at this merchant account before, and at any still alive."""

    before: int
    alive: int


# the lock makes attempts be counted one after the other
LOCK_INVOICE = Query(
    PayableInvoice,
    """
SELECT reference, CASE WHEN cancelled_at IS NULL THEN total_vnd - paid_vnd ELSE 0 END AS open_vnd
  FROM invoice WHERE school_id = $1 AND id = $2 FOR UPDATE
""",
)

COUNTS = Query(
    CheckoutCounts,
    """
SELECT count(*) FILTER (WHERE merchant_account_id = $3) AS before,
       count(*) FILTER (WHERE expires_at > $4) AS alive
  FROM checkout WHERE school_id = $1 AND invoice_id = $2
""",
)

OPEN = Query(
    int,
    """
INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference, amount_vnd,
                      expires_at, created_at, next_ask_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
""",
)

NAME_ORDER = Command("UPDATE checkout SET provider_reference = $3 WHERE school_id = $1 AND id = $2")


async def open_checkout(
    db: Driver, merchant: Merchant, invoice_id: int, *, at: datetime
) -> OpenCheckout:
    """Write the next checkout of an invoice for all that is open on it, valid for `LIFETIME` from `at`.

    The provider is asked about it for the first time when that provider advises. Raises
    NoSuchInvoiceError, NothingToPayError and, with too many alive, TooManyCheckoutsError.
    """
    school_id, merchant_account_id = merchant.school_id, merchant.merchant_account_id
    invoice = await db.fetch_one(LOCK_INVOICE, school_id, invoice_id)
    if invoice is None:
        raise NoSuchInvoiceError
    if invoice.open_vnd == 0:
        raise NothingToPayError
    counts = await db.fetch_only(COUNTS, school_id, invoice_id, merchant_account_id, at)
    is_numbered = merchant.adapter in NUMBERED
    if counts.alive >= AT_ONCE or (is_numbered and counts.before >= NUMBERED_ATTEMPTS):
        raise TooManyCheckoutsError
    merchant_reference = invoice.reference + attempt_code(counts.before)
    if is_numbered:
        merchant_reference = str(code_of(invoice.reference) * NUMBERED_ATTEMPTS + counts.before)
    asked = QUERY.get(merchant.adapter)
    expires_at = at + LIFETIME
    checkout_id = await db.fetch_only(
        OPEN,
        school_id,
        merchant_account_id,
        invoice_id,
        merchant_reference,
        invoice.open_vnd,
        expires_at,
        at,  # the order's own time: the provider is asked by it later
        at + asked.FIRST_ASK if asked else None,
    )
    return OpenCheckout(
        checkout_id=checkout_id,
        merchant_reference=merchant_reference,
        amount_vnd=invoice.open_vnd,
        expires_at=expires_at,
    )


async def name_order(
    db: Driver, merchant: Merchant, opened: OpenCheckout, provider_reference: str
) -> None:
    """Keep what the provider called the order, so that it can be asked about it."""
    await db.execute(NAME_ORDER, merchant.school_id, opened.checkout_id, provider_reference)


def attempt_code(attempts_before: int) -> str:
    """Which attempt it is, in base 32 with two symbols or more: 0 -> "00", 33 -> "11"."""
    high, low = divmod(attempts_before, 32)
    return (attempt_code(high) if high >= 32 else ALPHABET[high]) + ALPHABET[low]
