"""Applications: an invoice under a file code, once, to the đồng, and nobody of them in the roster."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS
from support.fee_school import (
    LUNCH,
    OTHER_ACCOUNT,
    YEAR,
    FeeSchool,
    approved,
    fee_file,
    make_school,
)
from support.portal_school import (
    COPIES,
    EXAM,
    ON,
    PROCEDURE,
    TITLES,
    WISHES,
    application_file,
    form,
    hand_in,
    open_exam,
    open_wishes,
    service_file,
)

from core.fees.queries import list_schedules
from core.fees.service import draft_schedule, preview_schedule
from core.identity.audit import verify_chain
from core.invoices.cancel import cancel_invoice
from core.invoices.queries import invoice_by_token
from core.invoices.search import InvoiceFilter, classes_of, find_invoices
from core.invoices.service import issue
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.kit.reference import is_reference
from core.ledger.queries import disagreements
from core.portal.applications import accept_forms, preview_forms
from core.portal.queries import application_by_code, applications_of
from core.students.service import accept_roster, preview_roster


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2, "4A": 3})


async def lines_of(db: Driver, file_code: str) -> list[tuple[str, int, int]]:
    """(item, quantity, amount in VND) of an application's invoice."""
    rows = await db.raw.fetch(
        """
        SELECT f.code, l.quantity, l.amount_vnd FROM application a
          JOIN invoice_line l ON l.invoice_id = a.invoice_id JOIN fee_item f ON f.id = l.fee_item_id
         WHERE a.file_code = $1 ORDER BY l.line_no
        """,
        file_code,
    )
    return [tuple(row) for row in rows]


async def test_a_service_file_drafts_a_service_with_its_procedures(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        preview = await preview_schedule(db, school.id, service_file(EXAM, COPIES), "dv.xlsx")
        assert preview.faults == ()
        assert preview.kind == "application"
        drafted = await draft_schedule(
            db, school.id, service_file(EXAM, COPIES), "dv.xlsx", actor="an"
        )
        row = await db.raw.fetchrow(
            "SELECT kind FROM fee_schedule WHERE id = $1", drafted.schedule_id
        )
        items = await db.raw.fetch(
            "SELECT procedure_code, procedure_name, service_code, service_name FROM fee_item ORDER BY code"
        )
    assert row["kind"] == "application"
    assert [tuple(item) for item in items] == [PROCEDURE, PROCEDURE]


async def test_a_file_without_procedure_columns_leaves_them_as_they_are(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        await open_wishes(db, school)
        titles = (TITLES[0], ("Tên dịch vụ: Nguyện vọng đợt 2",), *TITLES[2:])
        data = fee_file([WISHES[:9]], titles=titles)
        drafted = await draft_schedule(db, school.id, data, "dot2.xlsx", actor="an")
        assert drafted.is_new
        assert (
            await db.raw.fetchval("SELECT procedure_code FROM fee_item WHERE code = 'NV'")
            == PROCEDURE[0]
        )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (service_file(WISHES, LUNCH), "mixed_scopes"),
        (service_file(WISHES, (*COPIES[:6], OTHER_ACCOUNT, *COPIES[7:])), "several_accounts"),
        (fee_file([COPIES[:9]], [("3A-1", "BS")]), "registration_for_service"),
        (service_file(WISHES, titles=TITLES[2:]), "name_missing"),
    ],
)
async def test_a_service_is_for_applicants_alone_and_paid_to_one_account(
    engine: AsyncEngine, school: FeeSchool, data: bytes, code: str
) -> None:
    async with transaction(engine) as db:
        preview = await preview_schedule(db, school.id, data, "dv.xlsx")
    assert code in {fault.code for fault in preview.faults}


