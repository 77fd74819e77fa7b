"""The reconciliation of one school and one day: match, record what was lost, list, open the books, prove.

First what was charged ahead becomes income up to the day, on its own. Then one transaction: a run that
fails leaves nothing. Running it again changes nothing and gives the same hash.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.income_recognition import release_income
from core.kit.database import borrowed, transaction
from core.kit.locks import lock_reconciliation, unless_busy
from core.payments.ingest.group_commit import announce_paid
from reconciliation.closing.closed_days import closed_result
from reconciliation.matching.pairing import Progress, no_progress
from reconciliation.matching.reconcile import ALLOW_LONG_STATEMENTS, reconcile_until
from reconciliation.proof.day import DayResult, prove_day, require_past


async def reconcile(
    engine: AsyncEngine, school_id: int, day: date, *, on_progress: Progress = no_progress
) -> DayResult:
    """Reconcile a school up to business date `day` and prove that day.

    Lines of earlier days that are still open are matched too. A day that was closed stays as it was: its
    result is given again. Raises FutureDayError for a day to come, ReconciliationUnderWayError while another
    run or import of the school is under way, SchoolBusyError while its fees are issued.
    """
    require_past(day)
    with unless_busy():
        return await _run(engine, school_id, day, on_progress)


async def _run(engine: AsyncEngine, school_id: int, day: date, on_progress: Progress) -> DayResult:
    # a transaction of its own: issuing fees waits for it, and need not wait for the rest
    async with transaction(engine) as db:
        await db.execute(ALLOW_LONG_STATEMENTS)
        await release_income(db, school_id, day)
    async with transaction(engine) as db:
        await db.execute(ALLOW_LONG_STATEMENTS)
        await lock_reconciliation(db, school_id)
        closed = await closed_result(db, school_id, day)
        if closed is not None:
            return closed
        reconciled = await reconcile_until(db, school_id, day, on_progress)
        result = await prove_day(db, school_id, day, reconciled.created, on_progress)
    if reconciled.touched:
        async with borrowed(engine) as db:
            await announce_paid(db, reconciled.touched)
    return result
