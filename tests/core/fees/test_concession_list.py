"""A list of concessions: read whole, its faults listed row by row, written once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.fee_school import (
    INSURANCE,
    LUNCH,
    TUITION,
    FeeSchool,
    approved,
    fee_file,
    make_school,
    xlsx,
)

from adapters.contract import FileError
from core.fees.concession_file import read_concessions
from core.fees.concessions import ConcessionResult, accept_concessions, preview_concessions
from core.fees.relief import Grant, shares
from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError

HEADER = (
    *("STT", "Mã học sinh", "Họ tên", "Mã khoản thu", "Tỷ lệ (%)", "Nguồn", "Số quyết định"),
    *("Căn cứ", "Từ ngày", "Đến ngày"),
)
FROM, UNTIL = date(2026, 9, 1), date(2027, 5, 31)
BASIS = "Điều 15 NĐ 238/2025/NĐ-CP"
NAME = "mien-giam.xlsx"


def row(
    student: str = "3A-1",
    percent: object = "50%",
    bearer: str = "Nhà nước",
    *,
    item: str = "",
    decision: object = "12/QĐ-HT",
    begins: object = FROM,
    ends: object = UNTIL,
) -> tuple[object, ...]:
    return (1, student, "Nguyễn Minh Anh", item, percent, bearer, decision, BASIS, begins, ends)


def listed(*rows: tuple[object, ...], header: tuple[object, ...] = HEADER) -> bytes:
    return xlsx({"Miễn giảm": [("DANH SÁCH MIỄN, GIẢM HỌC PHÍ",), header, *rows]})


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        made = await make_school(db, {"3A": 2, "4A": 2})
        await approved(db, made, fee_file([LUNCH, TUITION, INSURANCE]))
        return made


@pytest.mark.parametrize(
    ("written", "percent"),
    [("50%", 50), ("50 %", 50), (70, 70), (0.7, 70), ("100%", 100), ("100", 100), ("1%", 1)],
)
def test_a_percentage_is_read_as_people_write_it(written: object, percent: int) -> None:
    file = read_concessions(listed(row(percent=written)), NAME)
    assert (file.faults, [one.percent for one in file.rows]) == ((), [percent])


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"percent": 1}, "percent_unclear", "Tỷ lệ (%)"),
        ({"percent": "101%"}, "bad_percent", "Tỷ lệ (%)"),
        ({"percent": "0"}, "bad_percent", "Tỷ lệ (%)"),
        ({"percent": "33,5%"}, "bad_percent", "Tỷ lệ (%)"),
        ({"percent": "một nửa"}, "bad_percent", "Tỷ lệ (%)"),
        ({"bearer": "phụ huynh"}, "unknown_bearer", "Nguồn"),
        ({"decision": ""}, "empty", "Số quyết định"),
        ({"begins": ""}, "empty", "Từ ngày"),
        ({"ends": date(2026, 8, 31)}, "ends_before_it_begins", "Đến ngày"),
        ({"ends": "31/02/2027"}, "bad_date", "Đến ngày"),
    ],
)
def test_a_wrong_cell_is_named(change: dict[str, Any], code: str, column: str) -> None:
    file = read_concessions(listed(row(**change), row("4A-1")), NAME)
    assert [(fault.code, fault.row) for fault in file.faults] == [(code, 3)]
    assert column in file.faults[0].column
    assert [one.student_code for one in file.rows] == ["4A-1"]


def test_what_is_signed_below_is_no_concession() -> None:
    data = listed(row(), ("", "", "", "", "", "", "Hiệu trưởng"), ("", "Người lập biểu", "", ""))
    file = read_concessions(data, NAME)
    assert (len(file.rows), file.faults) == (1, ())


def test_a_pupil_without_a_percentage_is_never_left_out() -> None:
    file = read_concessions(listed(row(), row("4A-1", percent="")), NAME)
    assert [(fault.code, fault.row) for fault in file.faults] == [("bad_percent", 4)]


def test_a_list_without_its_columns() -> None:
    with pytest.raises(FileError, match="no_concession_table"):
        read_concessions(xlsx({"A": [("Mã khoản thu", "Tên", "Đơn giá")]}), NAME)
    short = xlsx({"A": [("Mã học sinh", "Tỷ lệ"), ("3A-1", "50%")]})
    assert {fault.column for fault in read_concessions(short, NAME).faults} == {
        *("Nguồn", "Số quyết định", "Từ ngày", "Đến ngày")
    }
    twice = read_concessions(listed(row(), row(percent="70%")), NAME)
    assert [(fault.code, fault.row) for fault in twice.faults] == [("duplicate_concession", 4)]


async def test_a_list_is_written_once(engine: AsyncEngine, school: FeeSchool) -> None:
    data = listed(row(), row("4A-1", "100%", "Trường", item="AN", decision="13/QĐ-HT"))
    async with transaction(engine) as db:
        preview = await preview_concessions(db, school.id, data, NAME)
        assert (preview.created, preview.changed, preview.unchanged) == (2, 0, 0)
        assert preview.faults == ()
        assert await db.raw.fetchval("SELECT count(*) FROM concession") == 0
    async with transaction(engine) as db:
        accepted = await accept_concessions(db, school.id, data, NAME, actor="co.lan")
        assert accepted == ConcessionResult(2, 0, 0)
    async with transaction(engine) as db:
        before = [tuple(one) for one in await db.raw.fetch("SELECT * FROM concession ORDER BY id")]
        again = await accept_concessions(db, school.id, data, NAME, actor="co.mai")
        assert again == ConcessionResult(0, 0, 2)
        assert [
            tuple(r) for r in await db.raw.fetch("SELECT * FROM concession ORDER BY id")
        ] == before
        assert [(r["percent"], r["borne_by"], r["granted_by"]) for r in await db.raw.fetch(
            "SELECT * FROM concession ORDER BY id")] == [(50, "state", "co.lan"), (100, "school", "co.lan")]  # fmt: skip


async def test_a_withdrawn_concession_ends_and_the_chain_says_so(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        await accept_concessions(db, school.id, listed(row()), NAME, actor="co.lan")
    ended = listed(row(ends=date(2026, 12, 31)))
    async with transaction(engine) as db:
        preview = await preview_concessions(db, school.id, ended, NAME)
        assert (preview.created, preview.changed, preview.unchanged) == (0, 1, 0)
        await accept_concessions(db, school.id, ended, NAME, actor="co.lan")
        assert await db.raw.fetchval("SELECT until_date FROM concession") == date(2026, 12, 31)
        audited = await db.raw.fetchval(
            "SELECT detail::text FROM audit_entry WHERE action = 'concession.import' ORDER BY id DESC LIMIT 1"
        )
        assert "2027-05-31 -> 2026-12-31" in audited
        assert "Minh Anh" not in audited
        assert (await verify_chain(db, school.id)).broken_at is None


async def test_what_the_school_does_not_have(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        await accept_concessions(db, school.id, listed(row()), NAME, actor="co.lan")
        data = listed(
            row("LA-1"),
            row("4A-1", item="XE"),
            row("4A-1", "50%", "Trường", item="BH"),
            row("3A-1", "70%"),
        )
        preview = await preview_concessions(db, school.id, data, NAME)
        faults = {(fault.code, fault.row, fault.value) for fault in preview.faults}
        assert faults == {
            ("unknown_student", 3, "LA-1"),
            ("unknown_item", 4, "XE"),
            ("not_the_schools_to_concede", 5, "BH"),
            ("concession_differs", 6, "70%"),
        }
        with pytest.raises(DomainError) as refused:
            await accept_concessions(db, school.id, data, NAME, actor="co.lan")
        assert refused.value.faults == preview.faults
        assert await db.raw.fetchval("SELECT count(*) FROM concession") == 1


grants = st.lists(
    st.tuples(st.integers(1, 100), st.sampled_from(("school", "state"))), max_size=5
).map(
    lambda all_: [
        Grant(id=n, student_code="A", item_code=None, percent=percent, borne_by=bearer)
        for n, (percent, bearer) in enumerate(all_)
    ]
)


@given(full_vnd=st.integers(1, 10**12), given_=grants)
def test_no_more_than_all_and_the_state_first(full_vnd: int, given_: list[Grant]) -> None:
    taken = shares(full_vnd, given_)
    assert all(part >= 0 for part in taken.values())
    assert sum(taken.values()) <= full_vnd
    percent = {one.id: one.percent for one in given_}
    state = [one for one in given_ if one.borne_by == "state"]
    assert sum(one.id in taken for one in state) == min(1, len(state))
    for one in state:
        if one.id in taken:
            assert one.percent == max(other.percent for other in state)
            assert abs(taken[one.id] * 100 - full_vnd * one.percent) <= 50
    whole = min(100, sum(percent[one] for one in taken))
    assert abs(sum(taken.values()) * 100 - full_vnd * whole) <= 50
