"""What the sandbox banks write is read back by our readers to exactly the bank's own lines."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.statements import read_statement
from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, VIETNAM, Bank, BankAccount
from sandbox.statements import statement_file_name, statement_xlsx

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 6, 30, tzinfo=VIETNAM)
VCB, MB = "00002026000117", "00002026000225"

movements = st.lists(
    st.tuples(
        st.integers(-(10**9), 10**10).filter(bool),
        st.text("ABCHP 0123456789-./:", max_size=120).map(str.strip),
        st.integers(0, 17 * 3600),
    ),
    max_size=25,
)


def make_bank() -> Bank:
    return Bank(
        [
            BankAccount(
                bin=VIETCOMBANK_BIN, number=VCB, holder="TRUONG", opening_vnd=1_286_450_000
            ),
            BankAccount(bin=MB_BIN, number=MB, holder="TRUONG", opening_vnd=92_318_400),
        ]
    )


@pytest.mark.parametrize(("number", "layout"), [(VCB, "vcb"), (MB, "mb")])
@settings(max_examples=25)
@given(moved=movements)
def test_statements_read_back_to_the_lines_of_the_bank(
    number: str, layout: str, moved: list[tuple[int, str, int]]
) -> None:
    bank = make_bank()
    bank.book(number, 7_000, "hom truoc", AT - timedelta(days=1))
    for amount_vnd, content, second in moved:
        bank.book(number, amount_vnd, content, AT + timedelta(seconds=second))
    data = statement_xlsx(bank, number, DAY)
    read = read_statement(data, statement_file_name(bank, number, DAY))
    entries = bank.entries_of(number, DAY)
    assert (read.layout, read.account_number) == (layout, number)
    assert [(line.posted_on, line.credit_vnd - line.debit_vnd) for line in read.lines] == [
        (DAY, entry.amount_vnd) for entry in entries
    ]
    assert [line.bank_transaction_id for line in read.lines] == [
        entry.transaction_id for entry in entries
    ]
    assert [line.content for line in read.lines] == [entry.content for entry in entries]
    assert read.opening_vnd == bank.balance_vnd(number, DAY)
    assert read.closing_vnd == bank.balance_vnd(number, DAY + timedelta(days=1))
    assert (read.unreadable, read.gaps) == ((), ())


def test_transaction_ids_are_unique_over_a_busy_day() -> None:
    bank = make_bank()
    for second in range(5_000):
        for number in (VCB, MB):
            bank.book(number, 1, "x", AT + timedelta(seconds=second))
    assert len({entry.transaction_id for entry in bank.entries}) == 10_000


def test_the_bank_refuses_nothing_nobody_and_no_time() -> None:
    bank = make_bank()
    with pytest.raises(KeyError):
        bank.book("999", 1, "x", AT)
    with pytest.raises(ValueError, match="moves money"):
        bank.book(VCB, 0, "x", AT)
    with pytest.raises(ValueError, match="aware"):
        bank.book(VCB, 1, "x", datetime(2026, 11, 21))  # noqa: DTZ001 - the point of the test
    assert bank.entries == []
