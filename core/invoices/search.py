"""Finding invoices for the people who work with them: by name, code or reference, by class and status.

Every list is bounded and goes on from the last invoice shown (keyset); the mark between two pages is
an invoice's number, never a name. What a parent may see is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)

from core.invoices.payment_states import LEAST_CERTAIN, PaymentState, payment_parts
from core.invoices.selects import (
    CLASS_NAME,
    INVOICES,
    IS_CANCELLED,
    C,
    F,
    I,
    InvoiceStatus,
    S,
    has_status,
    is_overdue,
    status_of,
)
from core.kit.database import Driver, Query
from core.kit.reference import find_references
from core.kit.text import unaccent

PAGE = 50
MAX_QUERY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFilter:
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

    `class_name` is "" for an application. `state`: of its money, None where nothing was received.
    `total_count`: how many invoices fit in all.
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
    is_cancelled: bool
    is_overdue: bool
    state: PaymentState | None
    total_count: int

    @property
    def status(self) -> InvoiceStatus:
        """Where it stands, apart from being overdue."""
        return status_of(
            total_vnd=self.total_vnd, paid_vnd=self.paid_vnd, is_cancelled=self.is_cancelled
        )

    @property
    def open_vnd(self) -> int:
        """What is still owed, VND."""
        return self.total_vnd - self.paid_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What is known of the money of the invoices that fit, VND.

    gateway_vnd: reported by a channel's notice; software_vnd: settles them in our books; at_bank_vnd: on a
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


# the state of the money of an invoice of the page: a look at its own transfers alone
_STATE_OF_PAGE: Final = f"""
(SELECT {LEAST_CERTAIN} FROM ({payment_parts(school="page.school_id", invoices="= page.id")}) s)
"""  # noqa: S608 - constants of this package
_IN_STATE: Final = f"""
SELECT invoice_id FROM ({payment_parts(school=":school_id", invoices="IS NOT NULL")}) s
 GROUP BY invoice_id HAVING {LEAST_CERTAIN} = :state
"""  # noqa: S608 - constants of this package
_PARTS_FOUND: Final = payment_parts(school=":school_id", invoices="IN (SELECT id FROM found)")


def _fits(school_id: int, wanted: InvoiceFilter, today: date) -> list[ColumnElement[bool]]:
    """The conditions that were asked for. That of the state costs a look at every transfer."""
    conditions: list[ColumnElement[bool]] = [I.c.school_id == school_id]
    if typed := wanted.text.strip()[:MAX_QUERY]:
        name = f"%{_literal(unaccent(typed).lower())}%"
        ways = [func.upper(S.c.code) == func.upper(typed), S.c.search_name.like(name)]
        if references := [found.reference for found in find_references(typed)]:
            ways += [I.c.reference.in_(references), S.c.reference.in_(references)]
        conditions.append(or_(*ways))
    if wanted.class_id is not None:
        conditions.append(I.c.class_id == wanted.class_id)
    if wanted.schedule_id is not None:
        conditions.append(I.c.fee_schedule_id == wanted.schedule_id)
    if wanted.status:
        conditions.append(has_status(wanted.status, today))
    if wanted.state:
        in_state = text(_IN_STATE).bindparams(
            bindparam("school_id", school_id, BigInteger), bindparam("state", wanted.state, Text)
        )
        conditions.append(I.c.id.in_(in_state.columns(column("invoice_id", BigInteger))))
    return conditions


def _found(school_id: int, wanted: InvoiceFilter, today: date) -> CTE:
    return (
        select(
            I.c.school_id,
            I.c.id,
            I.c.reference,
            S.c.code.label("student_code"),
            S.c.full_name,
            CLASS_NAME.label("class_name"),
            F.c.name.label("schedule_name"),
            I.c.total_vnd,
            I.c.paid_vnd,
            I.c.due_on,
            IS_CANCELLED.label("is_cancelled"),
            is_overdue(today).label("is_overdue"),
            C.c.grade,
            C.c.name.label("register"),
            S.c.search_name,
        )
        .select_from(INVOICES)
        .where(*_fits(school_id, wanted, today))
        .cte("found")
    )


async def find_invoices(
    db: Driver, school_id: int, wanted: InvoiceFilter, *, today: date, limit: int = PAGE
) -> InvoicePage:
    """The invoices that fit, in the order of a class register, at most `limit` (1..PAGE)."""
    limit = max(1, min(limit, PAGE))
    found = _found(school_id, wanted, today)
    order = (found.c.grade, found.c.register, found.c.search_name, found.c.id)
    shown = select(found).order_by(*order).limit(limit + 1)
    if wanted.after is not None:
        last = (
            select(C.c.grade, C.c.name, S.c.search_name, I.c.id)
            .select_from(INVOICES)
            .where(I.c.school_id == school_id, I.c.id == wanted.after)
        )
        shown = shown.where(tuple_(*order) > last.scalar_subquery())
    page = shown.cte("page")
    own = [page.c[name] for name in InvoiceRow.__slots__ if name in page.c]
    rows = await db.select(
        InvoiceRow,
        select(
            *own,
            literal_column(_STATE_OF_PAGE).label("state"),
            select(func.count()).select_from(found).scalar_subquery().label("total_count"),
        ).order_by(page.c.grade, page.c.register, page.c.search_name, page.c.id),
    )
    return InvoicePage(
        rows=tuple(rows[:limit]),
        total_count=rows[0].total_count if rows else 0,
        next_after=rows[limit - 1].id if len(rows) > limit else None,
    )


async def confirmed_of(
    db: Driver, school_id: int, wanted: InvoiceFilter, *, today: date
) -> Confirmed:
    """What is known of the money of all invoices that fit."""
    settled = (
        text(_PARTS_FOUND)
        .bindparams(bindparam("school_id", school_id, BigInteger))
        .columns(
            column("amount_vnd", BigInteger),
            column("channel", Text),
            column("is_at_bank", Boolean),
        )
        .subquery("settled")
    )
    amount = settled.c.amount_vnd
    sums = (
        ("gateway_vnd", func.sum(amount).filter(settled.c.channel != "statement")),
        ("software_vnd", func.sum(amount)),
        ("at_bank_vnd", func.sum(amount).filter(settled.c.is_at_bank)),
    )
    totals = select(*(func.coalesce(total, 0).cast(BigInteger).label(name) for name, total in sums))
    (confirmed,) = await db.select(Confirmed, totals.add_cte(_found(school_id, wanted, today)))
    return confirmed


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """A class that has invoices."""

    id: int
    name: str


CLASSES = Query(
    ClassChoice,
    """
SELECT c.id, c.name FROM school_class c
 WHERE c.school_id = $1 AND c.kind = 'class' AND EXISTS (SELECT FROM invoice i
       WHERE i.school_id = c.school_id AND i.class_id = c.id)
 ORDER BY c.school_year DESC, c.grade, c.name LIMIT $2
""",
)


async def classes_of(db: Driver, school_id: int, limit: int = 300) -> Sequence[tuple[int, str]]:
    """(id, name) of the classes that have invoices, by grade and name; the newest year first."""
    return [(one.id, one.name) for one in await db.fetch(CLASSES, school_id, limit)]


def _literal(typed: str) -> str:
    """`typed` as LIKE reads it literally."""
    return typed.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
