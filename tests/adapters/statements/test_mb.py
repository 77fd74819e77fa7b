"""MB Bank's "Sao kê chi tiết tài khoản"."""

from __future__ import annotations

import io
from datetime import date

import xlsxwriter

from adapters.statements import read_statement

HEADER = [
    *("STT\nNo", "Ngày hạch toán\nPosting date", "Ngày giao dịch\nTransaction date"),
    *("Phát sinh nợ\nDebit", "Phát sinh có\nCredit", "Số dư\nBalance"),
    *("Nội dung/Diễn giải\nDescription", "Số bút toán\nTransaction No"),
]


def statement_file(rows: list[list[object]], header: list[str] = HEADER) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet("SaoKe")
    bold = book.add_format({"bold": True})
    sheet.merge_range(0, 0, 0, 7, "NGÂN HÀNG TMCP QUÂN ĐỘI", bold)
    sheet.merge_range(1, 0, 1, 7, "SAO KÊ CHI TIẾT TÀI KHOẢN", bold)
    sheet.write_string(3, 0, "Số tài khoản/Account No: 0801 0012 3456 7 - VND")
    sheet.write_string(3, 5, "Chủ tài khoản: TRƯỜNG TIỂU HỌC A")
    sheet.write_row(4, 0, ["Số dư đầu kỳ:", "2.000.000", "Số dư cuối kỳ:", "5.150.000"])
    sheet.write_row(6, 0, header)
    for number, row in enumerate(rows, start=7):
        sheet.write_row(number, 0, row)
    book.close()
    return buffer.getvalue()


ROWS: list[list[object]] = [
    [
        1,
        "02/08/2026",
        "01/08/2026 22:31:05",
        "",
        "3.500.000",
        "5.500.000",
        "HP0123456789",
        "FT26214001",
    ],
    [2, "02/08/2026", "02/08/2026 08:00:00", "350.000", "0", "5.150.000", "PHI SMS", "FT26214002"],
]


def test_a_statement_reads_whole_by_posting_date() -> None:
    total: list[object] = ["Tổng cộng/Total", "", "", "350.000", "3.500.000"]
    statement = read_statement(statement_file([*ROWS, total]), "mb.xlsx")
    assert statement.layout == "mb"
    assert statement.account_number == "0801001234567"
    assert (statement.opening_vnd, statement.closing_vnd) == (2_000_000, 5_150_000)
    assert statement.gaps == statement.unreadable == ()
    first, second = statement.lines
    assert (first.row, first.posted_on) == (8, date(2026, 8, 2))
    assert (first.credit_vnd, first.debit_vnd, first.balance_vnd) == (3_500_000, 0, 5_500_000)
    assert (first.content, first.bank_transaction_id) == ("HP0123456789", "FT26214001")
    assert (second.credit_vnd, second.debit_vnd) == (0, 350_000)


def test_a_missing_line_shows_at_the_closing_even_if_it_was_the_last() -> None:
    statement = read_statement(statement_file(ROWS[:1]), "mb.xlsx")
    assert [(gap.row, gap.expected_vnd, gap.found_vnd) for gap in statement.gaps] == [
        (5, 5_500_000, 5_150_000)
    ]


def test_a_header_in_two_rows_with_english_below() -> None:
    vietnamese = [
        "STT",
        "Ngày hạch toán",
        "Ngày giao dịch",
        "Phát sinh nợ",
        "Phát sinh có",
        "Số dư",
    ]
    vietnamese += ["Nội dung", "Số bút toán"]
    english: list[object] = [
        "No.",
        "Posting date",
        "Transaction date",
        "Debit",
        "Credit",
        "Balance",
    ]
    english += ["Description", "Transaction No"]
    statement = read_statement(statement_file([english, *ROWS], vietnamese), "mb.xlsx")
    assert [line.row for line in statement.lines] == [9, 10]
    assert statement.unreadable == ()


def test_a_header_whose_amounts_stand_under_one_word() -> None:
    upper = ["STT", "Ngày hạch toán", "Ngày giao dịch", "Phát sinh", "", "Số dư", "Diễn giải"]
    lower: list[object] = ["", "", "", "Phát sinh nợ", "Phát sinh có"]
    statement = read_statement(statement_file([lower, *ROWS], upper), "mb.xlsx")
    assert statement.layout == "mb"
    assert [line.credit_vnd for line in statement.lines] == [3_500_000, 0]


def test_text_in_an_amount_of_a_dated_row_is_unreadable_not_zero() -> None:
    bad: list[object] = [3, "03/08/2026", "", "", "đang xử lý", "", "HP99", "FT3"]
    statement = read_statement(statement_file([*ROWS, bad]), "mb.xlsx")
    (unreadable,) = statement.unreadable
    assert (unreadable.row, unreadable.column) == (10, "Phát sinh có Credit (cột E)")
    assert "đang xử lý" in str(unreadable.problem)
