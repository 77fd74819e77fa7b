"""What the proof needs, read from the database: every figure of a day in one statement each.

What falls on a closed day is booked on the first open one (`booked_on`), and a correction of it too: a
day is proved by the days in the books.

One statement sees one moment, so a payment that arrives while the night runs is in all figures of a
proof or in none. Opening balances are posted here too: the books of a bank account begin with what
its first statement says, less what they already knew of the time before.

A line without the bank's number that two files show is taken for one line. Where the balance came back
in between, it may have been two of the same text, and no sum would show that one is missing. So a day on
which a balance comes back, and a line has no number, is proved only where one file surely holds it:
within a file equal lines are told apart. Files are unbroken stretches of the account's lines, so one
file holds the day if it is the only one of the day, or begins before it and ends after it; or if all its
files begin before it, or all end after it, for then the longest holds the others. On any other day no
line is taken for another: what lies between two equal lines leads from a balance back to it, and the
files show it. A day left open closes when a file comes that goes on beyond it on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from core.kit.database import Driver
from core.ledger.postings import Event, Posting
from core.ledger.service import (
    accounts_of,
    books_of,
    next_journal,
    open_day,
    post,
    reverse_journal,
)
from reconciliation.proof.proof import BankDay, Chain

REOPENED = "Số dư đầu kỳ tính lại theo sao kê sớm hơn hoặc khoản thu ghi nhận sau"

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

CHAINS = f"""
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
       bool_or(abs(weight) > 1) AS is_tangled,
       CASE WHEN bool_and(weight = 0) THEN array_agg(vnd ORDER BY vnd) ELSE '{{}}' END AS circle,
       -- n lines in a row pass n + 1 balances, if none of them twice; each line touches two
       bool_and(is_in_one_file) OR bool_and(has_numbers) OR sum(touches) / 2 < count(*) AS is_all_known
  FROM weight JOIN held USING (bank_account_id, day) GROUP BY 1, 2
