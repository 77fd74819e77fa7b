"""A closed day stays as it was: no file adds a line to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.texts import msg
from reconciliation.statements.reading import UnreadRow, ValidatedLine


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row of a file that no earlier file brought."""

    row: int
    day: date


LOCKED_UNTIL = Query(date, "SELECT books_locked_until FROM school WHERE id = $1")

NEW_ON_CLOSED_DAYS = Query(
    NewRow,
    """
SELECT f.row, f.day
  FROM unnest($3::int[], $4::date[], $5::text[], $6::boolean[]) AS f(row, day, identity, is_read)
 WHERE CASE WHEN f.is_read
            THEN NOT EXISTS (SELECT FROM statement_line s WHERE s.school_id = $1 AND s.bank_account_id = $2
                                AND s.identity = f.identity)
            ELSE NOT EXISTS (SELECT FROM exception e WHERE e.school_id = $1 AND e.reason = 'unreadable_line'
                                AND e.identity = f.identity) END
 ORDER BY f.row LIMIT 1
""",
)


async def locked_until(db: Driver, school_id: int) -> date | None:
    """The last day through which the books of a school are closed, or None."""
    return await db.fetch_value(LOCKED_UNTIL, school_id)


async def fault_of_closed_day(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    lines: Sequence[ValidatedLine],
    unread: Sequence[UnreadRow],
) -> tuple[Fault, ...]:
    """The first row of a statement that would add money to a closed day; lines known before may be of one."""
    locked = await locked_until(db, school_id)
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
    found = await db.fetch_one(
        NEW_ON_CLOSED_DAYS,
        school_id,
        bank_account_id,
        *([row[column] for row in rows] for column in range(4)),
    )
    if found is None:
        return ()
    text = msg(
        "sổ đã chốt đến hết ngày {day:date} mà dòng này là dòng mới: hãy mở lại ngày đã chốt trước.",
        day=locked,
    )
    return (fault("day_closed", text, row=found.row, column="date", value=f"{found.day:%d/%m/%Y}"),)
