"""Any table that comes in: exact values out, or one clear refusal."""

from __future__ import annotations

import csv
import io
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from support.table_files import cp1258, xls

from adapters.contract import FileError
from adapters.tabular.cells import (
    CellError,
    Formula,
    parse_date,
    parse_text,
    parse_vnd,
)
from adapters.tabular.workbook import read_sheets


def xlsx(write: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    write(book)
    book.close()
    return buffer.getvalue()


def small_xlsx() -> bytes:
    def write(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Một")
        for row in range(200):
            sheet.write_row(row, 0, [f"HS{row:04}", row * 1000, "Nguyễn Văn An"])

    return xlsx(write)


def number_record(row: int, column: int, value: float) -> tuple[int, bytes]:
    return 0x203, struct.pack("<HHHd", row, column, 0, value)


def refused(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        read_sheets(data, "tệp.xlsx")
    assert str(caught.value.detail).startswith("tệp.xlsx: ")
    return caught.value.code


# Excel


def test_an_xlsx_keeps_values_rows_and_columns() -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        sheet = book.add_worksheet("Học sinh")
        sheet.write_string(2, 1, "0071")
        sheet.write_number(2, 2, 1_250_000)
        sheet.write_number(2, 3, 0.1)
        sheet.write_datetime(2, 4, datetime.fromisoformat("2026-08-01"), day)
        sheet.write_datetime(2, 5, datetime.fromisoformat("2026-08-01T09:30:15"), day)
        sheet.write_boolean(2, 6, True)
        sheet.write_string(5, 0, unicodedata.normalize("NFD", "Trường Tiểu học"))
        sheet.merge_range("B8:D8", "gộp")
        sheet.write_blank(40, 40, None, day)
        book.add_chartsheet("Biểu đồ")
        book.add_worksheet("Trống")

    (sheet,) = read_sheets(xlsx(write), "a.xlsx")
    assert sheet.name == "Học sinh"
    assert [(row.number, row.cells) for row in sheet.rows] == [
        (
            3,
            (
                *(None, "0071", 1_250_000, Decimal("0.1"), date(2026, 8, 1)),
                *(datetime.fromisoformat("2026-08-01T09:30:15"), True),
            ),
        ),
        (6, ("Trường Tiểu học",)),
        (8, (None, "gộp")),
    ]
    assert type(sheet.rows[0].cells[2]) is int
    assert sheet.rows[0].at(99) is None


def test_formulas_and_errors_are_seen_with_what_they_showed() -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Một").write(0, 0, "x")
        sheet = book.add_worksheet("Hai")
        sheet.write_row(0, 0, [1, 2])
        sheet.write_formula(0, 2, "=SUM(A1:B1)", None, 3)
        sheet.write_formula(3, 1, '=IF(A1<2,"có",)', None, "có")
        sheet.write_formula(4, 0, "=1/0", None, "#DIV/0!")

    _, sheet = read_sheets(xlsx(write), "a.xlsx")
    cells = {(row.number, i): cell for row in sheet.rows for i, cell in enumerate(row.cells)}
    assert cells[1, 2] == Formula("SUM(A1:B1)", 3)
    assert cells[4, 1] == Formula('IF(A1<2,"có",)', "có")
    assert cells[5, 0] == Formula("1/0", None)
    for reading in (parse_vnd, parse_text, parse_date):
        with pytest.raises(CellError) as caught:
            reading(cells[1, 2])
        assert caught.value.code == "formula"


def test_an_xls_is_read_and_its_formulas_are_seen() -> None:
    data = xls(
        [
            number_record(1, 0, 1_250_000.0),
            (0x204, struct.pack("<HHHHB", 1, 1, 0, 4, 0) + b"HP01"),
            (0x06, struct.pack("<HHHdHIH", 2, 0, 0, 7.0, 0, 0, 3) + b"\x1e\x07\x00"),
            (0x205, struct.pack("<HHHBB", 3, 0, 0, 0x2A, 1)),
        ]
    )
    (sheet,) = read_sheets(data, "a.xls")
    assert [(row.number, row.cells) for row in sheet.rows] == [
        (2, (1_250_000, "HP01")),
        (3, (Formula("", 7),)),
        (4, ("#N/A",)),
    ]


def test_an_xls_beyond_the_bounds_is_refused_before_it_is_opened() -> None:
    assert refused(xls([number_record(0, 255, 1.0)])) == "too_many_columns"
    forged = [(0x200, struct.pack("<IIHHH", 91, 1, 0, 2**16 - 1, 0)), number_record(0, 0, 1.0)]
    assert read_sheets(xls(forged), "a.xls")[0].rows[0].cells == (1,)
    assert refused(xls([number_record(0, 0, 1.0)])[:1500]) == "truncated"
    assert refused(xls([])[:60]) == "truncated"


def test_one_long_text_shown_by_many_cells_of_an_xls_is_bounded() -> None:
    shared = struct.pack("<IIHB", 1, 1, 8_000, 0) + b"x" * 8_000
    shown = [(0xFD, struct.pack("<HHHI", row, 0, 0, 0)) for row in range(25_001)]
    assert refused(xls(shown, shared)) == "too_many_cells"
    (sheet,) = read_sheets(xls(shown[:9], shared), "a.xls")
    assert [row.cells for row in sheet.rows] == [("x" * 8_000,)] * 9


def test_a_password_protected_workbook_says_so() -> None:
    renamed = xls([number_record(0, 0, 1.0)]).replace(
        "Workbook".encode("utf-16-le") + b"\0" * 48 + struct.pack("<H", 18),
        "EncryptedPackage".encode("utf-16-le") + b"\0" * 32 + struct.pack("<H", 34),
    )
    assert refused(renamed) == "encrypted"


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_xlsx_is_refused(keep: float) -> None:
    data = small_xlsx()
    assert refused(data[: int(len(data) * keep)]) == "truncated"


WHOLE = {
    "xlsx": small_xlsx(),
    "xls": xls([number_record(r, c, float(r)) for r in range(9) for c in range(9)]),
}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_to_a_workbook_escapes_as_anything_but_a_file_error(data: st.DataObject) -> None:
    whole = WHOLE[data.draw(st.sampled_from(["xlsx", "xls"]))]
    damaged = bytearray(whole)
    for at in data.draw(st.lists(st.integers(8, len(whole) - 1), min_size=1, max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    with suppress(FileError):
        read_sheets(bytes(damaged), "a")


def packed(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def with_parts(**changed: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(small_xlsx())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    named = {"sheet": "xl/worksheets/sheet1.xml", "strings": "xl/sharedStrings.xml"}
    return packed(parts | {named.get(key, key): body for key, body in changed.items()})


def test_a_zip_bomb_is_refused_by_ratio_by_size_and_by_entries() -> None:
    assert refused(with_parts(sheet=b" " * 30_000_000)) == "zip_bomb"
    assert refused(packed({f"{n}": b"" for n in range(2001)})) == "zip_bomb"
    honest = with_parts(sheet=b" " * 30_000_000)
    lying = honest.replace(struct.pack("<I", 30_000_000), struct.pack("<I", 3_000))
    assert refused(lying) == "truncated"


def test_cells_beyond_the_bounds_are_refused_before_memory_is_laid_out() -> None:
    head, tail = b'<worksheet><sheetData><row r="1">', b"</row></sheetData></worksheet>"
    far_right = b'<c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c>'
    assert refused(with_parts(sheet=head + far_right + tail)) == "too_many_columns"
    far_down = b'<c r="A1"><v>1</v></c><c r="A1048576"><v>1</v></c>'
    assert refused(with_parts(sheet=head + far_down + tail)) == "too_many_rows"
    wide = b'<c r="A1"><v>1</v></c><c r="GR200000"><v>1</v></c>'
    assert refused(with_parts(sheet=head + wide + tail)) == "too_many_cells"
    strings = b"<sst><si><t>" + b"x" * 30_000 + b"</t></si></sst>"
    shown = b"".join(b'<c r="A%d" t="s"><v>0</v></c>' % (n + 1) for n in range(7_000))
    assert refused(with_parts(sheet=head + shown + tail, strings=strings)) == "too_many_cells"
    declared = b'<sst uniqueCount="4000000000"><si><t>x</t></si></sst>'
    assert refused(with_parts(strings=declared)) == "too_many_cells"


def test_an_entity_bomb_is_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    assert refused(with_parts(sheet=bomb)) == "not_a_spreadsheet"


def test_size_emptiness_and_foreign_files() -> None:
    with pytest.raises(FileError) as caught:
        read_sheets(b"a,b\n" * 30, "a.csv", max_bytes=100)
    assert caught.value.code == "file_too_large"
    assert refused(b"x" * (10 * 1024 * 1024 + 1)) == "file_too_large"
    assert refused(b"") == refused(b"\xef\xbb\xbf\r\n ;;;\n") == "empty"
    assert refused(b"%PDF-1.7 ...") == "not_a_spreadsheet"
    assert refused(b"<html><table><tr><td>1</td></tr></table></html>") == "not_a_spreadsheet"
    assert refused(packed({"word/document.xml": b"<a/>"})) == "not_a_spreadsheet"
    assert refused(b"a,b\n\x01\x02,c\n") == "not_a_spreadsheet"


# CSV

TABLE = [
    ["Mã học sinh", "Họ và tên", "Số tiền"],
    ["0071", "Nguyễn Thị Ngọc Ánh", "1.250.000"],
    ["0072", "Đặng Hữu Đức; lớp 1,2", "1,250,000"],
]


def csv_text(delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(TABLE)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: unicodedata.normalize("NFD", text).encode(),
        cp1258,
    ],
)
def test_a_csv_of_any_encoding_and_delimiter(
    delimiter: str, encode: Callable[[str], bytes]
) -> None:
    (sheet,) = read_sheets(encode(csv_text(delimiter)), "a.csv")
    assert [list(row.cells) for row in sheet.rows] == TABLE
    assert [row.number for row in sheet.rows] == [1, 2, 3]


def test_csv_rows_are_counted_as_excel_counts_them() -> None:
    (sheet,) = read_sheets('sep=;\na;"hai\ndòng"\n\n;;\n="007";"b"\n'.encode(), "a.csv")
    assert [(row.number, row.cells) for row in sheet.rows] == [
        (2, ("a", "hai\ndòng")),
        (5, ("007", "b")),
    ]


def test_damaged_utf8_is_refused_rather_than_shown_as_other_letters() -> None:
    text = "Mã,Họ và tên\n01,Nguyễn Văn Đức\n02,Trần Thị Ấu\n".encode()
    assert refused(text.replace("ễ".encode(), "ễ".encode()[:2])) == "bad_encoding"
    assert refused(text + b"\xff\xfe\xfa") == "bad_encoding"
    assert refused(b"\xff\xfea") == "bad_encoding"


def test_an_unclosed_quote_is_refused_rather_than_swallowing_lines() -> None:
    assert refused(b'a,b\n1,"2\n3,4\n') == "bad_csv"


def test_csv_bounds() -> None:
    assert refused(b"a,b\n" * 200_001) == "too_many_rows"
    assert refused(b"a," * 201 + b"\n") == "too_many_columns"


PRINTABLE = st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(st.lists(PRINTABLE, min_size=2, max_size=5), min_size=1, max_size=8))
@settings(deadline=None)
def test_any_text_comes_back_exactly_from_csv_and_xlsx(table: list[list[str]]) -> None:
    expected = [tuple(unicodedata.normalize("NFC", cell) for cell in row) for row in table]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_ALL)
    writer.writerow(["cột"] * 30)
    writer.writerows(table)
    (sheet,) = read_sheets(out.getvalue().encode(), "a.tsv")
    assert [row.cells for row in sheet.rows[1:]] == expected

    def write(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        for r, row in enumerate(table):
            for c, cell in enumerate(row):
                sheet.write_string(r, c, cell)

    (sheet,) = read_sheets(xlsx(write), "a.xlsx")
    assert [row.cells for row in sheet.rows] == expected


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20))
@settings(deadline=None)
def test_any_amount_comes_back_to_the_dong_from_xlsx(amounts: list[int]) -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet().write_column(0, 0, amounts)

    (sheet,) = read_sheets(xlsx(write), "a.xlsx")
    assert [parse_vnd(row.at(0), allow_negative=True) for row in sheet.rows] == amounts
