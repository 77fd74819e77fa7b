"""What the settlement screen shows: batches with their sums and state, their lines, the bank lines left.

Reads only; a list must never be longer than its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from core.kit.database import Driver, Query
from reconciliation.settlements.errors import BatchNotFoundError

LISTED: Final = 200
LINES_SHOWN: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChannel:
    """A channel that settles in batches."""

    id: int
    adapter: str
    bank_number: str
    has_terms: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """A batch and its sums in VND. `booked_on` None: open. `line_*`: the bank line that paid it, if any."""

    id: int
    name: str
    adapter: str
    merchant_account_id: int
    bank_account_id: int
    settled_on: date
    lines: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int
    stray_count: int
    booked_on: date | None
    journal_id: int | None
    booked_by: str | None
    line_id: int | None
    line_day: date | None
    line_content: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A line of a batch. `is_known`: a payment or refund of the school explains it, or it needs none."""

    id: int
    kind: str
    number: str
    order: str
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int
    settled_on: date
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLineRow:
    """A bank line of a batch's amount that may pay it out. `is_in_suspense`: it was taken for a payment."""

    id: int
    posted_on: date
    net_vnd: int
    content: str
    is_in_suspense: bool


CHANNELS = Query(
    BatchChannel,
    """
SELECT m.id, m.adapter, b.number AS bank_number,
       EXISTS (SELECT FROM settlement_terms t WHERE t.school_id = m.school_id
                                                AND t.merchant_account_id = m.id) AS has_terms
  FROM merchant_account m
  JOIN bank_account b ON b.school_id = m.school_id AND b.id = m.bank_account_id
 WHERE m.school_id = $1 AND m.settlement = 'batch' ORDER BY m.adapter, m.id
""",
)
# $2: the one batch that is wanted, or NULL
BATCHES = Query(
    BatchRow,
    """
SELECT b.id, b.name, m.adapter, b.merchant_account_id, m.bank_account_id, max(l.settled_on) AS settled_on,
       count(*) AS lines, sum(l.gross_vnd)::bigint AS gross_vnd, sum(l.fee_vnd)::bigint AS fee_vnd,
       sum(l.vat_vnd)::bigint AS vat_vnd, sum(l.net_vnd)::bigint AS net_vnd,
       count(*) FILTER (WHERE l.payment_id IS NULL AND l.refund_id IS NULL AND l.kind <> 'fee'
                          AND l.gross_vnd <> 0) AS stray_count,
       b.booked_on, b.journal_id, j.booked_by, s.id AS line_id, s.posted_on AS line_day, s.content AS line_content
  FROM settlement_batch b
  JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
  JOIN merchant_account m ON m.school_id = b.school_id AND m.id = b.merchant_account_id
  LEFT JOIN line_journal j ON j.school_id = b.school_id AND j.journal_id = b.journal_id AND j.rule = 'settlement'
  LEFT JOIN statement_line s ON s.school_id = j.school_id AND s.id = j.statement_line_id
 WHERE b.school_id = $1 AND ($2::bigint IS NULL OR b.id = $2)
 GROUP BY b.id, b.name, m.adapter, b.merchant_account_id, m.bank_account_id, b.booked_on, b.journal_id,
          j.booked_by, s.id, s.posted_on, s.content
 ORDER BY (b.booked_on IS NOT NULL), max(l.settled_on) DESC, b.id DESC LIMIT $3
""",
)
LINES = Query(
    LineRow,
    """
SELECT id, kind, provider_transaction_id AS number,
       coalesce(nullif(merchant_reference, ''), original_reference) AS order,
       gross_vnd, fee_vnd, vat_vnd, net_vnd, settled_on,
       payment_id IS NOT NULL OR refund_id IS NOT NULL OR kind = 'fee' OR gross_vnd = 0 AS is_known
  FROM settlement_line WHERE school_id = $1 AND settlement_batch_id = $2
 ORDER BY is_known, row, id LIMIT $3
""",
)
BANK_LINES = Query(
    BankLineRow,
    """
SELECT s.id, s.posted_on, s.credit_vnd - s.debit_vnd AS net_vnd, s.content,
       p.id IS NOT NULL AS is_in_suspense
  FROM statement_line s
  LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  LEFT JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
 WHERE s.school_id = $1 AND s.bank_account_id = $2 AND s.credit_vnd - s.debit_vnd = $3
   AND (m.payment_id IS NULL OR p.suspense_reason IS NOT NULL)
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)
 ORDER BY abs(s.posted_on - $4::date), s.id LIMIT 20
""",
)


async def batch_channels(db: Driver, school_id: int) -> tuple[BatchChannel, ...]:
    """Every channel of the school that settles in batches."""
    return tuple(await db.fetch(CHANNELS, school_id))


async def list_batches(db: Driver, school_id: int) -> tuple[BatchRow, ...]:
    """The open batches, then the last booked ones."""
    return tuple(await db.fetch(BATCHES, school_id, None, LISTED))


async def find_batch(db: Driver, school_id: int, batch_id: int) -> BatchRow:
    """One batch. Raises BatchNotFoundError."""
    batch = await db.fetch_one(BATCHES, school_id, batch_id, 1)
    if batch is None:
        raise BatchNotFoundError
    return batch


async def lines_of_batch(db: Driver, school_id: int, batch_id: int) -> tuple[LineRow, ...]:
    """The lines of a batch, those that nothing explains first; at most LINES_SHOWN."""
    return tuple(await db.fetch(LINES, school_id, batch_id, LINES_SHOWN))


async def bank_lines_for(db: Driver, school_id: int, batch: BatchRow) -> tuple[BankLineRow, ...]:
    """Bank lines of a batch's account and amount that nothing explains, or that are in suspense."""
    return tuple(
        await db.fetch(
            BANK_LINES, school_id, batch.bank_account_id, batch.net_vnd, batch.settled_on
        )
    )
