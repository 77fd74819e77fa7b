"""The queue of what a person must look at: whoever is asked sees theirs first, then the newest day.

Reads, and the lock that every decision takes first. Each row knows its age, where its money stands and
what may be done with it. Placing, deciding, talking about it and doing so for many are rooms of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.exceptions.service import STEPS
from core.kit.clock import business_date
from core.kit.database import Driver
from core.kit.errors import DomainError, Problem, not_found
from core.ledger.positions import NOTHING, Part, payment_positions
from reconciliation.review.actions import Action, ExceptionState, Place, actions_for

REFUND = "refund_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Where a payment's money stands, VND."""

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
class ExceptionRow:
    """An exception as the console lists it. Amount in VND, as large as the money it is about.

    `account`: the bank account's number ("" when unknown); `money`: where its payment's money stands;
    `assigned_to`: who was asked and has not answered.
    """

    id: int
    reason: str
    amount_vnd: int
    business_date: date
    created_at: datetime
    account: str
    channel: str
    content: str
    reference: str | None
    payment_id: int | None
    statement_line_id: int | None
    invoice_id: int | None
    detail: dict[str, Any]
    assigned_to: str | None
    resolution: str | None
    note: str
    resolved_by: str | None
    resolved_at: datetime | None
    waits: bool
    money: Money

    @property
    def place(self) -> Place:
        """Where its money stands."""
        return place_of(self.money, waits=self.waits)

    @property
    def actions(self) -> tuple[Action, ...]:
        """What may be done now."""
        return actions_for(
            ExceptionState(
                reason=self.reason,
                place=self.place,
                resolution=self.resolution,
                credit_vnd=self.money.credit_vnd,
                steps=len(steps_of(self.detail)),
                has_refund=REFUND in self.detail,
            )
        )

    @property
    def can_place(self) -> bool:
        """Its money waits for an invoice."""
        return Action.PLACE in self.actions

    @property
    def can_undo(self) -> bool:
        """Its last decision can be taken back."""
        return Action.UNDO in self.actions

    @property
    def mark(self) -> str:
        """How it stands, in a word: a form that was made for another standing is refused."""
        return mark_of(self.resolution, self.detail, self.money)

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
       e.invoice_id, e.detail::text AS detail, e.assigned_to, e.resolution, e.note, e.resolved_by,
       e.resolved_at, coalesce(b.number, n.payee_account, '') AS account,
       coalesce(m.adapter, CASE WHEN e.notice_id IS NULL THEN 'statement' ELSE '' END) AS channel,
       coalesce(s.content, n.content, '') AS content, coalesce(p.reference, s.reference) AS reference,
       e.resolved_at IS NULL AND p.suspense_reason IS NOT DISTINCT FROM e.reason
         AND p.suspense_reason IS NOT NULL AS waits
"""
# whether the viewer in ${} was asked
_MINE = "coalesce(e.resolved_at IS NULL AND e.assigned_to = ${}::text, false)::int"
_RANK = _MINE.format(6)
LIST = f"""
{_COLUMNS} {_FROM}
 WHERE e.school_id = $1
   AND ($2::boolean IS NULL OR (e.resolved_at IS NULL) = $2)
   AND ($3::text IS NULL OR e.reason = $3)
   AND ($4::bigint IS NULL OR ({_RANK}, e.business_date, e.id) <
        (SELECT {_RANK}, e.business_date, e.id FROM exception e WHERE e.school_id = $1 AND e.id = $4))
 ORDER BY {_RANK} DESC, e.business_date DESC, e.id DESC LIMIT $5
"""
CHOSEN = f"{_COLUMNS} {_FROM} WHERE e.school_id = $1 AND e.id = ANY($2::bigint[]) ORDER BY e.id"
# the open ones just before and after one, in the order of the list
NEIGHBOURS = f"""
WITH here AS (SELECT {_MINE.format(3)} AS mine, business_date, id FROM exception e
               WHERE e.school_id = $1 AND e.id = $2),
open AS (SELECT {_MINE.format(3)} AS mine, e.business_date, e.id FROM exception e
          WHERE e.school_id = $1 AND e.resolved_at IS NULL AND e.id <> $2)
SELECT (SELECT o.id FROM open o, here h WHERE (o.mine, o.business_date, o.id) > (h.mine, h.business_date, h.id)
         ORDER BY o.mine, o.business_date, o.id LIMIT 1) AS before_id,
       (SELECT o.id FROM open o, here h WHERE (o.mine, o.business_date, o.id) < (h.mine, h.business_date, h.id)
         ORDER BY o.mine DESC, o.business_date DESC, o.id DESC LIMIT 1) AS after_id
"""


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
    rows = await db.raw.fetch(LIST, school_id, is_open, reason, after_id, limit, viewer)
    return await _with_money(db, school_id, rows)


async def find_exception(db: Driver, school_id: int, exception_id: int) -> ExceptionRow:
    """One exception, open or not. Raises Problem (404)."""
    found = await exceptions_of(db, school_id, [exception_id])
    if not found:
        raise not_found("ngoại lệ này", "exception")
    return found[0]


async def exceptions_of(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[ExceptionRow, ...]:
    """Those of the school that have these numbers, in their order."""
    rows = await db.raw.fetch(CHOSEN, school_id, list(exception_ids))
    return await _with_money(db, school_id, rows)


async def neighbours(
    db: Driver, school_id: int, exception_id: int, *, viewer: str
) -> tuple[int | None, int | None]:
    """The open exceptions before and after one in the viewer's queue; None at its ends."""
    row = await db.raw.fetchrow(NEIGHBOURS, school_id, exception_id, viewer)
    return row["before_id"], row["after_id"]


