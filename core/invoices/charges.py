"""What a schedule charges to whom, and writing it as invoices: the SQL that issuing and applications share.

A bill is what one pupil is asked by one schedule for one payee account. The statements are set-based: a
school's schedule is read by one and written by one. Nothing here decides whether it may be issued.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.ledger.postings import Event

# What each pupil still owes an invoice for. Lines are chosen once per class (the most specific scope of
# an item wins), then joined with the pupils: small before large. `share`: what each concession would take
# off, by the rule of `core.fees.relief`: the highest of the State's, then the school's own, 100 % in all;
# half a đồng is rounded up, of the sum so far, so that the shares add up. $1 school, $2 schedule, $3 its year.
CHARGES: Final = """
WITH line AS MATERIALIZED (
  SELECT DISTINCT ON (c.id, l.fee_item_id)
         c.id AS class_id, l.fee_item_id, l.line_no, l.unit_price_vnd, l.quantity, l.period_months,
         i.bank_account_id, i.name, i.unit, i.nature, i.is_optional, a.id AS credit_account_id
    FROM school_class c
    JOIN fee_schedule_line l ON l.school_id = c.school_id AND l.fee_schedule_id = $2
         AND l.scope IN ('all', 'grade:' || c.grade, 'class:' || c.name)
    JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
    JOIN ledger_account a ON a.school_id = i.school_id AND a.fee_item_id = i.id
         AND a.kind = CASE WHEN i.nature = 'on_behalf' THEN 'on_behalf'
                           WHEN l.period_months > 1 THEN 'prepaid' ELSE 'income' END
   WHERE c.school_id = $1 AND c.school_year = $3 AND c.kind = 'class'
   ORDER BY c.id, l.fee_item_id, CASE split_part(l.scope, ':', 1) WHEN 'class' THEN 0 WHEN 'grade' THEN 1 ELSE 2 END
), granted AS (
  SELECT e.student_id, line.fee_item_id, c.id AS concession_id, c.borne_by,
         line.unit_price_vnd * line.quantity AS full_vnd, c.percent,
         c.borne_by = 'school' OR row_number() OVER (PARTITION BY e.student_id, line.fee_item_id, c.borne_by
                                                         ORDER BY c.percent DESC, c.id) = 1 AS counts
    FROM concession c
    JOIN fee_schedule f ON f.school_id = c.school_id AND f.id = $2
     AND f.month BETWEEN date_trunc('month', c.from_date)::date AND c.until_date
    JOIN enrolment e ON e.school_id = c.school_id AND e.student_id = c.student_id AND e.school_year = $3
    JOIN line ON line.class_id = e.class_id
     AND (line.fee_item_id = c.fee_item_id OR c.fee_item_id IS NULL AND line.nature = 'tuition')
   WHERE c.school_id = $1
), stacked AS (
  SELECT *, sum(percent) OVER w AS upto, sum(percent) OVER w - percent AS already
    FROM granted WHERE counts
  WINDOW w AS (PARTITION BY student_id, fee_item_id ORDER BY borne_by = 'school', percent DESC, concession_id)
), share AS MATERIALIZED (
  SELECT student_id, fee_item_id, concession_id, borne_by, full_vnd,
         (full_vnd * least(upto, 100) + 50) / 100 - (full_vnd * least(already, 100) + 50) / 100 AS conceded_vnd
    FROM stacked
), relief AS MATERIALIZED (
  SELECT student_id, fee_item_id, sum(conceded_vnd)::bigint AS conceded_vnd FROM share GROUP BY 1, 2
), charge AS (
  SELECT e.student_id, line.*, coalesce(relief.conceded_vnd, 0) AS conceded_vnd
    FROM enrolment e JOIN line ON line.class_id = e.class_id
    LEFT JOIN relief ON relief.student_id = e.student_id AND relief.fee_item_id = line.fee_item_id
   WHERE e.school_id = $1 AND e.school_year = $3
     AND (NOT line.is_optional OR (e.student_id, line.fee_item_id) IN (
           SELECT student_id, fee_item_id FROM fee_registration WHERE school_id = $1 AND fee_schedule_id = $2))
     AND (e.student_id, line.bank_account_id) NOT IN (
           SELECT student_id, bank_account_id FROM invoice WHERE school_id = $1 AND fee_schedule_id = $2
           UNION ALL
           SELECT c.student_id, i.bank_account_id
             FROM conceded_charge c JOIN fee_item i ON i.school_id = c.school_id AND i.id = c.fee_item_id
            WHERE c.school_id = $1 AND c.fee_schedule_id = $2)
)
"""

BILLS: Final = (
    "(SELECT count(*) FROM (SELECT DISTINCT student_id, bank_account_id FROM charge) AS bill)"
)
"""SQL: how many bills the charges make."""


@dataclass(frozen=True, slots=True)
class BillNumbers:
    """The numbers of one bill: its reference's, its invoice's id and its journals' (one for the State's part)."""

    number: int
    invoice_id: int
    journal_id: int
    state_journal_id: int


_NUMBERS = """
SELECT nextval('reference_number_seq') AS number, nextval(pg_get_serial_sequence('invoice', 'id')) AS invoice_id,
       nextval('journal_number_seq') AS journal_id, nextval('journal_number_seq') AS state_journal_id
  FROM generate_series(1, {count})