"""

Key = tuple[int, date]


async def _chains(db: Driver, school_id: int, wanted: set[Key]) -> dict[Key, Chain]:
    rows = await db.raw.fetch(
        CHAINS, school_id, [account for account, _ in wanted], [day for _, day in wanted]
    )
    return {
        (row["bank_account_id"], row["day"]): Chain(
            starts=tuple(row["starts"]),
            ends=tuple(row["ends"]),
            circle=tuple(row["circle"]),
            is_tangled=row["is_tangled"],
        )
        if row["is_all_known"]
        else Chain(is_tangled=True)
        for row in rows
    }


async def _stated(
    db: Driver, school_id: int, wanted: set[Key]
) -> tuple[dict[Key, tuple[int, ...]], dict[Key, tuple[int, ...]]]:
    """Openings of statements that begin on these days, closings of those that end on them.

    A file that ends where it began may have been read from the wrong end, and then states another
    balance of its circle: alone, such files are not heard about the closing.
    """
    rows = await db.raw.fetch(
        """
        SELECT w.bank_account_id, w.day,
               array_agg(s.opening_vnd) FILTER (WHERE s.from_date = w.day) AS openings,
               CASE WHEN bool_or(s.opening_vnd <> s.closing_vnd) FILTER (WHERE s.to_date = w.day)
                    THEN array_agg(s.closing_vnd) FILTER (WHERE s.to_date = w.day) END AS closings
          FROM statement s
          JOIN unnest($2::bigint[], $3::date[]) AS w(bank_account_id, day)
            ON s.bank_account_id = w.bank_account_id AND w.day IN (s.from_date, s.to_date)
         WHERE s.school_id = $1 GROUP BY 1, 2
        """,
        school_id,
        [account for account, _ in wanted],
        [day for _, day in wanted],
    )
    keyed = {(row["bank_account_id"], row["day"]): row for row in rows}
    return (
        {key: tuple(row["openings"] or ()) for key, row in keyed.items()},
        {key: tuple(row["closings"] or ()) for key, row in keyed.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDay:
    """The first day that any statement of a bank account shows, and the balance it began with."""

    day: date
    opening_vnd: int | None


async def first_days(db: Driver, school_id: int, until: date) -> dict[int, FirstDay]:
    """Bank account -> its first statement day, for accounts whose statements begin by `until`."""
    rows = await db.raw.fetch(
        "SELECT bank_account_id, min(posted_on) AS day FROM statement_line WHERE school_id = $1"
        " GROUP BY 1 HAVING min(posted_on) <= $2",
        school_id,
        until,
    )
    days = {row["bank_account_id"]: row["day"] for row in rows}
    chains = await _chains(db, school_id, set(days.items()))
    openings, _ = await _stated(db, school_id, set(days.items()))
    return {
        key[0]: FirstDay(day=key[1], opening_vnd=chains[key].opening(None, openings.get(key, ())))
        for key in days.items()
    }


# `before_vnd`: what the books know of the time before the first statement, without opening balances and
# without payments and refunds that a statement line shows later all the same
OPENINGS = """
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
"""


async def open_accounts(db: Driver, school_id: int, first: Mapping[int, FirstDay]) -> None:
    """Post the opening balance of each bank account on the eve of its first statement day, if it is open.

    Where an earlier statement came in since, or a payment of the time before, the posting is reversed
    and made anew, so that the books always begin where the statements do.
    """
    known = {account: f for account, f in first.items() if f.opening_vnd is not None}
    if not known:
        return
    books = await books_of(db, school_id)
    rows = await db.raw.fetch(
        OPENINGS, school_id, list(known), [f.day for f in known.values()], books.opening_id
    )
    first_open = await open_day(
        db, school_id, min(begin.day for begin in known.values()) - timedelta(1)
    )
    postings: list[Posting] = []
    for row in rows:
        begin = known[row["bank_account_id"]]
        eve = begin.day - timedelta(1)
        opening_vnd = (begin.opening_vnd or 0) - row["before_vnd"]
        opened_on = row["opened_on"] or eve
        if opening_vnd == row["opened_vnd"] and eve <= opened_on <= max(eve, first_open):
            continue
        if row["journal_id"] is not None:
            await reverse_journal(db, school_id, row["journal_id"], row["opened_on"], REOPENED)
        if opening_vnd:
            sides = (row["ledger_account_id"], books.opening_id)
            postings.append(
                Posting(
                    school_id=school_id,
                    journal_id=await next_journal(db),
                    kind=Event.OPENING_BALANCE,
                    debit_account_id=sides[opening_vnd < 0],
                    credit_account_id=sides[opening_vnd > 0],
                    amount_vnd=abs(opening_vnd),
                    business_date=eve,
                    memo="Số dư đầu kỳ theo sao kê",
                )
            )
    await post(db, postings)


BANK_DAYS = f"""
WITH account AS (
  SELECT b.id AS bank_account_id, b.number, l.id AS ledger_account_id, f.day AS first_day
    FROM bank_account b
    JOIN ledger_account l ON l.school_id = b.school_id AND l.kind = 'bank' AND l.bank_account_id = b.id
    LEFT JOIN unnest($3::bigint[], $4::date[]) AS f(bank_account_id, day) ON f.bank_account_id = b.id
   WHERE b.school_id = $1
), line AS (
  SELECT s.bank_account_id, s.posted_on, s.credit_vnd - s.debit_vnd AS vnd,
         m.payment_id IS NOT NULL OR r.id IS NOT NULL OR j.journal_id IS NOT NULL AS is_matched,
         coalesce(p.booked_on, p.business_date, r.booked_on, r.done_on, j.booked_on) > $2 AS is_ahead
    FROM statement_line s
    LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
    LEFT JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
    LEFT JOIN refund r ON r.school_id = s.school_id AND r.statement_line_id = s.id
    LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
   WHERE s.school_id = $1 AND s.posted_on <= $2
), line_sum AS (
  SELECT bank_account_id,
         coalesce(sum(vnd) FILTER (WHERE is_matched AND posted_on = $2), 0)::bigint AS matched_vnd,
         count(*) FILTER (WHERE is_matched AND posted_on = $2) AS matched_count,
         coalesce(sum(vnd) FILTER (WHERE NOT is_matched AND posted_on = $2), 0)::bigint AS unposted_vnd,
         count(*) FILTER (WHERE NOT is_matched AND posted_on = $2) AS unposted_count,
         coalesce(sum(vnd) FILTER (WHERE NOT is_matched AND posted_on < $2), 0)::bigint AS carried_vnd,
         count(*) FILTER (WHERE NOT is_matched AND posted_on < $2) AS carried_count,
         coalesce(sum(vnd) FILTER (WHERE is_ahead), 0)::bigint AS ahead_vnd,
         count(*) FILTER (WHERE is_ahead) AS ahead_count
    FROM line GROUP BY 1
), step_sum AS (
  SELECT bank_account_id, sum(net_vnd)::bigint AS before_vnd FROM ({STEPS}) AS step
   WHERE day < $2 GROUP BY 1
), unread_sum AS (
  SELECT (e.detail->>'bank_account_id')::bigint AS bank_account_id,
         coalesce(sum((e.detail->>'net_vnd')::bigint) FILTER (WHERE e.business_date = $2), 0)::bigint AS today_vnd,
         count(*) FILTER (WHERE e.business_date = $2) AS today_count,
         coalesce(sum((e.detail->>'net_vnd')::bigint) FILTER (WHERE e.business_date < $2), 0)::bigint AS carried_vnd,
         count(*) FILTER (WHERE e.business_date < $2) AS carried_count
    FROM exception e
   WHERE e.school_id = $1 AND e.reason = 'unreadable_line' AND e.business_date <= $2 GROUP BY 1
), missing_sum AS (
  SELECT bank_account_id, sum(vnd)::bigint AS vnd, count(*) AS count
    FROM (SELECT p.bank_account_id, p.amount_vnd AS vnd
            FROM payment p
            JOIN account a USING (bank_account_id)
            LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
            LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
           WHERE p.school_id = $1 AND p.business_date <= $2 AND coalesce(p.booked_on, p.business_date) <= $2
             AND (s.posted_on > $2 OR (m.payment_id IS NULL AND coalesce(p.booked_on, p.business_date) >= a.first_day))
          UNION ALL
          SELECT r.bank_account_id, -r.amount_vnd
            FROM refund r
            JOIN account a USING (bank_account_id)
            LEFT JOIN statement_line s ON s.school_id = r.school_id AND s.id = r.statement_line_id
           WHERE r.school_id = $1 AND r.done_on <= $2 AND coalesce(r.booked_on, r.done_on) <= $2
             AND (s.posted_on > $2 OR (s.id IS NULL AND coalesce(r.booked_on, r.done_on) >= a.first_day))) AS booked
   GROUP BY 1
), corrected_sum AS (
  SELECT a.ledger_account_id,
         sum(CASE WHEN t.debit_account_id = a.ledger_account_id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
           AS vnd, count(*) AS count
    FROM transfer r
    JOIN transfer t ON t.school_id = r.school_id AND t.id = r.reverses_id AND t.business_date <= $2
    JOIN account a ON a.ledger_account_id IN (t.debit_account_id, t.credit_account_id)
   WHERE r.school_id = $1 AND r.reverses_id IS NOT NULL AND r.kind = 'reversal' AND r.business_date > $2
   GROUP BY 1
), ledger_sum AS (
  SELECT account_id, sum(vnd)::bigint AS vnd
    FROM (SELECT debit_account_id AS account_id, amount_vnd AS vnd FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND debit_account_id = ANY($5::bigint[])
          UNION ALL
          SELECT credit_account_id, -amount_vnd FROM transfer
           WHERE school_id = $1 AND business_date <= $2
             AND credit_account_id = ANY($5::bigint[])) AS side
   GROUP BY 1
)
SELECT a.bank_account_id, a.number, a.ledger_account_id, a.first_day,
       EXISTS (SELECT FROM statement s
                WHERE s.school_id = $1 AND s.bank_account_id = a.bank_account_id
                  AND $2 BETWEEN s.from_date AND s.to_date) AS is_covered,
       coalesce(st.before_vnd, 0) AS before_vnd, coalesce(g.vnd, 0) AS ledger_closing_vnd,
       coalesce(l.matched_vnd, 0) AS matched_vnd, coalesce(l.matched_count, 0) AS matched_count,
       coalesce(l.unposted_vnd, 0) AS unposted_vnd, coalesce(l.unposted_count, 0) AS unposted_count,
       coalesce(u.today_vnd, 0) AS unread_vnd, coalesce(u.today_count, 0) AS unread_count,
       coalesce(l.carried_vnd, 0) + coalesce(u.carried_vnd, 0) AS carried_vnd,
       coalesce(l.carried_count, 0) + coalesce(u.carried_count, 0) AS carried_count,
       coalesce(l.ahead_vnd, 0) AS ahead_vnd, coalesce(l.ahead_count, 0) AS ahead_count,
       coalesce(x.vnd, 0) AS missing_vnd, coalesce(x.count, 0) AS missing_count,
       coalesce(c.vnd, 0) AS corrected_vnd, coalesce(c.count, 0) AS corrected_count
  FROM account a
  LEFT JOIN line_sum l USING (bank_account_id)
  LEFT JOIN step_sum st USING (bank_account_id)
  LEFT JOIN unread_sum u USING (bank_account_id)
  LEFT JOIN missing_sum x USING (bank_account_id)
  LEFT JOIN corrected_sum c USING (ledger_account_id)
  LEFT JOIN ledger_sum g ON g.account_id = a.ledger_account_id
 ORDER BY a.number
"""


async def bank_days(
    db: Driver, school_id: int, day: date, first: Mapping[int, FirstDay]
) -> tuple[BankDay, ...]:
    """Every bank account of the school on business date `day`, in the order of their numbers."""
    rows = await db.raw.fetch(
        BANK_DAYS,
        school_id,
        day,
        list(first),
        [begin.day for begin in first.values()],
        await accounts_of(db, school_id, "bank"),
    )
    keys = {(row["bank_account_id"], day) for row in rows}
    chains = await _chains(db, school_id, keys)
    openings, closings = await _stated(db, school_id, keys)
    return tuple(
        BankDay(
            account=row["number"],
            ledger_account_id=row["ledger_account_id"],
            is_covered=row["is_covered"],
            expected_opening_vnd=_expected(
                first.get(row["bank_account_id"]), day, row["before_vnd"]
            ),
            stated_openings=openings.get((row["bank_account_id"], day), ()),
            stated_closings=closings.get((row["bank_account_id"], day), ()),
            chain=chains.get((row["bank_account_id"], day)),
            matched=(row["matched_vnd"], row["matched_count"]),
            unposted=(row["unposted_vnd"], row["unposted_count"]),
            unreadable=(row["unread_vnd"], row["unread_count"]),
            carried=(row["carried_vnd"], row["carried_count"]),
            missing=(row["missing_vnd"], row["missing_count"]),
            ahead=(row["ahead_vnd"], row["ahead_count"]),
            corrected=(row["corrected_vnd"], row["corrected_count"]),
            ledger_closing_vnd=row["ledger_closing_vnd"],
        )
        for row in rows
    )


def _expected(begin: FirstDay | None, day: date, moved_vnd: int) -> int | None:
    if begin is None or begin.opening_vnd is None or begin.day >= day:
        return None
    return begin.opening_vnd + moved_vnd
