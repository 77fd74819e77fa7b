"""Every layout in every kind of file reads to exactly the lines that were written; so do the usual messes."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from support.settlement_layouts import HEADERS, KIND_WORDS, Item, paper, row_of, total_row
from support.table_files import WRITERS, Value, as_csv, as_xlsx

from adapters.contract import FileError
from adapters.settlements import (
    LAYOUTS,
    Kind,
    Settlement,
    SettlementLine,
    SettlementMapping,
    mapped,
    read_settlement,
)
from adapters.settlements.cells import parse_instant

EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - as the file prints it
NOON = datetime(2026, 11, 20, 12, 30, 5)  # noqa: DTZ001 - as the file prints it
ITEMS = [
    Item(gross_vnd=1_250_000, fee_vnd=13_750, vat_vnd=1_375, paid=NOON),
    Item(gross_vnd=500_000, fee_vnd=5_500, vat_vnd=550, transaction="14422002", paid=NOON),
    Item(
        kind=Kind.REFUND,
        gross_vnd=-250_000,
        fee_vnd=-2_750,
        vat_vnd=-275,
        transaction="14422003",
        original="14422001",
    ),
    Item(kind=Kind.CHARGEBACK, gross_vnd=-90_000, transaction="14422004", original="14422002"),
    Item(kind=Kind.FEE, gross_vnd=0, fee_vnd=50_000, vat_vnd=5_000, transaction="", merchant=""),
    Item(kind=Kind.ADJUSTMENT, gross_vnd=7, transaction="", merchant=""),
]


def written(item: Item) -> tuple[object, ...]:
    paid_at = (item.paid - timedelta(hours=7)).replace(tzinfo=UTC) if item.paid else None
    return (
        *(item.kind, item.transaction, item.merchant, item.original, item.gross_vnd),
        *(item.fee_vnd, item.vat_vnd, item.net_vnd, paid_at, item.settled, item.batch),
    )


def read(line: SettlementLine) -> tuple[object, ...]:
    return (
        *(
            line.kind,
            line.provider_transaction_id,
            line.merchant_reference,
            line.original_reference,
        ),
        *(line.gross_vnd, line.fee_vnd, line.vat_vnd, line.net_vnd, line.paid_at, line.settled_on),
        line.batch_id,
    )


def reads(rows: list[list[Value]], kind: str = "csv") -> Settlement:
    return read_settlement(WRITERS[kind](rows), f"đối soát.{kind}")


def expect_exactly(settlement: Settlement, items: list[Item]) -> None:
    assert [read(line) for line in settlement.lines] == [written(item) for item in items]
    assert settlement.unreadable == settlement.gaps == ()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("layout", HEADERS)
def test_every_layout_in_every_kind_of_file(layout: str, kind: str) -> None:
    settlement = reads(paper(layout, ITEMS), kind)
    expect_exactly(settlement, ITEMS)
    name = layout.split(maxsplit=1)[0]
    assert (settlement.layout, settlement.provider) == (name, "" if name == "neutral" else name)
    assert [line.row for line in settlement.lines] == [2, 3, 4, 5, 6, 7]
    (batch,) = settlement.batches
    assert (batch.batch_id, batch.settled_on, batch.stated) == ("B1", date(2026, 11, 21), None)
    assert batch.summed.count == 6
    assert batch.summed.net_vnd == sum(item.net_vnd for item in ITEMS)


def test_every_known_layout_is_read_here() -> None:
    assert {layout.split()[0] for layout in HEADERS} == set(LAYOUTS)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("layout", HEADERS)
def test_titles_totals_footers_and_pages(layout: str, kind: str) -> None:
    header = list(HEADERS[layout])
    rows: list[list[Value]] = [
        ["CÔNG TY CỔ PHẦN THANH TOÁN"],
        ["BÁO CÁO ĐỐI SOÁT TỪ NGÀY 20/11/2026"],
        ["Mã số thuế:", "0101234567"],
        [],
        header,
        [f"({n})" for n in range(1, 12)],
        row_of(ITEMS[0]),
        header,  # a new page
        row_of(ITEMS[1]),
        total_row("Tổng cộng", "1.750.000", "19.250", "1.925", "1.728.825"),
        [],
        [*[""] * 7, "Ngày 21 tháng 11 năm 2026"],
        ["", "Người lập biểu", "", "", "", "", "", "Kế toán trưởng"],
    ]
    settlement = reads(rows, kind)
    expect_exactly(settlement, ITEMS[:2])
    (batch,) = settlement.batches
    assert batch.stated is not None
    assert (batch.stated.gross_vnd, batch.stated.net_vnd) == (1_750_000, 1_728_825)


@pytest.mark.parametrize(
    ("gross", "fee", "vat", "net"),
    [
        ("1.250.000", "13.750", "1.375", "1.234.875"),
        ("1,250,000", "13,750", "1,375", "1,234,875"),
        ("1250000.00", "13750.00", "1375.00", "1234875.00"),
        ("1 250 000 đ", "13.750 đ", "1.375 đ", "1.234.875 VND"),
        ("1.250.000,00", "-13.750", "-1.375", "1.234.875"),
        ("1.250.000", "(13.750)", "(1.375)", "1.234.875"),
    ],
)
def test_the_ways_amounts_are_written(gross: str, fee: str, vat: str, net: str) -> None:
    row = row_of(ITEMS[0], {"gross": gross, "fee": fee, "vat": vat, "net": net})
    expect_exactly(reads([list(HEADERS["vnpay"]), row]), ITEMS[:1])


@pytest.mark.parametrize(
    "paid",
    [
        *("20/11/2026 12:30:05", "2026-11-20 12:30:05", "20261120123005", "12:30:05 20/11/2026"),
        *("2026-11-20T12:30:05+07:00", "2026-11-20T05:30:05Z", "20-11-2026\n12:30:05"),
    ],
)
def test_the_ways_moments_are_written(paid: str) -> None:
    expect_exactly(reads([list(HEADERS["momo"]), row_of(ITEMS[0], {"paid": paid})]), ITEMS[:1])


def test_a_day_without_a_time_is_no_moment_and_a_false_time_is_unreadable() -> None:
    shown = ["20/11/2026", "20/11/2026 25:00", "hôm qua"]
    settlement = reads([list(HEADERS["momo"]), *(row_of(ITEMS[0], {"paid": p}) for p in shown)])
    assert [line.paid_at for line in settlement.lines] == [None]
    assert [(row.row, row.column) for row in settlement.unreadable] == [
        (3, "Ngày giao dịch (cột I)"),
        (4, "Ngày giao dịch (cột I)"),
    ]


@pytest.mark.parametrize(
    ("charged", "shown"),
    [
        (-2_750, {"gross": "250000", "fee": "2750", "vat": "275", "net": "246975"}),
        (-2_750, {"gross": "250000", "fee": "-2750", "vat": "-275", "net": "-246975"}),
        (-2_750, {"gross": "-250000", "fee": "-2750", "vat": "-275", "net": "-246975"}),
        (2_750, {"gross": "250000", "fee": "2750", "vat": "275", "net": "253025"}),
        (2_750, {"gross": "-250000", "fee": "-2750", "vat": "-275", "net": "-253025"}),
        (-2_750, {"gross": "-250000", "fee": "2750", "vat": "275", "net": "-246975"}),
    ],
)
def test_a_refund_means_the_same_with_and_without_its_minus(
    charged: int, shown: dict[str, str]
) -> None:
    item = replace(ITEMS[2], fee_vnd=charged, vat_vnd=charged // 10)
    expect_exactly(reads([list(HEADERS["momo"]), row_of(item, shown)]), [item])


def test_a_refund_that_can_be_meant_in_two_ways_is_kept_aside() -> None:
    shown = {"gross": "100", "fee": "5", "vat": "-5", "net": "100"}
    settlement = reads([list(HEADERS["momo"]), row_of(ITEMS[2], shown)])
    assert (settlement.lines, [row.row for row in settlement.unreadable]) == ((), [2])


def test_a_day_that_cannot_be_read_is_not_filled_from_above_it() -> None:
    days = ["21/11/2026", "31/11/2026", ""]
    settlement = reads(
        [list(HEADERS["momo"]), *(row_of(ITEMS[0], {"settled": day}) for day in days)]
    )
    assert [line.row for line in settlement.lines] == [2]
    assert [row.row for row in settlement.unreadable] == [3, 4]


def test_a_foreign_header_above_is_no_title() -> None:
    foreign: list[Value] = ["Mã lô", "Ghi chú", "Người lập", "Người duyệt", "Ký tên"]
    expect_exactly(
        reads([foreign, *paper("momo", [replace(ITEMS[0], batch="")])]),
        [replace(ITEMS[0], batch="")],
    )


def test_dates_as_excel_keeps_them() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
        sheet = book.add_worksheet()
        for index, row in enumerate(paper("momo", ITEMS[:2])):
            sheet.write_row(index, 0, row)
        sheet.write_datetime(1, 8, NOON, day)
        sheet.write_datetime(1, 9, datetime(2026, 11, 21), day)  # noqa: DTZ001 - as Excel
        sheet.write_datetime(2, 8, datetime(2026, 11, 20), day)  # noqa: DTZ001 - as Excel
    settlement = read_settlement(buffer.getvalue(), "a.xlsx")
    expect_exactly(settlement, [ITEMS[0], replace(ITEMS[1], paid=None)])


def test_an_excel_day_at_midnight_is_no_moment() -> None:
    assert parse_instant(datetime(2026, 11, 20)) is None  # noqa: DTZ001 - as Excel
    assert parse_instant(NOON) == datetime(2026, 11, 20, 5, 30, 5, tzinfo=UTC)


def test_sheets_of_two_providers_are_refused() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for layout in ("momo", "zalopay"):
            sheet = book.add_worksheet(layout)
            for index, row in enumerate(paper(layout, ITEMS[:1])):
                sheet.write_row(index, 0, row)
    with pytest.raises(FileError) as caught:
        read_settlement(buffer.getvalue(), "a.xlsx")
    assert caught.value.code == "several_layouts"


def test_merged_batches_and_days_are_filled_down_but_not_past_a_total() -> None:
    below = {"settled": "", "batch": ""}
    rows = [
        list(HEADERS["zalopay"]),
        row_of(ITEMS[0]),
        row_of(ITEMS[1], below),
        total_row("Cộng lô B1", 1_750_000, 19_250, 1_925, 1_728_825),
        row_of(ITEMS[2], below),
        row_of(replace(ITEMS[3], batch="B2")),
    ]
    settlement = reads(rows, "xlsx")
    assert [read(line) for line in settlement.lines] == [
        *map(written, ITEMS[:2]),
        written(replace(ITEMS[3], batch="B2")),
    ]
    (lost,) = settlement.unreadable
    assert (lost.row, str(lost.problem)) == (5, "không có ngày quyết toán")


def test_batch_and_day_of_a_title_hold_below_it() -> None:
    header = list(HEADERS["neutral vi"])[:9]
    rows: list[list[Value]] = [
        ["Ngày quyết toán: 21/11/2026"],
        ["Mã lô:", "B1"],
        header,
        row_of(ITEMS[0])[:9],
        ["Mã lô: B2"],
        row_of(ITEMS[1])[:9],
    ]
    expect_exactly(reads(rows), [ITEMS[0], replace(ITEMS[1], batch="B2")])


def test_a_header_in_two_rows() -> None:
    upper = list(HEADERS["momo"])
    upper[5:7] = ["Phí", ""]
    lower = ["", "", "", "", "", "giao dịch", "VAT", "", "", "", ""]
    expect_exactly(reads([upper, lower, row_of(ITEMS[0])], "xlsx"), ITEMS[:1])


def test_batches_on_a_sheet_of_their_own_are_what_is_stated() -> None:
    batch_table: list[list[Value]] = [
        ["Mã lô", "Ngày quyết toán", "Số lượng giao dịch", "Số tiền", "Thực nhận"],
        ["B1", "21/11/2026", 2, 1_750_000, 1_728_825],
        ["B9", "22/11/2026", 1, 5, 5],
        ["Tổng cộng", "", 3, 1_750_005, 1_728_830],
    ]
    rows = [*batch_table, [], *paper("momo", ITEMS[:2])]
    settlement = reads(rows)
    assert len(settlement.lines) == 2
    assert [(b.batch_id, b.settled_on, b.summed.count) for b in settlement.batches] == [
        ("B1", date(2026, 11, 21), 2),
        ("B9", date(2026, 11, 22), 0),
    ]
    assert [(gap.row, gap.batch_id, gap.what, gap.found) for gap in settlement.gaps] == [
        (3, "B9", "count", 1),
        (3, "B9", "gross", 5),
        (3, "B9", "net", 5),
        (4, "", "count", 3),
        (4, "", "gross", 1_750_005),
        (4, "", "net", 1_728_830),
    ]


@pytest.mark.parametrize(
    ("show", "column"),
    [
        ({"gross": "1.25O.000"}, "Số tiền (cột E)"),
        ({"gross": ""}, "Số tiền (cột E)"),
        ({"net": "-"}, "Thực nhận (cột H)"),
        ({"fee": ""}, "Phí chưa VAT (đ) (cột F)"),
        ({"fee": "lỗi"}, "Phí chưa VAT (đ) (cột F)"),
        ({"vat": "1.375,5"}, "VAT (cột G)"),
        ({"gross": "0"}, "Số tiền (cột E)"),
        ({"gross": "-1250000"}, "Số tiền (cột E)"),
        ({"kind": "Khuyến mãi"}, "Loại giao dịch (cột A)"),
        ({"kind": ""}, "Loại giao dịch (cột A)"),
        ({"transaction": "4,00012E+09"}, "transId (cột B)"),
        ({"transaction": "", "merchant": ""}, "transId (cột B)"),
        ({"settled": "21.11.26"}, "Ngày kết chuyển (cột J)"),
        ({"kind": "Hoàn tiền", "net": "5"}, "Số tiền (cột E)"),
        ({"kind": "Phí"}, "Số tiền (cột E)"),
        ({"gross": "lỗi", "fee": "lỗi", "vat": "lỗi", "net": "lỗi"}, "Số tiền (cột E)"),
    ],
)
def test_a_line_that_cannot_be_read_is_kept(show: dict[str, str], column: str) -> None:
    rows = [list(HEADERS["momo"]), row_of(ITEMS[0], show), row_of(ITEMS[1])]
    settlement = reads(rows)
    assert [read(line) for line in settlement.lines] == [written(ITEMS[1])]
    (kept,) = settlement.unreadable
    assert (kept.row, kept.column) == (2, column)
    assert kept.cells[: len(rows[1])] == tuple(str(cell) for cell in rows[1])
    assert kept.problem


def test_money_that_is_not_settled_or_not_dong_is_kept_aside() -> None:
    header = [*HEADERS["zalopay"], "Trạng thái", "Loại tiền"]
    rows = [
        header,
        [*row_of(ITEMS[0]), "Thành công", "VND"],
        [*row_of(ITEMS[1]), "Thất bại", "VND"],
        [*row_of(ITEMS[1]), "", "USD"],
    ]
    settlement = reads(rows)
    assert [line.row for line in settlement.lines] == [2]
    assert [row.column for row in settlement.unreadable] == [
        "Trạng thái (cột L)",
        "Loại tiền (cột M)",
    ]


def test_without_a_column_of_kinds_only_payments_are_sure() -> None:
    rows = [row[1:] for row in paper("vnpay", [*ITEMS[:3], ITEMS[4]])]
    settlement = reads(rows)
    assert [read(line) for line in settlement.lines] == [written(item) for item in ITEMS[:2]]
    assert [row.row for row in settlement.unreadable] == [4, 5]


def test_a_formula_is_never_money() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for index, row in enumerate(paper("neutral", ITEMS[:2])):
            sheet.write_row(index, 0, row)
        sheet.write_formula(2, 7, "=E3-F3-G3", None, 493_950)
        sheet.write_string(3, 0, "Tổng cộng")
        sheet.write_formula(3, 7, "=SUM(H2:H3)", None, 5)
    settlement = read_settlement(buffer.getvalue(), "a.xlsx")
    assert [line.row for line in settlement.lines] == [2]
    assert [(row.row, row.column) for row in settlement.unreadable] == [(3, "net (cột H)")]
    assert settlement.gaps == ()


OURS = SettlementMapping(
    provider="zalopay",
    provider_transaction_id="Số bút toán",
    merchant_reference="Đơn",
    gross="Thu (đ)",
    fee="Trừ phí/ fee",
    net="Còn lại",
    kind="Kiểu",
    settled_on="NGÀY\ntrả",
    kinds={"KH trả": Kind.PAY},
)
OWN_ROWS: list[list[Value]] = [
    ["Kiểu", "Số bút toán", "Đơn", "Thu (đ)", "Trừ phí/ Fee", "Còn lại", "Ngày trả", "Phí"],
    ["kh trả", "261120000000001", "HP1", "100.000", "1.000", "99.000", "21/11/2026", "7"],
]


def test_a_school_maps_a_file_that_nobody_knows() -> None:
    data = as_csv(OWN_ROWS)
    with pytest.raises(FileError) as caught:
        read_settlement(data, "a.csv")
    assert caught.value.code == "unknown_layout"
    settlement = read_settlement(data, "a.csv", mapped(OURS, "truong"))
    assert (settlement.layout, settlement.provider) == ("truong", "zalopay")
    (line,) = settlement.lines
    assert (line.gross_vnd, line.fee_vnd, line.vat_vnd, line.net_vnd) == (100_000, 1_000, 0, 99_000)
    assert settlement.gaps == settlement.unreadable == ()
    (batch,) = settlement.batches
    assert (batch.batch_id, batch.settled_on) == ("", date(2026, 11, 21))


def test_a_mapped_column_is_only_the_one_with_that_very_header() -> None:
    rows = [[*OWN_ROWS[0], "Phí/ Lãi"], [*OWN_ROWS[1], "9"]]
    layout = mapped(replace(OURS, fee="Phí"), "truong")
    (line,) = read_settlement(as_csv(rows), "a.csv", layout).lines
    assert line.fee_vnd == 7


@pytest.mark.parametrize("wrong", [replace(OURS, fee=""), replace(OURS, fee="CÒN LẠI")])
def test_a_wrong_mapping_is_refused(wrong: SettlementMapping) -> None:
    with pytest.raises(FileError) as caught:
        mapped(wrong)
    assert caught.value.code == "bad_mapping"


def test_two_columns_with_one_claim_are_refused() -> None:
    header = [*HEADERS["momo"], "Số tiền thực nhận"]
    with pytest.raises(FileError) as caught:
        reads([header, row_of(ITEMS[0])])
    assert caught.value.code == "ambiguous_header"
    assert "H, L" in str(caught.value.detail)


def test_hundredths_of_vnpays_api_are_not_taken_for_dong() -> None:
    header = list(HEADERS["vnpay"])
    header[4] = "vnp_Amount"
    with pytest.raises(FileError) as caught:
        reads([header, row_of(ITEMS[0])])
    assert caught.value.code == "unknown_layout"


AMOUNTS = st.integers(1, 10**11)
KINDS = st.sampled_from(list(KIND_WORDS))


@st.composite
def items(draw: st.DrawFn) -> Item:
    kind = draw(KINDS)
    amount_vnd = draw(AMOUNTS)
    fee_vnd = draw(st.integers(0, amount_vnd))
    vat_vnd = draw(st.integers(0, fee_vnd))
    sign = -1 if kind in {Kind.REFUND, Kind.CHARGEBACK} else 1
    fee_sign = draw(st.sampled_from([1, -1])) if sign < 0 else 1
    return Item(
        kind=kind,
        transaction=str(draw(st.integers(10**7, 10**15))),
        merchant=f"HP{draw(st.text('0123456789ABCDEFGHJKMNPQRSTVWXYZ', min_size=1, max_size=12))}",
        original=draw(st.sampled_from(["", "14422001", "HP7K2M9QX4TB00"])),
        gross_vnd=0 if kind is Kind.FEE else sign * amount_vnd,
        fee_vnd=fee_sign * fee_vnd,
        vat_vnd=fee_sign * vat_vnd,
        paid=draw(st.none() | st.integers(0, 10**9).map(lambda s: EPOCH + timedelta(seconds=s))),
        settled=draw(st.dates(date(2020, 1, 1), date(2030, 1, 1))),
        batch=draw(st.sampled_from(["B1", "B2", "Lô 3"])),
    )


@settings(max_examples=60, deadline=None)
@given(
    layout=st.sampled_from(list(HEADERS)),
    kind=st.sampled_from(list(WRITERS)),
    given_items=st.lists(items(), min_size=1, max_size=8),
)
def test_whatever_is_written_is_read(layout: str, kind: str, given_items: list[Item]) -> None:
    settlement = reads(paper(layout, given_items), kind)
    expect_exactly(settlement, given_items)
    assert sum(b.summed.count for b in settlement.batches) == len(given_items)
    assert sum(b.summed.net_vnd for b in settlement.batches) == sum(
        item.net_vnd for item in given_items
    )


def test_an_xlsx_of_two_sheets_names_the_sheet() -> None:
    data = as_xlsx(paper("momo", ITEMS[:1]))
    (line,) = read_settlement(data, "a.xlsx").lines
    assert line.sheet == "Statement"
