"""Every bank's statement, in every kind of file, with every mess: exactly the lines that were written."""

from __future__ import annotations

import io
import random
import string
from dataclasses import replace
from datetime import date, timedelta

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from support.statement_files import Entry
from support.statement_layouts import AMOUNTS, PAPERS, Paper, paper_rows
from support.table_files import WRITERS, Rows, as_csv, as_xlsx

from adapters.contract import FileError, Statement, StatementLine
from adapters.statements import LAYOUTS, read_statement, read_statements

ACCOUNT, OPENING_VND = "0071000123456", 10_000_000
AUGUST_1, AUGUST_2 = date(2026, 8, 1), date(2026, 8, 2)
ENTRIES = (
    Entry(AUGUST_1, 1_250_000, "MBVCB.1.HP0123456789 hoc phi", "FT26213.0001"),
    Entry(AUGUST_1, -250_000, "Phí dịch vụ tháng 8", "FT26213.0002"),
    Entry(AUGUST_1, 1_250_000, "HP0123456788\nnộp lần 2, lớp 1A", "FT26213.0003"),
    Entry(AUGUST_2, 999, "HP0123456787; 'abc'", "FT26214.0001"),
)
Read = tuple[int, date, int, int, int | None, str, str]


def expected(
    paper: Paper, entries: tuple[Entry, ...], rows: list[int], opening_vnd: int = OPENING_VND
) -> list[Read]:
    lines: list[Read] = []
    balance_vnd = opening_vnd
    for entry, row in zip(entries, rows, strict=True):
        balance_vnd += entry.net_vnd
        lines.append(
            (
                row,
                entry.day,
                max(entry.net_vnd, 0),
                max(-entry.net_vnd, 0),
                balance_vnd if paper.has_balances else None,
                entry.content,
                entry.transaction_id if paper.has_ids else "",
            )
        )
    return sorted(lines)


def as_read(lines: tuple[StatementLine, ...]) -> list[Read]:
    return [
        (
            *(line.row, line.posted_on, line.credit_vnd, line.debit_vnd),
            *(line.balance_vnd, line.content, line.bank_transaction_id),
        )
        for line in lines
    ]


def check_whole(statement: Statement, paper: Paper) -> None:
    assert statement.layout == paper.layout
    assert statement.account_number == (ACCOUNT if paper.titles else "")
    assert statement.unreadable == statement.gaps == ()


@pytest.mark.parametrize("amounts", AMOUNTS)
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", PAPERS)
def test_a_statement_reads_to_exactly_its_lines(name: str, writer: str, amounts: str) -> None:
    paper = PAPERS[name]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES, amounts=amounts)
    statement = read_statement(WRITERS[writer](rows), "a.bin")
    check_whole(statement, paper)
    assert as_read(statement.lines) == expected(paper, ENTRIES, places)
    assert (statement.opening_vnd, statement.closing_vnd) == (OPENING_VND, 12_250_999)


LETTERS = string.ascii_letters + string.digits + " .,;:/-'()ăâđêôơưĂÂĐÊÔƠƯáàảãạấầẩẫậốồổỗộỨỪỬỮỰ"
MEMOS = st.text(LETTERS, max_size=80).map(lambda text: f"HP {text}".strip())
DAYS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-(10**9), 10**9).filter(bool),
        MEMOS,
    ),
    min_size=1,
    max_size=12,
).map(
    lambda moves: tuple(
        Entry(AUGUST_1 + timedelta(days=sum(m[0] for m in moves[: n + 1])), net, memo, f"53.{n}A")
        for n, (_, net, memo) in enumerate(moves)
    )
)


@settings(max_examples=400)
@given(
    name=st.sampled_from(sorted(PAPERS)),
    writer=st.sampled_from(sorted(WRITERS)),
    amounts=st.sampled_from(sorted(AMOUNTS)),
    entries=DAYS,
    newest_first=st.booleans(),
    blank_dates=st.booleans(),
    page=st.integers(0, 5),
)
def test_random_days_in_any_layout_come_back_to_the_dong(
    name: str,
    writer: str,
    amounts: str,
    entries: tuple[Entry, ...],
    newest_first: bool,
    blank_dates: bool,
    page: int,
) -> None:
    paper, opening_vnd = PAPERS[name], 20 * 10**9
    rows, places = paper_rows(
        paper,
        ACCOUNT,
        opening_vnd,
        entries,
        amounts=amounts,
        newest_first=newest_first,
        blank_dates=blank_dates,
        page=page,
    )
    statement = read_statement(WRITERS[writer](rows), "a.bin")
    check_whole(statement, paper)
    assert as_read(statement.lines) == expected(paper, entries, places, opening_vnd)
    assert statement.opening_vnd == opening_vnd
    assert statement.closing_vnd == opening_vnd + sum(entry.net_vnd for entry in entries)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", PAPERS)
