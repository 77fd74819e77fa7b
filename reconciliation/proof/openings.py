"""Opening balances: the books of a bank account begin with the opening of its first statement.

Less what they already hold of the time before. When an earlier statement is imported, the posting is
reversed and made anew; it must never be dated on a closed day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from core.kit.database import Driver, Query
from core.ledger.postings import Event, Posting
from core.ledger.service import books_of, next_journal, open_day, post, reverse_journal
from reconciliation.proof.chains import chains_of, stated_balances

MEMO: Final = "Số dư đầu kỳ theo sao kê"
MEMO_OF_REVERSAL: Final = "Số dư đầu kỳ tính lại theo sao kê sớm hơn hoặc khoản thu ghi nhận sau"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDay:
    """The first day that any statement of a bank account shows, and the balance it began with."""

    day: date
    opening_vnd: int | None


@dataclass(frozen=True, slots=True)
class FirstLine:
    """The day of the first statement line of a bank account."""

    bank_account_id: int
    day: date


FIRST_LINES = Query(
    FirstLine,
    """
SELECT bank_account_id, min(posted_on) AS day FROM statement_line WHERE school_id = $1
 GROUP BY bank_account_id HAVING min(posted_on) <= $2
""",
)


async def first_days(db: Driver, school_id: int, until: date) -> dict[int, FirstDay]:
    """Bank account -> its first statement day, for accounts whose statements begin by `until`."""
    days = [(row.bank_account_id, row.day) for row in await db.fetch(FIRST_LINES, school_id, until)]
    chains = await chains_of(db, school_id, days)
    stated = await stated_balances(db, school_id, days)
    return {
        key[0]: FirstDay(
            day=key[1],
            opening_vnd=chains[key].opening(None, stated[key].openings if key in stated else ()),
        )
        for key in days
    }


@dataclass(frozen=True, slots=True)
class Opening:
    """What the books of a bank account begin with, VND; `journal_id` None: they have no opening yet."""

    bank_account_id: int
    ledger_account_id: int
    before_vnd: int
    journal_id: int | None
    opened_on: date | None
    opened_vnd: int


# `before_vnd`: what the books hold of the time before the first statement, without opening balances and
# without payments and refunds that a statement line shows later all the same
OPENINGS = Query(
    Opening,
    """
WITH account AS (
  SELECT f.bank_account_id, f.day, l.id AS ledger_account_id
    FROM unnest($2::bigint[], $3::date[]) AS f(bank_account_id, day)
    JOIN ledger_account l ON l.school_id = $1 AND l.kind = 'bank' AND l.bank_account_id = f.bank_account_id
), moved AS (
  SELECT a.bank_account_id,
         sum(CASE WHEN t.debit_account_id = a.ledger_account_id THEN t.amount_vnd ELSE -t.amount_vnd END)
           AS vnd
    FROM account a
    JOIN transfer t ON t.school_id = $1 AND t.business_date < a.day
                   AND a.ledger_account_id IN (t.debit_account_id, t.credit_account_id)
                   AND $4 NOT IN (t.debit_account_id, t.credit_account_id)
   GROUP BY 1
), shown_later AS (
  SELECT bank_account_id, sum(vnd) AS vnd
    FROM (SELECT a.bank_account_id, p.amount_vnd AS vnd
            FROM account a
            JOIN payment p ON p.school_id = $1 AND p.bank_account_id = a.bank_account_id
                          AND p.business_date < a.day AND coalesce(p.booked_on, p.business_date) < a.day
           WHERE EXISTS (SELECT FROM match m WHERE m.school_id = p.school_id AND m.payment_id = p.id)
          UNION ALL
          SELECT a.bank_account_id, -r.amount_vnd
            FROM account a
            JOIN refund r ON r.school_id = $1 AND r.bank_account_id = a.bank_account_id
                         AND coalesce(r.booked_on, r.done_on) < a.day
           WHERE r.statement_line_id IS NOT NULL) AS shown
   GROUP BY 1
), opened AS (
  SELECT a.bank_account_id, t.journal_id, t.business_date,
         CASE WHEN t.debit_account_id = a.ledger_account_id THEN t.amount_vnd ELSE -t.amount_vnd END AS vnd
    FROM account a
    JOIN transfer t ON t.school_id = $1 AND t.kind = 'opening_balance'
                   AND a.ledger_account_id IN (t.debit_account_id, t.credit_account_id)
   WHERE NOT EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id AND r.reverses_id = t.id)
)
SELECT a.bank_account_id, a.ledger_account_id,
       (coalesce(m.vnd, 0) - coalesce(s.vnd, 0))::bigint AS before_vnd,
       o.journal_id, o.business_date AS opened_on, coalesce(o.vnd, 0)::bigint AS opened_vnd
  FROM account a
  LEFT JOIN moved m USING (bank_account_id)
  LEFT JOIN shown_later s USING (bank_account_id)
  LEFT JOIN opened o USING (bank_account_id)
 ORDER BY a.bank_account_id
""",
)


async def open_accounts(db: Driver, school_id: int, first: Mapping[int, FirstDay]) -> None:
    """Post the opening balance of each bank account on the eve of its first statement day, if it is open.

    Where an earlier statement came in since, or a payment of the time before, the posting is reversed
    and made anew, so that the books always begin where the statements do.
    """
    known = {account: f for account, f in first.items() if f.opening_vnd is not None}
    if not known:
        return
    books = await books_of(db, school_id)
    openings = await db.fetch(
        OPENINGS, school_id, list(known), [f.day for f in known.values()], books.opening_id
    )
    first_open = await open_day(
        db, school_id, min(begin.day for begin in known.values()) - timedelta(1)
    )
    postings: list[Posting] = []
    for opening in openings:
        begin = known[opening.bank_account_id]
        eve = begin.day - timedelta(1)
        opening_vnd = (begin.opening_vnd or 0) - opening.before_vnd
        opened_on = opening.opened_on or eve
        if opening_vnd == opening.opened_vnd and eve <= opened_on <= max(eve, first_open):
            continue
        # at most once per bank account whose history changed: hardly ever more than one
        if opening.journal_id is not None:
            await reverse_journal(db, school_id, opening.journal_id, opened_on, MEMO_OF_REVERSAL)
        if opening_vnd:
            sides = (opening.ledger_account_id, books.opening_id)
            postings.append(
                Posting(
                    school_id=school_id,
                    journal_id=await next_journal(db),
                    kind=Event.OPENING_BALANCE,
                    debit_account_id=sides[opening_vnd < 0],
                    credit_account_id=sides[opening_vnd > 0],
                    amount_vnd=abs(opening_vnd),
                    business_date=eve,
                    memo=MEMO,
                )
            )
    await post(db, postings)
