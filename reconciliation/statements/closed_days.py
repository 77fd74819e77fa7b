"""A closed day stays as it was: no file adds a line to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.kit.database import Driver
from core.kit.faults import Fault
from reconciliation.statements.reading import Line, Unread

NEW_ON_CLOSED_DAYS = """
SELECT f.row, f.day
  FROM unnest($3::int[], $4::date[], $5::text[], $6::boolean[]) AS f(row, day, identity, is_read)
 WHERE CASE WHEN f.is_read
            THEN NOT EXISTS (SELECT FROM statement_line s WHERE s.school_id = $1 AND s.bank_account_id = $2
                                AND s.identity = f.identity)
            ELSE NOT EXISTS (SELECT FROM exception e WHERE e.school_id = $1 AND e.reason = 'unreadable_line'
                                AND e.identity = f.identity) END
 ORDER BY f.row LIMIT 1
"""


async def fault_of_closed_day(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    lines: Sequence[Line],
    unread: Sequence[Unread],
) -> tuple[Fault, ...]:
    """The first row of a statement that would add money to a closed day; lines known before may stand there."""
    locked: date | None = await db.raw.fetchval(
        "SELECT books_locked_until FROM school WHERE id = $1", school_id
    )
    if locked is None:
        return ()
    rows = [
        (line.row, line.posted_on, line.identity, True)
        for line in lines
        if line.posted_on <= locked
    ]
    rows += [
        (row.row, row.posted_on, row.identity, False)
        for row in unread
        if row.net_vnd and row.posted_on <= locked
    ]
    found = await db.raw.fetchrow(
        NEW_ON_CLOSED_DAYS,
        school_id,
        bank_account_id,
        *([row[column] for row in rows] for column in range(4)),
    )
    if found is None:
        return ()
    return (
        Fault(
            code="day_closed",
            vi=f"sổ đã chốt đến hết ngày {locked:%d/%m/%Y} mà dòng này là dòng mới: hãy mở lại ngày đã chốt trước.",
            en=f"the books are closed through {locked.isoformat()} and this line is new: reopen the day first.",
            row=found["row"],
            column="date",
            value=f"{found['day']:%d/%m/%Y}",
        ),
    )
