"""Settlement lines and what they settle: payments and refunds found by the provider's names, lost ones recorded.

A payment that only the settlement file reports becomes a notice with the identity that its IPN would
have had and is ingested like any other, so that a late IPN is a duplicate. What no name or amount agrees
with stays open; nothing must ever be guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from adapters.contract import Notice, Outcome, VerdictKind
from adapters.settlements import Kind
from adapters.settlements.identity import NAMED_WHOLE
from core.kit.clock import VN, business_date
from core.kit.database import Command, Driver, Query
from core.merchants.directory import Merchant, payout_merchants
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from reconciliation.settlements.open_lines import OpenSettlementLine, open_lines

RECORD_TOGETHER: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedLines:
    """What was found: `created` payments that no notice had reported, `paid` the invoices they settled."""

    created: int
    paid: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class NamedPayment:
    """A payment that a line names, the surest by the lowest rank; `agrees`: the amounts are equal."""

    line_id: int
    rank: int
    payment_id: int
    agrees: bool


# by the whole name; by our name of the order, the number agreeing where both are known; by the number
PAYMENTS_OF = Query(
    NamedPayment,
    """
WITH named AS (
  SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    AS t(line_id, merchant_account_id, transaction_id, merchant_reference, number, amount_vnd)
), found AS (
  SELECT t.line_id, n.id, 1 AS rank, t.amount_vnd
    FROM named t
    JOIN notice n ON n.school_id = $1 AND n.merchant_account_id = t.merchant_account_id
                 AND n.transaction_id = t.transaction_id AND t.transaction_id <> ''
  UNION ALL
  SELECT t.line_id, n.id, 2, t.amount_vnd
    FROM named t
    JOIN notice n ON n.school_id = $1 AND n.merchant_account_id = t.merchant_account_id
                 AND n.merchant_reference = t.merchant_reference AND n.merchant_reference <> ''
   WHERE t.merchant_reference <> ''
     AND (t.number = '' OR t.number = regexp_replace(n.transaction_id, '^.*[.]', ''))
  UNION ALL
  SELECT t.line_id, n.id, 3, t.amount_vnd
    FROM named t
    JOIN notice n ON n.school_id = $1 AND n.merchant_account_id = t.merchant_account_id
                 AND regexp_replace(n.transaction_id, '^.*[.]', '') = t.number
   WHERE t.merchant_reference = '' AND t.number <> ''
)
SELECT f.line_id, f.rank, p.id AS payment_id, p.amount_vnd = f.amount_vnd AS agrees
  FROM found f
  JOIN payment p ON p.school_id = $1 AND p.id = f.id AND p.bank_account_id IS NULL
""",
)

SETTLED_PAYMENTS = Query(
    int,
    "SELECT payment_id FROM settlement_line WHERE school_id = $1 AND payment_id = ANY($2::bigint[])",
)

# a payment whose amount its provider had not signed is confirmed by the settlement
SET_PAYMENTS = Command("""
WITH settled AS (
  UPDATE settlement_line l SET payment_id = c.payment_id
    FROM unnest($2::bigint[], $3::bigint[]) AS c(line_id, payment_id)
   WHERE l.school_id = $1 AND l.id = c.line_id
  RETURNING l.payment_id
)
UPDATE payment p SET is_provisional = false
  FROM settled s WHERE p.school_id = $1 AND p.id = s.payment_id AND p.is_provisional
""")


@dataclass(frozen=True, slots=True)
class NamedRefund:
    """A refund that a line may be, the surest by the lowest rank."""

    line_id: int
    rank: int
    refund_id: int


# the provider's own number of the refund, else a refund of the payment that the line names
REFUNDS_OF = Query(
    NamedRefund,
    """
SELECT t.line_id, CASE WHEN r.provider_refund_id = t.number AND t.number <> '' THEN 1 ELSE 2 END AS rank,
       r.id AS refund_id
  FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])
       AS t(line_id, merchant_account_id, number, amount_vnd, payment_id)
  JOIN refund r ON r.school_id = $1 AND r.amount_vnd = t.amount_vnd AND r.status = 'done'
               AND r.bank_account_id IS NULL
               AND (r.payment_id = t.payment_id OR (r.provider_refund_id = t.number AND t.number <> ''))
  JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
                AND p.merchant_account_id = t.merchant_account_id
 WHERE NOT EXISTS (SELECT FROM settlement_line l WHERE l.school_id = $1 AND l.refund_id = r.id)
""",
)
SET_REFUNDS = Command("""
UPDATE settlement_line l SET refund_id = c.refund_id
  FROM unnest($2::bigint[], $3::bigint[]) AS c(line_id, refund_id)
 WHERE l.school_id = $1 AND l.id = c.line_id
""")

# A transaction that has its notice needs no other; one with another amount must be ingested, as a conflict.
REPORTED_BEFORE = Query(
    int,
    """
SELECT t.line_id
  FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
       AS t(line_id, merchant_account_id, transaction_id, amount_vnd)
  JOIN notice n ON n.school_id = $1 AND n.merchant_account_id = t.merchant_account_id
               AND n.transaction_id = t.transaction_id
 WHERE n.outcome = 'paid' AND n.amount_vnd = t.amount_vnd
