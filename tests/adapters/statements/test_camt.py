"""camt.053 and camt.054: entries, batches, reversals; XML that means harm is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.message_files import camt
from support.statement_files import Entry

from adapters.contract import BalanceGap, FileError, Statement
from adapters.statements import read_statement, read_statements
from adapters.statements.camt import MAX_DEPTH, MAX_ELEMENTS

AUGUST_1, AUGUST_2 = date(2026, 8, 1), date(2026, 8, 2)
ENTRIES = (
    Entry(AUGUST_1, 1_250_000, "MBVCB.1.HP0123456789 học phí & ăn", "FT26213001"),
    Entry(AUGUST_1, 750_000, "HP0123456788", "FT26213002"),
    Entry(AUGUST_1, -250_000, "Phí SMS", "FT26213003"),
    Entry(AUGUST_2, 999, "HP0123456787", "FT26214001"),
)


def read(text: str) -> Statement:
    return read_statement(text.encode(), "a.xml")


def entry(
    amount: str = '<Amt Ccy="VND">1000</Amt>',
    way: str = "<CdtDbtInd>CRDT</CdtDbtInd>",
    status: str = "<Sts>BOOK</Sts>",
    day: str = "<BookgDt><Dt>2026-08-01</Dt></BookgDt>",
    details: str = "",
) -> str:
    """A camt.053 of one entry, over balances that fit 1,000 đồng in."""
    whole = camt("0071000123456", [Entry(AUGUST_1, 1_000, "X", "F")], opening_vnd=5)
    head, _, tail = whole.partition("<Ntry>")
    return f"{head}<Ntry>{amount}{way}{status}{day}{details}</Ntry>{tail.partition('</Ntry>')[2]}"


def as_entries(statement: Statement) -> list[Entry]:
    return [
        Entry(
            line.posted_on,
            line.credit_vnd - line.debit_vnd,
            line.content,
            line.bank_transaction_id,
        )
        for line in statement.lines
    ]


@pytest.mark.parametrize("version", [2, 4, 8, 13])
@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_statement_reads_to_exactly_its_entries(
    version: int, batches: bool, encoding: str
) -> None:
    text = camt("0071000123456", ENTRIES, opening_vnd=5, version=version, batches=batches)
    if encoding == "utf-16":
        text = text.replace("UTF-8", "UTF-16")
    statement = read_statement(text.encode(encoding), "a.xml")
    assert (statement.layout, statement.account_number) == ("camt.053", "0071000123456")
    assert (statement.opening_vnd, statement.closing_vnd) == (5, 1_751_004)
    assert statement.gaps == statement.unreadable == ()
    assert as_entries(statement) == list(ENTRIES)
    assert [line.row for line in statement.lines] == [1, 2, 3, 4]
    assert "Amt: 1250000.00 VND" in statement.lines[0].cells
    assert "AcctSvcrRef: FT26213002" not in statement.lines[0].cells


def test_a_notification_has_entries_and_no_balance() -> None:
    statement = read(camt("0071000123456", ENTRIES, opening_vnd=None))
    assert (statement.layout, statement.opening_vnd, statement.closing_vnd) == (
        *("camt.054", None),
        None,
    )
    assert as_entries(statement) == list(ENTRIES)


def test_a_batch_that_does_not_add_up_is_one_line_with_all_its_texts() -> None:
    text = camt("1", ENTRIES[:2], opening_vnd=5, batches=True)
    odd = text.replace('<Amt Ccy="VND">750000.00', '<Amt Ccy="VND">700000.00')
    (line,) = read(odd).lines
    assert (line.credit_vnd, line.bank_transaction_id) == (2_000_000, "")
    assert line.content == "MBVCB.1.HP0123456789 học phí & ăn\nHP0123456788"
    foreign = text.replace('<Amt Ccy="VND">750000.00', '<Amt Ccy="USD">30.00')
    assert [line.credit_vnd for line in read(foreign).lines] == [2_000_000]


def test_a_reversal_goes_the_way_it_says() -> None:
    text = entry(way="<CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd>")
    (line,) = read(text).lines
    assert (line.credit_vnd, line.debit_vnd) == (0, 1_000)


@pytest.mark.parametrize(
    ("day", "posted_on"),
    [
        ("<BookgDt><DtTm>2026-08-01T09:30:00</DtTm></BookgDt>", AUGUST_1),
        ("<BookgDt><DtTm>2026-08-01T17:30:00Z</DtTm></BookgDt>", AUGUST_2),
        ("<BookgDt><DtTm>2026-08-02T00:30:00.000+07:00</DtTm></BookgDt>", AUGUST_2),
        ("<ValDt><Dt>2026-08-02</Dt></ValDt>", AUGUST_2),
    ],
)
def test_the_day_is_vietnams(day: str, posted_on: date) -> None:
    assert [line.posted_on for line in read(entry(day=day)).lines] == [posted_on]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (entry(amount='<Amt Ccy="VND">1,000</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND">1000.50</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND">1.000</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND">-1000</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND">0</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND">999999999999999999</Amt>'), "Amt"),
        (entry(amount='<Amt Ccy="VND"/>'), "Amt"),
        (entry(amount=""), "Amt"),
        (entry(way=""), "CdtDbtInd"),
        (entry(status="<Sts>PDNG</Sts>"), "Sts"),
        (entry(status="<Sts><Cd>INFO</Cd></Sts>"), "Sts"),
        (entry(day="<BookgDt><Dt>2026-13-01</Dt></BookgDt>"), "BookgDt/Dt"),
        (entry(day="<BookgDt><DtTm>0001-01-01T00:00:00+14:00</DtTm></BookgDt>"), "BookgDt/DtTm"),
        (entry(day=""), "BookgDt"),
    ],
)
def test_an_entry_that_cannot_be_read_is_listed_and_leaves_a_gap(text: str, column: str) -> None:
    statement = read(text)
    assert statement.lines == ()
    (unreadable,) = statement.unreadable
    assert (unreadable.row, unreadable.column) == (1, column)
    assert unreadable.problem
    assert statement.gaps == (BalanceGap(row=1, expected_vnd=5, found_vnd=1_005),)


def test_a_missing_entry_is_a_gap_after_the_last_transaction() -> None:
    text = camt("1", ENTRIES, opening_vnd=5)
    first, second = text.index("<Ntry>"), text.index("<Ntry>", text.index("<Ntry>") + 1)
    statement = read(text[:first] + text[second:])
    assert statement.gaps == (BalanceGap(row=3, expected_vnd=501_004, found_vnd=1_751_004),)


def test_pages_of_one_account_are_one_statement() -> None:
    days = [camt("1", ENTRIES[:3], opening_vnd=5), camt("1", ENTRIES[3:], opening_vnd=1_750_005)]
    stmt = [text[text.index("<Stmt>") : text.index("</Stmt>") + 7] for text in days]
    head, tail = days[0].split(stmt[0])
    statement = read(head + stmt[0] + stmt[1] + tail)
    assert as_entries(statement) == list(ENTRIES)
    assert (statement.opening_vnd, statement.closing_vnd, statement.gaps) == (5, 1_751_004, ())
    other = stmt[1].replace("<Id>1</Id>", "<Id>2</Id>")
    two = read_statements((head + stmt[0] + other + tail).encode(), "a.xml")
    assert [(s.account_number, len(s.lines)) for s in two] == [("1", 3), ("2", 1)]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">&i;</Document>'
)
FILE = BOMB.replace('"aaaaaaaaaa"', 'SYSTEM "file:///etc/passwd"')
OPEN = '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "unsafe_xml"),
        (FILE, "unsafe_xml"),
        (OPEN + "<a>" * MAX_DEPTH, "unsafe_xml"),
        (OPEN + "<a/>" * MAX_ELEMENTS, "too_many_cells"),
        (OPEN + "<a>", "bad_xml"),
        (OPEN + "&undefined;", "bad_xml"),
        (OPEN + "</BkToCstmrStmt></Document>", "empty"),
        ('<?xml version="1.0" encoding="utf-7"?>' + OPEN, "bad_xml"),
        ('<?xml version="1.0" encoding="nowhere"?>' + OPEN, "bad_xml"),
        (camt("1", ENTRIES, opening_vnd=5).replace("VND", "USD"), "foreign_currency"),
        (entry(amount='<Amt Ccy="USD">1000</Amt>'), "foreign_currency"),
        (camt("1", ENTRIES, opening_vnd=5).replace(">5</Amt>", ">five</Amt>"), "bad_balance"),
        ('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>', "unknown_layout"),
        ("<html><body>BkToCstmrStmt</body></html>", "unknown_layout"),
        ("<html><body>sao kê</body></html>", "not_a_spreadsheet"),
    ],
)
def test_xml_that_is_no_statement_or_means_harm_is_refused(text: str, code: str) -> None:
    with pytest.raises(FileError) as caught:
        read(text)
    assert caught.value.code == code
    assert str(caught.value.detail).startswith("a.xml: ")


def test_a_file_larger_than_the_bound_is_not_parsed() -> None:
    data = camt("1", ENTRIES, opening_vnd=5).encode()
    with pytest.raises(FileError) as caught:
        read_statement(data, "a.xml", max_bytes=len(data) - 1)
    assert caught.value.code == "file_too_large"


MEMOS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x1EF9, categories=["L", "N", "P"]), min_size=1
)


@settings(max_examples=150)
@given(
    opening_vnd=st.one_of(st.none(), st.integers(-(10**11), 10**13)),
    moves=st.lists(
        st.tuples(st.integers(0, 3), st.integers(-(10**12), 10**12).filter(bool), MEMOS),
        min_size=1,
        max_size=12,
    ),
    version=st.sampled_from([2, 8]),
    batches=st.booleans(),
    pretty=st.booleans(),
)
def test_any_days_come_back_to_the_dong(
    opening_vnd: int | None,
    moves: list[tuple[int, int, str]],
    version: int,
    batches: bool,
    pretty: bool,
) -> None:
    entries, day = [], AUGUST_1
    for number, (days, net_vnd, memo) in enumerate(moves):
        day += timedelta(days=days)
        entries.append(Entry(day, net_vnd, memo, f"FT{number}"))
    statement = read(
        camt(
            "0071000123456",
            entries,
            opening_vnd=opening_vnd,
            version=version,
            batches=batches,
            pretty=pretty,
        )
    )
    assert statement.unreadable == statement.gaps == ()
    assert statement.opening_vnd == opening_vnd
    assert as_entries(statement) == entries
