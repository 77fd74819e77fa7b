"""Writing a drafted schedule: its items, its own row, its lines and registrations, one statement each.

The caller holds the lock of the school's fees (`core.fees.service.lock_fees`) and has found no fault in
the file. Nothing here may change a schedule that is no draft any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.fees.checks import SchoolFacts
from core.fees.items import FeeLine
from core.fees.queries import ScheduleVersion, open_draft
from core.fees.registrations import Registration
from core.fees.schedule import ScheduleFile
from core.kit.database import Command, Driver, Query

# A procedure is a label, as the name is: a later file may name another, but not by leaving it out.
# RETURNING has the items that are new or changed alone.
WRITE_ITEMS = Query(
    int,
    """
INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional, legal_basis,
                      procedure_code, procedure_name, service_code, service_name)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                         $7::boolean[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
ON CONFLICT (school_id, code) DO UPDATE
   SET name = excluded.name, nature = excluded.nature, unit = excluded.unit,
       bank_account_id = excluded.bank_account_id, is_optional = excluded.is_optional,
       legal_basis = excluded.legal_basis,
       procedure_code = coalesce(nullif(excluded.procedure_code, ''), fee_item.procedure_code),
       procedure_name = coalesce(nullif(excluded.procedure_name, ''), fee_item.procedure_name),
       service_code = coalesce(nullif(excluded.service_code, ''), fee_item.service_code),
       service_name = coalesce(nullif(excluded.service_name, ''), fee_item.service_name)
 WHERE (fee_item.name, fee_item.nature, fee_item.unit, fee_item.bank_account_id,
        fee_item.is_optional, fee_item.legal_basis)
       IS DISTINCT FROM (excluded.name, excluded.nature, excluded.unit,
                         excluded.bank_account_id, excluded.is_optional, excluded.legal_basis)
    OR nullif(excluded.procedure_code, '') <> fee_item.procedure_code
    OR nullif(excluded.procedure_name, '') <> fee_item.procedure_name
    OR nullif(excluded.service_code, '') <> fee_item.service_code
    OR nullif(excluded.service_name, '') <> fee_item.service_name
RETURNING id
""",
)
NEW_SCHEDULE = Query(
    ScheduleVersion,
    """
INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, version, content_hash, drafted_by, kind)
SELECT $1, $2, $3, $4, $5, 1 + coalesce(max(version), 0), $6, $7, $8
  FROM fee_schedule WHERE school_id = $1 AND name = $2 AND month = $4
RETURNING id AS schedule_id, version
""",
)
CLEAR_REGISTRATIONS = Command(
    "DELETE FROM fee_registration WHERE school_id = $1 AND fee_schedule_id = $2"
)
CLEAR_LINES = Command("DELETE FROM fee_schedule_line WHERE school_id = $1 AND fee_schedule_id = $2")
NEXT_VERSION = Query(
    ScheduleVersion,
    """
UPDATE fee_schedule
   SET version = version + 1, school_year = $3, due_on = $4, content_hash = $5, drafted_by = $6, kind = $7
 WHERE school_id = $1 AND id = $2
RETURNING id AS schedule_id, version
""",
)
WRITE_LINES = Command("""
INSERT INTO fee_schedule_line (school_id, fee_schedule_id, line_no, fee_item_id, scope,
                               unit_price_vnd, quantity, period_months)
SELECT $1, $2, l.line_no, i.id, l.scope, l.unit_price_vnd, l.quantity, l.period_months
  FROM unnest($3::text[], $4::text[], $5::bigint[], $6::int[], $7::int[]) WITH ORDINALITY
       AS l(code, scope, unit_price_vnd, quantity, period_months, line_no)
  JOIN fee_item i ON i.school_id = $1 AND i.code = l.code
""")
WRITE_REGISTRATIONS = Command("""
INSERT INTO fee_registration (school_id, fee_schedule_id, student_id, fee_item_id)
SELECT $1, $2, s.id, i.id FROM unnest($3::text[], $4::text[]) AS r(student_code, item_code)
  JOIN student s ON s.school_id = $1 AND s.code = r.student_code
  JOIN fee_item i ON i.school_id = $1 AND i.code = r.item_code
""")
# Other drafts with items that changed are no longer what was shown, nor the content of their file.
OUTDATE_DRAFTS = Command("""
UPDATE fee_schedule f SET version = version + 1, content_hash = 'outdated:' || id || ':' || version
 WHERE school_id = $1 AND id <> $2 AND status = 'drafted'
   AND EXISTS (SELECT FROM fee_schedule_line l WHERE l.school_id = f.school_id
                  AND l.fee_schedule_id = f.id AND l.fee_item_id = ANY($3::bigint[]))
""")


async def write_draft(
    db: Driver,
    school_id: int,
    file: ScheduleFile,
    lines: Sequence[FeeLine],
    school: SchoolFacts,
    actor: str,
) -> ScheduleVersion:
    """Write the file's schedule, drafted by `actor`: a new one, or the next version of its draft."""
    assert not file.faults, "a file with faults is never written"
    changed = await _write_items(db, school_id, lines, school)
    schedule = await _write_schedule(db, school_id, file, actor)
    await _write_lines(db, school_id, schedule.schedule_id, lines, file.registrations)
    await db.execute(OUTDATE_DRAFTS, school_id, schedule.schedule_id, changed)
    return schedule


async def _write_items(
    db: Driver, school_id: int, lines: Sequence[FeeLine], school: SchoolFacts
) -> list[int]:
    """Make or change the items; gives the ids of those that are new or changed."""
    items = list({line.item_code: line for line in lines}.values())
    return await db.fetch(
        WRITE_ITEMS,
        school_id,
        [item.item_code for item in items],
        [item.name for item in items],
        [item.nature for item in items],
        [item.unit for item in items],
        [school.accounts[item.account] for item in items],
        [item.is_optional for item in items],
        [item.legal_basis for item in items],
        [item.procedure.code for item in items],
        [item.procedure.name for item in items],
        [item.procedure.service_code for item in items],
        [item.procedure.service_name for item in items],
    )


async def _write_schedule(
    db: Driver, school_id: int, file: ScheduleFile, actor: str
) -> ScheduleVersion:
    """The schedule's own row: a new one, or the draft that the file corrects, emptied."""
    draft_id = await open_draft(db, school_id, file)
    if draft_id is None:
        return await db.fetch_only(
            NEW_SCHEDULE,
            school_id,
            file.name,
            file.school_year,
            file.month,
            file.due_on,
            file.content_hash(),
            actor,
            file.kind,
        )
    await db.execute(CLEAR_REGISTRATIONS, school_id, draft_id)
    await db.execute(CLEAR_LINES, school_id, draft_id)
    return await db.fetch_only(
        NEXT_VERSION,
        school_id,
        draft_id,
        file.school_year,
        file.due_on,
        file.content_hash(),
        actor,
        file.kind,
    )


async def _write_lines(
    db: Driver,
    school_id: int,
    schedule_id: int,
    lines: Sequence[FeeLine],
    registrations: Sequence[Registration],
) -> None:
    await db.execute(
        WRITE_LINES,
        school_id,
        schedule_id,
        [line.item_code for line in lines],
        [line.scope for line in lines],
        [line.unit_price_vnd for line in lines],
        [line.quantity for line in lines],
        [line.period_months for line in lines],
    )
    await db.execute(
        WRITE_REGISTRATIONS,
        school_id,
        schedule_id,
        [asked.student_code for asked in registrations],
        [asked.item_code for asked in registrations],
    )
