"""Lists of invoices: the tables they join, where an invoice stands, and the conditions of that in SQL.

For statements that are put together at run time (`core.invoices.search`, `core.invoices.listing`). A
condition that nobody asked for must not be in a statement: it would cost the planner its index.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final, assert_never

from sqlalchemy import ColumnElement, FromClause, and_, case

from core.models import bank_account, fee_schedule, invoice, school_class, student


class InvoiceStatus(StrEnum):
    """Where an invoice stands; derived, never stored."""

    UNPAID = "unpaid"
    PART = "part"
    PAID = "paid"
    OVERDUE = "overdue"  # a filter and a warning: unpaid or part, and the due date is past
    CANCELLED = "cancelled"


def status_of(*, total_vnd: int, paid_vnd: int, is_cancelled: bool) -> InvoiceStatus:
    """Where an invoice stands, apart from being overdue."""
    assert 0 <= paid_vnd <= total_vnd, "an invoice never holds more than it asks"
    if is_cancelled:
        return InvoiceStatus.CANCELLED
    if paid_vnd == total_vnd:
        return InvoiceStatus.PAID
    return InvoiceStatus.PART if paid_vnd else InvoiceStatus.UNPAID


# the names under which constant fragments of SQL (`VA_PREFIX`, `PAYMENT_STATE`) know the tables
I: Final = invoice.alias("i")  # noqa: E741 - as in every statement of this package
S: Final = student.alias("s")
C: Final = school_class.alias("c")
F: Final = fee_schedule.alias("f")
B: Final = bank_account.alias("b")

INVOICES: Final[FromClause] = (
    I.join(S, and_(S.c.school_id == I.c.school_id, S.c.id == I.c.student_id))
    .join(C, and_(C.c.school_id == I.c.school_id, C.c.id == I.c.class_id))
    .join(F, and_(F.c.school_id == I.c.school_id, F.c.id == I.c.fee_schedule_id))
)
CLASS_NAME: Final = case((C.c.kind == "class", C.c.name), else_="")
"""The class; "" of an application: whoever applies is in no class."""
IS_CANCELLED: Final = I.c.cancelled_at.is_not(None)


def is_overdue(today: date) -> ColumnElement[bool]:
    """Something is owed and the due date lies before the business date `today`."""
    return and_(I.c.cancelled_at.is_(None), I.c.paid_vnd < I.c.total_vnd, I.c.due_on < today)


def has_status(status: InvoiceStatus, today: date) -> ColumnElement[bool]:
    """The condition of a status; a test compares it with `status_of`."""
    stands = I.c.cancelled_at.is_(None)
    match status:
        case InvoiceStatus.UNPAID:
            return and_(stands, I.c.paid_vnd == 0)
        case InvoiceStatus.PART:
            return and_(stands, I.c.paid_vnd > 0, I.c.paid_vnd < I.c.total_vnd)
        case InvoiceStatus.PAID:
            return and_(stands, I.c.paid_vnd == I.c.total_vnd)
        case InvoiceStatus.OVERDUE:
            return is_overdue(today)
        case InvoiceStatus.CANCELLED:
            return IS_CANCELLED
    assert_never(status)
