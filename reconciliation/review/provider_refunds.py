"""Refunds and chargebacks that a provider made by itself, booked by a person against the payment they name."""

from __future__ import annotations

from typing import Final

from core.exceptions.resolutions import Resolution
from core.exceptions.service import resolve
from core.kit.database import Command, Driver, Query
from core.kit.locks import lock_reconciliation
from core.ledger.positions import NOTHING, payment_positions
from core.refunds.booking import CompletedRefund, book_refunds
from core.refunds.service import NEXT_NUMBER
from core.suspense.service import refuse_under_way
from reconciliation.review.errors import (
    NoSuchProviderRefundError,
    PaymentNotNamedError,
    TooLittleLeftError,
)
from reconciliation.review.locking import lock_payments
from reconciliation.review.notes import require_note
from reconciliation.settlements.line_matching import payments_named
from reconciliation.settlements.open_lines import find_open_line

BY_PROVIDER: Final = "provider"
"""Who approved a refund that the provider had made before anybody asked."""

WRITE_REFUND = Query(
    int,
    """
INSERT INTO refund (school_id, number, payment_id, method, amount_vnd, reason, status, requested_by,
                    limit_vnd, approved_by, approved_at, provider_refund_id)
VALUES ($1, $2, $3, 'provider', $4, $5, 'approved', $6, 0, $7, now(), $8)
RETURNING id
""",
)
NAME_REFUND = Command("UPDATE settlement_line SET refund_id = $3 WHERE school_id = $1 AND id = $2")
ABOUT_SETTLEMENT_LINE = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND reason = 'refund_unmatched' AND resolved_at IS NULL"
    " AND (detail->>'settlement_line_id')::bigint = $2 ORDER BY id FOR UPDATE",
)


async def book_provider_refund(
    db: Driver, school_id: int, settlement_line_id: int, *, actor: str, note: str
) -> frozenset[tuple[int, int]]:
    """Book a refund that the provider made by itself, against the payment that its line names.

    The invoices that are open again; the caller announces them. Raises as `require_note`,
    NoSuchProviderRefundError, PaymentNotNamedError, TooLittleLeftError, RefundUnderWayError.
    """
    why = require_note(note)
    await lock_reconciliation(db, school_id)
    line = await find_open_line(db, school_id, settlement_line_id)
    if line is None or line.gross_vnd >= 0:
        raise NoSuchProviderRefundError
    named = (await payments_named(db, school_id, [line])).get(line.id, [])
    payments = {payment_id for _, payment_id, _ in named}
    if len(payments) != 1:
        raise PaymentNotNamedError
    (payment_id,) = payments
    await lock_payments(db, school_id, [payment_id])
    await refuse_under_way(db, school_id, [payment_id])
    position = (await payment_positions(db, school_id, [payment_id])).get(payment_id, NOTHING)
    amount_vnd = -line.gross_vnd
    if position.total_vnd < amount_vnd:
        raise TooLittleLeftError
    number = await db.fetch_only(NEXT_NUMBER, school_id)
    refund_id = await db.fetch_only(
        WRITE_REFUND,
        school_id,
        number,
        payment_id,
        amount_vnd,
        why,
        actor,
        BY_PROVIDER,
        line.number,
    )
    completed = CompletedRefund(refund_id=refund_id, on=line.settled_on, actor=actor)
    touched = await book_refunds(db, school_id, [completed])
    await db.execute(NAME_REFUND, school_id, line.id, refund_id)
    explained = await db.fetch(ABOUT_SETTLEMENT_LINE, school_id, line.id)
    await resolve(db, school_id, explained, Resolution.SETTLED, actor=actor, note=why)
    return touched
