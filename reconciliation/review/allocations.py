"""Money out of suspense and back into it: allocated, split, suspended, and each step's reversal.

Every step is one journal. An exception keeps the journals of its own that are not reversed; the newest is
reversed first. A step is refused while the payment is being refunded, and where money that it counts on
was used by a later step of somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.exceptions.details import ExceptionSteps, StepDetail
from core.exceptions.notes import write_notes
from core.exceptions.resolutions import Resolution
from core.exceptions.service import record_steps
from core.identity.audit import Detail, audit
from core.invoices.errors import InvoiceNotFoundError
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query
from core.ledger.positions import payment_positions
from core.ledger.service import (
    books_of,
    lock_invoices,
    next_journal,
    post,
    reverse_journal,
    sync_invoice_totals,
)
from core.suspense.service import (
    SuspenseRelease,
    from_suspense,
    refuse_under_way,
    sync_payments,
    to_suspense,
)
from reconciliation.review.actions import Action
from reconciliation.review.decisions import close_exceptions
from reconciliation.review.errors import (
    InvoiceCancelledError,
    InvoiceFilledError,
    InvoiceTwiceError,
    NoSuchPupilError,
    NothingToSplitError,
    SharesExceedError,
    ShareTooLargeError,
)
from reconciliation.review.locking import lock_for
from reconciliation.review.notes import require_note
from reconciliation.review.queue import ExceptionRow, find_exception


@dataclass(frozen=True, slots=True)
class InvoiceShare:
    """What an invoice gets, VND."""

    invoice_id: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedStep:
    """A step in the books, VND: what of invoices it settled, what became credit, what is in suspense after.

    The caller announces `invoice_ids` after its commit (`core.payments.ingest.group_commit.announce_paid`).
    """

    journal_id: int
    invoice_ids: tuple[int, ...]
    settled_vnd: int = 0
    credit_vnd: int = 0
    suspense_vnd: int = 0


@dataclass(frozen=True, slots=True)
class LockedInvoice:
    """An invoice as it is under its lock: what it still owes in VND, and whose it is."""

    id: int
    student_id: int
    open_vnd: int
    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What is decided about one exception: by whom and why. invoice_id: what it is about from then on."""

    row: ExceptionRow
    actor: str
    why: str
    invoice_id: int | None

    @property
    def payment_id(self) -> int:
        """The payment whose money is meant."""
        assert self.row.payment_id is not None, "only money of a payment is allocated or suspended"
        return self.row.payment_id


async def allocate_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    invoice_id: int,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> PostedStep:
    """Allocate all that is in suspense to one invoice; what is over becomes its pupil's credit.

    Raises as `require_note` and `lock_for`, InvoiceNotFoundError, InvoiceCancelledError, and
    RefundUnderWayError where the payment is being refunded.
    """
    why = require_note(note)
    row = await lock_for(db, school_id, exception_id, Action.ALLOCATE, mark=mark)
    invoices = await _lock_open(db, school_id, [invoice_id])
    invoice = invoices[invoice_id]
    suspense_vnd = row.money.suspense_vnd
    settled_vnd = min(suspense_vnd, invoice.open_vnd)
    return await _release(
        db,
        school_id,
        _Decision(row=row, actor=actor, why=why, invoice_id=invoice_id),
        [InvoiceShare(invoice_id, settled_vnd)] if settled_vnd else [],
        invoices,
        credit=(invoice.student_id, suspense_vnd - settled_vnd),
    )


async def split_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    shares: Sequence[InvoiceShare],
    *,
    credit_student_id: int | None,
    actor: str,
    note: str,
    mark: str | None = None,
) -> PostedStep:
    """Give parts of what is in suspense to invoices, of one pupil or several.

    The rest becomes the credit of `credit_student_id`; None: it stays, and the exception stays open.
    Raises as `allocate_exception`, and NothingToSplitError, InvoiceTwiceError, ShareTooLargeError,
    SharesExceedError or NoSuchPupilError.
    """
    why = require_note(note)
    row = await lock_for(db, school_id, exception_id, Action.SPLIT, mark=mark)
    invoices = await _lock_open(db, school_id, [share.invoice_id for share in shares])
    _check_shares(shares, invoices, row.money.suspense_vnd, credit_student_id)
    if credit_student_id is not None and not await db.fetch(STUDENT, school_id, credit_student_id):
        raise NoSuchPupilError
    rest_vnd = row.money.suspense_vnd - sum(share.amount_vnd for share in shares)
    only_id = shares[0].invoice_id if len(shares) == 1 else None
    return await _release(
        db,
        school_id,
        _Decision(row=row, actor=actor, why=why, invoice_id=only_id),
        shares,
        invoices,
        credit=(credit_student_id, rest_vnd if credit_student_id else 0),
    )


