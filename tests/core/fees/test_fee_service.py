"""Schedules: previewed whole, drafted once, corrected as drafts, approved by another person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.fee_school import (
    ACCOUNT,
    BUS,
    INSURANCE,
    LUNCH,
    TITLES,
    TUITION,
    FeeSchool,
    approved,
    fee_file,
    make_school,
)

from core.fees.queries import get_schedule, list_schedules
from core.fees.service import approve_schedule, draft_schedule, preview_schedule
from core.identity.audit import verify_chain
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError

NAME = "khoan-thu.xlsx"


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2, "3B": 3, "4A": 4, "5A": 0})


async def rows_of(db: Driver) -> list[list[tuple[object, ...]]]:
    """Everything that drafting writes."""
    tables = ("fee_item", "fee_schedule", "fee_schedule_line", "fee_registration", "audit_entry")
    return [
        [tuple(row) for row in await db.raw.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]
        for table in tables
    ]


async def test_the_preview_counts_and_writes_nothing(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    data = fee_file([LUNCH, TUITION, INSURANCE, BUS], [("3A-1", "XE"), ("5A-1", "XE")])
    async with transaction(engine) as db:
        before = await rows_of(db)
        preview = await preview_schedule(db, school.id, data, NAME)
        assert await rows_of(db) == before
    assert {fault.code for fault in preview.faults} == {"unknown_student"}
    assert preview.forecast is None

    data = fee_file([LUNCH, TUITION, INSURANCE, BUS], [("3A-1", "XE")])
    async with transaction(engine) as db:
        preview = await preview_schedule(db, school.id, data, NAME)
    assert preview.faults == ()
    assert preview.forecast is not None
    assert preview.forecast.students_by_line == (9, 5, 4, 9, 1)
    assert preview.forecast.student_count == 9
    assert (
        preview.forecast.invoice_count == 18
    )  # lunch and tuition to one account, insurance to another
    assert preview.forecast.total_vnd == 9 * (660_000 + 155_000 + 680_400) + 600_000
    assert preview.lines[0].account == ACCOUNT
    assert (preview.schedule_id, preview.replaces_id) == (None, None)


async def test_what_the_school_does_not_have(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        other = await make_school(db, {"3C": 1}, code="TH02")
        await db.raw.execute(
            "INSERT INTO student (school_id, code, full_name, search_name, reference)"
            " VALUES ($1, 'CU', 'Đã ra trường', 'da ra truong', 'HP0')", school.id,
        )  # fmt: skip
        data = fee_file(
            [
                (*LUNCH[:8], "3A, 3C"),
                (*INSURANCE[:6], "999", *INSURANCE[7:8], "Khối 2"),
                (*BUS[:8], "Khối 4"),
            ],
            [("4A-1", "XE"), ("3C-1", "XE"), ("CU", "XE"), ("3A-1", "XE")],
        )
        preview = await preview_schedule(db, school.id, data, NAME)
        assert {(fault.code, fault.row, fault.value) for fault in preview.faults} == {
            ("unknown_class", 5, "3C"),
            ("unknown_grade", 6, "2"),
            ("unknown_account", 6, "999"),
            ("unknown_student", 3, "3C-1"),
            ("not_enrolled", 4, "CU"),
            ("out_of_scope", 5, "3A-1"),
        }
        with pytest.raises(DomainError) as refused:
            await draft_schedule(db, school.id, data, NAME, actor="co.lan")
        assert refused.value.faults == preview.faults
        assert await db.raw.fetchval("SELECT count(*) FROM fee_item") == 0
        assert other.students.keys() == {"3C-1"}


async def test_without_a_default_account_each_item_names_its_own(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE bank_account SET is_default = false")
        preview = await preview_schedule(db, school.id, fee_file([LUNCH, INSURANCE]), NAME)
    assert [(fault.code, fault.row) for fault in preview.faults] == [("unknown_account", 5)]


async def test_the_same_file_again_changes_nothing(engine: AsyncEngine, school: FeeSchool) -> None:
    data = fee_file([LUNCH, TUITION, BUS], [("3A-1", "XE"), ("4A-2", "XE")])
    async with transaction(engine) as db:
        first = await draft_schedule(db, school.id, data, NAME, actor="co.lan")
    assert (first.is_new, first.version) == (True, 1)
    async with transaction(engine) as db:
        before = await rows_of(db)
        again = await draft_schedule(db, school.id, data, "other-name.xlsx", actor="co.mai")
        assert (again.schedule_id, again.is_new) == (first.schedule_id, False)
        preview = await preview_schedule(db, school.id, data, NAME)
        assert preview.schedule_id == first.schedule_id
        assert await rows_of(db) == before
        detail = await get_schedule(db, school.id, first.schedule_id)
        assert [(line.item_code, line.scope, line.registered) for line in detail.lines] == [
            ("AN", "all", 0),
            ("HP", "grade:3", 0),
            ("HP", "grade:4", 0),
            ("XE", "all", 2),
        ]
        kinds = await db.raw.fetch(
            "SELECT kind FROM ledger_account WHERE school_id = $1 AND fee_item_id IS NOT NULL",
            school.id,
        )
        assert sorted(row["kind"] for row in kinds) == ["income"] * 3 + ["prepaid"] * 3
        assert (await verify_chain(db, school.id)).entries == 1


async def test_two_imports_at_once_make_one_schedule(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async def draft() -> tuple[int, bool]:
        async with transaction(engine) as db:
            drafted = await draft_schedule(
                db, school.id, fee_file([LUNCH, BUS]), NAME, actor="co.lan"
            )
            return drafted.schedule_id, drafted.is_new

    results = await asyncio.gather(*(draft() for _ in range(4)))
    assert len({schedule_id for schedule_id, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1


async def test_a_corrected_file_is_the_same_draft_in_its_next_version(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    wrong = fee_file([(*LUNCH[:6], "0011000002", *LUNCH[7:]), BUS], [("3A-1", "XE")])
    async with transaction(engine) as db:
        first = await draft_schedule(db, school.id, wrong, NAME, actor="co.lan")
        preview = await preview_schedule(db, school.id, fee_file([LUNCH]), NAME)
        assert preview.replaces_id == first.schedule_id
        second = await draft_schedule(db, school.id, fee_file([LUNCH]), NAME, actor="co.lan")
        assert (second.schedule_id, second.version) == (first.schedule_id, 2)
        detail = await get_schedule(db, school.id, first.schedule_id)
        assert [(line.item_code, line.account) for line in detail.lines] == [("AN", ACCOUNT)]
        assert await db.raw.fetchval("SELECT count(*) FROM fee_registration") == 0
        with pytest.raises(DomainError, match="schedule_changed"):
            await approve_schedule(db, school.id, second.schedule_id, actor="thay.hung", version=1)
        await approve_schedule(db, school.id, second.schedule_id, actor="thay.hung", version=2)


async def test_a_draft_whose_items_another_draft_changed_is_another_version(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    october = (*TITLES[:1], ("KHOẢN THU THÁNG 10/2026",), ("Hạn nộp: 25/10/2026",))
    dearer = (*LUNCH[:6], "0011000002", *LUNCH[7:])
    async with transaction(engine) as db:
        first = await draft_schedule(db, school.id, fee_file([LUNCH]), NAME, actor="co.lan")
        await draft_schedule(
            db, school.id, fee_file([dearer], titles=october), NAME, actor="co.lan"
        )
        assert (await get_schedule(db, school.id, first.schedule_id)).schedule.version == 2
        again = await draft_schedule(db, school.id, fee_file([LUNCH]), NAME, actor="co.lan")
        assert (again.schedule_id, again.is_new, again.version) == (first.schedule_id, True, 3)


async def test_only_another_person_approves_and_only_once(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        drafted = await draft_schedule(db, school.id, fee_file([LUNCH]), NAME, actor="co.lan")
        for actor, code in (
            ("co.lan", "same_person"),
            (" Co.Lan ", "same_person"),
            ("  ", "actor_missing"),
        ):
            with pytest.raises(DomainError, match=code):
                await approve_schedule(db, school.id, drafted.schedule_id, actor=actor)
        with pytest.raises(DomainError, match="not_found"):
            await approve_schedule(db, school.id + 1, drafted.schedule_id, actor="thay.hung")
        await approve_schedule(db, school.id, drafted.schedule_id, actor="thay.hung")
        with pytest.raises(DomainError, match="not_a_draft"):
            await approve_schedule(db, school.id, drafted.schedule_id, actor="thay.hung")
        (row,) = await list_schedules(db, school.id)
        assert (row.status, row.drafted_by, row.approved_by) == ("approved", "co.lan", "thay.hung")


@pytest.mark.parametrize(
    "changed",
    [
        (*LUNCH[:2], "Học phí", *LUNCH[3:]),
        (*LUNCH[:3], "tháng", *LUNCH[4:]),
        (*LUNCH[:6], "0011000002", *LUNCH[7:]),
        (*LUNCH[:7], "có", *LUNCH[8:]),
    ],
)
async def test_an_approved_item_keeps_its_facts(
    engine: AsyncEngine, school: FeeSchool, changed: Sequence[object]
) -> None:
    october = (*TITLES[:1], ("KHOẢN THU THÁNG 10/2026",), ("Hạn nộp: 25/10/2026",))
    async with transaction(engine) as db:
        await approved(db, school, fee_file([LUNCH]))
        preview = await preview_schedule(db, school.id, fee_file([changed], titles=october), NAME)
        assert [(fault.code, fault.row) for fault in preview.faults] == [("item_in_use", 5)]
        dearer = ("AN", "Tiền ăn (giá mới)", *LUNCH[2:4], 32_000, *LUNCH[5:])
        drafted = await draft_schedule(
            db, school.id, fee_file([dearer], titles=october), NAME, actor="co.lan"
        )
        assert drafted.is_new


async def test_an_unreadable_file_is_a_problem_in_the_users_language(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        with pytest.raises(DomainError, match="truncated") as refused:
            await preview_schedule(db, school.id, fee_file([LUNCH])[:900], NAME)
    assert status_of(refused.value) == 422
    assert NAME in refused.value.vi


async def test_a_month_of_last_school_year_is_checked_against_its_own_classes(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    titles = (("KHOẢN THU THÁNG 7/2026",), ("Hạn nộp", date(2026, 7, 20)))
    async with transaction(engine) as db:
        preview = await preview_schedule(
            db, school.id, fee_file([(*LUNCH[:8], "3A")], titles=titles), NAME
        )
    assert preview.school_year == "2025-2026"
    assert {fault.code for fault in preview.faults} == {"unknown_class"}
