"""The chain of close records of a school: a day closed, asked to be reopened, reopened by another.

Append-only. Each record's hash covers the one before it and its own body, a canonical JSON that names
what it vouches for; its signature is a keyed hash, which the database alone cannot make. It must never
hold a name of a pupil or an id of this database. Design: docs/adr/0005.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import not_found
from core.kit.seal import Keys, keyed_hash

FORMAT: Final = b"hocphi close 1\n"
"""The first bytes under every hash: another way to write a record gets another number."""
GENESIS: Final = bytes(32)
PURPOSE: Final = "close-record"
MAX_NUMBER: Final = 2**31 - 1


class RecordKind(StrEnum):
    """What a record says."""

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
        """The number of the close that this record is, or asks to reopen, or reopens."""
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


def standing_closes(records: Iterable[DayClose]) -> tuple[DayClose, ...]:
    """The closes that no later record reopened, the earliest first."""
    closes: dict[int, DayClose] = {}
    for record in records:
        if record.kind is RecordKind.CLOSED:
            closes[record.number] = record
        elif record.kind is RecordKind.REOPENED:
            closes.pop(record.about, None)
    return tuple(closes.values())


def waiting_request(records: Sequence[DayClose]) -> DayClose | None:
    """The request to reopen that waits for another person; whatever is recorded after it ends it."""
    last = records[-1] if records else None
    return last if last and last.kind is RecordKind.REOPEN_REQUESTED else None


RECORDS = """
SELECT number, kind, business_date AS day, actor, reason, hash, created_at AS made_at,
       CASE WHEN $2 OR kind <> 'closed' THEN body ELSE '{}' END::text AS body
  FROM day_close WHERE school_id = $1 AND ($3::int IS NULL OR number = $3) ORDER BY number
"""


async def records_of(db: Driver, school_id: int) -> tuple[DayClose, ...]:
    """Every record of a school, the first one first."""
    return tuple(_record(row) for row in await db.raw.fetch(RECORDS, school_id, True, None))


async def headings_of(db: Driver, school_id: int) -> tuple[DayClose, ...]:
    """The same without the bodies of closes, which grow with the years."""
    return tuple(_record(row) for row in await db.raw.fetch(RECORDS, school_id, False, None))


async def find_close(db: Driver, school_id: int, number: int) -> DayClose:
    """A close by its number, reopened since or not. Raises Problem (404)."""
    row = await db.raw.fetchrow(RECORDS, school_id, True, min(number, MAX_NUMBER))
    if row is None or row["kind"] != RecordKind.CLOSED:
        raise not_found("biên bản chốt sổ này", "close record")
    return _record(row)


def _record(row: Any) -> DayClose:
    fields = dict(row)
    return DayClose(**fields | {"kind": RecordKind(row["kind"]), "body": json.loads(row["body"])})


async def append(
    db: Driver,
    keys: Keys,
    school_id: int,
    kind: RecordKind,
    day: date,
    said: Mapping[str, Any],
    *,
    actor: str,
    reason: str = "",
    at: datetime,
) -> DayClose:
    """Write the next record, and its hash into the audit chain; the caller holds the school's turn.

    The body is `said` and who, when, why, of which school, after how much of the audit chain.
    """
    last = await db.raw.fetchrow(
        "SELECT number, hash FROM day_close WHERE school_id = $1 ORDER BY number DESC LIMIT 1",
        school_id,
    )
    school = await db.raw.fetchrow("SELECT code, name FROM school WHERE id = $1", school_id)
    head: bytes | None = await db.raw.fetchval(
        "SELECT hash FROM audit_entry WHERE school_id = $1 ORDER BY id DESC LIMIT 1", school_id
    )
    number = last["number"] + 1 if last else 1
    previous: bytes = last["hash"] if last else GENESIS
    body = {
        **said,
        "number": number,
        "kind": kind.value,
        "date": day.isoformat(),
        "school": {"code": school["code"], "name": school["name"]},
        "actor": actor,
        "reason": reason,
        "at_us": round(at.timestamp() * 1_000_000),
        "audit_head": (head or GENESIS).hex(),
    }
    hash_ = record_hash(previous, body)
    await db.raw.execute(
        """
        INSERT INTO day_close (school_id, number, kind, business_date, actor, reason, body, previous_hash,
                                  hash, signature, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11)
        """,
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
        action=_action(kind),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A checked chain: its length, and what does not fit, each in a few words; empty: all is well."""

    records: int
    faults: tuple[str, ...]