async def asked_of(db: Driver, school_id: int, viewer: str) -> int:
    """How many open exceptions wait for `viewer`'s answer."""
    count: int = await db.raw.fetchval(
        "SELECT count(*) FROM exception WHERE school_id = $1 AND assigned_to = $2"
        " AND resolved_at IS NULL",
        school_id,
        viewer,
    )
    return count


async def _with_money(db: Driver, school_id: int, rows: Sequence[Any]) -> tuple[ExceptionRow, ...]:
    payment_ids = sorted({row["payment_id"] for row in rows if row["payment_id"]})
    found = await payment_positions(db, school_id, payment_ids) if payment_ids else {}
    return tuple(
        ExceptionRow(
            **{**dict(row), "detail": json.loads(row["detail"])},
            money=money_of(found.get(row["payment_id"], NOTHING).parts),
        )
        for row in rows
    )


def money_of(parts: Sequence[Part]) -> Money:
    """Parts of a payment, summed by where they stand."""
    sums = {"suspense": 0, "student_credit": 0, "receivable": 0}
    for part in parts:
        sums[part.kind] += part.amount_vnd
    return Money(
        suspense_vnd=sums["suspense"],
        credit_vnd=sums["student_credit"],
        settled_vnd=sums["receivable"],
    )


def place_of(money: Money, *, waits: bool) -> Place:
    """Where the money stands for an exception that answers for what waits, or does not."""
    if money.suspense_vnd:
        return Place.WAITING if waits else Place.WAITING_ELSEWHERE
    return Place.PLACED if money.credit_vnd or money.settled_vnd else Place.NOWHERE


def steps_of(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The journals that an exception's decisions posted and that stand, the oldest first."""
    if "journal_id" in detail:  # how one placement was kept before there could be several
        return [{"journal_id": detail["journal_id"], "invoice_id": None}]
    found: list[dict[str, Any]] = detail.get(STEPS, [])
    return found


def mark_of(resolution: str | None, detail: dict[str, Any], money: Money) -> str:
    """How an exception stands, for a form to carry."""
    parts = (money.suspense_vnd, money.credit_vnd, money.settled_vnd)
    return f"{resolution or 'open'}-{len(steps_of(detail))}-" + "-".join(map(str, parts))


async def lock_exceptions(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[ExceptionRow, ...]:
    """These exceptions and then their payments, locked in the order of their numbers, as they stand now."""
    await db.raw.execute(
        "SELECT id FROM exception WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE",
        school_id,
        list(exception_ids),
    )
    await db.raw.execute(
        "SELECT p.id FROM payment p WHERE p.school_id = $1 AND p.id IN (SELECT payment_id FROM exception"
        " WHERE school_id = $1 AND id = ANY($2::bigint[])) ORDER BY p.id FOR UPDATE",
        school_id,
        list(exception_ids),
    )
    return await exceptions_of(db, school_id, exception_ids)


async def lock_for(
    db: Driver, school_id: int, exception_id: int, action: Action, *, mark: str | None
) -> ExceptionRow:
    """One exception, locked, for which `action` is allowed.

    Raises Problem: 404, 409 when it is resolved, stands otherwise than `mark` says (None: not asked),
    or does not allow the action.
    """
    found = await lock_exceptions(db, school_id, [exception_id])
    if not found:
        raise not_found("ngoại lệ này", "exception")
    row = found[0]
    if row.resolution is not None and action not in {Action.UNDO, Action.NOTE}:
        by = row.resolved_by or ""
        raise Problem(
            "already_resolved",
            vi=f"Ngoại lệ này đã được {by} xử lý.",
            en=f"This exception is resolved already, by {by}.",
            status=409,
        )
    if mark is not None and mark != row.mark:
        raise Problem(
            "exception_changed",
            vi="Ngoại lệ này vừa thay đổi (có người khác đang xử lý). Hãy xem lại rồi quyết định.",
            en="This exception has just changed: somebody else is at it. Look again, then decide.",
            status=409,
        )
    if action not in row.actions:
        raise _refusal(row, action)
    return row


def _refusal(row: ExceptionRow, action: Action) -> DomainError:
    if action in {Action.PLACE, Action.SPLIT}:
        return Problem(
            "not_in_suspense",
            vi="Khoản tiền này không nằm ở tài khoản chờ xử lý.",
            en="This money is not in suspense.",
            status=409,
        )
    if action is Action.UNDO:
        return Problem(
            "nothing_to_undo",
            vi="Ngoại lệ này không có quyết định nào để hoàn tác.",
            en="There is no decision of this exception to take back.",
            status=409,
        )
    if action is Action.EXPLAIN and row.place is Place.WAITING:
        return Problem(
            "money_waits",
            vi="Tiền còn ở mục chờ xử lý: hãy ghi vào phiếu báo thu, hoàn lại người nộp, hoặc để mở.",
            en="Its money still waits in suspense: place it, return it, or leave the exception open.",
            status=409,
        )
    return Problem(
        "action_not_allowed",
        vi="Không làm được việc này với ngoại lệ này lúc này.",
        en="This cannot be done with this exception now.",
        status=409,
    )
