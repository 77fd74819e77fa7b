"""The same decision for many exceptions at once: previewed one by one, then done together or not at all.

A preview says what would happen to each, and what is left out and why. Confirming carries the preview's
digest: where anything differs by then, nothing is done and the new preview is shown. Only what a reference or a
pupil's code names, and nothing else disputes, is placed this way.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from core.exceptions.notes import write_notes
from core.exceptions.service import Steps, record_steps
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem
from core.ledger.positions import payment_positions
from core.ledger.postings import Posting
from core.ledger.service import books_of, lock_invoices, post, sync_invoice_totals
from core.refunds.states import UNDER_WAY
from core.suspense.service import from_suspense, sync_payments, to_suspense
from reconciliation.review.actions import BY_WORD, PLACED, Action
from reconciliation.review.exceptions import (
    ExceptionRow,
    exceptions_of,
    lock_exceptions,
    steps_of,
)
from reconciliation.review.notes import said
from reconciliation.review.proposals import Proposal, proposals_of

MOST = 200
"""Exceptions in one go: what a person can read through."""
EXPLAINED = BY_WORD[0]


class BulkAction(StrEnum):
    """What can be done to many at once."""

    PLACE = "place"
    EXPLAIN = "explain"
    SUSPEND = "suspend"


_ALLOWED_AS = {
    BulkAction.PLACE: Action.PLACE,
    BulkAction.EXPLAIN: Action.EXPLAIN,
    BulkAction.SUSPEND: Action.SUSPEND,
}


class Why(StrEnum):
    """Why an exception is left out."""

    NOT_ALLOWED = "not_allowed"  # its reason or where its money stands does not allow it
    NO_PROPOSAL = "no_proposal"  # nothing names an invoice; an amount or a name alone never does
    SEVERAL = "several"  # more than one invoice is named
    SAME_INVOICE = "same_invoice"  # another one chosen names the same invoice
    SAME_PAYMENT = "same_payment"  # another one chosen moves the same money
    REFUND = "refund"  # its payment is being given back


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would happen to one exception, VND. `proposal`: where it would be placed."""

    exception_id: int
    reason: str
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
    reason: str
    amount_vnd: int
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an action would do to the exceptions chosen. `digest` stands for all of it."""

    action: BulkAction
    changes: tuple[Change, ...]
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
        """What would wait for a person again in all, VND."""
        return sum(change.suspended_vnd for change in self.changes)


async def preview_bulk(
    db: Driver, school_id: int, exception_ids: Sequence[int], action: BulkAction
) -> Preview:
    """What `action` would do to each exception chosen; a number that the school does not have is dropped.

    Raises Problem (422) for none or more than MOST.
    """
    _check_number(exception_ids)
    rows = await exceptions_of(db, school_id, exception_ids)
    return await _preview(db, school_id, rows, action)


async def confirm_bulk(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    action: BulkAction,
    *,
    digest: str,
    actor: str,
    note: str,
) -> frozenset[tuple[int, int]]:
    """Do what was previewed; the invoices touched (school, invoice), for the caller to announce.

    Raises Problem: 409 `preview_changed` where it would not be the same any more (nothing is done), 422
    without a reason or where nothing would happen.
    """
    why = said(note)
    _check_number(exception_ids)
    rows = await lock_exceptions(db, school_id, exception_ids)
    preview = await _preview(db, school_id, rows, action)
    touched = await _lock_touched(db, school_id, preview, rows)
    if touched:  # an invoice may have been paid while its lock was waited for
        preview = await _preview(db, school_id, rows, action)
    if preview.digest != digest:
        raise Problem(
            "preview_changed",
            vi="Có thay đổi từ lúc xem trước nên chưa có gì được ghi. Hãy xem lại.",
            en="Something has changed since the preview, so nothing was done. Look again.",
            status=409,
        )
    if not preview.changes:
        raise Problem(
            "nothing_chosen",
            vi="Không có ngoại lệ nào làm được việc này.",
            en="There is no exception that this could be done to.",
            status=422,
        )
    by_id = {row.id: row for row in rows}
    chosen = [(by_id[change.exception_id], change) for change in preview.changes]
    if action is BulkAction.EXPLAIN:
        await _close(db, school_id, chosen, [None] * len(chosen), EXPLAINED, actor, why)
    else:
        await _move(db, school_id, chosen, touched, action, actor, why)
    await write_notes(db, school_id, [row.id for row, _ in chosen], author=actor, text=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action=f"exception.bulk_{action}",
        subject=f"exceptions:{digest[:16]}",
        detail={
            "exceptions": [str(row.id) for row, _ in chosen],
            "before": {
                f"{row.id}.{k}": v for row, _ in chosen for k, v in row.money.as_detail().items()
            },
            "after": {
                f"{row.id}.{k}": v
                for row in await exceptions_of(db, school_id, [row.id for row, _ in chosen])
                for k, v in row.money.as_detail().items()
            },
        },
    )
    return frozenset((school_id, invoice_id) for invoice_id in touched)


def _check_number(exception_ids: Sequence[int]) -> None:
    if not 1 <= len(set(exception_ids)) <= MOST:
        raise Problem(
            "choose_some",
            vi=f"Hãy chọn từ 1 đến {MOST} ngoại lệ.",
            en=f"Choose 1 to {MOST} exceptions.",
            status=422,
        )


async def _preview(
    db: Driver, school_id: int, rows: Sequence[ExceptionRow], action: BulkAction
) -> Preview:
    refunded = await _under_way(db, school_id, rows)
    proposals: Mapping[int, tuple[Proposal, ...]] = {}
    if action is BulkAction.PLACE:
        proposals = await proposals_of(db, school_id, [row.id for row in rows if row.can_place])
    changes: list[Change] = []
    left_out: list[LeftOut] = []
    for row in rows:
        found = _change(row, action, proposals.get(row.id, ()), refunded)
        if isinstance(found, Change):
            changes.append(found)
        else:
            left_out.append(LeftOut(row.id, row.reason, row.amount_vnd, found))
    kept: list[Change] = []
    for change, why in _apart(changes, action):
        if why is None:
            kept.append(change)
        else:
            left_out.append(LeftOut(change.exception_id, change.reason, change.amount_vnd, why))
    return Preview(
        action=action,
        changes=tuple(kept),
        left_out=tuple(left_out),
        digest=_digest(action, kept, left_out),
    )


def _apart(changes: Sequence[Change], action: BulkAction) -> Iterator[tuple[Change, Why | None]]:
    """Each change, and why it must not stand beside the others: the same invoice, or the same money twice."""
    named = Counter(change.proposal.invoice_id for change in changes if change.proposal)
    taken: set[int] = set()
    for change in changes:
        if change.proposal and named[change.proposal.invoice_id] > 1:
            yield change, Why.SAME_INVOICE
        elif action is not BulkAction.EXPLAIN and change.payment_id in taken:
            yield change, Why.SAME_PAYMENT
        else:
            yield change, None
        taken |= {change.payment_id} if change.payment_id else set()


def _change(
    row: ExceptionRow,
    action: BulkAction,
    proposals: Sequence[Proposal],
    refunded: frozenset[int],
) -> Change | Why:
    """What would happen to one exception, or why nothing."""
    if _ALLOWED_AS[action] not in row.actions:
        return Why.NOT_ALLOWED
    change = Change(
        exception_id=row.id,
        reason=row.reason,
        mark=row.mark,
        payment_id=row.payment_id,
        amount_vnd=row.amount_vnd,
    )
    if action is BulkAction.EXPLAIN:
        return change
    if row.payment_id in refunded:
        return Why.REFUND
    if action is BulkAction.SUSPEND:
        return replace(change, suspended_vnd=row.money.settled_vnd + row.money.credit_vnd)
    supported = [one for one in proposals if one.is_supported]
    if len(supported) != 1:
        return Why.SEVERAL if supported else Why.NO_PROPOSAL
    waiting_vnd = row.money.suspense_vnd
    settled_vnd = min(waiting_vnd, supported[0].open_vnd)
    return replace(
        change,
        settled_vnd=settled_vnd,
        credit_vnd=waiting_vnd - settled_vnd,
        proposal=supported[0],
    )


async def _under_way(db: Driver, school_id: int, rows: Sequence[ExceptionRow]) -> frozenset[int]:
    """The payments that are being given back."""
    found = await db.raw.fetch(
        "SELECT DISTINCT payment_id FROM refund WHERE school_id = $1 AND payment_id = ANY($2::bigint[])"
        " AND status = ANY($3::text[])",
        school_id,
        [row.payment_id for row in rows if row.payment_id],
        list(UNDER_WAY),
    )
    return frozenset(row["payment_id"] for row in found)


def _digest(action: BulkAction, changes: Sequence[Change], left_out: Sequence[LeftOut]) -> str:
    body = [action, [asdict(change) for change in changes], [asdict(one) for one in left_out]]
    text = json.dumps(body, default=str, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def _lock_touched(
    db: Driver, school_id: int, preview: Preview, rows: Sequence[ExceptionRow]
) -> list[int]:
    """The invoices that the changes touch, locked in the order of their numbers."""
    if preview.action is BulkAction.EXPLAIN:
        return []
    if preview.action is BulkAction.PLACE:
        touched = {change.proposal.invoice_id for change in preview.changes if change.proposal}
    else:
        found = await payment_positions(
            db, school_id, [row.payment_id for row in rows if row.payment_id]
        )
        touched = {
            part.invoice_id
            for standing in found.values()
            for part in standing.parts
            if part.invoice_id is not None
        }
    await lock_invoices(db, school_id, sorted(touched))
    return sorted(touched)


async def _move(
    db: Driver,
    school_id: int,
    chosen: Sequence[tuple[ExceptionRow, Change]],
    touched: Sequence[int],
    action: BulkAction,
    actor: str,
    why: str,
) -> None:
    """Post every change, a journal each, in one statement; invoices, payments and exceptions follow."""
    books = await books_of(db, school_id)
    numbers = await db.raw.fetch(
        "SELECT nextval('journal_number_seq') AS n FROM generate_series(1, $1)", len(chosen)
    )
    journals = [row["n"] for row in numbers]
    payments = [row.payment_id for row, _ in chosen if row.payment_id]
    found = await payment_positions(db, school_id, payments) if action is BulkAction.SUSPEND else {}
    postings: list[Posting] = []
    for journal_id, payment_id, (_, change) in zip(journals, payments, chosen, strict=True):
        if change.proposal is None:
            parts = found[payment_id].parts
            postings += to_suspense(school_id, journal_id, payment_id, parts, books, why)
            continue
        student_id = change.proposal.student_id
        postings += from_suspense(
            school_id,
            journal_id,
            payment_id,
            books,
            [
                (books.receivable_id, student_id, change.proposal.invoice_id, change.settled_vnd),
                (books.student_credit_id, student_id, None, change.credit_vnd),
            ],
        )
    await post(db, postings)
    await sync_invoice_totals(db, school_id, touched)
    reasons = [
        (payment_id, row.reason) for payment_id, (row, _) in zip(payments, chosen, strict=True)
    ]
    await sync_payments(db, school_id, reasons)
    resolution = PLACED if action is BulkAction.PLACE else None
    await _close(db, school_id, chosen, journals, resolution, actor, why)


async def _close(
    db: Driver,
    school_id: int,
    chosen: Sequence[tuple[ExceptionRow, Change]],
    journals: Sequence[int | None],
    resolution: str | None,
    actor: str,
    why: str,
) -> None:
    """Write how each exception stands now, with its new step where it posted something."""
    steps = []
    for journal_id, (row, change) in zip(journals, chosen, strict=True):
        new = [{"journal_id": journal_id, "invoice_id": row.invoice_id}] if journal_id else []
        steps.append(
            Steps(
                exception_id=row.id,
                invoice_id=change.proposal.invoice_id if change.proposal else row.invoice_id,
                steps=[*steps_of(row.detail), *new],
            )
        )
    await record_steps(db, school_id, steps, resolution=resolution, actor=actor, note=why)
