"""Every bank beside every mess that its files come in, one table: the same lines to the dong, or a place named.

Each mess is something done to the bank's own paper (titles, header, lines, totals) before it is a file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import pytest
import xlsxwriter
from support.message_files import camt, mt940
from support.statement_files import Entry
from support.statement_layouts import PAPERS, Paper, paper_rows
from support.table_files import Rows, Value, as_csv, as_xls, as_xlsx, cp1258

from adapters.contract import Statement
from adapters.statements import read_statement, read_statements
from reconciliation.statements.reading import validate

ACCOUNT, OPENING_VND = "0071000123456", 10_000_000
TODAY = date(2026, 9, 30)
ENTRIES = (
    Entry(date(2026, 8, 1), 1_250_000, "MBVCB.1.HP0123456789 học phí", "FT26213.0001"),
    Entry(date(2026, 8, 1), -250_000, "Phí dịch vụ tháng 8", "FT26213.0002"),
    Entry(date(2026, 8, 2), 1_250_000, "nộp lần 2, lớp 1A", "FT26213.0003"),
    Entry(date(2026, 8, 2), 1_250_000, "nộp lần 2, lớp 1A", "FT26213.0004"),
    Entry(date(2026, 8, 3), 999, "Đỗ Ánh Nguyệt; 'abc'", "FT26214.0001"),
)
CLOSING_VND = OPENING_VND + sum(entry.net_vnd for entry in ENTRIES)


@dataclass(frozen=True)
class Mess:
    """What is done to a paper. `write`: rows into a file; the rest are `paper_rows` options."""

    write: Callable[[Rows], bytes] = as_xlsx
    options: dict[str, object] = field(default_factory=dict)
    change: Callable[[list[list[Value]], list[int], Paper], None] | None = None


def merged_lines(rows: Rows) -> bytes:
    """Titles merged over the table, and every cell merged with the blank row that follows it."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("SaoKe")
    for r, row in enumerate(rows):
        if len(row) == 1 and isinstance(row[0], str):
            sheet.merge_range(2 * r, 0, 2 * r, 9, row[0])
            continue
        for c, value in enumerate(row):
            sheet.merge_range(2 * r, c, 2 * r + 1, c, value)
    book.close()
    return buffer.getvalue()


def newlines(rows: list[list[Value]], places: list[int], paper: Paper) -> None:
    """A bank's own line breaks in the header and in the transfer texts."""
    header = next(i for i, row in enumerate(rows) if tuple(row) == paper.header)
    rows[header] = [str(cell).replace(" ", "\n") for cell in rows[header]]
    for place in places:
        at = paper.columns.index("content")
        rows[place - 1][at] = str(rows[place - 1][at]).replace(" ", "\n", 1)


def blank_rows(rows: list[list[Value]], places: list[int], paper: Paper) -> None:
    """Empty rows above the header and a signature far below the table."""
    rows.extend([[], ["", "Kế toán trưởng", "", "Giám đốc"], ["", "(Ký, họ tên)"]])


MESSES: MappingProxyType[str, Mess] = MappingProxyType(
    {
        "title rows and totals": Mess(),
        "fill-down dates": Mess(options={"blank_dates": True}),
        "newest first": Mess(options={"newest_first": True}),
        "header on every page": Mess(options={"page": 2}),
        "newlines in cells": Mess(change=newlines),
        "signatures below": Mess(change=blank_rows),
        "1.250.000": Mess(options={"amounts": "1.250.000"}),
        "1,250,000": Mess(options={"amounts": "1,250,000"}),
        "1250000.00": Mess(options={"amounts": "1250000.00"}),
        "1.250.000,00 VND": Mess(options={"amounts": "1.250.000,00 VND"}),
        "numbers": Mess(options={"amounts": "number"}),
        "merged cells": Mess(write=merged_lines),
        "old xls": Mess(write=as_xls),
        "csv windows-1258": Mess(write=lambda rows: as_csv(rows, ",", cp1258)),
        "csv utf-16": Mess(write=lambda rows: as_csv(rows, "\t", lambda s: s.encode("utf-16"))),
        "csv semicolon": Mess(
            write=lambda rows: as_csv(rows, ";", lambda s: s.encode("utf-8-sig"))
        ),
        "all at once": Mess(
            write=as_xls,
            options={"newest_first": True, "blank_dates": True, "page": 2, "amounts": "1.250.000"},
            change=newlines,
        ),
    }
)


def made(paper: Paper, mess: Mess) -> tuple[bytes, list[int]]:
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES, **mess.options)  # type: ignore[arg-type]  # options by name
    if mess.change:
        mess.change(rows, places, paper)
    return mess.write(rows), places


def read_of(statement: Statement) -> list[tuple[date, int, str, str]]:
    """(day, net, text, number) of each line, in the file's order."""
    return [
        (
            line.posted_on,
            line.credit_vnd - line.debit_vnd,
            " ".join(line.content.split()),
            line.bank_transaction_id,
        )
        for line in statement.lines
    ]


