"""What the night finds and a person must see: one statement per kind, each found once for ever.

An exception's identity names the fact, not the run, so a second night writes nothing new. It must
never resolve what a person should judge; it only withdraws its own "missing" once the line has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from core.exceptions.resolutions import MATCHED_LATER, NIGHT
from core.kit.database import Driver

UNEXPLAINED_DEBITS = """
INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, statement_line_id, detail)
SELECT s.school_id, 'unexplained_debit', 'line:' || s.identity, s.debit_vnd, s.posted_on, s.id,
       jsonb_build_object('content', s.content)
  FROM statement_line s
 WHERE s.school_id = $1 AND s.posted_on <= $2 AND s.debit_vnd > 0
   AND NOT EXISTS (SELECT FROM exception e WHERE e.school_id = s.school_id AND e.reason = 'unexplained_debit'
                                             AND e.identity = 'line:' || s.identity)
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)
ON CONFLICT DO NOTHING
"""

# Money that the books say was given back by a bank whose statement of that day does not show it.
REFUNDS_NOT_SHOWN = """
INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, payment_id, detail)
SELECT r.school_id, 'refund_unmatched', 'refund:' || r.number, r.amount_vnd, r.done_on, r.payment_id,
       jsonb_build_object('refund_id', r.id)
  FROM refund r
 WHERE r.school_id = $1 AND r.done_on <= $2 AND r.bank_account_id IS NOT NULL AND r.statement_line_id IS NULL
   AND EXISTS (SELECT FROM statement s
                WHERE s.school_id = r.school_id AND s.bank_account_id = r.bank_account_id
                  AND r.done_on BETWEEN s.from_date AND s.to_date)
ON CONFLICT DO NOTHING
"""

# Only on days that a statement of the account covers: elsewhere nothing can be missing yet. A payment
# disputed with a line of another amount is listed there. `twin_payment_id`: a notice that comes after
# the night had healed its loss tells of money that is booked from the statement already.
MISSING_IN_STATEMENT = """
WITH missing AS MATERIALIZED (
  SELECT p.school_id, p.id, p.bank_account_id, p.amount_vnd, p.business_date, p.reference,
         nullif(p.bank_transaction_id, '') AS bank_transaction_id
    FROM payment p
    LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
   WHERE p.school_id = $1 AND p.business_date <= $2 AND p.bank_account_id IS NOT NULL AND m.payment_id IS NULL
     AND EXISTS (SELECT FROM statement s
                  WHERE s.school_id = p.school_id AND s.bank_account_id = p.bank_account_id
                    AND p.business_date BETWEEN s.from_date AND s.to_date)
     AND NOT EXISTS (SELECT FROM exception e
                      WHERE e.school_id = p.school_id AND e.payment_id = p.id
                        AND (e.reason = 'missing_in_statement'
                             OR (e.reason = 'amount_mismatch' AND e.statement_line_id IS NOT NULL)))
), healed AS (
  SELECT t.id, t.bank_account_id, t.amount_vnd, t.business_date, t.reference, t.bank_transaction_id
    FROM match h JOIN payment t ON t.school_id = h.school_id AND t.id = h.payment_id
   WHERE h.school_id = $1 AND h.rule = 'created_from_statement' AND EXISTS (SELECT FROM missing)
), twin AS (
  SELECT id, min(twin_id) AS twin_id
    FROM (SELECT p.id, t.id AS twin_id, t.business_date - p.business_date AS days
            FROM missing p JOIN healed t USING (bank_account_id, amount_vnd, reference)
          UNION ALL
          SELECT p.id, t.id, t.business_date - p.business_date
            FROM missing p JOIN healed t USING (bank_account_id, amount_vnd, bank_transaction_id)) AS pair
   WHERE abs(days) <= 1 GROUP BY id
)
INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, notice_id, payment_id, detail)
SELECT p.school_id, 'missing_in_statement', 'payment:' || p.id, p.amount_vnd, p.business_date, p.id, p.id,
       jsonb_strip_nulls(jsonb_build_object('twin_payment_id', t.twin_id))
  FROM missing p LEFT JOIN twin t USING (id)
ON CONFLICT DO NOTHING
"""

RESOLVE_MATCHED_LATER = """
UPDATE exception e SET resolution = $2, resolved_by = $3, resolved_at = now()
 WHERE e.school_id = $1 AND e.reason = 'missing_in_statement' AND e.resolved_at IS NULL
   AND EXISTS (SELECT FROM match m WHERE m.school_id = e.school_id AND m.payment_id = e.payment_id)
   -- money that a person took to suspense because of it waits there for a person
   AND NOT EXISTS (SELECT FROM payment p WHERE p.school_id = e.school_id AND p.id = e.payment_id
                                           AND p.suspense_reason = e.reason)
"""

# what the refund of a line explains, and the refund whose line has come
RESOLVE_REFUNDED = """
UPDATE exception e SET resolution = $2, resolved_by = $3, resolved_at = now()
  FROM refund r
 WHERE e.school_id = $1 AND r.school_id = e.school_id AND e.resolved_at IS NULL AND r.statement_line_id IS NOT NULL
   AND ((e.reason = 'unexplained_debit' AND e.statement_line_id = r.statement_line_id)
        OR (e.reason = 'refund_unmatched' AND e.identity = 'refund:' || r.number))
"""


async def list_findings(db: Driver, school_id: int, day: date) -> None:
    """Write the exceptions that stand after matching up to `day`; withdraw those that resolved themselves."""
    await db.raw.execute(UNEXPLAINED_DEBITS, school_id, day)
    await db.raw.execute(MISSING_IN_STATEMENT, school_id, day)
    await db.raw.execute(REFUNDS_NOT_SHOWN, school_id, day)
    await db.raw.execute(RESOLVE_MATCHED_LATER, school_id, MATCHED_LATER, NIGHT)
    await db.raw.execute(RESOLVE_REFUNDED, school_id, MATCHED_LATER, NIGHT)


async def count_by_reason(db: Driver, school_id: int, day: date) -> Mapping[str, int]:
    """How many exceptions the business date `day` has, resolved ones too, by reason."""
    rows = await db.raw.fetch(
        "SELECT reason, count(*) AS n FROM exception WHERE school_id = $1 AND business_date = $2"
        " GROUP BY reason ORDER BY reason",
        school_id,
        day,
    )
    return {row["reason"]: row["n"] for row in rows}
