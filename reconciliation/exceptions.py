"""The queue of what a person must look at: listed, placed on an invoice, explained, or taken back.

Placing moves money out of suspense by postings, undoing is their reversal with a reason: nothing is
deleted. Every step is in the audit chain with who did it. Nothing here decides by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.identity.audit import audit
from gateway.kit.clock import business_date, now_utc
from gateway.kit.database import Driver
from gateway.kit.problem import Problem, not_found
from gateway.ledger.postings import Event, Posting
from gateway.ledger.service import (
    books_of,
    follow_ledger,
    lock_invoices,
    next_journal,
    post,
    reverse_journal,
)
from reconciliation.proposals import Evidence, Proposal, proposals_for

__all__ = [
    "RESOLUTIONS",
    "Evidence",
    "ExceptionRow",
    "Placed",
    "Proposal",
    "find_exception",
    "list_exceptions",
    "place_exception",
    "proposals_for",
    "resolve_exception",
    "undo_placement",
]

RESOLUTIONS = ("explained", "refunded", "accepted")
"""What a person may conclude without placing: understood, paid back, or taken as it is."""

PLACED = "placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRow:
    """An exception as the console lists it. Amount in VND, as large as the money it is about.

    `account`: the bank account's number ("" when unknown); `can_place`, `can_undo`: what may be done
    with it now.
    """

    id: int
    reason: str
    amount_vnd: int
    business_date: date
    account: str
    channel: str
    content: str
    reference: str | None
    payment_id: int | None
    statement_line_id: int | None
    invoice_id: int | None
    detail: dict[str, Any]
    can_place: bool
    can_undo: bool
    resolution: str | None
    note: str
    resolved_by: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A placement in the books: what settled the invoice, what became the student's credit (VND).

    The caller announces the invoice after its commit (`gateway.payments.recorder.announce_paid`).
    """

    journal_id: int
    invoice_id: int
    student_id: int
    settled_vnd: int
    credit_vnd: int


LIST = """
SELECT e.id, e.reason, e.amount_vnd, e.business_date, e.payment_id, e.statement_line_id, e.invoice_id,
       e.detail::text AS detail, e.resolution, e.note, e.resolved_by, e.resolved_at,
       coalesce(b.number, n.payee_account, '') AS account,
       coalesce(m.adapter, CASE WHEN e.notice_id IS NULL THEN 'statement' ELSE '' END) AS channel,
       coalesce(s.content, n.content, '') AS content, coalesce(p.reference, s.reference) AS reference,
       e.resolved_at IS NULL AND p.suspense_reason IS NOT DISTINCT FROM e.reason AS can_place,
       coalesce(e.resolution = 'placed' AND e.detail ? 'journal_id', false) AS can_undo
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN merchant_account m ON m.school_id = n.school_id AND m.id = n.merchant_account_id
  LEFT JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  LEFT JOIN bank_account b ON b.school_id = e.school_id
       AND b.id = coalesce(p.bank_account_id, s.bank_account_id, (e.detail->>'bank_account_id')::bigint)
 WHERE e.school_id = $1
   AND ($2::boolean IS NULL OR (e.resolved_at IS NULL) = $2)
   AND ($3::text IS NULL OR e.reason = $3)
   AND ($4::bigint IS NULL OR e.id = $4)
   AND ($5::bigint IS NULL OR (e.business_date, e.id) < (SELECT business_date, id FROM exception
                                                           WHERE school_id = $1 AND id = $5))
 ORDER BY e.business_date DESC, e.id DESC LIMIT $6
"""


