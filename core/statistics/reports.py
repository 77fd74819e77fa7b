"""What is owed, by class and age; what was collected, by fee item and channel. Reads only, never a name.

Both are sums over the ledger, so that their totals are its balances to the đồng. Amounts are VND,
days are business dates in Asia/Ho_Chi_Minh.

How a part payment is spread over the lines of its invoice: the payments stand one upon the other in
the order in which they were first booked, each with what it settles by now, and fill the lines in
line order. What was reversed or given back leaves no gap: later payments move down. Were more settled
than the lines hold (a payment reported late, of a day before a reversal), the last line carries it.
What a period collected is what is settled at its end less what was settled before it, so periods
add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query
from core.ledger.collected import PAYERS
from core.ledger.service import books_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassDebt:
    """What one class owes, VND. `kind`: "class", or "applicants" of a service.

    by_age_vnd: not due yet; 1-30, 31-60, 61-90 and more than 90 days after the due date.
    """

    class_id: int
    kind: str
    name: str
    school_year: str
    invoice_count: int
    by_age_vnd: tuple[int, ...]

    @property
    def total_vnd(self) -> int:
        """All that the class owes, VND."""
        return sum(self.by_age_vnd)

    @property
    def overdue_vnd(self) -> int:
        """What of it is past its due date, VND."""
        return sum(self.by_age_vnd[1:])


# the ledger's balance of the receivable, invoice by invoice
DEBT = Query(
    ClassDebt,
    """
WITH open AS (
  SELECT invoice_id, sum(amount_vnd) AS open_vnd FROM (
    SELECT invoice_id, amount_vnd FROM transfer
     WHERE school_id = $1 AND debit_account_id = $3 AND business_date <= $2
    UNION ALL
    SELECT invoice_id, -amount_vnd FROM transfer
     WHERE school_id = $1 AND credit_account_id = $3 AND business_date <= $2) t
   GROUP BY 1 HAVING sum(amount_vnd) <> 0
)
SELECT c.id AS class_id, c.kind, c.name, c.school_year, count(*) AS invoice_count,
       ARRAY[coalesce(sum(open_vnd) FILTER (WHERE $2 <= i.due_on), 0),
             coalesce(sum(open_vnd) FILTER (WHERE $2 - i.due_on BETWEEN 1 AND 30), 0),
             coalesce(sum(open_vnd) FILTER (WHERE $2 - i.due_on BETWEEN 31 AND 60), 0),
             coalesce(sum(open_vnd) FILTER (WHERE $2 - i.due_on BETWEEN 61 AND 90), 0),
             coalesce(sum(open_vnd) FILTER (WHERE $2 - i.due_on > 90), 0)]::bigint[] AS by_age_vnd
  FROM open
  JOIN invoice i ON i.school_id = $1 AND i.id = open.invoice_id
  JOIN school_class c ON c.school_id = $1 AND c.id = i.class_id
 GROUP BY c.school_id, c.id ORDER BY c.school_year DESC, c.kind = 'applicants', c.grade, c.name, c.id
""",
)


async def debt_by_class(db: Driver, school_id: int, on: date) -> list[ClassDebt]:
    """What was owed at the end of business date `on`, class by class; their sum is the ledger's receivable.

    Raises as `books_of` while the school's books are not open.
    """
    books = await books_of(db, school_id)
    return await db.fetch(DEBT, school_id, on, books.receivable_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one channel brought for one purpose in a period, less what went back; may be below zero.

    `purpose`: "item", or "student_credit" and "suspense" for money on no invoice; `code` and `name`
    are the fee item's. `channel` is "" for what no payment brought.
    """

    purpose: str
    code: str
    name: str
    channel: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class CollectedTable:
    """The same as a table: a row per purpose, a column per channel, sums at both edges."""

    channels: tuple[str, ...]
    rows: tuple[CollectedRow, ...]

    @property
    def by_channel_vnd(self) -> tuple[int, ...]:
        """The foot of the table, VND."""
        return tuple(
            sum(row.by_channel_vnd[place] for row in self.rows)
            for place in range(len(self.channels))
        )

    @property
    def total_vnd(self) -> int:
        """All money of the period, VND."""
        return sum(self.by_channel_vnd)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedRow:
    """One purpose; the amounts in the order of the table's channels."""

    purpose: str
    code: str
    name: str
    by_channel_vnd: tuple[int, ...]

    @property
    def total_vnd(self) -> int:
        """What all channels brought for it, VND."""
        return sum(self.by_channel_vnd)


def in_table(collected: Sequence[Collected]) -> CollectedTable:
    """Arrange by purpose and channel; the channel that brought most comes first."""
    sums: dict[str, int] = {}
    cells: dict[tuple[str, str, str], dict[str, int]] = {}
    for one in collected:
        sums[one.channel] = sums.get(one.channel, 0) + one.amount_vnd
        row = cells.setdefault((one.purpose, one.code, one.name), {})
        row[one.channel] = row.get(one.channel, 0) + one.amount_vnd
    channels = tuple(sorted(sums, key=lambda channel: (-sums[channel], channel)))
    rows = tuple(
        CollectedRow(
            purpose=purpose,
            code=code,
            name=name,
            by_channel_vnd=tuple(row.get(channel, 0) for channel in channels),
        )
        for (purpose, code, name), row in cells.items()
    )
    return CollectedTable(channels, rows)


