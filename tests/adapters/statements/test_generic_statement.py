"""Banks without a file of their own, and files a school maps by hand."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from adapters.contract import FileError
from adapters.statements import LAYOUTS, Mapping, mapped, read_statement


def csv_file(rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (  # VietinBank eFAST
            "Ngày hạch toán/Accounting date|Ngày phát sinh/Transaction date|Mô tả giao dịch/Transaction description|Nợ/ Debit|Có / Credit|Số dư TK/Account balance|Số giao dịch/Transaction number",
            "02/08/2026|01/08/2026|HP01|0|1,250,000|11,250,000|T1",
        ),
        (  # BIDV
            "Ngày hiệu lực/Date|Ghi nợ/Debit|Ghi có/Credit|Số dư/Balance|Mô tả/Description",
            "02/08/2026||1,250,000|11,250,000|HP01",
        ),
        (  # ACB
            "Ngày giao dịch|Số GD|Nội dung|Tiền rút ra|Tiền gửi vào|Số dư",
            "02/08/2026|T1|HP01||1.250.000|11.250.000",
        ),
        (  # Techcombank
            "Ngày KH thực hiện/Requesting date|Ngày giao dịch/Transaction date|Số bút toán/Reference number|Tài khoản đích/Remitter's account number|Diễn giải/Description|Nợ/Debit|Có/Credit|Số dư/Running balance",
            "2026-08-01|2026-08-02|T1|19020352517013|HP01||1,250,000|11,250,000",
        ),
        (  # VIB, TPBank: bare words, where "No." counts and "Nợ" is money
            "No.|Ngày|Nợ|Có|Số dư|Nội dung|Số chứng từ",
            "1|02/08/2026||1.250.000|11.250.000|HP01|T1",
        ),
    ],
)
def test_the_headers_of_other_banks(header: str, line: str) -> None:
    statement = read_statement(csv_file([header.split("|"), line.split("|")]), "a.csv")
    assert statement.layout == "generic"
    (read,) = statement.lines
    assert (read.posted_on, read.credit_vnd, read.debit_vnd) == (date(2026, 8, 2), 1_250_000, 0)
    assert (read.balance_vnd, read.content) == (11_250_000, "HP01")
    assert statement.opening_vnd == 10_000_000
    assert read.bank_transaction_id == ("T1" if "T1" in line else "")


def test_the_old_account_number_is_not_taken_for_the_account() -> None:
    rows = [
        ["Số tài khoản cũ: 12010000000001"],
        ["Số tài khoản", "1201234567"],
        ["Ngày", "Ghi nợ", "Ghi có", "Mô tả"],
        ["01/08/2026", "", "5.000", "HP01"],
    ]
    assert read_statement(csv_file(rows), "bidv.csv").account_number == "1201234567"


def test_agribank_signs_its_amounts() -> None:
    rows = [
        ["trdt", "acctccyamt", "aftrbal", "rem", "trcdnm", "toacctno"],
        ["2026-08-01", "1250000.00", "11250000.00", "MB(1)(HP01)", "x", "123456"],
        ["2026-08-02", "-250000.00", "11000000.00", "PHI", "x", ""],
    ]
    statement = read_statement(csv_file(rows), "agribank.csv")
    assert statement.layout == "agribank"
    assert [(line.credit_vnd, line.debit_vnd) for line in statement.lines] == [
        (1_250_000, 0),
        (0, 250_000),
    ]
    assert statement.gaps == ()


ROWS = [
    ["BÁO CÁO CỦA TRƯỜNG"],
    ["Ngày CT", "Mã GD", "Số tiền (đ)", "Lời nhắn", "Tồn quỹ"],
    ["01/08/2026", "A1", "1.250.000", "HP01; lớp 1A", "11.250.000"],
    ["02/08/2026", "A2", "-250.000", "phí", "11.000.000"],
]
MAPPING = Mapping(
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
    chosen = mapped(Mapping(date="Ngày", debit="Ghi nợ", credit="Ghi có", content="Nội dung"))
    assert read_statement(csv_file(rows), "a.csv", chosen).lines[0].credit_vnd == 5_000


def test_a_receipts_only_mapping_needs_no_debit() -> None:
    chosen = mapped(Mapping(date="Ngày CT", credit="Số tiền (đ)", content="Lời nhắn"))
    statement = read_statement(csv_file(ROWS), "a.csv", chosen)
    assert [line.credit_vnd for line in statement.lines] == [1_250_000]
    assert [line.row for line in statement.unreadable] == [4]  # a negative receipt is no receipt
    assert statement.opening_vnd is None


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping(date="Ngày", content=""),
        Mapping(date="Ngày", content="Nội dung"),
        Mapping(date="Ngày", content="Nội dung", debit="Nợ"),
        Mapping(date="Ngày", content="Nội dung", amount="Tiền", credit="Có"),
        Mapping(date="Ngày", content="ngày", credit="Có"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(mapping: Mapping) -> None:
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
