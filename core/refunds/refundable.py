"""What may be given back of a payment, and payments of which nothing may: their money is not certain.

Refused are an amount that nobody signed and no statement or other channel has confirmed, money claimed for
an account that is not the school's, money that the bank's statement of its day does not show, and amounts
that are contradicted.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters import REFUND
from core.kit.database import Driver, Query
from core.ledger.positions import NOTHING, PaymentPosition, payment_positions
from core.refunds.errors import (
    PaymentContradictedError,
    PaymentNotOnStatementError,
    PaymentNotOursError,
    PaymentUnconfirmedError,
    UnknownPaymentError,
)
from core.refunds.states import UNDER_WAY, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """A payment and what may still be given back of it, VND. `methods`: the surest first."""

    payment_id: int
    amount_vnd: int
    channel: str
    merchant_bank_account_id: int
    bank_account_id: int | None
    position: PaymentPosition
    remaining_vnd: int
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvidence:
    """A payment, the evidence against its money, and what its refunds hold back. VND."""

    amount_vnd: int
    bank_account_id: int | None
    adapter: str
    is_not_ours: bool
    merchant_bank_account_id: int
    is_unconfirmed: bool
    is_missing: bool
    is_contradicted: bool
    held_vnd: int


# `p` is a payment. The bank's line or the provider itself shows another amount, and nobody has judged it.
IS_CONTRADICTED = """
EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.resolved_at IS NULL
           AND ((e.reason = 'amount_mismatch' AND e.payment_id = p.id AND e.statement_line_id IS NOT NULL)
                OR (e.reason = 'conflicting_duplicate' AND e.notice_id = p.id)))
"""
IS_MISSING = """
EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.payment_id = p.id
           AND e.reason = 'missing_in_statement' AND e.resolved_at IS NULL)
"""
IS_DISPUTED = f"({IS_CONTRADICTED} OR {IS_MISSING})"
"""Nothing leaves for a bank or a provider while this holds."""

EVIDENCE = Query(
    PaymentEvidence,
    f"""
SELECT p.amount_vnd, p.bank_account_id, m.adapter,
       p.suspense_reason IS NOT NULL
         AND EXISTS (SELECT FROM notice n WHERE n.school_id = p.school_id AND n.id = p.id
                                            AND n.verdict = 'wrong_account') AS is_not_ours,
       m.bank_account_id AS merchant_bank_account_id,
       p.is_provisional
         AND NOT EXISTS (SELECT FROM match x WHERE x.school_id = p.school_id AND x.payment_id = p.id)
         AND NOT EXISTS (SELECT FROM notice n WHERE n.school_id = p.school_id
                                                AND n.confirms_payment_id = p.id AND NOT n.is_provisional) AS is_unconfirmed,
       {IS_MISSING} AS is_missing,
       {IS_CONTRADICTED} AS is_contradicted,
       (SELECT coalesce(sum(r.amount_vnd), 0)::bigint FROM refund r
         WHERE r.school_id = p.school_id AND r.payment_id = p.id AND r.status = ANY($3::text[])) AS held_vnd
  FROM payment p
  JOIN merchant_account m ON m.school_id = p.school_id AND m.id = p.merchant_account_id
 WHERE p.school_id = $1 AND p.id = $2
""",  # noqa: S608 - composed of constants of the tree
)


async def refundable(db: Driver, school_id: int, payment_id: int) -> Refundable:
    """What may be given back of a payment.

    Raises UnknownPaymentError, or as `require_certain` for money that is not certain.
    """
    evidence = await require_certain(db, school_id, payment_id)
    position = (await payment_positions(db, school_id, [payment_id])).get(payment_id, NOTHING)
    has_call = evidence.adapter in REFUND
    return Refundable(
        payment_id=payment_id,
        amount_vnd=evidence.amount_vnd,
        channel=evidence.adapter,
        merchant_bank_account_id=evidence.merchant_bank_account_id,
        bank_account_id=evidence.bank_account_id,
        position=position,
        remaining_vnd=max(0, position.total_vnd - evidence.held_vnd),
        methods=(Method.PROVIDER, Method.TRANSFER) if has_call else (Method.TRANSFER,),
    )


async def require_certain(db: Driver, school_id: int, payment_id: int) -> PaymentEvidence:
    """A payment whose money is certain.

    Raises UnknownPaymentError, PaymentUnconfirmedError, PaymentNotOursError,
    PaymentNotOnStatementError, PaymentContradictedError.
    """
    evidence = await db.fetch_one(EVIDENCE, school_id, payment_id, list(UNDER_WAY))
    if evidence is None:
        raise UnknownPaymentError
    if evidence.is_unconfirmed:
        raise PaymentUnconfirmedError
    if evidence.is_not_ours:
        raise PaymentNotOursError
    if evidence.is_missing:
        raise PaymentNotOnStatementError
    if evidence.is_contradicted:
        raise PaymentContradictedError
    return evidence
