"""Whether a school's chain of closes is whole, signed by this installation, and borne out by the books.

Reads only, and must never fail on a record that somebody altered: it names what does not fit.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.kit.database import Driver, Query
from core.kit.seal import Keys
from reconciliation.closing.close_body import transfers_until
from reconciliation.closing.records import (
    GENESIS,
    DayClose,
    RecordKind,
    audit_action,
    effective_closes,
    find_close,
    headings_of,
    record_hash,
    signature_of,
)
from reconciliation.statements.closed_days import locked_until


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCloses:
    """A checked chain: its length, and what does not fit, each in a few words; empty: all is well."""

    records: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it is stored, whatever became of it; `body` is JSON's text."""

    number: int
    kind: str
    business_date: date
    actor: str
    reason: str
    body: str
    previous_hash: bytes
    hash: bytes
    signature: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditedRecord:
    """A record as the audit chain names it."""

    subject: str
    day: str
    hash: str


STORED = Query(
    StoredRecord,
    """
SELECT number, kind, business_date, actor, reason, body::text AS body, previous_hash, hash, signature,
       created_at
  FROM day_close WHERE school_id = $1 ORDER BY number
""",
)
CODE = Query(str, "SELECT code FROM school WHERE id = $1")
AUDITED = Query(
    AuditedRecord,
    """
SELECT subject, detail->>'date' AS day, detail->>'hash' AS hash FROM audit_entry
 WHERE school_id = $1 AND action = ANY($2::text[]) ORDER BY id
""",
)
POSTED_SINCE = Query(
    int,
    """
SELECT count(*) AS count FROM transfer
 WHERE school_id = $1 AND business_date <= $2 AND created_at > $3
""",
)


async def verify_closes(db: Driver, keys: Keys, school_id: int) -> VerifiedCloses:
    """Recompute a school's chain and signatures, and compare the books with the latest close.

    It also finds a lock that no record explains, transfers of closed days that came or went since, and
    records that the audit chain names and that are gone. A forged body is not looked into any further.
    """
    faults: list[str] = []
    rows = await db.fetch(STORED, school_id)
    code = await db.fetch_only(CODE, school_id)
    head, is_sound = GENESIS, True
    for place, row in enumerate(rows, 1):
        body = json.loads(row.body)
        if row.number != place or not _agrees(row, body, code):
            faults.append(f"record {row.number} is out of its place")
        if row.previous_hash != head or not _hashes_to(row.hash, head, body):
            faults.append(f"record {row.number} does not hash to what it says")
            is_sound = False
        if not hmac.compare_digest(row.signature, signature_of(keys, row.hash)):
            faults.append(f"record {row.number} is not signed by this installation")
        head = row.hash
    if is_sound:
        closes = effective_closes(await headings_of(db, school_id))
        last = await find_close(db, school_id, closes[-1].number) if closes else None
        faults += await _against_books(db, school_id, last)
    faults += await _against_audit(db, school_id, {row.hash.hex() for row in rows})
    return VerifiedCloses(records=len(rows), faults=tuple(faults))


def _hashes_to(hash_: bytes, head: bytes, body: Any) -> bool:
    try:
        return record_hash(head, body) == hash_
    except TypeError:  # a float: none was ever hashed
        return False


def _agrees(row: StoredRecord, body: Any, code: str) -> bool:
    """Whether a row's columns hold what its body does, whatever that is."""
    if not isinstance(body, dict) or not isinstance(body.get("school"), dict):
        return False
    stored = {
        "number": row.number,
        "kind": row.kind,
        "date": row.business_date.isoformat(),
        "actor": row.actor,
        "reason": row.reason,
        "at_us": round(row.created_at.timestamp() * 1_000_000),
    }
    return body["school"].get("code") == code and all(
        body.get(key) == value for key, value in stored.items()
    )


async def _against_audit(db: Driver, school_id: int, hashes: Set[str]) -> list[str]:
    """Records that were made, by the audit chain, and are not there."""
    audited = await db.fetch(AUDITED, school_id, [audit_action(kind) for kind in RecordKind])
    return [
        f"the {one.subject.replace('_', ' ').replace(':', ' ')} of {one.day} that the audit chain names is missing"
        for one in audited
        if one.hash not in hashes
    ]


async def _against_books(db: Driver, school_id: int, last: DayClose | None) -> list[str]:
    locked = await locked_until(db, school_id)
    if locked != (last.day if last else None):
        return [f"the books are locked until {locked}, which no record says"]
    if last is None:
        return []
    faults = []
    late = await db.fetch_only(POSTED_SINCE, school_id, last.day, last.made_at)
    if late:
        faults.append(f"{late} transfers of closed days were posted after record {last.number}")
    if await transfers_until(db, school_id, last.day) != last.body["transfers"]:
        faults.append(
            f"the transfers until {last.day} are not those that record {last.number} counted"
        )
    return faults
