"""What does not agree in settlement, as exceptions: lumps without their batch, fees beyond the contract, strays.

Each night the whole set up to its day is put together and compared with what is listed: new ones are
listed, changed ones follow while they are open, and those that explained themselves are withdrawn by the
night (`matched_later`). What a person has concluded is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from adapters.settlements.payouts import names_batch
from core.exceptions.reasons import Reason
from core.exceptions.service import open_or_follow
from core.exceptions.sql import NewException, withdrawing
from core.kit.database import Driver
from reconciliation.settlements.payout_matching import SETTLEMENT_RULE, BankLine, Batch

# A provider's account outside our database: the provider, and its place where a school has several of it.
CHANNEL = """
channel AS (
  SELECT id, adapter, bank_account_id, CASE WHEN place > 1 THEN '#' || place ELSE '' END AS mark
    FROM (SELECT *, row_number() OVER (PARTITION BY adapter ORDER BY id) AS place
            FROM merchant_account WHERE school_id = $1) AS m
)"""


async def list_differences(
    db: Driver,
    school_id: int,
    day: date,
    *,
    lines: Sequence[BankLine],
    batches: Sequence[Batch],
) -> None:
    """List what stands after booking up to `day`: `lines` and `batches` are those that are left open."""
    held = _unbooked_lumps(school_id, lines, batches, await _lump_providers(db, school_id))
    rest = (
        *await _late_batches(db, school_id, day),
        *await _fee_variances(db, school_id, day),
        *await _strays(db, school_id, day),
    )
    await _keep(db, school_id, day, (*held, *rest))
    await db.raw.execute(WITHDRAW_SETTLED, school_id, SETTLEMENT_RULE)


async def _lump_providers(db: Driver, school_id: int) -> set[tuple[int, str]]:
    rows = await db.raw.fetch(
        "SELECT bank_account_id, adapter FROM merchant_account WHERE school_id = $1 AND settlement = 'batch'",
        school_id,
    )
    return {(row["bank_account_id"], row["adapter"]) for row in rows}


def _unbooked_lumps(
    school_id: int, lines: Sequence[BankLine], batches: Sequence[Batch], known: set[tuple[int, str]]
) -> list[NewException]:
    """Credits that speak of a payout and are none of the open batches, or of too many."""
    found = []
    for line in lines:
        speaks_of = sorted(p for p in line.providers if (line.bank_account_id, p) in known)
        if line.net_vnd <= 0 or not speaks_of:
            continue
        named = [batch for batch in batches if names_batch(line.content, batch.name)]
        detail: dict[str, object] = {"provider": speaks_of[0]}
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


# a batch of what was reported after the batch of that name had been booked
LATE = f"""
WITH {CHANNEL}
SELECT m.adapter || m.mark || ':' || b.name AS title, max(l.settled_on) AS settled_on, count(*) AS lines,
       sum(l.net_vnd)::bigint AS net_vnd
  FROM settlement_batch b
  JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
  JOIN channel m ON m.id = b.merchant_account_id
 WHERE b.school_id = $1 AND b.journal_id IS NULL AND b.name ~ ' [+][0-9]+$'
 GROUP BY m.adapter, m.mark, b.name HAVING max(l.settled_on) <= $2
