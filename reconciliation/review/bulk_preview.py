"""What an action would do to many exceptions at once: to each its change, or why it is left out.

Only what a reference or a pupil's code names, and nothing else disputes, is allocated this way.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from core.exceptions.reasons import Reason
from core.kit.database import Driver
from core.suspense.service import being_refunded
from reconciliation.review.actions import Action
from reconciliation.review.errors import SelectionSizeError
from reconciliation.review.proposals import Proposal, proposals_of
from reconciliation.review.queue import ExceptionRow, exceptions_of

MOST = 200
"""Exceptions in one go: what a person can read through."""


class BulkAction(StrEnum):
    """What can be done to many at once."""

    ALLOCATE = "place"
    EXPLAIN = "explain"
    SUSPEND = "suspend"


_ALLOWED_AS = {
    BulkAction.ALLOCATE: Action.ALLOCATE,
    BulkAction.EXPLAIN: Action.EXPLAIN,
    BulkAction.SUSPEND: Action.SUSPEND,
}


class LeftOutReason(StrEnum):
    """Why an exception is left out."""

    NOT_ALLOWED = "not_allowed"  # its reason or where its money is does not allow it
    NO_PROPOSAL = "no_proposal"  # nothing names an invoice; an amount or a name alone never does
    SEVERAL = "several"  # more than one invoice is named
    SAME_INVOICE = "same_invoice"  # another one chosen names the same invoice
    SAME_PAYMENT = "same_payment"  # another one chosen is about the same money
    REFUND = "refund"  # its payment is being given back


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What would happen to one exception, VND. `proposal`: the invoice that its money would go to."""

    exception_id: int
    reason: Reason
    mark: str
    payment_id: int | None
    amount_vnd: int
    settled_vnd: int = 0
    credit_vnd: int = 0
    suspended_vnd: int = 0
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One that nothing would happen to."""

    exception_id: int
    reason: Reason
    amount_vnd: int
    why: LeftOutReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPreview:
    """What an action would do to the exceptions chosen. `digest` stands for all of it."""

    action: BulkAction
    changes: tuple[PlannedChange, ...]
    left_out: tuple[LeftOut, ...]
    digest: str

    @property
    def settled_vnd(self) -> int:
        """What would settle invoices in all, VND."""
        return sum(change.settled_vnd for change in self.changes)

    @property
    def credit_vnd(self) -> int:
        """What would become pupils' credit in all, VND."""
        return sum(change.credit_vnd for change in self.changes)

    @property
    def suspended_vnd(self) -> int:
        """What would be taken to suspense in all, VND."""
        return sum(change.suspended_vnd for change in self.changes)


async def preview_bulk(
    db: Driver, school_id: int, exception_ids: Sequence[int], action: BulkAction
) -> BulkPreview:
    """What `action` would do to each exception chosen; a number that the school does not have is dropped.

    Raises SelectionSizeError for none or more than MOST.
    """
    require_size(exception_ids)
    rows = await exceptions_of(db, school_id, exception_ids)
    return await preview_of(db, school_id, rows, action)


def require_size(exception_ids: Sequence[int]) -> None:
    """Raises SelectionSizeError for none or more than MOST."""
    if not 1 <= len(set(exception_ids)) <= MOST:
        raise SelectionSizeError(MOST)


async def preview_of(
    db: Driver, school_id: int, rows: Sequence[ExceptionRow], action: BulkAction
) -> BulkPreview:
    """What `action` would do to these exceptions as they are now."""
    payment_ids = [row.payment_id for row in rows if row.payment_id]
    refunded = await being_refunded(db, school_id, payment_ids)
    proposals: Mapping[int, tuple[Proposal, ...]] = {}
    if action is BulkAction.ALLOCATE:
        allocable_ids = [row.id for row in rows if row.can_allocate]
        proposals = await proposals_of(db, school_id, allocable_ids)
    changes: list[PlannedChange] = []
    left_out: list[LeftOut] = []
    for row in rows:
        found = _change(row, action, proposals.get(row.id, ()), refunded)
        if isinstance(found, PlannedChange):
            changes.append(found)
        else:
            left_out.append(LeftOut(row.id, row.reason, row.amount_vnd, found))
    kept: list[PlannedChange] = []
    for change, why in _conflicts(changes, action):
        if why is None:
            kept.append(change)
        else:
            left_out.append(LeftOut(change.exception_id, change.reason, change.amount_vnd, why))
    return BulkPreview(
        action=action,
        changes=tuple(kept),
        left_out=tuple(left_out),
        digest=_digest(action, kept, left_out),
    )


def _conflicts(
    changes: Sequence[PlannedChange], action: BulkAction
) -> Iterator[tuple[PlannedChange, LeftOutReason | None]]:
    """Each change, and why it must not stand beside the others: the same invoice, or the same money twice."""
    named = Counter(change.proposal.invoice_id for change in changes if change.proposal)
    taken: set[int] = set()
    for change in changes:
        if change.proposal and named[change.proposal.invoice_id] > 1:
            yield change, LeftOutReason.SAME_INVOICE
        elif action is not BulkAction.EXPLAIN and change.payment_id in taken:
            yield change, LeftOutReason.SAME_PAYMENT
        else:
            yield change, None
        taken |= {change.payment_id} if change.payment_id else set()


def _change(
    row: ExceptionRow,
    action: BulkAction,
    proposals: Sequence[Proposal],
    refunded: frozenset[int],
) -> PlannedChange | LeftOutReason:
    """What would happen to one exception, or why nothing."""
    if _ALLOWED_AS[action] not in row.actions:
        return LeftOutReason.NOT_ALLOWED
    change = PlannedChange(
        exception_id=row.id,
        reason=row.reason,
        mark=row.mark,
        payment_id=row.payment_id,
        amount_vnd=row.amount_vnd,
    )
    if action is BulkAction.EXPLAIN:
        return change
    if row.payment_id in refunded:
        return LeftOutReason.REFUND
    if action is BulkAction.SUSPEND:
        return replace(change, suspended_vnd=row.money.settled_vnd + row.money.credit_vnd)
    supported = [one for one in proposals if one.is_supported]
    if len(supported) != 1:
        return LeftOutReason.SEVERAL if supported else LeftOutReason.NO_PROPOSAL
    suspense_vnd = row.money.suspense_vnd
    settled_vnd = min(suspense_vnd, supported[0].open_vnd)
    return replace(
        change,
        settled_vnd=settled_vnd,
        credit_vnd=suspense_vnd - settled_vnd,
        proposal=supported[0],
    )


def _digest(
    action: BulkAction, changes: Sequence[PlannedChange], left_out: Sequence[LeftOut]
) -> str:
    body = [action, [asdict(change) for change in changes], [asdict(one) for one in left_out]]
    text = json.dumps(body, default=str, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
