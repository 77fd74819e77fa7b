"""Fee schedules: previewed, drafted from a file by one person, approved by another.

Nothing is written while a fault stands. A draft may be corrected by importing the corrected file: it
stays the same schedule in a new version. What an approved schedule says of an item (nature, unit,
payee account, optional or not) is never changed by a later file: that would bypass the approval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from adapters.contract import FileError
from core.fees.checks import School, check_against, forecast_of
from core.fees.items import FeeLine
from core.fees.queries import grants_of
from core.fees.registrations import Registration
from core.fees.relief import Grant, Relief, relief
from core.fees.schedule import ScheduleFile, read_schedule
from core.fees.scopes import Forecast, SchoolClass
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import DomainError, Problem, not_found
from core.kit.faults import Fault
from core.ledger.service import open_books

LINEAR = "SET LOCAL enable_nestloop = off"
"""Before joins over a whole school: how many hold a concession the planner cannot know, and where it
guesses few, a loop over all pairs takes minutes instead of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreview:
    """What a file would become, and everything wrong with it. `kind`: as of ScheduleFile.

    `forecast` is of what families would be asked, once `relief` is taken off the full price.

    `lines` name the payee account that the school has; `forecast` counts for the pupils enrolled by
    now, its `students_by_line` in the order of `lines`; None while a fault stands. `schedule_id`: the
    schedule that this very content is already; `replaces_id`: the draft it would be a new version of.
    """

    kind: str
    name: str
    school_year: str
    month: date | None
    due_on: date | None
    lines: tuple[FeeLine, ...]
    registrations: tuple[Registration, ...]
    forecast: Forecast | None
    relief: Relief
    schedule_id: int | None
    replaces_id: int | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Drafted:
    """The schedule of a file. `is_new` is False when the same content was there: nothing changed."""

    schedule_id: int
    is_new: bool
    version: int


async def preview_schedule(
    db: Driver, school_id: int, data: bytes, file_name: str
) -> SchedulePreview:
    """Read a fee file and check it against the school; writes nothing.

    Raises Problem (422) for a file that cannot be read at all.
    """
    file = _read(data, file_name)
    school = await _school(db, school_id, file)
    lines, against = check_against(file, school)
    faults = (*file.faults, *against)
    counted, lowered = None, Relief()
    if not faults and file.month:
        counted = forecast_of(lines, file.registrations, school)
        grants = await grants_of(db, school_id, file.month, file.school_year)
        lowered = await _relief(db, school_id, file, lines, school, grants)
        counted = replace(
            counted,
            invoice_count=counted.invoice_count - lowered.free_bills,
            total_vnd=counted.total_vnd - lowered.by_school_vnd - lowered.by_state_vnd,
        )
    return SchedulePreview(
        kind=file.kind,
        name=file.name,
        school_year=file.school_year,
        month=file.month,
        due_on=file.due_on,
        lines=lines,
        registrations=file.registrations,
        forecast=counted,
        relief=lowered,
        schedule_id=await _same_content(db, school_id, file) if not file.faults else None,
        replaces_id=await _open_draft(db, school_id, file),
        faults=faults,
    )


async def draft_schedule(
    db: Driver, school_id: int, data: bytes, file_name: str, *, actor: str
) -> Drafted:
    """Write the file as a drafted schedule with its items; the same content again changes nothing.

    A draft of the same name and month becomes a new version of itself, drafted by `actor`. Raises
    Problem (422) with every fault.
    """
    actor = person(actor)
    file = _read(data, file_name)
    _refuse(file.faults)
    await lock_fees(db, school_id)
    if known := await _same_content(db, school_id, file):
        version = await db.raw.fetchval(
            "SELECT version FROM fee_schedule WHERE school_id = $1 AND id = $2", school_id, known
        )
        return Drafted(known, is_new=False, version=version)
    school = await _school(db, school_id, file)
    lines, faults = check_against(file, school)
    _refuse(faults)
    changed = await _write_items(db, school_id, lines, school)
    drafted = await _write_schedule(db, school_id, file, actor)
    await _write_lines(db, school_id, drafted.schedule_id, lines, file.registrations)
    await _outdate_drafts(db, school_id, drafted.schedule_id, changed)
    await open_books(db, school_id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.draft",
        subject=f"fee_schedule:{drafted.schedule_id}",
        detail={
            "kind": file.kind,
            "name": file.name,
            "month": str(file.month),
            "version": drafted.version,
            "content_hash": file.content_hash(),
            "lines": len(lines),
            "registrations": len(file.registrations),
        },
    )
    return drafted


