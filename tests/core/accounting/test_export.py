"""Exports: every transfer once per format, whole journals, numbered, the same bytes for ever."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import export, journal_of, paid_world, pay, sheet_of
from support.factories import DAY, make_world
from support.voucher_exports import MISA_HEADERS

from core.accounting.charts import chart_for
from core.accounting.export import download, export_vouchers
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.ledger.service import reverse_journal


async def test_misa_receipts_read_back_as_the_books_say(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    made = await export(engine, world, "misa-receipts")
    assert made
    assert (made.number, made.file_name) == (1, "hocphi-misa-receipts-0001.xlsx")
    head, *rows = sheet_of(made.content)
    assert head == MISA_HEADERS
    assert len(head) == 28
    column = {name: index for index, name in enumerate(MISA_HEADERS)}
    shown = [
        tuple(
            row[column[name]]
            for name in (
                "Ngày chứng từ (*)",
                "Số chứng từ (*)",
                "Mã đối tượng",
                "Nộp vào TK",
                "TK Nợ (*)",
                "TK Có (*)",
                "Số tiền",
            )
        )
        for row in rows
    ]
    account = world.bank_number
    assert shown == [
        (DAY, "NTTK0000001/26", "HS00000", account, "112", "131", 100_000),
        (DAY, "NTTK0000002/26", "HS00001", account, "112", "131", 200_000),
        (DAY, "NTTK0000002/26", "HS00001", account, "112", "131", 50_000),
        (DAY, "NTTK0000003/26", "", account, "112", "3388", 70_000),
    ]
    assert (made.voucher_count, made.total_vnd) == (3, 420_000)
    assert rows[0][column["Tên đối tượng"]] == "Nguyễn Minh Anh"
    assert "Ngoại Thương" in str(rows[0][column["Mở tại ngân hàng"]])


async def test_the_journal_holds_every_transfer_once_and_balances(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    made = await export(engine, world, "journal-csv")
    assert made
    rows = journal_of(made.content)
    entries = sorted((row["TK Nợ"], row["TK Có"], int(row["Số tiền"])) for row in rows)
    assert entries == [
        ("112", "131", 50_000),
        ("112", "131", 100_000),
        ("112", "131", 200_000),
        ("112", "3388", 70_000),
        ("113", "131", 300_000),
        ("131", "531", 100_000),
        ("131", "531", 200_000),
        ("131", "531", 300_000),
    ]
    assert made.total_vnd == sum(int(row["Số tiền"]) for row in rows)
    assert [row["Ngày"] for row in rows] == sorted(row["Ngày"] for row in rows)


@pytest.mark.parametrize("name", ["misa-receipts", "misa-general", "journal-csv", "journal-xlsx"])
async def test_each_transfer_is_exported_once_and_numbers_go_on(
    engine: AsyncEngine, name: str
) -> None:
    world = await paid_world(engine)
    first = await export(engine, world, name)
    assert first
    assert await export(engine, world, name) is None
    # what VNPAY still holds is no bank receipt
    await pay(engine, world, "S9", 11_000, "them", "vnpay" if name == "misa-general" else "sepay")
    second = await export(engine, world, name)
    assert second
    assert (second.number, second.voucher_count, second.total_vnd) == (2, 1, 11_000)
    async with transaction(engine) as db:
        assert (await download(db, world.school_id, first.id)) == first
        numbers = [
            row[0]
            for row in await db.raw.fetch(
                "SELECT DISTINCT voucher_no FROM voucher WHERE format = $1 ORDER BY 1", name
            )
        ]
        transfers = await db.raw.fetchval("SELECT count(*) FROM voucher WHERE format = $1", name)
        assert len(numbers) == first.voucher_count + second.voucher_count
        assert [int(number[-10:-3]) for number in numbers] == list(range(1, len(numbers) + 1))
        assert (
            transfers
            == {
                "misa-receipts": 5,
                "misa-general": 5,
                "journal-csv": 9,
                "journal-xlsx": 9,
            }[name]
        )


async def test_a_reversal_is_a_new_voucher(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    assert await export(engine, world, "journal-csv")
    async with transaction(engine) as db:
        journal_id = await db.raw.fetchval(
            "SELECT journal_id FROM transfer WHERE kind = 'suspense'"
        )
        await reverse_journal(db, world.school_id, journal_id, DAY, "ghi nhầm")
    made = await export(engine, world, "journal-csv")
    assert made
    (row,) = journal_of(made.content)
    assert (row["TK Nợ"], row["TK Có"], row["Số tiền"]) == ("3388", "112", "70000")
    assert row["Diễn giải"] == "Đảo bút toán: ghi nhầm"
    assert await export(engine, world, "misa-receipts")  # receipts stand as they were received


async def test_no_text_becomes_a_formula(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        await db.raw.execute("UPDATE student SET full_name = '=HYPERLINK(\"http://x\")'")
    await pay(engine, world, "S1", 100_000, world.invoices[0].reference)
    receipts = await export(engine, world, "misa-receipts")
    journal = await export(engine, world, "journal-csv")
    assert receipts
    assert journal
    assert sheet_of(receipts.content)[1][4] == '=HYPERLINK("http://x")'  # text, as typed
    assert journal_of(journal.content)[-1]["Tên đối tượng"].startswith("'=")


async def test_exports_cannot_be_changed_or_seen_by_others(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    made = await export(engine, world, "journal-csv")
    assert made
    async with transaction(engine) as db:
        other = await make_world(db, [], code="B")
        with pytest.raises(DomainError, match="not_found"):
            await download(db, other.school_id, made.id)
        with pytest.raises(DomainError, match="unknown_format"):
            await export_vouchers(db, world.school_id, "pdf", actor="an")
    with pytest.raises((DBAPIError, Exception), match="append-only"):
        async with transaction(engine) as db:
            await db.raw.execute("UPDATE voucher SET voucher_no = 'X'")


@pytest.mark.parametrize(
    ("regime", "on", "found"),
    [
        ("TT24/2024", date(2026, 9, 1), "TT24/2024"),
        ("TT24/2024", date(2024, 12, 31), "TT107/2017"),
        ("TT107/2017", date(2025, 1, 1), "TT24/2024"),
        ("TT99/2025", date(2025, 12, 31), "TT200/2014"),
        ("TT99/2025", date(2026, 1, 1), "TT99/2025"),
    ],
)
def test_a_voucher_falls_under_the_circular_of_its_date(regime: str, on: date, found: str) -> None:
    assert chart_for(regime, on).regime == found


@pytest.mark.parametrize(
    ("regime", "on"), [("TT1/1999", date(2026, 1, 1)), ("TT24/2024", date(2010, 1, 1))]
)
def test_a_date_without_a_chart_is_refused(regime: str, on: date) -> None:
    with pytest.raises(DomainError, match="no_chart"):
        chart_for(regime, on)
