"""Cancelling an invoice: what its issue booked is reversed and it stops being payable.

That is what the family was asked, the State's part, and the months of it that have become income. An
invoice that received money is never cancelled: the money is moved first. The number stays, with the
reason, who and when; nothing is deleted.
"""

from __future__ import annotations

from datetime import date

from core.fees.service import lock_fees
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.ledger.postings import Event
from core.ledger.service import next_journal

# $1 school, $2 invoice, $3 day (a closed one: the first open day), $4 journal, $5 reason
REVERSE = f"""
INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                      business_date, student_id, invoice_id, reverses_id, memo)
SELECT t.school_id, $4, '{Event.INVOICE_CANCELLED}', t.credit_account_id, t.debit_account_id, t.amount_vnd,
       greatest($3::date, s.books_locked_until + 1), t.student_id, t.invoice_id, t.id, $5
  FROM transfer t JOIN school s ON s.id = t.school_id
 WHERE t.school_id = $1 AND t.invoice_id = $2
   AND t.kind IN ('{Event.INVOICE_ISSUED}', '{Event.STATE_PART}', '{Event.INCOME_RELEASED}')
 ORDER BY t.id
"""

# Another schedule of the month may charge the items again, and concede again.
UNCONCEDE = """
UPDATE conceded_charge c SET cancelled_at = now()
  FROM invoice i JOIN invoice_line l ON l.school_id = i.school_id AND l.invoice_id = i.id
 WHERE i.school_id = $1 AND i.id = $2 AND c.school_id = i.school_id
   AND c.fee_schedule_id = i.fee_schedule_id AND c.student_id = i.student_id
   AND c.fee_item_id = l.fee_item_id AND c.cancelled_at IS NULL
"""


async def cancel_invoice(
    db: Driver, school_id: int, invoice_id: int, *, on: date, actor: str, reason: str
) -> None:
    """Cancel an invoice without payments, on business date `on`.

    Raises Problem: 404 no such invoice, 409 it was paid (in part) or cancelled before, 400 no reason.
    """
    if not reason.strip():
        raise Problem(
            "reason_missing", vi="Hãy ghi lý do huỷ.", en="Say why the invoice is cancelled."
        )
    await lock_fees(db, school_id)  # no month of it is released meanwhile
    row = await db.raw.fetchrow(
        "SELECT paid_vnd, cancelled_at FROM invoice WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        invoice_id,
    )
    if row is None:
        raise not_found("phiếu báo thu này", "invoice")
    if row["cancelled_at"] is not None:
        raise Problem(
            "already_cancelled",
            vi="Phiếu báo thu đã được huỷ trước đó.",
            en="The invoice was cancelled before.",
            status=409,
        )
    if row["paid_vnd"]:
        raise Problem(
            "invoice_has_money",
            vi="Phiếu báo thu đã nhận tiền nên không huỷ được. Hãy chuyển khoản thu sang nơi khác trước.",
            en="The invoice received money and cannot be cancelled. Move that money first.",
            status=409,
        )
    await db.raw.execute(REVERSE, school_id, invoice_id, on, await next_journal(db), reason.strip())
    await db.raw.execute(
        "UPDATE invoice SET cancelled_at = now() WHERE school_id = $1 AND id = $2",
        school_id,
        invoice_id,
    )
    await db.raw.execute(UNCONCEDE, school_id, invoice_id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="invoice_cancelled",
        subject=f"invoice:{invoice_id}",
        detail={"reason": reason.strip()},
    )
