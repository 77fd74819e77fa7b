"""The result of a closed day: it is read back, and must never be computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.kit.database import Driver, Query
from reconciliation.closing.records import DayClose, effective_closes, find_close, headings_of
from reconciliation.proof.day import DayResult
from reconciliation.proof.proof import Item, ItemKind, Proof
from reconciliation.statements.closed_days import locked_until


@dataclass(frozen=True, slots=True)
class ProvedAccount:
    """A ledger account of which days are proved, by the name that proofs give it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class StoredProof:
    """A proof as it was kept (`reconciliation.proof.day.proof_body`)."""

    ledger_account_id: int
    body: Mapping[str, Any]
    result_hash: str


ACCOUNTS = Query(
    ProvedAccount,
    """
SELECT l.id, coalesce(m.adapter || ':', '') || b.number AS name
  FROM ledger_account l
  LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
  JOIN bank_account b ON b.school_id = l.school_id AND b.id = coalesce(l.bank_account_id, m.bank_account_id)
 WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing') ORDER BY l.id
""",
)
PROOFS = Query(
    StoredProof,
    """
SELECT ledger_account_id, body, result_hash FROM daily_proof
 WHERE school_id = $1 AND business_date = $2 ORDER BY ledger_account_id
""",
)


async def closed_result(db: Driver, school_id: int, day: date) -> DayResult | None:
    """The closed result of `day`, or None while it is open.

    A day that a later day's close covers has the proofs that its own reconciliation kept; one that was
    never reconciled has none, and the hash that the close was made by.
    """
    locked = await locked_until(db, school_id)
    if locked is None or day > locked:
        return None
    closes = effective_closes(await headings_of(db, school_id))
    covering = next(record for record in closes if record.day >= day)
    close = await find_close(db, school_id, covering.number)
    if close.day == day:
        return DayResult(
            day=day,
            proofs=await _with_accounts(db, school_id, close),
            matches=close.body["matches"],
            exceptions=close.body["exceptions"],
            created=0,
            result_hash=close.body["result_hash"],
        )
    kept = await db.fetch(PROOFS, school_id, day)
    return DayResult(
        day=day,
        proofs=tuple(proof_from(one.body, one.ledger_account_id) for one in kept),
        matches={},
        exceptions={},
        created=0,
        result_hash=kept[0].result_hash if kept else close.body["result_hash"],
    )


async def _with_accounts(db: Driver, school_id: int, close: DayClose) -> tuple[Proof, ...]:
    """The proofs of a record; those of the same name are in the order of their accounts."""
    ids: dict[str, list[int]] = {}
    for account in await db.fetch(ACCOUNTS, school_id):
        ids.setdefault(account.name, []).append(account.id)
    bodies: Sequence[Mapping[str, Any]] = close.body["proofs"]
    return tuple(proof_from(body, ids[body["account"]].pop(0)) for body in bodies)


def proof_from(body: Mapping[str, Any], ledger_account_id: int) -> Proof:
    """A proof as it was stored (`reconciliation.proof.day.proof_body`)."""
    items = tuple(
        Item(ItemKind(item["kind"]), item["amount_vnd"], item["count"]) for item in body["items"]
    )
    return Proof(**{**body, "items": items, "ledger_account_id": ledger_account_id})
