"""Invoices as a school's software reads them: page by page in the order of issue, or one in full.

Read-only. A pupil appears by the school's own code alone; names stay here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, and_, literal_column, select

from core.invoices.payment_states import RECEIVABLE, SETTLED_VND
from core.invoices.selects import (
    CLASS_NAME,
    INVOICES,
    IS_CANCELLED,
    B,
    C,
    F,
    I,
    InvoiceStatus,
    S,
    has_status,
    is_overdue,
    status_of,
)
from core.invoices.virtual import VA_PREFIX
from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFilter:
    """What a listing is narrowed to; None means any."""

    status: InvoiceStatus | None = None
    class_name: str | None = None
    student_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInvoice:
    """One invoice. Amounts in VND; dates are business dates of Vietnam.

    Of an application `student_code` is the file code and `class_name` "".
    """

    id: int
    reference: str
    token: str
    student_code: str
    class_name: str
    schedule: str
    account_bin: str
    account_number: str
    student_reference: str
    va_prefix: str | None
    total_vnd: int
    paid_vnd: int
    is_cancelled: bool
    is_overdue: bool
    issued_on: date
    due_on: date

    @property
    def status(self) -> InvoiceStatus:
        """Where it stands, apart from being overdue."""
        return status_of(
            total_vnd=self.total_vnd, paid_vnd=self.paid_vnd, is_cancelled=self.is_cancelled
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLine:
    """One line of an invoice. Amounts in VND."""

    item_code: str
    description: str
    unit: str
    unit_price_vnd: int
    quantity: int
    conceded_vnd: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidPart:
    """What one payment settled of an invoice, in VND; `paid_at` is UTC."""

    payment_id: int
    amount_vnd: int
    paid_at: datetime


def _listed(school_id: int, today: date) -> Select[tuple[object, ...]]:
    return (
        select(
            I.c.id,
            I.c.reference,
            I.c.token,
            S.c.code.label("student_code"),
            CLASS_NAME.label("class_name"),
            F.c.name.label("schedule"),
            B.c.bin.label("account_bin"),
            B.c.number.label("account_number"),
            S.c.reference.label("student_reference"),
            literal_column(VA_PREFIX).label("va_prefix"),
            I.c.total_vnd,
            I.c.paid_vnd,
            IS_CANCELLED.label("is_cancelled"),
            is_overdue(today).label("is_overdue"),
            I.c.issued_on,
            I.c.due_on,
        )
        .select_from(
            INVOICES.join(B, and_(B.c.school_id == I.c.school_id, B.c.id == I.c.bank_account_id))
        )
        .where(I.c.school_id == school_id)
    )


async def list_invoices(
    db: Driver, school_id: int, wanted: ListingFilter, *, today: date, after: int, limit: int
) -> tuple[tuple[ListedInvoice, ...], bool]:
    """Up to `limit` invoices with an id above `after`, and whether there are more.

    The primary key (school_id, id) gives the order: a page costs the rows it shows, however deep it is.
    """
    page = _listed(school_id, today).where(I.c.id > after).order_by(I.c.id).limit(limit + 1)
    if wanted.class_name is not None:
        page = page.where(C.c.kind == "class", C.c.name == wanted.class_name)
    if wanted.student_code:
        page = page.where(S.c.code == wanted.student_code.upper())
    if wanted.status:
        page = page.where(has_status(wanted.status, today))
    rows = await db.select(ListedInvoice, page)
    return tuple(rows[:limit]), len(rows) > limit


async def invoice_of_reference(
    db: Driver, school_id: int, reference: str, *, today: date
) -> ListedInvoice | None:
    """The invoice with a reference; None where the school has none."""
    found = _listed(school_id, today).where(I.c.reference == reference)
    return next(iter(await db.select(ListedInvoice, found)), None)


LINES = Query(
    ListedLine,
    """
SELECT f.code AS item_code, l.description, l.unit, l.unit_price_vnd, l.quantity, l.conceded_vnd, l.amount_vnd
  FROM invoice_line l JOIN fee_item f ON f.school_id = l.school_id AND f.id = l.fee_item_id
 WHERE l.school_id = $1 AND l.invoice_id = $2 ORDER BY l.line_no
""",
)
# what was reversed is gone
PAID_PARTS = Query(
    PaidPart,
    f"""
SELECT p.id AS payment_id, {SETTLED_VND} AS amount_vnd, p.paid_at
  FROM transfer t {RECEIVABLE}
  JOIN payment p ON p.school_id = t.school_id AND p.id = t.payment_id
 WHERE t.school_id = $1 AND t.invoice_id = $2
 GROUP BY p.id, p.paid_at HAVING {SETTLED_VND} <> 0
 ORDER BY p.paid_at, p.id
""",  # noqa: S608 - constants of this package
)


async def lines_of(db: Driver, school_id: int, invoice_id: int) -> Sequence[ListedLine]:
    """The lines of an invoice, in their order."""
    return await db.fetch(LINES, school_id, invoice_id)


async def paid_parts(db: Driver, school_id: int, invoice_id: int) -> Sequence[PaidPart]:
    """What payments settle of an invoice by the ledger, oldest first."""
    return await db.fetch(PAID_PARTS, school_id, invoice_id)
