"""What a parent's page may show of an invoice: read by its token, the pupil's name masked.

Whoever holds the link sees these values and nothing else. A full name is masked before it leaves this
module; the transfer text a bank delivered is never read here, for payers write names into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, TypedDict

from adapters import CREATE, REDIRECT
from adapters.banks import bank
from core.invoices.selects import InvoiceStatus, status_of
from core.invoices.virtual import VA_PREFIX, virtual_or
from core.kit.database import Driver, Query
from core.kit.text import mask_name


class State(StrEnum):
    """How an invoice stands for its parent."""

    OPEN = "open"
    PARTIAL = "partial"
    PAID = "paid"
    CANCELLED = "cancelled"


LineParts = tuple[str, str, int, int, int, int]
"""The fields of a `PublicLine` in their order, as JSON carries them."""


@dataclass(frozen=True, slots=True)
class PublicLine:
    """One charge; `amount_vnd` = `unit_price_vnd` * `quantity` - `conceded_vnd`: what the family is asked.

    By which decision something is conceded is a child's private matter and is not shown.
    """

    description: str
    unit: str
    unit_price_vnd: int
    quantity: int
    conceded_vnd: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTarget:
    """Where a transfer for this invoice goes: the school's bank account, or a virtual one of it.

    A virtual account's number carries the invoice's reference. `bank_name` is "" where unknown.
    """

    bin: str
    number: str
    holder: str
    bank_name: str


class CheckoutFields(TypedDict):
    """The fields of a `CheckoutOption`, as JSON carries them."""

    merchant_account_id: int
    adapter: str
    account_key: str
    settings: Mapping[str, str]


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
    payee: TransferTarget
    checkouts: tuple[CheckoutOption, ...]

    @property
    def open_vnd(self) -> int:
        """What is left to pay; 0 for a cancelled invoice."""
        return 0 if self.is_cancelled else self.total_vnd - self.paid_vnd

    @property
    def state(self) -> State:
        """How the invoice stands."""
        return state_of(self.total_vnd, self.paid_vnd, is_cancelled=self.is_cancelled)


_STATE_OF: Final = {
    InvoiceStatus.UNPAID: State.OPEN,
    InvoiceStatus.PART: State.PARTIAL,
    InvoiceStatus.PAID: State.PAID,
    InvoiceStatus.CANCELLED: State.CANCELLED,
}


def state_of(total_vnd: int, paid_vnd: int, *, is_cancelled: bool) -> State:
    """How an invoice of `total_vnd` stands when `paid_vnd` was received for it."""
    status = status_of(total_vnd=total_vnd, paid_vnd=paid_vnd, is_cancelled=is_cancelled)
    return _STATE_OF[status]


LINES: Final = """
coalesce((SELECT json_agg(json_build_array(l.description, l.unit, l.unit_price_vnd, l.quantity, l.conceded_vnd,
                                           l.amount_vnd) ORDER BY l.line_no)
            FROM invoice_line l WHERE l.school_id = i.school_id AND l.invoice_id = i.id), '[]')
"""
CLASS_NAME: Final = "CASE c.kind WHEN 'class' THEN c.name ELSE '' END"


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """An invoice as stored, with the pupil's full name: it never leaves this module."""

    school_id: int
    invoice_id: int
    token: str
    school_name: str
    title: str
    full_name: str = field(repr=False)
    class_name: str
    reference: str
    total_vnd: int
    paid_vnd: int
    issued_on: date
    due_on: date
    is_cancelled: bool
    bin: str
    number: str
    holder: str
    lines: tuple[LineParts, ...]
    checkouts: tuple[CheckoutFields, ...]
    va_prefix: str | None


# the token has an index of its own (ix_invoice_token): the link names no school
INVOICE = Query(
    InvoiceRecord,
    f"""
SELECT i.school_id, i.id AS invoice_id, i.token, s.name AS school_name, f.name AS title, p.full_name,
       {CLASS_NAME} AS class_name, i.reference, i.total_vnd, i.paid_vnd, i.issued_on, i.due_on,
       i.cancelled_at IS NOT NULL AS is_cancelled, b.bin, b.number, b.holder, {LINES} AS lines,
       coalesce((SELECT json_agg(json_build_object('merchant_account_id', m.id, 'adapter', m.adapter,
                                 'account_key', m.account_key, 'settings', m.settings) ORDER BY m.id)
                   FROM merchant_account m
                  WHERE m.school_id = i.school_id AND m.bank_account_id = i.bank_account_id
                    AND m.enabled AND m.adapter = ANY($2::text[])), '[]') AS checkouts,
       {VA_PREFIX} AS va_prefix
  FROM invoice i
  JOIN school s ON s.id = i.school_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN student p ON p.school_id = i.school_id AND p.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
 WHERE i.token = $1
""",  # noqa: S608 - constants of this package
)


async def invoice_by_token(db: Driver, token: str) -> PublicInvoice | None:
    """The invoice behind a parent's link; None when there is none. One query."""
    row = await db.fetch_one(INVOICE, token, [*REDIRECT, *CREATE])
    if row is None:
        return None
    payee = bank(row.bin)
    return PublicInvoice(
        school_id=row.school_id,
        invoice_id=row.invoice_id,
        token=row.token,
        school_name=row.school_name,
        title=row.title,
        pupil=mask_name(row.full_name),
        class_name=row.class_name,
        reference=row.reference,
        lines=tuple(PublicLine(*line) for line in row.lines),
        total_vnd=row.total_vnd,
        paid_vnd=row.paid_vnd,
        issued_on=row.issued_on,
        due_on=row.due_on,
        is_cancelled=row.is_cancelled,
        payee=TransferTarget(
            bin=row.bin,
            number=virtual_or(row.va_prefix, row.reference, row.number),
            holder=row.holder,
            bank_name=payee.short_name if payee else "",
        ),
        checkouts=tuple(CheckoutOption(**option) for option in row.checkouts),
    )


@dataclass(frozen=True, slots=True)
class InvoiceProgress:
    """How far an invoice is paid, VND: the short look of a live page."""

    total_vnd: int
    paid_vnd: int
    is_cancelled: bool

    @property
    def state(self) -> State:
        """How the invoice stands."""
        return state_of(self.total_vnd, self.paid_vnd, is_cancelled=self.is_cancelled)


PROGRESS = Query(
    InvoiceProgress,
    """
SELECT total_vnd, paid_vnd, cancelled_at IS NOT NULL AS is_cancelled FROM invoice
 WHERE school_id = $1 AND id = $2
""",
)


async def progress_of(db: Driver, school_id: int, invoice_id: int) -> InvoiceProgress:
    """How far an invoice, which must exist, is paid now."""
    return await db.fetch_only(PROGRESS, school_id, invoice_id)
