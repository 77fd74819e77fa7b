"""Trial balance and detail ledger: opening + debits - credited = closing, both sides equal, as XLSX."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import (
    book,
    busy_world,
    export,
    journal_of,
    ledger_accounts,
    sheet_of,
)
from support.factories import DAY, World, make_world

from core.accounting import books
from core.accounting.book_sheets import write_detail_ledger, write_trial_balance
from core.accounting.books import (
    DetailLedger,
    TrialBalance,
    Turnover,
    detail_ledger,
    trial_balance,
)
from core.accounting.charts import Override, chart_for
from core.accounting.overrides import set_override
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.ledger.postings import Event

FIRST = date(2026, 1, 1)
LAST = date(2026, 12, 31)


async def balance_of(engine: AsyncEngine, world: World, since: date, until: date) -> TrialBalance:
    async with transaction(engine) as db:
        return await trial_balance(db, world.school_id, since, until)


async def ledger_of(
    engine: AsyncEngine, world: World, account: str, since: date, until: date
) -> DetailLedger:
    async with transaction(engine) as db:
        return await detail_ledger(db, world.school_id, account, since, until)


def row_of(found: TrialBalance, account: str) -> Turnover:
    (row,) = (one for one in found.turnovers if one.account == account)
    return row


async def random_world(
    engine: AsyncEngine, seed: int
) -> tuple[World, list[tuple[str, str, int, date]]]:
    """A year of transfers between all accounts, and what they were: debit kind, credit kind, VND, day."""
    chance = random.Random(seed)
    async with transaction(engine) as db:
        world = await make_world(db, [])
    accounts = await ledger_accounts(engine, world)
    moved = []
    for _ in range(50):
        debit, credit = chance.sample(sorted(accounts), 2)
        amount_vnd = chance.choice([1, 999, 1_250_000, 10**12])
        day = FIRST + timedelta(days=chance.randrange(365))
        await book(
            engine,
            world,
            Event.PAYMENT_RECEIVED,
            accounts[debit],
            accounts[credit],
            amount_vnd,
            day,
        )
        moved.append((debit, credit, amount_vnd, day))
    return world, moved


@pytest.mark.parametrize("seed", range(4))
async def test_both_books_add_up_to_what_was_booked(engine: AsyncEngine, seed: int) -> None:
    world, moved = await random_world(engine, seed)
    since, until = date(2026, 3, 5), date(2026, 9, 20)
    code = chart_for("TT24/2024", since).accounts
    opening: Counter[str] = Counter()
    debited: Counter[str] = Counter()
    credited: Counter[str] = Counter()
    for debit, credit, amount_vnd, day in moved:
        if day < since:
            opening[code[debit]] += amount_vnd
            opening[code[credit]] -= amount_vnd
        elif day <= until:
            debited[code[debit]] += amount_vnd
            credited[code[credit]] += amount_vnd
    found = await balance_of(engine, world, since, until)
    for one in found.turnovers:
        assert one.opening_vnd == opening[one.account]
        assert (one.debit_vnd, one.credit_vnd) == (debited[one.account], credited[one.account])
        assert one.closing_vnd == one.opening_vnd + one.debit_vnd - one.credit_vnd
        ledger = await ledger_of(engine, world, one.account, since, until)
        assert ledger.opening_vnd == one.opening_vnd
        assert (ledger.debit_vnd, ledger.credit_vnd) == (one.debit_vnd, one.credit_vnd)
        assert ledger.closing_vnd == one.closing_vnd
    assert sum(one.debit_vnd for one in found.turnovers) == sum(debited.values())
    for side in ("opening", "closing"):
        debit_vnd = sum(getattr(one, f"{side}_debit_vnd") for one in found.turnovers)
        assert debit_vnd == sum(getattr(one, f"{side}_credit_vnd") for one in found.turnovers)
    assert sum(one.debit_vnd for one in found.turnovers) == sum(
        one.credit_vnd for one in found.turnovers
    )
    following = await balance_of(engine, world, until + timedelta(days=1), LAST)
    assert {one.account: one.opening_vnd for one in following.turnovers if one.opening_vnd} == {
        one.account: one.closing_vnd for one in found.turnovers if one.closing_vnd
    }


async def test_the_trial_balance_moves_what_the_exported_journal_moves(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    made = await export(engine, world, "journal-csv")
    assert made
    debited: Counter[str] = Counter()
    credited: Counter[str] = Counter()
    for row in journal_of(made.content):
        debited[row["TK Nợ"]] += int(row["Số tiền"])
        credited[row["TK Có"]] += int(row["Số tiền"])
    debited["112"] += 9_000_000  # what the account held before: never a voucher
    credited["000"] += 9_000_000
    found = await balance_of(engine, world, FIRST, LAST)
    assert {one.account: one.debit_vnd for one in found.turnovers if one.debit_vnd} == debited
    assert {one.account: one.credit_vnd for one in found.turnovers if one.credit_vnd} == credited
    assert found.unconfirmed_vnd == 0


async def test_what_pupils_owe_and_have_left_over_is_not_netted(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    row = row_of(await balance_of(engine, world, FIRST, LAST), "131")
    assert row.name == "Phải thu khách hàng"
    assert (row.closing_debit_vnd, row.closing_credit_vnd) == (563_220, 70_000)


async def test_unconfirmed_money_is_said_apart(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE payment SET is_provisional = true WHERE id ="
            " (SELECT payment_id FROM transfer WHERE amount_vnd = 100000 AND payment_id IS NOT NULL)"
        )
    found = await balance_of(engine, world, FIRST, LAST)
    assert found.unconfirmed_vnd == 100_000
    assert "Trong đó chưa được xác nhận" in [
        row[1] for row in sheet_of(write_trial_balance(found).content)
    ]


async def test_the_trial_balance_as_xlsx(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    found = await balance_of(engine, world, FIRST, LAST)
    file = write_trial_balance(found)
    assert file.file_name == "hocphi-trial-balance-2026-01-01-2026-12-31.xlsx"
    assert write_trial_balance(found) == file
    rows = sheet_of(file.content)
    assert [row[0] for row in rows[:4]] == [
        "Trường Tiểu học Hoa Sen",
        "BẢNG CÂN ĐỐI SỐ PHÁT SINH",
        "Từ ngày 01/01/2026 đến ngày 31/12/2026 – đồng Việt Nam",
        "Thông tư 24/2024/TT-BTC, đơn vị hành chính, sự nghiệp",
    ]
    head, *lines, total = rows[4:]
    assert head[:4] == ["Số hiệu TK", "Tên tài khoản", "Đầu kỳ – Nợ", "Đầu kỳ – Có"]
    assert [line[0] for line in lines] == ["000", "112", "113", "131", "3381", "3388", "531"]
    for column in range(2, 8):
        assert sum(line[column] for line in lines) == total[column]
    assert total[2] == total[3]
    assert total[4] == total[5] > 0
    assert total[6] == total[7] > 0


async def test_the_detail_ledger_as_xlsx_runs_to_its_closing_balance(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    assert await export(engine, world, "misa-receipts")
    ledger = await ledger_of(engine, world, "112", FIRST, LAST)
    rows = sheet_of(write_detail_ledger(ledger).content)
    assert rows[1][0] == "SỔ CHI TIẾT TÀI KHOẢN 112 – Tiền gửi ngân hàng, kho bạc"
    head, opening, *lines, total, closing = rows[4:]
    assert opening[3] == "Số dư đầu kỳ"
    balance_vnd = 0
    for line in lines:
        balance_vnd += int(line[8] or 0) - int(line[9] or 0)
        assert line[10] == balance_vnd
    assert (total[8], total[9]) == (ledger.debit_vnd, ledger.credit_vnd)
    assert closing[10] == balance_vnd == ledger.closing_vnd == 9_370_000
    refund = next(line for line in lines if line[3] == "Hoàn tiền: nộp thừa")
    assert dict(zip(head, refund, strict=True)) == {
        "Ngày": DAY,
        "Số bút toán": refund[1],
        "Chứng từ đã xuất": "",
        "Diễn giải": "Hoàn tiền: nộp thừa",
        "TK đối ứng": "131",
        "Mã đối tượng": "HS00001",
        "Tên đối tượng": "Nguyễn Minh Anh",
        "Mã tham chiếu": "",
        "Phát sinh – Nợ": "",
        "Phát sinh – Có": 50_000,
        "Số dư – Nợ": refund[10],
        "Số dư – Có": "",
    }
    assert {line[2] for line in lines} >= {"NTTK0000001/26", "NTTK0000002/26", ""}


async def test_a_period_in_which_the_accounts_change_is_refused_with_the_day(
    engine: AsyncEngine,
) -> None:
    world = await busy_world(engine)
    async with transaction(engine) as db:
        own = Override(purpose="bank", valid_from=date(2026, 10, 1), account="1121")
        await set_override(db, world.school_id, own, actor="duyet")
    with pytest.raises(DomainError, match=r"accounts_change.*2026-10-01"):
        await balance_of(engine, world, FIRST, LAST)
    before = await balance_of(engine, world, FIRST, date(2026, 9, 30))
    after = await balance_of(engine, world, date(2026, 10, 1), LAST)
    assert row_of(before, "112").closing_vnd == row_of(after, "1121").opening_vnd == 9_370_000
    with pytest.raises(DomainError, match="not_found"):
        await ledger_of(engine, world, "112", date(2026, 10, 1), LAST)
    ledger = await ledger_of(engine, world, "1121", date(2026, 10, 1), LAST)
    assert (ledger.opening_vnd, ledger.entries) == (9_370_000, ())


async def test_a_private_school_closes_its_year_where_the_circular_changes(
    engine: AsyncEngine,
) -> None:
    world = await busy_world(engine)
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE school SET accounting_regime = 'TT99/2025'")
    with pytest.raises(DomainError, match=r"accounts_change.*2026-01-01"):
        await balance_of(engine, world, date(2025, 7, 1), LAST)
    row = row_of(await balance_of(engine, world, FIRST, LAST), "112")
    assert row.name == "Tiền gửi không kỳ hạn"


async def test_refusals(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await busy_world(engine)
    with pytest.raises(DomainError, match="bad_period"):
        await balance_of(engine, world, LAST, FIRST)
    with pytest.raises(DomainError, match="not_found"):
        await ledger_of(engine, world, "999", FIRST, LAST)
    with pytest.raises(DomainError, match="no_chart"):
        await balance_of(engine, world, date(1990, 1, 1), date(1990, 2, 1))
    async with transaction(engine) as db:
        with pytest.raises(DomainError, match="not_found"):
            await trial_balance(db, 10**9, FIRST, LAST)
    monkeypatch.setattr(books, "MAX_LINES", 3)
    with pytest.raises(DomainError, match="period_too_long"):
        await ledger_of(engine, world, "112", FIRST, LAST)
