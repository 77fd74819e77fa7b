"""Issuing: every invoice of an approved schedule, with its lines and its postings, in one statement.

One invoice per pupil, schedule and payee account, because one QR pays one account. Issuing again makes
only what is missing (a pupil who enrolled later), so it may be repeated at any time. It never issues
what was not approved, and never charges a pupil twice for one item in one month.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.fees.service import lock_fees
from gateway.identity.audit import audit
from gateway.kit.database import Driver
from gateway.kit.problem import Problem, not_found
from gateway.kit.reference import make_references
from gateway.kit.seal import Keys
from gateway.ledger.postings import Event
from gateway.ledger.service import books_of

TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Issued:
    """What this call made, and how many invoices of the schedule were there `already`."""

    invoices: int
    total_vnd: int
    already: int


# What each pupil still owes an invoice for. Lines are chosen once per class (the most specific scope of
# an item wins), then joined with the pupils: small before large. $1 school, $2 schedule, $3 its year.
CHARGES = """
WITH line AS MATERIALIZED (
  SELECT DISTINCT ON (c.id, l.fee_item_id)
         c.id AS class_id, l.fee_item_id, l.line_no, l.unit_price_vnd, l.quantity,
         i.bank_account_id, i.name, i.unit, i.is_optional, a.id AS credit_account_id
    FROM school_class c
    JOIN fee_schedule_line l ON l.school_id = c.school_id AND l.fee_schedule_id = $2
         AND l.scope IN ('all', 'grade:' || c.grade, 'class:' || c.name)
    JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
    JOIN ledger_account a ON a.school_id = i.school_id AND a.fee_item_id = i.id
         AND a.kind = CASE i.nature WHEN 'on_behalf' THEN 'on_behalf' ELSE 'income' END
   WHERE c.school_id = $1 AND c.school_year = $3 AND c.kind = 'class'
   ORDER BY c.id, l.fee_item_id, CASE split_part(l.scope, ':', 1) WHEN 'class' THEN 0 WHEN 'grade' THEN 1 ELSE 2 END
), charge AS (
  SELECT e.student_id, line.*
    FROM enrolment e JOIN line ON line.class_id = e.class_id
   WHERE e.school_id = $1 AND e.school_year = $3
     AND (NOT line.is_optional OR (e.student_id, line.fee_item_id) IN (
           SELECT student_id, fee_item_id FROM fee_registration WHERE school_id = $1 AND fee_schedule_id = $2))
     AND (e.student_id, line.bank_account_id) NOT IN (
           SELECT student_id, bank_account_id FROM invoice WHERE school_id = $1 AND fee_schedule_id = $2)
)
"""

# A reference's number, a journal's and an invoice's id for each of as many bills as `{count}` says.
NUMBERS = """
SELECT nextval('reference_number_seq') AS number, nextval('journal_number_seq') AS journal_id,
       nextval(pg_get_serial_sequence('invoice', 'id')) AS invoice_id
  FROM generate_series(1, {count})
