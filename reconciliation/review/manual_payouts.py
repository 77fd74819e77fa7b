"""A settlement batch booked by a person against the bank line that pays it out.

For a line whose text names no batch: the amount must still agree to the đồng, a person chooses which line a
batch is, never how much. Money that was taken for a family's payment and is in suspense may turn out to be a
payout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.exceptions.reasons import Reason
from core.exceptions.resolutions import Resolution
from core.exceptions.service import resolve
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.locks import lock_reconciliation
from core.ledger.positions import NOTHING, payment_positions
from core.ledger.service import books_of, next_journal, open_day, post
from core.suspense.service import refuse_under_way
from reconciliation.review.errors import (
    BatchBookedError,
    LineBookedError,
    NoSuchBatchError,
    NoSuchLineError,
    NotWhollyInSuspenseError,
    PayoutDiffersError,
)
from reconciliation.review.locking import lock_payments
from reconciliation.review.notes import require_note
from reconciliation.settlements.payout_matching import (
    BankLine,
    OpenBatch,
    PayoutPair,
    evidence_of,
    postings_of,
)
from reconciliation.settlements.payouts import costs_of, open_batches, write_booking

AGREED = ("amount", "by_hand")
"""What agreed, for the evidence of a booking by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutLine:
    """A bank line that may be a payout, and the payment that it was taken for. VND, above zero came in.

    is_taken: it is booked as something else, and not in suspense.
    """

    id: int
    identity: str
    bank_account_id: int
    day: date
    net_vnd: int
    content: str
    payment_id: int | None
    suspense_reason: Reason | None
    is_taken: bool

    @property
    def as_bank_line(self) -> BankLine:
        """The line as settlement knows it."""
        return BankLine(
            id=self.id,
            identity=self.identity,
            bank_account_id=self.bank_account_id,
            day=self.day,
            net_vnd=self.net_vnd,
            content=self.content,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutCandidate:
    """A batch that a line of this amount could be. VND."""

    id: int
    title: str
    settled_on: date
    net_vnd: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int


PAYOUT_LINE = Query(
    PayoutLine,
    """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.credit_vnd - s.debit_vnd AS net_vnd, s.content,
       p.id AS payment_id, p.suspense_reason,
       j.journal_id IS NOT NULL OR r.id IS NOT NULL OR (m.payment_id IS NOT NULL AND p.suspense_reason IS NULL)
         AS is_taken
  FROM statement_line s
  LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  LEFT JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
  LEFT JOIN refund r ON r.school_id = s.school_id AND r.statement_line_id = s.id
  LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
 WHERE s.school_id = $1 AND s.id = $2
""",
)


async def candidate_batches(
    db: Driver, school_id: int, statement_line_id: int
) -> tuple[PayoutCandidate, ...]:
    """Open batches of the line's account, those of the line's amount first, then the nearest sums.

    Raises NoSuchLineError.
    """
    line = await _find_line(db, school_id, statement_line_id)
    batches = [
        batch
        for batch in await open_batches(db, school_id, date.max)
        if batch.bank_account_id == line.bank_account_id
    ]
    batches.sort(key=lambda batch: (abs(batch.net_vnd - line.net_vnd), batch.settled_on))
    return tuple(
        PayoutCandidate(
            id=batch.id,
            title=batch.title,
            settled_on=batch.settled_on,
            net_vnd=batch.net_vnd,
            gross_vnd=batch.gross_vnd,
            fee_vnd=batch.fee_vnd,
            vat_vnd=batch.vat_vnd,
        )
        for batch in batches
    )


MATCHED_PAYMENTS = Query(
    int, "SELECT payment_id FROM match WHERE school_id = $1 AND statement_line_id = $2"
)
LEAVE_SUSPENSE = Command(
    "UPDATE payment SET suspense_reason = NULL WHERE school_id = $1 AND id = $2"
)
# of the line itself, or of the payment that it was taken for ($3, in suspense because of $4)
EXPLAINED_BY_BATCH = Query(
    int,
    """
SELECT id FROM exception
 WHERE school_id = $1 AND resolved_at IS NULL
   AND ((statement_line_id = $2 AND reason IN ('batch_total_mismatch', 'unexplained_debit'))
        OR (payment_id = $3 AND reason = $4))
 ORDER BY id FOR UPDATE
""",
)


async def match_payout(
    db: Driver,
    school_id: int,
    settlement_batch_id: int,
    statement_line_id: int,
    *,
    actor: str,
    note: str,
) -> int:
    """Book a batch against a bank line of the same amount; returns the journal.

    Raises as `require_note`; NoSuchBatchError, NoSuchLineError, BatchBookedError, LineBookedError,
    PayoutDiffersError where account or amount do not agree, NotWhollyInSuspenseError, RefundUnderWayError.
    """
    why = require_note(note)
    await lock_reconciliation(db, school_id)
    batch = await _lock_batch(db, school_id, settlement_batch_id)
    payment_ids = await db.fetch(MATCHED_PAYMENTS, school_id, statement_line_id)
    await lock_payments(db, school_id, payment_ids)
    await refuse_under_way(db, school_id, payment_ids)
    line = await _find_line(db, school_id, statement_line_id)
    await _check(db, school_id, batch, line)
    journal_id, on = await next_journal(db), await open_day(db, school_id, line.day)
    await _post(db, school_id, batch, line, journal_id, on)
    explained = await db.fetch(
        EXPLAINED_BY_BATCH, school_id, line.id, line.payment_id, line.suspense_reason or ""
    )
    await resolve(db, school_id, explained, Resolution.SETTLED, actor=actor, note=why)
    evidence = evidence_of(batch, AGREED) | {"note": why, "exceptions": explained}
    if line.payment_id is not None:
        evidence |= {"payment_id": line.payment_id, "suspense_reason": line.suspense_reason}
    pair = PayoutPair(line.as_bank_line, batch, AGREED)
    await write_booking(db, school_id, [(pair, journal_id, on, evidence)], actor=actor)
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.booked",
        subject=f"settlement_batch:{batch.id}",
        detail={
            "before": "open",
            "journal_id": journal_id,
            "statement_line_id": line.id,
            "net_vnd": batch.net_vnd,
            "on": on.isoformat(),
        },
    )
    return journal_id


