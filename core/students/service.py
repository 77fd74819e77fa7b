"""Bringing a class list in: what it would change, and changing it, the same comparison for both.

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
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import DomainError, Problem
from core.kit.faults import Fault
from core.kit.reference import make_references
from core.kit.seal import Keys, keyed_hash, seal
from core.kit.text import unaccent
from core.students.roster import RosterFile, RosterRow, read_roster

PERSONAL_ID = "personal-id"
SAMPLE_ROWS = 20
_LOCK = 0x726F_7374  # "rost": one import of a school at a time


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


_YEAR = re.compile(r"([0-9]{4})-([0-9]{4})")


def school_year_of(day: date) -> str:
    """The school year that lists made on `day` are for: from July on the one that begins in September."""
    first = day.year if day.month >= 7 else day.year - 1
    return f"{first}-{first + 1}"


def check_school_year(school_year: str) -> str:
    """A school year as written, "2026-2027". Raises Problem (422)."""
    year = _YEAR.fullmatch(school_year)
    if year is None or int(year[2]) != int(year[1]) + 1 or not 2000 <= int(year[1]) <= 2100:
        raise Problem(
            "bad_school_year",
            vi="Năm học ghi như 2026-2027.",
            en="A school year is written like 2026-2027.",
            status=422,
        )
    return school_year


_FILE_ERRORS = {
    "file_too_large": "The file is too large.",
    "empty": "The file has no rows.",
    "zip_bomb": "The file unpacks to far more than a table holds; it was not opened.",
    "truncated": "The file is damaged or was cut off; save it again as .xlsx.",
    "encrypted": "The file is locked by a password.",
    "not_a_spreadsheet": "The file is no XLSX, XLS or CSV.",
    "bad_encoding": "The text's encoding is not known; save the file as CSV UTF-8.",
    "bad_csv": "The quotes of the CSV do not match.",
    "too_many_rows": "The table has too many rows.",
    "too_many_columns": "The table has too many columns.",
    "too_many_cells": "The table has too many cells.",
    "no_application_table": "No sheet has a header with file code and full name.",
}


def file_problem(error: FileError) -> DomainError:
    """A file that cannot be read as a whole, for the person who sent it: 413 or 422."""
    return Problem(
        error.code,
        vi=error.detail,
        en=_FILE_ERRORS.get(error.code, "The file cannot be read."),
        status=413 if error.code == "file_too_large" else 422,
    )


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

    Personal numbers are compared only with `keys`. Raises Problem: 413 or 422 for a file that cannot
    be read as a whole, 422 for a malformed school year.
    """
    check_school_year(school_year)
    roster = await asyncio.to_thread(_read, data, file_name)
    batch = _Batch.of(roster.rows, keys)
    changes = await _compare(db, school_id, school_year, batch)
    about = await db.raw.fetchrow(_ABOUT, school_id, school_year, batch.codes, batch.classes)
    return RosterPreview(
        school_year=school_year,
        created=sum(is_new for is_new, _ in changes),
        updated=sum(is_changed for is_new, is_changed in changes if not is_new),
        unchanged=sum(not is_changed for _, is_changed in changes),
        absent=about["absent"],
        new_classes=tuple(about["new_classes"]),
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

    A new pupil gets a standing payment reference. Raises Problem: 422 with every fault when there is
    one (then nothing is written), and as `preview_roster` does.
    """
    check_school_year(school_year)
    roster = await asyncio.to_thread(_read, data, file_name)
    _refuse(roster.faults)
    await lock_roster(db, school_id)
    _refuse(await _applicants_among(db, school_id, roster.rows))
    batch = _Batch.of(roster.rows, keys)
    changes = await _compare(db, school_id, school_year, batch)
    created = sum(is_new for is_new, _ in changes)
    unchanged = sum(not is_changed for _, is_changed in changes)
    result = RosterResult(
        school_year=school_year,
        created=created,
        updated=len(changes) - created - unchanged,
        unchanged=unchanged,
    )
    if created or result.updated:
        moved = [row for row, (_, changed) in zip(roster.rows, changes, strict=True) if changed]
        fresh = [row for row, (is_new, _) in zip(roster.rows, changes, strict=True) if is_new]
        await _write(db, keys, school_id, school_year, moved, fresh)
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
    await db.raw.execute(
        "SELECT pg_advisory_xact_lock($1, ($2::bigint % 2147483647)::int)", _LOCK, school_id
    )


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Problem(
            "roster_has_faults",
            vi=f"Danh sách còn {len(faults)} lỗi; chưa có gì được ghi.",
            en=f"The list has {len(faults)} faults; nothing was written.",
            status=422,
            faults=tuple(faults),
        )


async def _applicants_among(
    db: Driver, school_id: int, rows: Sequence[RosterRow]
) -> tuple[Fault, ...]:
    """A code that is an application's file code: whoever applied need not be the pupil of the list."""
    found = await db.raw.fetch(
        "SELECT s.code FROM student s JOIN application a ON a.school_id = s.school_id AND a.student_id = s.id"
        " WHERE s.school_id = $1 AND s.code = ANY($2::text[])",
        school_id,
        [row.code for row in rows],
    )
    taken = {row["code"] for row in found}
    return tuple(
        Fault(
            code="code_of_application",
            vi="Mã này là mã hồ sơ của một người nộp hồ sơ; hãy dùng mã khác cho học sinh.",
            en="This code is an application's file code; give the pupil another.",
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
        raise file_problem(error) from error


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows as one array per column, for unnest. NULL: the list says nothing."""

    codes: list[str]
    names: list[str]
    births: list[date | None]
    classes: list[str]
    guardians: list[str | None]
    phones: list[str | None]
    emails: list[str | None]
    id_hashes: list[bytes | None]

    @classmethod
    def of(cls, rows: Sequence[RosterRow], keys: Keys | None) -> _Batch:
        return cls(
            [row.code for row in rows],
            [row.full_name for row in rows],
            [row.birth_date for row in rows],
            [row.class_name for row in rows],
            [row.guardian or None for row in rows],
            [row.phone or None for row in rows],
            [row.email or None for row in rows],
            [
                keyed_hash(keys, PERSONAL_ID, row.personal_id) if keys and row.personal_id else None
                for row in rows
            ],
        )


_ROWS = (
    "unnest($3::text[], $4::text[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[],"
    " $10::bytea[]) WITH ORDINALITY"
    " AS row(code, full_name, birth_date, class_name, guardian, phone, email, id_hash, at)"
)
_COMPARE = f"""
SELECT s.id IS NULL AS is_new,
       s.id IS NULL OR c.name IS DISTINCT FROM row.class_name
       OR (row.full_name, coalesce(row.birth_date, s.birth_date), coalesce(row.id_hash, s.personal_id_hash))
          IS DISTINCT FROM (s.full_name, s.birth_date, s.personal_id_hash)
       OR (row.guardian, row.phone, row.email) IS DISTINCT FROM (NULL, NULL, NULL) AND
          (coalesce(row.guardian, g.full_name, ''), coalesce(row.phone, g.phone, ''), coalesce(row.email, g.email, ''))
          IS DISTINCT FROM (g.full_name, g.phone, g.email) AS is_changed
  FROM {_ROWS}
  LEFT JOIN student s ON s.school_id = $1 AND s.code = row.code
  LEFT JOIN enrolment e ON e.school_id = $1 AND e.student_id = s.id AND e.school_year = $2
  LEFT JOIN school_class c ON c.school_id = $1 AND c.id = e.class_id
  LEFT JOIN guardian g ON g.school_id = $1 AND g.student_id = s.id
 ORDER BY row.at
"""
_ABOUT = """
SELECT (SELECT count(*) FROM enrolment e JOIN student s ON s.school_id = $1 AND s.id = e.student_id
         WHERE e.school_id = $1 AND e.school_year = $2 AND s.code <> ALL($3::text[])) AS absent,
       ARRAY(SELECT DISTINCT name FROM unnest($4::text[]) AS name
              WHERE NOT EXISTS (SELECT FROM school_class c WHERE c.school_id = $1
                                   AND c.school_year = $2 AND c.kind = 'class' AND c.name = name.name)
              ORDER BY name) AS new_classes
"""


async def _compare(
    db: Driver, school_id: int, school_year: str, batch: _Batch
) -> list[tuple[bool, bool]]:
    """(is new, is new or changed) for every row, in order."""
    rows = await db.raw.fetch(
        _COMPARE,
        school_id,
        school_year,
        batch.codes,
        batch.names,
        batch.births,
        batch.classes,
        batch.guardians,
        batch.phones,
        batch.emails,
        batch.id_hashes,
    )
    return [(row["is_new"], row["is_changed"]) for row in rows]


async def _write(
    db: Driver,
    keys: Keys,
    school_id: int,
    school_year: str,
    moved: Sequence[RosterRow],
    fresh: Sequence[RosterRow],
) -> None:
    """Write the rows that are new or changed, `fresh` among them; one statement per table."""
    classes = {row.class_name: row.grade for row in moved}
    await db.raw.execute(
        "INSERT INTO school_class (school_id, school_year, name, grade)"
        " SELECT $1, $2, * FROM unnest($3::text[], $4::smallint[]) ON CONFLICT DO NOTHING",
        school_id,
        school_year,
        list(classes),
        list(classes.values()),
    )
    numbers = await db.raw.fetch(
        "SELECT nextval('reference_number_seq') FROM generate_series(1, $1)", len(fresh)
    )
    await db.raw.execute(
        """
        INSERT INTO student (school_id, code, full_name, search_name, reference)
        SELECT $1, code, '', '', reference FROM unnest($2::text[], $3::text[]) AS new(code, reference)
        """,
        school_id,
        [row.code for row in fresh],
        make_references([row[0] for row in numbers], keys.reference),
    )
    batch = _Batch.of(moved, keys)
    await db.raw.execute(
        """
        UPDATE student s
           SET full_name = row.full_name, search_name = row.search_name,
               birth_date = coalesce(row.birth_date, s.birth_date),
               personal_id_sealed = CASE WHEN row.id_hash IS DISTINCT FROM s.personal_id_hash
                                         THEN coalesce(row.id_sealed, s.personal_id_sealed)
                                         ELSE s.personal_id_sealed END,
               personal_id_hash = coalesce(row.id_hash, s.personal_id_hash)
          FROM unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::bytea[], $7::bytea[])
               AS row(code, full_name, search_name, birth_date, id_hash, id_sealed)
         WHERE s.school_id = $1 AND s.code = row.code
        """,
        school_id,
        batch.codes,
        batch.names,
        [unaccent(name).lower() for name in batch.names],
        batch.births,
        batch.id_hashes,
        [
            seal(keys, PERSONAL_ID, row.personal_id.encode()) if row.personal_id else None
            for row in moved
        ],
    )
    await db.raw.execute(
        """
        INSERT INTO enrolment (school_id, student_id, school_year, class_id)
        SELECT $1, s.id, $2, c.id
          FROM unnest($3::text[], $4::text[]) AS row(code, class_name)
          JOIN student s ON s.school_id = $1 AND s.code = row.code
          JOIN school_class c ON c.school_id = $1 AND c.school_year = $2 AND c.kind = 'class'
           AND c.name = row.class_name
        ON CONFLICT (school_id, student_id, school_year) DO UPDATE SET class_id = excluded.class_id
         WHERE enrolment.class_id IS DISTINCT FROM excluded.class_id
        """,
        school_id,
        school_year,
        batch.codes,
        batch.classes,
    )
    await db.raw.execute(
        """
        INSERT INTO guardian AS g (school_id, student_id, full_name, phone, email)
        SELECT $1, s.id, coalesce(row.guardian, ''), coalesce(row.phone, ''), coalesce(row.email, '')
          FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS row(code, guardian, phone, email)
          JOIN student s ON s.school_id = $1 AND s.code = row.code
         WHERE coalesce(row.guardian, row.phone, row.email) IS NOT NULL
        ON CONFLICT (school_id, student_id) DO UPDATE
           SET full_name = coalesce(nullif(excluded.full_name, ''), g.full_name),
               phone = coalesce(nullif(excluded.phone, ''), g.phone),
               email = coalesce(nullif(excluded.email, ''), g.email)
        """,
        school_id,
        batch.codes,
        batch.guardians,
        batch.phones,
        batch.emails,
    )
