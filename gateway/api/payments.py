"""`/api/v1/payments`: the money that arrived, page by page, with what each payment settled. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from core.identity.service import ApiCaller
from core.kit.database import Query, transaction
from gateway.api.base import cursor_of, id_of_cursor, page_size
from gateway.context import AppContext


class AllocationBody(msgspec.Struct, frozen=True):
    """A part of a payment that settled an invoice, VND."""

    invoice_reference: str
    amount_vnd: int


class PaymentBody(msgspec.Struct, frozen=True):
    """Money that arrived, VND. `suspense_reason` says why it is not allocated; null once it is.

    `paid_at` in UTC, `business_date` in Vietnam. What is neither allocated nor in suspense is the
    pupil's credit, or was refunded.
    """

    id: int
    channel: str
    amount_vnd: int
    paid_at: datetime
    business_date: date
    bank_transaction_id: str
    reference: str | None
    is_corrected: bool
    student_code: str | None
    suspense_reason: str | None
    allocations: list[AllocationBody]


class PaymentListBody(msgspec.Struct, frozen=True):
    """A page of payments in the order of recording; `next_cursor` is null on the last one."""

    items: list[PaymentBody]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment and the invoices that it settles; `amounts_vnd` in the order of `invoice_references`."""

    id: int
    channel: str
    amount_vnd: int
    paid_at: datetime
    business_date: date
    bank_transaction_id: str
    reference: str | None
    is_corrected: bool
    student_code: str | None
    suspense_reason: str | None
    invoice_references: tuple[str, ...]
    amounts_vnd: tuple[int, ...]


# The allocations of the page's payments come in one go, by ix_transfer_payment.
PAGE = Query(
    PaymentRow,
    """
WITH page AS (
  SELECT p.* FROM payment p
   WHERE p.school_id = $1 AND p.id > $2
     AND ($3::date IS NULL OR p.business_date >= $3) AND ($4::date IS NULL OR p.business_date <= $4)
   ORDER BY p.id LIMIT $5
), part AS (
  SELECT t.payment_id, i.reference,
         sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint AS amount_vnd
    FROM page
    JOIN transfer t ON t.school_id = $1 AND t.payment_id = page.id AND t.invoice_id IS NOT NULL
    JOIN ledger_account r ON r.school_id = $1 AND r.kind = 'receivable'
     AND r.id IN (t.credit_account_id, t.debit_account_id)
    JOIN invoice i ON i.school_id = $1 AND i.id = t.invoice_id
   GROUP BY t.payment_id, i.reference
)
SELECT page.id, page.channel, page.amount_vnd, page.paid_at, page.business_date, page.bank_transaction_id,
       page.reference, page.is_corrected, s.code AS student_code, page.suspense_reason,
       ARRAY(SELECT part.reference FROM part
              WHERE part.payment_id = page.id AND part.amount_vnd <> 0 ORDER BY 1) AS invoice_references,
       ARRAY(SELECT part.amount_vnd FROM part
              WHERE part.payment_id = page.id AND part.amount_vnd <> 0 ORDER BY part.reference) AS amounts_vnd
  FROM page LEFT JOIN student s ON s.school_id = $1 AND s.id = page.student_id
 ORDER BY page.id
""",
)


@get("/payments", operation_id="list_payments", tags=["payments"])
async def get_payments(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    since: FromQuery[date | None] = None,
    until: FromQuery[date | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> PaymentListBody:
    """Payments in the order of recording; `since` and `until` are business dates, both included."""
    size = page_size(limit)
    after = id_of_cursor(cursor)
    async with transaction(context.engine) as db:
        rows = await db.fetch(PAGE, caller.school_id, after, since, until, size + 1)
    items = [_body(row) for row in rows[:size]]
    return PaymentListBody(items, cursor_of(items[-1].id) if len(rows) > size else None)


def _body(row: PaymentRow) -> PaymentBody:
    pairs = zip(row.invoice_references, row.amounts_vnd, strict=True)
    return PaymentBody(
        id=row.id,
        channel=row.channel,
        amount_vnd=row.amount_vnd,
        paid_at=row.paid_at,
        business_date=row.business_date,
        bank_transaction_id=row.bank_transaction_id,
        reference=row.reference,
        is_corrected=row.is_corrected,
        student_code=row.student_code,
        suspense_reason=row.suspense_reason,
        allocations=[AllocationBody(reference, amount_vnd) for reference, amount_vnd in pairs],
    )