"""
BILLS = "(SELECT count(*) FROM (SELECT DISTINCT student_id, bank_account_id FROM charge) AS bill)"
RESERVE = CHARGES + NUMBERS.format(count=BILLS)

# Bills what the query before it calls `charge`, a row per line. $4 invoice ids, $5 references, $6 journal
# numbers: the nth of each belongs to the nth bill. A pupil who came in between is left to the next issue
# (bill_no beyond the arrays). $7 day, $8 due, $9 receivable.
WRITE = f"""
, numbered AS MATERIALIZED (
  SELECT charge.*, dense_rank() OVER (ORDER BY student_id, bank_account_id) AS bill_no,
         row_number() OVER (PARTITION BY student_id, bank_account_id ORDER BY line_no) AS place
    FROM charge
), bill AS MATERIALIZED (
  SELECT bill_no, ($4::bigint[])[bill_no] AS invoice_id, min(student_id) AS student_id,
         min(class_id) AS class_id, min(bank_account_id) AS bank_account_id,
         sum(unit_price_vnd * quantity)::bigint AS total_vnd
    FROM numbered WHERE bill_no <= cardinality($4::bigint[]) GROUP BY bill_no
), new_invoice AS (
  INSERT INTO invoice (school_id, id, fee_schedule_id, student_id, class_id, bank_account_id, reference,
                       token, total_vnd, issued_on, due_on)
  SELECT $1, b.invoice_id, $2, b.student_id, b.class_id, b.bank_account_id, r.reference,
         replace(gen_random_uuid()::text, '-', ''), b.total_vnd, $7, $8
    FROM bill b JOIN unnest($5::text[]) WITH ORDINALITY AS r(reference, bill_no) USING (bill_no)
), new_line AS (
  INSERT INTO invoice_line (school_id, invoice_id, line_no, fee_item_id, description, unit,
                            unit_price_vnd, quantity, amount_vnd)
  SELECT $1, ($4::bigint[])[bill_no], place, fee_item_id, name, unit, unit_price_vnd, quantity,
         unit_price_vnd * quantity
    FROM numbered WHERE bill_no <= cardinality($4::bigint[])
), new_transfer AS (
  INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                        business_date, student_id, invoice_id)
  SELECT $1, ($6::bigint[])[bill_no], '{Event.INVOICE_ISSUED}', $9, credit_account_id,
         unit_price_vnd * quantity, $7, student_id, ($4::bigint[])[bill_no]
    FROM numbered WHERE bill_no <= cardinality($4::bigint[])
)
SELECT count(*) AS invoices, coalesce(sum(total_vnd), 0)::bigint AS total_vnd FROM bill
"""
ISSUE = CHARGES + WRITE


async def issue(
    db: Driver, keys: Keys, school_id: int, schedule_id: int, *, on: date, actor: str
) -> Issued:
    """Make every missing invoice of an approved schedule, dated `on` (a day in Vietnam).

    Issues in one school wait for one another. The transaction's statement timeout becomes
    `TIMEOUT_S`, its work_mem 64 MB. Raises Problem: 404 no such schedule; 409 it is not approved or not
    for the roster, nobody is to be charged, or another schedule of the month has charged the same
    pupils for the same item.
    """
    await db.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'; SET LOCAL work_mem = '64MB'")
    await lock_fees(db, school_id)
    schedule = await db.fetchrow(
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
    already: int = await db.fetchval(
        "SELECT count(*) FROM invoice WHERE school_id = $1 AND fee_schedule_id = $2", *whose[:2]
    )
    await _refuse_second_charge(db, schedule["month"], *whose)
    books = await books_of(db, school_id)
    reserved = await db.fetch(RESERVE, *whose)
    if not reserved:
        if already:
            return Issued(0, 0, already)
        raise Problem(
            "nobody_to_charge",
            vi="Không có học sinh nào phải thu theo đợt thu này; hãy nhập danh sách học sinh của năm học.",
            en="The schedule charges no enrolled pupil; import the roster of its school year first.",
            status=409,
        )
    made: Any = await db.fetchrow(
        ISSUE,
        *whose,
        [row["invoice_id"] for row in reserved],
        make_references([row["number"] for row in reserved], keys.reference),
        [row["journal_id"] for row in reserved],
        on,
        schedule["due_on"],
        books.receivable_id,
    )
    await db.execute(
        "UPDATE fee_schedule SET status = 'issued', issued_at = coalesce(issued_at, now())"
        " WHERE school_id = $1 AND id = $2",
        *whose[:2],
    )
    issued = Issued(made["invoices"], made["total_vnd"], already)
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.issue",
        subject=f"fee_schedule:{schedule_id}",
        detail={"on": str(on), "invoices": issued.invoices, "total_vnd": issued.total_vnd},
    )
    return issued


SECOND_CHARGE = f"""
{CHARGES}
SELECT f.id, f.name, count(*) AS charges
  FROM charge
  JOIN invoice v ON v.school_id = $1 AND v.student_id = charge.student_id AND v.cancelled_at IS NULL
  JOIN fee_schedule f ON f.school_id = $1 AND f.id = v.fee_schedule_id AND f.month = $4 AND f.id <> $2
  JOIN invoice_line l ON l.school_id = $1 AND l.invoice_id = v.id AND l.fee_item_id = charge.fee_item_id
 GROUP BY f.id, f.name ORDER BY f.id LIMIT 1
"""


async def _refuse_second_charge(
    db: Driver, month: date, school_id: int, schedule_id: int, school_year: str
) -> None:
    """Nothing counts twice: a corrected file must not bill a month's item again beside the first."""
    shares_items: bool = await db.fetchval(
        """
        SELECT EXISTS (
          SELECT FROM fee_schedule f
            JOIN fee_schedule_line l ON l.school_id = f.school_id AND l.fee_schedule_id = f.id
            JOIN fee_schedule_line m ON m.school_id = l.school_id AND m.fee_item_id = l.fee_item_id
                                    AND m.fee_schedule_id = $2
           WHERE f.school_id = $1 AND f.id <> $2 AND f.month = $3 AND f.status = 'issued')
        """,
        school_id,
        schedule_id,
        month,
    )
    if not shares_items:
        return
    found = await db.fetchrow(SECOND_CHARGE, school_id, schedule_id, school_year, month)
    if found:
        raise Problem(
            "charged_before",
            vi=f"Đợt thu «{found['name']}» (số {found['id']}) của cùng tháng đã thu {found['charges']} khoản"
            " trong số này; hãy huỷ phiếu báo thu cũ hoặc bỏ các khoản đó rồi lập lại đợt thu.",
            en=f"Schedule {found['id']} of the same month has charged {found['charges']} of these before;"
            " cancel those invoices or leave the items out.",
            status=409,
        )
