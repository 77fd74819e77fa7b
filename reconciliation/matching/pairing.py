"""Pairing lines with payments: sure pairs in the database, the rest by the ladder, what was lost recorded.

A line that no payment explains becomes a notice and is ingested like any other notice, so that a lost IPN
is recovered by the same path that it would have taken. Runs inside the transaction of the reconciliation.
It must never match a line and a payment of different accounts or amounts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final

from adapters.contract import Notice, Outcome, VerdictKind
from core.exceptions.reasons import Reason
from core.exceptions.service import open_many
from core.exceptions.sql import NewException
from core.kit.clock import VN
from core.kit.database import Command, Driver, Query
from core.kit.reference import LENGTH, find_references
from core.merchants.directory import Merchant, statement_merchants
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from reconciliation.matching.errors import NoStatementChannelError
from reconciliation.matching.exact import gather, pair_exactly
from reconciliation.matching.ladder import (
    BANK_ID_SHIFTS,
    Fact,
    Match,
    Rule,
    amount_conflicts,
    propose_matches,
)

RECORD_TOGETHER: Final = 5_000
# below this the planner's old figures do
ANALYZE_FROM: Final = 10_000

Progress = Callable[[str, int, int], None]
"""Called at each step: its name, how much is done, of how much."""


def no_progress(_step: str, _done: int, _total: int) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Matches made now; `paid` are the invoices that recorded payments settled (school, invoice)."""

    matched: int
    created: int
    paid: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment that no line has confirmed yet. VND; `day`: its business date."""

    id: int
    identity: str
    bank_account_id: int
    day: date
    amount_vnd: int
    content: str
    bank_transaction_id: str
    reference: str | None
    is_corrected: bool

    def as_fact(self) -> Fact:
        """The payment as the rules see it."""
        exact, corrected = _references(self.reference, self.content)
        if self.is_corrected:
            exact, corrected = (), exact
        return Fact(
            id=self.id,
            identity=self.identity,
            bank_account_id=self.bank_account_id,
            day=self.day,
            amount_vnd=self.amount_vnd,
            content=self.content,
            bank_transaction_id=self.bank_transaction_id,
            exact=exact,
            corrected=corrected,
        )


@dataclass(frozen=True, slots=True)
class LostLines:
    """How many lines of a bank account no payment explains."""

    bank_account_id: int
    count: int


# hash joins of a million lines, not of a page
MORE_MEMORY = Command("SET LOCAL work_mem = '64MB'")

LINE = """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.credit_vnd AS amount_vnd, s.content,
       s.bank_transaction_id,
       CASE WHEN s.is_corrected THEN '{}' ELSE string_to_array(coalesce(s.reference, ''), ' ') END AS exact,
       CASE WHEN s.is_corrected THEN string_to_array(coalesce(s.reference, ''), ' ') ELSE '{}' END AS corrected
  FROM open_line o JOIN statement_line s ON s.school_id = $1 AND s.id = o.id
"""
PAYMENT = """
SELECT p.id, p.channel || ':' || n.transaction_id AS identity, p.bank_account_id, p.business_date AS day,
       p.amount_vnd, p.content, p.bank_transaction_id, p.reference, p.is_corrected
  FROM open_payment o
  JOIN payment p ON p.school_id = $1 AND p.id = o.id
  JOIN notice n ON n.school_id = p.school_id AND n.id = p.id
"""
# Whoever has nobody of its amount within reach on the other side cannot be matched by any rule; whoever
# shares the bank's number with one of another amount may be a conflict.
RIVALS = f"""
 WHERE o.id IN (
   SELECT a.id
     FROM {{own}} a JOIN (SELECT DISTINCT bank_account_id, amount_vnd, day FROM {{other}}) r
       ON r.bank_account_id = a.bank_account_id AND r.amount_vnd = a.amount_vnd
      AND abs(r.day - a.day) <= {max(BANK_ID_SHIFTS)}
   UNION
   SELECT a.id FROM {{own}} a
    WHERE a.bank_key <> ''
      AND (a.bank_account_id, a.bank_key) IN (SELECT bank_account_id, bank_key FROM {{other}}))
