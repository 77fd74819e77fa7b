"""Money in suspense that no family sent: from another account of the school, or from the State.

A person decides it, and the money leaves suspense: against what is in transit between the school's
accounts, or against what the State owes for concessions. Taking it back is a reversal. Amounts in VND.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.exceptions.details import ExceptionDetail
from core.exceptions.errors import NoSuchExceptionError
from core.exceptions.reasons import Reason
from core.exceptions.resolutions import Resolution
from core.exceptions.service import reopen, resolve
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from core.ledger.positions import Part, payment_positions
from core.ledger.postings import Event, Posting
from core.ledger.service import account_of, next_journal, post, reverse_journal
from reconciliation.review.debit_booking import BOOKING
from reconciliation.review.errors import (
    AlreadyResolvedError,
    MoneyNotBookedError,
    NotFreeInSuspenseError,
    UnknownSourceError,
)
from reconciliation.review.notes import require_note


class MoneySource(StrEnum):
    """Where money that no family sent came from."""

    OWN_TRANSFER = "own_transfer"
    STATE_RECEIVED = "state_received"


SOURCES: Final[Mapping[MoneySource, tuple[Event, str]]] = {
    MoneySource.OWN_TRANSFER: (Event.OWN_TRANSFER, "in_transit"),
    MoneySource.STATE_RECEIVED: (Event.STATE_RECEIVED, "state_receivable"),
}
"""What the money can be -> why it is booked, and the ledger account it is booked against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An exception, locked, and how it was booked here."""

    reason: Reason
    payment_id: int | None
    resolution: Resolution | None
    detail: ExceptionDetail


LOCK_EXCEPTION = Query(
    _Held,
    "SELECT reason, payment_id, resolution, detail"
    "  FROM exception WHERE school_id = $1 AND id = $2 FOR UPDATE",
)
# a payment whose money is in suspense for this reason, and that no refund takes
LOCK_SUSPENDED = Query(
    int,
    """
SELECT p.id FROM payment p
 WHERE p.school_id = $1 AND p.id = $2 AND p.suspense_reason = $3
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = p.school_id AND r.payment_id = p.id
                      AND r.status NOT IN ('rejected', 'cancelled', 'refused', 'done'))
   FOR UPDATE
""",
)
SET_SUSPENSE_REASON = Command(
    "UPDATE payment SET suspense_reason = $3 WHERE school_id = $1 AND id = $2"
)


async def book_suspense(
    db: Driver, school_id: int, exception_id: int, source: str, *, actor: str, note: str
) -> int:
    """Take the money of an exception out of suspense, as of today; the amount in VND.

    `source` is one of SOURCES. Raises UnknownSourceError, as `require_note`, NoSuchExceptionError,
    AlreadyResolvedError, and NotFreeInSuspenseError where it is not in suspense or is being refunded.
    """
    if source not in set(MoneySource):
        raise UnknownSourceError
    event, kind = SOURCES[MoneySource(source)]
    why = require_note(note)
    found = await _lock(db, school_id, exception_id)
    if found.resolution is not None:
        raise AlreadyResolvedError
    payment_id = found.payment_id
    suspended = await _suspended_parts(db, school_id, payment_id, found.reason)
    if payment_id is None or not suspended:
        raise NotFreeInSuspenseError
    assert len({part.account_id for part in suspended}) == 1, "a school has one suspense account"
    amount_vnd = sum(part.amount_vnd for part in suspended)
    journal_id = await next_journal(db)
    posting = Posting(
        school_id=school_id,
        journal_id=journal_id,
        kind=event,
        debit_account_id=suspended[0].account_id,
        credit_account_id=await account_of(db, school_id, kind),
        amount_vnd=amount_vnd,
        business_date=business_date(now_utc()),
        payment_id=payment_id,
        memo=why,
    )
    await post(db, [posting])
    await db.execute(SET_SUSPENSE_REASON, school_id, payment_id, None)
    await resolve(
        db,
        school_id,
        [exception_id],
        Resolution.BOOKED,
        actor=actor,
        note=why,
        details={exception_id: ExceptionDetail(journal_id=journal_id, rule=source)},
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="suspense.booked",
        subject=f"exception:{exception_id}",
        detail={
            "before": "suspense",
            "after": source,
            "journal_id": journal_id,
            "amount_vnd": amount_vnd,
        },
    )
    return amount_vnd


async def undo_suspense_booking(
    db: Driver, school_id: int, exception_id: int, *, actor: str, reason: str
) -> None:
    """Put the money back into suspense by a reversal, as of today; the exception is open again.

    Raises as `require_note`, NoSuchExceptionError, and MoneyNotBookedError.
    """
    why = require_note(reason)
    found = await _lock(db, school_id, exception_id)
    rule, journal_id = found.detail.get("rule"), found.detail.get("journal_id")
    if (
        found.resolution is not Resolution.BOOKED
        or rule not in set(MoneySource)
        or found.payment_id is None
        or journal_id is None
    ):
        raise MoneyNotBookedError
    await reverse_journal(db, school_id, journal_id, business_date(now_utc()), why)
    await db.execute(SET_SUSPENSE_REASON, school_id, found.payment_id, found.reason)
    await reopen(db, school_id, [exception_id], note=why, dropping=BOOKING)
    await audit(
        db,
        school_id,
        actor=actor,
        action="suspense.booking_undone",
        subject=f"exception:{exception_id}",
        detail={"before": rule, "after": "suspense", "journal_id": journal_id},
    )


async def _lock(db: Driver, school_id: int, exception_id: int) -> _Held:
    found = await db.fetch_one(LOCK_EXCEPTION, school_id, exception_id)
    if found is None:
        raise NoSuchExceptionError
    return found


async def _suspended_parts(
    db: Driver, school_id: int, payment_id: int | None, reason: Reason
) -> list[Part]:
    """What of a payment is in suspense for this reason, free to be booked; the payment is locked."""
    if payment_id is None or not await db.fetch(LOCK_SUSPENDED, school_id, payment_id, reason):
        return []
    position = (await payment_positions(db, school_id, [payment_id])).get(payment_id)
    return [part for part in position.parts if part.kind == "suspense"] if position else []
