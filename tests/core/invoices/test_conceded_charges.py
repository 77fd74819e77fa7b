"""What concessions take off, what is charged ahead and when it is income: to the đồng, once, and undone whole."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS
from support.fee_school import (
    ACCOUNT,
    HEADER,
    INSURANCE,
    LUNCH,
    OTHER_ACCOUNT,
    TITLES,
    TUITION,
    FeeSchool,
    approved,
    enrol,
    fee_file,
    make_school,
    thrown_away,
)

from core.fees.income_recognition import Released, release_income
from core.fees.relief import Grant, Relief, shares
from core.fees.service import draft_schedule, preview_schedule
from core.invoices.cancel import cancel_invoice
from core.invoices.debts import BILL
from core.invoices.detail import invoice_detail
from core.invoices.queries import invoice_by_token
from core.invoices.schedule_totals import total_schedule
from core.invoices.service import Issued, issue
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.ledger.queries import balances, disagreements
from core.ledger.service import reverse_journal

ON = date(2026, 9, 5)
MAY = date(2027, 5, 31)
AHEAD = (*HEADER, "Số tháng")
BOOK = ("SLL", "Sổ liên lạc điện tử", "Dịch vụ", "học kỳ", 100_001, 1, "", "không", "Toàn trường")


class Given(NamedTuple):
    """A concession as a test writes it."""

    student: str
    item: str | None
    percent: int
    borne_by: str = "state"
    begins: date = date(2026, 9, 1)
    ends: date = MAY


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2, "4A": 1})


async def concede(db: Driver, school: FeeSchool, *all_: Given) -> list[int]:
    """Write concessions; their ids in this order."""
    return [
        await db.raw.fetchval(
            """
            INSERT INTO concession (school_id, student_id, fee_item_id, percent, borne_by, decision_no,
                                    from_date, until_date, granted_by)
            SELECT $1, $2, (SELECT id FROM fee_item WHERE school_id = $1 AND code = $3), $4, $5, $6, $7, $8, 'x'
            RETURNING id
            """,
            school.id, school.students[one.student], one.item, one.percent, one.borne_by,
            f"QĐ-{place}", one.begins, one.ends,
        )
        for place, one in enumerate(all_)
    ]  # fmt: skip


async def by_kind(db: Driver, school: FeeSchool, until: date = date(2099, 1, 1)) -> dict[str, int]:
    """Kind of ledger account -> balance in VND; what is 0 is left out. The trial balance is 0."""
    found = await balances(db, school.id, until)
    kinds = await db.raw.fetch(
        "SELECT id, kind FROM ledger_account WHERE school_id = $1", school.id
    )
    sums: Counter[str] = Counter()
    for row in kinds:
        sums[row["kind"]] += found[row["id"]]
    assert sum(sums.values()) == 0
    assert await disagreements(db, school.id) == []
    return {kind: vnd for kind, vnd in sums.items() if vnd}


async def issue_at(
    engine: AsyncEngine, school: FeeSchool, schedule_id: int, on: date = ON
) -> Issued:
    async with transaction(engine) as db:
        return await issue(db, KEYS, school.id, schedule_id, on=on, actor="co.lan")


async def test_the_family_is_asked_the_rest(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        data = fee_file([LUNCH, (*TUITION[:8], "Toàn trường")])
        schedule_id = await approved(db, school, data)
        await concede(
            db,
            school,
            Given("3A-1", None, 50),
            Given("3A-1", None, 70),
            Given("3A-1", None, 10, "school"),
            Given("3A-2", "AN", 25, "school"),
            Given("4A-1", None, 100, begins=date(2026, 1, 1), ends=date(2026, 8, 31)),
        )
        preview = await preview_schedule(db, school.id, data, "f.xlsx")
        before = await total_schedule(db, school.id, schedule_id, "2026-2027")
    state_vnd, school_vnd = 108_500, 15_500 + 165_000
    assert preview.relief == Relief(school_vnd, state_vnd, free_bills=0)
    asked_vnd = 3 * (660_000 + 155_000) - state_vnd - school_vnd
    issued = await issue_at(engine, school, schedule_id)
    assert issued == Issued(3, asked_vnd, 0, school_vnd, state_vnd)
    assert preview.forecast is not None
    assert preview.forecast.total_vnd == asked_vnd
    async with transaction(engine) as db:
        assert await total_schedule(db, school.id, schedule_id, "2026-2027") == before
        assert (before.asked_vnd, before.full_vnd) == (asked_vnd, 3 * 815_000)
        assert await by_kind(db, school) == {
            "receivable": asked_vnd,
            "state_receivable": state_vnd,
            "income": -asked_vnd - state_vnd,
        }
        row = await db.raw.fetchrow(
            "SELECT id, token FROM invoice WHERE student_id = $1", school.students["3A-1"]
        )
        detail = await invoice_detail(db, school.id, row["id"])
        shown = [(one.percent, one.borne_by, one.conceded_vnd) for one in detail.concessions]
        assert shown == [(70, "state", 108_500), (10, "school", 15_500)]
        shown = await invoice_by_token(db, row["token"])
        assert shown is not None
        assert [(line.conceded_vnd, line.amount_vnd) for line in shown.lines] == [
            *((0, 660_000), (124_000, 31_000)),
        ]
        assert "QĐ" not in repr(shown)
    assert await issue_at(engine, school, schedule_id) == Issued(0, 0, 3)


async def test_a_bill_of_which_nothing_is_left_is_booked_without_an_invoice(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    own = ("BH", "Bảo hiểm", "Dịch vụ", "năm", 680_400, 1, OTHER_ACCOUNT, "không", "Toàn trường")
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([LUNCH, TUITION, own]))
        await concede(
            db,
            school,
            *(Given("3A-1", "BH", 60), Given("3A-1", "BH", 80, "school")),
            *(Given("3A-1", "HP", 100), Given("3A-2", "BH", 100, "school")),
        )
    issued = await issue_at(engine, school, schedule_id)
    assert issued.invoices == 4
    assert (issued.conceded_by_state_vnd, issued.conceded_by_school_vnd) == (
        *(155_000 + 408_240, 272_160 + 680_400),
    )
    async with transaction(engine) as db:
        state = await db.raw.fetch(
            "SELECT invoice_id, amount_vnd FROM transfer WHERE kind = 'state_part' ORDER BY amount_vnd"
        )
        assert [(row["invoice_id"] is None, row["amount_vnd"]) for row in state] == [
            *((False, 155_000), (True, 408_240)),
        ]
        free = await db.raw.fetchval(
            "SELECT count(*) FROM invoice i JOIN bank_account b ON b.id = i.bank_account_id"
            " WHERE b.number = $1", OTHER_ACCOUNT,
        )  # fmt: skip
        assert free == 1
        lines = await db.raw.fetchval(
            "SELECT count(*) FROM invoice_line l WHERE NOT EXISTS (SELECT FROM invoice i WHERE i.id = l.invoice_id)"
        )
        assert lines == 0
        whole = await db.raw.fetchval(
            "SELECT id FROM invoice WHERE student_id = $1", school.students["3A-1"]
        )
        at_a_counter = await db.fetch_only(BILL, school.id, whole)
        descriptions = " ".join(line[1] for line in at_a_counter.lines)
        assert "Tiền ăn" in descriptions
        assert "Học phí" not in descriptions  # nobody is asked for 0 đồng
        books = await by_kind(db, school)
    assert await issue_at(engine, school, schedule_id) == Issued(0, 0, 4)
    async with transaction(engine) as db:
        assert await by_kind(db, school) == books
        await enrol(db, school, "3A", ["3A-9"])
    assert (await issue_at(engine, school, schedule_id)).invoices == 2
    async with transaction(engine) as db:
        again = await approved(db, school, fee_file([own, TUITION]))
    with pytest.raises(DomainError, match="charged_before"):
        await issue_at(engine, school, again)


async def test_what_the_state_bears_of_another_s_money_is_owed_to_them(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([(*INSURANCE, 6)], header=AHEAD))
        await concede(db, school, Given("3A-1", "BH", 50))
    await issue_at(engine, school, schedule_id)
    async with transaction(engine) as db:
        assert await release_income(db, school.id, MAY) == Released(0, 0)
        assert await by_kind(db, school) == {
            "receivable": 3 * 680_400 - 340_200,
            "state_receivable": 340_200,
            "on_behalf": -3 * 680_400,
        }


async def test_a_semester_becomes_income_month_by_month(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([(*BOOK, 5)], header=AHEAD))
        await concede(db, school, Given("3A-1", "SLL", 100), Given("3A-2", "SLL", 30))
    await issue_at(engine, school, schedule_id)
    full_vnd = 3 * 100_001
    async with transaction(engine) as db:
        assert (await by_kind(db, school))["prepaid"] == -full_vnd
        assert await release_income(db, school.id, date(2026, 9, 4)) == Released(0, 0)
        assert await release_income(db, school.id, date(2026, 10, 31)) == Released(6, 6 * 20_000)
        assert await release_income(db, school.id, date(2026, 10, 31)) == Released(0, 0)
        assert await release_income(db, school.id, date(2026, 9, 30)) == Released(0, 0)
        assert (await by_kind(db, school, date(2026, 9, 30)))["income"] == -60_000
        assert await release_income(db, school.id, MAY) == Released(9, full_vnd - 120_000)
        days = await db.raw.fetch(
            "SELECT business_date, memo, sum(amount_vnd)::bigint AS vnd, count(DISTINCT journal_id) AS journals"
            " FROM transfer WHERE kind = 'income_released' GROUP BY 1, 2 ORDER BY 1"
        )
        assert [tuple(row) for row in days] == [
            (ON, "09/2026", 60_000, 1),
            (date(2026, 10, 1), "10/2026", 60_000, 1),
            (date(2026, 11, 1), "11/2026", 60_000, 1),
            (date(2026, 12, 1), "12/2026", 60_000, 1),
            (date(2027, 1, 1), "01/2027", 60_003, 1),
        ]
        left = await by_kind(db, school)
        assert "prepaid" not in left
        assert left["income"] == -full_vnd
        journal = await db.raw.fetchval("SELECT max(journal_id) FROM income_release")
        with pytest.raises(DomainError, match="journal_of_invoice"):
            await reverse_journal(db, school.id, journal, ON, "nhầm")


async def test_a_month_charged_ahead_is_not_charged_again(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    titles = {
        month: (TITLES[0], (f"KHOẢN THU THÁNG {month:02}/{year}",), (f"Hạn nộp: 25/{month:02}/{year}",))
        for month, year in ((12, 2026), (1, 2027), (2, 2027))
    }  # fmt: skip
    async with transaction(engine) as db:
        first = await approved(db, school, fee_file([(*BOOK, 5)], header=AHEAD))
        january = await approved(db, school, fee_file([BOOK], titles=titles[1]))
        february = await approved(db, school, fee_file([BOOK], titles=titles[2]))
        december = await approved(
            db, school, fee_file([(*BOOK, 3)], titles=titles[12], header=AHEAD)
        )
    await issue_at(engine, school, first)
    for overlapping in (january, december):
        with pytest.raises(DomainError, match="charged_before"):
            await issue_at(engine, school, overlapping)
    assert (await issue_at(engine, school, february)).invoices == 3


async def test_a_closed_day_takes_nothing_more(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([(*BOOK, 2)], header=AHEAD))
        await concede(db, school, Given("3A-1", "SLL", 50))
        await db.raw.execute("UPDATE school SET books_locked_until = '2026-10-05'")
    await issue_at(engine, school, schedule_id)
    async with transaction(engine) as db:
        await release_income(db, school.id, date(2026, 10, 20))
        invoice_id = await db.raw.fetchval("SELECT min(id) FROM invoice")
        await cancel_invoice(db, school.id, invoice_id, on=ON, actor="co.lan", reason="nhầm")
        days = await db.raw.fetch("SELECT DISTINCT business_date FROM transfer")
        assert [row[0] for row in days] == [date(2026, 10, 6)]
        issued = await db.raw.fetch("SELECT DISTINCT issued_on FROM invoice")
        assert [row[0] for row in issued] == [ON]  # what the family's invoice shows stays


async def test_a_service_is_not_charged_ahead(engine: AsyncEngine, school: FeeSchool) -> None:
    data = fee_file(
        [(*BOOK[:8], "Hồ sơ", 3)], header=AHEAD, titles=(*TITLES, ("Tên dịch vụ: Thi",))
    )
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as refused:
            await draft_schedule(db, school.id, data, "f.xlsx", actor="co.lan")
    assert [fault.code for fault in refused.value.faults] == ["months_of_service"]


given_concessions = st.lists(
    st.builds(
        Given,
        student=st.sampled_from(("3A-1", "3A-2", "4A-1")),
        item=st.sampled_from((None, "HP", "AN", "SLL")),
        percent=st.integers(1, 100),
        borne_by=st.sampled_from(("school", "state")),
        begins=st.just(ON),
        ends=st.just(MAY),
    ),
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prices=st.tuples(st.integers(1, 3_000_000), st.integers(1, 999), st.integers(1, 10**9)),
    months=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    given_=given_concessions,
    days=st.lists(st.dates(date(2026, 9, 1), date(2027, 9, 1)), max_size=4),
    cancelled_between=st.booleans(),
)
async def test_every_dong_is_asked_conceded_released_and_undone(
    engine: AsyncEngine,
    prices: tuple[int, int, int],
    months: tuple[int, int],
    given_: list[Given],
    days: list[date],
    cancelled_between: bool,
) -> None:
    async with thrown_away(engine) as db:
        school = await make_school(db, {"3A": 2, "4A": 1}, code="HYP")
        everyone = (ACCOUNT, "không", "Toàn trường")
        data = fee_file(
            [
                ("HP", "Học phí", "Học phí", "tháng", prices[0], 1, *everyone, months[0]),
                ("AN", "Tiền ăn", "Dịch vụ", "ngày", prices[1], 7, *everyone, 1),
                ("SLL", "Sổ liên lạc", "Dịch vụ", "kỳ", prices[2], 1, OTHER_ACCOUNT,
                 *everyone[1:], months[1]),
            ],
            header=AHEAD,
        )  # fmt: skip
        schedule_id = await approved(db, school, data)
        full = {"HP": prices[0], "AN": prices[1] * 7, "SLL": prices[2]}
        empty = await by_kind(db, school)
        ids = await concede(db, school, *given_)
        preview = await preview_schedule(db, school.id, data, "f.xlsx")
        issued = await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")

        # the statement computes what the pure rule does, charge by charge
        expected = {}
        for student in school.students:
            for code, full_vnd in full.items():
                own = [
                    Grant(id=number, student_code=one.student, item_code=one.item,
                          percent=one.percent, borne_by=one.borne_by)
                    for number, one in zip(ids, given_, strict=True)
                    if one.student == student and one.item in {code, None if code == "HP" else code}
                ]  # fmt: skip
                taken = shares(full_vnd, own)
                expected |= {(student, code, number): vnd for number, vnd in taken.items() if vnd}
        rows = await db.raw.fetch(
            "SELECT s.code AS student, i.code AS item, d.concession_id, d.conceded_vnd FROM conceded_charge d"
            " JOIN student s ON s.id = d.student_id JOIN fee_item i ON i.id = d.fee_item_id"
            " WHERE d.school_id = $1", school.id,
        )  # fmt: skip
        written = {(row["student"], row["item"], row["concession_id"]): row["conceded_vnd"] for row in rows}  # fmt: skip
        assert written == expected
        conceded_vnd = issued.conceded_by_school_vnd + issued.conceded_by_state_vnd
        assert issued.total_vnd + conceded_vnd == 3 * sum(full.values())
        assert preview.forecast is not None
        assert (preview.forecast.invoice_count, preview.forecast.total_vnd) == (
            *(issued.invoices, issued.total_vnd),
        )
        again = await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")
        assert again == Issued(0, 0, issued.invoices)

        for day in days:
            await release_income(db, school.id, day)
        invoices = [
            row["id"]
            for row in await db.raw.fetch("SELECT id FROM invoice WHERE school_id = $1", school.id)
        ]
        if cancelled_between and invoices:
            await cancel_invoice(db, school.id, invoices[0], on=ON, actor="x", reason="nhầm")
        await release_income(db, school.id, date(2028, 1, 1))
        books = await by_kind(db, school)
        assert "prepaid" not in books
        assert await release_income(db, school.id, date(2028, 1, 1)) == Released(0, 0)
        if not cancelled_between:
            assert -books.get("income", 0) == issued.total_vnd + issued.conceded_by_state_vnd
        for invoice_id in invoices[int(cancelled_between) :]:
            await cancel_invoice(db, school.id, invoice_id, on=ON, actor="x", reason="nhầm")
        # what is left is the State's part of bills that asked nothing, and nothing else
        free_vnd = await db.raw.fetchval(
            "SELECT coalesce(sum(amount_vnd), 0)::bigint FROM transfer"
            " WHERE school_id = $1 AND kind = 'state_part' AND invoice_id IS NULL", school.id,
        )  # fmt: skip
        left = {"state_receivable": free_vnd, "income": -free_vnd} if free_vnd else {}
        assert await by_kind(db, school) == empty | left