"""  # noqa: S608 - composed of constants
LINES_WITH_RIVALS = Query(Fact, LINE + RIVALS.format(own="open_line", other="open_payment"))
PAYMENTS_WITH_RIVALS = Query(
    OpenPayment, PAYMENT + RIVALS.format(own="open_payment", other="open_line")
)
REMOVE_LINES = Command("DELETE FROM open_line WHERE id = ANY($1::bigint[])")
LOST = Query(
    LostLines, "SELECT bank_account_id, count(*) AS count FROM open_line GROUP BY bank_account_id"
)
LOST_LINES = Query(Fact, LINE + " ORDER BY s.posted_on, s.identity")
ANALYZE_MATCHES = Command("ANALYZE match")


async def pair_until(db: Driver, school_id: int, day: date, on_progress: Progress) -> Paired:
    """Match every credit line up to business date `day` that is still open; record what was lost.

    Raises NoStatementChannelError where lines are lost and the school has no channel to record them.
    """
    await db.execute(MORE_MEMORY)
    open_count = await gather(db, school_id, day)
    if not open_count:
        return Paired(matched=0, created=0, paid=frozenset())
    matched = await pair_exactly(db, school_id)
    matched += await _pair_by_rules(db, school_id)
    assert matched <= open_count, "no line is matched twice"
    if matched >= ANALYZE_FROM:
        await db.execute(ANALYZE_MATCHES)
    on_progress("match", matched, open_count)
    created, paid = await _record_lost(db, school_id, on_progress)
    return Paired(matched=matched, created=created, paid=paid)


async def _pair_by_rules(db: Driver, school_id: int) -> int:
    """Let the ladder decide what has rivals, and list lines that contradict a notice; how many matches."""
    lines = await db.fetch(LINES_WITH_RIVALS, school_id)
    payments = [one.as_fact() for one in await db.fetch(PAYMENTS_WITH_RIVALS, school_id)]
    matches = propose_matches(lines, payments)
    await _write_matches(db, school_id, matches)
    matched_lines = {match.line.id for match in matches}
    matched_payments = {match.payment.id for match in matches}
    assert len(matched_lines) == len(matched_payments) == len(matches), "each is matched once"
    conflicts = amount_conflicts(
        [line for line in lines if line.id not in matched_lines],
        [payment for payment in payments if payment.id not in matched_payments],
    )
    await _list_conflicts(db, school_id, conflicts)
    await db.execute(REMOVE_LINES, [*matched_lines, *(line.id for line, _ in conflicts)])
    return len(matches)


def _references(reference: str | None, content: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Exact and corrected readings: what allocated the payment, else what its text carries."""
    if reference and len(reference) == LENGTH:
        return (reference,), ()
    found = find_references(reference or content)
    return (
        tuple(f.reference for f in found if not f.corrected),
        tuple(f.reference for f in found if f.corrected),
    )


MATCH_COLUMNS: Final = ("school_id", "statement_line_id", "payment_id", "rule", "evidence")


async def _write_matches(db: Driver, school_id: int, matches: Sequence[Match]) -> None:
    assert all(
        match.line.bank_account_id == match.payment.bank_account_id
        and match.line.amount_vnd == match.payment.amount_vnd
        for match in matches
    ), "account and amount always agree"
    await db.copy_in(
        "match",
        MATCH_COLUMNS,
        (
            (
                school_id,
                match.line.id,
                match.payment.id,
                match.rule,
                json.dumps(
                    {
                        "seen": match.evidence,
                        "days_apart": (match.payment.day - match.line.day).days,
                        "alternatives": match.alternatives,
                    },
                    ensure_ascii=False,
                ),
            )
            for match in matches
        ),
    )


async def _list_conflicts(
    db: Driver, school_id: int, conflicts: Sequence[tuple[Fact, Fact]]
) -> None:
    """Open an exception for each line of another amount than the notice of the same transaction."""
    await open_many(
        db,
        [
            NewException(
                school_id=school_id,
                reason=Reason.AMOUNT_MISMATCH,
                identity=f"line:{line.identity}",
                amount_vnd=line.amount_vnd,
                business_date=line.day,
                notice_id=payment.id,
                payment_id=payment.id,
                statement_line_id=line.id,
                detail={"notice_vnd": payment.amount_vnd, "statement_vnd": line.amount_vnd},
            )
            for line, payment in conflicts
        ],
    )


async def _record_lost(
    db: Driver, school_id: int, on_progress: Progress
) -> tuple[int, frozenset[tuple[int, int]]]:
    """Record lines that no payment explains as notices; match each with the payment it became."""
    lost = await db.fetch(LOST)
    if not lost:
        return 0, frozenset()
    merchants = await _merchants(db, school_id, {one.bank_account_id for one in lost})
    total = sum(one.count for one in lost)
    paid: set[tuple[int, int]] = set()
    done = created = 0
    async for lines in db.batches(LOST_LINES, school_id, size=RECORD_TOGETHER):
        recorded = await ingest_notices(
            db, [_inbound(line, *merchants[line.bank_account_id]) for line in lines]
        )
        paid |= recorded.paid
        matches = [
            Match(
                line,
                replace(line, id=recorded.confirmed.get(verdict.record_id, int(verdict.record_id))),
                Rule.CREATED_FROM_STATEMENT,
                "",
            )
            for line, verdict in zip(lines, recorded.verdicts, strict=True)
            if verdict.kind is not VerdictKind.CONFLICT
        ]
        await _write_matches(db, school_id, matches)
        created += len(matches)
        done += len(lines)
        on_progress("record", done, total)
    assert done == total, "every lost line is recorded"
    return created, frozenset(paid)


async def _merchants(
    db: Driver, school_id: int, bank_account_ids: set[int]
) -> dict[int, tuple[Merchant, str]]:
    """For each bank account the merchant account through which its lines are recorded, and its number."""
    merchants = await statement_merchants(db, school_id)
    if not merchants:
        raise NoStatementChannelError
    oldest = min(merchants.values(), key=lambda merchant: merchant.merchant_account_id)
    numbers = {bank[0]: number for number, bank in oldest.banks.items()}
    return {
        bank_account_id: (merchants.get(bank_account_id, oldest), numbers[bank_account_id])
        for bank_account_id in bank_account_ids
    }


def _inbound(line: Fact, merchant: Merchant, number: str) -> InboundNotice:
    """A statement line as a notice. A statement gives a day only: noon keeps it on that day."""
    notice = Notice(
        transaction_id=line.identity,
        outcome=Outcome.PAID,
        amount_vnd=line.amount_vnd,
        paid_at=datetime.combine(line.day, time(12), VN),
        content=line.content,
        payee_account=number,
        bank_transaction_id=line.bank_transaction_id,
    )
    raw = json.dumps(
        {"statement_line": line.identity, "account": number, "day": line.day.isoformat()}
    )
    return InboundNotice(merchant, notice, raw.encode())
