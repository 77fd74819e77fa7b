"""What is written to the books when something happens: pure functions from facts to postings.

A posting takes an amount above zero from a credit account to a debit account, so debits equal
credits by construction. Amounts are VND. Here is also how postings become transfers of a statement;
nothing here asks the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from core.kit.columns import Columns
from core.kit.database import Query


class Event(StrEnum):
    """Why a transfer was made; each kind has a voucher of its own."""

    INVOICE_ISSUED = "invoice_issued"
    INVOICE_CANCELLED = "invoice_cancelled"
    PAYMENT_RECEIVED = "payment_received"  # money arrived and settles an invoice
    OVERPAYMENT = "overpayment"  # money arrived beyond what was open: the student's credit
    SUSPENSE = "suspense"  # money arrived and could not be allocated
    SUSPENSE_RELEASED = "suspense_released"  # allocated later by a person
    REVERSAL = "reversal"
    REFUND = "refund"  # money went back to its payer; names what it reverses where that is a whole transfer
    OPENING_BALANCE = "opening_balance"  # what a bank account held before the first statement
    SETTLEMENT = "settlement"  # a provider paid out what it held: from clearing to the bank
    PROVIDER_FEE = "provider_fee"  # what the provider kept of it, and the VAT on that
    BANK_FEE = "bank_fee"  # what the bank took
    PAID_ON = "paid_on"  # collected on behalf of others, and given to them
    OWN_TRANSFER = "own_transfer"  # between accounts of the school, treasury included
    STATE_PART = "state_part"  # what the State owes for a concession
    STATE_RECEIVED = "state_received"  # and has paid
    INCOME_RELEASED = "income_released"  # a month of what was charged ahead has come
    SUSPENDED = "suspended"  # taken back out of where it was allocated, to wait for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One transfer to be written. `journal_id` groups what belongs together: see `JOURNAL_NUMBERS`."""

    school_id: int
    journal_id: int
    kind: Event
    debit_account_id: int
    credit_account_id: int
    amount_vnd: int
    business_date: date
    student_id: int | None = None
    invoice_id: int | None = None
    payment_id: int | None = None
    reverses_id: int | None = None
    memo: str = ""

    def __post_init__(self) -> None:
        if self.amount_vnd <= 0:
            raise ValueError("a posting is of more than 0 VND")
        if self.debit_account_id == self.credit_account_id:
            raise ValueError("a posting is between two accounts")


# in a SELECT of their own: where tables are sharded, a shard knows no sequence
JOURNAL_NUMBERS = Query(int, "SELECT nextval('journal_number_seq') FROM generate_series(1, $1)")

POSTING: Final = Columns[Posting](
    ("school_id", "bigint", lambda one: one.school_id),
    ("journal_id", "bigint", lambda one: one.journal_id),
    ("kind", "text", lambda one: one.kind),
    ("debit_account_id", "bigint", lambda one: one.debit_account_id),
    ("credit_account_id", "bigint", lambda one: one.credit_account_id),
    ("amount_vnd", "bigint", lambda one: one.amount_vnd),
    ("business_date", "date", lambda one: one.business_date),
    ("student_id", "bigint", lambda one: one.student_id),
    ("invoice_id", "bigint", lambda one: one.invoice_id),
    ("payment_id", "bigint", lambda one: one.payment_id),
    ("reverses_id", "bigint", lambda one: one.reverses_id),
    ("memo", "text", lambda one: one.memo),
)


def lock_books(schools_at: int) -> str:
    """A CTE `books`: until when the books of the schools in the array `$schools_at` are locked.

    Its row locks make a close wait for whoever posts, and the other way round.
    """
    return f"""books AS MATERIALIZED (
  SELECT id AS school_id, books_locked_until FROM school
   WHERE id = ANY(${schools_at}::bigint[]) ORDER BY id FOR KEY SHARE
)"""  # noqa: S608 - composed of constants of the tree


def insert_transfers(first: int) -> str:
    """The INSERT of postings in the arrays of `POSTING` from `$first` on, beneath the CTE of `lock_books`.

    What falls on a closed day is dated the first open day.
    """
    columns = POSTING.names.replace("school_id", "p.school_id", 1).replace(
        "business_date", "greatest(p.business_date, b.books_locked_until + 1)"
    )
    return f"""INSERT INTO transfer ({POSTING.names})
  SELECT {columns} FROM {POSTING.rows("p", first)} JOIN books b ON b.school_id = p.school_id"""  # noqa: S608 - composed of constants of the tree


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger accounts that every school has."""

    receivable_id: int
    student_credit_id: int
    suspense_id: int
    opening_id: int


@dataclass(frozen=True, slots=True)
class AllocationLine:
    """A part of a payment that settles an invoice."""

    invoice_id: int
    student_id: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Money that arrived on `asset_account_id` (a bank or clearing account) and where it goes.

    lines + credit_vnd + suspense_vnd = amount_vnd.
    """

    school_id: int
    journal_id: int
    payment_id: int
    asset_account_id: int
    amount_vnd: int
    business_date: date
    lines: Sequence[AllocationLine] = ()
    credit_vnd: int = 0
    credit_student_id: int | None = None
    suspense_vnd: int = 0


def receive(receipt: Receipt, books: Books) -> tuple[Posting, ...]:
    """The postings of money that arrived.

    Raises ValueError when the parts do not add up to the amount.
    """
    parts: list[tuple[Event, int, int, int | None, int | None]] = [
        (
            Event.PAYMENT_RECEIVED,
            books.receivable_id,
            line.amount_vnd,
            line.student_id,
            line.invoice_id,
        )
        for line in receipt.lines
    ]
    if receipt.credit_vnd:
        parts.append(
            (
                Event.OVERPAYMENT,
                books.student_credit_id,
                receipt.credit_vnd,
                receipt.credit_student_id,
                None,
            )
        )
    if receipt.suspense_vnd:
        parts.append((Event.SUSPENSE, books.suspense_id, receipt.suspense_vnd, None, None))
    if sum(part[2] for part in parts) != receipt.amount_vnd:
        raise ValueError("the parts of a receipt must add up to its amount")
    return tuple(
        Posting(
            school_id=receipt.school_id,
            journal_id=receipt.journal_id,
            kind=kind,
            debit_account_id=receipt.asset_account_id,
            credit_account_id=account_id,
            amount_vnd=amount_vnd,
            business_date=receipt.business_date,
            student_id=student_id,
            invoice_id=invoice_id,
            payment_id=receipt.payment_id,
        )
        for kind, account_id, amount_vnd, student_id, invoice_id in parts
    )
