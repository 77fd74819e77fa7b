"""MT940: every field's meaning in đồng, and what cannot be read is listed."""

from __future__ import annotations

import string
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.message_files import mt940, wrapped
from support.statement_files import Entry

from adapters.contract import BalanceGap, FileError, StatementLine
from adapters.statements import LAYOUTS, read_statement, read_statements

AUGUST_1, AUGUST_2 = date(2026, 8, 1), date(2026, 8, 2)
ENTRIES = (
    Entry(AUGUST_1, 1_250_000, "MBVCB.1.HP0123456789 HOC PHI", "FT26213001"),
    Entry(AUGUST_1, -250_000, "PHI SMS", "FT26213002"),
    Entry(AUGUST_2, 999, "HP0123456787\nLOP 1A", ""),
)


def message(*lines: str, closing: str = ":62F:C260802VND1001000,") -> bytes:
    head = (":20:S1", ":25:BFTVVNVX/0071000123456", ":28C:1/1", ":60F:C260801VND1000000,")
    return "\r\n".join([*head, *lines, closing, "-"]).encode()


def test_a_message_reads_to_exactly_its_lines() -> None:
    statement = read_statement(mt940("0071000123456", 5_000, ENTRIES).encode(), "a.sta")
    assert (statement.layout, statement.account_number) == ("mt940", "0071000123456")
    assert (statement.opening_vnd, statement.closing_vnd) == (5_000, 1_005_999)
    assert statement.gaps == statement.unreadable == ()
    assert statement.lines[0] == StatementLine(
        row=5,
        posted_on=AUGUST_1,
        credit_vnd=1_250_000,
        debit_vnd=0,
        balance_vnd=None,
        content="MBVCB.1.HP0123456789 HOC PHI",
        bank_transaction_id="FT26213001",
        cells=(
            "2608010801CD1250000,NTRFNONREF//FT26213001",
            "MBVCB.1.HP0123456789 HOC PHI",
        ),
    )
    assert [(line.row, line.credit_vnd, line.debit_vnd) for line in statement.lines[1:]] == [
        (7, 0, 250_000),
        (9, 999, 0),
    ]
    assert statement.lines[2].content == "HP0123456787\nLOP 1A"


@pytest.mark.parametrize(
    ("field", "day", "credit_vnd", "debit_vnd", "ident"),
    [
        ("2608010802C1000,NTRFNONREF//A1", AUGUST_2, 1_000, 0, "A1"),
        ("260801C1000,NTRFNONREF", AUGUST_1, 1_000, 0, ""),
        ("2608010801RD1000,00NTRFXYZ//A2", AUGUST_1, 1_000, 0, "A2"),
        ("2608010801RC1000,NTRFXYZ", AUGUST_1, 0, 1_000, ""),
        ("2608010801DD1000,NCHGXYZ", AUGUST_1, 0, 1_000, ""),
        ("2512310102CD1000,NTRFXYZ", date(2026, 1, 2), 1_000, 0, ""),
        ("2601011231CD1000,NTRFXYZ", date(2025, 12, 31), 1_000, 0, ""),
    ],
)
def test_the_marks_and_dates_of_a_line(
    field: str, day: date, credit_vnd: int, debit_vnd: int, ident: str
) -> None:
    (line,) = read_statement(message(f":61:{field}", ":86:X"), "a.sta").lines
    assert (line.posted_on, line.credit_vnd, line.debit_vnd) == (day, credit_vnd, debit_vnd)
    assert line.bank_transaction_id == ident


@pytest.mark.parametrize(
    "field",
    [
        "2608320801C1000,NTRF",
        "2608010230C1000,NTRF",
        "2608010801C1000,50NTRF",
        "2608010801C1,000NTRF",
        "2608010801C1,000,000NTRF",
        "2608010801C1.000.000NTRF",
        "2608010801C0,NTRF",
        "2608010801X1000,NTRF",
        "2608010801C99999999999999999,NTRF",
        "2608010801C1 000,NTRF",
        "",
    ],
)
def test_a_line_that_cannot_be_read_is_listed_and_leaves_a_gap(field: str) -> None:
    ok = ":61:2608010801C1000,NTRFNONREF//OK"
    data = message(f":61:{field}", ":86:HP01 NGUYEN VAN AN", ok, closing=":62F:C260802VND1002000,")
    statement = read_statement(data, "a.sta")
    assert [line.bank_transaction_id for line in statement.lines] == ["OK"]
    (unreadable,) = statement.unreadable
    assert (unreadable.row, unreadable.column) == (5, ":61:")
    assert unreadable.problem
    assert "HP01 NGUYEN VAN AN" in unreadable.cells
    assert statement.gaps == (BalanceGap(row=8, expected_vnd=1_001_000, found_vnd=1_002_000),)


def test_what_cannot_be_read_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        read_statement(message(":61:NGUYEN VAN AN", ":86:HP01"), "a.sta")
    assert caplog.text == ""