async def approve_schedule(
    db: Driver, school_id: int, schedule_id: int, *, actor: str, version: int | None = None
) -> None:
    """Approve a drafted schedule. `version`: the version that the approver was shown, if known.

    Raises Problem: 404 no such schedule; 409 it is not a draft, or another version stands by now;
    403 the approver drafted it.
    """
    actor = person(actor)
    await lock_fees(db, school_id)
    row = await db.raw.fetchrow(
        "SELECT status, version, drafted_by, content_hash FROM fee_schedule"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        schedule_id,
    )
    if row is None:
        raise not_found("đợt thu này", "fee schedule")
    if row["status"] != "drafted":
        raise Problem(
            "not_a_draft",
            vi="Đợt thu đã được duyệt trước đó.",
            en="The fee schedule was approved before.",
            status=409,
        )
    if version is not None and version != row["version"]:
        raise Problem(
            "schedule_changed",
            vi="Đợt thu đã thay đổi sau khi mở xem. Hãy xem lại rồi duyệt.",
            en="The fee schedule changed since it was shown. Look again, then approve.",
            status=409,
        )
    if actor.casefold() == row["drafted_by"].casefold():
        raise Problem(
            "same_person",
            vi="Người lập đợt thu không được tự duyệt; cần một người khác.",
            en="Whoever drafted the schedule cannot approve it; another person must.",
            status=403,
        )
    await db.raw.execute(
        "UPDATE fee_schedule SET status = 'approved', approved_by = $3, approved_at = now()"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        schedule_id,
        actor,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.approve",
        subject=f"fee_schedule:{schedule_id}",
        detail={"version": row["version"], "content_hash": row["content_hash"]},
    )


async def lock_fees(db: Driver, school_id: int) -> None:
    """Drafting, approving and issuing in one school wait for one another: each decides by what the
    others have written. Money that arrives does not wait (foreign keys take a weaker lock).
    """
    await db.raw.execute("SELECT FROM school WHERE id = $1 FOR NO KEY UPDATE", school_id)


def _read(data: bytes, file_name: str) -> ScheduleFile:
    try:
        return read_schedule(data, file_name)
    except FileError as error:
        raise unreadable(error) from error


def unreadable(error: FileError) -> DomainError:
    """A file that cannot be read as a whole, for the person who sent it (422)."""
    return Problem(
        error.code,
        vi=f"{error.detail}.",
        en=f"The file cannot be read ({error.code.replace('_', ' ')}).",
        status=422,
    )


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Problem(
            "fee_file_refused",
            vi=f"Tệp khoản thu có {len(faults)} chỗ cần sửa; chưa có gì được ghi.",
            en=f"The fee file has {len(faults)} faults; nothing was written.",
            status=422,
            faults=tuple(faults),
        )


def person(actor: str) -> str:
    """Who acts, white space tidied. Raises Problem when it is nobody."""
    tidy = " ".join(actor.split())
    if not tidy:
        raise Problem("actor_missing", vi="Cần tên người thực hiện.", en="Say who acts.")
    return tidy


