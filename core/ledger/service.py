"""Writing the books: transfers in one statement, reversals, and the accounts of a school.

Everything runs inside the caller's transaction. It must never update or delete a transfer, nor post on
a closed day: what falls on one is dated the first open day. The database refuses either anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.kit.database import Driver, Query
from core.kit.errors import Problem
from core.ledger.postings import Books, Event, Posting

POSTING_COLUMNS = (
    "school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd, business_date,"
    " student_id, invoice_id, payment_id, reverses_id, memo"
)
POSTING_ARRAYS = (
    "bigint[]", "bigint[]", "text[]", "bigint[]", "bigint[]", "bigint[]", "date[]",
    "bigint[]", "bigint[]", "bigint[]", "bigint[]", "text[]",
)  # fmt: skip


def posting_unnest(first: int) -> str:
    """`unnest($first::bigint[], …)` with one array per column of `POSTING_COLUMNS`."""
    arrays = ", ".join(f"${first + i}::{kind}" for i, kind in enumerate(POSTING_ARRAYS))
    return f"unnest({arrays})"


def open_books_of(school_ids: int) -> str:
    """A CTE `open_books`: until when the books of the schools in parameter `school_ids` are closed.

    Its row locks make a close wait for whoever posts, and the other way round.
    """
    return f"""open_books AS MATERIALIZED (
  SELECT id, books_locked_until FROM school WHERE id = ANY(${school_ids}::bigint[]) ORDER BY id FOR KEY SHARE
)"""


def posting_rows(first: int) -> str:
    """`posting_unnest`, each row dated an open day by the CTE `open_books`."""
    columns = POSTING_COLUMNS.replace("school_id", "p.school_id", 1).replace(
        "business_date", "greatest(p.business_date, b.books_locked_until + 1)"
    )
    return (
        f"SELECT {columns} FROM {posting_unnest(first)} AS p({POSTING_COLUMNS})"
        " JOIN open_books b ON b.id = p.school_id"
    )


def posting_arguments(postings: Sequence[Posting]) -> list[list[object]]:
    """The arrays for `posting_unnest`."""
    columns = [name.strip() for name in POSTING_COLUMNS.split(",")]
    return [[getattr(posting, column) for posting in postings] for column in columns]


async def post(db: Driver, postings: Sequence[Posting]) -> None:
    """Write postings as transfers, in one statement; those of closed days on the first open day."""
    if postings:
        await db.raw.execute(
            f"WITH {open_books_of(1)} INSERT INTO transfer ({POSTING_COLUMNS}) {posting_rows(1)}",
            *posting_arguments(postings),
        )


async def open_day(db: Driver, school_id: int, on: date) -> date:
    """The business date in the books of what happened `on`: the first open day, where that is closed.

    Nothing is closed any further before the caller's transaction ends.
    """
    day: date = await db.raw.fetchval(
        "SELECT greatest($2::date, books_locked_until + 1) FROM school WHERE id = $1 FOR KEY SHARE",
        school_id,
        on,
    )
    return day


OF_SCHOOL = (
    "receivable", "student_credit", "suspense", "opening", "state_receivable", "provider_fee",
    "provider_vat", "bank_fee", "in_transit",
)  # fmt: skip
"""Kinds of ledger account of which a school has one; the others belong to a bank account, channel or item."""


OF_INVOICE = frozenset(
    {Event.INVOICE_ISSUED, Event.INVOICE_CANCELLED, Event.STATE_PART, Event.INCOME_RELEASED}
)
"""What is booked of an invoice without money: reversed by cancelling it, never alone."""


JOURNAL_NUMBERS = Query(
    int, "SELECT nextval('journal_number_seq') AS number FROM generate_series(1, $1::int)"
)


async def next_journal(db: Driver) -> int:
    """A fresh journal number."""
    return await db.fetch_only(JOURNAL_NUMBERS, 1)


async def next_journals(db: Driver, count: int) -> list[int]:
    """`count` fresh journal numbers, ascending."""
    return await db.fetch(JOURNAL_NUMBERS, count)


async def open_books(db: Driver, school_id: int) -> None:
    """Make whatever ledger accounts the school, its bank and merchant accounts and items still lack."""
    await db.raw.execute(
        """
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
        """,
        school_id,
        list(OF_SCHOOL),
    )


async def books_of(db: Driver, school_id: int) -> Books:
    """The ledger accounts that every school has. Raises Problem when the school does not exist."""
    rows = await db.raw.fetch(
        "SELECT kind, id FROM ledger_account WHERE school_id = $1"
        " AND kind IN ('receivable', 'student_credit', 'suspense', 'opening')",
        school_id,
    )
    found = {row["kind"]: row["id"] for row in rows}
    if len(found) != 4:
        raise Problem(
            "books_not_open",
            vi="Trường chưa mở sổ.",
            en="The school's books are not open.",
            status=409,
        )
    return Books(
        receivable_id=found["receivable"],
        student_credit_id=found["student_credit"],
        suspense_id=found["suspense"],
        opening_id=found["opening"],
    )


async def account_of(db: Driver, school_id: int, kind: str) -> int:
    """The ledger account of a kind in `OF_SCHOOL`; made where the books were opened before there was one."""
    wanted = "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2"
    number: int | None = await db.raw.fetchval(wanted, school_id, kind)
    if number is None:
        await open_books(db, school_id)
        number = await db.raw.fetchval(wanted, school_id, kind)
    if number is None:
        raise ValueError(f"a school has no one account of kind {kind}")
    return number


async def accounts_of(db: Driver, school_id: int, kind: str) -> list[int]:
    """The ledger accounts of a kind. A sum over transfers is told them as values: only then does the planner
    know how few they may be."""
    rows = await db.raw.fetch(
        "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = $2 ORDER BY id",
        school_id,
        kind,
    )
    return [row["id"] for row in rows]


async def reverse_journal(
    db: Driver, school_id: int, journal_id: int, on: date, reason: str
) -> int:
    """Reverse every transfer of a journal of money by its mirror image; invoice totals follow.

    Returns the number of the reversing journal. Raises Problem (409) when the journal was reversed
    before, is a reversal itself, issued an invoice (that is cancelled, `core.invoices.cancel`) or
    its payment is being or was refunded, (404) when there is none.
    """
    rows = await db.raw.fetch(
        """
        SELECT t.*, EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id
                                                     AND r.reverses_id = t.id) AS is_reversed,
               EXISTS (SELECT FROM refund r
                        WHERE r.school_id = t.school_id AND r.payment_id = t.payment_id
                          AND r.status NOT IN ('rejected', 'cancelled', 'refused')) AS is_refunded
          FROM transfer t WHERE t.school_id = $1 AND t.journal_id = $2 ORDER BY t.id
        """,
        school_id,
        journal_id,
    )
    if not rows:
        raise Problem("not_found", vi="Không có bút toán này.", en="No such journal.", status=404)
    if any(row["kind"] in OF_INVOICE for row in rows):
        raise Problem(
            "journal_of_invoice",
            vi="Bút toán này thuộc về phiếu báo thu; hãy huỷ phiếu báo thu.",
            en="This journal belongs to an invoice; cancel the invoice.",
            status=409,
        )
    if any(row["is_reversed"] or row["kind"] == Event.REVERSAL for row in rows):
        raise Problem(
            "already_reversed",
            vi="Bút toán đã được đảo.",
            en="The journal was reversed before.",
            status=409,
        )
    if any(row["is_refunded"] for row in rows):
        raise Problem(
            "payment_refunded",
            vi="Khoản thu này đang hoặc đã được hoàn tiền nên bút toán không đảo được nữa.",
            en="The payment is being or was refunded: its journal cannot be reversed any more.",
            status=409,
        )
    invoice_ids = sorted({row["invoice_id"] for row in rows if row["invoice_id"]})
    await lock_invoices(db, school_id, invoice_ids)
    number = await next_journal(db)
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=number,
                kind=Event.REVERSAL,
                debit_account_id=row["credit_account_id"],
                credit_account_id=row["debit_account_id"],
                amount_vnd=row["amount_vnd"],
                business_date=on,
                student_id=row["student_id"],
                invoice_id=row["invoice_id"],
                payment_id=row["payment_id"],
                reverses_id=row["id"],
                memo=reason,
            )
            for row in rows
        ],
    )
    await sync_invoice_totals(db, school_id, invoice_ids)
    return number


async def lock_invoices(db: Driver, school_id: int, invoice_ids: Sequence[int]) -> None:
    """Take the row locks, in id order, that every writer of these invoices takes."""
    await db.raw.execute(
        "SELECT id FROM invoice WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE",
        school_id,
        list(invoice_ids),
    )


async def sync_invoice_totals(db: Driver, school_id: int, invoice_ids: Sequence[int]) -> None:
    """Set `paid_vnd` of invoices, locked by the caller, to what the ledger says was received.

    A cancelled invoice owes nothing and was paid nothing: it is left as it is.
    """
    await db.raw.execute(
        """
        UPDATE invoice SET paid_vnd = invoice.total_vnd - open.amount_vnd
          FROM (SELECT t.invoice_id,
                       sum(CASE WHEN t.debit_account_id = r.id THEN t.amount_vnd
                                WHEN t.credit_account_id = r.id THEN -t.amount_vnd ELSE 0 END) AS amount_vnd
                  FROM transfer t
                  JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
                 WHERE t.school_id = $1 AND t.invoice_id = ANY($2::bigint[])
                 GROUP BY t.invoice_id) AS open
         WHERE invoice.school_id = $1 AND invoice.id = open.invoice_id AND invoice.cancelled_at IS NULL
        """,
        school_id,
        list(set(invoice_ids)),
    )