async def suspend_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> PostedStep:
    """Take a payment's money out of the invoices and the credit where it is, into suspense.

    Raises as `require_note` and `lock_for`, and RefundUnderWayError.
    """
    why = require_note(note)
    row = await lock_for(db, school_id, exception_id, Action.SUSPEND, mark=mark)
    decision = _Decision(row=row, actor=actor, why=why, invoice_id=row.invoice_id)
    payment_id = decision.payment_id
    await refuse_under_way(db, school_id, [payment_id])
    parts = (await payment_positions(db, school_id, [payment_id]))[payment_id].parts
    invoice_ids = sorted({part.invoice_id for part in parts if part.invoice_id})
    await lock_invoices(db, school_id, invoice_ids)
    journal_id = await next_journal(db)
    books = await books_of(db, school_id)
    postings = to_suspense(school_id, journal_id, payment_id, parts, books, why)
    await post(db, postings)
    step = PostedStep(
        journal_id=journal_id,
        invoice_ids=tuple(invoice_ids),
        suspense_vnd=sum(posting.amount_vnd for posting in postings),
    )
    return await _finish(db, school_id, decision, step, "exception.suspended")


TOUCHED_INVOICES = Query(
    int,
    "SELECT DISTINCT invoice_id FROM transfer"
    " WHERE school_id = $1 AND journal_id = $2 AND invoice_id IS NOT NULL ORDER BY 1",
)


async def reverse_last_step(
    db: Driver, school_id: int, row: ExceptionRow, *, actor: str, why: str
) -> PostedStep:
    """Reverse the newest journal of an exception, locked by the caller; it is open again.

    Raises InvoiceFilledError, as `core.ledger.service.reverse_journal` and as `sync_payments`.
    """
    *kept, last = row.steps
    decision = _Decision(row=row, actor=actor, why=why, invoice_id=last["invoice_id"])
    journal_id = last["journal_id"]
    invoice_ids = await db.fetch(TOUCHED_INVOICES, school_id, journal_id)
    await _refuse_filled(db, school_id, journal_id, invoice_ids)
    reversing_id = await reverse_journal(db, school_id, journal_id, business_date(now_utc()), why)
    left = ExceptionSteps(exception_id=row.id, invoice_id=decision.invoice_id, steps=kept)
    await record_steps(db, school_id, [left], note=why)
    await sync_payments(db, school_id, [(decision.payment_id, row.reason)])
    await write_notes(db, school_id, [row.id], author=actor, text=why)
    after = await _audit(
        db,
        school_id,
        decision,
        "exception.placement_undone",
        {"journal_id": journal_id, "reversed_by": reversing_id, "resolution": None},
    )
    return PostedStep(
        journal_id=reversing_id,
        invoice_ids=tuple(invoice_ids),
        suspense_vnd=after.money.suspense_vnd,
    )


# an invoice that the journal had settled and that owes less than that, or nothing any more
FILLED = Query(
    int,
    """
SELECT i.id FROM transfer t
  JOIN ledger_account r ON r.school_id = t.school_id AND r.id = t.debit_account_id AND r.kind = 'receivable'
  JOIN invoice i ON i.school_id = t.school_id AND i.id = t.invoice_id
 WHERE t.school_id = $1 AND t.journal_id = $2
 GROUP BY i.id, i.total_vnd, i.paid_vnd, i.cancelled_at
HAVING sum(t.amount_vnd) > i.total_vnd - i.paid_vnd OR i.cancelled_at IS NOT NULL LIMIT 1
""",
)


async def _refuse_filled(
    db: Driver, school_id: int, journal_id: int, invoice_ids: Sequence[int]
) -> None:
    """Refuse to give money back to invoices, locked here, that other money has paid since.

    Raises InvoiceFilledError.
    """
    await lock_invoices(db, school_id, invoice_ids)
    if await db.fetch(FILLED, school_id, journal_id):
        raise InvoiceFilledError