"""


async def _late_batches(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.BATCH_TOTAL_MISMATCH,
            identity=f"batch:{row['title']}",
            amount_vnd=abs(row["net_vnd"]),
            business_date=row["settled_on"],
            detail={"batch": row["title"], "lines": row["lines"], "batch_net_vnd": row["net_vnd"]},
        )
        for row in await db.raw.fetch(LATE, school_id, day)
    ]


# The contract's fee of a payment, half up to a đồng; of a refund the same given back, if any is. Other
# lines have no fee in the contract. A batch is judged where every line of it falls under some terms.
FEES = f"""
WITH {CHANNEL}, priced AS (
  SELECT l.settlement_batch_id, l.fee_vnd, l.vat_vnd, t.vat_percent, t.tolerance_vnd,
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
         AS expected_vat_vnd,
       max(p.tolerance_vnd) AS tolerance_vnd
  FROM settlement_batch b
  JOIN priced p ON p.settlement_batch_id = b.id
  JOIN channel m ON m.id = b.merchant_account_id
 WHERE b.school_id = $1 AND b.booked_on <= $2
 GROUP BY m.adapter, m.mark, b.name, b.booked_on
HAVING bool_and(p.expected_vnd IS NOT NULL)
   AND (abs(sum(p.fee_vnd) - sum(p.expected_vnd)) > max(p.tolerance_vnd)
        OR abs(sum(p.vat_vnd)
               - sum(sign(p.expected_vnd) * ((2 * abs(p.expected_vnd) * p.vat_percent + 100) / 200)))
           > max(p.tolerance_vnd))
"""


async def _fee_variances(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.FEE_VARIANCE,
            identity=f"batch:{row['title']}",
            amount_vnd=abs(row["fee_vnd"] - row["expected_fee_vnd"])
            + abs(row["vat_vnd"] - row["expected_vat_vnd"]),
            business_date=row["booked_on"],
            detail={
                "batch": row["title"],
                "fee_vnd": row["fee_vnd"],
                "expected_fee_vnd": row["expected_fee_vnd"],
                "vat_vnd": row["vat_vnd"],
                "expected_vat_vnd": row["expected_vat_vnd"],
            },
        )
        for row in await db.raw.fetch(FEES, school_id, day)
    ]


# money that a provider counts and our books do not: taken back, or paid by somebody we were not told of
STRAYS = f"""
WITH {CHANNEL}
SELECT l.id, l.identity || m.mark AS identity, l.kind, l.gross_vnd, l.settled_on, l.provider_transaction_id, l.merchant_reference,
       m.adapter || m.mark || ':' || b.name AS title
  FROM settlement_line l
  JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
  JOIN channel m ON m.id = l.merchant_account_id
 WHERE l.school_id = $1 AND l.settled_on <= $2 AND l.payment_id IS NULL AND l.refund_id IS NULL
   AND l.kind <> 'fee' AND l.gross_vnd <> 0
"""


async def _strays(db: Driver, school_id: int, day: date) -> list[NewException]:
    return [
        NewException(
            school_id=school_id,
            reason=Reason.MISSING_NOTICE if row["kind"] == "pay" else Reason.REFUND_UNMATCHED,
            identity=f"settlement:{row['identity']}",
            amount_vnd=abs(row["gross_vnd"]),
            business_date=row["settled_on"],
            detail={
                "settlement_line_id": row["id"],
                "kind": row["kind"],
                "batch": row["title"],
                "number": row["provider_transaction_id"],
                "order": row["merchant_reference"],
            },
        )
        for row in await db.raw.fetch(STRAYS, school_id, day)
    ]


_OURS: Final = (
    (Reason.BATCH_TOTAL_MISMATCH, "line:"),
    (Reason.BATCH_TOTAL_MISMATCH, "batch:"),
    (Reason.FEE_VARIANCE, "batch:"),
    (Reason.MISSING_NOTICE, "settlement:"),
    (Reason.REFUND_UNMATCHED, "settlement:"),
)
"""Reasons and beginnings of identities that only this room writes."""

WITHDRAW = withdrawing(
    """e.school_id = $1 AND e.business_date <= $2
   AND e.reason = ours.reason AND starts_with(e.identity, ours.prefix)
   AND NOT EXISTS (SELECT FROM unnest($5::text[], $6::text[]) AS n(reason, identity)
                    WHERE n.reason = e.reason AND n.identity = e.identity)
   AND NOT (e.detail ? 'denied' AND e.statement_line_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = e.school_id
                                                         AND j.statement_line_id = e.statement_line_id))""",
    "FROM unnest($3::text[], $4::text[]) AS ours(reason, prefix)",
)

# a debit that turned out to be a batch below zero
WITHDRAW_SETTLED = withdrawing(
    """e.school_id = $1 AND e.reason = 'unexplained_debit'
   AND j.school_id = e.school_id AND j.statement_line_id = e.statement_line_id AND j.rule = $2""",
    "FROM line_journal j",
)


async def _keep(db: Driver, school_id: int, day: date, found: Sequence[NewException]) -> None:
    await open_or_follow(db, found)
    await db.raw.execute(
        WITHDRAW,
        school_id,
        day,
        [reason for reason, _ in _OURS],
        [prefix for _, prefix in _OURS],
        [one.reason for one in found],
        [one.identity for one in found],
    )
