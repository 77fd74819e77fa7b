"""Writing the books: transfers in one statement, reversals, and the accounts of a school.

Everything runs inside the caller's transaction. It must never update or delete a transfer, nor post on
a closed day: what falls on one is dated the first open day. The database refuses either anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.database import Command, Driver, Query
from core.ledger.errors import (
    AlreadyReversedError,
    BooksNotOpenError,
    InvoiceJournalError,
    NoSuchJournalError,
    PaymentRefundedError,
)
from core.ledger.postings import (
    JOURNAL_NUMBERS,
    POSTING,
    Books,
    Event,
    Posting,
    insert_transfers,
    lock_books,
)

POST = Command(f"WITH {lock_books(1)} {insert_transfers(1)}")
"""Of the columns the first is the school: its array serves both."""


async def post(db: Driver, postings: Sequence[Posting]) -> None:
    """Write postings as transfers, in one statement; those of closed days on the first open day."""
    if postings:
        schools = {posting.journal_id: posting.school_id for posting in postings}
        assert all(one.school_id == schools[one.journal_id] for one in postings), (
            "a journal is of one school"
        )
        await db.execute(POST, *POSTING.arrays(postings))


OPEN_DAY = Query(
    date,
    "SELECT greatest($2::date, books_locked_until + 1) FROM school WHERE id = $1 FOR KEY SHARE",
)


async def open_day(db: Driver, school_id: int, on: date) -> date:
    """The business date in the books of what happened `on`: the first open day, where that is closed.

    Nothing is closed any further before the caller's transaction ends.
    """
    return await db.fetch_only(OPEN_DAY, school_id, on)


OF_SCHOOL = (
    "receivable", "student_credit", "suspense", "opening", "state_receivable", "provider_fee",
    "provider_vat", "bank_fee", "in_transit",
)  # fmt: skip
"""Kinds of ledger account of which a school has one; the others belong to a bank account, channel or item."""

OF_INVOICE = frozenset(
    {Event.INVOICE_ISSUED, Event.INVOICE_CANCELLED, Event.STATE_PART, Event.INCOME_RELEASED}
)
"""What is booked of an invoice without money: reversed by cancelling it, never alone."""


async def next_journal(db: Driver) -> int:
    """The number of a new journal."""
    return await db.fetch_only(JOURNAL_NUMBERS, 1)


async def next_journals(db: Driver, count: int) -> list[int]:
    """`count` numbers of new journals, ascending."""
    return await db.fetch(JOURNAL_NUMBERS, count)


OPEN_BOOKS = Command("""
INSERT INTO ledger_account (school_id, kind, bank_account_id, merchant_account_id, fee_item_id)
SELECT $1, kind, NULL::bigint, NULL::bigint, NULL::bigint
  FROM unnest($2::text[]) AS kind
UNION ALL SELECT school_id, 'bank', id, NULL, NULL FROM bank_account WHERE school_id = $1
UNION ALL SELECT school_id, 'clearing', NULL, id, NULL FROM merchant_account WHERE school_id = $1
UNION ALL SELECT school_id, CASE nature WHEN 'on_behalf' THEN 'on_behalf' ELSE 'income' END,
                 NULL, NULL, id FROM fee_item WHERE school_id = $1
UNION ALL SELECT school_id, 'prepaid', NULL, NULL, id FROM fee_item
           WHERE school_id = $1 AND nature <> 'on_behalf'
ON CONFLICT DO NOTHING
""")


async def open_books(db: Driver, school_id: int) -> None:
    """Make whatever ledger accounts the school, its bank and merchant accounts and items still lack."""
    await db.execute(OPEN_BOOKS, school_id, list(OF_SCHOOL))


BOOKS = Query(
    Books,
    """
SELECT max(id) FILTER (WHERE kind = 'receivable') AS receivable_id,
       max(id) FILTER (WHERE kind = 'student_credit') AS student_credit_id,
       max(id) FILTER (WHERE kind = 'suspense') AS suspense_id,
       max(id) FILTER (WHERE kind = 'opening') AS opening_id
  FROM ledger_account
 WHERE school_id = $1 AND kind IN ('receivable', 'student_credit', 'suspense', 'opening')
