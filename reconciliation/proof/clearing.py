"""What providers hold for the school on a day, itemised to the đồng: every figure in one statement.

The balance comes from the transfers, the items from payments, refunds and settlement files: that both
are the same is what is proved. What falls on a closed day is booked on the first open one, and a day is
proved by the days in the books.
"""

from __future__ import annotations

from datetime import date

from core.kit.database import Driver, Query
from core.ledger.service import accounts_of
from reconciliation.proof.proof import ClearingDay

# A reversal counts as what it takes back. A line is taken for reported from its day of settlement on, a
# batch for settled from the day on which it is booked.
CLEARING_DAYS = Query(
    ClearingDay,
    """
WITH account AS (
  SELECT l.id AS ledger_account_id, m.id AS merchant_account_id, m.settlement,
         m.adapter || ':' || b.number AS name
    FROM ledger_account l
    JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
    JOIN bank_account b ON b.school_id = m.school_id AND b.id = m.bank_account_id
   WHERE l.school_id = $1 AND l.kind = 'clearing'
), side AS (
  SELECT s.account_id, s.business_date, s.vnd, CASE WHEN s.kind = 'reversal' THEN o.kind ELSE s.kind END AS kind
    FROM (SELECT debit_account_id AS account_id, business_date, amount_vnd AS vnd, kind, reverses_id
            FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND debit_account_id = ANY($3::bigint[])
          UNION ALL
          SELECT credit_account_id, business_date, -amount_vnd, kind, reverses_id
            FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND credit_account_id = ANY($3::bigint[])) AS s
    LEFT JOIN transfer o ON o.school_id = $1 AND o.id = s.reverses_id AND s.kind = 'reversal'
), moved AS (
  SELECT account_id AS ledger_account_id,
         coalesce(sum(vnd) FILTER (WHERE business_date < $2), 0)::bigint AS opening_vnd,
         coalesce(sum(vnd) FILTER (WHERE business_date = $2
                                     AND kind NOT IN ('settlement', 'provider_fee', 'refund')), 0)::bigint
           AS received_vnd,
         coalesce(-sum(vnd) FILTER (WHERE business_date = $2 AND kind = 'settlement'), 0)::bigint AS settled_vnd,
         coalesce(-sum(vnd) FILTER (WHERE business_date = $2 AND kind = 'provider_fee'), 0)::bigint AS kept_vnd,
         coalesce(-sum(vnd) FILTER (WHERE business_date = $2 AND kind = 'refund'), 0)::bigint AS refunded_vnd
    FROM side GROUP BY 1
), corrected AS (
  SELECT a.ledger_account_id, count(*) AS count,
         sum(CASE WHEN t.debit_account_id = a.ledger_account_id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
           AS vnd
    FROM transfer r
    JOIN transfer t ON t.school_id = r.school_id AND t.id = r.reverses_id AND t.business_date <= $2
                   AND t.kind IN ('settlement', 'provider_fee')
    JOIN account a ON a.ledger_account_id IN (t.debit_account_id, t.credit_account_id)
   WHERE r.school_id = $1 AND r.reverses_id IS NOT NULL AND r.kind = 'reversal' AND r.business_date > $2
   GROUP BY 1
), paid AS (
  SELECT p.merchant_account_id,
         coalesce(sum(p.amount_vnd) FILTER (WHERE l.settled_on IS NULL OR l.settled_on > $2), 0)::bigint
           AS unsettled_vnd,
         count(*) FILTER (WHERE l.settled_on IS NULL OR l.settled_on > $2) AS unsettled_count,
         coalesce(sum(p.amount_vnd) FILTER (WHERE l.settled_on <= $2), 0)::bigint AS reported_vnd,
         count(*) FILTER (WHERE l.settled_on <= $2) AS reported_count
    FROM payment p
    LEFT JOIN settlement_line l ON l.school_id = p.school_id AND l.payment_id = p.id
    LEFT JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
   WHERE p.school_id = $1 AND p.bank_account_id IS NULL AND p.business_date <= $2
     AND coalesce(p.booked_on, p.business_date) <= $2 AND (b.booked_on IS NULL OR b.booked_on > $2)
   GROUP BY 1
), returned AS (
  SELECT p.merchant_account_id, sum(r.amount_vnd)::bigint AS vnd, count(*) AS count
    FROM refund r
    JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
    LEFT JOIN settlement_line l ON l.school_id = r.school_id AND l.refund_id = r.id
    LEFT JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
   WHERE r.school_id = $1 AND r.done_on <= $2 AND r.bank_account_id IS NULL
     AND coalesce(r.booked_on, r.done_on) <= $2 AND (b.booked_on IS NULL OR b.booked_on > $2)
   GROUP BY 1
), stray AS (
  SELECT l.merchant_account_id, -sum(l.gross_vnd)::bigint AS vnd, count(*) AS count
    FROM settlement_line l
    JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
    LEFT JOIN payment p ON p.school_id = l.school_id AND p.id = l.payment_id
    LEFT JOIN refund r ON r.school_id = l.school_id AND r.id = l.refund_id
   WHERE l.school_id = $1 AND b.booked_on <= $2 AND l.gross_vnd <> 0
     AND (p.id IS NULL OR p.business_date > $2 OR p.booked_on > $2)
     AND (r.id IS NULL OR r.done_on > $2 OR r.booked_on > $2)
   GROUP BY 1
)
SELECT a.name AS account, a.ledger_account_id, coalesce(m.opening_vnd, 0) AS opening_vnd,
       coalesce(m.received_vnd, 0) AS received_vnd, coalesce(m.settled_vnd, 0) AS settled_vnd,
       ARRAY[coalesce(p.unsettled_vnd, 0), coalesce(p.unsettled_count, 0)] AS unsettled,
       coalesce(m.kept_vnd, 0) AS kept_vnd, coalesce(m.refunded_vnd, 0) AS refunded_vnd,
       ARRAY[coalesce(p.reported_vnd, 0), coalesce(p.reported_count, 0)] AS reported,
       ARRAY[-coalesce(r.vnd, 0), coalesce(r.count, 0)] AS returned,
       ARRAY[coalesce(s.vnd, 0), coalesce(s.count, 0)] AS stray,
       ARRAY[coalesce(c.vnd, 0), coalesce(c.count, 0)] AS corrected
  FROM account a
  LEFT JOIN moved m USING (ledger_account_id)
  LEFT JOIN corrected c USING (ledger_account_id)
  LEFT JOIN paid p USING (merchant_account_id)
  LEFT JOIN returned r USING (merchant_account_id)
  LEFT JOIN stray s USING (merchant_account_id)
 WHERE a.settlement = 'batch' OR m.ledger_account_id IS NOT NULL OR p.merchant_account_id IS NOT NULL
 ORDER BY a.name, a.ledger_account_id
""",
)


async def clearing_days(db: Driver, school_id: int, day: date) -> tuple[ClearingDay, ...]:
    """Clearing accounts of providers that settle in batches, and any other that ever held money."""
    accounts = await accounts_of(db, school_id, "clearing")
    return tuple(await db.fetch(CLEARING_DAYS, school_id, day, accounts))
