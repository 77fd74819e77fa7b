"""Opening a checkout: the note that we are about to send a parent to a provider's page.

It is written before the parent leaves, so that what the provider says later finds its invoice and the
amount that was asked for. A checkout never means that money arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters import NUMBERED, QUERY
from core.kit.database import Driver
from core.kit.errors import Problem
from core.kit.reference import ALPHABET, code_of
from core.merchants.directory import Merchant

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


async def open_checkout(
    db: Driver, merchant: Merchant, invoice_id: int, *, at: datetime
) -> OpenCheckout:
    """Write the next checkout of an invoice for all that is open on it, valid for `LIFETIME` from `at`.

    The provider is asked about it for the first time on that provider's own advice. Raises Problem:
    404 for no such invoice, 409 when nothing is open, 429 with too many alive.
    """
    school_id, merchant_account_id = merchant.school_id, merchant.merchant_account_id
    invoice = await db.raw.fetchrow(
        "SELECT reference, total_vnd - paid_vnd AS open_vnd, cancelled_at FROM invoice"
        " WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        invoice_id,
    )
    if invoice is None:
        raise Problem(
            "not_found", vi="Không tìm thấy phiếu báo thu.", en="No such invoice.", status=404
        )
    if invoice["cancelled_at"] is not None or invoice["open_vnd"] == 0:
        raise Problem(
            "nothing_to_pay",
            vi="Phiếu báo thu này không còn khoản nào phải nộp.",
            en="There is nothing left to pay on this invoice.",
            status=409,
        )
    made = await db.raw.fetchrow(
        "SELECT count(*) FILTER (WHERE merchant_account_id = $3) AS before,"
        " count(*) FILTER (WHERE expires_at > $4) AS alive"
        " FROM checkout WHERE school_id = $1 AND invoice_id = $2",
        school_id,
        invoice_id,
        merchant_account_id,
        at,
    )
    is_numbered = merchant.adapter in NUMBERED
    if made["alive"] >= AT_ONCE or (is_numbered and made["before"] >= NUMBERED_ATTEMPTS):
        raise Problem(
            "too_many_checkouts",
            vi="Có quá nhiều lượt thanh toán đang mở. Hãy thử lại sau 15 phút.",
            en="Too many checkouts are open. Please try again in 15 minutes.",
            status=429,
        )
    merchant_reference = invoice["reference"] + attempt_code(made["before"])
    if is_numbered:
        merchant_reference = str(code_of(invoice["reference"]) * NUMBERED_ATTEMPTS + made["before"])
    asked = QUERY.get(merchant.adapter)
    expires_at = at + LIFETIME
    checkout_id: int = await db.raw.fetchval(
        "INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference,"
        " amount_vnd, expires_at, created_at, next_ask_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " RETURNING id",
        school_id,
        merchant_account_id,
        invoice_id,
        merchant_reference,
        invoice["open_vnd"],
        expires_at,
        at,  # the provider is asked later by the very time that it was told
        at + asked.FIRST_ASK if asked else None,
    )
    return OpenCheckout(
        checkout_id=checkout_id,
        merchant_reference=merchant_reference,
        amount_vnd=invoice["open_vnd"],
        expires_at=expires_at,
    )


async def name_order(
    db: Driver, merchant: Merchant, opened: OpenCheckout, provider_reference: str
) -> None:
    """Keep what the provider called the order, so that it can be asked about it."""
    await db.raw.execute(
        "UPDATE checkout SET provider_reference = $3 WHERE school_id = $1 AND id = $2",
        merchant.school_id,
        opened.checkout_id,
        provider_reference,
    )


def attempt_code(attempts_before: int) -> str:
    """Which attempt it is, in base 32 with two symbols or more: 0 -> "00", 33 -> "11"."""
    high, low = divmod(attempts_before, 32)
    return (attempt_code(high) if high >= 32 else ALPHABET[high]) + ALPHABET[low]
