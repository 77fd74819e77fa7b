"""Opening, resolving and reopening exceptions, and who was asked about them; set-based, for many at once.

It writes what a caller has decided and judges nothing: who may decide, and whether the books allow it, is
asked before. Whoever resolves or reopens holds the locks of the exceptions' rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.exceptions.resolutions import MATCHED_LATER
from core.exceptions.sql import NewException, arguments, opening_given
from core.kit.database import Command, Driver

OPEN = Command(opening_given(1))

# a fact that several files show belongs to the first day that any of them gives it
OPEN_ON_FIRST_DAY = Command(
    opening_given(
        1,
        """ON CONFLICT (school_id, reason, identity) DO UPDATE
   SET business_date = least(exception.business_date, excluded.business_date)""",
    )
)

# `denied` is a person's word and stays; a withdrawn one that is true again is listed again
OPEN_OR_FOLLOW = Command(
    opening_given(
        1,
        f"""ON CONFLICT (school_id, reason, identity) DO UPDATE
   SET amount_vnd = excluded.amount_vnd, business_date = excluded.business_date,
       detail = CASE WHEN exception.detail ? 'denied'
                     THEN jsonb_set(excluded.detail, '{{denied}}', exception.detail->'denied')
                     ELSE excluded.detail END,
       resolution = NULL, resolved_by = NULL, resolved_at = NULL
 WHERE exception.resolution = '{MATCHED_LATER}'
    OR (exception.resolution IS NULL
        AND ((exception.amount_vnd, exception.business_date) IS DISTINCT FROM
             (excluded.amount_vnd, excluded.business_date)
             OR NOT exception.detail @> excluded.detail))""",
    )
)

OPEN_DENIED = Command(
    opening_given(
        1,
        """ON CONFLICT (school_id, reason, identity) DO UPDATE
   SET resolution = NULL, resolved_by = NULL, resolved_at = NULL,
       detail = jsonb_set(exception.detail, '{denied}',
                          coalesce(exception.detail->'denied', '[]') || (excluded.detail->'denied'))""",
    )
)

RESOLVE = Command("""
UPDATE exception e
   SET resolution = $3, resolved_by = $4, resolved_at = now(), note = coalesce($5, e.note),
       detail = e.detail || c.detail
  FROM unnest($2::bigint[], $6::jsonb[]) AS c(id, detail)
 WHERE e.school_id = $1 AND e.id = c.id AND e.resolved_at IS NULL
""")

REOPEN = Command("""
UPDATE exception
   SET resolution = NULL, resolved_by = NULL, resolved_at = NULL, note = coalesce($3, note),
       detail = detail - $4::text[]
 WHERE school_id = $1 AND id = ANY($2::bigint[]) AND resolved_at IS NOT NULL
""")

# `journal_id`: how a single step was kept before there could be several
RECORD_STEPS = Command("""
UPDATE exception e
   SET resolution = $5, note = $6, resolved_by = CASE WHEN $5::text IS NULL THEN NULL ELSE $7 END,
       resolved_at = CASE WHEN $5::text IS NULL THEN NULL ELSE now() END,
       assigned_to = CASE WHEN $5::text IS NULL THEN e.assigned_to END,
       invoice_id = c.invoice_id, detail = e.detail - 'journal_id' || c.detail
  FROM unnest($2::bigint[], $3::bigint[], $4::jsonb[]) AS c(id, invoice_id, detail)
 WHERE e.school_id = $1 AND e.id = c.id
""")

ASSIGN = Command(
    "UPDATE exception SET assigned_to = $3 WHERE school_id = $1 AND id = ANY($2::bigint[])"
)

STEPS: Final = "steps"
"""In an exception's detail: its own journals that stand, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What an exception's decisions have posted so far. invoice_id: what it is about from now on."""

    exception_id: int
    invoice_id: int | None
    steps: Sequence[Mapping[str, int | None]]


async def open_many(db: Driver, exceptions: Sequence[NewException]) -> int:
    """Open those that nobody has found before; how many these were."""
    return await db.execute(OPEN, *arguments(exceptions)) if exceptions else 0


async def open_on_first_day(db: Driver, exceptions: Sequence[NewException]) -> None:
    """Open those that nobody has found before; of the others, keep the earlier business date."""
    if exceptions:
        await db.execute(OPEN_ON_FIRST_DAY, *arguments(exceptions))


async def open_or_follow(db: Driver, exceptions: Sequence[NewException]) -> None:
    """Open what is found; what is open already takes the new figures, what was withdrawn opens again.

    What a person has concluded stays as it is.
    """
    if exceptions:
        await db.execute(OPEN_OR_FOLLOW, *arguments(exceptions))


async def open_denied(db: Driver, exception: NewException) -> None:
    """Open an exception, or open it again; its detail's `denied` lists what a person said it is not."""
    assert "denied" in exception.detail, "a denial says of what"
    await db.execute(OPEN_DENIED, *arguments([exception]))


async def resolve(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    resolution: str,
    *,
    actor: str,
    note: str | None = None,
    details: Mapping[int, Mapping[str, object]] | None = None,
) -> None:
    """End these open exceptions. `details`: exception -> what its detail keeps of it."""
    kept = details or {}
    ended = await db.execute(
        RESOLVE,
        school_id,
        list(exception_ids),
        resolution,
        actor,
        note,
        [json.dumps(kept.get(one, {})) for one in exception_ids],
    )
    assert ended == len(set(exception_ids)), "only what is open is resolved"


async def reopen(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    *,
    note: str | None = None,
    dropping: Sequence[str] = (),
) -> None:
    """Have these resolved exceptions wait for a person again. `dropping`: keys that their details lose."""
    opened = await db.execute(REOPEN, school_id, list(exception_ids), note, list(dropping))
    assert opened == len(set(exception_ids)), "only what is resolved is opened again"


async def record_steps(
    db: Driver,
    school_id: int,
    steps: Sequence[Steps],
    *,
    resolution: str | None,
    actor: str,
    note: str,
) -> None:
    """Write what decisions posted or took back; None: the exceptions are open from now on, or stay so.

    Where they end, nobody is asked about them any more.
    """
    written = await db.execute(
        RECORD_STEPS,
        school_id,
        [one.exception_id for one in steps],
        [one.invoice_id for one in steps],
        [json.dumps({STEPS: list(one.steps)}) for one in steps],
        resolution,
        note,
        actor,
    )
    assert written == len(steps), "steps are of exceptions of this school"


async def assign(
    db: Driver, school_id: int, exception_ids: Sequence[int], username: str | None
) -> None:
    """Set who is asked about these exceptions; None: nobody."""
    await db.execute(ASSIGN, school_id, list(exception_ids), username)
