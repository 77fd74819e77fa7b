"""The same decision for many exceptions at once: done together as it was previewed, or not at all.

Confirming carries the preview's digest: where anything differs by then, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.exceptions.details import ExceptionSteps, StepDetail
from core.exceptions.notes import write_notes
from core.exceptions.resolutions import Resolution
from core.exceptions.service import record_steps
from core.identity.audit import audit
from core.kit.database import Driver
from core.ledger.positions import payment_positions
from core.ledger.postings import Books, Posting
from core.ledger.service import (
    books_of,
    lock_invoices,
    next_journals,
    post,
    sync_invoice_totals,
)
from core.suspense.service import SuspenseRelease, from_suspense, sync_payments, to_suspense
from reconciliation.review.bulk_preview import (
    BulkAction,
    BulkPreview,
    PlannedChange,
    preview_of,
    require_size,
)
from reconciliation.review.decisions import close_exceptions
from reconciliation.review.errors import NothingChosenError, PreviewChangedError
from reconciliation.review.locking import lock_exceptions
from reconciliation.review.notes import require_note
from reconciliation.review.proposals import Proposal
from reconciliation.review.queue import ExceptionRow, exceptions_of


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An exception, locked, and what happens to it."""

    row: ExceptionRow
    change: PlannedChange

    @property
    def payment_id(self) -> int:
        """The payment whose money is meant."""
        assert self.row.payment_id is not None, "only money of a payment is allocated or suspended"
        return self.row.payment_id


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

    Raises SelectionSizeError, as `require_note`, PreviewChangedError where it would not be the same any
    more (nothing is done), and NothingChosenError where nothing would happen.
    """
    why = require_note(note)
    require_size(exception_ids)
    rows = await lock_exceptions(db, school_id, exception_ids)
    preview = await preview_of(db, school_id, rows, action)
    touched = await _lock_touched(db, school_id, preview, rows)
    if touched:  # an invoice may have been paid while its lock was waited for
        preview = await preview_of(db, school_id, rows, action)
    if preview.digest != digest:
        raise PreviewChangedError
    if not preview.changes:
        raise NothingChosenError
    by_id = {row.id: row for row in rows}
    chosen = [_Chosen(by_id[change.exception_id], change) for change in preview.changes]
    chosen_ids = [one.row.id for one in chosen]
    if action is not BulkAction.EXPLAIN:
        await _post(db, school_id, chosen, touched, why)
    if action is BulkAction.SUSPEND:
        await write_notes(db, school_id, chosen_ids, author=actor, text=why)
    else:
        is_explained = action is BulkAction.EXPLAIN
        resolution = Resolution.EXPLAINED if is_explained else Resolution.ALLOCATED
        await close_exceptions(db, school_id, chosen_ids, resolution, actor=actor, note=why)
    after = await exceptions_of(db, school_id, chosen_ids)
    await audit(
        db,
        school_id,
        actor=actor,
        action=f"exception.bulk_{action}",
        subject=f"exceptions:{digest[:16]}",
        detail={
            "exceptions": [str(one) for one in chosen_ids],
            "before": _amounts([one.row for one in chosen]),
            "after": _amounts(after),
        },
    )
    return frozenset((school_id, invoice_id) for invoice_id in touched)


def _amounts(rows: Sequence[ExceptionRow]) -> dict[str, int]:
    """Where the money of each exception is, VND, for the audit chain."""
    return {
        f"{row.id}.{name}": amount_vnd
        for row in rows
        for name, amount_vnd in row.money.as_detail().items()
    }


async def _lock_touched(
    db: Driver, school_id: int, preview: BulkPreview, rows: Sequence[ExceptionRow]
) -> list[int]:
    """The invoices that the changes touch, locked in the order of their numbers."""
    if preview.action is BulkAction.EXPLAIN:
        return []
    if preview.action is BulkAction.ALLOCATE:
        touched = {change.proposal.invoice_id for change in preview.changes if change.proposal}
    else:
        payment_ids = [row.payment_id for row in rows if row.payment_id]
        positions = await payment_positions(db, school_id, payment_ids)
        touched = {
            part.invoice_id
            for position in positions.values()
            for part in position.parts
            if part.invoice_id is not None
        }
    await lock_invoices(db, school_id, sorted(touched))
    return sorted(touched)


async def _post(
    db: Driver, school_id: int, chosen: Sequence[_Chosen], touched: Sequence[int], why: str
) -> None:
    """Post every change, a journal each, in one statement; invoices, payments and exceptions follow."""
    books = await books_of(db, school_id)
    journals = await next_journals(db, len(chosen))
    suspended = [one.payment_id for one in chosen if one.change.proposal is None]
    positions = await payment_positions(db, school_id, suspended) if suspended else {}
    postings: list[Posting] = []
    for journal_id, one in zip(journals, chosen, strict=True):
        if one.change.proposal is not None:
            parts = _released(one.change, one.change.proposal, books)
            postings += from_suspense(school_id, journal_id, one.payment_id, books, parts)
            continue
        parts_held = positions[one.payment_id].parts
        postings += to_suspense(school_id, journal_id, one.payment_id, parts_held, books, why)
    await post(db, postings)
    await sync_invoice_totals(db, school_id, touched)
    await sync_payments(db, school_id, [(one.payment_id, one.row.reason) for one in chosen])
    steps = [_steps(one, journal_id) for journal_id, one in zip(journals, chosen, strict=True)]
    await record_steps(db, school_id, steps, note=why)


def _released(change: PlannedChange, proposal: Proposal, books: Books) -> list[SuspenseRelease]:
    """What settles the proposed invoice, and what becomes its pupil's credit."""
    student_id, invoice_id = proposal.student_id, proposal.invoice_id
    return [
        SuspenseRelease(books.receivable_id, student_id, invoice_id, change.settled_vnd),
        SuspenseRelease(books.student_credit_id, student_id, None, change.credit_vnd),
    ]


def _steps(one: _Chosen, journal_id: int) -> ExceptionSteps:
    proposal = one.change.proposal
    posted = StepDetail(journal_id=journal_id, invoice_id=one.row.invoice_id)
    return ExceptionSteps(
        exception_id=one.row.id,
        invoice_id=proposal.invoice_id if proposal else one.row.invoice_id,
        steps=[*one.row.steps, posted],
    )
