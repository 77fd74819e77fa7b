"""Decisions about an exception that post nothing: explained, or its money to be returned to the payer.

A decision needs a reason and is kept in the audit chain with what was before and after. Money that is
to be returned is asked for as a refund like any other (a second person above the school's limit); if
that ends without money having moved, the exception is open again (`core.refunds.service.close`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.exceptions.details import ExceptionDetail
from core.exceptions.notes import write_notes
from core.exceptions.resolutions import BY_WORD, Resolution
from core.exceptions.service import assign, resolve
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.seal import Keys
from core.refunds.payee import RefundPayee
from core.refunds.service import RefundRequest, Requested, request_refund
from core.refunds.states import MAX_REASON, Method
from reconciliation.review.actions import Action, MoneyState
from reconciliation.review.errors import PartlyCreditError, UnknownResolutionError
from reconciliation.review.locking import lock_for
from reconciliation.review.notes import require_note
from reconciliation.review.queue import ExceptionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequest:
    """How money goes back to whoever paid it. `key`: sent twice, it is asked for once."""

    method: Method
    payee: RefundPayee | None = None
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
    """Close an exception with a person's reason, without any posting.

    `resolution` is one of BY_WORD. Raises UnknownResolutionError, as `require_note` and as `lock_for`.
    """
    if resolution not in BY_WORD:
        raise UnknownResolutionError(BY_WORD)
    why = require_note(note)
    row = await lock_for(db, school_id, exception_id, Action.EXPLAIN, mark=mark)
    await close_exceptions(db, school_id, [row.id], Resolution(resolution), actor=actor, note=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.resolved",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": None, "resolution": resolution, **unmoved(row)},
    )


async def return_to_payer(
    db: Driver,
    keys: Keys,
    school_id: int,
    exception_id: int,
    request: ReturnRequest,
    *,
    actor: str,
    note: str,
    mark: str | None = None,
) -> Requested:
    """Ask for a refund of what is in suspense, or of what became a pupil's credit; it closes the exception.

    Raises as `require_note`, `lock_for` and `core.refunds.service.request_refund`, and PartlyCreditError
    where the payment is both: that is given back by the payment's own form.
    """
    why = require_note(note)
    row = await lock_for(db, school_id, exception_id, Action.RETURN, mark=mark)
    assert row.payment_id is not None, "only money of a payment is returned"
    is_suspended = row.money_state is MoneyState.SUSPENDED
    if is_suspended and row.money.credit_vnd:
        raise PartlyCreditError
    amount_vnd = row.money.suspense_vnd if is_suspended else row.money.credit_vnd
    made = await request_refund(
        db,
        keys,
        school_id,
        row.payment_id,
        RefundRequest(
            amount_vnd=amount_vnd,
            reason=why[:MAX_REASON],
            method=request.method,
            payee=request.payee,
            bank_account_id=request.bank_account_id,
            key=request.key,
        ),
        actor=actor,
    )
    await close_exceptions(
        db,
        school_id,
        [row.id],
        Resolution.REFUNDED,
        actor=actor,
        note=why,
        details={row.id: ExceptionDetail(refund_id=made.id)},
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.returned",
        subject=f"exception:{exception_id}",
        detail={
            "resolution_before": None,
            "resolution": Resolution.REFUNDED,
            "refund": made.code,
            "amount_vnd": amount_vnd,
            **unmoved(row),
        },
    )
    return made


async def close_exceptions(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    resolution: Resolution,
    *,
    actor: str,
    note: str,
    details: Mapping[int, ExceptionDetail] | None = None,
) -> None:
    """End exceptions, open and locked by the caller, with one reason; nobody is asked about them any more."""
    await resolve(db, school_id, exception_ids, resolution, actor=actor, note=note, details=details)
    await assign(db, school_id, exception_ids, None)
    await write_notes(db, school_id, exception_ids, author=actor, text=note)


def unmoved(row: ExceptionRow) -> dict[str, dict[str, int]]:
    """Before and after of a decision without postings, for the audit chain."""
    return {"before": row.money.as_detail(), "after": row.money.as_detail()}
