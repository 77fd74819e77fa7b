"""Cancelling an invoice: what its issue booked is reversed and it stops being payable.

That is what the family was asked, the State's part, and the months of it that have become income. An
invoice that received money is never cancelled: the money is allocated elsewhere first. The number stays, with the
reason, who and when; nothing is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.fees.service import lock_fees
from core.identity.audit import audit
from core.invoices.errors import (
    AlreadyCancelledError,
    CancelReasonMissingError,
    InvoiceHasMoneyError,
    InvoiceNotFoundError,
)
from core.kit.database import Command, Driver, Query
from core.ledger.postings import Event
from core.ledger.service import next_journal

# $1 school, $2 invoice, $3 day (a closed one: the first open day), $4 journal, $5 reason
REVERSE = Command(
    f"""
INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                      business_date, student_id, invoice_id, reverses_id, memo)
SELECT t.school_id, $4, '{Event.INVOICE_CANCELLED}', t.credit_account_id, t.debit_account_id, t.amount_vnd,
       greatest($3::date, s.books_locked_until + 1), t.student_id, t.invoice_id, t.id, $5
  FROM transfer t JOIN school s ON s.id = t.school_id
 WHERE t.school_id = $1 AND t.invoice_id = $2
   AND t.kind IN ('{Event.INVOICE_ISSUED}', '{Event.STATE_PART}', '{Event.INCOME_RELEASED}')
 ORDER BY t.id
"""  # noqa: S608 - constants of the ledger's events
)

# Another schedule of the month may charge the items again, and concede again.
UNCONCEDE = Command("""
UPDATE conceded_charge c SET cancelled_at = now()
  FROM invoice i JOIN invoice_line l ON l.school_id = i.school_id AND l.invoice_id = i.id
 WHERE i.school_id = $1 AND i.id = $2 AND c.school_id = i.school_id
   AND c.fee_schedule_id = i.fee_schedule_id AND c.student_id = i.student_id
   AND c.fee_item_id = l.fee_item_id AND c.cancelled_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class CancellableInvoice:
    """What decides whether an invoice may be cancelled; VND."""

    paid_vnd: int
    is_cancelled: bool


# locked, so that no money is allocated to it meanwhile
LOCK = Query(
    CancellableInvoice,
    """
SELECT paid_vnd, cancelled_at IS NOT NULL AS is_cancelled FROM invoice
 WHERE school_id = $1 AND id = $2 FOR UPDATE
""",
)
CANCEL = Command("UPDATE invoice SET cancelled_at = now() WHERE school_id = $1 AND id = $2")


async def cancel_invoice(
    db: Driver, school_id: int, invoice_id: int, *, on: date, actor: str, reason: str
) -> None:
    """Cancel an invoice without payments, on business date `on`.

    Raises CancelReasonMissingError, InvoiceNotFoundError, AlreadyCancelledError, and
    InvoiceHasMoneyError when it was paid, if only in part.
    """
    if not reason.strip():
        raise CancelReasonMissingError
    await lock_fees(db, school_id)  # no month of it becomes income meanwhile
    invoice = await db.fetch_one(LOCK, school_id, invoice_id)
    if invoice is None:
        raise InvoiceNotFoundError
    if invoice.is_cancelled:
        raise AlreadyCancelledError
    if invoice.paid_vnd:
        raise InvoiceHasMoneyError
    reversed_count = await db.execute(
        REVERSE, school_id, invoice_id, on, await next_journal(db), reason.strip()
    )
    assert reversed_count, "an issued invoice has postings"
    await db.execute(CANCEL, school_id, invoice_id)
    await db.execute(UNCONCEDE, school_id, invoice_id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="invoice_cancelled",
        subject=f"invoice:{invoice_id}",
        detail={"reason": reason.strip()},
    )
