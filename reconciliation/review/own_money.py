"""Money in suspense that no family sent: from another account of the school, or from the State.

A person says so, and the money leaves suspense: against what is in transit between the school's
accounts, or against what the State owes for concessions. Taking it back is a reversal. Amounts in VND.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.exceptions.service import reopen, resolve
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.ledger.positions import NOTHING, payment_positions
from core.ledger.postings import Event, Posting
from core.ledger.service import account_of, next_journal, post, reverse_journal
from reconciliation.review.debits import BOOKED, BOOKING, OWN_TRANSFER, booking_detail
from reconciliation.review.notes import said

STATE_RECEIVED: Final = "state_received"
SOURCES: Final[Mapping[str, tuple[Event, str]]] = {
    OWN_TRANSFER: (Event.OWN_TRANSFER, "in_transit"),
    STATE_RECEIVED: (Event.STATE_RECEIVED, "state_receivable"),
}
"""What the money can be -> why it is booked, and the ledger account it is booked against."""


async def book_own_money(
    db: Driver, school_id: int, exception_id: int, source: str, *, actor: str, note: str
) -> int:
    """Take the money of an exception out of suspense, as of today; the amount in VND.

    `source` is one of SOURCES. Raises Problem: 422 for another source or without a note, 404 unknown
    exception, 409 when it is resolved, its money is not in suspense or is being refunded.
    """
    if source not in SOURCES:
        raise Problem(
            "unknown_source",
            vi="Hãy chọn tiền từ đâu đến.",
            en="Choose where the money came from.",
            status=422,
        )
    why = said(note)
    found = await _locked(db, school_id, exception_id)
    if found["resolution"] is not None:
        raise Problem(
            "already_resolved",
            vi="Ngoại lệ này đã được xử lý.",
            en="This exception is resolved already.",
            status=409,
        )
    payment_id = found["payment_id"]
    is_free = payment_id is not None and await db.raw.fetchval(
        """
        SELECT NOT EXISTS (SELECT FROM refund r WHERE r.school_id = p.school_id AND r.payment_id = p.id
                             AND r.status NOT IN ('rejected', 'cancelled', 'refused', 'done'))
          FROM payment p WHERE p.school_id = $1 AND p.id = $2 AND p.suspense_reason = $3 FOR UPDATE
        """,
        school_id,
        payment_id,
        found["reason"],
    )
    standing = (
        (await payment_positions(db, school_id, [payment_id])).get(payment_id, NOTHING)
        if is_free
        else NOTHING
    )
    waiting = [part for part in standing.parts if part.kind == "suspense"]
    if not waiting:
        raise Problem(
            "not_in_suspense",
            vi="Khoản tiền này không nằm ở tài khoản chờ xử lý, hoặc đang được hoàn lại.",
            en="This money is not in suspense, or is being refunded.",
            status=409,
        )
    event, kind = SOURCES[source]
    amount_vnd = sum(part.amount_vnd for part in waiting)
    journal_id = await next_journal(db)
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=journal_id,
                kind=event,
                debit_account_id=waiting[0].account_id,
                credit_account_id=await account_of(db, school_id, kind),
                amount_vnd=amount_vnd,
                business_date=business_date(now_utc()),
                payment_id=payment_id,
                memo=why,
            )
        ],
    )
    await _suspend(db, school_id, payment_id, None)
    await resolve(
        db,
        school_id,
        [exception_id],
        BOOKED,
        actor=actor,
        note=why,
        details={exception_id: booking_detail(journal_id, source)},
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


async def undo_own_money(
    db: Driver, school_id: int, exception_id: int, *, actor: str, reason: str
) -> None:
    """Put the money back into suspense by a reversal, as of today; the exception is open again.

    Raises Problem: 422 without a reason, 404 unknown exception, 409 when it was not booked here.
    """
    why = said(reason)
    found = await _locked(db, school_id, exception_id)
    if found["resolution"] != BOOKED or found["rule"] not in SOURCES or not found["payment_id"]:
        raise Problem(
            "not_booked",
            vi="Khoản tiền này chưa được ghi sổ ở đây.",
            en="This money was not booked here.",
            status=409,
        )
    journal_id = int(found["journal_id"])
    await reverse_journal(db, school_id, journal_id, business_date(now_utc()), why)
    await _suspend(db, school_id, found["payment_id"], found["reason"])
    await reopen(db, school_id, [exception_id], note=why, dropping=BOOKING)
    await audit(
        db,
        school_id,
        actor=actor,
        action="suspense.booking_undone",
        subject=f"exception:{exception_id}",
        detail={"before": found["rule"], "after": "suspense", "journal_id": journal_id},
    )


async def _suspend(db: Driver, school_id: int, payment_id: int, reason: str | None) -> None:
    await db.raw.execute(
        "UPDATE payment SET suspense_reason = $3 WHERE school_id = $1 AND id = $2",
        school_id,
        payment_id,
        reason,
    )


async def _locked(db: Driver, school_id: int, exception_id: int) -> Any:
    row = await db.raw.fetchrow(
        "SELECT reason, payment_id, resolution, detail->>'journal_id' AS journal_id, detail->>'rule' AS rule"
        "  FROM exception WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        exception_id,
    )
    if row is None:
        raise not_found("ngoại lệ này", "exception")
    return row
