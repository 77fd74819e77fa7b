"""Concessions (miễn, giảm, hỗ trợ học phí): a list is previewed, then written; the same again changes nothing.

A concession is never taken away: one that is withdrawn gets an earlier last day, by a list that says so.
What was charged by it stays. Who is granted what is a child's private matter: it is told to the
school's own people only, and no name of a pupil is kept beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.contract import FileError
from core.fees.concession_file import ConcessionFile, ConcessionRow, read_concessions
from core.fees.relief import SCHOOL
from core.fees.service import lock_fees, person, unreadable
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem
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


async def preview_concessions(
    db: Driver, school_id: int, data: bytes, file_name: str
) -> ConcessionPreview:
    """What the list would change; nothing is written. Raises Problem (422): it cannot be read at all."""
    file = await _read(data, file_name)
    known = await _compare(db, school_id, file.rows)
    return ConcessionPreview(
        created=sum(row["id"] is None for row in known),
        changed=sum(bool(row["is_changed"]) for row in known),
        unchanged=sum(row["is_changed"] is False for row in known),
        faults=(*file.faults, *_faults(file.rows, known)),
        sample=file.rows[:SAMPLE_ROWS],
    )


async def accept_concessions(
    db: Driver, school_id: int, data: bytes, file_name: str, *, actor: str
) -> ConcessionResult:
    """Write the list. Waits for issues of the school. Raises Problem (422) with every fault."""
    actor = person(actor)
    file = await _read(data, file_name)
    await lock_fees(db, school_id)
    known = await _compare(db, school_id, file.rows)
    if faults := (*file.faults, *_faults(file.rows, known)):
        raise Problem(
            "concessions_refused",
            vi=f"Danh sách miễn giảm có {len(faults)} chỗ cần sửa; chưa có gì được ghi.",
            en=f"The list of concessions has {len(faults)} faults; nothing was written.",
            status=422,
            faults=faults,
        )
    changes = [
        (one, row)
        for one, row in zip(file.rows, known, strict=True)
        if row["id"] is None or row["is_changed"]
    ]
    result = ConcessionResult(
        created=sum(row["id"] is None for _, row in changes),
        changed=sum(row["id"] is not None for _, row in changes),
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
                    f"concession:{row['id']} {row['until_date']} -> {one.until_date}"
                    for one, row in changes
                    if row["id"] is not None
                ],
                "unchanged": result.unchanged,
            },
        )
    return result


async def _read(data: bytes, file_name: str) -> ConcessionFile:
    try:
        return await asyncio.to_thread(read_concessions, data, file_name)
    except FileError as error:
        raise unreadable(error) from error


# One row for each of the list, in its order: whether the school has such a pupil, item and concession.
COMPARE = """
SELECT w.student_code, s.id AS student_id, i.id AS item_id, i.nature, c.id, c.percent, c.borne_by, c.until_date,
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
"""


async def _compare(
    db: Driver, school_id: int, rows: Sequence[ConcessionRow]
) -> list[dict[str, Any]]:
    found = await db.raw.fetch(
        COMPARE,
        school_id,
        [one.student_code for one in rows],
        [one.item_code for one in rows],
        [one.decision_no for one in rows],
        [one.from_date for one in rows],
        [one.until_date for one in rows],
        [one.legal_basis for one in rows],
    )
    return [
        {**dict(row), "is_changed": row["differs"] if row["id"] is not None else None}
        for row in found
    ]


def _faults(rows: Sequence[ConcessionRow], known: Sequence[dict[str, Any]]) -> tuple[Fault, ...]:
    """What the school does not have, or has in another way."""
    faults: list[Fault] = []
    for one, row in zip(rows, known, strict=True):
        if row["student_id"] is None:
            faults.append(
                _fault(
                    one,
                    "unknown_student",
                    "Trường không có học sinh mang mã này.",
                    "The school has no pupil with this code.",
                )
            )
        if one.item_code and row["item_id"] is None:
            faults.append(
                _fault(
                    one,
                    "unknown_item",
                    "Trường chưa có khoản thu mang mã này; để trống nếu miễn giảm mọi khoản học phí.",
                    "The school has no such item; leave it empty for all tuition.",
                    column="Mã khoản thu",
                    value=one.item_code,
                )
            )
        if row["nature"] == "on_behalf" and one.borne_by == SCHOOL:
            faults.append(
                _fault(
                    one,
                    "not_the_schools_to_concede",
                    "Khoản thu hộ không phải tiền của trường nên trường không tự miễn giảm được.",
                    "Money collected on behalf of others is not the school's to concede.",
                    column="Mã khoản thu",
                    value=one.item_code,
                )
            )
        if row["id"] is not None and (row["percent"], row["borne_by"]) != (
            one.percent,
            one.borne_by,
        ):
            faults.append(
                _fault(
                    one,
                    "concession_differs",
                    f"Quyết định này đã ghi {row['percent']}%"
                    f" do {'trường' if row['borne_by'] == SCHOOL else 'Nhà nước'} chịu: hãy cho nó kết thúc"
                    " (sửa Đến ngày) rồi ghi mức mới từ ngày mới.",
                    "This decision stands with another percentage or bearer: end it by its last day,"
                    " then write the new one from a new day.",
                    column="Tỷ lệ",
                    value=f"{one.percent}%",
                )
            )
    return tuple(faults)


def _fault(
    one: ConcessionRow,
    code: str,
    vi: str,
    en: str,
    *,
    column: str = "Mã học sinh",
    value: str = "",
) -> Fault:
    return Fault(
        code=code, vi=vi, en=en, row=one.row, column=column, value=value or one.student_code
    )


async def _write(
    db: Driver,
    school_id: int,
    changes: Sequence[tuple[ConcessionRow, dict[str, Any]]],
    actor: str,
) -> None:
    await db.raw.execute(
        """
        INSERT INTO concession (school_id, student_id, fee_item_id, percent, borne_by, decision_no, legal_basis,
                                from_date, until_date, granted_by)
        SELECT $1, w.*, $10 FROM unnest($2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::text[], $7::text[],
                                        $8::date[], $9::date[]) AS w
        ON CONFLICT (school_id, student_id, fee_item_id, decision_no, from_date)
        DO UPDATE SET until_date = excluded.until_date, legal_basis = excluded.legal_basis
        """,
        school_id,
        [row["student_id"] for _, row in changes],
        [row["item_id"] for _, row in changes],
        [one.percent for one, _ in changes],
        [one.borne_by for one, _ in changes],
        [one.decision_no for one, _ in changes],
        [one.legal_basis for one, _ in changes],
        [one.from_date for one, _ in changes],
        [one.until_date for one, _ in changes],
        actor,
    )
