"""How money goes into suspense and out of it: the postings, and what follows from them.

Pure postings first. What a payment's row keeps (whose it is, why it is in suspense) is set from the books
after every step and never beside them; a step that took money from where it no longer was is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from core.ledger.positions import OF_PAYERS, POSITIONS, Part
from core.ledger.postings import Books, Event, Posting
from core.refunds.states import UNDER_WAY
from core.suspense.errors import MovedSinceError, RefundUnderWayError


@dataclass(frozen=True, slots=True)
class SuspenseRelease:
    """A part of a payment that leaves suspense, VND, and the ledger account that takes it."""

    account_id: int
    student_id: int | None
    invoice_id: int | None
    amount_vnd: int


def to_suspense(
    school_id: int,
    journal_id: int,
    payment_id: int,
    parts: Sequence[Part],
    books: Books,
    why: str,
) -> list[Posting]:
    """The postings that take what is allocated of a payment to suspense."""
    return [
        Posting(
            school_id=school_id,
            journal_id=journal_id,
            kind=Event.SUSPENDED,
            debit_account_id=part.account_id,
            credit_account_id=books.suspense_id,
            amount_vnd=part.amount_vnd,
            business_date=business_date(now_utc()),
            student_id=part.student_id,
            invoice_id=part.invoice_id,
            payment_id=payment_id,
            memo=why,
        )
        for part in parts
        if part.kind != "suspense"
    ]


def from_suspense(
    school_id: int, journal_id: int, payment_id: int, books: Books, parts: Sequence[SuspenseRelease]
) -> list[Posting]:
    """The postings that take parts of a payment out of suspense; a part of VND 0 has none."""
    assert all(part.amount_vnd >= 0 for part in parts), "nothing goes into suspense this way"
    return [
        Posting(
            school_id=school_id,
            journal_id=journal_id,
            kind=Event.SUSPENSE_RELEASED,
            debit_account_id=books.suspense_id,
            credit_account_id=part.account_id,
            amount_vnd=part.amount_vnd,
            business_date=business_date(now_utc()),
            student_id=part.student_id,
            invoice_id=part.invoice_id,
            payment_id=payment_id,
        )
        for part in parts
        if part.amount_vnd > 0
    ]


BEING_REFUNDED = Query(
    int,
    "SELECT DISTINCT payment_id FROM refund"
    " WHERE school_id = $1 AND payment_id = ANY($2::bigint[]) AND status = ANY($3::text[])",
)


async def being_refunded(db: Driver, school_id: int, payment_ids: Sequence[int]) -> frozenset[int]:
    """Which of these payments have a refund under way."""
    found = await db.fetch(BEING_REFUNDED, school_id, list(payment_ids), list(UNDER_WAY))
    return frozenset(found)


async def refuse_under_way(db: Driver, school_id: int, payment_ids: Sequence[int]) -> None:
    """Raises RefundUnderWayError where one of these payments is being refunded."""
    if await being_refunded(db, school_id, payment_ids):
        raise RefundUnderWayError


SYNC_PAYMENTS = Command("""
UPDATE payment SET suspense_reason = f.reason, student_id = f.student_id
  FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS f(id, reason, student_id)
 WHERE payment.school_id = $1 AND payment.id = f.id
""")


async def sync_payments(db: Driver, school_id: int, payments: Sequence[tuple[int, str]]) -> None:
    """Set what the rows of payments (id, reason), locked by the caller, keep to what the books have.

    Raises MovedSinceError where money was taken from an account that no longer had it.
    """
    found = await db.fetch(POSITIONS, school_id, [payment_id for payment_id, _ in payments])
    parts = [part for part in found if part.kind in OF_PAYERS]
    if any(part.amount_vnd < 0 for part in parts):
        raise MovedSinceError
    suspended = {part.payment_id for part in parts if part.kind == "suspense"}
    students: dict[int, set[int]] = {}
    for part in parts:
        if part.student_id is not None:
            students.setdefault(part.payment_id, set()).add(part.student_id)
    only = {payment_id: min(ids) for payment_id, ids in students.items() if len(ids) == 1}
    await db.execute(
        SYNC_PAYMENTS,
        school_id,
        [payment_id for payment_id, _ in payments],
        [reason if payment_id in suspended else None for payment_id, reason in payments],
        [only.get(payment_id) for payment_id, _ in payments],
    )