async def _post(
    db: Driver, school_id: int, batch: OpenBatch, line: PayoutLine, journal_id: int, on: date
) -> None:
    """Post the batch to the bank, or out of suspense where the line was taken for a payment."""
    suspense_id: int | None = None
    if line.payment_id is not None:
        suspense_id = (await books_of(db, school_id)).suspense_id
        await db.execute(LEAVE_SUSPENSE, school_id, line.payment_id)
    postings = postings_of(
        batch,
        await costs_of(db, school_id),
        school_id=school_id,
        journal_id=journal_id,
        on=on,
        paid_into_id=suspense_id,
        payment_id=line.payment_id,
    )
    await post(db, postings)


async def _find_line(db: Driver, school_id: int, statement_line_id: int) -> PayoutLine:
    line = await db.fetch_one(PAYOUT_LINE, school_id, statement_line_id)
    if line is None:
        raise NoSuchLineError
    return line


@dataclass(frozen=True, slots=True)
class _LockedBatch:
    """Whether a batch is booked, and when."""

    booked_on: date | None


LOCK_BATCH = Query(
    _LockedBatch,
    "SELECT booked_on FROM settlement_batch WHERE school_id = $1 AND id = $2 FOR UPDATE",
)


async def _lock_batch(db: Driver, school_id: int, batch_id: int) -> OpenBatch:
    """The batch, locked. Raises NoSuchBatchError, BatchBookedError."""
    found = await db.fetch_one(LOCK_BATCH, school_id, batch_id)
    if found is None:
        raise NoSuchBatchError
    if found.booked_on is not None:
        raise BatchBookedError(found.booked_on)
    (batch,) = await open_batches(db, school_id, date.max, batch_id)
    return batch


async def _check(db: Driver, school_id: int, batch: OpenBatch, line: PayoutLine) -> None:
    if line.is_taken:
        raise LineBookedError
    if line.bank_account_id != batch.bank_account_id or line.net_vnd != batch.net_vnd:
        raise PayoutDiffersError
    if line.payment_id is not None and batch.net_vnd != await _suspense_vnd(
        db, school_id, line.payment_id
    ):
        raise NotWhollyInSuspenseError


async def _suspense_vnd(db: Driver, school_id: int, payment_id: int) -> int:
    """What of a payment is in suspense, VND."""
    position = (await payment_positions(db, school_id, [payment_id])).get(payment_id, NOTHING)
    return sum(part.amount_vnd for part in position.parts if part.kind == "suspense")