async def list_exceptions(
    db: Driver,
    school_id: int,
    *,
    is_open: bool | None = True,
    reason: str | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> tuple[ExceptionRow, ...]:
    """The newest exceptions first; `is_open` None for all, `after_id` is the last one of the page before."""
    rows = await db.fetch(LIST, school_id, is_open, reason, None, after_id, limit)
    return tuple(map(_row, rows))


async def find_exception(db: Driver, school_id: int, exception_id: int) -> ExceptionRow:
    """One exception, open or not. Raises Problem (404)."""
    row = await db.fetchrow(LIST, school_id, None, None, exception_id, None, 1)
    if row is None:
        raise not_found("ngoại lệ này", "exception")
    return _row(row)


def _row(row: Any) -> ExceptionRow:
    fields = dict(row)
    return ExceptionRow(**{**fields, "detail": json.loads(fields["detail"])})


async def place_exception(
    db: Driver, school_id: int, exception_id: int, invoice_id: int, *, actor: str, note: str = ""
) -> Placed:
    """Move the payment behind an open exception from suspense to an invoice; the excess is credit.

    Raises Problem: 404 unknown exception or invoice, 409 when it is resolved, its payment is not in
    suspense, or the invoice is cancelled.
    """
    found = await _lock(db, school_id, exception_id)
    payment = await db.fetchrow(
        "SELECT id, suspense_reason FROM payment WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        found["payment_id"],
    )
    if payment is None or payment["suspense_reason"] != found["reason"]:
        raise Problem(
            "not_in_suspense",
            vi="Khoản tiền này không nằm ở tài khoản chờ xử lý.",
            en="This money is not in suspense.",
            status=409,
        )
    await lock_invoices(db, school_id, [invoice_id])
    invoice = await db.fetchrow(
        "SELECT student_id, total_vnd - paid_vnd AS open_vnd, cancelled_at FROM invoice"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        invoice_id,
    )
    if invoice is None:
        raise not_found("phiếu báo thu này", "invoice")
    if invoice["cancelled_at"] is not None:
        raise Problem(
            "invoice_cancelled",
            vi="Phiếu báo thu đã huỷ: không xếp tiền vào được.",
            en="The invoice is cancelled: nothing can be placed on it.",
            status=409,
        )
    placed = await _release(db, school_id, payment["id"], invoice_id, invoice)
    await db.execute(
        "UPDATE payment SET suspense_reason = NULL, student_id = $3 WHERE school_id = $1 AND id = $2",
        school_id,
        payment["id"],
        placed.student_id,
    )
    await db.execute(
        """
        UPDATE exception
           SET resolution = $3, note = $4, resolved_by = $5, resolved_at = now(), invoice_id = $6,
               detail = detail || jsonb_build_object('journal_id', $7::bigint)
         WHERE school_id = $1 AND id = $2
        """,
        school_id,
        exception_id,
        PLACED,
        note.strip(),
        actor,
        invoice_id,
        placed.journal_id,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.placed",
        subject=f"exception:{exception_id}",
        detail={
            "invoice_id": invoice_id,
            "journal_id": placed.journal_id,
            "settled_vnd": placed.settled_vnd,
            "credit_vnd": placed.credit_vnd,
        },
    )
    return placed


async def _release(
    db: Driver, school_id: int, payment_id: int, invoice_id: int, invoice: Any
) -> Placed:
    """Post what the payment still has in suspense to the invoice, and the rest to the student's credit."""
    books = await books_of(db, school_id)
    amount_vnd: int = await db.fetchval(
        """
        SELECT coalesce(sum(CASE WHEN credit_account_id = $3 THEN amount_vnd ELSE -amount_vnd END), 0)::bigint
          FROM transfer
         WHERE school_id = $1 AND payment_id = $2 AND $3 IN (credit_account_id, debit_account_id)
        """,
        school_id,
        payment_id,
        books.suspense_id,
    )
    settled_vnd = min(amount_vnd, invoice["open_vnd"])
    credit_vnd = amount_vnd - settled_vnd
    journal_id = await next_journal(db)
    parts = (
        (books.receivable_id, settled_vnd, invoice_id),
        (books.student_credit_id, credit_vnd, None),
    )
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=journal_id,
                kind=Event.SUSPENSE_RELEASED,
                debit_account_id=books.suspense_id,
                credit_account_id=account_id,
                amount_vnd=part_vnd,
                business_date=business_date(now_utc()),
                student_id=invoice["student_id"],
                invoice_id=to_invoice,
                payment_id=payment_id,
            )
            for account_id, part_vnd, to_invoice in parts
            if part_vnd > 0
        ],
    )
    await follow_ledger(db, school_id, [invoice_id])
    return Placed(
        journal_id=journal_id,
        invoice_id=invoice_id,
        student_id=invoice["student_id"],
        settled_vnd=settled_vnd,
        credit_vnd=credit_vnd,
    )


