"""A day that is closed stays as it was: its night is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.kit.database import Driver
from reconciliation.closing.records import DayClose, find_close, headings_of, standing_closes
from reconciliation.proof.proof import Item, ItemKind, Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedNight:
    """What the night of a closed day came to; `matches` by rule, `exceptions` by reason."""

    proofs: tuple[Proof, ...]
    matches: Mapping[str, int]
    exceptions: Mapping[str, int]
    result_hash: str


ACCOUNTS = """
SELECT l.id, coalesce(m.adapter || ':', '') || b.number AS name
  FROM ledger_account l
  LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
  JOIN bank_account b ON b.school_id = l.school_id AND b.id = coalesce(l.bank_account_id, m.bank_account_id)
 WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing') ORDER BY l.id
"""


async def closed_night(db: Driver, school_id: int, day: date) -> ClosedNight | None:
    """The closed result of `day`, or None while it is open.

    A day that another's close vouched for has the proofs that its own night kept; one that never had a
    night has none, and the hash of the night that the close was made by.
    """
    locked: date | None = await db.raw.fetchval(
        "SELECT books_locked_until FROM school WHERE id = $1", school_id
    )
    if locked is None or day > locked:
        return None
    closes = standing_closes(await headings_of(db, school_id))
    vouching = next(record for record in closes if record.day >= day)
    close = await find_close(db, school_id, vouching.number)
    if close.day == day:
        return ClosedNight(
            proofs=await _with_accounts(db, school_id, close),
            matches=close.body["matches"],
            exceptions=close.body["exceptions"],
            result_hash=close.body["result_hash"],
        )
    rows = await db.raw.fetch(
        "SELECT ledger_account_id, body::text AS body, result_hash FROM daily_proof"
        " WHERE school_id = $1 AND business_date = $2 ORDER BY ledger_account_id",
        school_id,
        day,
    )
    return ClosedNight(
        proofs=tuple(proof_from(json.loads(row["body"]), row["ledger_account_id"]) for row in rows),
        matches={},
        exceptions={},
        result_hash=rows[0]["result_hash"] if rows else close.body["result_hash"],
    )


async def _with_accounts(db: Driver, school_id: int, close: DayClose) -> tuple[Proof, ...]:
    """The proofs of a record; those of the same name stand in the order of their accounts."""
    ids: dict[str, list[int]] = {}
    for row in await db.raw.fetch(ACCOUNTS, school_id):
        ids.setdefault(row["name"], []).append(row["id"])
    bodies: Sequence[Mapping[str, Any]] = close.body["proofs"]
    return tuple(proof_from(body, ids[body["account"]].pop(0)) for body in bodies)


def proof_from(body: Mapping[str, Any], ledger_account_id: int) -> Proof:
    """A proof as it was stored (`reconciliation.jobs.night.proof_body`)."""
    items = tuple(
        Item(ItemKind(item["kind"]), item["amount_vnd"], item["count"]) for item in body["items"]
    )
    return Proof(**{**body, "items": items, "ledger_account_id": ledger_account_id})
