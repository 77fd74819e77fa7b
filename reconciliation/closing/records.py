"""The chain of close records of a school: a day closed, a reopening requested, approved by another.

Append-only. Each record's hash covers the one before it and its own body, a canonical JSON that names
what it covers; its signature is a keyed hash, which the database alone cannot make. It must never
hold a name of a pupil or an id of this database. Design: docs/adr/0005.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from core.kit.seal import Keys, keyed_hash
from reconciliation.closing.errors import CloseNotFoundError

FORMAT: Final = b"hocphi close 1\n"
"""The first bytes under every hash: another way to write a record gets another number."""
GENESIS: Final = bytes(32)
PURPOSE: Final = "close-record"
MAX_NUMBER: Final = 2**31 - 1


class RecordKind(StrEnum):
    """What a record states."""

    CLOSED = "closed"
    REOPEN_REQUESTED = "reopen_requested"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """One record. `number` counts from 1 without gaps; `day`: the business date it is about.

    `body` is what was hashed, its values text, whole numbers, lists and mappings.
    """

    number: int
    kind: RecordKind
    day: date
    actor: str
    reason: str
    body: Mapping[str, Any]
    hash: bytes
    made_at: datetime

    @property
    def about(self) -> int:
        """The number of the close that this record is, or requests to reopen, or reopens."""
        return self.number if self.kind is RecordKind.CLOSED else int(self.body["closed_number"])


def record_hash(previous: bytes, body: Mapping[str, Any]) -> bytes:
    """SHA-256 over FORMAT, the previous record's hash and the body as canonical JSON (sorted, UTF-8).

    Raises TypeError for a float: it has more than one spelling.
    """
    _refuse_floats(body)
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(FORMAT + previous + text.encode()).digest()


def signature_of(keys: Keys, hash_: bytes) -> bytes:
    """The keyed hash of a record's hash."""
    return keyed_hash(keys, PURPOSE, hash_.hex())


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a close record holds no floats")
    if isinstance(value, Mapping):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_floats(part)


def effective_closes(records: Iterable[DayClose]) -> tuple[DayClose, ...]:
    """The closes that no later record reopened, the earliest first."""
    closes: dict[int, DayClose] = {}
    for record in records:
        if record.kind is RecordKind.CLOSED:
            closes[record.number] = record
        elif record.kind is RecordKind.REOPENED:
            closes.pop(record.about, None)
    return tuple(closes.values())


def pending_request(records: Sequence[DayClose]) -> DayClose | None:
    """The request to reopen that waits for another person; whatever is recorded after it ends it."""
    last = records[-1] if records else None
    return last if last and last.kind is RecordKind.REOPEN_REQUESTED else None


# $2: whether bodies of closes are read too, $3: the one number that is wanted, or NULL
RECORDS = Query(
    DayClose,
    """
SELECT number, kind, business_date AS day, actor, reason,
       CASE WHEN $2 OR kind <> 'closed' THEN body ELSE '{}' END AS body, hash, created_at AS made_at
  FROM day_close WHERE school_id = $1 AND ($3::int IS NULL OR number = $3) ORDER BY number
""",
)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest record of a chain."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SchoolName:
    """How a school is named in the body of a record."""

    code: str
    name: str


CHAIN_HEAD = Query(
    ChainHead,
    "SELECT number, hash FROM day_close WHERE school_id = $1 ORDER BY number DESC LIMIT 1",
)
SCHOOL_NAME = Query(SchoolName, "SELECT code, name FROM school WHERE id = $1")
AUDIT_HEAD = Query(
    bytes, "SELECT hash FROM audit_entry WHERE school_id = $1 ORDER BY id DESC LIMIT 1"
)
INSERT_RECORD = Command("""
INSERT INTO day_close (school_id, number, kind, business_date, actor, reason, body, previous_hash,
                       hash, signature, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11)
""")


async def records_of(db: Driver, school_id: int) -> list[DayClose]:
    """Every record of a school, the first one first."""
    return await db.fetch(RECORDS, school_id, True, None)


async def headings_of(db: Driver, school_id: int) -> list[DayClose]:
    """The same without the bodies of closes, which grow with the years."""
    return await db.fetch(RECORDS, school_id, False, None)


async def find_close(db: Driver, school_id: int, number: int) -> DayClose:
    """A close by its number, reopened since or not. Raises CloseNotFoundError."""
    record = await db.fetch_one(RECORDS, school_id, True, min(number, MAX_NUMBER))
    if record is None or record.kind is not RecordKind.CLOSED:
        raise CloseNotFoundError
    return record


async def append(
    db: Driver,
    keys: Keys,
    school_id: int,
    kind: RecordKind,
    day: date,
    content: Mapping[str, Any],
    *,
    actor: str,
    reason: str = "",
    at: datetime,
) -> DayClose:
    """Write the next record, and its hash into the audit chain; the caller holds `lock_reconciliation`.

    The body is `content` and who, when, why, of which school, after how much of the audit chain.
    """
    last = await db.fetch_one(CHAIN_HEAD, school_id)
    school = await db.fetch_only(SCHOOL_NAME, school_id)
    audit_head = await db.fetch_value(AUDIT_HEAD, school_id)
    number = last.number + 1 if last else 1
    previous = last.hash if last else GENESIS
    body = {
        **content,
        "number": number,
        "kind": kind.value,
        "date": day.isoformat(),
        "school": {"code": school.code, "name": school.name},
        "actor": actor,
        "reason": reason,
        "at_us": round(at.timestamp() * 1_000_000),
        "audit_head": (audit_head or GENESIS).hex(),
    }
    hash_ = record_hash(previous, body)
    assert len(hash_) == len(previous) == len(GENESIS), "a chain of SHA-256 hashes"
    await db.execute(
        INSERT_RECORD,
        school_id,
        number,
        kind.value,
        day,
        actor,
        reason,
        json.dumps(body, ensure_ascii=False),
        previous,
        hash_,
        signature_of(keys, hash_),
        at,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action=audit_action(kind),
        subject=f"close_record:{number}",
        detail={"date": day.isoformat(), "hash": hash_.hex(), "reason": reason},
    )
    return DayClose(
        number=number,
        kind=kind,
        day=day,
        actor=actor,
        reason=reason,
        body=body,
        hash=hash_,
        made_at=at,
    )


def audit_action(kind: RecordKind) -> str:
    """The action of a record's making in the audit chain."""
    return f"day.{kind.value}"
