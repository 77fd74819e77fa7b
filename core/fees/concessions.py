"""Concessions (miễn, giảm, hỗ trợ học phí): a list is previewed, then written; the same again changes nothing.

A concession is never taken away: to withdraw one, a list gives it an earlier last day. What was charged
by it stays. Who is granted what is a child's private matter: only the school's own people may see it,
and no name of a pupil is kept beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import FileError
from adapters.messages import Message, msg, pmsg
from core.fees.concession_file import ConcessionFile, ConcessionRow, read_concessions
from core.fees.errors import ConcessionsRefusedError, UnreadableFeeFileError
from core.fees.relief import SCHOOL
from core.fees.service import lock_fees, require_actor
from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault

SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcessionPreview:
    """What a list would change, with every fault. `changed`: another last day or legal basis."""

    created: int
    changed: int
    unchanged: int
    faults: tuple[Fault, ...]
    sample: tuple[ConcessionRow, ...]


@dataclass(frozen=True, slots=True)
class ConcessionResult:
    """What an accepted list has changed."""

    created: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class KnownConcession:
    """What the school has of one row of a list: the pupil, the item and the concession itself, or None.

    `differs`: the concession stands with another last day or legal basis.
    """

    student_id: int | None
    item_id: int | None
    nature: str | None
    concession_id: int | None
    percent: int | None
    borne_by: str | None
    until_date: date | None
    differs: bool

    @property
    def is_new(self) -> bool:
        """Whether the concession is to be written."""
        return self.concession_id is None


# one row for each of the list, in its order
COMPARE = Query(
    KnownConcession,
    """
SELECT s.id AS student_id, i.id AS item_id, i.nature, c.id AS concession_id, c.percent, c.borne_by, c.until_date,
       (c.until_date, c.legal_basis) IS DISTINCT FROM (w.until_date, w.legal_basis) AND c.id IS NOT NULL
         AS differs
  FROM unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::date[], $7::text[])
       WITH ORDINALITY AS w(student_code, item_code, decision_no, from_date, until_date, legal_basis, place)
  LEFT JOIN student s ON s.school_id = $1 AND s.code = w.student_code
        AND NOT EXISTS (SELECT FROM application a WHERE a.school_id = $1 AND a.student_id = s.id)
  LEFT JOIN fee_item i ON i.school_id = $1 AND i.code = w.item_code
  LEFT JOIN concession c ON c.school_id = $1 AND c.student_id = s.id AND c.decision_no = w.decision_no
        AND c.from_date = w.from_date AND c.fee_item_id IS NOT DISTINCT FROM i.id
        AND (i.id IS NOT NULL) = (w.item_code <> '')
 ORDER BY w.place
""",
)
WRITE = Command("""
INSERT INTO concession (school_id, student_id, fee_item_id, percent, borne_by, decision_no, legal_basis,
                        from_date, until_date, granted_by)
SELECT $1, w.*, $10 FROM unnest($2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::text[], $7::text[],
                                $8::date[], $9::date[]) AS w
