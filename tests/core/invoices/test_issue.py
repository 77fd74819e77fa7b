"""Issuing: every pupil once, to the đồng, whatever the schedule, and never twice."""

from __future__ import annotations

import asyncio
import re
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS
from support.fee_school import (
    ACCOUNT,
    BUS,
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

from core.fees.queries import get_schedule
from core.fees.service import approve_schedule, draft_schedule, preview_schedule
from core.identity.audit import verify_chain
from core.invoices.cancel import cancel_invoice
from core.invoices.service import Issued, issue
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.kit.reference import is_reference
from core.ledger.queries import balances, disagreements

ON = date(2026, 9, 5)
OCTOBER = (TITLES[0], ("KHOẢN THU THÁNG 10/2026",), ("Hạn nộp: 25/10/2026",))


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2, "3B": 3, "4A": 4})


async def issue_now(engine: AsyncEngine, school: FeeSchool, schedule_id: int) -> Issued:
    async with transaction(engine) as db:
        return await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")


async def lines_of(db: Driver, student: str) -> dict[str, list[tuple[str, int]]]:
    """Account -> (item, amount) of a pupil's invoice lines, in their order."""
    rows = await db.raw.fetch(
        """
        SELECT b.number, f.code, l.amount_vnd FROM invoice i
          JOIN student s ON s.id = i.student_id JOIN bank_account b ON b.id = i.bank_account_id
          JOIN invoice_line l ON l.invoice_id = i.id JOIN fee_item f ON f.id = l.fee_item_id
         WHERE s.code = $1 ORDER BY i.id, l.line_no
        """,
        student,
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        found.setdefault(row["number"], []).append((row["code"], row["amount_vnd"]))
    return found


async def check_books(db: Driver, school: FeeSchool) -> int:
    """Lines = totals = receivable = what items were credited; returns it in VND."""
    assert await disagreements(db, school.id) == []
    sums = await db.raw.fetchrow(
        """
        SELECT (SELECT coalesce(sum(l.amount_vnd), 0)::bigint FROM invoice_line l
                  JOIN invoice i ON i.id = l.invoice_id AND i.cancelled_at IS NULL) AS lines_vnd,
               (SELECT coalesce(sum(total_vnd), 0)::bigint FROM invoice WHERE cancelled_at IS NULL) AS totals_vnd,
               (SELECT count(*) FROM invoice i WHERE total_vnd <>
                       (SELECT sum(amount_vnd) FROM invoice_line WHERE invoice_id = i.id)) AS wrong_totals,
               (SELECT count(*) FROM (SELECT journal_id FROM transfer GROUP BY 1
                                      HAVING count(DISTINCT invoice_id) <> 1) AS j) AS mixed_journals,
               (SELECT count(*) FROM transfer WHERE student_id IS DISTINCT FROM
                       (SELECT student_id FROM invoice WHERE id = invoice_id)) AS strangers
        """
    )
    kinds = {
        row["id"]: row["kind"]
        for row in await db.raw.fetch(
            "SELECT id, kind FROM ledger_account WHERE school_id = $1", school.id
        )
    }
    by_account = await balances(db, school.id, date(2027, 12, 31))
    receivable = sum(vnd for account, vnd in by_account.items() if kinds[account] == "receivable")
    assert sum(by_account.values()) == 0
    assert sums["lines_vnd"] == sums["totals_vnd"] == receivable
    assert (sums["wrong_totals"], sums["mixed_journals"], sums["strangers"]) == (0, 0, 0)
    return receivable


async def test_every_pupil_gets_what_applies_to_them(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    cheaper = (*LUNCH[:4], 25_000, *LUNCH[5:8], "Khối 3")
    own = (*LUNCH[:4], 20_000, *LUNCH[5:8], "3B")
    data = fee_file(
        [own, LUNCH, cheaper, (*TUITION[:8], "Khối 4"), INSURANCE, BUS],
        [("3B-2", "XE"), ("4A-1", "XE")],
    )
    async with transaction(engine) as db:
        preview = await preview_schedule(db, school.id, data, "f.xlsx")
        schedule_id = await approved(db, school, data)
    issued = await issue_now(engine, school, schedule_id)
    assert preview.forecast is not None
    assert issued == Issued(preview.forecast.invoice_count, preview.forecast.total_vnd, already=0)
    async with transaction(engine) as db:
        insurance = {OTHER_ACCOUNT: [("BH", 680_400)]}
        assert await lines_of(db, "3A-1") == {ACCOUNT: [("AN", 550_000)]} | insurance
        assert await lines_of(db, "3B-1") == {ACCOUNT: [("AN", 440_000)]} | insurance
        assert (
            await lines_of(db, "3B-2") == {ACCOUNT: [("AN", 440_000), ("XE", 600_000)]} | insurance
        )
        assert (
            await lines_of(db, "4A-1")
            == {ACCOUNT: [("AN", 660_000), ("HP", 155_000), ("XE", 600_000)]} | insurance
        )
        assert await check_books(db, school) == issued.total_vnd
        invoices = await db.raw.fetch("SELECT * FROM invoice")
        assert len({row["reference"] for row in invoices}) == len(invoices) == issued.invoices
        assert all(is_reference(row["reference"]) for row in invoices)
        assert all(re.fullmatch("[0-9a-f]{32}", row["token"]) for row in invoices)
        assert len({row["token"] for row in invoices}) == len(invoices)
        assert {(row["issued_on"], row["due_on"]) for row in invoices} == {(ON, date(2026, 9, 25))}
        on_behalf = await db.raw.fetchval(
            "SELECT sum(t.amount_vnd)::bigint FROM transfer t"
            " JOIN ledger_account a ON a.id = t.credit_account_id AND a.kind = 'on_behalf'"
        )
        assert on_behalf == 9 * 680_400
        assert (await get_schedule(db, school.id, schedule_id)).schedule.status == "issued"
        chain = await verify_chain(db, school.id)
        assert (chain.entries, chain.broken_at) == (3, None)


async def test_issuing_twice_is_issuing_once(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([LUNCH, INSURANCE]))
    first = await issue_now(engine, school, schedule_id)
    assert (first.invoices, first.already) == (18, 0)
    assert await issue_now(engine, school, schedule_id) == Issued(0, 0, already=18)
    async with transaction(engine) as db:
        assert await check_books(db, school) == first.total_vnd
        assert await db.raw.fetchval("SELECT count(*) FROM transfer") == 18


async def test_who_comes_later_is_issued_later(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([LUNCH]))
    await issue_now(engine, school, schedule_id)
    async with transaction(engine) as db:
        await enrol(db, school, "4A", ["NEW"])
    assert await issue_now(engine, school, schedule_id) == Issued(1, 660_000, already=9)
    async with transaction(engine) as db:
        assert await lines_of(db, "NEW") == {ACCOUNT: [("AN", 660_000)]}
        assert await check_books(db, school) == 10 * 660_000


async def test_many_issues_at_once_are_one(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([LUNCH, INSURANCE]))
    results = await asyncio.gather(*(issue_now(engine, school, schedule_id) for _ in range(5)))
    assert sorted(result.invoices for result in results) == [0, 0, 0, 0, 18]
    async with transaction(engine) as db:
        assert await check_books(db, school) == 9 * (660_000 + 680_400)


async def test_what_is_not_approved_or_charges_nobody_is_not_issued(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        drafted = await draft_schedule(db, school.id, fee_file([BUS]), "f.xlsx", actor="co.lan")
    with pytest.raises(DomainError, match="not_approved"):
        await issue_now(engine, school, drafted.schedule_id)
    with pytest.raises(DomainError, match="not_found"):
        await issue_now(engine, school, drafted.schedule_id + 1)
    async with transaction(engine) as db:
        await approve_schedule(db, school.id, drafted.schedule_id, actor="thay.hung")
    with pytest.raises(DomainError, match="nobody_to_charge"):
        await issue_now(engine, school, drafted.schedule_id)
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM invoice") == 0


async def test_an_item_is_not_charged_twice_in_a_month(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        first = await approved(db, school, fee_file([LUNCH]))
        second = await approved(db, school, fee_file([(*LUNCH[:4], 31_000, *LUNCH[5:]), INSURANCE]))
        october = await approved(db, school, fee_file([LUNCH], titles=OCTOBER))
        insurance = await approved(
            db, school, fee_file([INSURANCE], titles=(*TITLES, ("Đợt thu: Bảo hiểm",)))
        )
    await issue_now(engine, school, first)
    with pytest.raises(DomainError, match="charged_before") as refused:
        await issue_now(engine, school, second)
    assert status_of(refused.value) == 409
    assert (await issue_now(engine, school, october)).invoices == 9
    assert (await issue_now(engine, school, insurance)).invoices == 9
    async with transaction(engine) as db:
        assert await check_books(db, school) == 9 * (660_000 + 660_000 + 680_400)


async def test_a_cancelled_invoice_stays_cancelled(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([LUNCH]))
    await issue_now(engine, school, schedule_id)
    async with transaction(engine) as db:
        invoice_id = await db.raw.fetchval("SELECT min(id) FROM invoice")
        await cancel_invoice(
            db, school.id, invoice_id, on=ON, actor="co.lan", reason="Học sinh chuyển trường"
        )
    assert await issue_now(engine, school, schedule_id) == Issued(0, 0, already=9)
    async with transaction(engine) as db:
        assert await check_books(db, school) == 8 * 660_000


async def test_schools_do_not_meet(engine: AsyncEngine, school: FeeSchool) -> None:
    async with transaction(engine) as db:
        other = await make_school(db, {"3A": 5}, code="TH02")
        mine = await approved(db, school, fee_file([LUNCH]))
        theirs = await approved(db, other, fee_file([LUNCH]))
    with pytest.raises(DomainError, match="not_found"):
        await issue_now(engine, school, theirs)
    await issue_now(engine, school, mine)
    async with transaction(engine) as db:
        assert {
            row["school_id"] for row in await db.raw.fetch("SELECT school_id FROM invoice")
        } == {school.id}


SCOPES = ("Toàn trường", "Khối 1", "Khối 2", "1A", "1B", "2A")
FACTS = st.tuples(
    st.sampled_from(["Học phí", "Dịch vụ", "Thu hộ"]),
    st.sampled_from(["", OTHER_ACCOUNT]),
    st.sampled_from(["có", "không"]),
)


@st.composite
def schedules(
    draw: st.DrawFn,
) -> tuple[dict[str, int], list[tuple[object, ...]], list[tuple[str, str]]]:
    """A roster, the items of a file and who asked for the optional ones (all within its scope)."""
    classes = {name: draw(st.integers(0, 4)) for name in ("1A", "1B", "2A")}
    items: list[tuple[object, ...]] = []
    optional: list[str] = []
    for number in range(draw(st.integers(1, 4))):
        nature, account, is_optional = draw(FACTS)
        scopes = draw(st.lists(st.sampled_from(SCOPES), min_size=1, max_size=4, unique=True))
        if is_optional == "có":
            optional.append(f"K{number}")
            scopes = ["Toàn trường", *(scope for scope in scopes if scope != "Toàn trường")]
        for scope in scopes:
            price_vnd = draw(st.integers(1, 10**7))
            quantity = draw(st.integers(1, 30))
            items.append(
                (f"K{number}", f"Khoản {number}", nature, "lần", price_vnd, quantity, account, is_optional, scope)
            )  # fmt: skip
    pupils = [f"{name}-{n}" for name, count in classes.items() for n in range(1, count + 1)]
    pairs = [(pupil, item) for pupil in pupils for item in optional]
    asked = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return classes, items, asked


@given(schedules())
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_lines_totals_and_ledger_agree_for_any_schedule(
    engine: AsyncEngine,
    drawn: tuple[dict[str, int], list[tuple[object, ...]], list[tuple[str, str]]],
) -> None:
    classes, items, asked = drawn
    data = fee_file(items, asked)
    async with thrown_away(engine) as db:
        school = await make_school(db, {**classes, "2B": 0})
        preview = await preview_schedule(db, school.id, data, "f.xlsx")
        assert preview.faults == ()
        assert preview.forecast is not None
        schedule_id = await approved(db, school, data)
        if preview.forecast.invoice_count == 0:
            with pytest.raises(DomainError, match="nobody_to_charge"):
                await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")
            return
        issued = await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")
        assert issued.invoices == preview.forecast.invoice_count
        assert issued.total_vnd == preview.forecast.total_vnd
        assert await check_books(db, school) == issued.total_vnd
        again = await issue(db, KEYS, school.id, schedule_id, on=ON, actor="co.lan")
        assert again == Issued(0, 0, already=issued.invoices)
        assert await check_books(db, school) == issued.total_vnd
