"""The figures of bank accounts on a day, read from the database: all of them in one statement.

What falls on a closed day is booked on the first open one (`booked_on`), and a correction of it too: a
day is proved by the days in the books. One statement sees one moment, so a payment that arrives while the
reconciliation runs is in all figures of a proof or in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query
from core.ledger.service import accounts_of
from reconciliation.proof.chains import STEPS, chains_of, stated_balances
from reconciliation.proof.openings import FirstDay
from reconciliation.proof.proof import BankDay


@dataclass(frozen=True, slots=True)
class BankFigures:
    """A bank account on a day: sums in VND (+ in, - out), most of them with how many they are of.

    `before_vnd`: everything that its statements moved before the day.
    """

    bank_account_id: int
    account: str
    ledger_account_id: int
    is_covered: bool
    before_vnd: int
    matched: tuple[int, int]
    unposted: tuple[int, int]
    unreadable: tuple[int, int]
    carried: tuple[int, int]
    missing: tuple[int, int]
    ahead: tuple[int, int]
    ledger_closing_vnd: int
    corrected: tuple[int, int]


BANK_DAYS = Query(
    BankFigures,
    f"""
WITH account AS (
  SELECT b.id AS bank_account_id, b.number, l.id AS ledger_account_id, f.day AS first_day
    FROM bank_account b
    JOIN ledger_account l ON l.school_id = b.school_id AND l.kind = 'bank' AND l.bank_account_id = b.id
    LEFT JOIN unnest($3::bigint[], $4::date[]) AS f(bank_account_id, day) ON f.bank_account_id = b.id
   WHERE b.school_id = $1
), line AS (
  SELECT s.bank_account_id, s.posted_on, s.credit_vnd - s.debit_vnd AS vnd,
         m.payment_id IS NOT NULL OR r.id IS NOT NULL OR j.journal_id IS NOT NULL AS is_matched,
         coalesce(p.booked_on, p.business_date, r.booked_on, r.done_on, j.booked_on) > $2 AS is_ahead
    FROM statement_line s
    LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
    LEFT JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
    LEFT JOIN refund r ON r.school_id = s.school_id AND r.statement_line_id = s.id
    LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
   WHERE s.school_id = $1 AND s.posted_on <= $2
), line_sum AS (
  SELECT bank_account_id,
         coalesce(sum(vnd) FILTER (WHERE is_matched AND posted_on = $2), 0)::bigint AS matched_vnd,
         count(*) FILTER (WHERE is_matched AND posted_on = $2) AS matched_count,
         coalesce(sum(vnd) FILTER (WHERE NOT is_matched AND posted_on = $2), 0)::bigint AS unposted_vnd,
         count(*) FILTER (WHERE NOT is_matched AND posted_on = $2) AS unposted_count,
         coalesce(sum(vnd) FILTER (WHERE NOT is_matched AND posted_on < $2), 0)::bigint AS carried_vnd,
         count(*) FILTER (WHERE NOT is_matched AND posted_on < $2) AS carried_count,
         coalesce(sum(vnd) FILTER (WHERE is_ahead), 0)::bigint AS ahead_vnd,
         count(*) FILTER (WHERE is_ahead) AS ahead_count
    FROM line GROUP BY 1
), step_sum AS (
  SELECT bank_account_id, sum(net_vnd)::bigint AS before_vnd FROM ({STEPS}) AS step
   WHERE day < $2 GROUP BY 1
), unread_sum AS (
  SELECT (e.detail->>'bank_account_id')::bigint AS bank_account_id,
         coalesce(sum((e.detail->>'net_vnd')::bigint) FILTER (WHERE e.business_date = $2), 0)::bigint AS today_vnd,
         count(*) FILTER (WHERE e.business_date = $2) AS today_count,
         coalesce(sum((e.detail->>'net_vnd')::bigint) FILTER (WHERE e.business_date < $2), 0)::bigint AS carried_vnd,
         count(*) FILTER (WHERE e.business_date < $2) AS carried_count
    FROM exception e
   WHERE e.school_id = $1 AND e.reason = 'unreadable_line' AND e.business_date <= $2 GROUP BY 1
), missing_sum AS (
  SELECT bank_account_id, sum(vnd)::bigint AS vnd, count(*) AS count
    FROM (SELECT p.bank_account_id, p.amount_vnd AS vnd
            FROM payment p
            JOIN account a USING (bank_account_id)
            LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
            LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
           WHERE p.school_id = $1 AND p.business_date <= $2 AND coalesce(p.booked_on, p.business_date) <= $2
             AND (s.posted_on > $2 OR (m.payment_id IS NULL AND coalesce(p.booked_on, p.business_date) >= a.first_day))
          UNION ALL
          SELECT r.bank_account_id, -r.amount_vnd
            FROM refund r
            JOIN account a USING (bank_account_id)
            LEFT JOIN statement_line s ON s.school_id = r.school_id AND s.id = r.statement_line_id
           WHERE r.school_id = $1 AND r.done_on <= $2 AND coalesce(r.booked_on, r.done_on) <= $2
             AND (s.posted_on > $2 OR (s.id IS NULL AND coalesce(r.booked_on, r.done_on) >= a.first_day))) AS booked
   GROUP BY 1
), corrected_sum AS (
  SELECT a.ledger_account_id,
         sum(CASE WHEN t.debit_account_id = a.ledger_account_id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
           AS vnd, count(*) AS count
    FROM transfer r
    JOIN transfer t ON t.school_id = r.school_id AND t.id = r.reverses_id AND t.business_date <= $2
    JOIN account a ON a.ledger_account_id IN (t.debit_account_id, t.credit_account_id)
   WHERE r.school_id = $1 AND r.reverses_id IS NOT NULL AND r.kind = 'reversal' AND r.business_date > $2
   GROUP BY 1
), ledger_sum AS (
  SELECT account_id, sum(vnd)::bigint AS vnd
    FROM (SELECT debit_account_id AS account_id, amount_vnd AS vnd FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND debit_account_id = ANY($5::bigint[])
          UNION ALL
          SELECT credit_account_id, -amount_vnd FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND credit_account_id = ANY($5::bigint[])) AS side
   GROUP BY 1
)
SELECT a.bank_account_id, a.number AS account, a.ledger_account_id,
       EXISTS (SELECT FROM statement s
                WHERE s.school_id = $1 AND s.bank_account_id = a.bank_account_id
                  AND $2 BETWEEN s.from_date AND s.to_date) AS is_covered,
       coalesce(st.before_vnd, 0) AS before_vnd,
       ARRAY[coalesce(l.matched_vnd, 0), coalesce(l.matched_count, 0)] AS matched,
       ARRAY[coalesce(l.unposted_vnd, 0), coalesce(l.unposted_count, 0)] AS unposted,
       ARRAY[coalesce(u.today_vnd, 0), coalesce(u.today_count, 0)] AS unreadable,
       ARRAY[coalesce(l.carried_vnd, 0) + coalesce(u.carried_vnd, 0),
             coalesce(l.carried_count, 0) + coalesce(u.carried_count, 0)] AS carried,
       ARRAY[coalesce(x.vnd, 0), coalesce(x.count, 0)] AS missing,
       ARRAY[coalesce(l.ahead_vnd, 0), coalesce(l.ahead_count, 0)] AS ahead,
       coalesce(g.vnd, 0) AS ledger_closing_vnd,
       ARRAY[coalesce(c.vnd, 0), coalesce(c.count, 0)] AS corrected
  FROM account a
  LEFT JOIN line_sum l USING (bank_account_id)
  LEFT JOIN step_sum st USING (bank_account_id)
  LEFT JOIN unread_sum u USING (bank_account_id)
  LEFT JOIN missing_sum x USING (bank_account_id)
  LEFT JOIN corrected_sum c USING (ledger_account_id)
  LEFT JOIN ledger_sum g ON g.account_id = a.ledger_account_id
 ORDER BY a.number
""",  # noqa: S608 - composed of constants
)


async def bank_days(
    db: Driver, school_id: int, day: date, first: Mapping[int, FirstDay]
) -> tuple[BankDay, ...]:
    """Every bank account of the school on business date `day`, in the order of their numbers."""
    accounts = await db.fetch(
        BANK_DAYS,
        school_id,
        day,
        list(first),
        [begin.day for begin in first.values()],
        await accounts_of(db, school_id, "bank"),
    )
    keys = [(one.bank_account_id, day) for one in accounts]
    chains = await chains_of(db, school_id, keys)
    stated = await stated_balances(db, school_id, keys)
    return tuple(
        BankDay(
            account=one.account,
            ledger_account_id=one.ledger_account_id,
            is_covered=one.is_covered,
            expected_opening_vnd=_expected(first.get(one.bank_account_id), day, one.before_vnd),
            stated_openings=stated[key].openings if key in stated else (),
            stated_closings=stated[key].closings if key in stated else (),
            chain=chains.get(key),
            matched=one.matched,
            unposted=one.unposted,
            unreadable=one.unreadable,
            carried=one.carried,
            missing=one.missing,
            ahead=one.ahead,
            corrected=one.corrected,
            ledger_closing_vnd=one.ledger_closing_vnd,
        )
        for key, one in zip(keys, accounts, strict=True)
    )


def _expected(begin: FirstDay | None, day: date, before_vnd: int) -> int | None:
    if begin is None or begin.opening_vnd is None or begin.day >= day:
        return None
    return begin.opening_vnd + before_vnd
