"""Lines of money that left a bank account and that nobody has explained yet, and what they may be. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from core.kit.database import Driver, Query
from reconciliation.review.errors import NoSuchDebitError

MAX_TOGETHER: Final = 500
"""Lines booked as bank fees at once, at most: what a person still looks through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitLine:
    """A debit line behind an exception. `rule`: how it is booked, None while it is not."""

    exception_id: int
    line_id: int
    identity: str
    account: str
    ledger_account_id: int
    posted_on: date
    amount_vnd: int
    content: str
    is_open: bool
    is_refund: bool
    rule: str | None
    journal_id: int | None
    booked_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalf:
    """A fee item collected on behalf of others: what pupils have paid of it and what was paid on, VND."""

    fee_item_id: int
    ledger_account_id: int
    code: str
    name: str
    collected_vnd: int
    paid_on_vnd: int

    @property
    def outstanding_vnd(self) -> int:
        """What is still to be paid on; below zero where more was paid on than came in."""
        return self.collected_vnd - self.paid_on_vnd


LINES = Query(
    DebitLine,
    """
SELECT e.id AS exception_id, s.id AS line_id, s.identity, b.number AS account, l.id AS ledger_account_id,
       s.posted_on, s.debit_vnd AS amount_vnd, s.content, e.resolved_at IS NULL AS is_open,
       EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
         AS is_refund,
       j.rule, j.journal_id, j.booked_on
  FROM exception e
  JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
  JOIN ledger_account l ON l.school_id = s.school_id AND l.kind = 'bank'
                       AND l.bank_account_id = s.bank_account_id
  LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
 WHERE e.school_id = $1 AND e.reason = 'unexplained_debit' AND s.debit_vnd > 0
   AND ($2::bigint[] IS NULL OR e.id = ANY($2)) AND ($2 IS NOT NULL OR e.resolved_at IS NULL)
 ORDER BY s.posted_on, s.id LIMIT $3
""",
)

# Of an invoice paid in part the lines are settled in their order, as in the report of what was collected.
ON_BEHALF = Query(
    OnBehalf,
    """
WITH item AS (
  SELECT f.id AS fee_item_id, a.id AS ledger_account_id, f.code, f.name
    FROM fee_item f
    JOIN ledger_account a ON a.school_id = f.school_id AND a.kind = 'on_behalf' AND a.fee_item_id = f.id
   WHERE f.school_id = $1
), line AS (
  SELECT l.fee_item_id, l.amount_vnd, i.paid_vnd,
         sum(l.amount_vnd) OVER (PARTITION BY l.invoice_id ORDER BY l.line_no) - l.amount_vnd AS below_vnd
    FROM invoice_line l
    JOIN invoice i ON i.school_id = l.school_id AND i.id = l.invoice_id
   WHERE l.school_id = $1 AND i.cancelled_at IS NULL AND i.paid_vnd > 0
), collected AS (
  SELECT fee_item_id, sum(greatest(0, least(amount_vnd, paid_vnd - below_vnd)))::bigint AS vnd
    FROM line GROUP BY 1
), given AS (
  SELECT t.debit_account_id AS ledger_account_id, sum(t.amount_vnd)::bigint AS vnd
    FROM transfer t
   WHERE t.school_id = $1 AND t.kind = 'paid_on'
     AND NOT EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id AND r.reverses_id = t.id)
   GROUP BY 1
)
SELECT item.*, coalesce(c.vnd, 0) AS collected_vnd, coalesce(g.vnd, 0) AS paid_on_vnd
  FROM item LEFT JOIN collected c USING (fee_item_id) LEFT JOIN given g USING (ledger_account_id)
 ORDER BY item.code
""",
)


async def debit_of(db: Driver, school_id: int, exception_id: int) -> DebitLine:
    """The debit line of an exception, booked or not. Raises NoSuchDebitError."""
    found = await debits_of(db, school_id, [exception_id])
    if not found:
        raise NoSuchDebitError
    return found[0]


async def open_debits(db: Driver, school_id: int) -> tuple[DebitLine, ...]:
    """Debit lines that nobody has explained yet, the oldest first, MAX_TOGETHER at most."""
    return tuple(await db.fetch(LINES, school_id, None, MAX_TOGETHER))


async def debits_of(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[DebitLine, ...]:
    """The debit lines of these exceptions, the oldest first, MAX_TOGETHER at most."""
    return tuple(await db.fetch(LINES, school_id, list(exception_ids), MAX_TOGETHER))


async def on_behalf_of(db: Driver, school_id: int) -> tuple[OnBehalf, ...]:
    """Every fee item that the school collects on behalf of others, and what is still to be paid on of it."""
    return tuple(await db.fetch(ON_BEHALF, school_id))