# $2..$3: the period; $4: the receivable. `part`: what each payment settles of each invoice before the
# period and at its end; `stack`: from where to where it reaches; `line`: the same of the lines. The
# first line has no lower end and the last no upper one (greatest and least pass over NULL).
COLLECTED = Query(
    Collected,
    f"""
WITH touched AS (
  SELECT invoice_id FROM transfer WHERE school_id = $1 AND credit_account_id = $4
     AND business_date BETWEEN $2 AND $3 AND kind <> 'invoice_cancelled'
  UNION
  SELECT invoice_id FROM transfer WHERE school_id = $1 AND debit_account_id = $4
     AND business_date BETWEEN $2 AND $3 AND kind <> 'invoice_issued'
), part AS (
  SELECT t.invoice_id, t.payment_id, min(t.id) AS first_id,
         coalesce(sum(s.signed_vnd) FILTER (WHERE t.business_date < $2), 0) AS before_vnd,
         coalesce(sum(s.signed_vnd) FILTER (WHERE t.business_date <= $3), 0) AS after_vnd
    FROM touched
    JOIN transfer t ON t.school_id = $1 AND t.invoice_id = touched.invoice_id
                   AND $4 IN (t.credit_account_id, t.debit_account_id)
   CROSS JOIN LATERAL (SELECT CASE WHEN t.credit_account_id = $4 THEN t.amount_vnd
                                   ELSE -t.amount_vnd END AS signed_vnd) s
   WHERE t.kind NOT IN ('invoice_issued', 'invoice_cancelled')
   GROUP BY 1, 2
), stack AS (
  SELECT invoice_id, payment_id, sum(before_vnd) OVER w - before_vnd AS before_from,
         sum(before_vnd) OVER w AS before_to, sum(after_vnd) OVER w - after_vnd AS after_from,
         sum(after_vnd) OVER w AS after_to
    FROM part WINDOW w AS (PARTITION BY invoice_id ORDER BY first_id)
), line AS (
  SELECT touched.invoice_id, l.fee_item_id,
         CASE WHEN row_number() OVER w > 1 THEN sum(l.amount_vnd) OVER w - l.amount_vnd END AS low,
         CASE WHEN lead(l.line_no) OVER w IS NOT NULL THEN sum(l.amount_vnd) OVER w END AS high
    FROM touched
    LEFT JOIN invoice_line l ON l.school_id = $1 AND l.invoice_id = touched.invoice_id
  WINDOW w AS (PARTITION BY touched.invoice_id ORDER BY l.line_no)
), settled AS (
  SELECT line.fee_item_id, stack.payment_id,
         least(high, greatest(low, after_to)) - least(high, greatest(low, after_from))
         - least(high, greatest(low, before_to)) + least(high, greatest(low, before_from)) AS amount_vnd
    FROM stack JOIN line USING (invoice_id)
), held AS (
  SELECT a.kind, t.payment_id, t.amount_vnd FROM ledger_account a
    JOIN transfer t ON t.school_id = a.school_id AND t.credit_account_id = a.id
   WHERE a.school_id = $1 AND a.kind IN {PAYERS} AND a.kind <> 'receivable'
     AND t.business_date BETWEEN $2 AND $3
  UNION ALL
  SELECT a.kind, t.payment_id, -t.amount_vnd FROM ledger_account a
    JOIN transfer t ON t.school_id = a.school_id AND t.debit_account_id = a.id
   WHERE a.school_id = $1 AND a.kind IN {PAYERS} AND a.kind <> 'receivable'
     AND t.business_date BETWEEN $2 AND $3
), every AS (
  SELECT 'item' AS purpose, fee_item_id, payment_id, amount_vnd FROM settled WHERE amount_vnd <> 0
  UNION ALL SELECT kind, NULL, payment_id, amount_vnd FROM held
)
SELECT e.purpose, coalesce(f.code, '') AS code, coalesce(f.name, '') AS name,
       coalesce(p.channel, '') AS channel, sum(e.amount_vnd)::bigint AS amount_vnd
  FROM every e
  LEFT JOIN fee_item f ON f.school_id = $1 AND f.id = e.fee_item_id
  LEFT JOIN payment p ON p.school_id = $1 AND p.id = e.payment_id
 GROUP BY e.purpose, f.id, f.code, f.name, p.channel HAVING sum(e.amount_vnd) <> 0
 ORDER BY e.purpose <> 'item', e.purpose, f.code, p.channel
""",  # noqa: S608 - composed of constants of the tree
)


async def collected_by_item(
    db: Driver, school_id: int, from_date: date, until: date
) -> list[Collected]:
    """What the business dates `from_date` to `until` (both included) brought, by fee item and channel.

    The sum is what came into the accounts of money from payers, less what was reversed or given back.
    Raises as `books_of` while the school's books are not open.
    """
    books = await books_of(db, school_id)
    return await db.fetch(COLLECTED, school_id, from_date, until, books.receivable_id)
