"""What people write about an exception: notes, a question to a colleague, and its answer.

A text may name a pupil, so it never goes into the audit chain, which keeps only that something was
written, by whom and to whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.exceptions.errors import NoteRequiredError, NoteTooLongError
from core.exceptions.notes import NoteKind, write_notes
from core.exceptions.service import assign
from core.identity.audit import audit
from core.kit.database import Driver, Query
from reconciliation.review.actions import Action
from reconciliation.review.errors import NoSuchColleagueError
from reconciliation.review.locking import lock_for

MAX_TEXT = 500


def require_note(text: str) -> str:
    """A reason, trimmed. Raises NoteRequiredError where there is none, NoteTooLongError."""
    tidy = text.strip()
    if not tidy:
        raise NoteRequiredError
    if len(tidy) > MAX_TEXT:
        raise NoteTooLongError(MAX_TEXT)
    return tidy


async def add_note(db: Driver, school_id: int, exception_id: int, *, actor: str, text: str) -> None:
    """Write a note; it answers where the actor was asked. Raises as `require_note`, NoSuchExceptionError."""
    words = require_note(text)
    row = await lock_for(db, school_id, exception_id, Action.NOTE, mark=None)
    is_answer = row.assigned_to == actor
    kind: NoteKind = "answer" if is_answer else "note"
    await write_notes(db, school_id, [exception_id], author=actor, text=words, kind=kind)
    if is_answer:
        await assign(db, school_id, [exception_id], None)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.answered" if is_answer else "exception.noted",
        subject=f"exception:{exception_id}",
        detail={
            "assigned_before": row.assigned_to,
            "assigned": None if is_answer else row.assigned_to,
        },
    )


async def ask_colleague(
    db: Driver, school_id: int, exception_id: int, *, actor: str, colleague: str, text: str
) -> None:
    """Ask a colleague at the school; the exception is first in their queue until they answer.

    Raises NoSuchColleagueError for oneself too, as `require_note`, NoSuchExceptionError, and
    AlreadyResolvedByError.
    """
    words = require_note(text)
    row = await lock_for(db, school_id, exception_id, Action.ASK, mark=None)
    staff = {one.username for one in await colleagues_of(db, school_id)}
    if colleague == actor or colleague not in staff:
        raise NoSuchColleagueError
    await write_notes(
        db,
        school_id,
        [exception_id],
        author=actor,
        text=words,
        kind="question",
        addressee=colleague,
    )
    await assign(db, school_id, [exception_id], colleague)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.asked",
        subject=f"exception:{exception_id}",
        detail={"assigned_before": row.assigned_to, "assigned": colleague},
    )


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of the school's staff."""

    username: str
    display_name: str


COLLEAGUES = Query(
    Colleague,
    "SELECT username, display_name FROM app_user WHERE school_id = $1"
    " ORDER BY display_name, username",
)


async def colleagues_of(db: Driver, school_id: int) -> Sequence[Colleague]:
    """The school's staff, by name."""
    return await db.fetch(COLLEAGUES, school_id)
