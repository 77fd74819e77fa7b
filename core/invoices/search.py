"""Finding invoices for the people who work with them: by name, code or reference, by class and status.

Every list is bounded and goes on from the last invoice shown (keyset); the mark between two pages is
an invoice's number, never a name. What a parent may see is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from core.invoices.payment_states import (
    PaymentState,
    invoice_states,
    settled,
    states_of_invoices,
)
from core.kit.database import Driver
from core.kit.reference import find_references
from core.kit.text import unaccent

PAGE = 50
MAX_QUERY = 100


class InvoiceStatus(StrEnum):
    """Where an invoice stands; derived, never stored."""

    UNPAID = "unpaid"
    PART = "part"
    PAID = "paid"
    OVERDUE = "overdue"  # a filter and a warning: unpaid or part, and the due date is past
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; None or "" means any. `text`: a name, a pupil's code or a reference."""

    text: str = ""
    class_id: int | None = None
    schedule_id: int | None = None
    status: InvoiceStatus | None = None
    state: PaymentState | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRow:
    """One invoice in a list. Amounts in VND; `full_name` is for the school's own staff.

    `class_name` is "" for an application.
    """

    id: int
    reference: str
    student_code: str
    full_name: str
    class_name: str
    schedule_name: str
    total_vnd: int
    paid_vnd: int
    due_on: date
    status: InvoiceStatus
    is_overdue: bool
    state: PaymentState | None = None

    @property
    def open_vnd(self) -> int:
        """What is still owed, VND."""
        return self.total_vnd - self.paid_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What is known of the money of the invoices that fit, VND.

    gateway_vnd: told by a channel's notice; software_vnd: settles them in our books; at_bank_vnd: on a
    statement or in a settlement that is booked.
    """

    gateway_vnd: int
    software_vnd: int
    at_bank_vnd: int

    @property
    def difference_vnd(self) -> int:
        """What the books have beyond the channels: from statements alone."""
        return self.software_vnd - self.gateway_vnd


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """A page of a list, how many there are in all, and where the next page begins."""

    rows: tuple[InvoiceRow, ...]
    total_count: int
    next_after: int | None


# $9, only where asked: the state of the money, which costs a look at every transfer
FOUND = f"""
WITH found AS (
  SELECT i.id, i.reference, i.total_vnd, i.paid_vnd, i.due_on, i.cancelled_at,
         s.code AS student_code, s.full_name, s.search_name, c.name AS class_name, c.grade,
         c.kind AS class_kind, f.name AS schedule_name
    FROM invoice i
    JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
    JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
    JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
   WHERE i.school_id = $1
     AND ($2::text[] IS NULL OR i.reference = ANY($2) OR s.reference = ANY($2)
          OR upper(s.code) = upper($3) OR s.search_name LIKE $4)
     AND ($5::bigint IS NULL OR i.class_id = $5)
     AND ($6::bigint IS NULL OR i.fee_schedule_id = $6)
     AND CASE $7::text
           WHEN 'unpaid' THEN i.paid_vnd = 0 AND i.cancelled_at IS NULL
           WHEN 'part' THEN i.paid_vnd > 0 AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
           WHEN 'paid' THEN i.paid_vnd = i.total_vnd AND i.cancelled_at IS NULL
           WHEN 'overdue' THEN i.paid_vnd < i.total_vnd AND i.due_on < $8 AND i.cancelled_at IS NULL
           WHEN 'cancelled' THEN i.cancelled_at IS NOT NULL
           ELSE TRUE END
     AND ($9::text IS NULL
          OR i.id IN (SELECT x.invoice_id FROM ({invoice_states("IS NOT NULL")}) x WHERE x.state = $9))
)
"""
# The order of a class register. $10 takes one row more than a page, to know whether there is another.
SEARCH = f"""
{FOUND}
SELECT *, (SELECT count(*) FROM found) AS total_count FROM found
 WHERE $11::bigint IS NULL OR (grade, class_name, search_name, id) >
       (SELECT c.grade, c.name, s.search_name, i.id FROM invoice i
          JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
          JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
         WHERE i.school_id = $1 AND i.id = $11)
 ORDER BY grade, class_name, search_name, id LIMIT $10
