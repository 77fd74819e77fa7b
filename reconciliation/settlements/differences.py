"""What does not agree in settlement, as exceptions: payouts without their batch, fees beyond the contract, strays.

Each reconciliation puts the whole set up to its day together and compares it with what is listed: new ones
are opened, open ones take the new figures, and those that explained themselves are withdrawn
(`matched_later`). What a person has concluded must never be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from adapters.settlements.payouts import names_batch
from core.exceptions.reasons import Reason
from core.exceptions.service import open_or_follow
from core.exceptions.sql import NewException, withdrawing
from core.kit.database import Command, Driver, Query
from reconciliation.settlements.payout_matching import SETTLEMENT_RULE, BankLine, OpenBatch

# A provider's account outside our database: the provider, and its place where a school has several of it.
CHANNEL = """
channel AS (
  SELECT school_id, id, adapter, bank_account_id, CASE WHEN place > 1 THEN '#' || place ELSE '' END AS mark
    FROM (SELECT *, row_number() OVER (PARTITION BY adapter ORDER BY id) AS place
            FROM merchant_account WHERE school_id = $1) AS m
)"""


@dataclass(frozen=True, slots=True)
class PayoutAccount:
    """A bank account, and a provider that settles to it in batches."""

    bank_account_id: int
    adapter: str


PAYOUT_ACCOUNTS = Query(
    PayoutAccount,
    """
SELECT bank_account_id, adapter FROM merchant_account WHERE school_id = $1 AND settlement = 'batch'
""",
)


async def list_differences(
    db: Driver,
    school_id: int,
    day: date,
    *,
    lines: Sequence[BankLine],
    batches: Sequence[OpenBatch],
) -> None:
    """List what is left after booking up to `day`: `lines` and `batches` are those that are still open."""
    accounts = {
        (one.bank_account_id, one.adapter) for one in await db.fetch(PAYOUT_ACCOUNTS, school_id)
    }
    unbooked = _unbooked_payouts(school_id, lines, batches, accounts)
    rest = (
        *await _late_batches(db, school_id, day),
        *await _fee_variances(db, school_id, day),
        *await _strays(db, school_id, day),
    )
    await _keep(db, school_id, day, (*unbooked, *rest))
    await db.execute(WITHDRAW_SETTLED, school_id, SETTLEMENT_RULE)


def _unbooked_payouts(
    school_id: int,
    lines: Sequence[BankLine],
    batches: Sequence[OpenBatch],
    accounts: set[tuple[int, str]],
) -> list[NewException]:
    """Credits whose text names a payout and that pay out none of the open batches, or one of too many."""
    found = []
    for line in lines:
        providers = sorted(p for p in line.providers if (line.bank_account_id, p) in accounts)
        if line.net_vnd <= 0 or not providers:
            continue
        named = [batch for batch in batches if names_batch(line.content, batch.name)]
        detail: dict[str, object] = {"provider": providers[0]}
        if named:
            detail |= {"batch": named[0].title, "batch_net_vnd": named[0].net_vnd}
        found.append(
            NewException(
                school_id=school_id,
                reason=Reason.BATCH_TOTAL_MISMATCH,
                identity=f"line:{line.identity}",
                amount_vnd=line.net_vnd,
                business_date=line.day,
                statement_line_id=line.id,
                detail=detail,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class LateBatch:
    """What was reported for a batch after it had been booked, VND."""

    title: str
    settled_on: date
    lines: int
    net_vnd: int


# a batch of what was reported after the batch of that name had been booked
LATE_BATCHES = Query(
    LateBatch,
    f"""
WITH {CHANNEL}
SELECT m.adapter || m.mark || ':' || b.name AS title, max(l.settled_on) AS settled_on, count(*) AS lines,
       sum(l.net_vnd)::bigint AS net_vnd
  FROM settlement_batch b
  JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
  JOIN channel m ON m.school_id = b.school_id AND m.id = b.merchant_account_id
 WHERE b.school_id = $1 AND b.journal_id IS NULL AND b.name ~ ' [+][0-9]+$'
 GROUP BY m.adapter, m.mark, b.name HAVING max(l.settled_on) <= $2
""",  # noqa: S608 - composed of constants
)


async def _late_batches(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.BATCH_TOTAL_MISMATCH,
            identity=f"batch:{batch.title}",
            amount_vnd=abs(batch.net_vnd),
            business_date=batch.settled_on,
            detail={"batch": batch.title, "lines": batch.lines, "batch_net_vnd": batch.net_vnd},
        )
        for batch in await db.fetch(LATE_BATCHES, school_id, day)
    ]


@dataclass(frozen=True, slots=True)
class BatchFees:
    """What a booked batch's provider kept, and what its contract allows, VND."""

    title: str
    booked_on: date
    fee_vnd: int
    vat_vnd: int
    expected_fee_vnd: int
    expected_vat_vnd: int


