"""The figures of a school: what is due, what came in, and how sure it is. Reads only, never a name.

Amounts are VND; days are business dates in Asia/Ho_Chi_Minh. Invoices that were cancelled count
nowhere. Balances come from the ledger, never from a total kept elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from core.invoices.payment_states import PAYMENT_STATE, PaymentState
from core.kit.database import Driver, Query
from core.ledger.collected import moved
from core.ledger.queries import balances
from core.ledger.service import books_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFigures:
    """One issued schedule: what was billed, what of it was paid, how many invoices stand where."""

    schedule_id: int
    kind: str
    name: str
    due_on: date
    billed_vnd: int
    collected_vnd: int
    paid_count: int
    part_count: int
    unpaid_count: int

    @property
    def outstanding_vnd(self) -> int:
        """What is still owed, VND."""
        return self.billed_vnd - self.collected_vnd

    @property
    def invoice_count(self) -> int:
        """All invoices that stand."""
        return self.paid_count + self.part_count + self.unpaid_count


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What a school's day looks like. `suspense_vnd` and `student_credit_vnd` are what is held."""

    collected_vnd: int
    payment_count: int
    open_exception_count: int
    suspense_vnd: int
    student_credit_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One class in one schedule."""

    class_id: int
    name: str
    billed_vnd: int
    collected_vnd: int
    invoice_count: int
    paid_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentPayment:
    """A payment as a list shows it. `full_name` is for the school's own staff, "" while unallocated."""

    id: int
    channel: str
    amount_vnd: int
    paid_at: datetime
    full_name: str
    class_name: str
    invoice_id: int | None
    state: PaymentState


@dataclass(frozen=True, slots=True)
class _CollectedOfDay:
    collected_vnd: int
    payment_count: int
    open_exception_count: int


# what was reversed or given back on the same day did not come in
COLLECTED_OF_DAY = Query(
    _CollectedOfDay,
    f"""
WITH moved AS ({moved(of_one_school=True)}), arrived AS (
  SELECT sum(received_vnd) - sum(returned_vnd) AS left_vnd FROM moved
   GROUP BY payment_id HAVING sum(received_vnd) > 0
)
SELECT coalesce(sum(left_vnd), 0)::bigint AS collected_vnd,
       count(*) FILTER (WHERE left_vnd > 0) AS payment_count,
       (SELECT count(*) FROM exception
         WHERE school_id = $3 AND resolved_at IS NULL) AS open_exception_count
  FROM arrived
""",  # noqa: S608 - composed of constants of the tree
)

ISSUED_SCHEDULES = Query(
    ScheduleFigures,
    """
SELECT f.id AS schedule_id, f.kind, f.name, f.due_on,
       coalesce(sum(i.total_vnd), 0)::bigint AS billed_vnd,
       coalesce(sum(i.paid_vnd), 0)::bigint AS collected_vnd,
       count(i.id) FILTER (WHERE i.paid_vnd = i.total_vnd) AS paid_count,
       count(i.id) FILTER (WHERE i.paid_vnd > 0 AND i.paid_vnd < i.total_vnd) AS part_count,
       count(i.id) FILTER (WHERE i.paid_vnd = 0) AS unpaid_count
  FROM (SELECT * FROM fee_schedule WHERE school_id = $1 AND status = 'issued'
         ORDER BY month DESC, id DESC LIMIT $2) f
  LEFT JOIN invoice i ON i.school_id = f.school_id AND i.fee_schedule_id = f.id
                     AND i.cancelled_at IS NULL
 GROUP BY f.id, f.kind, f.name, f.due_on, f.month ORDER BY f.month DESC, f.id DESC
""",
)

CLASSES = Query(
    ClassFigures,
    """
SELECT c.id AS class_id, c.name, sum(i.total_vnd)::bigint AS billed_vnd,
       sum(i.paid_vnd)::bigint AS collected_vnd, count(*) AS invoice_count,
       count(*) FILTER (WHERE i.paid_vnd = i.total_vnd) AS paid_count
  FROM invoice i JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE i.school_id = $1 AND i.fee_schedule_id = $2 AND i.cancelled_at IS NULL AND c.kind = 'class'
 GROUP BY c.id, c.name, c.grade ORDER BY c.grade, c.name
""",
)

# the first invoice that each payment touched, by ix_transfer_payment
RECENT_PAYMENTS = Query(
    RecentPayment,
    f"""
SELECT p.id, p.channel, p.amount_vnd, p.paid_at, coalesce(s.full_name, '') AS full_name,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, i.id AS invoice_id,
       {PAYMENT_STATE} AS state
  FROM (SELECT * FROM payment WHERE school_id = $1 ORDER BY id DESC LIMIT $2) p
  LEFT JOIN LATERAL (SELECT t.invoice_id FROM transfer t
        WHERE t.school_id = p.school_id AND t.payment_id = p.id AND t.invoice_id IS NOT NULL
        ORDER BY t.id LIMIT 1) first ON TRUE
  LEFT JOIN invoice i ON i.school_id = p.school_id AND i.id = first.invoice_id
  LEFT JOIN student s ON s.school_id = p.school_id AND s.id = coalesce(i.student_id, p.student_id)
  LEFT JOIN school_class c ON c.school_id = p.school_id AND c.id = i.class_id
 ORDER BY p.paid_at DESC, p.id DESC
""",  # noqa: S608 - composed of constants of the tree
)


async def day_figures(db: Driver, school_id: int, on: date) -> DayFigures:
    """What came in on business date `on`, and what waits for a person at its end.

    Raises as `books_of` while the school's books are not open.
    """
    books = await books_of(db, school_id)
    held = await balances(db, school_id, on)
    collected = await db.fetch_only(COLLECTED_OF_DAY, on, on, school_id)
    return DayFigures(
        collected_vnd=collected.collected_vnd,
        payment_count=collected.payment_count,
        open_exception_count=collected.open_exception_count,
        suspense_vnd=-held.get(books.suspense_id, 0),
        student_credit_vnd=-held.get(books.student_credit_id, 0),
    )


async def issued_schedules(db: Driver, school_id: int, limit: int = 24) -> list[ScheduleFigures]:
    """The schedules whose invoices are out, the newest first."""
    return await db.fetch(ISSUED_SCHEDULES, school_id, limit)


async def class_figures(db: Driver, school_id: int, schedule_id: int) -> list[ClassFigures]:
    """Collected against due, class by class, in the order of grade and name; none for a service."""
    return await db.fetch(CLASSES, school_id, schedule_id)


async def recent_payments(db: Driver, school_id: int, limit: int = 12) -> list[RecentPayment]:
    """The last payments, newest first, each with the first invoice it touched."""
    return await db.fetch(RECENT_PAYMENTS, school_id, limit)
