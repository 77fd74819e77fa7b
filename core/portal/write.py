"""Writing applications: the group of the service, its applicants, their invoices, and the applications themselves.

The caller holds the locks of the school's fees and roster and has found no fault. One statement each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.invoices.charges import WRITE, BillNumbers, Written, numbers
from core.invoices.service import MARK_ISSUED
from core.kit.database import Command, Driver, Query
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.kit.text import unaccent
from core.ledger.service import account_of, books_of
from core.portal.forms import PricedForm
from core.portal.services import OpenService
from core.students.changes import new_references


@dataclass(frozen=True, slots=True)
class Applicant:
    """The student row of an application."""

    code: str
    student_id: int


WRITE_GROUP = Command("""
INSERT INTO school_class (school_id, school_year, name, grade, kind)
VALUES ($1, $2, $3, 0, 'applicants') ON CONFLICT DO NOTHING
""")
WRITE_APPLICANTS = Query(
    Applicant,
    """
INSERT INTO student (school_id, code, full_name, search_name, reference)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
RETURNING code, id AS student_id
""",
)
TAKE_NUMBERS = Query(BillNumbers, numbers("$1"))
# $1 school, $2 service, $3 what each applicant wants; nothing is conceded to an applicant
_CHARGES = """
WITH share AS MATERIALIZED (
  SELECT NULL::bigint AS student_id, NULL::bigint AS fee_item_id, NULL::bigint AS concession_id,
         NULL AS borne_by, NULL::bigint AS full_vnd, NULL::bigint AS conceded_vnd WHERE false
), charge AS MATERIALIZED (
  SELECT w.student_id, g.id AS class_id, l.fee_item_id, l.line_no, l.unit_price_vnd, w.quantity,
         i.bank_account_id, i.name, i.unit, a.id AS credit_account_id, 1 AS period_months, 0::bigint AS conceded_vnd
    FROM jsonb_to_recordset($3::jsonb) AS w(student_id bigint, item_code text, quantity int)
    JOIN fee_item i ON i.school_id = $1 AND i.code = w.item_code
    JOIN fee_schedule_line l ON l.school_id = $1 AND l.fee_schedule_id = $2 AND l.fee_item_id = i.id
    JOIN fee_schedule f ON f.school_id = $1 AND f.id = $2
    JOIN school_class g ON g.school_id = $1 AND g.school_year = f.school_year AND g.kind = 'applicants'
         AND g.name = f.name
    JOIN ledger_account a ON a.school_id = $1 AND a.fee_item_id = i.id
         AND a.kind = CASE i.nature WHEN 'on_behalf' THEN 'on_behalf' ELSE 'income' END
)
"""
BILL = Query(Written, _CHARGES + WRITE)
WRITE_APPLICATIONS = Command("""
INSERT INTO application (school_id, fee_schedule_id, file_code, student_id, invoice_id, quantities)
SELECT $1, $2, w.file_code, w.student_id, i.id, w.quantities::jsonb
  FROM unnest($3::text[], $4::bigint[], $5::text[]) AS w(file_code, student_id, quantities)
  JOIN invoice i ON i.school_id = $1 AND i.fee_schedule_id = $2 AND i.student_id = w.student_id
""")


async def write_applications(
    db: Driver,
    keys: Keys,
    school_id: int,
    service: OpenService,
    new: Sequence[PricedForm],
    on: date,
) -> None:
    """Write the applications `new`, each with its applicant and its invoice dated `on` (Vietnam)."""
    books = await books_of(db, school_id)
    await db.execute(WRITE_GROUP, school_id, service.school_year, service.name)
    applicants = await db.fetch(
        WRITE_APPLICANTS,
        school_id,
        [one.file_code for one in new],
        [one.full_name for one in new],
        [unaccent(one.full_name).lower() for one in new],
        await new_references(db, keys, len(new)),
    )
    ids = {one.code: one.student_id for one in applicants}
    charges = [
        {"student_id": ids[one.file_code], "item_code": code, "quantity": number}
        for one in new
        for code, number in one.quantities.items()
    ]
    reserved = await db.fetch(TAKE_NUMBERS, len(new))
    written = await db.fetch_only(
        BILL,
        school_id,
        service.id,
        json.dumps(charges),
        [one.invoice_id for one in reserved],
        make_references([one.number for one in reserved], keys.reference),
        [one.journal_id for one in reserved],
        on,
        max(service.due_on, on),
        books.receivable_id,
        await account_of(db, school_id, "state_receivable"),
        [one.state_journal_id for one in reserved],
    )
    assert written.invoices == len(new), "an application has one invoice"
    assert written.total_vnd == sum(one.total_vnd for one in new), "and is asked what it comes to"
    await db.execute(
        WRITE_APPLICATIONS,
        school_id,
        service.id,
        [one.file_code for one in new],
        [ids[one.file_code] for one in new],
        [json.dumps(dict(one.quantities)) for one in new],
    )
    await db.execute(MARK_ISSUED, school_id, service.id)
