"""A bank with its own books: accounts, and entries that came in or went out. It never forgets one.

What the service says happened is held against these books at the end of a demo or a test, so
nothing here may be derived from what the service answers. Amounts are VND, instants are aware.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
VIETCOMBANK_BIN = "970436"
MB_BIN = "970422"
VIETINBANK_BIN = "970415"
BANK_NAMES = {VIETCOMBANK_BIN: "VCB", MB_BIN: "MB", VIETINBANK_BIN: "VietinBank"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """An account at this bank; `opening_vnd` is what it held before the first entry.

    va_prefix: the account has virtual ones, all numbers that begin so; "" if none.
    """

    bin: str
    number: str
    holder: str
    opening_vnd: int = 0
    va_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booked movement: `amount_vnd` above zero came in, below zero went out.

    `sequence` is unique in the bank; `transaction_id` is what statement and push both show.
    """

    sequence: int
    account_number: str
    at: datetime
    amount_vnd: int
    content: str
    transaction_id: str


class Bank:
    """Accounts of the banks that the sandbox plays, told apart by BIN, under one set of books."""

    def __init__(self, accounts: Sequence[BankAccount]) -> None:
        self.accounts = {account.number: account for account in accounts}
        self.entries: list[Entry] = []

    def find(self, number: str) -> tuple[BankAccount, str] | None:
        """The account of a number, and the number itself where it is a virtual one of it (else "")."""
        if number in self.accounts:
            return self.accounts[number], ""
        for account in self.accounts.values():
            if account.va_prefix and number.startswith(account.va_prefix):
                return account, number
        return None

    def book(self, account_number: str, amount_vnd: int, content: str, at: datetime) -> Entry:
        """Book a movement. Raises KeyError for a foreign account, ValueError for 0 or a naive time."""
        if amount_vnd == 0 or at.utcoffset() is None:
            raise ValueError("an entry moves money at an aware instant")
        account = self.accounts[account_number]
        sequence = len(self.entries) + 1
        entry = Entry(
            sequence=sequence,
            account_number=account_number,
            at=at.astimezone(VIETNAM),
            amount_vnd=amount_vnd,
            content=content,
            transaction_id=_transaction_id(account.bin, sequence, at.astimezone(VIETNAM)),
        )
        self.entries.append(entry)
        return entry

    def entries_of(self, account_number: str, day: date) -> list[Entry]:
        """The entries of one account on one day in Vietnam, in the order of time."""
        found = (
            entry
            for entry in self.entries
            if entry.account_number == account_number and entry.at.date() == day
        )
        return sorted(found, key=lambda entry: (entry.at, entry.sequence))

    def balance_vnd(self, account_number: str, before: date) -> int:
        """What the account held when the day `before` began in Vietnam."""
        return self.accounts[account_number].opening_vnd + sum(
            entry.amount_vnd
            for entry in self.entries
            if entry.account_number == account_number and entry.at.date() < before
        )


def _transaction_id(bin_: str, sequence: int, at: datetime) -> str:
    """As the banks print them.

    VCB "5389.82579", VietinBank "164T26B0GKAJ7BY1", MB "FT26008507756020" (year, day of year, number).
    """
    if bin_ == VIETCOMBANK_BIN:
        return f"5{at:%j}.{sequence * 7_919 % 100_000:05d}"
    if bin_ == VIETINBANK_BIN:
        return f"164T{at:%y%j}{sequence * 7_919 % 10**7:07d}"
    return f"FT{at:%y%j}{sequence * 507_756_023 % 10**9:09d}"
