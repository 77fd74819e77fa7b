"""Issuing: every invoice of an approved schedule, with its lines and its postings, in one statement.

One invoice per pupil, schedule and payee account, because one QR pays one account. Issuing again makes
only what is missing (a pupil who enrolled later), so it may be repeated at any time. It never issues
what was not approved, and never charges a pupil twice for one item in one month. What a concession
takes off is not asked of the family; the State's part of it becomes what the State owes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from core.fees.service import lock_fees
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.ledger.postings import Event
from core.ledger.service import account_of, books_of

TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Issued:
    """What this call made, and how many invoices of the schedule were there `already`.

    total_vnd: what families are asked; conceded: what of the full price the school and the State bear.
    """

    invoices: int
    total_vnd: int
    already: int
    conceded_by_school_vnd: int = 0
    conceded_by_state_vnd: int = 0


# What each pupil still owes an invoice for. Lines are chosen once per class (the most specific scope of
# an item wins), then joined with the pupils: small before large. `share`: what each concession would take
# off, as `core.fees.relief` says it: the highest of the State's, then the school's own, 100 % in all;
# half a đồng is rounded up, of the sum so far, so that the shares add up. $1 school, $2 schedule, $3 its year.
CHARGES = """
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

# A reference's number, an invoice's id and two journals' (the second for the State's part) for each of as
# many bills as `{count}` says.
NUMBERS = """
SELECT nextval('reference_number_seq') AS number, nextval('journal_number_seq') AS journal_id,
       nextval('journal_number_seq') AS state_journal_id,
       nextval(pg_get_serial_sequence('invoice', 'id')) AS invoice_id
  FROM generate_series(1, {count})
"""
BILLS = "(SELECT count(*) FROM (SELECT DISTINCT student_id, bank_account_id FROM charge) AS bill)"
RESERVE = CHARGES + NUMBERS.format(count=BILLS)

# Bills what the queries before it call `charge`, a row per line, and `share`, a row per concession that
# applies to one. $4 invoice ids, $5 references, $6 journal numbers: the nth of each belongs to the nth
# bill. A pupil who came in between is left to the next issue (bill_no beyond the arrays). $7 day, $8 due,
# $9 receivable, $10 what the State owes, $11 journal numbers for that. A bill that asks nothing makes no invoice, but the State's part
# of it is booked like any other, and what was conceded is kept. What falls on a closed day is booked on
# the first open one.
WRITE = f"""
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
"""
ISSUE = CHARGES + WRITE


async def issue(
    db: Driver, keys: Keys, school_id: int, schedule_id: int, *, on: date, actor: str
) -> Issued:
    """Make every missing invoice of an approved schedule, dated `on` (a day in Vietnam).

    Issues in one school wait for one another. The transaction's statement timeout becomes
    `TIMEOUT_S`, its work_mem 64 MB, and it plans as `LINEAR` says. Raises Problem: 404 no such schedule; 409 it is not approved or not
    for the roster, nobody is to be charged, or another schedule of the month has charged the same
    pupils for the same item.
    """
    await db.raw.execute(
        f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'; SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off"
    )
    await lock_fees(db, school_id)
    schedule = await db.raw.fetchrow(
        "SELECT kind, school_year, month, due_on, status FROM fee_schedule WHERE school_id = $1 AND id = $2",
        school_id,
        schedule_id,
    )
    if schedule is None:
        raise not_found("đợt thu này", "fee schedule")
    if schedule["kind"] != "roster":
        raise Problem(
            "not_for_the_roster",
            vi="Đây là dịch vụ thu theo hồ sơ: phiếu báo thu được lập khi có hồ sơ, không phát hành theo lớp.",
            en="This is a service: its invoices are made as applications come in, never for the roster.",
            status=409,
        )
    if schedule["status"] == "drafted":
        raise Problem(
            "not_approved",
            vi="Đợt thu chưa được duyệt nên chưa phát hành được.",
            en="The fee schedule is not approved and cannot be issued.",
            status=409,
        )
    whose = (school_id, schedule_id, schedule["school_year"])
    already: int = await db.raw.fetchval(
        "SELECT count(*) FROM invoice WHERE school_id = $1 AND fee_schedule_id = $2", *whose[:2]
    )
    await _refuse_second_charge(db, schedule["month"], *whose)
    books = await books_of(db, school_id)
    reserved = await db.raw.fetch(RESERVE, *whose)
    if not reserved:
        if already:
            return Issued(0, 0, already)
        raise Problem(
            "nobody_to_charge",
            vi="Không có học sinh nào phải thu theo đợt thu này; hãy nhập danh sách học sinh của năm học.",
            en="The schedule charges no enrolled pupil; import the roster of its school year first.",
            status=409,
        )
    made: Any = await db.raw.fetchrow(
        ISSUE,
        *whose,
        [row["invoice_id"] for row in reserved],
        make_references([row["number"] for row in reserved], keys.reference),
        [row["journal_id"] for row in reserved],
        on,
        schedule["due_on"],
        books.receivable_id,
        await account_of(db, school_id, "state_receivable"),
        [row["state_journal_id"] for row in reserved],
    )
    await db.raw.execute(
        "UPDATE fee_schedule SET status = 'issued', issued_at = coalesce(issued_at, now())"
        " WHERE school_id = $1 AND id = $2",
        *whose[:2],
    )
    issued = Issued(
        made["invoices"], made["total_vnd"], already, made["school_vnd"], made["state_vnd"]
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.issue",
        subject=f"fee_schedule:{schedule_id}",
        detail={
            "on": str(on),
            "invoices": issued.invoices,
            "total_vnd": issued.total_vnd,
            "conceded_by_school_vnd": issued.conceded_by_school_vnd,
            "conceded_by_state_vnd": issued.conceded_by_state_vnd,
        },
    )
    return issued