async def _school(db: Driver, school_id: int, file: ScheduleFile) -> School:
    """Everything that the file is checked against, in four queries."""
    classes = await db.raw.fetch(
        """
        SELECT c.name, c.grade, count(e.student_id) AS student_count
          FROM school_class c LEFT JOIN enrolment e ON e.school_id = c.school_id AND e.class_id = c.id
         WHERE c.school_id = $1 AND c.school_year = $2 AND c.kind = 'class' GROUP BY c.id, c.name, c.grade ORDER BY c.id
        """,
        school_id,
        file.school_year,
    )
    accounts = await db.raw.fetch(
        "SELECT id, number, is_default FROM bank_account WHERE school_id = $1", school_id
    )
    students = await db.raw.fetch(
        """
        SELECT s.code, c.name FROM student s
          LEFT JOIN enrolment e ON e.school_id = s.school_id AND e.student_id = s.id AND e.school_year = $3
          LEFT JOIN school_class c ON c.school_id = e.school_id AND c.id = e.class_id
         WHERE s.school_id = $1 AND s.code = ANY($2::text[])
        """,
        school_id,
        [asked.student_code for asked in file.registrations],
        file.school_year,
    )
    items = await db.raw.fetch(
        """
        SELECT i.code, i.nature, i.unit, i.bank_account_id, i.is_optional,
               EXISTS (SELECT FROM fee_schedule_line l
                         JOIN fee_schedule f ON f.school_id = l.school_id AND f.id = l.fee_schedule_id
                        WHERE l.school_id = i.school_id AND l.fee_item_id = i.id
                          AND f.status <> 'drafted') AS is_settled
          FROM fee_item i WHERE i.school_id = $1 AND i.code = ANY($2::text[])
        """,
        school_id,
        [line.item_code for line in file.lines],
    )
    return School(
        classes=tuple(
            SchoolClass(row["name"], row["grade"], row["student_count"]) for row in classes
        ),
        accounts={row["number"]: row["id"] for row in accounts},
        default_account=next((row["number"] for row in accounts if row["is_default"]), ""),
        class_of={row["code"]: row["name"] for row in students},
        items={row["code"]: row for row in items},
    )


async def _relief(
    db: Driver,
    school_id: int,
    file: ScheduleFile,
    lines: Sequence[FeeLine],
    school: School,
    grants: Sequence[Grant],
) -> Relief:
    """What the schedule would concede, by the classes of the pupils with a grant."""
    rows = await db.raw.fetch(
        """
        SELECT s.code, c.name FROM student s
          JOIN enrolment e ON e.school_id = s.school_id AND e.student_id = s.id AND e.school_year = $3
          JOIN school_class c ON c.school_id = e.school_id AND c.id = e.class_id
         WHERE s.school_id = $1 AND s.code = ANY($2::text[])
        """,
        school_id,
        list({grant.student_code for grant in grants}),
        file.school_year,
    )
    registered: dict[str, frozenset[str]] = {}
    for asked in file.registrations:
        before = registered.get(asked.student_code, frozenset())
        registered[asked.student_code] = before | {asked.item_code}
    return relief(
        lines,
        registered,
        {each.name: each for each in school.classes},
        {row["code"]: row["name"] for row in rows},
        grants,
    )


async def _same_content(db: Driver, school_id: int, file: ScheduleFile) -> int | None:
    found: int | None = await db.raw.fetchval(
        "SELECT id FROM fee_schedule WHERE school_id = $1 AND content_hash = $2",
        school_id,
        file.content_hash(),
    )
    return found


async def _open_draft(db: Driver, school_id: int, file: ScheduleFile) -> int | None:
    found: int | None = await db.raw.fetchval(
        "SELECT id FROM fee_schedule WHERE school_id = $1 AND name = $2 AND month = $3"
        " AND status = 'drafted' ORDER BY id DESC LIMIT 1",
        school_id,
        file.name,
        file.month,
    )
    return found


