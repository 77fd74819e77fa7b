"""What was charged ahead becomes income month by month: a semester's fee, a fifth of it in each month.

A charge is a pupil's item of one schedule, the family's part and the State's together. Each month's part
is booked once (`income_release`), whenever and however often this runs; the last month takes what
division left over. Money collected on behalf of others is never income and never comes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.fees.service import LINEAR, lock_fees
from core.kit.database import Driver, Query
from core.ledger.postings import Event


@dataclass(frozen=True, slots=True)
class Released:
    """What a call has made income: months' parts of charges, and VND in all."""

    parts: int
    amount_vnd: int


# $1 school, $2 day. One journal, and so one voucher, for an item's month of a schedule on each day that
# it is booked: the first of the month, or the day of the charge if that is later, or the first open day.
RELEASE = Query(
    Released,
    f"""
WITH charge AS (
  SELECT fee_schedule_id, student_id, fee_item_id, max(invoice_id) AS invoice_id,
         max(period_months) AS months, max(charged_on) AS charged_on, sum(amount_vnd)::bigint AS amount_vnd
    FROM (SELECT i.fee_schedule_id, i.student_id, l.fee_item_id, i.id AS invoice_id, l.period_months,
                 i.issued_on AS charged_on, l.amount_vnd
            FROM invoice_line l JOIN invoice i ON i.school_id = l.school_id AND i.id = l.invoice_id
           WHERE l.school_id = $1 AND l.period_months > 1 AND i.cancelled_at IS NULL
          UNION ALL
          SELECT fee_schedule_id, student_id, fee_item_id, NULL, period_months, charged_on, conceded_vnd
            FROM conceded_charge
           WHERE school_id = $1 AND period_months > 1 AND journal_id IS NOT NULL AND cancelled_at IS NULL
         ) AS part
   GROUP BY fee_schedule_id, student_id, fee_item_id
), due AS (
  SELECT charge.*, m.month,
         CASE WHEN m.nth < months THEN amount_vnd / months
              ELSE amount_vnd - (months - 1) * (amount_vnd / months) END AS part_vnd,
         greatest(m.month, charged_on, s.books_locked_until + 1) AS posted_on
    FROM charge
    JOIN fee_schedule f ON f.school_id = $1 AND f.id = charge.fee_schedule_id
    JOIN fee_item i ON i.school_id = $1 AND i.id = charge.fee_item_id AND i.nature <> 'on_behalf'
    JOIN school s ON s.id = $1
   CROSS JOIN LATERAL (SELECT nth, (f.month + make_interval(months => nth - 1))::date AS month
                         FROM generate_series(1, months) AS nth) AS m
   WHERE greatest(m.month, charged_on) <= $2
     AND NOT EXISTS (SELECT FROM income_release r
                      WHERE r.school_id = $1 AND r.fee_schedule_id = charge.fee_schedule_id
                        AND r.student_id = charge.student_id AND r.fee_item_id = charge.fee_item_id
                        AND r.month = m.month)
), part AS MATERIALIZED (
  SELECT * FROM due WHERE part_vnd > 0
), journal AS MATERIALIZED (
  SELECT fee_schedule_id, fee_item_id, month, posted_on, nextval('journal_number_seq') AS journal_id
    FROM (SELECT DISTINCT fee_schedule_id, fee_item_id, month, posted_on FROM part ORDER BY 4, 3, 1, 2) AS j
), new_release AS (
  INSERT INTO income_release (school_id, fee_schedule_id, student_id, fee_item_id, month, amount_vnd, journal_id)
  SELECT $1, fee_schedule_id, student_id, fee_item_id, month, part_vnd, journal_id
    FROM part JOIN journal USING (fee_schedule_id, fee_item_id, month, posted_on)
), new_transfer AS (
  INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                        business_date, student_id, invoice_id, memo)
  SELECT $1, journal_id, '{Event.INCOME_RELEASED}', prepaid.id, income.id, part_vnd, posted_on, student_id,
         invoice_id, to_char(month, 'MM/YYYY')
    FROM part JOIN journal USING (fee_schedule_id, fee_item_id, month, posted_on)
    JOIN ledger_account prepaid ON prepaid.school_id = $1 AND prepaid.kind = 'prepaid'
     AND prepaid.fee_item_id = part.fee_item_id
    JOIN ledger_account income ON income.school_id = $1 AND income.kind = 'income'
     AND income.fee_item_id = part.fee_item_id
   ORDER BY journal_id, student_id
)
SELECT count(*) AS parts, coalesce(sum(part_vnd), 0)::bigint AS amount_vnd FROM part
""",  # noqa: S608 - a constant of the ledger's events
)


async def release_income(db: Driver, school_id: int, day: date) -> Released:
    """Make income of every month up to business date `day` that was charged ahead and is not yet income.

    Waits for the school's issues and cancellations, and they for it. The rest of the transaction plans
    without nested loops (`LINEAR`).
    """
    await lock_fees(db, school_id)
    await db.execute(LINEAR)
    released = await db.fetch_only(RELEASE, school_id, day)
    assert (released.parts == 0) == (released.amount_vnd == 0), "a part is more than nothing"
    return released
