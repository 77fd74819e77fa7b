"""MISA general vouchers: with the receipts they hold every transfer exactly once; the journal as XLSX."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import busy_world, export, journal_of, paid_world, pay, sheet_of
from support.factories import DAY
from support.general_vouchers import GENERAL_HEADERS

from core.kit.database import transaction


async def test_receipts_and_general_vouchers_hold_each_transfer_exactly_once(
    engine: AsyncEngine,
) -> None:
    world = await busy_world(engine)
    receipts = await export(engine, world, "misa-receipts")
    general = await export(engine, world, "misa-general")
    assert receipts
    assert general
    async with transaction(engine) as db:
        held = await db.raw.fetch(
            "SELECT transfer_id FROM voucher WHERE school_id = $1 ORDER BY 1", world.school_id
        )
        booked = await db.raw.fetch(
            "SELECT id, amount_vnd FROM transfer WHERE school_id = $1 AND kind <> 'opening_balance'"
            " ORDER BY 1",
            world.school_id,
        )
    assert [row["transfer_id"] for row in held] == [row["id"] for row in booked]
    assert receipts.total_vnd + general.total_vnd == sum(row["amount_vnd"] for row in booked)
    amount = GENERAL_HEADERS.index("Số tiền")
    assert sum(int(row[amount]) for row in sheet_of(general.content)[1:]) == general.total_vnd


async def test_general_vouchers_say_what_happened_and_whose_it_is(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    made = await export(engine, world, "misa-general")
    assert made
    assert made.file_name == "hocphi-misa-general-0001.xlsx"
    head, *rows = sheet_of(made.content)
    assert head == GENERAL_HEADERS
    records = [dict(zip(GENERAL_HEADERS, row, strict=True)) for row in rows]
    texts = {
        (
            str(one["Diễn giải (Hạch toán)"]).split(",")[0].split(" phiếu")[0],
            one["TK Nợ (*)"],
            one["TK Có (*)"],
            one["Số tiền"],
            one["Đối tượng Nợ"],
            one["Đối tượng Có"],
            one["TK ngân hàng"],
        )
        for one in records
    }
    bank = world.bank_number
    assert texts >= {
        ("Ghi nhận phải thu: Tiền ăn bán trú", "131", "531", 440_000, "HS00003", "", ""),
        ("Huỷ phải thu: Tiền ăn bán trú", "531", "131", 440_000, "", "HS00003", ""),
        ("Thu tiền theo", "113", "131", 300_000, "", "HS00002", ""),
        ("Xác định khoản tiền chờ xử lý", "3388", "131", 70_000, "", "HS00000", ""),
        ("Ghi nhận phải thu: Bảo hiểm y tế", "131", "3381", 563_220, "HS00001", "", ""),
        ("Hoàn tiền: nộp thừa", "131", "112", 50_000, "HS00001", "", bank),
        ("Đảo bút toán: ghi nhầm", "3388", "112", 33_000, "", "", bank),
    }
    assert not any(one["TK Nợ (*)"] == "112" for one in records)  # those are receipts
    assert {one["Loại tiền"] for one in records} == {"VND"}
    assert all(one["Số tiền"] == one["Số tiền quy đổi"] for one in records)
    assert records[0]["Ngày hạch toán (*)"] == date(2026, 9, 1)
    numbers = sorted({str(one["Số chứng từ (*)"]) for one in records})
    assert numbers == [f"NVK{serial:07d}/26" for serial in range(1, len(numbers) + 1)]


async def test_the_journal_as_xlsx_says_what_the_csv_says(engine: AsyncEngine) -> None:
    world = await busy_world(engine)
    as_csv = await export(engine, world, "journal-csv")
    as_xlsx = await export(engine, world, "journal-xlsx")
    assert as_csv
    assert as_xlsx
    head, *rows = sheet_of(as_xlsx.content)
    found = [dict(zip(head, row, strict=True)) for row in rows]
    expected = journal_of(as_csv.content)
    assert head == list(expected[0])
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["Ngày"] == date.fromisoformat(theirs["Ngày"])
        assert ours["Số tiền"] == int(theirs["Số tiền"])
        assert str(ours["Số chứng từ"]).replace("NKX", "NKC") == theirs["Số chứng từ"]
        assert {name: ours[name] for name in head[2:4]} == {
            name: theirs[name] for name in head[2:4]
        }
        assert ours["Diễn giải"] == theirs["Diễn giải"]
    assert as_xlsx.total_vnd == as_csv.total_vnd


async def test_a_receipt_is_not_a_general_voucher_when_it_comes_later(engine: AsyncEngine) -> None:
    world = await paid_world(engine)
    assert await export(engine, world, "misa-general")
    await pay(engine, world, "S8", 5_000, "moi", day=DAY)
    assert await export(engine, world, "misa-general") is None
    assert await export(engine, world, "misa-receipts")
