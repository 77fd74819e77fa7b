"""Decisions about an exception that post nothing: explained, money to be returned; and taking any back.

A decision needs a reason, is kept in the audit chain with what stood before and after, and is taken
back by the reversal of what it posted. Money that is to be returned is asked for as a refund like any
other (a second person above the school's limit); if that ends without money having moved, the exception
is open again (`core.refunds.service.close`).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.exceptions.notes import write_notes
from core.exceptions.service import assign, reopen, resolve
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem
from core.kit.seal import Keys
from core.refunds.payee import Payee
from core.refunds.service import RefundRequest, Requested, cancel_refund, request_refund
from core.refunds.states import MAX_REASON, Method
from reconciliation.review.actions import BY_WORD, REFUNDED, Action, Place
from reconciliation.review.exceptions import REFUND, ExceptionRow, find_exception, lock_for
from reconciliation.review.notes import said
from reconciliation.review.placements import Moved, reverse_last_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """How money goes back to whoever paid it. `key`: sent twice, it is asked for once."""

    method: Method
    payee: Payee | None = None
    bank_account_id: int | None = None
    key: str = ""


async def resolve_exception(
    db: Driver,
    school_id: int,
    exception_id: int,
    *,
    resolution: str,
    actor: str,
    note: str,
    mark: str | None = None,
) -> None:
    """Close an exception by a person's word; no money moves.

    `resolution` is one of BY_WORD. Raises Problem: 404 unknown, 409 resolved before, changed since
    `mark`, or its money still waits; 422 without a note or with another resolution.
    """
    if resolution not in BY_WORD:
        raise Problem(
            "unknown_resolution",
            vi=f"Kết luận phải là một trong: {', '.join(BY_WORD)}.",
            en=f"The resolution must be one of: {', '.join(BY_WORD)}.",
            status=422,
        )
    why = said(note)
    row = await lock_for(db, school_id, exception_id, Action.EXPLAIN, mark=mark)
    await close_exception(db, school_id, row, resolution=resolution, actor=actor, note=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.resolved",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": None, "resolution": resolution, **_unmoved(row)},
    )


async def return_to_payer(
    db: Driver,
    keys: Keys,
    school_id: int,
    exception_id: int,
    wish: Return,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> Requested:
    """Ask for a refund of what waits, or of what became a pupil's credit; the exception is closed with it.

    Raises Problem as `resolve_exception` and `core.refunds.service.request_refund` do; 409 where the
    payment is a pupil's credit in part and waits in part: that is given back by the payment's own form.
    """
    why = said(note)
    row = await lock_for(db, school_id, exception_id, Action.RETURN, mark=mark)
    if row.payment_id is None:
        raise ValueError("money to return has a payment")
    waits = row.place is Place.WAITING
    if waits and row.money.credit_vnd:
        raise Problem(
            "partly_credit",
            vi="Một phần khoản này đã là tiền dư của học sinh. Hãy hoàn bằng mẫu hoàn tiền của khoản thu.",
            en="Part of this payment is a pupil's credit: use the refund form of the payment.",
            status=409,
        )
    amount_vnd = row.money.suspense_vnd if waits else row.money.credit_vnd
    made = await request_refund(
        db,
        keys,
        school_id,
        row.payment_id,
        RefundRequest(
            amount_vnd=amount_vnd,
            reason=why[:MAX_REASON],
            method=wish.method,
            payee=wish.payee,
            bank_account_id=wish.bank_account_id,
            key=wish.key,
        ),
        actor=actor,
    )
    await close_exception(
        db, school_id, row, resolution=REFUNDED, actor=actor, note=why, refund_id=made.id
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.returned",
        subject=f"exception:{exception_id}",
        detail={
            "resolution_before": None,
            "resolution": REFUNDED,
            "refund": made.code,
            "amount_vnd": amount_vnd,
            **_unmoved(row),
        },
    )
    return made


async def undo_decision(
    db: Driver,
    school_id: int,
    exception_id: int,
    *,
    actor: str,
    reason: str,
    mark: str | None = None,
) -> Moved | None:
    """Take the last decision back; what was posted or asked for, None where no money had moved.

    A return is withdrawn while nothing has left for the bank. Raises Problem: 404, 409 where there is
    nothing to take back, or the money has moved on; 422 without a reason.
    """
    why = said(reason)
    seen = await find_exception(db, school_id, exception_id)
    if seen.resolution == REFUNDED and REFUND in seen.detail:
        # the refund is locked before its exception, as whoever decides on it does
        await cancel_refund(db, school_id, seen.detail[REFUND], actor=actor, note=why)
        await audit(
            db,
            school_id,
            actor=actor,
            action="exception.return_undone",
            subject=f"exception:{exception_id}",
            detail={"resolution_before": REFUNDED, "resolution": None, **_unmoved(seen)},
        )
        return None
    row = await lock_for(db, school_id, exception_id, Action.UNDO, mark=mark)
    if row.resolution not in BY_WORD:
        return await reverse_last_step(db, school_id, row, actor=actor, why=why)
    await reopen(db, school_id, [exception_id], note=why)
    await write_notes(db, school_id, [exception_id], author=actor, text=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.reopened",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": row.resolution, "resolution": None, **_unmoved(row)},
    )
    return None


async def close_exception(
    db: Driver,
    school_id: int,
    row: ExceptionRow,
    *,
    resolution: str,
    actor: str,
    note: str,
    refund_id: int | None = None,
) -> None:
    """Write the end of an exception, locked by the caller, and its reason."""
    kept = {} if refund_id is None else {row.id: {REFUND: refund_id}}
    await resolve(db, school_id, [row.id], resolution, actor=actor, note=note, details=kept)
    await assign(db, school_id, [row.id], None)
    await write_notes(db, school_id, [row.id], author=actor, text=note)


def _unmoved(row: ExceptionRow) -> dict[str, dict[str, int]]:
    """Before and after of a decision that moves no money."""
    return {"before": row.money.as_detail(), "after": row.money.as_detail()}