def wanted(paper: Paper, *, newest_first: bool = False) -> list[tuple[date, int, str, str]]:
    lines = [
        (entry.day, entry.net_vnd, entry.content, entry.transaction_id if paper.has_ids else "")
        for entry in ENTRIES
    ]
    return lines[::-1] if newest_first else lines


@pytest.mark.parametrize("mess", MESSES)
@pytest.mark.parametrize("bank", PAPERS)
def test_a_bank_in_a_mess_reads_to_exactly_its_lines(bank: str, mess: str) -> None:
    paper = PAPERS[bank]
    data, _ = made(paper, MESSES[mess])
    statement = read_statement(data, "a.bin")
    newest_first = bool(MESSES[mess].options.get("newest_first"))
    assert statement.layout == paper.layout
    assert read_of(statement) == wanted(paper, newest_first=newest_first)
    assert statement.unreadable == statement.gaps == ()
    assert (statement.opening_vnd, statement.closing_vnd) == (OPENING_VND, CLOSING_VND)
    validated = validate(statement, account_number=ACCOUNT, today=TODAY)
    assert validated.faults == ()
    assert len({line.identity for line in validated.lines}) == len(ENTRIES)  # twins count twice


@pytest.mark.parametrize("bank", PAPERS)
def test_a_row_that_cannot_be_read_is_kept_and_weighs_what_the_balances_say(bank: str) -> None:
    paper = PAPERS[bank]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    money = "signed" if "signed" in paper.columns else "credit"
    rows[places[2] - 1][paper.columns.index(money)] = "1.25O.000"
    validated = validate(
        read_statement(as_xlsx(rows), "a.xlsx"), account_number=ACCOUNT, today=TODAY
    )
    assert validated.faults == ()
    assert len(validated.lines) == len(ENTRIES) - 1
    (unread,) = validated.unread
    assert unread.row == places[2]
    assert "1.25O.000" in str(unread.problem)
    assert unread.net_vnd == ENTRIES[2].net_vnd
    assert validated.closing_vnd == CLOSING_VND


@pytest.mark.parametrize("bank", PAPERS)
def test_a_line_taken_out_shows_as_a_gap_at_its_place(bank: str) -> None:
    paper = PAPERS[bank]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    del rows[places[2] - 1]
    validated = validate(
        read_statement(as_xlsx(rows), "a.xlsx"), account_number=ACCOUNT, today=TODAY
    )
    (fault,) = validated.faults
    assert (fault.code, fault.value) == ("balance_gap", str(ENTRIES[2].net_vnd))
    if paper.has_balances:
        assert fault.row == places[2]  # where the next line now stands


def test_several_accounts_in_one_cashup_file_are_each_their_own() -> None:
    paper = PAPERS["vcb cashup"]
    first, _ = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES[:2])
    second, _ = paper_rows(paper, "0071000999999", 5, ENTRIES[2:])
    both = read_statements(as_xlsx([*first, *second]), "a.xlsx")
    assert [(one.account_number, len(one.lines), one.gaps) for one in both] == [
        (ACCOUNT, 2, ()),
        ("0071000999999", 3, ()),
    ]


def messages(entries: Sequence[Entry]) -> dict[str, bytes]:
    return {
        "mt940": mt940(ACCOUNT, OPENING_VND, entries).encode(),
        "camt.053": camt(ACCOUNT, entries, opening_vnd=OPENING_VND).encode(),
        "camt.053 in batches": camt(
            ACCOUNT, entries, opening_vnd=OPENING_VND, version=8, batches=True, pretty=False
        ).encode(),
    }


@pytest.mark.parametrize("kind", messages(ENTRIES))
def test_a_message_reads_to_the_same_lines(kind: str) -> None:
    statement = read_statement(messages(ENTRIES)[kind], "a.bin")
    assert [line[:2] for line in read_of(statement)] == [(e.day, e.net_vnd) for e in ENTRIES]
    validated = validate(statement, account_number=ACCOUNT, today=TODAY)
    assert validated.faults == ()
    assert validated.closing_vnd == CLOSING_VND


def test_without_balances_in_the_lines_an_unreadable_row_moves_what_is_after_it() -> None:
    """The same transfers keep their identity whether or not a row before them could be read."""
    paper = PAPERS["msb"]
    rows, places = paper_rows(paper, ACCOUNT, OPENING_VND, ENTRIES)
    whole = validate(read_statement(as_xlsx(rows), "a.xlsx"), account_number=ACCOUNT, today=TODAY)
    rows[places[0] - 1][paper.columns.index("credit")] = "1.25O.000"
    damaged = validate(read_statement(as_xlsx(rows), "a.xlsx"), account_number=ACCOUNT, today=TODAY)
    assert [row.net_vnd for row in damaged.unread] == [ENTRIES[0].net_vnd]
    assert [line.identity for line in damaged.lines] == [line.identity for line in whole.lines[1:]]
    assert damaged.opening_vnd == OPENING_VND
