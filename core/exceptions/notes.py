"""What people write about an exception: notes, questions and answers. Append-only.

A text may name a pupil: it must never go into the audit chain or a log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.kit.database import Command, Driver, Query

NoteKind = Literal["note", "question", "answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something written about an exception. `addressee`: who was asked, for a question."""

    kind: NoteKind
    author: str
    addressee: str | None
    text: str
    created_at: datetime


NOTES = Query(
    Note,
    "SELECT kind, author, addressee, text, created_at FROM exception_note"
    " WHERE school_id = $1 AND exception_id = $2 ORDER BY id",
)

WRITE = Command(
    "INSERT INTO exception_note (school_id, exception_id, kind, author, addressee, text)"
    " SELECT $1, id, $3, $4, $5, $6 FROM unnest($2::bigint[]) AS id"
)


async def notes_of(db: Driver, school_id: int, exception_id: int) -> tuple[Note, ...]:
    """What was written about an exception, the oldest first."""
    return tuple(await db.fetch(NOTES, school_id, exception_id))


async def write_notes(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    *,
    author: str,
    text: str,
    kind: NoteKind = "note",
    addressee: str | None = None,
) -> None:
    """Write the same text about one exception or many; the caller holds their locks."""
    await db.execute(WRITE, school_id, list(exception_ids), kind, author, addressee, text)