HAVING count(*) = 4
""",
)


async def books_of(db: Driver, school_id: int) -> Books:
    """The ledger accounts that every school has. Raises BooksNotOpenError where there are none."""
    books = await db.fetch_one(BOOKS, school_id)
    if books is None:
        raise BooksNotOpenError
    return books


ACCOUNTS = Query(
    int, "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2 ORDER BY id"
)


async def account_of(db: Driver, school_id: int, kind: str) -> int:
    """The ledger account of a kind in `OF_SCHOOL`; made where the books were opened before there was one."""
    assert kind in OF_SCHOOL, "of the other kinds a school has many"
    number = await db.fetch_one(ACCOUNTS, school_id, kind)
    if number is None:
        await open_books(db, school_id)
        number = await db.fetch_only(ACCOUNTS, school_id, kind)
    return number


async def accounts_of(db: Driver, school_id: int, kind: str) -> list[int]:
    """The ledger accounts of a kind. A sum over transfers is given them as values: only then does the
    planner know how few they may be."""
    return await db.fetch(ACCOUNTS, school_id, kind)


@dataclass(frozen=True, slots=True)
class BookedTransfer:
    """A transfer as it stands in the books, and what keeps it from being reversed. Amount in VND."""

    id: int
    kind: Event
    debit_account_id: int
    credit_account_id: int
    amount_vnd: int
    student_id: int | None
    invoice_id: int | None
    payment_id: int | None
    is_reversed: bool
    is_refunded: bool


JOURNAL = Query(
    BookedTransfer,
    """
SELECT t.id, t.kind, t.debit_account_id, t.credit_account_id, t.amount_vnd, t.student_id, t.invoice_id,
       t.payment_id,
       EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id
                                        AND r.reverses_id = t.id) AS is_reversed,
       EXISTS (SELECT FROM refund r
                WHERE r.school_id = t.school_id AND r.payment_id = t.payment_id
                  AND r.status NOT IN ('rejected', 'cancelled', 'refused')) AS is_refunded
  FROM transfer t WHERE t.school_id = $1 AND t.journal_id = $2 ORDER BY t.id
""",
)


async def reverse_journal(
    db: Driver, school_id: int, journal_id: int, on: date, reason: str
) -> int:
    """Reverse every transfer of a journal of money by its mirror image; invoice totals follow.

    Returns the number of the reversing journal. Raises NoSuchJournalError, and as a conflict:
    AlreadyReversedError (a reversal is not reversed either), InvoiceJournalError (what issued an
    invoice is undone by cancelling that, `core.invoices.cancel`), PaymentRefundedError.
    """
    transfers = await db.fetch(JOURNAL, school_id, journal_id)
    _require_reversible(transfers)
    invoice_ids = sorted({one.invoice_id for one in transfers if one.invoice_id})
    await lock_invoices(db, school_id, invoice_ids)
    number = await next_journal(db)
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=number,
                kind=Event.REVERSAL,
                debit_account_id=one.credit_account_id,
                credit_account_id=one.debit_account_id,
                amount_vnd=one.amount_vnd,
                business_date=on,
                student_id=one.student_id,
                invoice_id=one.invoice_id,
                payment_id=one.payment_id,
                reverses_id=one.id,
                memo=reason,
            )
            for one in transfers
        ],
    )
    await sync_invoice_totals(db, school_id, invoice_ids)
    return number


def _require_reversible(transfers: Sequence[BookedTransfer]) -> None:
    if not transfers:
        raise NoSuchJournalError
    if any(one.kind in OF_INVOICE for one in transfers):
        raise InvoiceJournalError
    if any(one.is_reversed or one.kind is Event.REVERSAL for one in transfers):
        raise AlreadyReversedError
    if any(one.is_refunded for one in transfers):
        raise PaymentRefundedError


LOCK_INVOICES = Command(
    "SELECT id FROM invoice WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE"
)


async def lock_invoices(db: Driver, school_id: int, invoice_ids: Sequence[int]) -> None:
    """Take the row locks, in id order, that every writer of these invoices takes."""
    await db.execute(LOCK_INVOICES, school_id, list(invoice_ids))


SYNC_INVOICE_TOTALS = Command("""
UPDATE invoice SET paid_vnd = invoice.total_vnd - open.amount_vnd
  FROM (SELECT t.invoice_id,
               sum(CASE WHEN t.debit_account_id = r.id THEN t.amount_vnd
                        WHEN t.credit_account_id = r.id THEN -t.amount_vnd ELSE 0 END) AS amount_vnd
          FROM transfer t
          JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
         WHERE t.school_id = $1 AND t.invoice_id = ANY($2::bigint[])
         GROUP BY t.invoice_id) AS open
 WHERE invoice.school_id = $1 AND invoice.id = open.invoice_id AND invoice.cancelled_at IS NULL
""")


async def sync_invoice_totals(db: Driver, school_id: int, invoice_ids: Sequence[int]) -> None:
    """Set `paid_vnd` of invoices, locked by the caller, to what the ledger says was received.

    A cancelled invoice owes nothing and was paid nothing: it is left as it is.
    """
    await db.execute(SYNC_INVOICE_TOTALS, school_id, list(set(invoice_ids)))
