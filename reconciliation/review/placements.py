"""Money out of suspense and back into it: placed, split, suspended, and each taken back by its reversal.

Every step is one journal. An exception remembers the journals of its own that stand, the newest is
taken back first. A step is refused while the payment is being given back, and where money that it counts
on has been moved by a later step of somebody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.exceptions.notes import write_notes
from core.exceptions.service import Steps, record_steps
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.money import format_vnd
from core.ledger.positions import payment_positions
from core.ledger.service import (
    books_of,
    lock_invoices,
    next_journal,
    post,
    reverse_journal,
    sync_invoice_totals,
)
from core.suspense.service import from_suspense, refuse_under_way, sync_payments, to_suspense
from reconciliation.review.actions import PLACED, Action
from reconciliation.review.exceptions import ExceptionRow, find_exception, lock_for, steps_of
from reconciliation.review.notes import said


@dataclass(frozen=True, slots=True)
class Share:
    """What an invoice gets, VND."""

    invoice_id: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A step in the books, VND: what of invoices it settled, what became credit, what waits now.

    The caller announces `invoice_ids` after its commit (`core.payments.ingest.group_commit.announce_paid`).
    """

    journal_id: int
    invoice_ids: tuple[int, ...]
    settled_vnd: int = 0
    credit_vnd: int = 0
    waiting_vnd: int = 0


async def place_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    invoice_id: int,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> Moved:
    """Move all that waits to one invoice; what is over becomes its pupil's credit.

    Raises Problem: 404 unknown exception or invoice, 409 when it is resolved or changed since `mark`,
    its money does not wait, a refund of it is under way, or the invoice is cancelled; 422 without a note.
    """
    why = said(note)
    row = await lock_for(db, school_id, exception_id, Action.PLACE, mark=mark)
    invoices = await _lock_open(db, school_id, [invoice_id])
    open_vnd, student_id = invoices[invoice_id]
    waiting_vnd = row.money.suspense_vnd
    settled_vnd = min(waiting_vnd, open_vnd)
    return await _release(
        db,
        school_id,
        row,
        [Share(invoice_id, settled_vnd)] if settled_vnd else [],
        credit=(student_id, waiting_vnd - settled_vnd),
        invoices=invoices,
        actor=actor,
        why=why,
        about_invoice_id=invoice_id,
    )


async def split_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    shares: Sequence[Share],
    *,
    credit_student_id: int | None,
    actor: str,
    note: str,
    mark: str | None = None,
) -> Moved:
    """Give parts of what waits to invoices, of one pupil or several.

    The rest becomes the credit of `credit_student_id`; None: it waits on, and the exception stays open.
    Raises Problem as `place_exception`, and 422 for a share of nothing, of more than an invoice owes or
    than waits, for an invoice named twice, or for no share and nobody's credit; 404 an unknown pupil.
    """
    why = said(note)
    row = await lock_for(db, school_id, exception_id, Action.SPLIT, mark=mark)
    invoices = await _lock_open(db, school_id, [share.invoice_id for share in shares])
    _check_shares(shares, invoices, row.money.suspense_vnd, credit_student_id)
    if credit_student_id is not None:
        await _check_student(db, school_id, credit_student_id)
    rest_vnd = row.money.suspense_vnd - sum(share.amount_vnd for share in shares)
    return await _release(
        db,
        school_id,
        row,
        shares,
        credit=(credit_student_id, rest_vnd) if credit_student_id else (None, 0),
        invoices=invoices,
        actor=actor,
        why=why,
        about_invoice_id=shares[0].invoice_id if len(shares) == 1 else None,
    )


async def suspend_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> Moved:
    """Take a payment's money out of the invoices and the credit where it stands: it waits for a person.

    Raises Problem: 404, 409 as `place_exception`, or nothing of it is placed; 422 without a reason.
    """
    why = said(note)
    row = await lock_for(db, school_id, exception_id, Action.SUSPEND, mark=mark)
    payment_id = _payment(row)
    await refuse_under_way(db, school_id, [payment_id])
    parts = (await payment_positions(db, school_id, [payment_id]))[payment_id].parts
    invoice_ids = sorted({part.invoice_id for part in parts if part.invoice_id})
    await lock_invoices(db, school_id, invoice_ids)
    journal_id = await next_journal(db)
    books = await books_of(db, school_id)
    postings = to_suspense(school_id, journal_id, payment_id, parts, books, why)
    await post(db, postings)
    return await _finish(
        db,
        school_id,
        row,
        Moved(
            journal_id=journal_id,
            invoice_ids=tuple(invoice_ids),
            waiting_vnd=sum(posting.amount_vnd for posting in postings),
        ),
        actor=actor,
        why=why,
        action="exception.suspended",
        about_invoice_id=row.invoice_id,
    )