def test_the_days_of_one_account_are_one_statement_and_a_missing_day_is_a_gap() -> None:
    text = mt940("0071000123456", 5_000, ENTRIES, by_day=True, envelope=True)
    statement = read_statement(text.encode(), "a.sta")
    assert [line.row for line in statement.lines] == [6, 8, 17]
    assert (statement.opening_vnd, statement.closing_vnd) == (5_000, 1_005_999)
    assert [line.balance_vnd for line in statement.lines] == [None, 1_005_000, None]
    assert statement.gaps == ()
    entries = (*ENTRIES[:2], Entry(AUGUST_2, 7, "X"), Entry(date(2026, 8, 3), 999, "Y"))
    days = mt940("0071000123456", 5_000, entries, by_day=True).split(":20:")
    holed = read_statement(":20:".join([days[0], days[1], days[3]]).encode(), "a.sta")
    assert holed.gaps == (BalanceGap(row=14, expected_vnd=1_005_000, found_vnd=1_005_007),)


def test_two_accounts_are_two_statements() -> None:
    text = mt940("111111111", 5, ENTRIES) + mt940("222222222", 6, ENTRIES)
    assert [s.account_number for s in read_statements(text.encode(), "a.sta")] == [
        "111111111",
        "222222222",
    ]
    with pytest.raises(FileError, match="several_accounts"):
        read_statement(text.encode(), "a.sta")


def test_structured_details_lose_their_marks_and_keep_their_text() -> None:
    data = message(":61:2608010801C1000,NTRF", ":86:166?00CHUYEN TIEN?20HP0123?21456789?32AN")
    assert read_statement(data, "a.sta").lines[0].content == "166\nCHUYEN TIEN\nHP0123\n456789\nAN"
    plain = message(":61:2608010801C1000,NTRF", ":86:HOI ?20 ROI", ":30:khong phai the")
    assert read_statement(plain, "a.sta").lines[0].content == "HOI ?20 ROI\n:30:khong phai the"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (message().replace(b"VND", b"USD"), "foreign_currency"),
        (message(closing=""), "truncated"),
        (message(closing=":62F:C260802VNDABC"), "bad_balance"),
        (message(closing=":62F:C260802VND1,000,000"), "bad_balance"),
        (b":20:A\n:25:1234567\n:61:2608010801C1000,NTRF\n", "foreign_currency"),
        (message(":86:" + "x" * 70) + b"\x81\xff", "bad_encoding"),
    ],
)
def test_a_message_that_cannot_be_trusted_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(FileError) as caught:
        read_statement(data, "tệp.sta")
    assert caught.value.code == code
    assert str(caught.value.detail).startswith("tệp.sta: ")


def test_an_interim_report_states_its_currency_and_no_balance() -> None:
    data = b":20:A\n:25:1234567\n:28C:1\n:34F:VND0,\n:61:2608010801C1000,NTRF\n:86:HP\n-"
    statement = read_statement(data, "a.sta")
    assert (statement.opening_vnd, statement.closing_vnd) == (None, None)
    assert [line.credit_vnd for line in statement.lines] == [1_000]


def test_a_layout_that_somebody_chose_reads_tables_only() -> None:
    with pytest.raises(FileError, match="unknown_layout"):
        read_statement(message(), "a.sta", LAYOUTS["generic"])


MEMOS = st.text(string.ascii_uppercase + string.digits + " ./", max_size=150).map(
    lambda text: wrapped(f"HP {' '.join(text.split())}")
)


@settings(max_examples=150)
@given(
    opening_vnd=st.integers(-(10**11), 10**13),
    moves=st.lists(
        st.tuples(st.integers(0, 40), st.integers(-(10**12), 10**12).filter(bool), MEMOS),
        min_size=1,
        max_size=12,
    ),
    by_day=st.booleans(),
    envelope=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1258"]),
    newline=st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_any_days_come_back_to_the_dong(
    opening_vnd: int,
    moves: list[tuple[int, int, str]],
    by_day: bool,
    envelope: bool,
    encoding: str,
    newline: str,
) -> None:
    entries, day = [], AUGUST_1
    for number, (days, net_vnd, memo) in enumerate(moves):
        day += timedelta(days=days)
        entries.append(Entry(day, net_vnd, memo, f"FT{number}"))
    text = mt940(
        "0071000123456", opening_vnd, entries, by_day=by_day, envelope=envelope, newline=newline
    )
    statement = read_statement(text.encode(encoding), "a.sta")
    assert statement.unreadable == statement.gaps == ()
    assert statement.opening_vnd == opening_vnd
    assert statement.closing_vnd == opening_vnd + sum(entry.net_vnd for entry in entries)
    assert [
        Entry(
            line.posted_on,
            line.credit_vnd - line.debit_vnd,
            line.content,
            line.bank_transaction_id,
        )
        for line in statement.lines
    ] == entries
