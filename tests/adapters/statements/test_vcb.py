"""Vietcombank's statements, as DigiBank, iB@nking and CashUp lay them out."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import BalanceGap, FileError, StatementLine
from adapters.statements import read_statement, read_statements

HEADER = [
    "STT\nNo.",
    "Ngày/\nTNX Date/ Số CT/ Doc No",
    "Số tiền ghi nợ/\nDebit",
    "Số tiền ghi có/\nCredit",
    "Số dư/\nBalance",
    "Nội dung chi tiết/\nTransactions in detail",
]
# Three lines from 10.000.000: in 1.250.000, out 500.000, in 3.000.000.
LINES = [
    (1, "01/08/2026\n5389.82579", "", "1,250,000", "11,250,000", "MBVCB.1.HP0123456789 hoc phi"),
    (2, "01/08/2026\n5390.1", "500,000", 0, "10,750,000", "UHHT.PHI DICH VU"),
    (3, "02/08/2026\n5391.77", "", "3,000,000", "13,750,000", "HPABCDEFGHJK\nchuyen tien"),
]
Cells = Sequence[object]


def workbook(rows: Sequence[Cells], *more: Sequence[Cells]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"default_date_format": "dd/mm/yyyy"})
    for number, sheet_rows in enumerate((rows, *more)):
        sheet = book.add_worksheet(f"Trang {number + 1}")
        for r, row in enumerate(sheet_rows):
            for c, value in enumerate(row):
                if isinstance(value, str) and value.startswith("=="):
                    sheet.write_formula(r, c, value[1:], None, 1_250_000)
                elif isinstance(value, str) and value:
                    sheet.write_string(r, c, value)
                elif isinstance(value, date):
                    sheet.write_datetime(r, c, value)
                elif value not in {"", None}:
                    sheet.write_number(r, c, value)
    book.close()
    return buffer.getvalue()


def title(account: object = "0071000123456", opening: str = "10,000,000 VND") -> list[Cells]:
    return [
        ["NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM"],
        ["", "", "SAO KÊ TÀI KHOẢN\nSTATEMENT OF ACCOUNT"],
        [],
        ["Số tài khoản/ Account No:", "", account],
        ["Từ/ From:", "", "01/08/2026", "", "Đến/ To:", "31/08/2026"],
        ["Số dư đầu kỳ/ Opening balance:", "", opening],
    ]


def footer(closing: str = "13,750,000") -> list[Cells]:
    return [
        ["Tổng số/ Total", "", "500,000", "4,250,000"],
        ["Số dư cuối kỳ/ Closing balance", "", "", "", closing],
        [],
        ["Ngày in: 31/08/2026. Sao kê này được in tự động."],
        ["Giao dịch viên", "", "Kiểm soát", "", "", "Giám đốc"],
    ]


def credits_and_debits(lines: Sequence[StatementLine]) -> list[tuple[int, int]]:
    return [(line.credit_vnd, line.debit_vnd) for line in lines]


def test_a_statement_reads_whole() -> None:
    statement = read_statement(workbook([*title(), HEADER, *LINES, *footer()]), "vcb.xlsx")
    assert statement.layout == "vcb"
    assert statement.account_number == "0071000123456"
    assert (statement.opening_vnd, statement.closing_vnd) == (10_000_000, 13_750_000)
    assert statement.unreadable == statement.gaps == ()
    assert credits_and_debits(statement.lines) == [(1_250_000, 0), (0, 500_000), (3_000_000, 0)]
    assert statement.lines[0] == StatementLine(
        row=8,
        posted_on=date(2026, 8, 1),
        credit_vnd=1_250_000,
        debit_vnd=0,
        balance_vnd=11_250_000,
        content="MBVCB.1.HP0123456789 hoc phi",
        bank_transaction_id="5389.82579",
        cells=(
            *("1", "01/08/2026\n5389.82579", "", "1,250,000", "11,250,000"),
            "MBVCB.1.HP0123456789 hoc phi",
        ),
    )
    assert statement.lines[2].content == "HPABCDEFGHJK\nchuyen tien"


def test_the_newer_layout_with_an_effective_date_and_slashes() -> None:
    header = [
        *("STT No.", "Ngày1/ TNX Date/ Số CT", "Ngày hiệu lực/ Effective date"),
        *("Số tiền ghi nợ", "Số tiền ghi có", "Số dư", "Nội dung chi tiết"),
    ]
    line = [1, "03/08/2026 / 5254 - 05356", "04/08/2026", "", "5,270,776", "15,270,776", "HP01"]
    numbers = [f"({n})" for n in range(1, 8)]
    statement = read_statement(workbook([*title(), header, numbers, line]), "vcb.xlsx")
    assert statement.layout == "vcb"
    assert statement.lines[0].posted_on == date(2026, 8, 3)
    assert statement.lines[0].bank_transaction_id == "5254 - 05356"
    assert statement.closing_vnd == 15_270_776
    assert statement.unreadable == statement.gaps == ()


def test_columns_are_found_wherever_they_stand() -> None:
    order = (5, 3, 1, 4, 0, 2)
    rows = [[row[i] for i in order] for row in (HEADER, *LINES)]
    statement = read_statement(workbook([*title(), ["", "", ""], *rows]), "vcb.xlsx")
    assert credits_and_debits(statement.lines) == [(1_250_000, 0), (0, 500_000), (3_000_000, 0)]
    assert statement.gaps == ()


def test_a_header_and_titles_repeated_on_a_new_page_are_not_lines() -> None:
    period = ["Từ ngày:", "01/08/2026", "", "", "Đến ngày:", "31/08/2026"]
    rows = [*title(), HEADER, LINES[0], *title()[:5], period, HEADER, *LINES[1:], *footer()]
    statement = read_statement(workbook(rows), "vcb.xlsx")
    assert len(statement.lines) == 3
    assert statement.unreadable == statement.gaps == ()


def test_numbers_dates_and_blank_dates() -> None:
    rows = [
        [1, date(2026, 8, 1), "", 1_250_000, 11_250_000, "HP01"],
        [2, "", 500_000, "", 10_750_000, 20260801],
        ["", "", "", 3_000_000.0, 13_750_000, "HP03"],
    ]
    statement = read_statement(workbook([*title(71000123456), HEADER, *rows]), "vcb.xlsx")
    assert [line.posted_on for line in statement.lines] == [date(2026, 8, 1)] * 3
    assert statement.lines[1].content == "20260801"
    assert statement.account_number == "71000123456"
    assert statement.gaps == statement.unreadable == ()


def test_newest_first_is_told_by_the_balances() -> None:
    same_day = [(n, "01/08/2026\n1", *rest) for n, _, *rest in LINES]
    statement = read_statement(workbook([*title(opening=""), HEADER, *same_day[::-1]]), "vcb.xlsx")
    assert [line.row for line in statement.lines] == [8, 9, 10]
    assert (statement.opening_vnd, statement.closing_vnd) == (10_000_000, 13_750_000)
    assert statement.gaps == ()


def test_a_missing_a_doubled_and_an_altered_line_leave_a_gap_where_they_are() -> None:
    first, second, third = LINES
    missing = read_statement(workbook([*title(), HEADER, first, third, *footer()]), "vcb.xlsx")
    assert missing.gaps == (
        BalanceGap(row=9, expected_vnd=14_250_000, found_vnd=13_750_000),
        BalanceGap(row=11, expected_vnd=14_250_000, found_vnd=13_750_000),
    )
    doubled = read_statement(workbook([*title(), HEADER, first, first, second, third]), "vcb.xlsx")
    assert doubled.gaps == (BalanceGap(row=9, expected_vnd=12_500_000, found_vnd=11_250_000),)
    altered = (2, second[1], "400,000", *second[3:])
    found = read_statement(workbook([*title(), HEADER, first, altered, third]), "vcb.xlsx")
    assert found.gaps == (BalanceGap(row=9, expected_vnd=10_850_000, found_vnd=10_750_000),)


def test_without_running_balances_opening_plus_lines_must_still_be_closing() -> None:
    header, rows = HEADER[:4] + HEADER[5:], [[*row[:4], row[5]] for row in LINES]
    closing = ["Số dư cuối kỳ/ Closing balance: 13.750.000 VND"]
    assert read_statement(workbook([*title(), header, *rows, closing]), "vcb.xlsx").gaps == ()
    short = read_statement(workbook([*title(), header, *rows[:2], closing]), "vcb.xlsx")
    assert short.gaps == (BalanceGap(row=10, expected_vnd=10_750_000, found_vnd=13_750_000),)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({1: "32/08/2026\n5390.1"}, "Ngày/ TNX Date/ Số CT/ Doc No (cột B)"),
        ({1: "01/08/26\n5390.1"}, "Ngày/ TNX Date/ Số CT/ Doc No (cột B)"),
        ({2: "500.000,50"}, "Số tiền ghi nợ/ Debit (cột C)"),
        ({2: "năm trăm nghìn"}, "Số tiền ghi nợ/ Debit (cột C)"),
        ({2: "==SUM(A1:A2)"}, "Số tiền ghi nợ/ Debit (cột C)"),
        ({3: "500,000"}, "Số tiền ghi có/ Credit (cột D)"),
        ({2: "", 3: ""}, "Số tiền ghi có/ Credit (cột D)"),
        ({2: "-500,000"}, "Số tiền ghi nợ/ Debit (cột C)"),
        ({4: "???"}, "Số dư/ Balance (cột E)"),
        ({5: "==A1"}, "Nội dung chi tiết/ Transactions in detail (cột F)"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_its_place_and_reason(
    change: dict[int, object], column: str
) -> None:
    bad = [change.get(i, cell) for i, cell in enumerate(LINES[1])]
    statement = read_statement(workbook([*title(), HEADER, LINES[0], bad, LINES[2]]), "vcb.xlsx")
    (unreadable,) = statement.unreadable
    assert (unreadable.row, unreadable.column) == (9, column)
    assert unreadable.problem
    assert "UHHT.PHI DICH VU" in unreadable.cells or 5 in change
    assert len(statement.lines) == 2
    assert [gap.row for gap in statement.gaps] == [10]  # its amount is missing from the sum


def test_an_opening_is_not_derived_across_an_unreadable_row() -> None:
    bad = [1, "01/08/2026\n1", "", "1.2.3", "11,250,000", "x"]
    statement = read_statement(workbook([HEADER, bad, LINES[1], LINES[2]]), "vcb.xlsx")
    assert statement.opening_vnd is None
    assert statement.closing_vnd == 13_750_000
    assert len(statement.unreadable) == 1


def test_an_undated_row_that_could_be_a_total_is_kept_for_a_human() -> None:
    total = ["", "", "500,000", "4,250,000", "", "Tổng cộng"]
    one_side = ["", "", "", "4,250,000", "", "Tổng cộng/ Total"]
    statement = read_statement(workbook([*title(), HEADER, *LINES, total, one_side]), "vcb.xlsx")
    assert len(statement.lines) == 3
    assert [line.row for line in statement.unreadable] == [12]


def test_several_accounts_one_below_the_other() -> None:
    second = [(1, "05/08/2026\n1.1", "", "700,000", "900,000", "HP77")]
    data = workbook(
        [
            *(*title(), HEADER, *LINES, *footer(), []),
            *(*title("0071000999999", "200,000 VND"), HEADER, *second, *footer("900,000")),
        ]
    )
    first, other = read_statements(data, "cashup.xlsx")
    assert (first.account_number, len(first.lines), first.closing_vnd) == (
        *("0071000123456", 3),
        13_750_000,
    )
    assert (other.account_number, other.opening_vnd, other.closing_vnd) == (
        *("0071000999999", 200_000),
        900_000,
    )
    assert first.gaps == other.gaps == ()
    with pytest.raises(FileError) as caught:
        read_statement(data, "cashup.xlsx")
    assert caught.value.code == "several_accounts"
    by_sheet = workbook([*title(), HEADER, *LINES], [*title("0071000999999"), HEADER, *LINES])
    assert len(read_statements(by_sheet, "a.xlsx")) == 2


def test_no_lines_is_still_a_statement() -> None:
    statement = read_statement(workbook([*title(), HEADER, *footer("10,000,000")[1:]]), "vcb.xlsx")
    assert statement.lines == statement.unreadable == statement.gaps == ()
    assert (statement.opening_vnd, statement.closing_vnd) == (10_000_000, 10_000_000)


def test_a_file_without_a_statement_says_what_it_found() -> None:
    with pytest.raises(FileError) as caught:
        read_statement(workbook([["Mã học sinh", "Họ tên"], ["01", "An"]]), "ds.xlsx")
    assert caught.value.code == "unknown_layout"
    assert "Mã học sinh" in str(caught.value.detail)
    with pytest.raises(FileError) as caught:
        read_statement(workbook(LINES)[:900], "vcb.xlsx")
    assert caught.value.code == "truncated"


MEMO = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x1EF9, categories=["L", "N", "P"]), min_size=1
)
MOVES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(1, 10**12),
        st.booleans(),
        MEMO.map(lambda text: f"HP {text}"),
    ),
    min_size=1,
    max_size=12,
)


@given(opening_vnd=st.integers(0, 10**13), moves=MOVES, newest_first=st.booleans())
@settings(deadline=None, max_examples=40)
def test_any_lines_come_back_to_the_dong(
    opening_vnd: int, moves: list[tuple[int, int, bool, str]], newest_first: bool
) -> None:
    day, balance_vnd, rows = date(2026, 8, 1), opening_vnd, []
    for number, (days, amount_vnd, is_credit, memo) in enumerate(moves, start=1):
        day += timedelta(days=days)
        balance_vnd += amount_vnd if is_credit else -amount_vnd
        amounts = ("", f"{amount_vnd:,}") if is_credit else (f"{amount_vnd:,}", "")
        rows.append((number, f"{day:%d/%m/%Y}\n53.{number}", *amounts, f"{balance_vnd:,}", memo))
    ordered = rows[::-1] if newest_first else rows
    heading = title(opening=f"{opening_vnd:,} VND")
    statement = read_statement(workbook([*heading, HEADER, *ordered]), "vcb.xlsx")
    assert statement.unreadable == statement.gaps == ()
    assert statement.opening_vnd == opening_vnd
    assert statement.closing_vnd == balance_vnd
    read = statement.lines[::-1] if newest_first else statement.lines
    assert [
        (line.credit_vnd or line.debit_vnd, line.credit_vnd > 0, line.bank_transaction_id)
        for line in read
    ] == [(amount, is_credit, f"53.{n}") for n, (_, amount, is_credit, _) in enumerate(moves, 1)]
    memos = [unicodedata.normalize("NFC", memo) for *_, memo in moves]
    assert [line.content for line in read] == memos