async def _release(
    db: Driver,
    school_id: int,
    decision: _Decision,
    shares: Sequence[InvoiceShare],
    invoices: Mapping[int, LockedInvoice],
    *,
    credit: tuple[int | None, int],
) -> PostedStep:
    """Post shares and credit (pupil, VND) out of suspense, and write the decision."""
    await refuse_under_way(db, school_id, [decision.payment_id])
    journal_id = await next_journal(db)
    books = await books_of(db, school_id)
    student_id, credit_vnd = credit
    parts = [
        SuspenseRelease(
            books.receivable_id,
            invoices[share.invoice_id].student_id,
            share.invoice_id,
            share.amount_vnd,
        )
        for share in shares
    ]
    parts.append(SuspenseRelease(books.student_credit_id, student_id, None, credit_vnd))
    await post(db, from_suspense(school_id, journal_id, decision.payment_id, books, parts))
    settled_vnd = sum(share.amount_vnd for share in shares)
    step = PostedStep(
        journal_id=journal_id,
        invoice_ids=tuple(sorted(share.invoice_id for share in shares)),
        settled_vnd=settled_vnd,
        credit_vnd=credit_vnd,
        suspense_vnd=decision.row.money.suspense_vnd - settled_vnd - credit_vnd,
    )
    assert step.suspense_vnd >= 0, "no more leaves suspense than was in it"
    return await _finish(db, school_id, decision, step, "exception.placed")


async def _finish(
    db: Driver, school_id: int, decision: _Decision, step: PostedStep, action: str
) -> PostedStep:
    """After the postings: invoices, payment, exception, note and audit follow the books."""
    row, actor, why = decision.row, decision.actor, decision.why
    await sync_invoice_totals(db, school_id, step.invoice_ids)
    await sync_payments(db, school_id, [(decision.payment_id, row.reason)])
    resolution = None if step.suspense_vnd else Resolution.ALLOCATED
    posted = StepDetail(journal_id=step.journal_id, invoice_id=row.invoice_id)
    steps = ExceptionSteps(
        exception_id=row.id,
        invoice_id=decision.invoice_id if resolution else row.invoice_id,
        steps=[*row.steps, posted],
    )
    await record_steps(db, school_id, [steps], note=why)
    if resolution:
        await close_exceptions(db, school_id, [row.id], resolution, actor=actor, note=why)
    else:
        await write_notes(db, school_id, [row.id], author=actor, text=why)
    await _audit(
        db,
        school_id,
        decision,
        action,
        {
            "journal_id": step.journal_id,
            "invoices": [str(invoice_id) for invoice_id in step.invoice_ids],
            "settled_vnd": step.settled_vnd,
            "credit_vnd": step.credit_vnd,
            "resolution": resolution,
        },
    )
    return step


async def _audit(
    db: Driver, school_id: int, decision: _Decision, action: str, detail: Detail
) -> ExceptionRow:
    """Write a step into the audit chain, with the money before and after; the exception after it."""
    row = decision.row
    after = await find_exception(db, school_id, row.id)
    await audit(
        db,
        school_id,
        actor=decision.actor,
        action=action,
        subject=f"exception:{row.id}",
        detail={
            **detail,
            "resolution_before": row.resolution,
            "before": row.money.as_detail(),
            "after": after.money.as_detail(),
        },
    )
    return after


OPEN_INVOICES = Query(
    LockedInvoice,
    "SELECT id, student_id, total_vnd - paid_vnd AS open_vnd, cancelled_at IS NOT NULL AS is_cancelled"
    "  FROM invoice WHERE school_id = $1 AND id = ANY($2::bigint[])",
)
STUDENT = Query(int, "SELECT id FROM student WHERE school_id = $1 AND id = $2")


async def _lock_open(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> Mapping[int, LockedInvoice]:
    """These invoices, locked. Raises InvoiceNotFoundError, InvoiceCancelledError."""
    await lock_invoices(db, school_id, invoice_ids)
    found = {one.id: one for one in await db.fetch(OPEN_INVOICES, school_id, list(invoice_ids))}
    if found.keys() != set(invoice_ids):
        raise InvoiceNotFoundError
    if any(one.is_cancelled for one in found.values()):
        raise InvoiceCancelledError
    return found


def _check_shares(
    shares: Sequence[InvoiceShare],
    invoices: Mapping[int, LockedInvoice],
    suspense_vnd: int,
    credit_student_id: int | None,
) -> None:
    if not shares and credit_student_id is None:
        raise NothingToSplitError
    if len({share.invoice_id for share in shares}) != len(shares):
        raise InvoiceTwiceError
    for share in shares:
        open_vnd = invoices[share.invoice_id].open_vnd
        if not 1 <= share.amount_vnd <= open_vnd:
            raise ShareTooLargeError(open_vnd)
    if sum(share.amount_vnd for share in shares) > suspense_vnd:
        raise SharesExceedError(suspense_vnd)
