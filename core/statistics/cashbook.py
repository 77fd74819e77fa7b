"""The daily book of money at a bank (sổ tiền gửi): opening, each receipt and payment, closing. Reads only.

All of it is the ledger's: opening and closing are balances of the account, the entries its transfers
of the day, one per journal. Amounts are VND; the day is a business date in Asia/Ho_Chi_Minh. An entry
names the invoice's reference and the bank's number, never a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from core.kit.database import Driver, Query
from core.statistics.errors import UnknownBankBookError

FLOW_DAYS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class BankBook:
    """A bank account that has a book."""

    bank_account_id: int
    ledger_account_id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbookEntry:
    """What one journal did to the account. `kind`: "receipt", else the ledger's event.

    balance_vnd: after this entry.
    """

    journal_id: int
    booked_at: datetime
    kind: str
    references: tuple[str, ...]
    bank_transaction_id: str
    memo: str
    in_vnd: int
    out_vnd: int
    balance_vnd: int


@dataclass(frozen=True, slots=True)
class DayBook:
    """A day of an account."""

    opening_vnd: int
    entries: tuple[CashbookEntry, ...]

    @property
    def in_vnd(self) -> int:
        """Everything that came in, VND."""
        return sum(entry.in_vnd for entry in self.entries)

    @property
    def out_vnd(self) -> int:
        """Everything that went out, VND."""
        return sum(entry.out_vnd for entry in self.entries)

    @property
    def closing_vnd(self) -> int:
        """The balance at the day's end, VND."""
        return self.opening_vnd + self.in_vnd - self.out_vnd


@dataclass(frozen=True, slots=True)
class DayFlow:
    """What a day brought to an account and took from it, VND."""

    day: date
    in_vnd: int
    out_vnd: int


BANK_BOOKS = Query(
    BankBook,
    """
SELECT b.id AS bank_account_id, a.id AS ledger_account_id, b.number,
       coalesce(nullif(b.label, ''), b.holder) AS name
  FROM bank_account b
  JOIN ledger_account a ON a.school_id = b.school_id AND a.kind = 'bank' AND a.bank_account_id = b.id
 WHERE b.school_id = $1 ORDER BY b.is_default DESC, b.id
""",
)

# $2: the ledger account; $3..$4: business dates
_TOUCHING = """
  SELECT t.*, t.amount_vnd AS in_vnd, 0::bigint AS out_vnd FROM transfer t
   WHERE t.school_id = $1 AND t.debit_account_id = $2 AND t.business_date BETWEEN $3 AND $4
  UNION ALL
  SELECT t.*, 0::bigint, t.amount_vnd FROM transfer t
   WHERE t.school_id = $1 AND t.credit_account_id = $2 AND t.business_date BETWEEN $3 AND $4
"""
OPENING = Query(
    int,
    """
SELECT (coalesce((SELECT sum(amount_vnd) FROM transfer WHERE school_id = $1
                     AND debit_account_id = $2 AND business_date < $3), 0)
        - coalesce((SELECT sum(amount_vnd) FROM transfer WHERE school_id = $1
                     AND credit_account_id = $2 AND business_date < $3), 0))::bigint AS opening_vnd
""",
)
ENTRIES = Query(
    CashbookEntry,
    f"""
SELECT e.journal_id, e.booked_at, e.kind, e."references",
       coalesce(p.bank_transaction_id, '') AS bank_transaction_id, e.memo, e.in_vnd, e.out_vnd,
       ($5 + sum(e.in_vnd - e.out_vnd) OVER (ORDER BY e.first_id))::bigint AS balance_vnd
  FROM (SELECT t.journal_id, t.payment_id, min(t.id) AS first_id, min(t.created_at) AS booked_at,
               CASE WHEN t.kind IN ('payment_received', 'overpayment', 'suspense') THEN 'receipt'
                    ELSE t.kind END AS kind, max(t.memo) AS memo,
               array_remove(array_agg(DISTINCT i.reference), NULL) AS "references",
               sum(t.in_vnd)::bigint AS in_vnd, sum(t.out_vnd)::bigint AS out_vnd
          FROM ({_TOUCHING}) t
          LEFT JOIN invoice i ON i.school_id = t.school_id AND i.id = t.invoice_id
         GROUP BY t.journal_id, t.payment_id, 5) e
  LEFT JOIN payment p ON p.school_id = $1 AND p.id = e.payment_id
 ORDER BY e.first_id
""",  # noqa: S608 - composed of constants of the tree
)
FLOWS = Query(
    DayFlow,
    f"""
SELECT business_date AS day, sum(in_vnd)::bigint AS in_vnd, sum(out_vnd)::bigint AS out_vnd
  FROM ({_TOUCHING}) t WHERE kind <> 'opening_balance' GROUP BY 1
""",  # noqa: S608 - composed of constants of the tree
)


async def bank_books(db: Driver, school_id: int) -> list[BankBook]:
    """The bank accounts of a school that are in its books, the default one first."""
    return await db.fetch(BANK_BOOKS, school_id)


def book_of(books: Sequence[BankBook], bank_account_id: int | None) -> BankBook:
    """The chosen book, the first unless one is chosen. Raises UnknownBankBookError for another school's."""
    for book in books:
        if bank_account_id in {None, book.bank_account_id}:
            return book
    raise UnknownBankBookError


async def day_book(db: Driver, school_id: int, ledger_account_id: int, on: date) -> DayBook:
    """The book of an account on business date `on`, in the order of booking."""
    opening_vnd = await db.fetch_only(OPENING, school_id, ledger_account_id, on)
    entries = await db.fetch(ENTRIES, school_id, ledger_account_id, on, on, opening_vnd)
    book = DayBook(opening_vnd, tuple(entries))
    assert not entries or entries[-1].balance_vnd == book.closing_vnd, "the entries add up"
    return book


async def day_flows(
    db: Driver, school_id: int, ledger_account_id: int, until: date
) -> list[DayFlow]:
    """The last `FLOW_DAYS` days up to and including `until`, the oldest first."""
    days = [until - timedelta(days=back) for back in reversed(range(FLOW_DAYS))]
    flows = await db.fetch(FLOWS, school_id, ledger_account_id, days[0], until)
    found = {flow.day: flow for flow in flows}
    return [found.get(day, DayFlow(day, 0, 0)) for day in days]