async def reverse_last_step(
    db: Driver, school_id: int, row: ExceptionRow, *, actor: str, why: str
) -> Moved:
    """Reverse the newest journal of an exception, locked by the caller; it is open again.

    Raises Problem (409): the payment is being given back, or its money has been moved since.
    """
    *kept, last = steps_of(row.detail)
    invoice_ids = await db.raw.fetch(
        "SELECT DISTINCT invoice_id FROM transfer"
        " WHERE school_id = $1 AND journal_id = $2 AND invoice_id IS NOT NULL ORDER BY 1",
        school_id,
        last["journal_id"],
    )
    await _refuse_filled(
        db, school_id, last["journal_id"], [one["invoice_id"] for one in invoice_ids]
    )
    reversing_id = await reverse_journal(
        db, school_id, last["journal_id"], business_date(now_utc()), why
    )
    left = Steps(exception_id=row.id, invoice_id=last["invoice_id"], steps=kept)
    await record_steps(db, school_id, [left], resolution=None, actor=actor, note=why)
    await sync_payments(db, school_id, [(_payment(row), row.reason)])
    await write_notes(db, school_id, [row.id], author=actor, text=why)
    after = await find_exception(db, school_id, row.id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.placement_undone",
        subject=f"exception:{row.id}",
        detail={
            "journal_id": last["journal_id"],
            "reversed_by": reversing_id,
            "resolution_before": row.resolution,
            "resolution": None,
            "before": row.money.as_detail(),
            "after": after.money.as_detail(),
        },
    )
    return Moved(
        journal_id=reversing_id,
        invoice_ids=tuple(found["invoice_id"] for found in invoice_ids),
        waiting_vnd=after.money.suspense_vnd,
    )


async def _refuse_filled(
    db: Driver, school_id: int, journal_id: int, invoice_ids: Sequence[int]
) -> None:
    """Refuse to give money back to invoices, locked here, that other money has paid since. Raises Problem (409)."""
    await lock_invoices(db, school_id, invoice_ids)
    filled = await db.raw.fetchval(
        """
        SELECT true FROM transfer t
          JOIN ledger_account r ON r.school_id = t.school_id AND r.id = t.debit_account_id AND r.kind = 'receivable'
          JOIN invoice i ON i.school_id = t.school_id AND i.id = t.invoice_id
         WHERE t.school_id = $1 AND t.journal_id = $2
         GROUP BY i.id, i.total_vnd, i.paid_vnd, i.cancelled_at
        HAVING sum(t.amount_vnd) > i.total_vnd - i.paid_vnd OR i.cancelled_at IS NOT NULL LIMIT 1
        """,
        school_id,
        journal_id,
    )
    if filled:
        raise Problem(
            "invoice_filled",
            vi="Phiếu báo thu đã được thu bằng khoản khác hoặc đã huỷ: không trả tiền về đó được.",
            en="The invoice has been paid by other money or was cancelled: this cannot go back there.",
            status=409,
        )


async def _release(
    db: Driver,
    school_id: int,
    row: ExceptionRow,
    shares: Sequence[Share],
    *,
    credit: tuple[int | None, int],
    invoices: dict[int, tuple[int, int]],
    actor: str,
    why: str,
    about_invoice_id: int | None,
) -> Moved:
    """Post shares and credit out of suspense, and write the decision down."""
    payment_id = _payment(row)
    await refuse_under_way(db, school_id, [payment_id])
    journal_id = await next_journal(db)
    books = await books_of(db, school_id)
    student_id, credit_vnd = credit
    await post(
        db,
        from_suspense(
            school_id,
            journal_id,
            payment_id,
            books,
            [
                *(
                    (books.receivable_id, invoices[s.invoice_id][1], s.invoice_id, s.amount_vnd)
                    for s in shares
                ),
                (books.student_credit_id, student_id, None, credit_vnd),
            ],
        ),
    )
    settled_vnd = sum(share.amount_vnd for share in shares)
    return await _finish(
        db,
        school_id,
        row,
        Moved(
            journal_id=journal_id,
            invoice_ids=tuple(sorted(share.invoice_id for share in shares)),
            settled_vnd=settled_vnd,
            credit_vnd=credit_vnd,
            waiting_vnd=row.money.suspense_vnd - settled_vnd - credit_vnd,
        ),
        actor=actor,
        why=why,
        action="exception.placed",
        about_invoice_id=about_invoice_id,
    )