"""


def numbers(count: str) -> str:
    """SQL: a row of `BillNumbers` for each of as many bills as the expression `count` gives."""
    return _NUMBERS.format(count=count)


@dataclass(frozen=True, slots=True)
class Written:
    """The invoices that were made and what they ask, VND; what the school and the State bear beside it."""

    invoices: int
    total_vnd: int
    school_vnd: int
    state_vnd: int


# Bills what the queries before it call `charge`, a row per line, and `share`, a row per concession that
# applies to one. $4 invoice ids, $5 references, $6 journal numbers: the nth of each belongs to the nth
# bill. A pupil who came in between is left to the next issue (bill_no beyond the arrays). $7 day, $8 due,
# $9 receivable, $10 the receivable from the State, $11 journal numbers for that. A bill that asks nothing
# makes no invoice, but the State's part of it is booked like any other, and what was conceded is kept. What
# falls on a closed day is booked on the first open one.
WRITE: Final = f"""
, posted AS MATERIALIZED (
  SELECT greatest($7::date, books_locked_until + 1) AS posted_on FROM school WHERE id = $1 FOR KEY SHARE
), numbered AS MATERIALIZED (
  SELECT charge.*, unit_price_vnd * quantity - conceded_vnd AS amount_vnd,
         dense_rank() OVER (ORDER BY student_id, bank_account_id) AS bill_no,
         row_number() OVER (PARTITION BY student_id, bank_account_id ORDER BY line_no) AS place,
         sum(unit_price_vnd * quantity - conceded_vnd)
           OVER (PARTITION BY student_id, bank_account_id)::bigint AS total_vnd
    FROM charge
), bill AS MATERIALIZED (
  SELECT bill_no, ($4::bigint[])[bill_no] AS invoice_id, student_id, class_id, bank_account_id, total_vnd
    FROM numbered WHERE place = 1 AND total_vnd > 0 AND bill_no <= cardinality($4::bigint[])
), conceded AS MATERIALIZED (
  SELECT share.*, n.bill_no, n.period_months, n.credit_account_id,
         CASE WHEN n.total_vnd > 0 THEN ($4::bigint[])[n.bill_no] END AS invoice_id
    FROM share JOIN numbered n USING (student_id, fee_item_id)
   WHERE share.conceded_vnd > 0 AND n.bill_no <= cardinality($4::bigint[])
), new_invoice AS (
  INSERT INTO invoice (school_id, id, fee_schedule_id, student_id, class_id, bank_account_id, reference,
                       token, total_vnd, issued_on, due_on)
  SELECT $1, b.invoice_id, $2, b.student_id, b.class_id, b.bank_account_id, r.reference,
         replace(gen_random_uuid()::text, '-', ''), b.total_vnd, $7, $8
    FROM bill b JOIN unnest($5::text[]) WITH ORDINALITY AS r(reference, bill_no) USING (bill_no)
), new_line AS (
  INSERT INTO invoice_line (school_id, invoice_id, line_no, fee_item_id, description, unit,
                            unit_price_vnd, quantity, conceded_vnd, amount_vnd, period_months)
  SELECT $1, ($4::bigint[])[bill_no], place, fee_item_id, name, unit, unit_price_vnd, quantity,
         conceded_vnd, amount_vnd, period_months
    FROM numbered WHERE total_vnd > 0 AND bill_no <= cardinality($4::bigint[])
), new_transfer AS (
  INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                        business_date, student_id, invoice_id)
  SELECT $1, ($6::bigint[])[bill_no], '{Event.INVOICE_ISSUED}', $9::bigint, credit_account_id, amount_vnd,
         posted_on, student_id, ($4::bigint[])[bill_no]
    FROM numbered CROSS JOIN posted WHERE amount_vnd > 0 AND bill_no <= cardinality($4::bigint[])
  UNION ALL
  SELECT $1, ($11::bigint[])[bill_no], '{Event.STATE_PART}', $10::bigint, credit_account_id, conceded_vnd,
         posted_on, student_id, invoice_id
    FROM conceded CROSS JOIN posted WHERE borne_by = 'state'
), new_concession AS (
  INSERT INTO conceded_charge (school_id, fee_schedule_id, student_id, fee_item_id, concession_id, full_vnd,
                               conceded_vnd, period_months, charged_on, journal_id)
  SELECT $1, $2, student_id, fee_item_id, concession_id, full_vnd, conceded_vnd, period_months, $7,
         CASE borne_by WHEN 'state' THEN ($11::bigint[])[bill_no] END
    FROM conceded
)
SELECT (SELECT count(*) FROM bill) AS invoices,
       (SELECT coalesce(sum(total_vnd), 0)::bigint FROM bill) AS total_vnd,
       (SELECT coalesce(sum(conceded_vnd) FILTER (WHERE borne_by = 'school'), 0)::bigint FROM conceded) AS school_vnd,
       (SELECT coalesce(sum(conceded_vnd) FILTER (WHERE borne_by = 'state'), 0)::bigint FROM conceded) AS state_vnd
"""  # noqa: S608 - constants of the ledger's events
