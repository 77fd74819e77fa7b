"""What a reconciliation finds and a person must see: one statement per kind, each found once for ever.

An exception's identity names the fact, not the run, so a second run writes nothing new. It must
never resolve what a person should decide; it only withdraws its own "missing" once the line has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.exceptions.reasons import Reason
from core.exceptions.sql import opening, withdrawing
from core.kit.database import Command, Driver, Query

UNEXPLAINED_DEBITS = Command(
    opening(
        Reason.UNEXPLAINED_DEBIT,
        """  FROM statement_line s
 WHERE s.school_id = $1 AND s.posted_on <= $2 AND s.debit_vnd > 0
   AND NOT EXISTS (SELECT FROM exception e WHERE e.school_id = s.school_id AND e.reason = 'unexplained_debit'
                                             AND e.identity = 'line:' || s.identity)
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)""",
        school_id="s.school_id",
        identity="'line:' || s.identity",
        amount_vnd="s.debit_vnd",
        business_date="s.posted_on",
        statement_line_id="s.id",
        detail="jsonb_build_object('content', s.content)",
    )
)

# Refunds that are booked at a bank account whose statement of that day does not show them.
REFUNDS_NOT_SHOWN = Command(
    opening(
        Reason.REFUND_UNMATCHED,
        """  FROM refund r
 WHERE r.school_id = $1 AND r.done_on <= $2 AND r.bank_account_id IS NOT NULL AND r.statement_line_id IS NULL
   AND EXISTS (SELECT FROM statement s
                WHERE s.school_id = r.school_id AND s.bank_account_id = r.bank_account_id
                  AND r.done_on BETWEEN s.from_date AND s.to_date)""",
        school_id="r.school_id",
        identity="'refund:' || r.number",
        amount_vnd="r.amount_vnd",
        business_date="r.done_on",
        payment_id="r.payment_id",
        detail="jsonb_build_object('refund_id', r.id)",
    )
)

# Only on days that a statement of the account covers: elsewhere nothing can be missing yet. A payment
# disputed with a line of another amount is listed there. `twin_payment_id`: a notice that comes after
# its loss was made up for reports money that is booked from the statement already.
_MISSING = """
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
), recorded AS (
  SELECT t.id, t.bank_account_id, t.amount_vnd, t.business_date, t.reference, t.bank_transaction_id
    FROM match h JOIN payment t ON t.school_id = h.school_id AND t.id = h.payment_id
   WHERE h.school_id = $1 AND h.rule = 'created_from_statement' AND EXISTS (SELECT FROM missing)
), twin AS (
  SELECT id, min(twin_id) AS twin_id
    FROM (SELECT p.id, t.id AS twin_id, t.business_date - p.business_date AS days
            FROM missing p JOIN recorded t USING (bank_account_id, amount_vnd, reference)
          UNION ALL
          SELECT p.id, t.id, t.business_date - p.business_date
            FROM missing p JOIN recorded t USING (bank_account_id, amount_vnd, bank_transaction_id)) AS pair
   WHERE abs(days) <= 1 GROUP BY id
)
"""
MISSING_IN_STATEMENT = Command(
    _MISSING
    + opening(
        Reason.MISSING_IN_STATEMENT,
        "FROM missing p LEFT JOIN twin t USING (id)",
        school_id="p.school_id",
        identity="'payment:' || p.id",
        amount_vnd="p.amount_vnd",
        business_date="p.business_date",
        notice_id="p.id",
        payment_id="p.id",
        detail="jsonb_strip_nulls(jsonb_build_object('twin_payment_id', t.twin_id))",
    )
)

RESOLVE_MATCHED_LATER = Command(
    withdrawing(
        """e.school_id = $1 AND e.reason = 'missing_in_statement'
   AND EXISTS (SELECT FROM match m WHERE m.school_id = e.school_id AND m.payment_id = e.payment_id)
   -- money that a person took to suspense because of it waits there for a person
   AND NOT EXISTS (SELECT FROM payment p WHERE p.school_id = e.school_id AND p.id = e.payment_id
                                           AND p.suspense_reason = e.reason)"""
    )
)

# what the refund of a line explains, and the refund whose line has come
RESOLVE_REFUNDED = Command(
    withdrawing(
        """e.school_id = $1 AND r.school_id = e.school_id AND r.statement_line_id IS NOT NULL
   AND ((e.reason = 'unexplained_debit' AND e.statement_line_id = r.statement_line_id)
        OR (e.reason = 'refund_unmatched' AND e.identity = 'refund:' || r.number))""",
        "FROM refund r",
    )
)


async def list_findings(db: Driver, school_id: int, day: date) -> None:
    """Open the exceptions that are left after matching up to `day`; withdraw those that resolved themselves."""
    await db.execute(UNEXPLAINED_DEBITS, school_id, day)
    await db.execute(MISSING_IN_STATEMENT, school_id, day)
    await db.execute(REFUNDS_NOT_SHOWN, school_id, day)
    await db.execute(RESOLVE_MATCHED_LATER, school_id)
    await db.execute(RESOLVE_REFUNDED, school_id)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many exceptions have a reason."""

    reason: str
    count: int


COUNTS = Query(
    ReasonCount,
    """
SELECT reason, count(*) AS count FROM exception WHERE school_id = $1 AND business_date = $2
 GROUP BY reason ORDER BY reason
""",
)


async def count_by_reason(db: Driver, school_id: int, day: date) -> Mapping[str, int]:
    """How many exceptions the business date `day` has, resolved ones too, by reason."""
    return {one.reason: one.count for one in await db.fetch(COUNTS, school_id, day)}
