"""Settlement within a reconciliation: lines matched, payouts booked against their bank line, the rest listed.

Runs before lines are matched with payments, inside the transaction of the reconciliation: money that a
provider pays out must never become a family's payment. Fees and VAT are booked as the file reports them;
where they are not what the contract says, an exception is opened. Everything is dated by the bank's line, so
that it does not matter which came first, file or line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from core.exceptions.resolutions import RECONCILIATION_ACTOR
from core.kit.database import Command, Driver, Query
from core.ledger.service import account_of, open_day, post
from reconciliation.settlements.differences import CHANNEL, list_differences
from reconciliation.settlements.line_matching import MatchedLines, match_lines
from reconciliation.settlements.payout_matching import (
    SETTLEMENT_RULE,
    BankLine,
    Costs,
    OpenBatch,
    PayoutPair,
    evidence_of,
    pair_by_day,
    postings_of,
)

IS_CONCERNED = Query(
    bool,
    """
SELECT EXISTS (SELECT FROM merchant_account WHERE school_id = $1 AND settlement = 'batch') AS is_concerned
""",
)

OPEN_BATCHES = Query(
    OpenBatch,
    f"""
WITH {CHANNEL}
SELECT b.id, b.name, m.adapter AS provider, m.mark, b.merchant_account_id, m.bank_account_id,
       bank.id AS bank_ledger_id, clearing.id AS clearing_id, max(l.settled_on) AS settled_on,
       count(*) AS lines, sum(l.gross_vnd)::bigint AS gross_vnd, sum(l.fee_vnd)::bigint AS fee_vnd,
       sum(l.vat_vnd)::bigint AS vat_vnd, sum(l.net_vnd)::bigint AS net_vnd
  FROM settlement_batch b
  JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
  JOIN channel m ON m.school_id = b.school_id AND m.id = b.merchant_account_id
  JOIN ledger_account bank ON bank.school_id = b.school_id AND bank.kind = 'bank'
                          AND bank.bank_account_id = m.bank_account_id
  JOIN ledger_account clearing ON clearing.school_id = b.school_id AND clearing.kind = 'clearing'
                              AND clearing.merchant_account_id = m.id
 WHERE b.school_id = $1 AND b.journal_id IS NULL AND ($3::bigint IS NULL OR b.id = $3)
 GROUP BY b.id, b.name, m.adapter, m.mark, b.merchant_account_id, m.bank_account_id, bank.id, clearing.id
HAVING max(l.settled_on) <= $2
 ORDER BY b.id
""",  # noqa: S608 - composed of constants
)

# A text with a reference of ours is a family's, whatever else it names. A line has one such exception at most.
OPEN_BANK_LINES = Query(
    BankLine,
    """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.credit_vnd - s.debit_vnd AS net_vnd,
       s.content, coalesce(e.detail->'denied', '[]') AS denied
  FROM statement_line s
  LEFT JOIN exception e ON e.school_id = s.school_id AND e.reason = 'batch_total_mismatch'
                       AND e.statement_line_id = s.id
 WHERE s.school_id = $1 AND s.posted_on <= $2 AND s.reference IS NULL
   AND s.bank_account_id IN (SELECT bank_account_id FROM merchant_account
                              WHERE school_id = $1 AND settlement = 'batch')
   AND e.resolution IS DISTINCT FROM 'no_settlement'
   AND NOT EXISTS (SELECT FROM match m WHERE m.school_id = s.school_id AND m.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)
""",
)

JOURNAL_NUMBERS = Query(
    int, "SELECT nextval('journal_number_seq') AS id FROM generate_series(1, $1)"
)
BOOK_LINES = Command("""
INSERT INTO line_journal (school_id, statement_line_id, journal_id, booked_on, rule, evidence, booked_by)
SELECT $1, line_id, journal_id, booked_on, $2, evidence, $3
  FROM unnest($4::bigint[], $5::bigint[], $6::date[], $7::jsonb[])
       AS x(line_id, journal_id, booked_on, evidence)
""")
MARK_BOOKED = Command("""
UPDATE settlement_batch b SET journal_id = x.journal_id, booked_on = x.booked_on
  FROM unnest($2::bigint[], $3::bigint[], $4::date[]) AS x(id, journal_id, booked_on)
 WHERE b.school_id = $1 AND b.id = x.id