def test_no_file_is_read_by_the_wrong_layout(name: str, layout: str) -> None:
    paper = PAPERS[name]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    data = as_xlsx(rows)
    if layout != paper.layout and (layout != "generic" or paper.layout == "agribank"):
        with pytest.raises(FileError) as caught:
            read_statement(data, "a.xlsx", LAYOUTS[layout])
        assert caught.value.code == "unknown_layout"
        return
    statement = read_statement(data, "a.xlsx", LAYOUTS[layout])
    lines = {line[0]: line for line in expected(paper, ENTRIES, places)}
    # what the general words cannot read is listed; what they read is the same to the dong
    unreadable = {line.row for line in statement.unreadable}
    assert {line.row for line in statement.lines} | unreadable == set(places)
    assert as_read(statement.lines) == [lines[line.row] for line in statement.lines]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", PAPERS)
def test_columns_count_by_their_words_wherever_they_stand(name: str, seed: int) -> None:
    paper = PAPERS[name]
    order = list(range(len(paper.header)))
    random.Random(seed).shuffle(order)
    moved = replace(
        paper,
        header=tuple(paper.header[i] for i in order),
        columns=tuple(paper.columns[i] for i in order),
        footer=(),
    )
    rows, places = paper_rows(moved, ACCOUNT, OPENING_VND, ENTRIES)
    statement = read_statement(as_xlsx(rows), "a.xlsx")
    check_whole(statement, paper)
    assert as_read(statement.lines) == expected(paper, ENTRIES, places)


@pytest.mark.parametrize("name", PAPERS)
def test_a_missing_line_and_an_unreadable_one_show_where_they_are(name: str) -> None:
    paper = PAPERS[name]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    money = "signed" if "signed" in paper.columns else "credit"
    spoiled = [list(row) for row in rows]
    spoiled[places[2] - 1][paper.columns.index(money)] = "1.25O.000"
    statement = read_statement(as_xlsx(spoiled), "a.xlsx")
    (unreadable,) = statement.unreadable
    assert unreadable.row == places[2]
    assert paper.header[paper.columns.index(money)].split("\n")[0] in unreadable.column
    assert "1.25O.000" in str(unreadable.problem)
    assert len(statement.lines) == 3
    missing = [row for number, row in enumerate(rows, 1) if number != places[2]]
    gaps = read_statement(as_xlsx(missing), "a.xlsx").gaps
    rows_of_gaps = {places[3] - 1} if paper.has_balances else {len(missing)}
    assert rows_of_gaps <= {gap.row for gap in gaps}
    assert {(gap.expected_vnd, gap.found_vnd) for gap in gaps} == {(11_000_999, 12_250_999)}


JUNK = st.one_of(
    st.text(LETTERS, max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "-",
            ":",
            "Ngày:",
            "0",
            "#N/A",
            "1,2,3",
            "12/2026",
            "(5.000)",
            "-7",
            "=1+1",
            "99/99/9999",
        ]
    ),
)


@settings(max_examples=300)
@given(
    name=st.sampled_from(sorted(PAPERS)),
    line=st.integers(0, 3),
    column=st.integers(0, 11),
    junk=JUNK,
)
def test_whatever_stands_in_a_cell_no_line_is_dropped(
    name: str, line: int, column: int, junk: str
) -> None:
    paper = PAPERS[name]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    rows[places[line] - 1][column % len(paper.columns)] = junk
    statement = read_statement(as_csv(rows), "a.csv")
    unreadable = {row.row for row in statement.unreadable}
    assert {row.row for row in statement.lines} | unreadable == set(places)
    assert unreadable <= {places[line]} | ({places[line] + 1} if paper.fills_down else set())
    others = [row for row in as_read(statement.lines) if row[0] != places[line]]
    whole = {row[0]: row for row in expected(paper, ENTRIES, places)}
    assert others == [whole[row[0]] for row in others]


