"""Taking a batch and its bank line apart again, and deciding that a held line is no payout.

Undoing is a reversal; what a person took apart, no reconciliation pairs again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from core.exceptions.reasons import Reason
from core.exceptions.resolutions import Resolution
from core.exceptions.service import open_denied, reopen, resolve
from core.exceptions.sql import NewException
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.locks import lock_reconciliation
from core.ledger.service import open_day, reverse_journal
from reconciliation.review.debit_booking import DROP_LINE_JOURNAL
from reconciliation.review.errors import (
    AlreadyResolvedError,
    BatchNotBookedError,
    NoHeldLineError,
    NoSuchBatchError,
)
from reconciliation.review.notes import require_note
from reconciliation.settlements.payout_matching import SETTLEMENT_RULE


class BookingEvidence(TypedDict, total=False):
    """What `line_journal.evidence` keeps of a payout, as far as its undoing reads it.

    name: the batch. exceptions: those that the booking closed. payment_id, suspense_reason: the payment in
    suspense that the line was taken for.
    """

    name: str
    exceptions: list[int]
    payment_id: int
    suspense_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedBatch:
    """A batch, locked, with the bank line that books it: None where it is not booked by one. VND."""

    journal_id: int | None
    booked_on: date | None
    statement_line_id: int | None
    evidence: BookingEvidence | None
    identity: str | None
    amount_vnd: int | None
    posted_on: date | None


LOCK_BOOKED_BATCH = Query(
    BookedBatch,
    """
SELECT b.journal_id, b.booked_on, j.statement_line_id, j.evidence, s.identity,
       abs(s.credit_vnd - s.debit_vnd) AS amount_vnd, s.posted_on
  FROM settlement_batch b
  LEFT JOIN line_journal j ON j.school_id = b.school_id AND j.journal_id = b.journal_id AND j.rule = $3
  LEFT JOIN statement_line s ON s.school_id = j.school_id AND s.id = j.statement_line_id
 WHERE b.school_id = $1 AND b.id = $2 FOR UPDATE OF b
""",
)
MARK_OPEN = Command(
    "UPDATE settlement_batch SET journal_id = NULL, booked_on = NULL WHERE school_id = $1 AND id = $2"
)
SET_SUSPENSE_REASON = Command(
    "UPDATE payment SET suspense_reason = $3 WHERE school_id = $1 AND id = $2"
)
CLOSED_WITH = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND id = ANY($2::bigint[])"
    " AND resolution = 'settled' ORDER BY id FOR UPDATE",
)
# debits that a reconciliation withdrew when the line was booked
WITHDRAWN_DEBITS = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND statement_line_id = $2"
    " AND reason = 'unexplained_debit' AND resolution = 'matched_later' ORDER BY id FOR UPDATE",
)


async def undo_payout(
    db: Driver, school_id: int, settlement_batch_id: int, *, actor: str, reason: str
) -> None:
    """Take a batch and its bank line apart again: its journal is reversed, both are open.

    The line stays held back, with the batch that it is not. Raises as `require_note`, NoSuchBatchError,
    BatchNotBookedError.
    """
    why = require_note(reason)
    await lock_reconciliation(db, school_id)
    found = await db.fetch_one(LOCK_BOOKED_BATCH, school_id, settlement_batch_id, SETTLEMENT_RULE)
    if found is None:
        raise NoSuchBatchError
    if found.statement_line_id is None:
        raise BatchNotBookedError
    assert found.journal_id is not None, "a booked batch has its journal"
    assert found.booked_on is not None, "a booked batch has its day"
    assert found.evidence is not None, "a booked line has its evidence"
    on = await open_day(db, school_id, found.booked_on)
    reversal_id = await reverse_journal(db, school_id, found.journal_id, on, why)
    await db.execute(DROP_LINE_JOURNAL, school_id, found.statement_line_id)
    await db.execute(MARK_OPEN, school_id, settlement_batch_id)
    closed = await db.fetch(CLOSED_WITH, school_id, found.evidence.get("exceptions", []))
    await reopen(db, school_id, closed, note=why)
    withdrawn = await db.fetch(WITHDRAWN_DEBITS, school_id, found.statement_line_id)
    await reopen(db, school_id, withdrawn)
    if payment_id := found.evidence.get("payment_id"):
        reason_before = found.evidence["suspense_reason"]
        await db.execute(SET_SUSPENSE_REASON, school_id, payment_id, reason_before)
    else:
        await _hold_back(db, school_id, found, found.evidence["name"])
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.undone",
        subject=f"settlement_batch:{settlement_batch_id}",
        detail={
            "before": found.evidence["name"],
            "journal_id": found.journal_id,
            "reversal_id": reversal_id,
            "statement_line_id": found.statement_line_id,
        },
    )


async def _hold_back(db: Driver, school_id: int, booked: BookedBatch, title: str) -> None:
    """The line waits for a person, and keeps the batch that it is not."""
    assert booked.identity is not None, "a line has its identity"
    assert booked.amount_vnd is not None, "a line has its amount"
    assert booked.posted_on is not None, "a line has its day"
    await open_denied(
        db,
        NewException(
            school_id=school_id,
            reason=Reason.BATCH_TOTAL_MISMATCH,
            identity=f"line:{booked.identity}",
            amount_vnd=booked.amount_vnd,
            business_date=booked.posted_on,
            statement_line_id=booked.statement_line_id,
            detail={"denied": [title]},
        ),
    )


@dataclass(frozen=True, slots=True)
class _HeldLine:
    """How an exception about a held line ended, None while it is open."""

    resolution: Resolution | None


LOCK_HELD_LINE = Query(
    _HeldLine,
    "SELECT resolution FROM exception WHERE school_id = $1 AND id = $2"
    " AND reason = 'batch_total_mismatch' AND statement_line_id IS NOT NULL FOR UPDATE",
)


async def deny_payout(
    db: Driver, school_id: int, exception_id: int, *, actor: str, note: str
) -> None:
    """A held line is no provider's payout: the next reconciliation takes it for a payment like any other.

    Raises as `require_note`, NoHeldLineError, AlreadyResolvedError.
    """
    why = require_note(note)
    await lock_reconciliation(db, school_id)
    held = await db.fetch_one(LOCK_HELD_LINE, school_id, exception_id)
    if held is None:
        raise NoHeldLineError
    if held.resolution is not None:
        raise AlreadyResolvedError
    await resolve(db, school_id, [exception_id], Resolution.NO_SETTLEMENT, actor=actor, note=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.resolved",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": None, "resolution": Resolution.NO_SETTLEMENT},
    )