""",
)


async def match_lines(db: Driver, school_id: int, day: date) -> MatchedLines:
    """Give every settlement line its payment or refund; record payments up to `day` that nothing else reported."""
    lines = await open_lines(db, school_id)
    if not lines:
        return MatchedLines(created=0, paid=frozenset())
    pays = [line for line in lines if line.kind is Kind.PAY]
    left = await _match_payments(db, school_id, pays)
    created, paid = await _record_lost(db, school_id, left, day)
    if created:
        await _match_payments(db, school_id, left)
    await _match_refunds(db, school_id, [line for line in lines if line.kind is not Kind.PAY])
    return MatchedLines(created=created, paid=paid)


async def payments_named(
    db: Driver, school_id: int, lines: Sequence[OpenSettlementLine]
) -> dict[int, list[tuple[int, int, bool]]]:
    """Line -> (rank, payment, whether the amounts agree) of each payment that it names, the surest first."""
    payments = await db.fetch(
        PAYMENTS_OF,
        school_id,
        [line.id for line in lines],
        [line.merchant_account_id for line in lines],
        [line.name.transaction_id for line in lines],
        [line.name.merchant_reference for line in lines],
        [line.name.provider_number for line in lines],
        [abs(line.gross_vnd) for line in lines],
    )
    found: dict[int, list[tuple[int, int, bool]]] = {}
    for one in payments:
        found.setdefault(one.line_id, []).append((one.rank, one.payment_id, one.agrees))
    return {line_id: sorted(names) for line_id, names in found.items()}


async def _match_payments(
    db: Driver, school_id: int, lines: Sequence[OpenSettlementLine]
) -> list[OpenSettlementLine]:
    """Write what agrees; returns the lines that are left."""
    named = await payments_named(db, school_id, lines)
    agreeing = {
        line_id: [(rank, payment_id) for rank, payment_id, agrees in names if agrees]
        for line_id, names in named.items()
    }
    ids = {payment_id for names in agreeing.values() for _, payment_id in names}
    settled = await db.fetch(SETTLED_PAYMENTS, school_id, list(ids))
    chosen = _assign(lines, agreeing, set(settled))
    await db.execute(SET_PAYMENTS, school_id, list(chosen), list(chosen.values()))
    return [line for line in lines if line.id not in chosen]


def _assign(
    lines: Iterable[OpenSettlementLine],
    candidates: Mapping[int, Sequence[tuple[int, int]]],
    taken: set[int],
) -> dict[int, int]:
    """Line -> payment or refund, each at most once; the surest names are served first."""
    chosen: dict[int, int] = {}
    used = set(taken)
    order = {line.id: index for index, line in enumerate(lines)}
    ranked = sorted(
        (rank, order[line_id], found)
        for line_id, names in candidates.items()
        for rank, found in names
    )
    by_order = {index: line_id for line_id, index in order.items()}
    for _, index, found in ranked:
        line_id = by_order[index]
        if line_id not in chosen and found not in used:
            chosen[line_id] = found
            used.add(found)
    assert len(set(chosen.values())) == len(chosen), "each is settled by one line"
    return chosen


async def _match_refunds(db: Driver, school_id: int, lines: Sequence[OpenSettlementLine]) -> None:
    """Write which refund each line takes off."""
    named = await payments_named(db, school_id, lines)
    wanted: list[tuple[OpenSettlementLine, int | None]] = []
    for line in lines:
        payments = [payment_id for _, payment_id, _ in named.get(line.id, ())]
        wanted += [(line, payment_id) for payment_id in (*payments, None)]
    refunds = await db.fetch(
        REFUNDS_OF,
        school_id,
        [line.id for line, _ in wanted],
        [line.merchant_account_id for line, _ in wanted],
        [line.number for line, _ in wanted],
        [-line.gross_vnd for line, _ in wanted],
        [payment_id for _, payment_id in wanted],
    )
    candidates: dict[int, list[tuple[int, int]]] = {}
    for one in refunds:
        candidates.setdefault(one.line_id, []).append((one.rank, one.refund_id))
    chosen = _assign(lines, candidates, set())
    await db.execute(SET_REFUNDS, school_id, list(chosen), list(chosen.values()))


async def _record_lost(
    db: Driver, school_id: int, lines: Sequence[OpenSettlementLine], day: date
) -> tuple[int, frozenset[tuple[int, int]]]:
    """Record payments that only the file reports, where it names them as their IPN would."""
    merchants = await payout_merchants(db, school_id)
    named = [
        line
        for line in lines
        if line.name.transaction_id
        and merchants[line.merchant_account_id].adapter in NAMED_WHOLE
        and _day(line) <= day
    ]
    if not named:
        return 0, frozenset()
    reported = set(
        await db.fetch(
            REPORTED_BEFORE,
            school_id,
            [line.id for line in named],
            [line.merchant_account_id for line in named],
            [line.name.transaction_id for line in named],
            [line.gross_vnd for line in named],
        )
    )
    lost = [
        _inbound(line, merchants[line.merchant_account_id])
        for line in named
        if line.id not in reported
    ]
    paid: set[tuple[int, int]] = set()
    created = 0
    for start in range(0, len(lost), RECORD_TOGETHER):
        recorded = await ingest_notices(db, lost[start : start + RECORD_TOGETHER])
        paid |= recorded.paid
        created += sum(
            not verdict.duplicate and verdict.kind is not VerdictKind.CONFLICT
            for verdict in recorded.verdicts
        )
    return created, frozenset(paid)


def _paid_at(line: OpenSettlementLine) -> datetime:
    """When it was paid: where the file gives no time, it was paid by noon of the day of settlement."""
    return line.paid_at or datetime.combine(line.settled_on, time(12), VN)


def _day(line: OpenSettlementLine) -> date:
    return business_date(_paid_at(line))


def _inbound(line: OpenSettlementLine, merchant: Merchant) -> InboundNotice:
    notice = Notice(
        transaction_id=line.name.transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=line.gross_vnd,
        paid_at=_paid_at(line),
        merchant_reference=line.name.merchant_reference,
        is_reported=True,
    )
    raw = json.dumps({"settlement_line": line.identity, "batch": line.batch}, ensure_ascii=False)
    return InboundNotice(merchant, notice, raw.encode())
