"""Opening, resolving and reopening exceptions, and who was asked about them; set-based, for many at once.

It writes what a caller has decided and judges nothing: who may decide, and whether the books allow it, is
asked before. Whoever resolves or reopens holds the locks of the exceptions' rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from core.exceptions.details import ExceptionDetail, ExceptionSteps
from core.exceptions.resolutions import Resolution
from core.exceptions.sql import EXCEPTION, NewException, opening_given
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

# `denied` is a person's decision and is kept; a withdrawn finding that is true again is opened again
OPEN_OR_FOLLOW = Command(
    opening_given(
        1,
        f"""ON CONFLICT (school_id, reason, identity) DO UPDATE
   SET amount_vnd = excluded.amount_vnd, business_date = excluded.business_date,
       detail = CASE WHEN exception.detail ? 'denied'
                     THEN jsonb_set(excluded.detail, '{{denied}}', exception.detail->'denied')
                     ELSE excluded.detail END,
       resolution = NULL, resolved_by = NULL, resolved_at = NULL
 WHERE exception.resolution = '{Resolution.MATCHED_LATER}'
    OR (exception.resolution IS NULL
        AND ((exception.amount_vnd, exception.business_date) IS DISTINCT FROM
             (excluded.amount_vnd, excluded.business_date)
             OR NOT exception.detail @> excluded.detail))""",  # noqa: S608 - composed of constants of the tree
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

RECORD_STEPS = Command("""
UPDATE exception e
   SET resolution = NULL, resolved_by = NULL, resolved_at = NULL, note = $5,
       invoice_id = c.invoice_id, detail = e.detail || c.detail
  FROM unnest($2::bigint[], $3::bigint[], $4::jsonb[]) AS c(id, invoice_id, detail)
 WHERE e.school_id = $1 AND e.id = c.id
""")

ASSIGN = Command(
    "UPDATE exception SET assigned_to = $3 WHERE school_id = $1 AND id = ANY($2::bigint[])"
)


async def open_many(db: Driver, exceptions: Sequence[NewException]) -> int:
    """Open those that nobody has found before; how many these were."""
    return await db.execute(OPEN, *EXCEPTION.arrays(exceptions)) if exceptions else 0


async def open_on_first_day(db: Driver, exceptions: Sequence[NewException]) -> None:
    """Open those that nobody has found before; of the others, keep the earlier business date."""
    if exceptions:
        await db.execute(OPEN_ON_FIRST_DAY, *EXCEPTION.arrays(exceptions))


async def open_or_follow(db: Driver, exceptions: Sequence[NewException]) -> None:
    """Open what is found; what is open already takes the new figures, what was withdrawn opens again.

    What a person has concluded stays as it is.
    """
    if exceptions:
        await db.execute(OPEN_OR_FOLLOW, *EXCEPTION.arrays(exceptions))


async def open_denied(db: Driver, exception: NewException) -> None:
    """Open an exception, or open it again; its detail's `denied` lists what a person has ruled out."""
    assert "denied" in exception.detail, "a denial names its batch"
    await db.execute(OPEN_DENIED, *EXCEPTION.arrays([exception]))


async def resolve(
    db: Driver,
    school_id: int,
    exception_ids: Sequence[int],
    resolution: Resolution,
    *,
    actor: str,
    note: str | None = None,
    details: Mapping[int, ExceptionDetail] | None = None,
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
    db: Driver, school_id: int, steps: Sequence[ExceptionSteps], *, note: str
) -> None:
    """Write what decisions have posted, or taken back; the exceptions are open, whatever they were."""
    written = await db.execute(
        RECORD_STEPS,
        school_id,
        [one.exception_id for one in steps],
        [one.invoice_id for one in steps],
        [json.dumps(ExceptionDetail(steps=list(one.steps))) for one in steps],
        note,
    )
    assert written == len(steps), "steps are of exceptions of this school"


async def assign(
    db: Driver, school_id: int, exception_ids: Sequence[int], username: str | None
) -> None:
    """Set who is asked about these exceptions; None: nobody."""
    await db.execute(ASSIGN, school_id, list(exception_ids), username)
