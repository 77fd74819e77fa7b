"""How money moves between suspense and where it is placed: the postings, and what follows from them.

Pure postings first. What a payment says of itself (whose it is, why it waits) is set from the books
after every move and never beside them; a move that took money from where it no longer was is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem
from core.ledger.positions import POSITIONS, Part
from core.ledger.postings import Books, Event, Posting
from core.refunds.states import UNDER_WAY

_OF_PAYERS = ("receivable", "student_credit", "suspense")


def to_suspense(
    school_id: int,
    journal_id: int,
    payment_id: int,
    parts: Sequence[Part],
    books: Books,
    why: str,
) -> list[Posting]:
    """The postings that take what is placed of a payment to suspense."""
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
    school_id: int,
    journal_id: int,
    payment_id: int,
    books: Books,
    parts: Sequence[tuple[int, int | None, int | None, int]],
) -> list[Posting]:
    """The postings that take money out of suspense: (account, student, invoice, VND) each, above zero."""
    return [
        Posting(
            school_id=school_id,
            journal_id=journal_id,
            kind=Event.SUSPENSE_RELEASED,
            debit_account_id=books.suspense_id,
            credit_account_id=account_id,
            amount_vnd=amount_vnd,
            business_date=business_date(now_utc()),
            student_id=student_id,
            invoice_id=invoice_id,
            payment_id=payment_id,
        )
        for account_id, student_id, invoice_id, amount_vnd in parts
        if amount_vnd > 0
    ]


async def refuse_under_way(db: Driver, school_id: int, payment_ids: Sequence[int]) -> None:
    """Refuse to move money that is being given back. Raises Problem (409)."""
    under_way = await db.raw.fetchval(
        "SELECT true FROM refund WHERE school_id = $1 AND payment_id = ANY($2::bigint[])"
        " AND status = ANY($3::text[]) LIMIT 1",
        school_id,
        list(payment_ids),
        list(UNDER_WAY),
    )
    if under_way:
        raise Problem(
            "refund_under_way",
            vi="Khoản thu này đang được hoàn tiền. Hãy chờ kết quả hoặc rút đề nghị hoàn tiền.",
            en="A refund of this payment is under way: wait for its end, or withdraw it.",
            status=409,
        )


async def sync_payments(db: Driver, school_id: int, payments: Sequence[tuple[int, str]]) -> None:
    """Set what payments, locked by the caller, say of themselves to what the books say: (id, reason).

    Raises Problem (409) where money was taken from a place that no longer had it.
    """
    rows = await db.raw.fetch(POSITIONS, school_id, [payment_id for payment_id, _ in payments])
    parts = [row for row in rows if row["kind"] in _OF_PAYERS]
    if any(row["amount_vnd"] < 0 for row in parts):
        raise Problem(
            "moved_since",
            vi="Tiền đã được chuyển tiếp ở bước sau. Hãy hoàn tác bước sau trước.",
            en="The money was moved on by a later step: take that one back first.",
            status=409,
        )
    waiting = {row["payment_id"] for row in parts if row["kind"] == "suspense"}
    students: dict[int, set[int]] = {}
    for row in parts:
        if row["student_id"] is not None:
            students.setdefault(row["payment_id"], set()).add(row["student_id"])
    only = {payment_id: min(found) for payment_id, found in students.items() if len(found) == 1}
    await db.raw.execute(
        """
        UPDATE payment SET suspense_reason = f.reason, student_id = f.student_id
          FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS f(id, reason, student_id)
         WHERE payment.school_id = $1 AND payment.id = f.id
        """,
        school_id,
        [payment_id for payment_id, _ in payments],
        [reason if payment_id in waiting else None for payment_id, reason in payments],
        [only.get(payment_id) for payment_id, _ in payments],
    )
