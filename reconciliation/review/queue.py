"""The queue of what a person must look at: whoever is asked sees theirs first, then the newest day.

Reads only. Each row knows its age, where its money is and what may be done with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from core.exceptions.details import ExceptionDetail, StepDetail
from core.exceptions.errors import NoSuchExceptionError
from core.exceptions.reasons import Reason
from core.exceptions.resolutions import Resolution
from core.kit.clock import business_date
from core.kit.database import Driver, Query
from core.ledger.positions import NOTHING, Part, payment_positions
from reconciliation.review.actions import Action, ExceptionState, MoneyState, actions_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMoney:
    """Where a payment's money is, VND."""

    suspense_vnd: int = 0
    credit_vnd: int = 0
    settled_vnd: int = 0

    def as_detail(self) -> dict[str, int]:
        """For the audit chain."""
        return {
            "suspense_vnd": self.suspense_vnd,
            "credit_vnd": self.credit_vnd,
            "settled_vnd": self.settled_vnd,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRecord:
    """An exception with what its notice, payment and statement line hold of it. VND.

    amount_vnd: as large as the money it is about. account: the bank account's number ("" when unknown).
    assigned_to: who was asked and has not answered. is_suspended: it is why its payment's money is in
    suspense.
    """

    id: int
    reason: Reason
    amount_vnd: int
    business_date: date
    created_at: datetime
    payment_id: int | None
    statement_line_id: int | None
    invoice_id: int | None
    detail: ExceptionDetail
    assigned_to: str | None
    resolution: Resolution | None
    note: str
    resolved_by: str | None
    resolved_at: datetime | None
    account: str
    channel: str
    content: str
    reference: str | None
    is_suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRow(ExceptionRecord):
    """An exception as the console lists it. `money`: where its payment's money is."""

    money: PaymentMoney

    @property
    def money_state(self) -> MoneyState:
        """Where its money is."""
        if self.money.suspense_vnd:
            return MoneyState.SUSPENDED if self.is_suspended else MoneyState.SUSPENDED_ELSEWHERE
        has_money = self.money.credit_vnd or self.money.settled_vnd
        return MoneyState.ALLOCATED if has_money else MoneyState.NONE

    @property
    def actions(self) -> tuple[Action, ...]:
        """What may be done now."""
        return actions_for(
            ExceptionState(
                reason=self.reason,
                money=self.money_state,
                resolution=self.resolution,
                credit_vnd=self.money.credit_vnd,
                steps=len(self.steps),
                has_refund="refund_id" in self.detail,
            )
        )

    @property
    def steps(self) -> list[StepDetail]:
        """The journals that its decisions posted and nobody reversed, the oldest first."""
        return self.detail.get("steps", [])

    @property
    def can_allocate(self) -> bool:
        """Its money is in suspense, for an invoice to be found."""
        return Action.ALLOCATE in self.actions

    @property
    def can_undo(self) -> bool:
        """Its last decision can be taken back."""
        return Action.UNDO in self.actions

    @property
    def mark(self) -> str:
        """How it is now, in a word: a form that was made when it was otherwise is refused."""
        amounts = (self.money.suspense_vnd, self.money.credit_vnd, self.money.settled_vnd)
        return f"{self.resolution or 'open'}-{len(self.steps)}-" + "-".join(map(str, amounts))

    def age_days(self, today: date) -> int:
        """Days since its business date."""
        return max(0, (today - self.business_date).days)

    def known_days(self, today: date) -> int:
        """Days since it was written: it may have come to light later."""
        return max(0, (today - business_date(self.created_at)).days)


_FROM = """
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN merchant_account m ON m.school_id = n.school_id AND m.id = n.merchant_account_id
  LEFT JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  LEFT JOIN bank_account b ON b.school_id = e.school_id
       AND b.id = coalesce(p.bank_account_id, s.bank_account_id, (e.detail->>'bank_account_id')::bigint)
"""
_COLUMNS = """
SELECT e.id, e.reason, e.amount_vnd, e.business_date, e.created_at, e.payment_id, e.statement_line_id,
       e.invoice_id, e.detail, e.assigned_to, e.resolution, e.note, e.resolved_by,
       e.resolved_at, coalesce(b.number, n.payee_account, '') AS account,
       coalesce(m.adapter, CASE WHEN e.notice_id IS NULL THEN 'statement' ELSE '' END) AS channel,
       coalesce(s.content, n.content, '') AS content, coalesce(p.reference, s.reference) AS reference,
       e.resolved_at IS NULL AND p.suspense_reason IS NOT DISTINCT FROM e.reason
         AND p.suspense_reason IS NOT NULL AS is_suspended
"""
# whether the viewer in ${} was asked
_MINE = "coalesce(e.resolved_at IS NULL AND e.assigned_to = ${}::text, false)::int"
_RANK = _MINE.format(6)
# by ix_exception_open where only the open ones are asked for
LIST = Query(
    ExceptionRecord,
    f"""
{_COLUMNS} {_FROM}
 WHERE e.school_id = $1
   AND ($2::boolean IS NULL OR (e.resolved_at IS NULL) = $2)
   AND ($3::text IS NULL OR e.reason = $3)
   AND ($4::bigint IS NULL OR ({_RANK}, e.business_date, e.id) <
        (SELECT {_RANK}, e.business_date, e.id FROM exception e WHERE e.school_id = $1 AND e.id = $4))
 ORDER BY {_RANK} DESC, e.business_date DESC, e.id DESC LIMIT $5
""",  # noqa: S608 - constants of this module
)
CHOSEN = Query(
    ExceptionRecord,
    f"{_COLUMNS} {_FROM} WHERE e.school_id = $1 AND e.id = ANY($2::bigint[]) ORDER BY e.id",  # noqa: S608 - constants of this module
)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The open exceptions before and after one in somebody's queue; None at its ends."""

    before_id: int | None
    after_id: int | None


NEIGHBOURS = Query(
    Neighbours,
    f"""
WITH here AS (SELECT {_MINE.format(3)} AS mine, business_date, id FROM exception e
               WHERE e.school_id = $1 AND e.id = $2),
open AS (SELECT {_MINE.format(3)} AS mine, e.business_date, e.id FROM exception e
          WHERE e.school_id = $1 AND e.resolved_at IS NULL AND e.id <> $2)
SELECT (SELECT o.id FROM open o, here h WHERE (o.mine, o.business_date, o.id) > (h.mine, h.business_date, h.id)
         ORDER BY o.mine, o.business_date, o.id LIMIT 1) AS before_id,
       (SELECT o.id FROM open o, here h WHERE (o.mine, o.business_date, o.id) < (h.mine, h.business_date, h.id)
         ORDER BY o.mine DESC, o.business_date DESC, o.id DESC LIMIT 1) AS after_id
""",  # noqa: S608 - constants of this module
)
ASKED = Query(
    int,
    "SELECT count(*) FROM exception"
    " WHERE school_id = $1 AND assigned_to = $2 AND resolved_at IS NULL",
)
PAGE = Query(
    int,
    """
SELECT e.id FROM exception e
 WHERE e.school_id = $1 AND e.id > $2
   AND ($3::boolean IS NULL OR (e.resolved_at IS NULL) = $3)
   AND ($4::text IS NULL OR e.reason = $4)
 ORDER BY e.id LIMIT $5
""",
)


async def list_exceptions(
    db: Driver,
    school_id: int,
    *,
    is_open: bool | None = True,
    reason: str | None = None,
    after_id: int | None = None,
    limit: int = 100,
    viewer: str = "",
) -> tuple[ExceptionRow, ...]:
    """What `viewer` was asked first, then the newest; `is_open` None for all.

    `after_id` is the last one of the page before.
    """
    found = await db.fetch(LIST, school_id, is_open, reason, after_id, limit, viewer)
    return await _with_money(db, school_id, found)


async def list_exception_ids(
    db: Driver,
    school_id: int,
    *,
    after_id: int,
    is_open: bool | None,
    reason: str | None,
    limit: int,
) -> list[int]:
    """Exceptions in the order of their numbers, beyond `after_id`; `is_open` None for all."""
    return await db.fetch(PAGE, school_id, after_id, is_open, reason, limit)


async def find_exception(db: Driver, school_id: int, exception_id: int) -> ExceptionRow:
    """One exception, open or not. Raises NoSuchExceptionError."""
    found = await exceptions_of(db, school_id, [exception_id])
    if not found:
        raise NoSuchExceptionError
    return found[0]


async def exceptions_of(
    db: Driver, school_id: int, wanted_ids: Sequence[int]
) -> tuple[ExceptionRow, ...]:
    """Those of the school that have these numbers, in their order."""
    return await _with_money(db, school_id, await db.fetch(CHOSEN, school_id, list(wanted_ids)))


async def neighbours(db: Driver, school_id: int, exception_id: int, *, viewer: str) -> Neighbours:
    """The open exceptions before and after one in the viewer's queue."""
    return await db.fetch_only(NEIGHBOURS, school_id, exception_id, viewer)


async def asked_of(db: Driver, school_id: int, viewer: str) -> int:
    """How many open exceptions wait for `viewer`'s answer."""
    return await db.fetch_only(ASKED, school_id, viewer)


_FIELDS = tuple(field.name for field in fields(ExceptionRecord))


async def _with_money(
    db: Driver, school_id: int, found: Sequence[ExceptionRecord]
) -> tuple[ExceptionRow, ...]:
    payment_ids = sorted({one.payment_id for one in found if one.payment_id is not None})
    positions = await payment_positions(db, school_id, payment_ids) if payment_ids else {}
    rows = []
    for one in found:
        position = positions.get(one.payment_id, NOTHING) if one.payment_id else NOTHING
        values = {name: getattr(one, name) for name in _FIELDS}
        rows.append(ExceptionRow(**values, money=money_of(position.parts)))
    return tuple(rows)


def money_of(parts: Sequence[Part]) -> PaymentMoney:
    """Parts of a payment, summed by where they are."""
    sums = {"suspense": 0, "student_credit": 0, "receivable": 0}
    for part in parts:
        sums[part.kind] += part.amount_vnd
    return PaymentMoney(
        suspense_vnd=sums["suspense"],
        credit_vnd=sums["student_credit"],
        settled_vnd=sums["receivable"],
    )
