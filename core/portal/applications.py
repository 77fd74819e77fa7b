"""Applications for a service: an applicant and an invoice under a file code, outside the roster.

A service is a fee schedule of kind "application", approved by a second person as any other. Whoever
applies becomes a student row without an enrolment, in a group that bears the service's name, so that no
roster schedule ever charges them. The same application again changes nothing; another under the same
file code is refused, for the first may be paid any moment: it stays as it is, or is cancelled.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import FileError
from core.fees.service import lock_fees
from core.identity.audit import audit
from core.invoices.service import NUMBERS, TIMEOUT_S, WRITE
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.faults import Fault
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.kit.text import unaccent
from core.ledger.service import account_of, books_of
from core.portal.forms import Form, FormFile, ServiceLine, Wanted, read_forms, settle
from core.portal.queries import ApplicationRow, applications_by_code
from core.students.errors import file_error
from core.students.service import lock_roster

SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An approved service: what may be applied for until when, and at which price."""

    id: int
    name: str
    school_year: str
    due_on: date
    lines: tuple[ServiceLine, ...]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The applications in the order they were handed in; `created`: the file codes that are new."""

    applications: tuple[ApplicationRow, ...]
    created: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormsPreview:
    """What a file of applications would add. `total_vnd`: of those that are new."""

    service: Service
    created: int
    unchanged: int
    total_vnd: int
    ignored_columns: tuple[str, ...]
    faults: tuple[Fault, ...]
    sample: tuple[Wanted, ...]


async def open_service(db: Driver, school_id: int, service_id: int) -> Service:
    """A service that takes applications.

    Raises Problem: 404 no such schedule; 409 it is for the roster, or nobody approved it.
    """
    row = await db.raw.fetchrow(
        "SELECT kind, name, school_year, due_on, status FROM fee_schedule"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        service_id,
    )
    if row is None:
        raise not_found("dịch vụ này", "service")
    if row["kind"] != "application":
        raise Problem(
            "not_a_service",
            vi="Đợt thu này thu theo lớp, không nhận hồ sơ.",
            en="This schedule is charged to the roster and takes no applications.",
            status=409,
        )
    if row["status"] == "drafted":
        raise Problem(
            "not_approved",
            vi="Dịch vụ chưa được duyệt nên chưa nhận hồ sơ.",
            en="The service is not approved and takes no applications yet.",
            status=409,
        )
    lines = await db.raw.fetch(
        """
        SELECT i.code AS item_code, i.name, i.unit, l.unit_price_vnd, l.quantity, i.is_optional, i.bank_account_id
          FROM fee_schedule_line l JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
         WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no
        """,
        school_id,
        service_id,
    )
    if len({line["bank_account_id"] for line in lines}) != 1:  # an item was changed while a draft
        raise Problem(
            "several_accounts",
            vi="Các khoản của dịch vụ vào nhiều tài khoản khác nhau; hãy lập lại dịch vụ.",
            en="The service's fees are paid to several accounts; draft the service again.",
            status=409,
        )
    return Service(
        id=service_id,
        name=row["name"],
        school_year=row["school_year"],
        due_on=row["due_on"],
        lines=tuple(
            ServiceLine(**{name: line[name] for name in ServiceLine.__slots__}) for line in lines
        ),
    )


async def preview_forms(
    db: Driver, school_id: int, service_id: int, data: bytes, file_name: str
) -> FormsPreview:
    """What a file would add, with every fault in it; nothing is written.

    Raises Problem: as `open_service` does; 413 or 422 for a file that cannot be read as a whole.
    """
    service = await open_service(db, school_id, service_id)
    file = await _read(data, file_name, service)
    wanted, faults = settle(file.forms, service.lines)
    new, known, used = await _compare(db, school_id, service, wanted)
    return FormsPreview(
        service=service,
        created=len(new),
        unchanged=len(known),
        total_vnd=sum(one.total_vnd for one in new),
        ignored_columns=file.ignored_columns,
        faults=(*file.faults, *faults, *used),
        sample=wanted[:SAMPLE_ROWS],
    )


async def accept_forms(
    db: Driver,
    keys: Keys,
    school_id: int,
    service_id: int,
    data: bytes,
    file_name: str,
    *,
    on: date,
    actor: str,
) -> Submitted:
    """Submit every application of a file. Raises Problem as `preview_forms` and `submit` do."""
    file = await _read(data, file_name, await open_service(db, school_id, service_id))
    refuse(file.faults, 422)
    return await submit(db, keys, school_id, service_id, file.forms, on=on, actor=actor)


async def _read(data: bytes, file_name: str, service: Service) -> FormFile:
    """The file as read, in a thread: a long one takes seconds."""
    try:
        return await asyncio.to_thread(read_forms, data, file_name, service.lines)
    except FileError as error:
        raise file_error(error) from error


async def submit(
    db: Driver,
    keys: Keys,
    school_id: int,
    service_id: int,
    forms: Sequence[Form],
    *,
    on: date,
    actor: str,
) -> Submitted:
    """Write applications in the caller's transaction, each with its invoice dated `on` (Vietnam).

    All or none. Applications of one school wait for one another, and for its roster. Raises Problem:
    as `open_service` does; 422 with every fault of the forms; 409 where a file code is a pupil's, or
    stands for another application.
    """
    await db.raw.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
    await lock_fees(db, school_id)
    await lock_roster(db, school_id)
    service = await open_service(db, school_id, service_id)
    wanted, faults = settle(forms, service.lines)
    refuse(faults, 422)
    new, _, used = await _compare(db, school_id, service, wanted)
    refuse(used, 409)
    if new:
        await _write(db, keys, school_id, service, new, on)
        await audit(
            db,
            school_id,
            actor=actor,
            action="application.submit",
            subject=f"fee_schedule:{service_id}",
            detail={
                "on": str(on),
                "applications": len(new),
                "total_vnd": sum(one.total_vnd for one in new),
            },
        )
    found = await applications_by_code(db, school_id, [one.file_code for one in wanted])
    return Submitted(
        tuple(found[one.file_code] for one in wanted), frozenset(one.file_code for one in new)
    )


def refuse(faults: Sequence[Fault], status: int) -> None:
    """Raise the Problem that names every fault, if there is one."""
    if faults:
        raise Problem(
            "applications_refused",
            vi=f"Có {len(faults)} chỗ cần sửa trong hồ sơ; chưa có gì được ghi.",
            en=f"The applications have {len(faults)} faults; nothing was written.",
            status=status,
            faults=tuple(faults),
        )


async def _compare(
    db: Driver, school_id: int, service: Service, wanted: Sequence[Wanted]
) -> tuple[list[Wanted], list[Wanted], list[Fault]]:
    """The applications that are new, those that are here already, and those whose code is taken."""
    rows = await db.raw.fetch(
        """
        SELECT s.code, a.id IS NOT NULL AS is_application,
               a.fee_schedule_id = $3 AND s.full_name = w.full_name AND a.quantities = w.quantities::jsonb
                 AS is_same
          FROM unnest($2::text[], $4::text[], $5::text[]) AS w(file_code, full_name, quantities)
          JOIN student s ON s.school_id = $1 AND s.code = w.file_code
          LEFT JOIN application a ON a.school_id = s.school_id AND a.student_id = s.id
        """,
        school_id,
        [one.file_code for one in wanted],
        service.id,
        [one.full_name for one in wanted],
        [json.dumps(dict(one.quantities)) for one in wanted],
    )
    taken = {row["code"]: row for row in rows}
    new = [one for one in wanted if one.file_code not in taken]
    known = [one for one in wanted if one.file_code in taken and taken[one.file_code]["is_same"]]
    return (
        new,
        known,
        [
            _code_used(one, is_application=taken[one.file_code]["is_application"])
            for one in wanted
            if one.file_code in taken and not taken[one.file_code]["is_same"]
        ],
    )


def _code_used(one: Wanted, *, is_application: bool) -> Fault:
    if is_application:
        code = "other_application"
        vi = "Mã hồ sơ này đã dùng cho một hồ sơ có nội dung khác; hồ sơ đã nộp không sửa được."
        en = "This file code stands for another application; what was handed in cannot be changed."
    else:
        code, vi = "code_of_pupil", "Mã này là mã của một học sinh trong trường; hãy dùng mã khác."
        en = "This code is a pupil's; use another."
    return Fault(code=code, vi=vi, en=en, row=one.row, column="Mã hồ sơ", value=one.file_code)


# $1 school, $2 service, $3 what each applicant wants; nothing is conceded to an applicant
CHARGES = """
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
BILL = CHARGES + WRITE


