"""Debit lines that a refund explains: found by the refund's code or the bank's number, amount and account agreeing.

A transfer that the bank has made is booked by its line, on the line's day, when nobody has confirmed it
yet; one that was confirmed before gets its line. Pure rules, then their writing in the transaction of the
reconciliation. It must never give a line two refunds, or a refund two lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from core.exceptions.resolutions import RECONCILIATION_ACTOR
from core.kit.database import Command, Driver, Query
from core.kit.text import compact
from core.refunds.booking import CompletedRefund, book_refunds
from core.refunds.codes import code_of, codes_in

REFUND_RULE: Final = "refund"
BANK_ID_DAYS: Final = timedelta(days=5)
"""How far the line may lie from the day that a person gave; over holidays banks post late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """A line of money that left the account, VND."""

    id: int
    identity: str
    bank_account_id: int
    day: date
    amount_vnd: int
    content: str
    bank_transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRefund:
    """A refund that a bank account pays or has paid, VND. `since`: the day it was requested.

    `done_on` is None until it is known that it was paid.
    """

    id: int
    number: int
    bank_account_id: int
    amount_vnd: int
    since: date
    done_on: date | None
    bank_transaction_id: str


def pair_debits(
    debits: Iterable[Debit], outgoing: Iterable[OutgoingRefund]
) -> tuple[tuple[Debit, OutgoingRefund], ...]:
    """Pair lines with refunds, each at most once, the earliest line first."""
    waiting = {(one.bank_account_id, one.amount_vnd, code_of(one.number)): one for one in outgoing}
    by_bank_id = {
        (one.bank_account_id, one.amount_vnd, compact(one.bank_transaction_id)): one
        for one in waiting.values()
        if one.done_on is not None and compact(one.bank_transaction_id)
    }
    taken: set[int] = set()
    pairs: list[tuple[Debit, OutgoingRefund]] = []
    for debit in sorted(debits, key=lambda line: (line.day, line.identity)):
        found = [
            one
            for code in codes_in(debit.content)
            if (one := waiting.get((debit.bank_account_id, debit.amount_vnd, code)))
            and debit.day >= one.since
        ]
        named = by_bank_id.get(
            (debit.bank_account_id, debit.amount_vnd, compact(debit.bank_transaction_id))
        )
        if named and named.done_on and abs(debit.day - named.done_on) <= BANK_ID_DAYS:
            found.append(named)
        free = next((one for one in found if one.id not in taken), None)
        if free is not None:
            taken.add(free.id)
            pairs.append((debit, free))
    return tuple(pairs)


# what no refund and no journal of its own explains
DEBITS = Query(
    Debit,
    """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.debit_vnd AS amount_vnd, s.content,
       s.bank_transaction_id
  FROM statement_line s
 WHERE s.school_id = $1 AND s.posted_on <= $2 AND s.debit_vnd > 0
   AND NOT EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
   AND NOT EXISTS (SELECT FROM line_journal j WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)
""",
)
# locked: whoever confirms or cancels one of them waits until its line is written
OUTGOING = Query(
    OutgoingRefund,
    """
SELECT id, number, bank_account_id, amount_vnd, (created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS since,
       done_on, bank_transaction_id
  FROM refund
 WHERE school_id = $1 AND bank_account_id IS NOT NULL AND statement_line_id IS NULL
   AND (status = 'done' OR (method = 'payout' AND status IN ('approved', 'listed')))
 ORDER BY id FOR UPDATE
""",
)
SET_LINES = Command("""
UPDATE refund SET statement_line_id = l.line_id
  FROM unnest($2::bigint[], $3::bigint[]) AS l(id, line_id)
 WHERE refund.school_id = $1 AND refund.id = l.id
""")


async def match_refund_debits(db: Driver, school_id: int, day: date) -> frozenset[tuple[int, int]]:
    """Give refunds their debit lines up to business date `day`; the invoices that are open again."""
    outgoing = await db.fetch(OUTGOING, school_id)
    if not outgoing:
        return frozenset()
    pairs = pair_debits(await db.fetch(DEBITS, school_id, day), outgoing)
    assert all(
        debit.bank_account_id == refund.bank_account_id and debit.amount_vnd == refund.amount_vnd
        for debit, refund in pairs
    ), "account and amount always agree"
    await _set_lines(db, school_id, [pair for pair in pairs if pair[1].done_on is not None])
    return await book_refunds(
        db,
        school_id,
        [
            CompletedRefund(
                refund_id=refund.id,
                on=debit.day,
                actor=RECONCILIATION_ACTOR,
                statement_line_id=debit.id,
                bank_transaction_id=debit.bank_transaction_id,
            )
            for debit, refund in pairs
            if refund.done_on is None
        ],
    )


async def _set_lines(
    db: Driver, school_id: int, pairs: Sequence[tuple[Debit, OutgoingRefund]]
) -> None:
    written = await db.execute(
        SET_LINES,
        school_id,
        [refund.id for _, refund in pairs],
        [debit.id for debit, _ in pairs],
    )
    assert written == len(pairs), "the refunds are locked"
