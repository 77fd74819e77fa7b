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
from core.kit.database import Driver

Detail = Mapping[str, "str | int | bool | Sequence[str] | Mapping[str, int] | None"]

FORMAT = b"hocphi audit 1\n"
"""The first bytes under every hash: another way to write an entry gets another number."""

GENESIS = bytes(32)
_LOCK = 0x6175_6469  # "audi": the class of the advisory locks taken here


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as it is hashed. `acted_at`: an aware instant."""

    school_id: int
    actor: str
    action: str
    subject: str
    detail: Detail
    acted_at: datetime


@dataclass(frozen=True, slots=True)
class Chain:
    """A verified chain: its length, the id of the first entry that does not fit, the newest hash."""

    entries: int
    broken_at: int | None
    head: bytes


def entry_hash(previous: bytes, entry: Entry) -> bytes:
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
    """Append an entry inside the caller's transaction; a school's entries wait for one another.

    `actor` is a username, "api:<key name>" or "operator"; `subject` is "<noun>:<id>".
    """
    await db.raw.execute(
        "SELECT pg_advisory_xact_lock($1, ($2::bigint % 2147483647)::int)", _LOCK, school_id
    )
    previous: bytes = (
        await db.raw.fetchval(
            "SELECT hash FROM audit_entry WHERE school_id = $1 ORDER BY id DESC LIMIT 1", school_id
        )
        or GENESIS
    )
    entry = Entry(
        school_id=school_id,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        acted_at=now_utc(),
    )
    await db.raw.execute(
        """
        INSERT INTO audit_entry (school_id, actor, action, subject, detail, previous_hash, hash, acted_at)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
        """,
        school_id,
        actor,
        action,
        subject,
        json.dumps(detail, ensure_ascii=False),
        previous,
        entry_hash(previous, entry),
        entry.acted_at,
    )


async def verify_chain(db: Driver, school_id: int) -> Chain:
    """Recompute a school's chain, in the caller's transaction, without holding it in memory."""
    head, entries, broken_at = GENESIS, 0, None
    rows = db.raw.cursor(
        "SELECT id, actor, action, subject, detail::text AS detail, previous_hash, hash, acted_at"
        " FROM audit_entry WHERE school_id = $1 ORDER BY id",
        school_id,
    )
    async for row in rows:
        entry = Entry(
            school_id=school_id,
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            detail=json.loads(row["detail"]),
            acted_at=row["acted_at"],
        )
        entries += 1
        fits = row["previous_hash"] == head and row["hash"] == entry_hash(head, entry)
        if not fits and broken_at is None:
            broken_at = row["id"]
        head = row["hash"]
    return Chain(entries, broken_at, head)