# The contract's fee of a payment, half up to a đồng; of a refund the same given back, if any is. Other
# lines have no fee in the contract. A batch is compared where every line of it falls under some terms.
FEES = Query(
    BatchFees,
    f"""
WITH {CHANNEL}, priced AS (
  SELECT l.school_id, l.settlement_batch_id, l.fee_vnd, l.vat_vnd, t.vat_percent, t.tolerance_vnd,
         CASE WHEN t.valid_from IS NULL THEN NULL
              WHEN l.kind = 'pay' OR (l.kind IN ('refund', 'chargeback') AND l.fee_vnd < 0)
              THEN sign(l.gross_vnd)::bigint
                   * ((2 * abs(l.gross_vnd) * t.fee_basis_points + 10000) / 20000 + t.fixed_vnd)
              ELSE 0 END AS expected_vnd
    FROM settlement_line l
    LEFT JOIN LATERAL (
      SELECT * FROM settlement_terms t
       WHERE t.school_id = l.school_id AND t.merchant_account_id = l.merchant_account_id
         AND t.valid_from <= l.settled_on
       ORDER BY t.valid_from DESC LIMIT 1
    ) AS t ON true
   WHERE l.school_id = $1
)
SELECT m.adapter || m.mark || ':' || b.name AS title, b.booked_on, sum(p.fee_vnd)::bigint AS fee_vnd,
       sum(p.vat_vnd)::bigint AS vat_vnd, sum(p.expected_vnd)::bigint AS expected_fee_vnd,
       sum(sign(p.expected_vnd)::bigint * ((2 * abs(p.expected_vnd) * p.vat_percent + 100) / 200))::bigint
         AS expected_vat_vnd
  FROM settlement_batch b
  JOIN priced p ON p.school_id = b.school_id AND p.settlement_batch_id = b.id
  JOIN channel m ON m.school_id = b.school_id AND m.id = b.merchant_account_id
 WHERE b.school_id = $1 AND b.booked_on <= $2
 GROUP BY m.adapter, m.mark, b.name, b.booked_on
HAVING bool_and(p.expected_vnd IS NOT NULL)
   AND (abs(sum(p.fee_vnd) - sum(p.expected_vnd)) > max(p.tolerance_vnd)
        OR abs(sum(p.vat_vnd)
               - sum(sign(p.expected_vnd) * ((2 * abs(p.expected_vnd) * p.vat_percent + 100) / 200)))
           > max(p.tolerance_vnd))
""",  # noqa: S608 - composed of constants
)


async def _fee_variances(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.FEE_VARIANCE,
            identity=f"batch:{batch.title}",
            amount_vnd=abs(batch.fee_vnd - batch.expected_fee_vnd)
            + abs(batch.vat_vnd - batch.expected_vat_vnd),
            business_date=batch.booked_on,
            detail={
                "batch": batch.title,
                "fee_vnd": batch.fee_vnd,
                "expected_fee_vnd": batch.expected_fee_vnd,
                "vat_vnd": batch.vat_vnd,
                "expected_vat_vnd": batch.expected_vat_vnd,
            },
        )
        for batch in await db.fetch(FEES, school_id, day)
    ]


@dataclass(frozen=True, slots=True)
class StrayLine:
    """A settlement line that no payment or refund of ours explains, VND."""

    id: int
    identity: str
    kind: str
    gross_vnd: int
    settled_on: date
    number: str
    order: str
    batch: str


# money that a provider counts and our books do not: taken back, or paid without any notice
STRAYS = Query(
    StrayLine,
    f"""
WITH {CHANNEL}
SELECT l.id, l.identity || m.mark AS identity, l.kind, l.gross_vnd, l.settled_on,
       l.provider_transaction_id AS number, l.merchant_reference AS order,
       m.adapter || m.mark || ':' || b.name AS batch
  FROM settlement_line l
  JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
  JOIN channel m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
 WHERE l.school_id = $1 AND l.settled_on <= $2 AND l.payment_id IS NULL AND l.refund_id IS NULL
   AND l.kind <> 'fee' AND l.gross_vnd <> 0
""",  # noqa: S608 - composed of constants
)


async def _strays(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.MISSING_NOTICE if line.kind == "pay" else Reason.REFUND_UNMATCHED,
            identity=f"settlement:{line.identity}",
            amount_vnd=abs(line.gross_vnd),
            business_date=line.settled_on,
            detail={
                "settlement_line_id": line.id,
                "kind": line.kind,
                "batch": line.batch,
                "number": line.number,
                "order": line.order,
            },
        )
        for line in await db.fetch(STRAYS, school_id, day)
    ]


_OPENED_HERE: Final = (
    (Reason.BATCH_TOTAL_MISMATCH, "line:"),
    (Reason.BATCH_TOTAL_MISMATCH, "batch:"),
    (Reason.FEE_VARIANCE, "batch:"),
    (Reason.MISSING_NOTICE, "settlement:"),
    (Reason.REFUND_UNMATCHED, "settlement:"),
)
"""Reasons and beginnings of identities that only this module opens."""

WITHDRAW = Command(
    withdrawing(
        """e.school_id = $1 AND e.business_date <= $2
   AND e.reason = ours.reason AND starts_with(e.identity, ours.prefix)
   AND NOT EXISTS (SELECT FROM unnest($5::text[], $6::text[]) AS n(reason, identity)
                    WHERE n.reason = e.reason AND n.identity = e.identity)
   AND NOT (e.detail ? 'denied' AND e.statement_line_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = e.school_id
                                                         AND j.statement_line_id = e.statement_line_id))""",
        "FROM unnest($3::text[], $4::text[]) AS ours(reason, prefix)",
    )
)

# a debit that turned out to be a batch below zero
WITHDRAW_SETTLED = Command(
    withdrawing(
        """e.school_id = $1 AND e.reason = 'unexplained_debit'
   AND j.school_id = e.school_id AND j.statement_line_id = e.statement_line_id AND j.rule = $2""",
        "FROM line_journal j",
    )
)


async def _keep(db: Driver, school_id: int, day: date, found: Sequence[NewException]) -> None:
    await open_or_follow(db, found)
    await db.execute(
        WITHDRAW,
        school_id,
        day,
        [reason for reason, _ in _OPENED_HERE],
        [prefix for _, prefix in _OPENED_HERE],
        [one.reason for one in found],
        [one.identity for one in found],
    )