"""
TOTALS = f"""
{FOUND}
SELECT coalesce(sum(amount_vnd) FILTER (WHERE channel <> 'statement'), 0)::bigint AS gateway_vnd,
       coalesce(sum(amount_vnd), 0)::bigint AS software_vnd,
       coalesce(sum(amount_vnd) FILTER (WHERE is_at_bank), 0)::bigint AS at_bank_vnd
  FROM ({settled("IN (SELECT id FROM found)")}) s
"""


async def find_invoices(
    db: Driver, school_id: int, wanted: Wanted, *, today: date, limit: int = PAGE
) -> InvoicePage:
    """The invoices that fit, in the order of class and name, at most `limit` (1..PAGE)."""
    limit = max(1, min(limit, PAGE))
    rows = await db.raw.fetch(
        SEARCH, *_arguments(school_id, wanted, today), limit + 1, wanted.after
    )
    states = await states_of_invoices(db, school_id, [row["id"] for row in rows[:limit]])
    shown = tuple(_row(row, today, states.get(row["id"])) for row in rows[:limit])
    return InvoicePage(
        rows=shown,
        total_count=rows[0]["total_count"] if rows else 0,
        next_after=shown[-1].id if len(rows) > limit else None,
    )


async def confirmed_of(db: Driver, school_id: int, wanted: Wanted, *, today: date) -> Confirmed:
    """What is known of the money of all invoices that fit."""
    row = await db.raw.fetchrow(TOTALS, *_arguments(school_id, wanted, today))
    return Confirmed(**dict(row))


def _arguments(school_id: int, wanted: Wanted, today: date) -> tuple[object, ...]:
    """The parameters $1 to $9 of FOUND."""
    text = wanted.text.strip()[:MAX_QUERY]
    return (
        school_id,
        [found.reference for found in find_references(text)] if text else None,
        text,
        f"%{_literal(unaccent(text).lower())}%",
        wanted.class_id,
        wanted.schedule_id,
        wanted.status,
        today,
        wanted.state,
    )


async def classes_of(db: Driver, school_id: int, limit: int = 300) -> Sequence[tuple[int, str]]:
    """(id, name) of the classes that have invoices, by grade and name; the newest year first."""
    rows = await db.raw.fetch(
        """
        SELECT c.id, c.name FROM school_class c
         WHERE c.school_id = $1 AND c.kind = 'class' AND EXISTS (SELECT FROM invoice i
               WHERE i.school_id = c.school_id AND i.class_id = c.id)
         ORDER BY c.school_year DESC, c.grade, c.name LIMIT $2
        """,
        school_id,
        limit,
    )
    return [(row["id"], row["name"]) for row in rows]


def status_of(*, total_vnd: int, paid_vnd: int, is_cancelled: bool) -> InvoiceStatus:
    """Where an invoice stands, apart from being overdue."""
    if is_cancelled:
        return InvoiceStatus.CANCELLED
    if paid_vnd >= total_vnd:
        return InvoiceStatus.PAID
    return InvoiceStatus.PART if paid_vnd else InvoiceStatus.UNPAID


def _row(row: Any, today: date, state: PaymentState | None) -> InvoiceRow:
    status = status_of(
        total_vnd=row["total_vnd"],
        paid_vnd=row["paid_vnd"],
        is_cancelled=row["cancelled_at"] is not None,
    )
    return InvoiceRow(
        id=row["id"],
        reference=row["reference"],
        student_code=row["student_code"],
        full_name=row["full_name"],
        class_name=row["class_name"] if row["class_kind"] == "class" else "",
        schedule_name=row["schedule_name"],
        total_vnd=row["total_vnd"],
        paid_vnd=row["paid_vnd"],
        due_on=row["due_on"],
        status=status,
        is_overdue=status in {InvoiceStatus.UNPAID, InvoiceStatus.PART} and row["due_on"] < today,
        state=state,
    )


def _literal(text: str) -> str:
    """`text` as LIKE reads it literally."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
