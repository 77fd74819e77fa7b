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
from adapters.messages import msg
from core.fees.service import lock_fees
from core.identity.audit import audit
from core.invoices.charges import WRITE, BillNumbers, Written, numbers
from core.invoices.service import MARK_ISSUED
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.kit.text import unaccent
from core.ledger.service import account_of, books_of
from core.portal.errors import (
    ApplicationsRefusedError,
    FileCodesTakenError,
    NotAServiceError,
    ServiceNotApprovedError,
    ServiceNotFoundError,
    SeveralAccountsError,
)
from core.portal.forms import Form, FormFile, PricedForm, ServiceLine, price_forms, read_forms
from core.portal.queries import ApplicationRow, applications_by_code
from core.students.changes import new_references
from core.students.errors import file_error
from core.students.service import lock_roster

SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenService:
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

    service: OpenService
    created: int
    unchanged: int
    total_vnd: int
    ignored_columns: tuple[str, ...]
    faults: tuple[Fault, ...]
    sample: tuple[PricedForm, ...]


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What decides whether a schedule takes applications. `account_count`: accounts its lines are paid to."""

    kind: str
    name: str
    school_year: str
    due_on: date
    status: str
    account_count: int


@dataclass(frozen=True, slots=True)
class CodeInUse:
    """A file code that the school has: an application's, and whether of the same content, or a pupil's."""

    code: str
    is_application: bool
    is_same: bool


@dataclass(frozen=True, slots=True)
class Applicant:
    """The student row of an application."""

    code: str
    student_id: int


SERVICE = Query(
    ServiceRecord,
    """
SELECT f.kind, f.name, f.school_year, f.due_on, f.status,
       (SELECT count(DISTINCT i.bank_account_id) FROM fee_schedule_line l
          JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
         WHERE l.school_id = f.school_id AND l.fee_schedule_id = f.id) AS account_count
  FROM fee_schedule f WHERE f.school_id = $1 AND f.id = $2
""",
)
SERVICE_LINES = Query(
    ServiceLine,
    """
SELECT i.code AS item_code, i.name, i.unit, l.unit_price_vnd, l.quantity, i.is_optional
  FROM fee_schedule_line l JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
 WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no
""",
)
CODES_IN_USE = Query(
    CodeInUse,
    """
SELECT s.code, a.id IS NOT NULL AS is_application,
       coalesce(a.fee_schedule_id = $3 AND s.full_name = w.full_name AND a.quantities = w.quantities::jsonb, false)
         AS is_same
  FROM unnest($2::text[], $4::text[], $5::text[]) AS w(file_code, full_name, quantities)
  JOIN student s ON s.school_id = $1 AND s.code = w.file_code
  LEFT JOIN application a ON a.school_id = s.school_id AND a.student_id = s.id
""",
)
# ten minutes, to the transaction's end
ALLOW_TIME = Command("SET LOCAL statement_timeout = '600s'")
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


async def open_service(db: Driver, school_id: int, service_id: int) -> OpenService:
    """A service that takes applications.

    Raises ServiceNotFoundError, NotAServiceError, ServiceNotApprovedError, SeveralAccountsError.
    """
    service = await db.fetch_one(SERVICE, school_id, service_id)
    if service is None:
        raise ServiceNotFoundError
    if service.kind != "application":
        raise NotAServiceError
    if service.status == "drafted":
        raise ServiceNotApprovedError
    if service.account_count != 1:
        raise SeveralAccountsError
    return OpenService(
        id=service_id,
        name=service.name,
        school_year=service.school_year,
        due_on=service.due_on,
        lines=tuple(await db.fetch(SERVICE_LINES, school_id, service_id)),
    )


async def preview_forms(
    db: Driver, school_id: int, service_id: int, data: bytes, file_name: str
) -> FormsPreview:
    """What a file would add, with every fault in it; nothing is written.

    Raises as `open_service` does; FileTooLargeError or UnreadableFileError of the students.
    """
    service = await open_service(db, school_id, service_id)
    file = await _read(data, file_name, service)
    wanted, faults = price_forms(file.forms, service.lines)
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
    """Submit every application of a file. Raises as `preview_forms` and `submit` do."""
    file = await _read(data, file_name, await open_service(db, school_id, service_id))
    refuse(file.faults)
    return await submit(db, keys, school_id, service_id, file.forms, on=on, actor=actor)


async def _read(data: bytes, file_name: str, service: OpenService) -> FormFile:
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

    All or none. Applications of one school wait for one another, and for its roster. Raises as
    `open_service` does; ApplicationsRefusedError with every fault of the forms; FileCodesTakenError where
    a file code is a pupil's, or stands for another application.
    """
    await db.execute(ALLOW_TIME)
    await lock_fees(db, school_id)
    await lock_roster(db, school_id)
    service = await open_service(db, school_id, service_id)
    wanted, faults = price_forms(forms, service.lines)
    refuse(faults)
    new, _, used = await _compare(db, school_id, service, wanted)
    if used:
        raise FileCodesTakenError(tuple(used))
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


def refuse(faults: Sequence[Fault]) -> None:
    """Raise ApplicationsRefusedError with every fault, if there is one."""
    if faults:
        raise ApplicationsRefusedError(tuple(faults))


async def _compare(
    db: Driver, school_id: int, service: OpenService, wanted: Sequence[PricedForm]
) -> tuple[list[PricedForm], list[PricedForm], list[Fault]]:
    """The applications that are new, those that are here already, and those whose code is taken."""
    found = await db.fetch(
        CODES_IN_USE,
        school_id,
        [one.file_code for one in wanted],
        service.id,
        [one.full_name for one in wanted],
        [json.dumps(dict(one.quantities)) for one in wanted],
    )
    taken = {one.code: one for one in found}
    pairs = [(one, taken.get(one.file_code)) for one in wanted]
    return (
        [one for one, use in pairs if use is None],
        [one for one, use in pairs if use and use.is_same],
        [_code_used(one, use) for one, use in pairs if use and not use.is_same],
    )


def _code_used(one: PricedForm, use: CodeInUse) -> Fault:
    if use.is_application:
        code = "other_application"
        text = msg(
            "Mã hồ sơ này đã dùng cho một hồ sơ có nội dung khác; hồ sơ đã nộp không sửa được."
        )
    else:
        code = "code_of_pupil"
        text = msg("Mã này là mã của một học sinh trong trường; hãy dùng mã khác.")
    return fault(code, text, row=one.row, column="Mã hồ sơ", value=one.file_code)


async def _write(
    db: Driver,
    keys: Keys,
    school_id: int,
    service: OpenService,
    new: Sequence[PricedForm],
    on: date,
) -> None:
    """Group, applicants, invoices with their lines and transfers, applications: one statement each."""
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