async def undo_placement(
    db: Driver, school_id: int, exception_id: int, *, actor: str, reason: str
) -> None:
    """Take a placement back: its postings are reversed, the money waits in suspense, the exception is open.

    Raises Problem: 404 unknown exception, 409 when it was not placed, 422 without a reason.
    """
    why = _said(reason)
    found = await _find_locked(db, school_id, exception_id)
    journal_id = json.loads(found["detail"]).get("journal_id")
    if found["resolution"] != PLACED or journal_id is None:
        raise Problem(
            "not_placed",
            vi="Ngoại lệ này chưa được xếp vào phiếu báo thu nào.",
            en="This exception was not placed on an invoice.",
            status=409,
        )
    await reverse_journal(db, school_id, journal_id, business_date(now_utc()), why)
    await db.execute(
        "UPDATE payment SET suspense_reason = $3, student_id = NULL WHERE school_id = $1 AND id = $2",
        school_id,
        found["payment_id"],
        found["reason"],
    )
    await db.execute(
        """
        UPDATE exception SET resolution = NULL, resolved_by = NULL, resolved_at = NULL, note = $3,
                             invoice_id = NULL, detail = detail - 'journal_id'
         WHERE school_id = $1 AND id = $2
        """,
        school_id,
        exception_id,
        why,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.placement_undone",
        subject=f"exception:{exception_id}",
        detail={"journal_id": journal_id},
    )


async def resolve_exception(
    db: Driver, school_id: int, exception_id: int, *, resolution: str, actor: str, note: str
) -> None:
    """Close an exception by a person's word; no money moves, what is in suspense stays there.

    `resolution` is one of RESOLUTIONS. Raises Problem: 404 unknown, 409 resolved before, 422 without
    a note or with another resolution.
    """
    if resolution not in RESOLUTIONS:
        raise Problem(
            "unknown_resolution",
            vi=f"Kết luận phải là một trong: {', '.join(RESOLUTIONS)}.",
            en=f"The resolution must be one of: {', '.join(RESOLUTIONS)}.",
            status=422,
        )
    why = _said(note)
    await _lock(db, school_id, exception_id)
    await db.execute(
        "UPDATE exception SET resolution = $3, note = $4, resolved_by = $5, resolved_at = now()"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        exception_id,
        resolution,
        why,
        actor,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.resolved",
        subject=f"exception:{exception_id}",
        detail={"resolution": resolution},
    )


def _said(note: str) -> str:
    tidy = note.strip()
    if not tidy:
        raise Problem(
            "note_required",
            vi="Hãy ghi lý do.",
            en="Say why in the note.",
            status=422,
        )
    return tidy


async def _find_locked(db: Driver, school_id: int, exception_id: int) -> Any:
    row = await db.fetchrow(
        "SELECT reason, payment_id, resolution, detail::text AS detail FROM exception"
        " WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        exception_id,
    )
    if row is None:
        raise not_found("ngoại lệ này", "exception")
    return row


async def _lock(db: Driver, school_id: int, exception_id: int) -> Any:
    """The exception, locked and still open."""
    row = await _find_locked(db, school_id, exception_id)
    if row["resolution"] is not None:
        raise Problem(
            "already_resolved",
            vi="Ngoại lệ này đã được xử lý.",
            en="This exception is resolved already.",
            status=409,
        )
    return row
