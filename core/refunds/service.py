"""Refunds requested and decided: a reason, a second person above the school's limit, never more than is there.

A refund holds back its amount from its request until it is rejected, cancelled or refused, so that two
of them can never give back more than was received. Nothing is sent or booked here (`sending`,
`refund_transfers`, `booking`). Payments whose money is not certain are refused (`refundable`); whoever
approves is refused likewise, for it may have come to light since.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.identity.audit import AuditEvent, Detail, audit, audit_all
from core.kit.clock import now_utc
from core.kit.database import Command, Driver, Query
from core.kit.money import MAX_VND
from core.kit.seal import Keys
from core.refunds.codes import code_of
from core.refunds.errors import (
    BadApprovalLimitError,
    BadRequestKeyError,
    NoProviderRefundError,
    PayeeNeededError,
    RefundExceedsError,
    RefundExceedsPartError,
    RefundMovedOnError,
    RefundReasonMissingError,
    RequestKeyUsedError,
    SecondPersonNeededError,
    UnknownPayerAccountError,
)
from core.refunds.payee import RefundPayee, seal_payee, unseal_payee
from core.refunds.refundable import Refundable, refundable, require_certain
from core.refunds.states import (
    MAX_REASON,
    UNDER_WAY,
    Method,
    Status,
    audit_step,
    close_refund,
    lock_refund,
    tidy,
)

MAX_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund that is requested. Amount in VND.

    from_invoice_id: the invoice whose settled part goes back; None: credit first, then suspense, then
    what settled last. bank_account_id: the school's account that a transfer leaves; None: the one that
    the payment was for. key: names this request; a second one with it means the same refund.
    """

    amount_vnd: int
    reason: str
    method: Method
    payee: RefundPayee | None = None
    from_invoice_id: int | None = None
    bank_account_id: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Requested:
    """A refund as it was written. `is_new` is False where its key had asked for it before."""

    id: int
    code: str
    status: Status
    is_new: bool


@dataclass(frozen=True, slots=True)
class _EarlierRequest:
    id: int
    number: int
    status: Status
    payment_id: int
    amount_vnd: int
    method: Method
    from_invoice_id: int | None
    sealed_payee: bytes | None


# one request of a school at a time: it counts its refunds
LOCK_LIMIT = Query(
    int, "SELECT refund_approval_above_vnd FROM school WHERE id = $1 FOR NO KEY UPDATE"
)
LOCK_PAYMENT = Command("SELECT id FROM payment WHERE school_id = $1 AND id = $2 FOR UPDATE")

# what goes or went back of a payment on one person's decision; by ix_refund_payment
APPROVED_ALONE = Query(
    int,
    """
SELECT coalesce(sum(amount_vnd), 0)::bigint AS alone_vnd FROM refund
 WHERE school_id = $1 AND payment_id = $2 AND approved_at IS NOT NULL AND approved_by IS NULL
   AND status = ANY($3::text[])
""",
)

# by uq_refund_school_id_form_key
OF_KEY = Query(
    _EarlierRequest,
    """
SELECT id, number, status, payment_id, amount_vnd, method, from_invoice_id, sealed_payee
  FROM refund WHERE school_id = $1 AND form_key = $2
""",
)

# under the school's lock, so that numbers run on; by uq_refund_school_id_number
NEXT_NUMBER = Query(
    int, "SELECT coalesce(max(number), 0) + 1 AS number FROM refund WHERE school_id = $1"
)

INSERT = Query(
    int,
    """
INSERT INTO refund (school_id, number, payment_id, method, amount_vnd, reason, from_invoice_id,
                    form_key, status, requested_by, limit_vnd, approved_at, next_ask_at,
                    sealed_payee, bank_account_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, $10, $11, $12, $13, $14, $15)
RETURNING id
""",
)

ACCOUNT_OF_SCHOOL = Query(int, "SELECT id FROM bank_account WHERE school_id = $1 AND id = $2")

APPROVE = Command("""
UPDATE refund SET status = 'approved', approved_by = $3, approved_at = $4, next_ask_at = $5
 WHERE school_id = $1 AND id = $2
""")

SET_LIMIT = Command("UPDATE school SET refund_approval_above_vnd = $2 WHERE id = $1")


async def request_refund(
    db: Driver, keys: Keys, school_id: int, payment_id: int, request: RefundRequest, *, actor: str
) -> Requested:
    """Request a refund; up to the school's limit it is approved with that.

    The limit is for all refunds of a payment that no second person approved, so that none is cut into
    pieces below it. Raises as `refundable` for the payment, as `_check` for the request,
    BadRequestKeyError, RequestKeyUsedError, UnknownPayerAccountError.
    """
    limit_vnd = await db.fetch_only(LOCK_LIMIT, school_id)
    if request.key and (known := await _of_key(db, keys, school_id, payment_id, request)):
        return known
    await db.execute(LOCK_PAYMENT, school_id, payment_id)
    found = await refundable(db, school_id, payment_id)
    _check(request, found)
    counted = [*UNDER_WAY, Status.DONE]
    alone_vnd = await db.fetch_only(APPROVED_ALONE, school_id, payment_id, counted)
    approved_at = now_utc() if alone_vnd + request.amount_vnd <= limit_vnd else None
    status = Status.APPROVED if approved_at else Status.REQUESTED
    number = await db.fetch_only(NEXT_NUMBER, school_id)
    reason = tidy(request.reason)
    refund_id = await db.fetch_only(
        INSERT,
        school_id,
        number,
        payment_id,
        request.method,
        request.amount_vnd,
        reason,
        request.from_invoice_id,
        request.key,
        status,
        actor,
        limit_vnd,
        approved_at,
        approved_at if request.method is Method.PROVIDER else None,
        seal_payee(keys, request.payee) if request.payee else None,
        await _paying_account(db, school_id, request, found),
    )
    code = code_of(number)
    steps: dict[str, Detail] = {
        "requested": {
            "payment_id": payment_id,
            "amount_vnd": request.amount_vnd,
            "method": request.method,
            "code": code,
            "reason": reason,
        }
    }
    if approved_at:
        steps["approved"] = {"within_limit_vnd": limit_vnd}
    await audit_all(
        db,
        school_id,
        [
            AuditEvent(
                actor=actor, action=f"refund.{step}", subject=f"refund:{refund_id}", detail=detail
            )
            for step, detail in steps.items()
        ],
    )
    return Requested(refund_id, code, status, is_new=True)


