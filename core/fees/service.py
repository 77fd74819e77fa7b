"""Fee schedules: previewed, drafted from a file by one person, approved by another.

Nothing is written while a fault stands. A draft may be corrected by importing the corrected file: it
stays the same schedule in a new version. What an approved schedule fixes of an item (nature, unit,
payee account, optional or not) is never changed by a later file: that would bypass the approval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from adapters.contract import FileError
from core.fees.checks import SchoolFacts, check_against, forecast_of
from core.fees.drafts import write_draft
from core.fees.errors import (
    FeeActorMissingError,
    FeeFileRefusedError,
    NotADraftError,
    SamePersonError,
    ScheduleChangedError,
    ScheduleNotFoundError,
    UnreadableFeeFileError,
)
from core.fees.items import FeeLine
from core.fees.queries import (
    classes_of_students,
    grants_of,
    open_draft,
    same_content,
    school_facts,
)
from core.fees.registrations import Registration
from core.fees.relief import Grant, Relief, relief
from core.fees.schedule import ScheduleFile, read_schedule
from core.fees.scopes import Forecast
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.faults import Fault
from core.ledger.service import open_books

# Before joins over a whole school: how many pupils hold a concession the planner cannot know, and where
# it guesses few, a loop over all pairs takes minutes instead of a second.
LINEAR = Command("SET LOCAL enable_nestloop = off")

# Weaker than FOR UPDATE: the foreign keys of money that arrives (FOR KEY SHARE) do not wait for it.
LOCK_FEES = Command("SELECT FROM school WHERE id = $1 FOR NO KEY UPDATE")


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

    Raises UnreadableFeeFileError.
    """
    file = _read(data, file_name)
    school = await school_facts(db, school_id, file)
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
    known = await same_content(db, school_id, file) if not file.faults else None
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
        schedule_id=known.schedule_id if known else None,
        replaces_id=await open_draft(db, school_id, file),
        faults=faults,
    )


async def draft_schedule(
    db: Driver, school_id: int, data: bytes, file_name: str, *, actor: str
) -> Drafted:
    """Write the file as a drafted schedule with its items; the same content again changes nothing.

    A draft of the same name and month becomes a new version of itself, drafted by `actor`. Raises
    UnreadableFeeFileError, FeeFileRefusedError with every fault, FeeActorMissingError.
    """
    actor = require_actor(actor)
    file = _read(data, file_name)
    _refuse(file.faults)
    await lock_fees(db, school_id)
    if known := await same_content(db, school_id, file):
        return Drafted(known.schedule_id, is_new=False, version=known.version)
    school = await school_facts(db, school_id, file)
    lines, faults = check_against(file, school)
    _refuse(faults)
    draft = await write_draft(db, school_id, file, lines, school, actor)
    await open_books(db, school_id)
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.draft",
        subject=f"fee_schedule:{draft.schedule_id}",
        detail={
            "kind": file.kind,
            "name": file.name,
            "month": str(file.month),
            "version": draft.version,
            "content_hash": file.content_hash(),
            "lines": len(lines),
            "registrations": len(file.registrations),
        },
    )
    return Drafted(draft.schedule_id, is_new=True, version=draft.version)


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """What decides whether a schedule may be approved, and by whom."""

    status: str
    version: int
    drafted_by: str
    content_hash: str


APPROVAL_STATE = Query(
    ApprovalState,
    """
SELECT status, version, drafted_by, content_hash FROM fee_schedule WHERE school_id = $1 AND id = $2
""",
)
APPROVE = Command("""
UPDATE fee_schedule SET status = 'approved', approved_by = $3, approved_at = now()
 WHERE school_id = $1 AND id = $2
""")


async def approve_schedule(
    db: Driver, school_id: int, schedule_id: int, *, actor: str, version: int | None = None
) -> None:
    """Approve a drafted schedule. `version`: the version that the approver was shown, if known.

    Raises ScheduleNotFoundError, NotADraftError, ScheduleChangedError when another version stands by
    now, SamePersonError when the approver drafted it, FeeActorMissingError.
    """
    actor = require_actor(actor)
    await lock_fees(db, school_id)
    schedule = await db.fetch_one(APPROVAL_STATE, school_id, schedule_id)
    if schedule is None:
        raise ScheduleNotFoundError
    if schedule.status != "drafted":
        raise NotADraftError
    if version is not None and version != schedule.version:
        raise ScheduleChangedError
    if actor.casefold() == schedule.drafted_by.casefold():
        raise SamePersonError
    await db.execute(APPROVE, school_id, schedule_id, actor)
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.approve",
        subject=f"fee_schedule:{schedule_id}",
        detail={"version": schedule.version, "content_hash": schedule.content_hash},
    )


async def lock_fees(db: Driver, school_id: int) -> None:
    """Drafting, approving and issuing in one school wait for one another: each decides by what the
    others have written. Money that arrives does not wait.
    """
    await db.execute(LOCK_FEES, school_id)


def _read(data: bytes, file_name: str) -> ScheduleFile:
    try:
        return read_schedule(data, file_name)
    except FileError as error:
        raise UnreadableFeeFileError(error.code, error.detail) from error


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise FeeFileRefusedError(tuple(faults))


def require_actor(actor: str) -> str:
    """Who acts, white space tidied. Raises FeeActorMissingError when it is nobody."""
    tidy = " ".join(actor.split())
    if not tidy:
        raise FeeActorMissingError
    return tidy


async def _relief(
    db: Driver,
    school_id: int,
    file: ScheduleFile,
    lines: Sequence[FeeLine],
    school: SchoolFacts,
    grants: Sequence[Grant],
) -> Relief:
    """What the schedule would concede, by the classes of the pupils with a grant."""
    registered: dict[str, frozenset[str]] = {}
    for asked in file.registrations:
        before = registered.get(asked.student_code, frozenset())
        registered[asked.student_code] = before | {asked.item_code}
    class_of = await classes_of_students(
        db, school_id, {grant.student_code for grant in grants}, file.school_year
    )
    return relief(
        lines,
        registered,
        {each.name: each for each in school.classes},
        {code: name for code, name in class_of.items() if name},
        grants,
    )
