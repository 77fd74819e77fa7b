"""Fee files as schools write them: what is meant is read, what is wrong is named by its cell."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fee_school import (
    BUS,
    HEADER,
    INSURANCE,
    LUNCH,
    OTHER_ACCOUNT,
    TITLES,
    TUITION,
    fee_file,
    xlsx,
)

from adapters.contract import FileError
from core.fees.schedule import ScheduleFile, read_schedule
from core.kit.money import MAX_VND


def read(*items: object, **more: object) -> ScheduleFile:
    return read_schedule(fee_file(items, **more), "khoan-thu.xlsx")  # type: ignore[arg-type]


def faults(file: ScheduleFile) -> set[tuple[str, int, str]]:
    return {(fault.code, fault.row, fault.column) for fault in file.faults}


def test_reads_items_scopes_and_registrations() -> None:
    file = read(LUNCH, TUITION, INSURANCE, BUS, registrations=[("hs01", "XE"), ("hs02", "xe")])
    assert file.faults == ()
    assert (file.name, file.school_year) == ("CÁC KHOẢN THU THÁNG 09/2026", "2026-2027")
    assert (file.month, file.due_on) == (date(2026, 9, 1), date(2026, 9, 25))
    assert [(line.item_code, line.scope, line.amount_vnd) for line in file.lines] == [
        ("AN", "all", 660_000),
        ("HP", "grade:3", 155_000),
        ("HP", "grade:4", 155_000),
        ("BH", "all", 680_400),
        ("XE", "all", 600_000),
    ]
    lunch, tuition, _, insurance, bus = file.lines
    assert (lunch.nature, tuition.nature, insurance.nature) == ("service", "tuition", "on_behalf")
    assert (lunch.account, insurance.account) == ("", OTHER_ACCOUNT)
    assert (lunch.is_optional, bus.is_optional) == (False, True)
    assert [(asked.student_code, asked.item_code) for asked in file.registrations] == [
        ("HS01", "XE"),
        ("HS02", "XE"),
    ]


def test_columns_in_any_order_in_english_with_month_and_due_date_in_columns() -> None:
    text = (
        "Month;Price;Item code;Nature;Fee name;Unit;Due date;Applies to\n"
        "09/2026;30.000 đ;an;service;Lunch;day;25/09/2026;3A, 3B\n"
        "tháng 9 năm 2026;155,000;hp;tuition;Tuition;month;2026-09-25;grade 4\n"
    )
    file = read_schedule(text.encode(), "fees.csv")
    assert file.faults == ()
    assert (file.month, file.due_on) == (date(2026, 9, 1), date(2026, 9, 25))
    assert file.name == "Khoản thu tháng 09/2026"
    assert [(line.item_code, line.scope, line.unit_price_vnd) for line in file.lines] == [
        ("AN", "class:3A", 30_000),
        ("AN", "class:3B", 30_000),
        ("HP", "grade:4", 155_000),
    ]


@pytest.mark.parametrize(
    ("title", "month"),
    [
        ("BẢNG THU THÁNG 9 NĂM 2026", date(2026, 9, 1)),
        ("Các khoản thu tháng 9 năm học 2026-2027", date(2026, 9, 1)),
        ("Các khoản thu tháng 2, năm học 2026 - 2027", date(2027, 2, 1)),
        ("KHOẢN THU THÁNG 12/2026", date(2026, 12, 1)),
    ],
)
def test_month_in_a_title(title: str, month: date) -> None:
    titles = (
        ("Hà Nội, ngày 25 tháng 8 năm 2026",),
        (title,),
        (f"Hạn nộp: ngày 20 tháng {month.month} năm {month.year}",),
    )
    file = read(LUNCH, titles=titles)
    assert file.faults == ()
    assert (file.month, file.due_on) == (month, month.replace(day=20))


def test_totals_sections_column_numbers_and_signatures_are_no_items() -> None:
    file = read(
        tuple(range(1, 10)),
        ("A. Các khoản thu thỏa thuận",),
        (*LUNCH,),
        ("B. Thu hộ",),
        (*INSURANCE,),
        ("", "Tổng cộng", "", "", 1_340_400),
        ("NGƯỜI LẬP BIỂU", "", "", "", "", "", "", "HIỆU TRƯỞNG"),
        ("Lê Thị Lan", "", "", "", "", "", "", "Trần Văn Hùng"),
    )
    assert file.faults == ()
    assert [line.item_code for line in file.lines] == ["AN", "BH"]


def test_every_problem_at_once_with_its_cell() -> None:
    file = read(
        ("A1", "Âm", "Dịch vụ", "tháng", -5_000, 1, "", "không", "Toàn trường"),
        ("A2", "Lẻ", "Dịch vụ", "tháng", Decimal("1000.5"), 1, "", "không", "Toàn trường"),
        ("A3", "Quá lớn", "Dịch vụ", "tháng", MAX_VND + 1, 1, "", "không", "Toàn trường"),
        ("A4", "Tích quá lớn", "Dịch vụ", "tháng", MAX_VND, 2, "", "không", "Toàn trường"),
        ("A5", "Công thức", "Dịch vụ", "tháng", "=2*3", 1, "", "không", "Toàn trường"),
        ("A6", "Tính chất", "Linh tinh", "tháng", 5_000, 1, "", "không", "Toàn trường"),
        ("A7", "Số lượng", "Dịch vụ", "tháng", 5_000, 1.5, "", "không", "Toàn trường"),
        ("A8", "Không", "Dịch vụ", "tháng", 0, 0, "", "không", "Toàn trường"),
        ("A9", "Trống", "Dịch vụ", "tháng", 5_000, 1, "", "", ""),
        ("B1", "", "", "", "", "", "", "", ""),
        ("B2", "Khối lạ", "Dịch vụ", "tháng", 5_000, 1, "", "không", "Khối chồi"),
        LUNCH,
    )
    assert faults(file) == {
        ("negative", 5, "Đơn giá (E)"),
        ("fraction", 6, "Đơn giá (E)"),
        ("overflow", 7, "Đơn giá (E)"),
        ("overflow", 8, "Đơn giá (E)"),
        ("formula", 9, "Đơn giá (E)"),
        ("unknown_nature", 10, "Tính chất (C)"),
        ("bad_quantity", 11, "Số lượng (F)"),
        ("zero", 12, "Đơn giá (E)"),
        ("bad_quantity", 12, "Số lượng (F)"),
        ("not_yes_or_no", 13, "Tự nguyện (H)"),
        ("empty", 13, "Phạm vi (I)"),
        ("unknown_scope", 15, "Phạm vi (I)"),
    } | {
        ("empty", 14, f"{name} ({letter})")
        for name, letter in zip((*HEADER[1:6], HEADER[8]), "BCDEFI", strict=True)
    } | {("not_yes_or_no", 14, "Tự nguyện (H)")}
    assert [line.item_code for line in file.lines] == ["AN"]
    assert all(fault.vi and fault.en for fault in file.faults)
    assert next(f for f in file.faults if f.code == "negative").value == "-5000"


def test_the_same_item_and_scope_twice_and_an_item_that_contradicts_itself() -> None:
    other_unit = ("AN", "Tiền ăn bán trú", "Dịch vụ", "bữa", 9_000, 1, "", "không", "3A")
    file = read(LUNCH, (*LUNCH[:8], "toàn trường, 3A"), other_unit)
    assert faults(file) == {
        ("duplicate_item", 6, "Mã khoản thu (A)"),
        ("duplicate_item", 7, "Mã khoản thu (A)"),
        ("item_differs", 7, "Mã khoản thu (A)"),
    }


def test_classes_spelt_differently_are_one() -> None:
    file = read((*LUNCH[:8], "3A"), (*LUNCH[:8], "Lớp 3 a"))
    assert faults(file) == {("duplicate_item", 6, "Mã khoản thu (A)")}


def test_month_and_due_date_must_agree_and_be_near() -> None:
    header = (*HEADER, "Tháng", "Hạn nộp")
    file = read(
        (*LUNCH, "09/2026", "25/09/2026"),
        (*INSURANCE, "10/2026", "26/09/2026"),
        (*BUS, "9.26", "31/02/2027"),
        header=header,
        titles=(),
    )
    assert faults(file) == {
        ("month_differs", 3, "Tháng (J)"),
        ("due_on_differs", 3, "Hạn nộp (K)"),
        ("bad_month", 4, "Tháng (J)"),
        ("bad_date", 4, "Hạn nộp (K)"),
    }
    far = read((*LUNCH, "09/2026", "25/09/2025"), header=header, titles=())
    assert faults(far) == {("due_date_far_from_month", 2, "Hạn nộp (K)")}
    missing = read(LUNCH, titles=())
    assert {fault.code for fault in missing.faults} == {"month_missing", "due_on_missing"}
    assert (missing.month, missing.due_on) == (None, None)


def test_the_school_year_in_the_title_decides_and_must_hold_the_month() -> None:
    july = (("KHOẢN THU THÁNG 7/2026",), ("Hạn nộp", date(2026, 7, 20)))
    assert read(LUNCH, titles=july).school_year == "2025-2026"
    stated = read(LUNCH, titles=(*july, ("Năm học:", "2026-2027")))
    assert (stated.school_year, stated.faults) == ("2026-2027", ())
    file = read(LUNCH, titles=(*TITLES, ("Năm học: 2027 - 2028",)))
    assert {fault.code for fault in file.faults} == {"month_outside_school_year"}


def test_a_stated_amount_must_be_the_product_but_a_formula_there_is_not_read() -> None:
    header = (*HEADER, "Thành tiền")
    file = read((*LUNCH, "=E5*F5"), (*INSURANCE, 680_400), (*BUS, 60_000), header=header)
    assert faults(file) == {("amount_is_not_product", 7, "Thành tiền (J)")}


def test_registrations_are_checked() -> None:
    file = read(
        LUNCH,
        BUS,
        registrations=[("HS1", "XE"), ("HS1", "XE"), ("HS2", "KHAC"), ("HS3", "AN"), ("", "XE")],
    )
    assert faults(file) == {
        ("duplicate_registration", 3, "Đăng ký › Mã khoản thu (B)"),
        ("unknown_item", 4, "Đăng ký › Mã khoản thu (B)"),
        ("item_not_optional", 5, "Đăng ký › Mã khoản thu (B)"),
        ("empty", 6, "Đăng ký › Mã học sinh (A)"),
    }


def test_a_registration_sheet_without_its_header_is_not_skipped() -> None:
    data = xlsx({"Thu": [*TITLES, HEADER, BUS], "Đăng ký": [("Tên", "Xe"), ("An", "x")]})
    assert {fault.code for fault in read_schedule(data, "f.xlsx").faults} == {
        "registrations_unread"
    }


def test_missing_and_ambiguous_columns() -> None:
    header = ("Mã khoản thu", "Tên khoản thu", "Đơn giá", "Mức thu")
    file = read(("AN", "Ăn", 5_000, 6_000), header=header)
    assert faults(file) == {
        ("column_missing", 4, "Tính chất"),
        ("column_missing", 4, "Đơn vị tính"),
        ("ambiguous_column", 4, "Mức thu (D)"),
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "not_a_spreadsheet"),
        (b"a,b\n1,\xff\xfe\xff", "bad_encoding"),
        (b"H\xe1\xbb\x8d t\xc3\xaan,L\xe1\xbb\x9bp\nAn,3A", "no_fee_table"),
        (fee_file([LUNCH])[:700], "truncated"),
        (xlsx({"A": [HEADER, LUNCH], "B": [HEADER, BUS]}), "several_fee_tables"),
    ],
)
def test_files_that_cannot_be_read(data: bytes, code: str) -> None:
    with pytest.raises(FileError) as refused:
        read_schedule(data, "f.xlsx")
    assert refused.value.code == code


def test_the_content_hash_knows_the_content_and_not_its_order() -> None:
    asked = [("HS1", "XE"), ("HS2", "XE")]
    first = read(LUNCH, BUS, registrations=asked)
    assert first.content_hash() == read(BUS, LUNCH, registrations=asked[::-1]).content_hash()
    others = [
        read(LUNCH, BUS, registrations=asked[:1]),
        read((*LUNCH[:4], 30_001, *LUNCH[5:]), BUS, registrations=asked),
        read((*LUNCH[:8], "3A"), BUS, registrations=asked),
        read(LUNCH, BUS, registrations=asked, titles=(*TITLES[:2], ("Hạn nộp", date(2026, 9, 26)))),
    ]
    assert len({first.content_hash(), *(other.content_hash() for other in others)}) == 5


@given(st.integers(-(10**16), 10**16), st.integers(-5, 2_000_000))
def test_an_amount_is_read_exactly_or_refused(price_vnd: int, quantity: int) -> None:
    text = (
        "Mã khoản thu,Tên khoản thu,Tính chất,ĐVT,Đơn giá,Số lượng,Tháng,Hạn nộp\n"
        f"AN,Ăn,dịch vụ,ngày,{price_vnd},{quantity},09/2026,25/09/2026\n"
    )
    file = read_schedule(text.encode(), "f.csv")
    is_sound = price_vnd > 0 and 0 < quantity <= 1_000_000 and price_vnd * quantity <= MAX_VND
    assert is_sound == (file.faults == ())
    assert [line.amount_vnd for line in file.lines] == ([price_vnd * quantity] if is_sound else [])


CELLS = st.sampled_from(
    [
        "",
        "AN",
        "Tiền ăn",
        "dịch vụ",
        "tháng",
        "5.000",
        "-1",
        "1",
        "có",
        "3A",
        "Khối 1-9",
        "Tổng cộng",
    ]
) | st.text(max_size=12)


@given(st.lists(st.lists(CELLS, max_size=11), max_size=6))
def test_no_cells_break_the_reader(rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([*TITLES[:2], ("Hạn nộp: 25/09/2026",), HEADER, *rows])
    try:
        file = read_schedule(buffer.getvalue().encode(), "f.csv")
    except FileError as error:
        if error.code in {"not_a_spreadsheet", "bad_csv"}:
            return
        raise
    assert all(fault.vi and fault.en and fault.code for fault in file.faults)
    assert all(0 < line.amount_vnd <= MAX_VND and line.scope for line in file.lines)
    assert file.lines or file.faults