async def _finish(
    db: Driver,
    school_id: int,
    row: ExceptionRow,
    moved: Moved,
    *,
    actor: str,
    why: str,
    action: str,
    about_invoice_id: int | None,
) -> Moved:
    """After the postings: invoices, payment, exception, note and audit follow the books."""
    await sync_invoice_totals(db, school_id, moved.invoice_ids)
    await sync_payments(db, school_id, [(_payment(row), row.reason)])
    resolution = None if moved.waiting_vnd else PLACED
    posted = Steps(
        exception_id=row.id,
        invoice_id=about_invoice_id if resolution else row.invoice_id,
        steps=[
            *steps_of(row.detail),
            {"journal_id": moved.journal_id, "invoice_id": row.invoice_id},
        ],
    )
    await record_steps(db, school_id, [posted], resolution=resolution, actor=actor, note=why)
    await write_notes(db, school_id, [row.id], author=actor, text=why)
    after = await find_exception(db, school_id, row.id)
    await audit(
        db,
        school_id,
        actor=actor,
        action=action,
        subject=f"exception:{row.id}",
        detail={
            "journal_id": moved.journal_id,
            "invoices": [str(invoice_id) for invoice_id in moved.invoice_ids],
            "settled_vnd": moved.settled_vnd,
            "credit_vnd": moved.credit_vnd,
            "resolution_before": row.resolution,
            "resolution": resolution,
            "before": row.money.as_detail(),
            "after": after.money.as_detail(),
        },
    )
    return moved


async def _lock_open(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """invoice -> (still owed in VND, pupil), locked. Raises Problem: 404 unknown, 409 cancelled."""
    await lock_invoices(db, school_id, invoice_ids)
    rows = await db.raw.fetch(
        "SELECT id, student_id, total_vnd - paid_vnd AS open_vnd, cancelled_at FROM invoice"
        " WHERE school_id = $1 AND id = ANY($2::bigint[])",
        school_id,
        list(invoice_ids),
    )
    if {row["id"] for row in rows} != set(invoice_ids):
        raise not_found("phiếu báo thu này", "invoice")
    if any(row["cancelled_at"] is not None for row in rows):
        raise Problem(
            "invoice_cancelled",
            vi="Phiếu báo thu đã huỷ: không xếp tiền vào được.",
            en="The invoice is cancelled: nothing can be placed on it.",
            status=409,
        )
    return {row["id"]: (row["open_vnd"], row["student_id"]) for row in rows}


def _check_shares(
    shares: Sequence[Share],
    invoices: dict[int, tuple[int, int]],
    waiting_vnd: int,
    credit_student_id: int | None,
) -> None:
    if not shares and credit_student_id is None:
        raise Problem(
            "nothing_to_split",
            vi="Hãy ghi số tiền cho ít nhất một phiếu báo thu.",
            en="Give an amount to at least one invoice.",
            status=422,
        )
    if len({share.invoice_id for share in shares}) != len(shares):
        raise Problem(
            "invoice_twice",
            vi="Một phiếu báo thu được ghi hai lần.",
            en="An invoice is named twice.",
            status=422,
        )
    for share in shares:
        open_vnd = invoices[share.invoice_id][0]
        if not 1 <= share.amount_vnd <= open_vnd:
            raise Problem(
                "share_too_large",
                vi=f"Mỗi phần từ 1 đồng đến số còn phải thu của phiếu ({format_vnd(open_vnd, 'vi')}).",
                en=f"Each part is 1 to what its invoice still owes ({format_vnd(open_vnd, 'en')}).",
                status=422,
            )
    if sum(share.amount_vnd for share in shares) > waiting_vnd:
        raise Problem(
            "shares_exceed",
            vi=f"Các phần cộng lại nhiều hơn số tiền đang chờ ({format_vnd(waiting_vnd, 'vi')}).",
            en=f"The parts are more than what waits ({format_vnd(waiting_vnd, 'en')}).",
            status=422,
        )


async def _check_student(db: Driver, school_id: int, student_id: int) -> None:
    known = await db.raw.fetchval(
        "SELECT true FROM student WHERE school_id = $1 AND id = $2", school_id, student_id
    )
    if not known:
        raise not_found("học sinh này", "pupil")


def _payment(row: ExceptionRow) -> int:
    if row.payment_id is None:
        raise ValueError("money that moves has a payment")
    return row.payment_id
