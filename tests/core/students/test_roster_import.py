"""A class list in the database: seen first, written once, the same again without effect."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of

from core.identity.audit import verify_chain
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.kit.reference import is_reference
from core.kit.seal import Keys, keyed_hash, unseal
from core.schools.service import create_school
from core.students.service import accept_roster, preview_roster

KEYS = Keys(master=b"m" * 32, reference=b"r" * 32)
YEAR = "2026-2027"
LIST = """Mã học sinh,Họ và tên,Ngày sinh,Lớp,Phụ huynh,Điện thoại,Email,Số định danh cá nhân
HS001,Nguyễn Minh An,05/09/2017,3A,Trần Thị Lan,0912345678,lan@example.vn,079217000001
HS002,Lê Bảo Bình,06/10/2017,3A,,,,
HS003,Đỗ Thùy Chi,07/11/2016,4B,Đỗ Văn Đức,0912345679,,
"""
TABLES = ("student", "school_class", "enrolment", "guardian", "audit_entry")


async def new_school(db: Driver, code: str = "TH01") -> int:
    return await create_school(
        db, code=code, name="TH Hoa Sen", address="", province="", accounting_regime="TT24/2024"
    )


async def accept(db: Driver, school_id: int, text: str, year: str = YEAR) -> tuple[int, int, int]:
    result = await accept_roster(db, KEYS, school_id, text.encode(), "ds.csv", year, actor="lan")
    return result.created, result.updated, result.unchanged


async def everything(db: Driver) -> dict[str, list[Any]]:
    return {
        table: sorted(
            repr(dict(row)) for row in await db.raw.fetch(f"SELECT t.*, xmin FROM {table} t")
        )
        for table in TABLES
    }


async def test_previewing_writes_nothing_and_says_what_accepting_does(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        before = await everything(db)
        preview = await preview_roster(db, school_id, LIST.encode(), "ds.csv", YEAR, keys=KEYS)
        assert await everything(db) == before
        assert (preview.created, preview.updated, preview.unchanged) == (3, 0, 0)
        assert preview.new_classes == ("3A", "4B")
        assert await accept(db, school_id, LIST) == (3, 0, 0)


async def test_an_accepted_list_is_all_there(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await accept(db, school_id, LIST)
        rows = await db.raw.fetch(
            """
            SELECT s.*, c.name AS class_name, c.grade, g.full_name AS guardian, g.phone, g.email
              FROM student s JOIN enrolment e ON e.student_id = s.id AND e.school_year = $1
              JOIN school_class c ON c.id = e.class_id LEFT JOIN guardian g ON g.student_id = s.id
             ORDER BY s.code
            """,
            YEAR,
        )
        an, binh, chi = rows
        assert (an["full_name"], an["search_name"], str(an["birth_date"])) == (
            "Nguyễn Minh An",
            "nguyen minh an",
            "2017-09-05",
        )
        assert (an["class_name"], an["grade"], an["guardian"], an["phone"], an["email"]) == (
            "3A",
            3,
            "Trần Thị Lan",
            "0912345678",
            "lan@example.vn",
        )
        assert unseal(KEYS, "personal-id", an["personal_id_sealed"]) == b"079217000001"
        assert an["personal_id_hash"] == keyed_hash(KEYS, "personal-id", "079217000001")
        assert (binh["personal_id_sealed"], binh["guardian"]) == (None, None)
        assert (chi["search_name"], chi["grade"]) == ("do thuy chi", 4)
        assert all(is_reference(row["reference"]) for row in rows)
        assert len({row["reference"] for row in rows}) == 3
        chain = await verify_chain(db, school_id)
        assert (chain.entries, chain.broken_at) == (1, None)


async def test_the_same_file_again_touches_no_row(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await accept(db, school_id, LIST)
    async with transaction(engine) as db:
        before = await everything(db)
        assert await accept(db, school_id, LIST) == (0, 0, 3)
        assert await everything(db) == before


async def test_a_changed_list_changes_what_it_says_and_nothing_else(engine: AsyncEngine) -> None:
    changed = (
        LIST.replace(
            "HS002,Lê Bảo Bình,06/10/2017,3A,,", "HS002,Lê Bảo Bình,,3C,Lê Văn Bá,0987654321"
        )
        .replace("0912345679", "")
        .replace("HS001", "HS004")
    )
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await accept(db, school_id, LIST)
    async with transaction(engine) as db:
        before = await everything(db)
        preview = await preview_roster(db, school_id, changed.encode(), "ds.csv", YEAR, keys=KEYS)
        assert (preview.created, preview.updated, preview.unchanged) == (1, 1, 1)
        assert (preview.absent, preview.new_classes) == (1, ("3C",))
        assert await accept(db, school_id, changed) == (1, 1, 1)
        after = await everything(db)
        for table in ("student", "enrolment"):  # of HS001 (absent) and HS003 (a cell left blank)
            assert len(set(before[table]) & set(after[table])) == 2
        assert set(before["guardian"]) < set(after["guardian"])
        binh = await db.raw.fetchrow(
            "SELECT s.birth_date, g.phone, c.name FROM student s JOIN guardian g ON g.student_id = s.id"
            " JOIN enrolment e ON e.student_id = s.id JOIN school_class c ON c.id = e.class_id"
            " WHERE s.code = 'HS002'"
        )
        assert (str(binh[0]), binh[1], binh[2]) == ("2017-10-06", "0987654321", "3C")


async def test_a_corrected_personal_id_is_seen_and_written(engine: AsyncEngine) -> None:
    corrected = LIST.replace("079217000001", "079217000002")
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await accept(db, school_id, LIST)
        preview = await preview_roster(db, school_id, corrected.encode(), "ds.csv", YEAR, keys=KEYS)
        assert preview.updated == 1
        assert await accept(db, school_id, corrected) == (0, 1, 2)
        sealed = await db.raw.fetchval(
            "SELECT personal_id_sealed FROM student WHERE code = 'HS001'"
        )
        assert unseal(KEYS, "personal-id", sealed) == b"079217000002"


async def test_a_new_year_keeps_the_pupils_and_their_references(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        await accept(db, school_id, LIST)
        references = await db.raw.fetch("SELECT code, reference FROM student ORDER BY code")
        promoted = LIST.replace("3A", "4A").replace("4B", "5B")
        assert await accept(db, school_id, promoted, "2027-2028") == (0, 3, 0)
        assert await db.raw.fetch("SELECT code, reference FROM student ORDER BY code") == references
        assert await db.raw.fetchval("SELECT count(*) FROM enrolment") == 6


async def test_a_list_with_a_fault_writes_nothing(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        before = await everything(db)
        broken = LIST + "HS001,Trùng,01/01/2030,3A,,,,\n"
        preview = await preview_roster(db, school_id, broken.encode(), "ds.csv", YEAR)
        assert [fault.code for fault in preview.faults] == ["date_in_future", "duplicate_student"]
        with pytest.raises(DomainError) as caught:
            await accept(db, school_id, broken)
        assert (caught.value.code, status_of(caught.value)) == ("roster_has_faults", 422)
        assert caught.value.faults == preview.faults
        assert await everything(db) == before


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"PK\x03\x04 cut off", "truncated"), (b"\xff\xfea", "bad_encoding"), (b"", "empty")],
)
async def test_an_unreadable_file_is_a_problem(engine: AsyncEngine, data: bytes, code: str) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        with pytest.raises(DomainError) as caught:
            await preview_roster(db, school_id, data, "ds.xlsx", YEAR)
        assert (caught.value.code, status_of(caught.value)) == (code, 422)


@pytest.mark.parametrize("year", ["2026", "2026-2028", "2026/2027", "'; --"])
async def test_a_malformed_school_year(engine: AsyncEngine, year: str) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)
        with pytest.raises(DomainError, match="bad_school_year"):
            await accept(db, school_id, LIST, year)


async def test_two_schools_do_not_see_each_other(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        one, other = await new_school(db), await new_school(db, "TH02")
        await accept(db, one, LIST)
        assert await accept(db, other, LIST) == (3, 0, 0)
        assert (
            await db.raw.fetchval("SELECT count(*) FROM student WHERE school_id = $1", other) == 3
        )


async def test_two_people_accept_the_same_list_at_once(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await new_school(db)

    async def once() -> tuple[int, int, int]:
        async with transaction(engine) as db:
            return await accept(db, school_id, LIST)

    assert sorted(await asyncio.gather(*(once() for _ in range(4)))) == [(0, 0, 3)] * 3 + [
        (3, 0, 0)
    ]