""")


async def book_payouts(db: Driver, school_id: int, day: date) -> MatchedLines:
    """Book everything that settlement files up to `day` report; what does not agree is listed.

    Returns what the lines added to the payments. A school without such a provider costs one small query.
    """
    if not await db.fetch_only(IS_CONCERNED, school_id):
        return MatchedLines(created=0, paid=frozenset())
    matched = await match_lines(db, school_id, day)
    lines = await db.fetch(OPEN_BANK_LINES, school_id, day)
    batches = await open_batches(db, school_id, day)
    pairs = pair_by_day(lines, [batch for batch in batches if batch.net_vnd])
    await _book_pairs(db, school_id, pairs)
    await _book_empty(db, school_id, [batch for batch in batches if not batch.net_vnd])
    booked = {pair.line.id for pair in pairs}
    paid_out = {pair.batch.id for pair in pairs}
    assert len(booked) == len(paid_out) == len(pairs), (
        "a line pays out one batch, a batch is paid once"
    )
    await list_differences(
        db,
        school_id,
        day,
        lines=[line for line in lines if line.id not in booked],
        batches=[batch for batch in batches if batch.id not in paid_out and batch.net_vnd],
    )
    return matched


async def open_batches(
    db: Driver, school_id: int, until: date, batch_id: int | None = None
) -> tuple[OpenBatch, ...]:
    """Batches that are not booked, of which every line is settled by `until`; or the one asked for."""
    return tuple(await db.fetch(OPEN_BATCHES, school_id, until, batch_id))


async def costs_of(db: Driver, school_id: int) -> Costs:
    """The accounts of providers' fees and the VAT on them."""
    return Costs(
        provider_fee_id=await account_of(db, school_id, "provider_fee"),
        provider_vat_id=await account_of(db, school_id, "provider_vat"),
    )


async def write_booking(
    db: Driver,
    school_id: int,
    booked: Sequence[tuple[PayoutPair, int, date, dict[str, object]]],
    *,
    actor: str,
) -> None:
    """Mark batches and lines as booked by a journal, on a day, with the evidence."""
    await _mark_booked(
        db, school_id, [(pair.batch.id, journal_id, on) for pair, journal_id, on, _ in booked]
    )
    await db.execute(
        BOOK_LINES,
        school_id,
        SETTLEMENT_RULE,
        actor,
        [pair.line.id for pair, *_ in booked],
        [journal_id for _, journal_id, *_ in booked],
        [on for _, _, on, _ in booked],
        [json.dumps(evidence, ensure_ascii=False) for *_, evidence in booked],
    )


async def _book_pairs(db: Driver, school_id: int, pairs: Sequence[PayoutPair]) -> None:
    """A journal for each payout, on the day of its bank line."""
    if not pairs:
        return
    journals = await _post_batches(db, school_id, [(pair.batch, pair.line.day) for pair in pairs])
    booked = [
        (pair, journal_id, on, evidence_of(pair.batch, pair.agreed))
        for pair, (journal_id, on) in zip(pairs, journals, strict=True)
    ]
    await write_booking(db, school_id, booked, actor=RECONCILIATION_ACTOR)


async def _book_empty(db: Driver, school_id: int, batches: Sequence[OpenBatch]) -> None:
    """Batches that come to nothing are booked on their day: no bank line will show them."""
    if not batches:
        return
    journals = await _post_batches(db, school_id, [(batch, batch.settled_on) for batch in batches])
    await _mark_booked(
        db,
        school_id,
        [
            (batch.id, journal_id, on)
            for batch, (journal_id, on) in zip(batches, journals, strict=True)
        ],
    )


async def _post_batches(
    db: Driver, school_id: int, batches: Sequence[tuple[OpenBatch, date]]
) -> list[tuple[int, date]]:
    """Post each batch on its day, or the first open one; the journals and days that it came to."""
    costs = await costs_of(db, school_id)
    first_open = await open_day(db, school_id, date.min)
    numbers = await db.fetch(JOURNAL_NUMBERS, len(batches))
    journals = [
        (number, max(day, first_open)) for number, (_, day) in zip(numbers, batches, strict=True)
    ]
    await post(
        db,
        [
            posting
            for (batch, _), (journal_id, on) in zip(batches, journals, strict=True)
            for posting in postings_of(
                batch, costs, school_id=school_id, journal_id=journal_id, on=on
            )
        ],
    )
    return journals


async def _mark_booked(db: Driver, school_id: int, booked: Sequence[tuple[int, int, date]]) -> None:
    marked = await db.execute(
        MARK_BOOKED, school_id, *([list(column) for column in zip(*booked, strict=True)])
    )
    assert marked == len(booked), "each batch is booked once"