async def _write_items(
    db: Driver, school_id: int, lines: Sequence[FeeLine], school: School
) -> list[int]:
    """Make or change the items; returns the ids of those that changed.

    A procedure is a label, as the name is: a later file may tell another, but not by leaving it out.
    """
    items = list({line.item_code: line for line in lines}.values())
    rows = await db.raw.fetch(
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
    return [row["id"] for row in rows]


async def _write_schedule(db: Driver, school_id: int, file: ScheduleFile, actor: str) -> Drafted:
    """The schedule's own row: a new one, or the draft it corrects, emptied, in its next version."""
    draft_id = await _open_draft(db, school_id, file)
    if draft_id is None:
        row = await db.raw.fetchrow(
            """
            INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, version, content_hash,
                                      drafted_by, kind)
            SELECT $1, $2, $3, $4, $5, 1 + coalesce(max(version), 0), $6, $7, $8
              FROM fee_schedule WHERE school_id = $1 AND name = $2 AND month = $4
            RETURNING id, version
            """,
            school_id,
            file.name,
            file.school_year,
            file.month,
            file.due_on,
            file.content_hash(),
            actor,
            file.kind,
        )
    else:
        for table in ("fee_registration", "fee_schedule_line"):
            await db.raw.execute(
                f"DELETE FROM {table} WHERE school_id = $1 AND fee_schedule_id = $2",
                school_id,
                draft_id,
            )
        row = await db.raw.fetchrow(
            "UPDATE fee_schedule SET version = version + 1, school_year = $3, due_on = $4,"
            " content_hash = $5, drafted_by = $6, kind = $7 WHERE school_id = $1 AND id = $2 RETURNING id, version",
            school_id,
            draft_id,
            file.school_year,
            file.due_on,
            file.content_hash(),
            actor,
            file.kind,
        )
    return Drafted(row["id"], is_new=True, version=row["version"])


async def _write_lines(
    db: Driver,
    school_id: int,
    schedule_id: int,
    lines: Sequence[FeeLine],
    registrations: Sequence[Registration],
) -> None:
    await db.raw.execute(
        """
        INSERT INTO fee_schedule_line (school_id, fee_schedule_id, line_no, fee_item_id, scope,
                                       unit_price_vnd, quantity, period_months)
        SELECT $1, $2, l.line_no, i.id, l.scope, l.unit_price_vnd, l.quantity, l.period_months
          FROM unnest($3::text[], $4::text[], $5::bigint[], $6::int[], $7::int[]) WITH ORDINALITY
               AS l(code, scope, unit_price_vnd, quantity, period_months, line_no)
          JOIN fee_item i ON i.school_id = $1 AND i.code = l.code
        """,
        school_id,
        schedule_id,
        [line.item_code for line in lines],
        [line.scope for line in lines],
        [line.unit_price_vnd for line in lines],
        [line.quantity for line in lines],
        [line.period_months for line in lines],
    )
    await db.raw.execute(
        """
        INSERT INTO fee_registration (school_id, fee_schedule_id, student_id, fee_item_id)
        SELECT $1, $2, s.id, i.id FROM unnest($3::text[], $4::text[]) AS r(student_code, item_code)
          JOIN student s ON s.school_id = $1 AND s.code = r.student_code
          JOIN fee_item i ON i.school_id = $1 AND i.code = r.item_code
        """,
        school_id,
        schedule_id,
        [asked.student_code for asked in registrations],
        [asked.item_code for asked in registrations],
    )


async def _outdate_drafts(
    db: Driver, school_id: int, schedule_id: int, item_ids: Sequence[int]
) -> None:
    """Other drafts with items that changed are no longer what was shown, nor what their file says."""
    await db.raw.execute(
        """
        UPDATE fee_schedule f SET version = version + 1, content_hash = 'outdated:' || id || ':' || version
         WHERE school_id = $1 AND id <> $2 AND status = 'drafted'
           AND EXISTS (SELECT FROM fee_schedule_line l WHERE l.school_id = f.school_id
                          AND l.fee_schedule_id = f.id AND l.fee_item_id = ANY($3::bigint[]))
        """,
        school_id,
        schedule_id,
        item_ids,
    )
