"""Banks without a file of their own, and files a school maps by hand."""

from __future__ import annotations

import csv
import io

import pytest

from adapters.contract import FileError
from adapters.statements import LAYOUTS, StatementMapping, mapped, read_statement


def csv_file(rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


ROWS = [
    ["BÁO CÁO CỦA TRƯỜNG"],
    ["Ngày CT", "Mã GD", "Số tiền (đ)", "Lời nhắn", "Tồn quỹ"],
    ["01/08/2026", "A1", "1.250.000", "HP01; lớp 1A", "11.250.000"],
    ["02/08/2026", "A2", "-250.000", "phí", "11.000.000"],
]
MAPPING = StatementMapping(
    date="NGÀY CT",
    amount="Số tiền\n(đ)",
    content="lời nhắn",
    balance="Tồn quỹ",
    transaction_id="Mã GD",
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mapping_reads_a_file_nobody_knows(delimiter: str, encoding: str) -> None:
    statement = read_statement(
        csv_file(ROWS, delimiter, encoding), "a.csv", mapped(MAPPING, "truong")
    )
    assert statement.layout == "truong"
    assert [(line.row, line.credit_vnd, line.debit_vnd) for line in statement.lines] == [
        (3, 1_250_000, 0),
        (4, 0, 250_000),
    ]
    assert statement.lines[0].bank_transaction_id == "A1"
    assert statement.gaps == statement.unreadable == ()


def test_an_unsigned_amount_is_never_guessed() -> None:
    with pytest.raises(FileError) as caught:
        read_statement(csv_file(ROWS), "a.csv")
    assert caught.value.code == "unknown_layout"


def test_two_columns_with_the_same_claim_are_refused() -> None:
    rows = [
        ["Ngày", "Ghi nợ", "Tài khoản ghi có", "Ghi có", "Nội dung"],
        ["01/08/2026", "", "19020352517013", "5.000", "HP01"],
    ]
    with pytest.raises(FileError) as caught:
        read_statement(csv_file(rows), "a.csv")
    assert caught.value.code == "ambiguous_header"
    chosen = mapped(
        StatementMapping(date="Ngày", debit="Ghi nợ", credit="Ghi có", content="Nội dung")
    )
    assert read_statement(csv_file(rows), "a.csv", chosen).lines[0].credit_vnd == 5_000


def test_a_receipts_only_mapping_needs_no_debit() -> None:
    chosen = mapped(StatementMapping(date="Ngày CT", credit="Số tiền (đ)", content="Lời nhắn"))
    statement = read_statement(csv_file(ROWS), "a.csv", chosen)
    assert [line.credit_vnd for line in statement.lines] == [1_250_000]
    assert [line.row for line in statement.unreadable] == [4]  # a negative receipt is no receipt
    assert statement.opening_vnd is None


@pytest.mark.parametrize(
    "mapping",
    [
        StatementMapping(date="Ngày", content=""),
        StatementMapping(date="Ngày", content="Nội dung"),
        StatementMapping(date="Ngày", content="Nội dung", debit="Nợ"),
        StatementMapping(date="Ngày", content="Nội dung", amount="Tiền", credit="Có"),
        StatementMapping(date="Ngày", content="ngày", credit="Có"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(mapping: StatementMapping) -> None:
    with pytest.raises(FileError) as caught:
        mapped(mapping)
    assert caught.value.code == "bad_mapping"


def test_a_chosen_layout_is_the_only_one_tried() -> None:
    rows = [["Ngày", "Ghi nợ", "Ghi có", "Mô tả"], ["01/08/2026", "", "5.000", "HP01"]]
    with pytest.raises(FileError):
        read_statement(csv_file(rows), "a.csv", LAYOUTS["vcb"])


def test_invalid_utf8_is_refused() -> None:
    with pytest.raises(FileError) as caught:
        read_statement(csv_file(ROWS) + b"\xff\xfe\xfa", "a.csv")
    assert caught.value.code == "bad_encoding"
