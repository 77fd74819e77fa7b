"""Cancelling an invoice: its issue is reversed in the books and it stops being payable.

An invoice that received money is never cancelled: the money is moved first. The number stays, with
the reason, who and when; nothing is deleted.
"""

from __future__ import annotations

from datetime import date

from gateway.identity.audit import audit
from gateway.kit.database import Driver
from gateway.kit.problem import Problem, not_found
from gateway.ledger.postings import Event, Posting
from gateway.ledger.service import next_journal, post


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
    row = await db.fetchrow(
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
    issued = await db.fetch(
        "SELECT id, debit_account_id, credit_account_id, amount_vnd, student_id FROM transfer"
        " WHERE school_id = $1 AND invoice_id = $2 AND kind = 'invoice_issued' ORDER BY id",
        school_id,
        invoice_id,
    )
    journal_id = await next_journal(db)
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=journal_id,
                kind=Event.INVOICE_CANCELLED,
                debit_account_id=transfer["credit_account_id"],
                credit_account_id=transfer["debit_account_id"],
                amount_vnd=transfer["amount_vnd"],
                business_date=on,
                student_id=transfer["student_id"],
                invoice_id=invoice_id,
                reverses_id=transfer["id"],
                memo=reason.strip(),
            )
            for transfer in issued
        ],
    )
    await db.execute(
        "UPDATE invoice SET cancelled_at = now() WHERE school_id = $1 AND id = $2",
        school_id,
        invoice_id,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="invoice_cancelled",
        subject=f"invoice:{invoice_id}",
        detail={"reason": reason.strip()},
    )