async def verify_closes(db: Driver, keys: Keys, school_id: int) -> Verified:
    """Recompute a school's chain and signatures, and compare the books with the close that stands.

    It also finds a lock that no record explains, transfers of closed days that came or went since, and
    records that the audit chain names and that are gone. What a forged body says is not asked any further.
    """
    faults: list[str] = []
    rows = await db.raw.fetch(
        "SELECT number, kind, business_date, actor, reason, body::text AS body, previous_hash, hash, signature,"
        " created_at FROM day_close WHERE school_id = $1 ORDER BY number",
        school_id,
    )
    code = await db.raw.fetchval("SELECT code FROM school WHERE id = $1", school_id)
    head, is_sound = GENESIS, True
    for place, row in enumerate(rows, 1):
        body = json.loads(row["body"])
        if row["number"] != place or not _agrees(row, body, code):
            faults.append(f"record {row['number']} is out of its place")
        if row["previous_hash"] != head or not _hashes_to(row["hash"], head, body):
            faults.append(f"record {row['number']} does not hash to what it says")
            is_sound = False
        if not hmac.compare_digest(row["signature"], signature_of(keys, row["hash"])):
            faults.append(f"record {row['number']} is not signed by this installation")
        head = row["hash"]
    if is_sound:
        standing = standing_closes(await headings_of(db, school_id))
        last = await find_close(db, school_id, standing[-1].number) if standing else None
        faults += await _against_books(db, school_id, last)
    faults += await _against_audit(db, school_id, {row["hash"].hex() for row in rows})
    return Verified(records=len(rows), faults=tuple(faults))


def _hashes_to(hash_: bytes, head: bytes, body: Any) -> bool:
    try:
        return record_hash(head, body) == hash_
    except TypeError:  # a float: none was ever hashed
        return False


def _agrees(row: Any, body: Any, code: str) -> bool:
    """Whether a row's columns say what its body says, whatever that is."""
    if not isinstance(body, dict) or not isinstance(body.get("school"), dict):
        return False
    said = {
        "number": row["number"],
        "kind": row["kind"],
        "date": row["business_date"].isoformat(),
        "actor": row["actor"],
        "reason": row["reason"],
        "at_us": round(row["created_at"].timestamp() * 1_000_000),
    }
    return body["school"].get("code") == code and all(
        body.get(key) == value for key, value in said.items()
    )


async def _against_audit(db: Driver, school_id: int, hashes: Set[str]) -> list[str]:
    """Records that were made, by the audit chain, and are not there."""
    rows = await db.raw.fetch(
        "SELECT subject, detail->>'date' AS day, detail->>'hash' AS hash FROM audit_entry"
        " WHERE school_id = $1 AND action = ANY($2::text[]) ORDER BY id",
        school_id,
        [_action(kind) for kind in RecordKind],
    )
    return [
        f"the {row['subject'].replace('_', ' ').replace(':', ' ')} of {row['day']} that the audit chain names is missing"
        for row in rows
        if row["hash"] not in hashes
    ]


def _action(kind: RecordKind) -> str:
    """What the making of a record is called in the audit chain."""
    return f"day.{kind.value}"


async def _against_books(db: Driver, school_id: int, last: DayClose | None) -> list[str]:
    locked: date | None = await db.raw.fetchval(
        "SELECT books_locked_until FROM school WHERE id = $1", school_id
    )
    if locked != (last.day if last else None):
        return [f"the books are locked until {locked}, which no record says"]
    if last is None:
        return []
    faults = []
    late = await db.raw.fetchval(
        "SELECT count(*) FROM transfer WHERE school_id = $1 AND business_date <= $2 AND created_at > $3",
        school_id,
        last.day,
        last.made_at,
    )
    if late:
        faults.append(f"{late} transfers of closed days were posted after record {last.number}")
    if await transfers_until(db, school_id, last.day) != last.body["transfers"]:
        faults.append(
            f"the transfers until {last.day} are not those that record {last.number} counted"
        )
    return faults


async def transfers_until(db: Driver, school_id: int, day: date) -> list[dict[str, Any]]:
    """How many transfers the books hold up to `day`, and their sum in VND, by kind."""
    rows = await db.raw.fetch(
        "SELECT kind, count(*) AS count, sum(amount_vnd)::bigint AS sum_vnd FROM transfer"
        ' WHERE school_id = $1 AND business_date <= $2 GROUP BY kind ORDER BY kind COLLATE "C"',
        school_id,
        day,
    )
    return [dict(row) for row in rows]
