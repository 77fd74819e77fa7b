"""One at a time: whatever reads or settles a school's statements takes its turn first.

A night that overlapped an import, or another night, could prove a day that was never whole. The turn
ends with the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from core.kit.database import Driver
from core.kit.errors import Problem


async def lock_reconciliation(db: Driver, school_id: int) -> None:
    """Wait until no other import or night of the school is under way.

    Raises Problem (409) after the connection's lock timeout.
    """
    try:
        await db.raw.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('hocphi.night:' || $1::text, 0))",
            str(school_id),
        )
    except asyncpg.LockNotAvailableError as error:
        raise Problem(
            "night_under_way",
            vi="Trường đang được đối soát hoặc nhập sao kê; hãy thử lại sau ít phút.",
            en="A reconciliation or an import of this school is under way; try again in a few minutes.",
            status=409,
        ) from error


@contextmanager
def unless_busy() -> Iterator[None]:
    """Raises Problem (409) where somebody else holds the school's rows for too long."""
    try:
        yield
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise Problem(
            "school_busy",
            vi="Trường đang ghi sổ nhiều khoản; chưa có gì thay đổi, hãy thử lại sau ít phút.",
            en="The school's books are busy; nothing has changed, try again in a few minutes.",
            status=409,
        ) from error