# What stands of other schedules for the same pupil, item and month, invoice or not; $4 the month.
SECOND_CHARGE = f"""
{CHARGES}
SELECT f.id, f.name, count(DISTINCT (charge.student_id, charge.fee_item_id)) AS charges
  FROM charge
  JOIN (SELECT v.fee_schedule_id, v.student_id, l.fee_item_id, l.period_months
          FROM invoice v JOIN invoice_line l ON l.school_id = v.school_id AND l.invoice_id = v.id
         WHERE v.school_id = $1 AND v.cancelled_at IS NULL
        UNION ALL
        SELECT fee_schedule_id, student_id, fee_item_id, period_months FROM conceded_charge
         WHERE school_id = $1 AND cancelled_at IS NULL) AS v
    ON v.student_id = charge.student_id AND v.fee_item_id = charge.fee_item_id
  JOIN fee_schedule f ON f.school_id = $1 AND f.id = v.fee_schedule_id AND f.id <> $2
   AND f.month < $4::date + make_interval(months => charge.period_months)
   AND $4::date < f.month + make_interval(months => v.period_months)
 GROUP BY f.id, f.name ORDER BY f.id LIMIT 1
"""


async def _refuse_second_charge(
    db: Driver, month: date, school_id: int, schedule_id: int, school_year: str
) -> None:
    """Nothing counts twice: a corrected file must not bill a month's item again beside the first, nor
    a month that was charged ahead."""
    shares_items: bool = await db.raw.fetchval(
        """
        SELECT EXISTS (
          SELECT FROM fee_schedule f
            JOIN fee_schedule_line l ON l.school_id = f.school_id AND l.fee_schedule_id = f.id
            JOIN fee_schedule_line m ON m.school_id = l.school_id AND m.fee_item_id = l.fee_item_id
                                    AND m.fee_schedule_id = $2
           WHERE f.school_id = $1 AND f.id <> $2 AND f.status = 'issued'
             AND f.month < $3::date + make_interval(months => m.period_months)
             AND $3::date < f.month + make_interval(months => l.period_months))
        """,
        school_id,
        schedule_id,
        month,
    )
    if not shares_items:
        return
    found = await db.raw.fetchrow(SECOND_CHARGE, school_id, schedule_id, school_year, month)
    if found:
        raise Problem(
            "charged_before",
            vi=f"Đợt thu «{found['name']}» (số {found['id']}) đã thu {found['charges']} khoản trong số này"
            " cho cùng tháng; hãy huỷ phiếu báo thu cũ hoặc bỏ các khoản đó rồi lập lại đợt thu.",
            en=f"Schedule {found['id']} has charged {found['charges']} of these for the same month before;"
            " cancel those invoices or leave the items out.",
            status=409,
        )
