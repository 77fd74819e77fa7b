"""The balances that a day's statement lines lead through, and what the files of the day state.

A line without the bank's number that two files show is taken for one line. Where the balance came back
in between, it may have been two of the same text, and no sum would show that one is missing. So a day on
which a balance comes back, and a line has no number, is proved only where one file surely holds it:
within a file equal lines are distinguished. Files are unbroken stretches of the account's lines, so one
file holds the day if it is the only one of the day, or begins before it and ends after it; or if all its
files begin before it, or all end after it, for then the longest holds the others. On any other day no
line is taken for another: what lies between two equal lines leads from a balance back to it, and the
files show it. A day left open closes when a file comes that goes on beyond it on both sides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query
from reconciliation.proof.proof import BalanceChain

AccountDay = tuple[int, date]
"""A bank account and a day of it."""

# Every line, and every unreadable row whose money is known, as a step from one balance to the next.
# A number of signs alone is none: nothing of it is in the line's identity.
STEPS = """
  SELECT s.bank_account_id, s.posted_on AS day, s.credit_vnd - s.debit_vnd AS net_vnd, s.balance_vnd,
         s.bank_transaction_id ~ '[0-9A-Za-z]' AS has_number
    FROM statement_line s WHERE s.school_id = $1
  UNION ALL
  SELECT (e.detail->>'bank_account_id')::bigint, e.business_date, (e.detail->>'net_vnd')::bigint,
         (e.detail->>'balance_vnd')::bigint, false
    FROM exception e
   WHERE e.school_id = $1 AND e.reason = 'unreadable_line' AND (e.detail->>'net_vnd')::bigint <> 0
"""


@dataclass(frozen=True, slots=True)
class ChainRow:
    """The chain of a day; without `is_all_known` a line may have been taken for another."""

    bank_account_id: int
    day: date
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    circle: tuple[int, ...]
    is_tangled: bool
    is_all_known: bool


CHAINS = Query(
    ChainRow,
    f"""
WITH step AS ({STEPS}), wanted AS (
  SELECT * FROM unnest($2::bigint[], $3::date[]) AS w(bank_account_id, day)
), held AS (
  SELECT w.bank_account_id, w.day,
         count(*) = 1 OR bool_or(s.from_date < w.day AND s.to_date > w.day)
           OR bool_and(s.from_date < w.day) OR bool_and(s.to_date > w.day) AS is_in_one_file
    FROM wanted w
    JOIN statement s ON s.school_id = $1 AND s.bank_account_id = w.bank_account_id
                    AND w.day BETWEEN s.from_date AND s.to_date
   GROUP BY 1, 2
), weight AS (
  SELECT bank_account_id, day, vnd, sum(sign) AS weight, count(*) AS touches,
         bool_and(has_number) AS has_numbers
    FROM step JOIN wanted USING (bank_account_id, day),
         LATERAL (VALUES (balance_vnd - net_vnd, 1), (balance_vnd, -1)) AS end_of(vnd, sign)
   GROUP BY 1, 2, 3
)
SELECT bank_account_id, day,
       coalesce(array_agg(vnd ORDER BY vnd) FILTER (WHERE weight = 1), '{{}}') AS starts,
       coalesce(array_agg(vnd ORDER BY vnd) FILTER (WHERE weight = -1), '{{}}') AS ends,
       CASE WHEN bool_and(weight = 0) THEN array_agg(vnd ORDER BY vnd) ELSE '{{}}' END AS circle,
       bool_or(abs(weight) > 1) AS is_tangled,
       -- n lines in a row pass n + 1 balances, if none of them twice; each line touches two
       bool_and(is_in_one_file) OR bool_and(has_numbers) OR sum(touches) / 2 < count(*) AS is_all_known
  FROM weight JOIN held USING (bank_account_id, day) GROUP BY 1, 2
""",  # noqa: S608 - composed of constants
)


@dataclass(frozen=True, slots=True)
class StatedRow:
    """The openings of statements that begin on a day, the closings of those that end on it, VND."""

    bank_account_id: int
    day: date
    openings: tuple[int, ...]
    closings: tuple[int, ...]


# A file that ends where it began may have been read from the wrong end, and then states another balance of
# its circle: where all are such files, their closings do not count.
STATED = Query(
    StatedRow,
    """
SELECT w.bank_account_id, w.day,
       coalesce(array_agg(s.opening_vnd) FILTER (WHERE s.from_date = w.day), '{}') AS openings,
       CASE WHEN bool_or(s.opening_vnd <> s.closing_vnd) FILTER (WHERE s.to_date = w.day)
            THEN array_agg(s.closing_vnd) FILTER (WHERE s.to_date = w.day) ELSE '{}' END AS closings
  FROM statement s
  JOIN unnest($2::bigint[], $3::date[]) AS w(bank_account_id, day)
    ON s.bank_account_id = w.bank_account_id AND w.day IN (s.from_date, s.to_date)
 WHERE s.school_id = $1 GROUP BY w.bank_account_id, w.day
""",
)


async def chains_of(
    db: Driver, school_id: int, days: Collection[AccountDay]
) -> dict[AccountDay, BalanceChain]:
    """How the lines of these days follow one another; days without lines are left out."""
    rows = await db.fetch(CHAINS, school_id, *_columns(days))
    return {
        (row.bank_account_id, row.day): BalanceChain(
            starts=row.starts, ends=row.ends, circle=row.circle, is_tangled=row.is_tangled
        )
        if row.is_all_known
        else BalanceChain(is_tangled=True)
        for row in rows
    }


async def stated_balances(
    db: Driver, school_id: int, days: Collection[AccountDay]
) -> dict[AccountDay, StatedRow]:
    """What the files that begin or end on these days state; other days are left out."""
    rows = await db.fetch(STATED, school_id, *_columns(days))
    return {(row.bank_account_id, row.day): row for row in rows}


def _columns(days: Collection[AccountDay]) -> tuple[list[int], list[date]]:
    return [account for account, _ in days], [day for _, day in days]
