"""What a page may know of an invoice or a payment: read by its token, the pupil's name masked.

Whoever holds the link sees these values and nothing else. A full name is masked before it leaves this
room; the transfer text a bank delivered is never read here, for payers write names into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from adapters import CREATE, REDIRECT
from adapters.banks import bank
from core.invoices.virtual import VA_PREFIX, virtual_or
from core.kit.database import Driver
from core.kit.text import mask_name


class State(StrEnum):
    """How an invoice stands for its parent."""

    OPEN = "open"
    PARTIAL = "partial"
    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLine:
    """One charge; `amount_vnd` = `unit_price_vnd` * `quantity` - `conceded_vnd`: what the family is asked.

    By which decision something is conceded is a child's private matter and is not told here.
    """

    description: str
    unit: str
    unit_price_vnd: int
    quantity: int
    conceded_vnd: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeAccount:
    """Where a transfer for this invoice goes: the school's bank account, or a virtual one of it.

    A virtual account's number carries the invoice's reference. `bank_name` is "" where unknown.
    """

    bin: str
    number: str
    holder: str
    bank_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOption:
    """A provider's page that can take this invoice, for the same bank account."""

    merchant_account_id: int
    adapter: str
    account_key: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicInvoice:
    """An invoice as its parents see it. Amounts in VND; `pupil` is masked.

    `class_name` is "" for an application: whoever applies is in no class.
    """

    school_id: int
    invoice_id: int
    token: str
    school_name: str
    title: str
    pupil: str
    class_name: str
    reference: str
    lines: tuple[PublicLine, ...]
    total_vnd: int
    paid_vnd: int
    issued_on: date
    due_on: date
    is_cancelled: bool
    payee: PayeeAccount
    checkouts: tuple[CheckoutOption, ...]

    @property
    def open_vnd(self) -> int:
        """What is left to pay; 0 for a cancelled invoice."""
        return 0 if self.is_cancelled else self.total_vnd - self.paid_vnd

    @property
    def state(self) -> State:
        """How the invoice stands."""
        return state_of(self.total_vnd, self.paid_vnd, is_cancelled=self.is_cancelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLink:
    """A payment that reached an invoice: where its receipt stands, and its part in this invoice.

    `has_official`: the provider's own receipt is here too.
    """

    token: str
    amount_vnd: int
    paid_at: datetime
    has_official: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPart:
    """What a payment settled of one invoice. `lines` are the invoice's charges."""

    reference: str
    title: str
    pupil: str
    class_name: str
    total_vnd: int
    amount_vnd: int
    lines: tuple[PublicLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicReceipt:
    """A payment as its payer sees it: what arrived, when, how, and what it settled.

    `parts` hold what still stands today, after any correction; `refunded_vnd` went back to the payer;
    `other_vnd` is the rest of `amount_vnd` (kept as the pupil's credit, or not placed yet). `number` is our number of the payment.
    `has_official`: the provider's own receipt is here too.
    """

    number: int
    token: str
    school_name: str
    school_address: str
    channel: str
    bank_transaction_id: str
    amount_vnd: int
    refunded_vnd: int
    paid_at: datetime
    business_date: date
    has_official: bool
    parts: tuple[ReceiptPart, ...]

    @property
    def other_vnd(self) -> int:
        """What of the payment settles no invoice and is still with the school."""
        return self.amount_vnd - self.refunded_vnd - sum(part.amount_vnd for part in self.parts)


def state_of(total_vnd: int, paid_vnd: int, *, is_cancelled: bool) -> State:
    """How an invoice of `total_vnd` stands when `paid_vnd` was received for it."""
    if is_cancelled:
        return State.CANCELLED
    if paid_vnd >= total_vnd:
        return State.PAID
    return State.PARTIAL if paid_vnd > 0 else State.OPEN


_LINES = """
(SELECT json_agg(json_build_array(l.description, l.unit, l.unit_price_vnd, l.quantity, l.conceded_vnd, l.amount_vnd)
                 ORDER BY l.line_no)
   FROM invoice_line l WHERE l.school_id = i.school_id AND l.invoice_id = i.id)::text AS lines
"""

# the token has an index of its own (ix_invoice_token): the link names no school
INVOICE = f"""
SELECT i.school_id, i.id, i.token, s.name AS school_name, f.name AS title, p.full_name,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, i.reference,
       i.total_vnd, i.paid_vnd, i.issued_on, i.due_on,
       i.cancelled_at IS NOT NULL AS is_cancelled, b.bin, b.number, b.holder, {_LINES},
       (SELECT json_agg(json_build_array(m.id, m.adapter, m.account_key, m.settings) ORDER BY m.id)
          FROM merchant_account m
         WHERE m.school_id = i.school_id AND m.bank_account_id = i.bank_account_id
           AND m.enabled AND m.adapter = ANY($2::text[]))::text AS checkouts,
       {VA_PREFIX}
  FROM invoice i
  JOIN school s ON s.id = i.school_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN student p ON p.school_id = i.school_id AND p.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
 WHERE i.token = $1
"""


async def invoice_by_token(db: Driver, token: str) -> PublicInvoice | None:
    """The invoice behind a parent's link; None when there is none. One query."""
    row = await db.raw.fetchrow(INVOICE, token, [*REDIRECT, *CREATE])
    if row is None:
        return None
    payee = bank(row["bin"])
    return PublicInvoice(
        school_id=row["school_id"],
        invoice_id=row["id"],
        token=row["token"],
        school_name=row["school_name"],
        title=row["title"],
        pupil=mask_name(row["full_name"]),
        class_name=row["class_name"],
        reference=row["reference"],
        lines=_lines(row["lines"]),
        total_vnd=row["total_vnd"],
        paid_vnd=row["paid_vnd"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        is_cancelled=row["is_cancelled"],
        payee=PayeeAccount(
            bin=row["bin"],
            number=virtual_or(row["va_prefix"], row["reference"], row["number"]),
            holder=row["holder"],
            bank_name=payee.short_name if payee else "",
        ),
        checkouts=tuple(
            CheckoutOption(merchant_account_id=id_, adapter=adapter, account_key=key, settings=said)
            for id_, adapter, key, said in json.loads(row["checkouts"] or "[]")
        ),
    )


async def standing_of(db: Driver, school_id: int, invoice_id: int) -> tuple[State, int]:
    """How an invoice stands now, and what was received for it in VND: the short look of a live page."""
    row = await db.raw.fetchrow(
        "SELECT total_vnd, paid_vnd, cancelled_at IS NOT NULL AS is_cancelled FROM invoice"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        invoice_id,
    )
    state = state_of(row["total_vnd"], row["paid_vnd"], is_cancelled=row["is_cancelled"])
    return state, row["paid_vnd"]


# What payments settle: credits of the receivable, less their reversals. Given `t` by the caller.
_SETTLED = """
sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
"""
_RECEIVABLE = """
JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
                     AND r.id IN (t.credit_account_id, t.debit_account_id)
"""

_HAS_OFFICIAL = """
EXISTS (SELECT FROM official_receipt o WHERE o.school_id = p.school_id AND o.payment_id = p.id
           AND o.content IS NOT NULL) AS has_official
"""

RECEIPTS_OF_INVOICE = f"""
SELECT p.token, p.paid_at, settled.amount_vnd, {_HAS_OFFICIAL}
  FROM (SELECT t.school_id, t.payment_id, {_SETTLED} AS amount_vnd
          FROM transfer t {_RECEIVABLE}
         WHERE t.school_id = $1 AND t.invoice_id = $2 AND t.payment_id IS NOT NULL
         GROUP BY t.school_id, t.payment_id) settled
  JOIN payment p ON p.school_id = settled.school_id AND p.id = settled.payment_id
 WHERE settled.amount_vnd > 0
 ORDER BY p.paid_at, p.id
"""


async def receipts_of_invoice(
    db: Driver, school_id: int, invoice_id: int
) -> tuple[ReceiptLink, ...]:
    """The payments that settle an invoice today, oldest first, each with its part in VND."""
    rows = await db.raw.fetch(RECEIPTS_OF_INVOICE, school_id, invoice_id)
    return tuple(ReceiptLink(**row) for row in rows)


RECEIPT = f"""
SELECT p.school_id, p.id AS number, p.token, s.name AS school_name, s.address AS school_address,
       p.channel, p.bank_transaction_id, p.amount_vnd, p.paid_at, p.business_date, {_HAS_OFFICIAL},
       (SELECT coalesce(sum(t.amount_vnd), 0)::bigint FROM transfer t
         WHERE t.school_id = p.school_id AND t.payment_id = p.id AND t.kind = 'refund') AS refunded_vnd
  FROM payment p JOIN school s ON s.id = p.school_id
 WHERE p.token = $1
"""

RECEIPT_PARTS = f"""
SELECT i.reference, f.name AS title, p.full_name,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, i.total_vnd,
       settled.amount_vnd, {_LINES}
  FROM (SELECT t.school_id, t.invoice_id, {_SETTLED} AS amount_vnd
          FROM transfer t {_RECEIVABLE}
         WHERE t.school_id = $1 AND t.payment_id = $2 AND t.invoice_id IS NOT NULL
         GROUP BY t.school_id, t.invoice_id) settled
  JOIN invoice i ON i.school_id = settled.school_id AND i.id = settled.invoice_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN student p ON p.school_id = i.school_id AND p.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE settled.amount_vnd > 0
 ORDER BY i.id
"""


async def receipt_by_token(db: Driver, token: str) -> PublicReceipt | None:
    """The payment behind a receipt's link; None when there is none, or it settles nothing (yet)."""
    head = await db.raw.fetchrow(RECEIPT, token)
    if head is None:
        return None
    said = dict(head)
    rows = await db.raw.fetch(RECEIPT_PARTS, said.pop("school_id"), head["number"])
    if not rows:
        return None
    parts = tuple(
        ReceiptPart(
            reference=row["reference"],
            title=row["title"],
            pupil=mask_name(row["full_name"]),
            class_name=row["class_name"],
            total_vnd=row["total_vnd"],
            amount_vnd=row["amount_vnd"],
            lines=_lines(row["lines"]),
        )
        for row in rows
    )
    return PublicReceipt(parts=parts, **said)


def _lines(rows: str | None) -> tuple[PublicLine, ...]:
    names = ("description", "unit", "unit_price_vnd", "quantity", "conceded_vnd", "amount_vnd")
    return tuple(
        PublicLine(**dict(zip(names, row, strict=True))) for row in json.loads(rows or "[]")
    )
