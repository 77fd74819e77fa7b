"""Lists of applications as schools send them: every column by its words, every fault by row and value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fee_school import xlsx
from support.portal_school import application_file

from adapters.contract import FileError
from adapters.tabular.cells import CellError
from core.portal.forms import ServiceLine, parse_file_code, read_forms

WISH = ServiceLine(
    item_code="NV",
    name="Lệ phí nguyện vọng",
    unit="nguyện vọng",
    unit_price_vnd=20_000,
    quantity=1,
    is_optional=False,
)
COPY = ServiceLine(
    item_code="BS", name="Bản sao", unit="bản", unit_price_vnd=5_000, quantity=1, is_optional=True
)


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "header",
    [
        ("Mã hồ sơ", "Họ và tên", "Số lượng"),
        ("MÃ HỒ SƠ", "Thí sinh", "Số nguyện vọng"),
        ("File code", "Full name", "Quantity"),
        ("Số hồ sơ", "Người nộp", "NV"),
        ("Mã hồ sơ", "Họ tên", "Lệ phí nguyện vọng"),
    ],
)
def test_columns_are_known_by_their_words(header: tuple[str, ...]) -> None:
    data = application_file(("hs-0001", "Trần  Gia Hân", 3), header=header)
    file = read_forms(data, "hs.xlsx", [WISH])
    assert file.faults == ()
    (form,) = file.forms
    assert (form.row, form.file_code, form.full_name, form.quantities) == (
        3,
        "HS-0001",
        "Trần Gia Hân",
        {"NV": 3},
    )


def test_several_fees_have_columns_of_their_own() -> None:
    data = csv(
        "Mã hồ sơ,Họ và tên,NV,BS,Ghi chú",
        "A-0001,Lê An,2,,x",
        "A-0002,Lê Bình,1,0,",
        "A-0003,Lê Chi,1,4,",
    )
    file = read_forms(data, "hs.csv", [WISH, COPY])
    assert file.faults == ()
    assert [form.quantities for form in file.forms] == [
        {"NV": 2, "BS": 0},
        {"NV": 1, "BS": 0},
        {"NV": 1, "BS": 4},
    ]
    assert file.ignored_columns == ("Ghi chú",)


def test_one_quantity_for_several_fees_is_not_guessed() -> None:
    file = read_forms(csv("Mã hồ sơ,Họ và tên,Số lượng", "A-0001,Lê An,2"), "hs.csv", [WISH, COPY])
    assert [fault.code for fault in file.faults] == ["which_item"]


@pytest.mark.parametrize(
    ("row", "code", "column", "value"),
    [
        (("", "Lê An", 2), "empty", "Mã hồ sơ (A)", ""),
        (("A B C", "Lê An", 2), "bad_file_code", "Mã hồ sơ (A)", "A B C"),
        (("A1", "Lê An", 2), "bad_file_code", "Mã hồ sơ (A)", "A1"),
        (("Hồ-sơ-1", "Lê An", 2), "bad_file_code", "Mã hồ sơ (A)", "Hồ-sơ-1"),
        (("=B3&C3", "Lê An", 2), "formula", "Mã hồ sơ (A)", None),
        (("A-0001", "", 2), "empty", "Họ và tên (B)", ""),
        (("A-0001", "12345", 2), "bad_name", "Họ và tên (B)", "12345"),
        (("A-0001", "Lê An", ""), "empty", "Số lượng (C)", ""),
        (("A-0001", "Lê An", 1.5), None, "Số lượng (C)", "1.5"),
        (("A-0001", "Lê An", -2), None, "Số lượng (C)", "-2"),
        (("A-0001", "Lê An", "hai"), None, "Số lượng (C)", "hai"),
    ],
)
def test_a_fault_names_row_column_and_value(
    row: tuple[object, ...], code: str | None, column: str, value: str | None
) -> None:
    file = read_forms(application_file(row, ("B-0001", "Lê Bình", 1)), "hs.xlsx", [WISH])
    assert [form.file_code for form in file.forms] == ["B-0001"]
    (fault,) = file.faults
    assert (fault.row, fault.column) == (3, column)
    assert fault.code == (code or fault.code)
    assert fault.value == (fault.value if value is None else value)


def test_two_columns_of_one_meaning_are_a_fault() -> None:
    data = csv("Mã hồ sơ,Họ và tên,Số lượng,NV", "A-0001,Lê An,2,3")
    assert [fault.code for fault in read_forms(data, "hs.csv", [WISH]).faults] == [
        "ambiguous_column"
    ]
    data = csv("Mã hồ sơ,Số hồ sơ,Họ và tên", "A-0001,2,Lê An")
    assert [fault.code for fault in read_forms(data, "hs.csv", [WISH]).faults] == [
        "ambiguous_column"
    ]


def test_a_list_without_rows_and_a_file_without_a_list() -> None:
    file = read_forms(csv("Mã hồ sơ,Họ và tên"), "hs.csv", [WISH])
    assert [fault.code for fault in file.faults] == ["no_rows"]
    with pytest.raises(FileError, match="no_application_table"):
        read_forms(xlsx({"A": [("Mã khoản thu", "Đơn giá"), ("NV", 1)]}), "hs.xlsx", [WISH])


@given(st.text(max_size=60))
def test_a_file_code_is_read_or_refused(text: str) -> None:
    try:
        code = parse_file_code(text)
    except CellError:
        return
    assert parse_file_code(code) == code
    assert 4 <= len(code) <= 50
    assert set(code) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ./-")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_file_error(data: bytes) -> None:
    try:
        read_forms(b"Ma ho so,Ho ten,So luong\n" + data, "hs.csv", [WISH])
    except FileError:
        return
