"""Locks of a school: one import or one reconciliation at a time.

A reconciliation that overlapped an import, or another reconciliation, could prove a day that was never
whole. Locks end with the caller's transaction; they must never be taken outside of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from core.kit.database import Command, Driver
from core.kit.errors import ReconciliationUnderWayError, SchoolBusyError

LOCK_RECONCILIATION = Command(
    "SELECT pg_advisory_xact_lock(hashtextextended('hocphi.reconciliation:' || $1::text, 0))"
)


async def lock_reconciliation(db: Driver, school_id: int) -> None:
    """Wait until no other import or reconciliation of the school is under way.

    Raises ReconciliationUnderWayError after the connection's lock timeout.
    """
    try:
        await db.execute(LOCK_RECONCILIATION, str(school_id))
    except asyncpg.LockNotAvailableError as error:
        raise ReconciliationUnderWayError from error


@contextmanager
def unless_busy() -> Iterator[None]:
    """Raises SchoolBusyError where somebody else holds the school's rows for too long."""
    try:
        yield
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise SchoolBusyError from error
