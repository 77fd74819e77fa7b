"""What people say about an exception: notes, reasons of decisions, a question to a colleague and its answer.

Append-only: nothing that was said is changed. What is said may name a pupil, so it never goes into the
audit chain, which keeps only that it was said, by whom and to whom.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.exceptions.notes import write_notes
from core.exceptions.service import assign
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem
from reconciliation.review.actions import Action
from reconciliation.review.exceptions import lock_for

MAX_TEXT = 500


def said(text: str) -> str:
    """A reason, trimmed. Raises Problem (422) where there is none, or one too long."""
    tidy = text.strip()
    if not tidy:
        raise Problem("note_required", vi="Hãy ghi lý do.", en="Say why in the note.", status=422)
    if len(tidy) > MAX_TEXT:
        raise Problem(
            "note_too_long",
            vi=f"Ghi chú có tối đa {MAX_TEXT} ký tự.",
            en=f"A note has at most {MAX_TEXT} characters.",
            status=422,
        )
    return tidy


async def add_note(db: Driver, school_id: int, exception_id: int, *, actor: str, text: str) -> None:
    """Say something; whoever was asked has answered with it. Raises Problem: 404, 422 without words."""
    words = said(text)
    row = await lock_for(db, school_id, exception_id, Action.NOTE, mark=None)
    is_answer = row.assigned_to == actor
    await write_notes(
        db,
        school_id,
        [exception_id],
        author=actor,
        text=words,
        kind="answer" if is_answer else "note",
    )
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
    """Ask a colleague at the school; the exception stands first in their queue until they answer.

    Raises Problem: 404, 409 when it is resolved, 422 without words or for somebody who is not there,
    or oneself.
    """
    words = said(text)
    row = await lock_for(db, school_id, exception_id, Action.ASK, mark=None)
    if colleague == actor or colleague not in {
        name for name, _ in await colleagues_of(db, school_id)
    }:
        raise Problem(
            "no_such_colleague",
            vi="Hãy chọn một đồng nghiệp của trường.",
            en="Choose a colleague at the school.",
            status=422,
        )
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


async def colleagues_of(db: Driver, school_id: int) -> Sequence[tuple[str, str]]:
    """(username, display name) of the school's staff, by name."""
    rows = await db.raw.fetch(
        "SELECT username, display_name FROM app_user WHERE school_id = $1 ORDER BY display_name, username",
        school_id,
    )
    return [(row["username"], row["display_name"]) for row in rows]
