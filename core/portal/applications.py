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
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.seal import Keys
from core.portal.errors import ApplicationsRefusedError, FileCodesTakenError
from core.portal.forms import Form, FormFile, PricedForm, price_forms, read_forms
from core.portal.queries import ApplicationRow, applications_by_code
from core.portal.services import OpenService, open_service
from core.portal.write import write_applications
from core.students.errors import file_error
from core.students.service import lock_roster

SAMPLE_ROWS = 20


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
class CodeInUse:
    """A file code that the school has: an application's, and whether of the same content, or a pupil's."""

    code: str
    is_application: bool
    is_same: bool


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
        await write_applications(db, keys, school_id, service, new, on)
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
