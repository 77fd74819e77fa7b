"""Who did what: an append-only chain in which each entry's hash covers the one before it.

An entry that is altered, removed or put in between shows in `verify_chain`; that nobody cut the end
off shows when the newest hash is kept elsewhere. It must never hold a child's data or a secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.kit.clock import now_utc
from core.kit.database import Command, Driver, Query

Detail = Mapping[str, "str | int | bool | Sequence[str] | Mapping[str, int] | None"]

FORMAT = b"hocphi audit 1\n"
"""The first bytes under every hash: another way to write an entry gets another number."""

GENESIS = bytes(32)
_LOCK = 0x6175_6469  # "audi": the class of the advisory locks taken here


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry as it is hashed. `acted_at`: an aware instant."""

    school_id: int
    actor: str
    action: str
    subject: str
    detail: Detail
    acted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """What somebody did. `actor` is a username, "api:<key name>" or "operator"; `subject` "<noun>:<id>"."""

    actor: str
    action: str
    subject: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class AuditChain:
    """A verified chain: its length, the id of the first entry that does not fit, the newest hash."""

    entries: int
    broken_at: int | None
    head: bytes


@dataclass(frozen=True, slots=True)
class _StoredEntry:
    id: int
    actor: str
    action: str
    subject: str
    detail: Detail
    previous_hash: bytes
    hash: bytes
    acted_at: datetime


# one writer of a school's chain at a time: each entry needs the hash of the one before it
LOCK_CHAIN = Command("SELECT pg_advisory_xact_lock($1, ($2::bigint % 2147483647)::int)")

# by the primary key (school_id, id)
HEAD = Query(bytes, "SELECT hash FROM audit_entry WHERE school_id = $1 ORDER BY id DESC LIMIT 1")

APPEND = Command("""
INSERT INTO audit_entry (school_id, actor, action, subject, detail, previous_hash, hash, acted_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
""")

ENTRIES = Query(
    _StoredEntry,
    """
SELECT id, actor, action, subject, detail, previous_hash, hash, acted_at
  FROM audit_entry WHERE school_id = $1 ORDER BY id
""",
)


def entry_hash(previous: bytes, entry: AuditEntry) -> bytes:
    """SHA-256 over FORMAT, the previous hash and the entry as canonical JSON (sorted, UTF-8).

    Raises TypeError for a float: it has more than one spelling.
    """
    _refuse_floats(entry.detail)
    body = json.dumps(
        [
            entry.school_id,
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail,
            round(entry.acted_at.timestamp() * 1_000_000),
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(FORMAT + previous + body.encode()).digest()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("an audit entry holds no floats")
    if isinstance(value, Mapping):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_floats(part)


async def audit(
    db: Driver, school_id: int, *, actor: str, action: str, subject: str, detail: Detail
) -> None:
    """Append one entry inside the caller's transaction, see `AuditEvent` and `audit_all`."""
    event = AuditEvent(actor=actor, action=action, subject=subject, detail=detail)
    await audit_all(db, school_id, [event])


async def audit_all(db: Driver, school_id: int, events: Sequence[AuditEvent]) -> None:
    """Append entries, in their order, inside the caller's transaction.

    A school's writers wait for one another, each until the other's transaction has ended.
    """
    if not events:
        return
    await db.execute(LOCK_CHAIN, _LOCK, school_id)
    previous = await db.fetch_value(HEAD, school_id) or GENESIS
    rows: list[Sequence[object]] = []
    for event in events:
        entry = AuditEntry(
            school_id=school_id,
            actor=event.actor,
            action=event.action,
            subject=event.subject,
            detail=event.detail,
            acted_at=now_utc(),
        )
        hashed = entry_hash(previous, entry)
        rows.append(
            (
                school_id, entry.actor, entry.action, entry.subject,
                json.dumps(entry.detail, ensure_ascii=False), previous, hashed, entry.acted_at,
            )
        )  # fmt: skip
        previous = hashed
    await db.execute_many(APPEND, rows)


async def verify_chain(db: Driver, school_id: int) -> AuditChain:
    """Recompute a school's chain, in the caller's transaction, without holding it in memory."""
    head, entries, broken_at = GENESIS, 0, None
    async for stored in db.cursor(ENTRIES, school_id):
        entry = AuditEntry(
            school_id=school_id,
            actor=stored.actor,
            action=stored.action,
            subject=stored.subject,
            detail=stored.detail,
            acted_at=stored.acted_at,
        )
        entries += 1
        fits = stored.previous_hash == head and stored.hash == entry_hash(head, entry)
        if not fits and broken_at is None:
            broken_at = stored.id
        head = stored.hash
    return AuditChain(entries, broken_at, head)