def test_two_accounts_in_one_cashup_file() -> None:
    paper = PAPERS["vcb cashup"]
    first, _ = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES[:2])
    second, _ = paper_rows(paper, "0071000999999", 5, ENTRIES[2:])
    statements = read_statements(as_xlsx([*first, *second]), "a.xlsx")
    assert [(s.account_number, s.opening_vnd, s.closing_vnd, len(s.lines)) for s in statements] == [
        (ACCOUNT, 10_000_000, 11_000_000, 2),
        ("0071000999999", 5, 1_251_004, 2),
    ]
    assert [s.gaps for s in statements] == [(), ()]


def test_agribank_writes_its_days_either_way() -> None:
    paper = replace(PAPERS["agribank"], day="%d/%m/%Y")
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES, amounts="1250000.00")
    statement = read_statement(as_csv(rows), "a.csv")
    check_whole(statement, paper)
    assert as_read(statement.lines) == expected(paper, ENTRIES, places)


def test_commas_between_thousands_do_not_delimit() -> None:
    rows, places = paper_rows(PAPERS["bidv"], ACCOUNT, OPENING_VND, ENTRIES[:1])
    statement = read_statement(as_csv(rows, ";"), "a.csv")
    assert as_read(statement.lines) == expected(PAPERS["bidv"], ENTRIES[:1], places)


def test_a_damaged_date_that_looks_like_a_title_is_still_a_line() -> None:
    rows, places = paper_rows(PAPERS["acb"], ACCOUNT, OPENING_VND, ENTRIES)
    rows[places[1] - 1][0] = "Ngày:"
    statement = read_statement(as_csv(rows), "a.csv")
    assert [line.row for line in statement.unreadable] == [places[1]]
    assert statement.unreadable[0].column == "Ngày giao dịch (cột A)"


def test_merged_cells_show_their_value_in_the_first() -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet("SaoKe")
    sheet.merge_range("A1:G1", "SAO KÊ CHI TIẾT TÀI KHOẢN")
    sheet.merge_range("A2:C2", "Số tài khoản:")
    sheet.merge_range("D2:G2", ACCOUNT)
    sheet.merge_range("A3:A4", "Ngày hạch toán")
    sheet.merge_range("B3:C3", "Phát sinh")
    sheet.write_row("B4", ["Nợ", "Có"])
    sheet.merge_range("D3:D4", "Số dư")
    sheet.merge_range("E3:G4", "Nội dung")
    sheet.merge_range("A5:A6", "01/08/2026")
    for row, money in ((4, ("", "5.000", "15.000")), (5, ("2.000", "", "13.000"))):
        sheet.write_row(row, 1, money)
        sheet.merge_range(row, 4, row, 6, f"HP{row}")
    sheet.merge_range("A7:A8", "Tổng cộng")
    sheet.write_row("B7", ["2.000", "5.000"])
    book.close()
    statement = read_statement(buffer.getvalue(), "a.xlsx")
    assert (statement.account_number, statement.opening_vnd) == (ACCOUNT, 10_000)
    assert as_read(statement.lines) == [
        (5, AUGUST_1, 5_000, 0, 15_000, "HP4", ""),
        (6, AUGUST_1, 0, 2_000, 13_000, "HP5", ""),
    ]
    assert statement.unreadable == statement.gaps == ()


@pytest.mark.parametrize("column", ["zero", "blank"])
def test_a_fee_in_a_column_of_its_own_is_listed_not_guessed(column: str) -> None:
    paper = PAPERS["techcombank"]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    rows[places[1] - 1][paper.columns.index(column)] = "1,100"
    statement = read_statement(as_csv(rows), "a.csv")
    (unreadable,) = statement.unreadable
    assert unreadable.row == places[1]
    assert unreadable.column.startswith(("Phí/Lãi", "Thuế"))
    assert [line.row for line in statement.lines] == [places[0], places[2], places[3]]


@pytest.mark.parametrize("name", ["vib", "tpbank"])
def test_common_words_need_the_name_of_the_bank(name: str) -> None:
    rows, places = paper_rows(PAPERS[name], ACCOUNT, OPENING_VND, ENTRIES)
    nameless: Rows = [["SAO KÊ"], *rows[1:]]
    statement = read_statement(as_csv(nameless), "a.csv")
    assert statement.layout == "generic"
    assert as_read(statement.lines) == expected(PAPERS[name], ENTRIES, places)


def test_the_old_account_number_is_not_taken_for_the_account() -> None:
    rows, _ = paper_rows(PAPERS["bidv"], "1201234567", OPENING_VND, ENTRIES)
    assert read_statement(as_csv(rows), "bidv.csv").account_number == "1201234567"