ON CONFLICT (school_id, student_id, fee_item_id, decision_no, from_date)
DO UPDATE SET until_date = excluded.until_date, legal_basis = excluded.legal_basis
""")


async def preview_concessions(
    db: Driver, school_id: int, data: bytes, file_name: str
) -> ConcessionPreview:
    """What the list would change; nothing is written. Raises UnreadableFeeFileError."""
    file = await _read(data, file_name)
    known = await _compare(db, school_id, file.rows)
    return ConcessionPreview(
        created=sum(one.is_new for one in known),
        changed=sum(one.differs for one in known),
        unchanged=sum(not one.is_new and not one.differs for one in known),
        faults=(*file.faults, *_faults(file.rows, known)),
        sample=file.rows[:SAMPLE_ROWS],
    )


async def accept_concessions(
    db: Driver, school_id: int, data: bytes, file_name: str, *, actor: str
) -> ConcessionResult:
    """Write the list. Waits for issues of the school.

    Raises ConcessionsRefusedError with every fault, UnreadableFeeFileError, FeeActorMissingError.
    """
    actor = require_actor(actor)
    file = await _read(data, file_name)
    await lock_fees(db, school_id)
    known = await _compare(db, school_id, file.rows)
    if faults := (*file.faults, *_faults(file.rows, known)):
        raise ConcessionsRefusedError(faults)
    changes = [
        (row, one) for row, one in zip(file.rows, known, strict=True) if one.is_new or one.differs
    ]
    created = sum(one.is_new for _, one in changes)
    result = ConcessionResult(
        created=created,
        changed=len(changes) - created,
        unchanged=len(known) - len(changes),
    )
    if changes:
        await _write(db, school_id, changes, actor)
        await audit(
            db,
            school_id,
            actor=actor,
            action="concession.import",
            subject=f"school:{school_id}",
            detail={
                "sha256": hashlib.sha256(data).hexdigest(),
                "created": result.created,
                "changed": [
                    f"concession:{one.concession_id} {one.until_date} -> {row.until_date}"
                    for row, one in changes
                    if not one.is_new
                ],
                "unchanged": result.unchanged,
            },
        )
    return result


async def _read(data: bytes, file_name: str) -> ConcessionFile:
    try:
        return await asyncio.to_thread(read_concessions, data, file_name)
    except FileError as error:
        raise UnreadableFeeFileError(error.code, error.detail) from error


async def _compare(
    db: Driver, school_id: int, rows: Sequence[ConcessionRow]
) -> list[KnownConcession]:
    return await db.fetch(
        COMPARE,
        school_id,
        [row.student_code for row in rows],
        [row.item_code for row in rows],
        [row.decision_no for row in rows],
        [row.from_date for row in rows],
        [row.until_date for row in rows],
        [row.legal_basis for row in rows],
    )


def _faults(rows: Sequence[ConcessionRow], known: Sequence[KnownConcession]) -> tuple[Fault, ...]:
    """What the school does not have, or has in another way."""
    return tuple(
        found for row, one in zip(rows, known, strict=True) for found in _faults_of(row, one)
    )


def _faults_of(row: ConcessionRow, one: KnownConcession) -> list[Fault]:
    faults: list[Fault] = []

    def add(
        code: str, text: Message, column: str = "Mã khoản thu", value: str = row.item_code
    ) -> None:
        faults.append(fault(code, text, row=row.row, column=column, value=value))

    if one.student_id is None:
        text = msg("Trường không có học sinh mang mã này.")
        add("unknown_student", text, "Mã học sinh", row.student_code)
    if row.item_code and one.item_id is None:
        add(
            "unknown_item",
            msg("Trường chưa có khoản thu mang mã này; để trống nếu miễn giảm mọi khoản học phí."),
        )
    if one.nature == "on_behalf" and row.borne_by == SCHOOL:
        add(
            "not_the_schools_to_concede",
            msg("Khoản thu hộ không phải tiền của trường nên trường không tự miễn giảm được."),
        )
    if not one.is_new and (one.percent, one.borne_by) != (row.percent, row.borne_by):
        text = msg(
            "Quyết định này đã ghi {percent}% do {bearer} chịu: hãy cho nó kết thúc (sửa Đến ngày) rồi ghi"
            " mức mới từ ngày mới.",
            percent=one.percent,
            bearer=pmsg("who bears it", "trường")
            if one.borne_by == SCHOOL
            else pmsg("who bears it", "Nhà nước"),
        )
        add("concession_differs", text, "Tỷ lệ", f"{row.percent}%")
    return faults


async def _write(
    db: Driver,
    school_id: int,
    changes: Sequence[tuple[ConcessionRow, KnownConcession]],
    actor: str,
) -> None:
    assert all(one.student_id is not None for _, one in changes), "an unknown pupil is a fault"
    await db.execute(
        WRITE,
        school_id,
        [one.student_id for _, one in changes],
        [one.item_id for _, one in changes],
        [row.percent for row, _ in changes],
        [row.borne_by for row, _ in changes],
        [row.decision_no for row, _ in changes],
        [row.legal_basis for row, _ in changes],
        [row.from_date for row, _ in changes],
        [row.until_date for row, _ in changes],
        actor,
    )
