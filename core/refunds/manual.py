"""A person states how a refund ended: what the bank did with a transfer, or the provider with a demand in doubt.

A provider's refund is decided by the provider's own answers; only when it has been in doubt for three
days may a person who has asked the provider state its end.
"""

from __future__ import annotations

from datetime import date

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query
from core.refunds.booking import CompletedRefund, book_refunds
from core.refunds.errors import BadPaidDayError, ProviderStillAskedError
from core.refunds.states import (
    LockedRefund,
    Status,
    close_refund,
    doubt_identity,
    lock_refund,
    tidy,
)

MAX_BANK_ID = 64

# open or answered: once in doubt, a person may decide
DOUBT = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND reason = 'refund_unmatched' AND identity = $2",
)


async def confirm_refund(
    db: Driver,
    school_id: int,
    refund_id: int,
    *,
    on: date,
    bank_transaction_id: str = "",
    actor: str,
) -> frozenset[tuple[int, int]]:
    """Book a listed transfer, or a demand in doubt, as paid on `on`; the invoices that are open again.

    Raises UnknownRefundError, RefundMovedOnError, ProviderStillAskedError, BadPaidDayError for a day
    before it was requested or still to come.
    """
    refund = await _lock_undecided(db, school_id, refund_id)
    first, last = business_date(refund.created_at), business_date(now_utc())
    if not first <= on <= last:
        raise BadPaidDayError(first=first, last=last)
    completed = CompletedRefund(
        refund_id=refund_id,
        on=on,
        actor=actor,
        bank_transaction_id=tidy(bank_transaction_id)[:MAX_BANK_ID],
    )
    return await book_refunds(db, school_id, [completed])


async def fail_refund(db: Driver, school_id: int, refund_id: int, *, actor: str, note: str) -> None:
    """The bank or the provider did not pay: nothing is booked, the amount is free for another refund.

    Raises UnknownRefundError, RefundMovedOnError, ProviderStillAskedError, NoteRequiredError.
    """
    refund = await _lock_undecided(db, school_id, refund_id)
    await close_refund(db, school_id, refund, Status.REFUSED, actor=actor, note=note)


async def _lock_undecided(db: Driver, school_id: int, refund_id: int) -> LockedRefund:
    refund = await lock_refund(db, school_id, refund_id, Status.LISTED, Status.SENT)
    if refund.status is Status.SENT:
        identity = doubt_identity(refund.number)
        if await db.fetch_value(DOUBT, school_id, identity) is None:
            raise ProviderStillAskedError
    return refund
