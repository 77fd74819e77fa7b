"""A class list as schools really write it: every shape read, every fault listed with its place."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import FileError
from adapters.tabular.cells import CellError
from core.students.headers import RosterColumn, meaning_of
from core.students.roster import RosterFile, read_roster
from core.students.values import read_class, read_email, read_phone

TODAY = date(2026, 9, 10)
HEADER = ["Mã học sinh", "Họ và tên", "Ngày sinh", "Lớp", "Phụ huynh", "Điện thoại", "Email"]
AN = ["HS001", "Nguyễn Minh An", "05/09/2017", "3A", "Trần Thị Lan", "0912345678", "lan@example.vn"]


def as_csv(rows: list[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def as_xlsx(
    rows: list[list[object]], *, sheets: dict[str, list[list[object]]] | None = None
) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for name, table in {"DS": rows, **(sheets or {})}.items():
        sheet = book.add_worksheet(name)
        for y, row in enumerate(table):
            for x, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(y, x, datetime.combine(value, time.min), day)
                elif isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(y, x, value, None, "An")
                elif isinstance(value, str):
                    sheet.write_string(y, x, value)
                elif value is not None:
                    sheet.write(y, x, value)
    book.close()
    return out.getvalue()


def read(data: bytes) -> RosterFile:
    return read_roster(data, "danh-sach.xlsx", today=TODAY)


def codes(file: RosterFile) -> list[tuple[str, int]]:
    return [(fault.code, fault.row) for fault in file.faults]


def test_a_real_list_with_titles_blank_rows_numbers_and_a_footer() -> None:
    file = read(
        as_xlsx(
            [
                ["UBND QUẬN 1", None, None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
                ["DANH SÁCH HỌC SINH NĂM HỌC 2026-2027"],
                [],
                ["STT", "Lớp", "Họ tên học sinh", "Mã định danh", "Ngày tháng năm sinh", "Giới tính",
                 "SĐT phụ huynh", "Họ tên cha", "Họ tên mẹ", "CCCD học sinh"],
                ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)", "(8)", "(9)", "(10)"],
                [1, "3A", " Nguyễn  Minh An ", 7901234567, date(2017, 9, 5), "Nam", 912345678, None, "Lan", 79217000001],
                [],
                [2, "lớp 3 b", "Lê Bảo", "7901234568", "2017-01-31", "Nữ", "+84 912.345.679", "Hùng", "Mai", "079217000002"],
                [3, "Lá 1", "Phạm Chi", "7901234569", 43101, "Nữ", "028 3822 1234", None, None, None],
                ["Tổng cộng: 3 học sinh"],
                [None, None, None, None, None, "Người lập bảng"],
            ]
        )
    )  # fmt: skip
    assert file.faults == ()
    assert file.warnings == ()
    assert file.ignored_columns == ("STT", "Giới tính")
    an, bao, chi = file.rows
    assert (an.code, an.full_name, an.birth_date) == (
        "7901234567",
        "Nguyễn Minh An",
        date(2017, 9, 5),
    )
    assert (an.class_name, an.grade, an.guardian, an.phone) == ("3A", 3, "Lan", "0912345678")
    assert an.personal_id == "079217000001"
    assert "079217000001" not in repr(an)
    assert (bao.class_name, bao.guardian, bao.phone) == ("3B", "Hùng", "0912345679")
    assert bao.birth_date == date(2017, 1, 31)
    assert (chi.class_name, chi.grade, chi.phone) == ("Lá 1", 0, "02838221234")
    assert chi.birth_date == date(2018, 1, 1)


def test_english_headers_in_another_order() -> None:
    file = read(
        as_csv(
            [
                ["Email", "Class", "Date of birth", "Full name", "Student code", "Parent's phone", "Guardian name"],
                ["LAN@Example.vn", "10A1", "5/9/2010", "An Nguyen", "hs-1", "0084912345678", "Lan"],
            ]
        )
    )  # fmt: skip
    assert file.faults == ()
    (row,) = file.rows
    assert (row.code, row.grade, row.email, row.phone) == (
        "HS-1",
        10,
        "lan@example.vn",
        "0912345678",
    )


@pytest.mark.parametrize(
    "header",
    [
        ["Mã HS", "Họ và tên đệm", "Tên", "Lớp", "Ngày sinh"],
        ["Mã HS", "Họ", "Tên", "Lớp", "Ngày sinh"],
        ["Mã HS", "Họ và tên", None, "Lớp", "Ngày sinh"],
        ["Student code", "Last name", "First name", "Class", "DOB"],
    ],
)
def test_a_name_in_two_columns(header: list[object]) -> None:
    file = read(as_xlsx([header, ["1", "Nguyễn Thị Thu", "Hà", "1A", "01/02/2019"]]))
    assert file.faults == ()
    assert file.rows[0].full_name == "Nguyễn Thị Thu Hà"


def test_a_sorting_column_with_the_given_name_is_not_doubled() -> None:
    file = read(as_csv([["Mã HS", "Họ và tên", "Tên", "Lớp"], ["1", "Lê Thu Hà", "Hà", "1A"]]))
    assert file.rows[0].full_name == "Lê Thu Hà"


def test_every_fault_at_once_with_row_column_value_and_advice() -> None:
    file = read(
        as_xlsx(
            [
                HEADER,
                AN,
                ["HS001", "Trùng Mã", "01/01/2017", "3A", None, None, None],
                ["HS003", None, "10/09/2027", "Chuyên", None, "12345", "không có"],
                [None, "Thiếu Mã", "31/02/2017", "13A", None, None, None],
                ["HS005", '=B2&""', "1/2/17", "3A", None, None, "a@b"],
                ["HS 6", "Sai Mã", None, date(2026, 2, 1), None, None, None],
            ]
        )
    )
    assert sorted(codes(file)) == sorted(
        [
            ("missing_name", 4),
            ("date_in_future", 4),
            ("unknown_class", 4),
            ("bad_phone", 4),
            ("bad_email", 4),
            ("missing_code", 5),
            ("unknown_class", 5),
            ("bad_date", 5),
            ("formula", 6),
            ("two_digit_year", 6),
            ("bad_email", 6),
            ("bad_code", 7),
            ("date_as_text", 7),
            ("duplicate_student", 3),
        ]
    )
    future = next(fault for fault in file.faults if fault.code == "date_in_future")
    assert (future.column, future.value) == ("Ngày sinh (C)", "10/09/2027")
    assert all(fault.vi and fault.en for fault in file.faults)
    assert [row.row for row in file.rows] == [2, 3]


def test_missing_and_doubled_columns() -> None:
    assert {
        (f.code, f.column) for f in read(as_csv([["Họ tên", "Ngày sinh"], ["An", ""]])).faults
    } == {
        ("missing_column", "Mã học sinh"),
        ("missing_column", "Lớp"),
    }
    assert codes(
        read(as_csv([["Mã HS", "Họ tên", "Lớp", "Tên lớp"], ["1", "An", "3A", "3A"]]))
    ) == [("column_twice", 1)]
    assert codes(read(as_csv([["a", "b"], ["c", "d"]]))) == [("no_header", 1)]
    assert codes(read(as_csv([HEADER]))) == [("no_rows", 0)]


def test_the_schools_own_code_goes_before_the_ministrys() -> None:
    file = read(
        as_csv([["Mã định danh", "Mã học sinh", "Họ tên", "Lớp"], ["79", "A1", "An", "3A"]])
    )
    assert file.rows[0].code == "A1"
    assert file.ignored_columns == ("Mã định danh",)


def test_a_sheet_per_class_and_a_pupil_on_two_of_them() -> None:
    table: list[list[object]] = [HEADER, AN]
    file = read(
        as_xlsx(table, sheets={"3B": [HEADER, ["HS002", *AN[1:3], "3B"], ["HS001", *AN[1:]]]})
    )
    assert len(file.rows) == 3
    assert codes(file) == [("duplicate_student", 3)]
    assert file.faults[0].column == "3B · Mã học sinh (A)"
    assert "DS · " in file.faults[0].vi


def test_a_bad_personal_id_is_a_warning_and_left_out() -> None:
    file = read(
        as_csv(
            [
                ["Mã HS", "Họ tên", "Lớp", "Số định danh cá nhân"],
                ["1", "An", "3A", "12345"],
                ["2", "Bình", "3A", "079217000001"],
                ["3", "Chi", "3A", "079 217 000 001"],
            ]
        )
    )
    assert file.faults == ()
    assert [(w.code, w.row) for w in file.warnings] == [
        ("bad_personal_id", 2),
        ("personal_id_shared", 4),
    ]
    assert [row.personal_id for row in file.rows] == ["", "079217000001", "079217000001"]


def test_files_that_cannot_be_read() -> None:
    whole = as_xlsx([HEADER, AN])
    for data, code in (
        (whole[: len(whole) // 2], "truncated"),
        (b"", "empty"),
        (b"M\xc3\xa3 h\xe1\xbb,\xff\xfe\n1,2", "bad_encoding"),
        (b"%PDF-1.7", "not_a_spreadsheet"),
    ):
        with pytest.raises(FileError) as caught:
            read(data)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Mã định danh", RosterColumn.CODE),
        ("Mã định danh Bộ GD&ĐT", RosterColumn.CODE),
        ("MÃ SỐ HỌC SINH (*)", RosterColumn.CODE),
        ("Số định danh cá nhân", RosterColumn.PERSONAL_ID),
        ("Số CCCD", RosterColumn.PERSONAL_ID),
        ("Họ và tên học sinh", RosterColumn.FULL_NAME),
        ("Họ và tên phụ huynh", RosterColumn.GUARDIAN),
        ("Họ tên cha/mẹ", RosterColumn.GUARDIAN),
        ("Điện thoại phụ huynh", RosterColumn.PHONE),
        ("Số ĐT", RosterColumn.PHONE),
        ("Email cha mẹ", RosterColumn.EMAIL),
        ("Địa chỉ email", RosterColumn.EMAIL),
        ("Ngày sinh (dd/mm/yyyy)", RosterColumn.BIRTH_DATE),
        ("Tên lớp", RosterColumn.CLASS),
        ("Ngày sinh của mẹ", None),
        ("Nghề nghiệp cha", None),
        ("Số CCCD của mẹ", None),
        ("Nơi sinh", None),
        ("Địa chỉ", None),
        ("Dân tộc", None),
        ("Ghi chú", None),
    ],
)
def test_what_a_header_means(header: str, field: RosterColumn | None) -> None:
    assert meaning_of(header) is field


@pytest.mark.parametrize(
    ("cell", "name", "grade"),
    [
        ("3A", "3A", 3),
        ("Lớp 3a", "3A", 3),
        ("10 A1", "10A1", 10),
        ("12 Chuyên Toán", "12 Chuyên Toán", 12),
        ("6/2", "6/2", 6),
        (5, "5", 5),
        ("lá 1", "Lá 1", 0),
        ("Chồi 2", "Chồi 2", 0),
        ("Nhà trẻ A", "Nhà trẻ A", 0),
        ("MG 5-6 tuổi", "MG 5-6 tuổi", 0),
    ],
)
def test_class_names_and_their_grades(cell: str | int, name: str, grade: int) -> None:
    assert read_class(cell) == (name, grade)


@pytest.mark.parametrize("cell", ["", "A3", "13A", "0B", "100", "Lanh", "3A" * 20])
def test_no_class(cell: str) -> None:
    with pytest.raises(CellError):
        read_class(cell)


@given(st.one_of(st.text(), st.integers(), st.dates()))
def test_any_cell_is_read_or_refused(cell: str | int | date) -> None:
    for reader in (read_class, read_phone, read_email):
        try:
            reader(cell)
        except CellError:
            continue


@given(st.from_regex(r"0[35789][0-9]{8}", fullmatch=True))
def test_a_phone_reads_the_same_in_every_spelling(phone: str) -> None:
    for spelling in (phone, int(phone), f"+84{phone[1:]}", f"{phone[:4]}.{phone[4:7]} {phone[7:]}"):
        assert read_phone(spelling) == phone
