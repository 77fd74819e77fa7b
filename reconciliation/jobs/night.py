"""The night of one school and one day: match, heal, list, open the books, prove, and sign the result.

First what was charged ahead becomes income up to the day, on its own. Then one transaction: a night
that fails leaves nothing. Running it again changes nothing and gives the same hash.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.income_recognition import release_income
from core.kit.database import borrowed, transaction
from core.kit.locks import lock_reconciliation, unless_busy
from core.payments.ingest.group_commit import announce_paid
from reconciliation.closing.closed_days import ClosedNight, closed_night
from reconciliation.matching.pairing import Progress
from reconciliation.matching.reconcile import TIMEOUT_S, reconcile_until, say_nothing
from reconciliation.proof.day import DayResult, prove_day, refuse_future


async def reconcile(
    engine: AsyncEngine, school_id: int, day: date, *, on_progress: Progress | None = None
) -> DayResult:
    """Reconcile a school up to business date `day` and prove that day.

    Lines of earlier days that are still open are matched too. A day that a person closed stays as it
    was closed: its result is given again. Raises Problem: 422 for a day in the
    future, 409 while another night or import of the school is under way, or its fees are issued.
    """
    refuse_future(day)
    with unless_busy():
        return await _run(engine, school_id, day, on_progress or say_nothing)


async def _run(engine: AsyncEngine, school_id: int, day: date, tell: Progress) -> DayResult:
    # a transaction of its own: issuing waits for it, and need not for the night
    async with transaction(engine) as db:
        await db.raw.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
        await release_income(db, school_id, day)
    async with transaction(engine) as db:
        await db.raw.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
        await lock_reconciliation(db, school_id)
        closed = await closed_night(db, school_id, day)
        if closed is not None:
            return _as_closed(day, closed)
        settled = await reconcile_until(db, school_id, day, tell)
        result = await prove_day(db, school_id, day, settled.created, tell)
    if settled.touched:
        async with borrowed(engine) as db:
            await announce_paid(db, settled.touched)
    return result


def _as_closed(day: date, closed: ClosedNight) -> DayResult:
    """The result that a person closed: nothing of it is computed again."""
    return DayResult(
        day=day,
        proofs=closed.proofs,
        matches=closed.matches,
        exceptions=closed.exceptions,
        created=0,
        result_hash=closed.result_hash,
    )