async def _of_key(
    db: Driver, keys: Keys, school_id: int, payment_id: int, request: RefundRequest
) -> Requested | None:
    """What this key asked for before. Raises BadRequestKeyError, RequestKeyUsedError."""
    if len(request.key) > MAX_KEY or not request.key.isprintable():
        raise BadRequestKeyError(max_length=MAX_KEY)
    earlier = await db.fetch_one(OF_KEY, school_id, request.key)
    if earlier is None:
        return None
    sealed = earlier.sealed_payee
    asked_before = (
        earlier.payment_id,
        earlier.amount_vnd,
        earlier.method,
        earlier.from_invoice_id,
        unseal_payee(keys, sealed) if sealed else None,
    )
    if asked_before != (
        payment_id,
        request.amount_vnd,
        request.method,
        request.from_invoice_id,
        request.payee,
    ):
        raise RequestKeyUsedError
    return Requested(earlier.id, code_of(earlier.number), earlier.status, is_new=False)


def _check(request: RefundRequest, found: Refundable) -> None:
    """Raises RefundReasonMissingError, NoProviderRefundError, PayeeNeededError, RefundExceedsError,
    RefundExceedsPartError."""
    if not tidy(request.reason) or len(request.reason) > MAX_REASON:
        raise RefundReasonMissingError(max_length=MAX_REASON)
    if request.method not in found.methods:
        raise NoProviderRefundError
    if (request.method is Method.TRANSFER) != (request.payee is not None):
        raise PayeeNeededError
    if not 1 <= request.amount_vnd <= min(found.remaining_vnd, MAX_VND):
        raise RefundExceedsError(remaining_vnd=found.remaining_vnd)
    if request.from_invoice_id is not None:
        part_vnd = found.position.of_invoice(request.from_invoice_id)
        if request.amount_vnd > part_vnd:
            raise RefundExceedsPartError(part_vnd=part_vnd)


async def _paying_account(
    db: Driver, school_id: int, request: RefundRequest, found: Refundable
) -> int | None:
    """The school's bank account that a transfer leaves; None for a provider's refund."""
    if request.method is Method.PROVIDER:
        return None
    chosen = request.bank_account_id or found.bank_account_id or found.merchant_bank_account_id
    known = await db.fetch_value(ACCOUNT_OF_SCHOOL, school_id, chosen)
    if known is None:
        raise UnknownPayerAccountError
    return known


async def approve_refund(db: Driver, school_id: int, refund_id: int, *, actor: str) -> None:
    """Approve what another person requested.

    Raises UnknownRefundError, RefundMovedOnError, SecondPersonNeededError for the same person, and as
    `require_certain` for money that is not certain any more.
    """
    refund = await lock_refund(db, school_id, refund_id, Status.REQUESTED)
    if refund.requested_by == actor:
        raise SecondPersonNeededError
    await require_certain(db, school_id, refund.payment_id)
    at = now_utc()
    ask_at = at if refund.method is Method.PROVIDER else None
    await db.execute(APPROVE, school_id, refund_id, actor, at, ask_at)
    detail = {"amount_vnd": refund.amount_vnd}
    await audit_step(db, school_id, refund_id, actor, "approved", detail)


async def reject_refund(
    db: Driver, school_id: int, refund_id: int, *, actor: str, note: str
) -> None:
    """Reject a request, with a reason.

    Raises UnknownRefundError, RefundMovedOnError once decided, NoteRequiredError.
    """
    refund = await lock_refund(db, school_id, refund_id, Status.REQUESTED)
    await close_refund(db, school_id, refund, Status.REJECTED, actor=actor, note=note)


async def cancel_refund(
    db: Driver, school_id: int, refund_id: int, *, actor: str, note: str
) -> None:
    """Take a refund back before anything left for the provider or the bank.

    Raises UnknownRefundError, RefundMovedOnError once demanded or listed, NoteRequiredError.
    """
    refund = await lock_refund(db, school_id, refund_id, Status.REQUESTED, Status.APPROVED)
    if refund.request_id is not None:
        raise RefundMovedOnError
    await close_refund(db, school_id, refund, Status.CANCELLED, actor=actor, note=note)


async def set_refund_limit(db: Driver, school_id: int, limit_vnd: int, *, actor: str) -> None:
    """Refunds up to `limit_vnd` VND need no second person; 0: every one does.

    Raises BadApprovalLimitError.
    """
    if not 0 <= limit_vnd <= MAX_VND:
        raise BadApprovalLimitError(max_vnd=MAX_VND)
    await db.execute(SET_LIMIT, school_id, limit_vnd)
    await audit(
        db,
        school_id,
        actor=actor,
        action="refund_limit.set",
        subject=f"school:{school_id}",
        detail={"limit_vnd": limit_vnd},
    )