async def _write(
    db: Driver, keys: Keys, school_id: int, service: Service, new: Sequence[Wanted], on: date
) -> None:
    """Group, applicants, invoices with their lines and transfers, applications: one statement each."""
    books = await books_of(db, school_id)
    await db.raw.execute(
        "INSERT INTO school_class (school_id, school_year, name, grade, kind)"
        " VALUES ($1, $2, $3, 0, 'applicants') ON CONFLICT DO NOTHING",
        school_id,
        service.school_year,
        service.name,
    )
    numbers = await db.raw.fetch(
        "SELECT nextval('reference_number_seq') FROM generate_series(1, $1)", len(new)
    )
    applicants = await db.raw.fetch(
        """
        INSERT INTO student (school_id, code, full_name, search_name, reference)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
        RETURNING code, id
        """,
        school_id,
        [one.file_code for one in new],
        [one.full_name for one in new],
        [unaccent(one.full_name).lower() for one in new],
        make_references([row[0] for row in numbers], keys.reference),
    )
    ids = {row["code"]: row["id"] for row in applicants}
    reserved = await db.raw.fetch(NUMBERS.format(count="$1"), len(new))
    billed = await db.raw.fetchrow(
        BILL,
        school_id,
        service.id,
        json.dumps(
            [
                {"student_id": ids[one.file_code], "item_code": code, "quantity": number}
                for one in new
                for code, number in one.quantities.items()
            ]
        ),
        [row["invoice_id"] for row in reserved],
        make_references([row["number"] for row in reserved], keys.reference),
        [row["journal_id"] for row in reserved],
        on,
        max(service.due_on, on),
        books.receivable_id,
        await account_of(db, school_id, "state_receivable"),
        [row["state_journal_id"] for row in reserved],
    )
    expected = (len(new), sum(one.total_vnd for one in new))
    if billed is None or (billed["invoices"], billed["total_vnd"]) != expected:
        raise RuntimeError("the invoices are not what the applications come to")
    await db.raw.execute(
        """
        INSERT INTO application (school_id, fee_schedule_id, file_code, student_id, invoice_id, quantities)
        SELECT $1, $2, w.file_code, w.student_id, i.id, w.quantities::jsonb
          FROM unnest($3::text[], $4::bigint[], $5::text[]) AS w(file_code, student_id, quantities)
          JOIN invoice i ON i.school_id = $1 AND i.fee_schedule_id = $2 AND i.student_id = w.student_id
        """,
        school_id,
        service.id,
        [one.file_code for one in new],
        [ids[one.file_code] for one in new],
        [json.dumps(dict(one.quantities)) for one in new],
    )
    await db.raw.execute(
        "UPDATE fee_schedule SET status = 'issued', issued_at = coalesce(issued_at, now())"
        " WHERE school_id = $1 AND id = $2",
        school_id,
        service.id,
    )
