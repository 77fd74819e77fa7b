"""The rows of a class list against what the school has: what each would change, and changing it.

Both are set-based: one statement for a comparison, one per table for a list. The caller holds the lock of
the school's roster and has found no fault in the list; a pupil who is not named is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.database import Command, Driver, Query
from core.kit.reference import make_references
from core.kit.seal import Keys, keyed_hash, seal
from core.kit.text import unaccent
from core.students.roster import RosterRow

PERSONAL_ID = "personal-id"
"""The purpose under which personal numbers are sealed and hashed."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a row of the list changes; a new pupil is changed too."""

    is_new: bool
    is_changed: bool


# one row for each of the list, in its order; NULL in the list: not given
COMPARE = Query(
    RowChange,
    """
SELECT s.id IS NULL AS is_new,
       s.id IS NULL OR c.name IS DISTINCT FROM row.class_name
       OR (row.full_name, coalesce(row.birth_date, s.birth_date), coalesce(row.id_hash, s.personal_id_hash))
          IS DISTINCT FROM (s.full_name, s.birth_date, s.personal_id_hash)
       OR (row.guardian, row.phone, row.email) IS DISTINCT FROM (NULL, NULL, NULL) AND
          (coalesce(row.guardian, g.full_name, ''), coalesce(row.phone, g.phone, ''), coalesce(row.email, g.email, ''))
          IS DISTINCT FROM (g.full_name, g.phone, g.email) AS is_changed
  FROM unnest($3::text[], $4::text[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[])
       WITH ORDINALITY AS row(code, full_name, birth_date, class_name, guardian, phone, email, id_hash, at)
  LEFT JOIN student s ON s.school_id = $1 AND s.code = row.code
  LEFT JOIN enrolment e ON e.school_id = $1 AND e.student_id = s.id AND e.school_year = $2
  LEFT JOIN school_class c ON c.school_id = $1 AND c.id = e.class_id
  LEFT JOIN guardian g ON g.school_id = $1 AND g.student_id = s.id
 ORDER BY row.at
""",
)
# references are made of the numbers, so they are taken before the rows that carry them are written
TAKE_NUMBERS = Query(
    int, "SELECT nextval('reference_number_seq') AS number FROM generate_series(1, $1)"
)
WRITE_CLASSES = Command("""
INSERT INTO school_class (school_id, school_year, name, grade)
SELECT $1, $2, * FROM unnest($3::text[], $4::smallint[]) ON CONFLICT DO NOTHING
""")
WRITE_NEW_PUPILS = Command("""
INSERT INTO student (school_id, code, full_name, search_name, reference)
SELECT $1, code, '', '', reference FROM unnest($2::text[], $3::text[]) AS new(code, reference)
""")
WRITE_PUPILS = Command("""
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
""")
WRITE_ENROLMENTS = Command("""
INSERT INTO enrolment (school_id, student_id, school_year, class_id)
SELECT $1, s.id, $2, c.id
  FROM unnest($3::text[], $4::text[]) AS row(code, class_name)
  JOIN student s ON s.school_id = $1 AND s.code = row.code
  JOIN school_class c ON c.school_id = $1 AND c.school_year = $2 AND c.kind = 'class'
   AND c.name = row.class_name
ON CONFLICT (school_id, student_id, school_year) DO UPDATE SET class_id = excluded.class_id
 WHERE enrolment.class_id IS DISTINCT FROM excluded.class_id
""")
WRITE_GUARDIANS = Command("""
INSERT INTO guardian AS g (school_id, student_id, full_name, phone, email)
SELECT $1, s.id, coalesce(row.guardian, ''), coalesce(row.phone, ''), coalesce(row.email, '')
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS row(code, guardian, phone, email)
  JOIN student s ON s.school_id = $1 AND s.code = row.code
 WHERE coalesce(row.guardian, row.phone, row.email) IS NOT NULL
ON CONFLICT (school_id, student_id) DO UPDATE
   SET full_name = coalesce(nullif(excluded.full_name, ''), g.full_name),
       phone = coalesce(nullif(excluded.phone, ''), g.phone),
       email = coalesce(nullif(excluded.email, ''), g.email)
""")


@dataclass(frozen=True, slots=True)
class RosterColumns:
    """The rows as one array per column, for unnest. None: not given."""

    codes: list[str]
    names: list[str]
    births: list[date | None]
    classes: list[str]
    guardians: list[str | None]
    phones: list[str | None]
    emails: list[str | None]
    id_hashes: list[bytes | None]

    @classmethod
    def of(cls, rows: Sequence[RosterRow], keys: Keys | None) -> RosterColumns:
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


async def compare(
    db: Driver, school_id: int, school_year: str, columns: RosterColumns
) -> list[RowChange]:
    """What every row changes, in order."""
    return await db.fetch(
        COMPARE,
        school_id,
        school_year,
        columns.codes,
        columns.names,
        columns.births,
        columns.classes,
        columns.guardians,
        columns.phones,
        columns.emails,
        columns.id_hashes,
    )


async def new_references(db: Driver, keys: Keys, count: int) -> list[str]:
    """So many payment references that nobody has had before."""
    return make_references(await db.fetch(TAKE_NUMBERS, count), keys.reference)


async def write_pupils(
    db: Driver,
    keys: Keys,
    school_id: int,
    school_year: str,
    changed: Sequence[RosterRow],
    new: Sequence[RosterRow],
) -> None:
    """Write the rows that are new or changed, `new` among them; one statement per table."""
    classes = {row.class_name: row.grade for row in changed}
    await db.execute(WRITE_CLASSES, school_id, school_year, list(classes), list(classes.values()))
    references = await new_references(db, keys, len(new))
    await db.execute(WRITE_NEW_PUPILS, school_id, [row.code for row in new], references)
    columns = RosterColumns.of(changed, keys)
    sealed = [
        seal(keys, PERSONAL_ID, row.personal_id.encode()) if row.personal_id else None
        for row in changed
    ]
    written = await db.execute(
        WRITE_PUPILS,
        school_id,
        columns.codes,
        columns.names,
        [unaccent(name).lower() for name in columns.names],
        columns.births,
        columns.id_hashes,
        sealed,
    )
    assert written == len(changed), "every row of the list is one pupil of the school"
    await db.execute(WRITE_ENROLMENTS, school_id, school_year, columns.codes, columns.classes)
    await db.execute(
        WRITE_GUARDIANS,
        school_id,
        columns.codes,
        columns.guardians,
        columns.phones,
        columns.emails,
    )
