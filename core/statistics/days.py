"""The proofs that are stored: how many of each day agree, and the proof of every account on one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

from core.kit.database import Driver, Query

MAX_DAYS = 31


@dataclass(frozen=True, slots=True)
class DayStatus:
    """One day: how many accounts were proved, how many of them differ."""

    day: date
    proof_count: int
    open_count: int


class ProofItem(TypedDict):
    """One figure of a proof: a kind of `reconciliation.proof.proof.ItemKind`, VND, of how many."""

    kind: str
    amount_vnd: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProof:
    """One account on one day. `kind`: "bank" or "clearing"; amounts None: the day was not proved."""

    kind: str
    name: str
    number: str
    opening_vnd: int | None
    closing_vnd: int | None
    difference_vnd: int | None
    items: tuple[ProofItem, ...]
    proved_at: datetime | None
    result_hash: str
    has_statement: bool

    def sum_of(self, *kinds: str) -> int:
        """The items of these kinds together, VND."""
        return sum(item["amount_vnd"] for item in self.items if item["kind"] in kinds)


DAY_STATUSES = Query(
    DayStatus,
    """
SELECT business_date AS day, count(*) AS proof_count,
       count(*) FILTER (WHERE difference_vnd <> 0) AS open_count
  FROM daily_proof WHERE school_id = $1 AND business_date > $2 AND business_date <= $3 GROUP BY 1
""",
)

WAS_RECONCILED = Query(
    bool,
    "SELECT EXISTS (SELECT FROM daily_proof WHERE school_id = $1 AND business_date = $2)",
)

DAY_PROOFS = Query(
    AccountProof,
    """
SELECT a.kind, coalesce(nullif(b.label, ''), b.holder, m.adapter) AS name, coalesce(b.number, '') AS number,
       d.opening_vnd, d.closing_vnd, d.difference_vnd,
       coalesce(d.body->'items', '[]') AS items, d.created_at AS proved_at,
       coalesce(d.result_hash, '') AS result_hash,
       EXISTS (SELECT FROM statement s WHERE s.school_id = a.school_id AND s.bank_account_id = a.bank_account_id
                  AND $2 BETWEEN s.from_date AND s.to_date) AS has_statement
  FROM ledger_account a
  LEFT JOIN bank_account b ON b.school_id = a.school_id AND b.id = a.bank_account_id
  LEFT JOIN merchant_account m ON m.school_id = a.school_id AND m.id = a.merchant_account_id
  LEFT JOIN daily_proof d ON d.school_id = a.school_id AND d.ledger_account_id = a.id AND d.business_date = $2
 WHERE a.school_id = $1 AND (a.kind = 'bank' OR (a.kind = 'clearing' AND d.ledger_account_id IS NOT NULL))
 ORDER BY a.kind, a.id LIMIT 100
""",
)


async def was_reconciled(db: Driver, school_id: int, day: date) -> bool:
    """Whether there is a proof of the day."""
    return await db.fetch_only(WAS_RECONCILED, school_id, day)


async def day_statuses(db: Driver, school_id: int, until: date, days: int = 14) -> list[DayStatus]:
    """The `days` days up to and including `until`, the newest first; at most `MAX_DAYS`."""
    days = max(1, min(days, MAX_DAYS))
    first = until - timedelta(days=days)
    found = {one.day: one for one in await db.fetch(DAY_STATUSES, school_id, first, until)}
    wanted = [until - timedelta(days=back) for back in range(days)]
    return [found.get(day, DayStatus(day, 0, 0)) for day in wanted]


async def day_proofs(db: Driver, school_id: int, day: date) -> list[AccountProof]:
    """The proofs of `day`: every bank account, proved or not, and the clearing accounts proved."""
    return await db.fetch(DAY_PROOFS, school_id, day)
