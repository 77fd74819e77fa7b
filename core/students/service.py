"""Importing a class list: what it would change, and changing it, by the same comparison.

Nothing is written until a list without faults is accepted; importing it again changes nothing. A
blank cell leaves what is known as it is, and a pupil missing from the list is counted, never removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from adapters.contract import FileError
from adapters.messages import msg
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.seal import Keys
from core.students.changes import RosterColumns, compare, write_pupils
from core.students.errors import BadSchoolYearError, RosterHasFaultsError, file_error
from core.students.roster import RosterFile, RosterRow, read_roster

SAMPLE_ROWS = 20
_LOCK_CLASS = 0x726F_7374  # "rost": the class of the advisory locks taken here


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterPreview:
    """What a list would change. `absent`: pupils of the year that it does not name."""

    school_year: str
    created: int
    updated: int
    unchanged: int
    absent: int
    new_classes: tuple[str, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    ignored_columns: tuple[str, ...]
    sample: tuple[RosterRow, ...] = field(repr=False)

    @property
    def rows(self) -> int:
        """Pupils that were read without a fault."""
        return self.created + self.updated + self.unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterResult:
    """What an accepted list changed."""

    school_year: str
    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ListFigures:
    """Pupils of the year that the list does not name, and its classes that the school does not have."""

    absent: int
    new_classes: tuple[str, ...]


FIGURES = Query(
    ListFigures,
    """
SELECT (SELECT count(*) FROM enrolment e JOIN student s ON s.school_id = $1 AND s.id = e.student_id
         WHERE e.school_id = $1 AND e.school_year = $2 AND s.code <> ALL($3::text[])) AS absent,
       ARRAY(SELECT DISTINCT name FROM unnest($4::text[]) AS name
              WHERE NOT EXISTS (SELECT FROM school_class c WHERE c.school_id = $1
                                   AND c.school_year = $2 AND c.kind = 'class' AND c.name = name.name)
              ORDER BY name) AS new_classes
""",
)
APPLICANTS_AMONG = Query(
    str,
    """
SELECT s.code FROM student s JOIN application a ON a.school_id = s.school_id AND a.student_id = s.id
 WHERE s.school_id = $1 AND s.code = ANY($2::text[])
""",
)
LOCK_ROSTER = Command("SELECT pg_advisory_xact_lock($1, ($2::bigint % 2147483647)::int)")

_YEAR = re.compile(r"([0-9]{4})-([0-9]{4})")


def school_year_of(day: date) -> str:
    """The school year that lists made on `day` are for: from July on the one that begins in September."""
    first = day.year if day.month >= 7 else day.year - 1
    return f"{first}-{first + 1}"


def check_school_year(school_year: str) -> str:
    """A school year as written, "2026-2027". Raises BadSchoolYearError."""
    year = _YEAR.fullmatch(school_year)
    if year is None or int(year[2]) != int(year[1]) + 1 or not 2000 <= int(year[1]) <= 2100:
        raise BadSchoolYearError
    return school_year


async def preview_roster(
    db: Driver,
    school_id: int,
    data: bytes,
    file_name: str,
    school_year: str,
    *,
    keys: Keys | None = None,
) -> RosterPreview:
    """What the list would change, with every fault; nothing is written.

    Personal numbers are compared only with `keys`. Raises FileTooLargeError, UnreadableFileError,
    BadSchoolYearError.
    """
    check_school_year(school_year)
    roster = await asyncio.to_thread(_read, data, file_name)
    columns = RosterColumns.of(roster.rows, keys)
    changes = await compare(db, school_id, school_year, columns)
    figures = await db.fetch_only(FIGURES, school_id, school_year, columns.codes, columns.classes)
    created = sum(change.is_new for change in changes)
    unchanged = sum(not change.is_changed for change in changes)
    return RosterPreview(
        school_year=school_year,
        created=created,
        updated=len(changes) - created - unchanged,
        unchanged=unchanged,
        absent=figures.absent,
        new_classes=figures.new_classes,
        faults=(*roster.faults, *await _applicants_among(db, school_id, roster.rows)),
        warnings=roster.warnings,
        ignored_columns=roster.ignored_columns,
        sample=roster.rows[:SAMPLE_ROWS],
    )


async def accept_roster(
    db: Driver,
    keys: Keys,
    school_id: int,
    data: bytes,
    file_name: str,
    school_year: str,
    *,
    actor: str,
) -> RosterResult:
    """Write the list in the caller's transaction: classes, pupils, enrolments, guardians.

    A new pupil gets a payment reference of their own. Raises RosterHasFaultsError with every fault
    (then nothing is written), and as `preview_roster` does.
    """
    check_school_year(school_year)
    roster = await asyncio.to_thread(_read, data, file_name)
    _refuse(roster.faults)
    await lock_roster(db, school_id)
    _refuse(await _applicants_among(db, school_id, roster.rows))
    changes = await compare(db, school_id, school_year, RosterColumns.of(roster.rows, keys))
    created = sum(change.is_new for change in changes)
    unchanged = sum(not change.is_changed for change in changes)
    result = RosterResult(
        school_year=school_year,
        created=created,
        updated=len(changes) - created - unchanged,
        unchanged=unchanged,
    )
    if created or result.updated:
        pairs = list(zip(roster.rows, changes, strict=True))
        changed = [row for row, change in pairs if change.is_changed]
        new = [row for row, change in pairs if change.is_new]
        await write_pupils(db, keys, school_id, school_year, changed, new)
        await audit(
            db,
            school_id,
            actor=actor,
            action="roster_accepted",
            subject=f"school_year:{school_year}",
            detail={
                "sha256": hashlib.sha256(data).hexdigest(),
                "created": result.created,
                "updated": result.updated,
                "unchanged": result.unchanged,
            },
        )
    return result


async def lock_roster(db: Driver, school_id: int) -> None:
    """Whatever gives out codes of one school's pupils waits for its like, to the transaction's end."""
    await db.execute(LOCK_ROSTER, _LOCK_CLASS, school_id)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise RosterHasFaultsError(tuple(faults))


async def _applicants_among(
    db: Driver, school_id: int, rows: Sequence[RosterRow]
) -> tuple[Fault, ...]:
    """A code that is an application's file code: whoever applied need not be the pupil of the list."""
    taken = frozenset(await db.fetch(APPLICANTS_AMONG, school_id, [row.code for row in rows]))
    return tuple(
        fault(
            "code_of_application",
            msg("Mã này là mã hồ sơ của một người nộp hồ sơ; hãy dùng mã khác cho học sinh."),
            row=row.row,
            column="Mã học sinh",
            value=row.code,
        )
        for row in rows
        if row.code in taken
    )


def _read(data: bytes, file_name: str) -> RosterFile:
    try:
        return read_roster(data, file_name, today=business_date(now_utc()))
    except FileError as error:
        raise file_error(error) from error