async def test_an_application_has_one_invoice_by_its_wishes(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        made = await hand_in(
            db, school, service, form("hs/2026-07", NV=5), form("HS/2026-08", "Lê Bình", 2, NV=1)
        )
        assert made.created == {"HS/2026-07", "HS/2026-08"}
        assert [(one.file_code, one.total_vnd, one.quantities) for one in made.applications] == [
            ("HS/2026-07", 100_000, {"NV": 5}),
            ("HS/2026-08", 20_000, {"NV": 1}),
        ]
        assert await lines_of(db, "HS/2026-07") == [("NV", 5, 100_000)]
        assert all(is_reference(one.reference) for one in made.applications)
        own_reference = await db.raw.fetchval(
            "SELECT reference FROM student WHERE code = 'HS/2026-07'"
        )
        assert is_reference(own_reference)
        assert await disagreements(db, school.id) == []
        assert (
            await db.raw.fetchval(
                "SELECT sum(amount_vnd) FROM transfer WHERE kind = 'invoice_issued'"
            )
            == 120_000
        )
        found = await application_by_code(db, school.id, " hs/2026-07 ")
        assert found == made.applications[0]
        assert (await verify_chain(db, school.id)).broken_at is None


async def test_what_an_application_leaves_out_is_as_approved_and_options_are_not_charged(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_exam(db, school)
        await hand_in(
            db,
            school,
            service,
            form("A-0001"),
            form("A-0002", row=2, BS=3),
            form("A-0003", row=3, BS=0),
        )
        assert await lines_of(db, "A-0001") == [("LPT", 1, 130_000)]
        assert await lines_of(db, "A-0002") == [("LPT", 1, 130_000), ("BS", 3, 15_000)]
        assert await lines_of(db, "A-0003") == [("LPT", 1, 130_000)]


async def test_the_same_again_is_the_same_and_another_is_refused(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service, exam = await open_wishes(db, school), await open_exam(db, school)
        first = await hand_in(db, school, service, form(NV=2))
        again = await hand_in(db, school, service, form(NV=2))
        assert again.applications == first.applications
        assert again.created == frozenset()
    for other_service, other in (
        (service, form(NV=3)),
        (service, form(name="Lê An", NV=2)),
        (exam, form()),
    ):
        with pytest.raises(DomainError) as refused:
            async with transaction(engine) as db:
                await hand_in(db, school, other_service, form("MOI-0001", row=1), other)
        assert status_of(refused.value) == 409
        assert [fault.code for fault in refused.value.faults] == ["other_application"]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM invoice") == 1
        assert await db.raw.fetchval("SELECT count(*) FROM application") == 1


async def test_a_cancelled_application_stays_cancelled(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        made = await hand_in(db, school, service, form(NV=2))
        await cancel_invoice(
            db, school.id, made.applications[0].invoice_id, on=ON, actor="an", reason="Rút hồ sơ"
        )
        again = await hand_in(db, school, service, form(NV=2))
        assert again.applications[0].status == "cancelled"
        assert again.applications[0].open_vnd == 0
        assert await disagreements(db, school.id) == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (form(XX=1), "unknown_item"),
        (form(NV=0), "bad_quantity"),
        (form(NV=-1), "bad_quantity"),
        (form(NV=1_001), "bad_quantity"),
    ],
)
async def test_a_fault_anywhere_writes_nothing(
    engine: AsyncEngine, school: FeeSchool, wrong: object, code: str
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
    with pytest.raises(DomainError) as refused:
        async with transaction(engine) as db:
            await hand_in(db, school, service, form("TOT-0001", NV=1), wrong)  # type: ignore[arg-type]
    assert status_of(refused.value) == 422
    assert [fault.code for fault in refused.value.faults] == [code]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM application") == 0


async def test_two_rows_with_one_code_are_refused(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        with pytest.raises(DomainError) as refused:
            await hand_in(db, school, service, form(NV=1), form(row=2, NV=1))
    assert [(fault.code, fault.row) for fault in refused.value.faults] == [
        ("duplicate_file_code", 2)
    ]


async def test_only_an_approved_service_takes_applications(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        draft = await draft_schedule(db, school.id, service_file(WISHES), "dv.xlsx", actor="an")
        roster = await approved(db, school, fee_file([LUNCH]))
    for service, code in (
        (draft.schedule_id, "not_approved"),
        (roster, "not_a_service"),
        (999, "not_found"),
    ):
        with pytest.raises(DomainError) as refused:
            async with transaction(engine) as db:
                await hand_in(db, school, service, form(NV=1))
        assert refused.value.code == code


async def test_a_service_is_never_issued_to_the_roster(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
    with pytest.raises(DomainError) as refused:
        async with transaction(engine) as db:
            await issue(db, KEYS, school.id, service, on=ON, actor="an")
    assert refused.value.code == "not_for_the_roster"
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM invoice") == 0


async def test_applicants_are_not_in_the_roster(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        made = await hand_in(
            db, school, service, form("HS-0001", NV=1), form("HS-0002", row=2, NV=2)
        )
        preview = await preview_schedule(db, school.id, fee_file([LUNCH]), "an.xlsx")
        assert preview.forecast is not None
        assert preview.forecast.student_count == 5
        schedule = await approved(db, school, fee_file([LUNCH]))
        assert (await issue(db, KEYS, school.id, schedule, on=ON, actor="an")).invoices == 5

        roster = await preview_roster(
            db,
            school.id,
            "Mã học sinh,Họ và tên,Lớp\n3A-1,Nguyễn Minh Anh,3A\n".encode(),
            "r.csv",
            YEAR,
        )
        assert (roster.absent, roster.new_classes) == (4, ())
        assert [name for _, name in await classes_of(db, school.id)] == ["3A", "4A"]
        found = await find_invoices(db, school.id, InvoiceFilter(schedule_id=service), today=ON)
        assert [(row.student_code, row.class_name) for row in found.rows] == [
            ("HS-0001", ""),
            ("HS-0002", ""),
        ]
        shown = await invoice_by_token(db, made.applications[0].token)
        assert shown is not None
        assert (shown.class_name, shown.title) == ("", "LỆ PHÍ DỰ TUYỂN LỚP 10")
        assert "Hân" not in shown.pupil
        assert {one.kind for one in await list_schedules(db, school.id)} == {
            "roster",
            "application",
        }


async def test_a_class_may_have_the_name_of_a_service(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    titles = (TITLES[0], ("Tên dịch vụ", "LÁ 1"), *TITLES[2:])
    async with transaction(engine) as db:
        service = await approved(db, school, service_file(WISHES, titles=titles))
        await hand_in(db, school, service, form(NV=1))
        roster = "Mã học sinh,Họ và tên,Lớp\nN1,Lê Bảo Bình,LÁ 1\n".encode()
        await accept_roster(db, KEYS, school.id, roster, "r.csv", YEAR, actor="an")
        kinds = await db.raw.fetch(
            "SELECT kind FROM school_class WHERE name = 'LÁ 1' ORDER BY kind"
        )
        enrolled = await db.raw.fetchval(
            "SELECT c.kind FROM enrolment e JOIN school_class c ON c.id = e.class_id"
            " JOIN student s ON s.id = e.student_id WHERE s.code = 'N1'"
        )
    assert [row["kind"] for row in kinds] == ["applicants", "class"]
    assert enrolled == "class"


async def test_a_code_belongs_to_a_pupil_or_to_an_application(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        await hand_in(db, school, service, form("HS-0001", NV=1))
        with pytest.raises(DomainError) as refused:
            await hand_in(db, school, service, form("3A-1", NV=1))
        assert (status_of(refused.value), refused.value.faults[0].code) == (409, "code_of_pupil")
        roster = "Mã học sinh,Họ và tên,Lớp\nHS-0001,Lê Bảo Bình,3A\n".encode()
        preview = await preview_roster(db, school.id, roster, "r.csv", YEAR, keys=KEYS)
        assert [(fault.code, fault.row) for fault in preview.faults] == [("code_of_application", 2)]
        with pytest.raises(DomainError):
            await accept_roster(db, KEYS, school.id, roster, "r.csv", YEAR, actor="an")
        assert (
            await db.raw.fetchval("SELECT full_name FROM student WHERE code = 'HS-0001'")
            == "Trần Gia Hân"
        )


async def test_a_late_application_is_due_at_once_not_overdue(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    late = date(2026, 9, 28)
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        data = application_file(("HS-0001", "Lê Bình", 1))
        made = await accept_forms(
            db, KEYS, school.id, service, data, "hs.xlsx", on=late, actor="an"
        )
    assert made.applications[0].due_on == late


async def test_hands_that_meet_make_one_application(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)

    async def one() -> int:
        async with transaction(engine) as db:
            return len((await hand_in(db, school, service, form(NV=2))).created)

    assert sorted(await asyncio.gather(*(one() for _ in range(4)))) == [0, 0, 0, 1]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(0, 1_000)), min_size=1, max_size=12))
async def test_whatever_is_asked_for_the_books_agree(
    engine: AsyncEngine, school: FeeSchool, asked: list[tuple[int, int]]
) -> None:
    async with transaction(engine) as db:
        service = await db.raw.fetchval("SELECT id FROM fee_schedule") or await open_exam(
            db, school
        )
        before = await db.raw.fetchval("SELECT coalesce(max(id), 0) FROM application")
        forms = [
            form(f"X{before}-{place:04}", row=place, LPT=exams, BS=copies)
            for place, (exams, copies) in enumerate(asked, start=1)
        ]
        made = await hand_in(db, school, service, *forms)
        assert [one.total_vnd for one in made.applications] == [
            130_000 * exams + 5_000 * copies for exams, copies in asked
        ]
        assert await disagreements(db, school.id) == []
        totals = await db.raw.fetchrow(
            "SELECT (SELECT sum(total_vnd) FROM invoice) AS a, (SELECT sum(amount_vnd) FROM invoice_line) AS b,"
            " (SELECT sum(amount_vnd) FROM transfer WHERE kind = 'invoice_issued') AS c"
        )
        assert totals["a"] == totals["b"] == totals["c"]


async def test_the_list_goes_on_page_by_page(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        await hand_in(db, school, service, *(form(f"HS-{n:04}", row=n, NV=1) for n in range(1, 8)))
        seen: list[str] = []
        before = None
        while True:
            rows, before = await applications_of(db, school.id, service, before=before, limit=3)
            seen += [row.file_code for row in rows]
            if before is None:
                break
    assert seen == [f"HS-{n:04}" for n in range(7, 0, -1)]


async def test_a_file_is_previewed_and_accepted(engine: AsyncEngine, school: FeeSchool) -> None:
    data = application_file(
        ("HS-0001", "Trần Gia Hân", 3),
        ("HS-0002", "Lê Bảo Bình", 1),
        ("", "", ""),
        ("", "", 4),
    )
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        preview = await preview_forms(db, school.id, service, data, "hs.xlsx")
        assert preview.faults == ()
        assert (preview.created, preview.unchanged, preview.total_vnd) == (2, 0, 80_000)
        assert await db.raw.fetchval("SELECT count(*) FROM application") == 0
        await accept_forms(db, KEYS, school.id, service, data, "hs.xlsx", on=ON, actor="an")
        again = await preview_forms(db, school.id, service, data, "hs.xlsx")
        assert (again.created, again.unchanged, again.total_vnd) == (0, 2, 0)
