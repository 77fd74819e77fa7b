"""Lines and payments brought together: sure pairs in the database, the rest by the ladder, losses healed.

What no payment explains becomes a notice and goes through the recorder like any other money fact, so
a lost IPN is healed by the same path that it would have taken. Runs inside the night's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from adapters.contract import Notice, Outcome, VerdictKind
from core.exceptions.reasons import Reason
from core.exceptions.service import open_many
from core.exceptions.sql import NewException
from core.kit.clock import VN
from core.kit.database import Driver
from core.kit.errors import Problem
from core.kit.reference import LENGTH, find_references
from core.merchants.directory import Merchant, statement_merchants
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from reconciliation.matching.exact import gather, pair_exactly
from reconciliation.matching.ladder import (
    BANK_ID_SHIFTS,
    Fact,
    Match,
    Rule,
    amount_conflicts,
    propose_matches,
)

RECORD_TOGETHER = 5_000
# below this the planner's old figures do
ANALYZE_FROM = 10_000

Progress = Callable[[str, int, int], None]
"""Told of each step: its name, how much is done, of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Matches made now; `paid` are the invoices that healed payments settled (school, invoice)."""

    matched: int
    created: int
    paid: frozenset[tuple[int, int]]


LINE = """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.credit_vnd AS amount_vnd, s.content,
       s.bank_transaction_id, s.reference, s.is_corrected
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
"""


async def pair_until(db: Driver, school_id: int, day: date, on_progress: Progress) -> Paired:
    """Match every credit line up to business date `day` that is still open; record what was lost."""
    await db.raw.execute(
        "SET LOCAL work_mem = '64MB'"
    )  # hash joins of a million lines, not of a page
    open_count = await gather(db, school_id, day)
    if not open_count:
        return Paired(matched=0, created=0, paid=frozenset())
    matched = await pair_exactly(db, school_id)
    matched += await _pair_by_rules(db, school_id)
    if matched >= ANALYZE_FROM:
        await db.raw.execute("ANALYZE match")
    on_progress("match", matched, open_count)
    created, paid = await _record_lost(db, school_id, on_progress)
    return Paired(matched=matched, created=created, paid=paid)


async def _pair_by_rules(db: Driver, school_id: int) -> int:
    """Let the ladder judge what has rivals, and list what contradicts itself; how many matches."""
    rows = await db.raw.fetch(
        LINE + RIVALS.format(own="open_line", other="open_payment"), school_id
    )
    lines = [_line_fact(row) for row in rows]
    rows = await db.raw.fetch(
        PAYMENT + RIVALS.format(own="open_payment", other="open_line"), school_id
    )
    payments = [_payment_fact(row) for row in rows]
    matches = propose_matches(lines, payments)
    await _write_matches(db, school_id, matches)
    matched_lines = {match.line.id for match in matches}
    matched_payments = {match.payment.id for match in matches}
    conflicts = amount_conflicts(
        [line for line in lines if line.id not in matched_lines],
        [payment for payment in payments if payment.id not in matched_payments],
    )
    await _list_conflicts(db, school_id, conflicts)
    await db.raw.execute(
        "DELETE FROM open_line WHERE id = ANY($1::bigint[])",
        [*matched_lines, *(line.id for line, _ in conflicts)],
    )
    return len(matches)


def _line_fact(row: Any) -> Fact:
    references = tuple((row["reference"] or "").split())
    return Fact(
        id=row["id"],
        identity=row["identity"],
        bank_account_id=row["bank_account_id"],
        day=row["day"],
        amount_vnd=row["amount_vnd"],
        content=row["content"],
        bank_transaction_id=row["bank_transaction_id"],
        exact=() if row["is_corrected"] else references,
        corrected=references if row["is_corrected"] else (),
    )


def _payment_fact(row: Any) -> Fact:
    exact, corrected = _references(row["reference"], row["content"])
    if row["is_corrected"]:
        exact, corrected = (), exact
    return Fact(
        id=row["id"],
        identity=row["identity"],
        bank_account_id=row["bank_account_id"],
        day=row["day"],
        amount_vnd=row["amount_vnd"],
        content=row["content"],
        bank_transaction_id=row["bank_transaction_id"],
        exact=exact,
        corrected=corrected,
    )


def _references(reference: str | None, content: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Exact and corrected readings: what placed the payment, else what its text carries."""
    if reference and len(reference) == LENGTH:
        return (reference,), ()
    found = find_references(reference or content)
    return (
        tuple(f.reference for f in found if not f.corrected),
        tuple(f.reference for f in found if f.corrected),
    )


async def _write_matches(db: Driver, school_id: int, matches: Sequence[Match]) -> None:
    await db.raw.copy_records_to_table(
        "match",
        records=(
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
        columns=("school_id", "statement_line_id", "payment_id", "rule", "evidence"),
    )


async def _list_conflicts(
    db: Driver, school_id: int, conflicts: Sequence[tuple[Fact, Fact]]
) -> None:
    """The bank says another amount than the notice of the same transaction: a person must look."""
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
    lost = await db.raw.fetch("SELECT bank_account_id, count(*) AS n FROM open_line GROUP BY 1")
    if not lost:
        return 0, frozenset()
    merchants = await _merchants(db, school_id, {row["bank_account_id"] for row in lost})
    total = sum(row["n"] for row in lost)
    paid: set[tuple[int, int]] = set()
    done = created = 0
    cursor = await db.raw.cursor(LINE + " ORDER BY s.posted_on, s.identity", school_id)
    while rows := await cursor.fetch(RECORD_TOGETHER):
        part = [_line_fact(row) for row in rows]
        recorded = await ingest_notices(
            db, [_inbound(line, *merchants[line.bank_account_id]) for line in part]
        )
        paid |= recorded.paid
        matches = [
            Match(
                line,
                _as_payment(
                    line, recorded.confirmed.get(verdict.record_id, int(verdict.record_id))
                ),
                Rule.CREATED_FROM_STATEMENT,
                "",
            )
            for line, verdict in zip(part, recorded.verdicts, strict=True)
            if verdict.kind is not VerdictKind.CONFLICT
        ]
        await _write_matches(db, school_id, matches)
        created += len(matches)
        done += len(part)
        on_progress("record", done, total)
    return created, frozenset(paid)


async def _merchants(
    db: Driver, school_id: int, bank_account_ids: set[int]
) -> dict[int, tuple[Merchant, str]]:
    """For each bank account the door that its lines enter by, and its number."""
    doors = await statement_merchants(db, school_id)
    if not doors:
        raise Problem(
            "no_statement_door",
            vi="Trường chưa có kênh nhận sao kê.",
            en="The school has no merchant account with adapter «statement».",
            status=409,
        )
    oldest = min(doors.values(), key=lambda merchant: merchant.merchant_account_id)
    numbers = {bank[0]: number for number, bank in oldest.banks.items()}
    return {
        bank_account_id: (doors.get(bank_account_id, oldest), numbers[bank_account_id])
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


def _as_payment(line: Fact, payment_id: int) -> Fact:
    return Fact(
        id=payment_id,
        identity=line.identity,
        bank_account_id=line.bank_account_id,
        day=line.day,
        amount_vnd=line.amount_vnd,
        content=line.content,
        bank_transaction_id=line.bank_transaction_id,
    )
