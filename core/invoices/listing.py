"""Invoices as a school's software reads them: page by page in the order of issue, or one in full.

Read-only. A pupil appears by the school's own code alone; names stay here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.invoices.search import InvoiceStatus
from core.invoices.virtual import VA_PREFIX
from core.kit.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a listing is narrowed to; None means any."""

    status: InvoiceStatus | None = None
    class_name: str | None = None
    student_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
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
    status: InvoiceStatus
    is_overdue: bool
    issued_on: date
    due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
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


_LISTED = f"""
SELECT i.id, i.reference, i.token, s.code AS student_code,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, f.name AS schedule,
       b.bin AS account_bin, b.number AS account_number, s.reference AS student_reference,
       {VA_PREFIX}, i.total_vnd, i.paid_vnd, i.issued_on, i.due_on,
       CASE WHEN i.cancelled_at IS NOT NULL THEN 'cancelled' WHEN i.paid_vnd = i.total_vnd THEN 'paid'
            WHEN i.paid_vnd > 0 THEN 'part' ELSE 'unpaid' END AS status,
       i.cancelled_at IS NULL AND i.paid_vnd < i.total_vnd AND i.due_on < $2 AS is_overdue
  FROM invoice i
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
 WHERE i.school_id = $1
"""
# The primary key (school_id, id) gives the order: a page costs the rows it shows, however deep it is.
_PAGE = f"""
{_LISTED} AND i.id > $3
   AND ($4::text IS NULL OR c.kind = 'class' AND c.name = $4) AND ($5::text IS NULL OR s.code = $5)
   AND CASE $6::text
         WHEN 'cancelled' THEN i.cancelled_at IS NOT NULL
         WHEN 'unpaid' THEN i.paid_vnd = 0 AND i.cancelled_at IS NULL
         WHEN 'part' THEN i.paid_vnd > 0 AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
         WHEN 'paid' THEN i.paid_vnd = i.total_vnd AND i.cancelled_at IS NULL
         WHEN 'overdue' THEN i.paid_vnd < i.total_vnd AND i.due_on < $2 AND i.cancelled_at IS NULL
         ELSE true END
 ORDER BY i.id LIMIT $7
"""


async def list_invoices(
    db: Driver, school_id: int, filters: Filters, *, today: date, after: int, limit: int
) -> tuple[tuple[Listed, ...], bool]:
    """Up to `limit` invoices with an id above `after`, and whether there are more."""
    rows = await db.raw.fetch(
        _PAGE,
        school_id,
        today,
        after,
        filters.class_name,
        filters.student_code.upper() if filters.student_code else None,
        filters.status,
        limit + 1,
    )
    return tuple(_listed(row) for row in rows[:limit]), len(rows) > limit


async def invoice_of_reference(
    db: Driver, school_id: int, reference: str, *, today: date
) -> Listed | None:
    """The invoice with a reference; None where the school has none."""
    row = await db.raw.fetchrow(f"{_LISTED} AND i.reference = $3", school_id, today, reference)
    return _listed(row) if row else None


async def lines_of(db: Driver, school_id: int, invoice_id: int) -> Sequence[Line]:
    """The lines of an invoice, in their order."""
    rows = await db.raw.fetch(
        """
        SELECT f.code AS item_code, l.description, l.unit, l.unit_price_vnd, l.quantity,
               l.conceded_vnd, l.amount_vnd
          FROM invoice_line l JOIN fee_item f ON f.school_id = l.school_id AND f.id = l.fee_item_id
         WHERE l.school_id = $1 AND l.invoice_id = $2 ORDER BY l.line_no
        """,
        school_id,
        invoice_id,
    )
    return [Line(**dict(row)) for row in rows]


async def paid_parts(db: Driver, school_id: int, invoice_id: int) -> Sequence[PaidPart]:
    """What the ledger says of payments to an invoice; what was reversed is gone."""
    rows = await db.raw.fetch(
        """
        SELECT p.id AS payment_id, p.paid_at,
               sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
                 AS amount_vnd
          FROM transfer t
          JOIN payment p ON p.school_id = t.school_id AND p.id = t.payment_id
          JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
           AND r.id IN (t.credit_account_id, t.debit_account_id)
         WHERE t.school_id = $1 AND t.invoice_id = $2
         GROUP BY p.id, p.paid_at
        HAVING sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END) <> 0
         ORDER BY p.paid_at, p.id
        """,
        school_id,
        invoice_id,
    )
    return [PaidPart(**dict(row)) for row in rows]


def _listed(row: Any) -> Listed:
    return Listed(**{**dict(row), "status": InvoiceStatus(row["status"])})
