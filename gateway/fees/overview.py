"""Fee schedules as the school's staff look at them: where each stands and what it charges. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from gateway.kit.database import Driver
from gateway.kit.problem import not_found

MAX_SCHEDULES = 50
MAX_LINES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """One schedule in the list. `status`: drafted, approved or issued."""

    id: int
    name: str
    school_year: str
    month: date
    due_on: date
    version: int
    status: str
    drafted_by: str
    approved_by: str | None
    approved_at: datetime | None
    issued_at: datetime | None
    line_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLine:
    """One charge. `scope`: "all", "grade:3" or "class:3A"; amounts in VND."""

    item_code: str
    item_name: str
    nature: str
    unit: str
    is_optional: bool
    scope: str
    account_number: str
    unit_price_vnd: int
    quantity: int

    @property
    def amount_vnd(self) -> int:
        """Price times quantity, VND."""
        return self.unit_price_vnd * self.quantity


_SCHEDULE = """
SELECT f.id, f.name, f.school_year, f.month, f.due_on, f.version, f.status, f.drafted_by,
       f.approved_by, f.approved_at, f.issued_at,
       (SELECT count(*) FROM fee_schedule_line l
         WHERE l.school_id = f.school_id AND l.fee_schedule_id = f.id) AS line_count
  FROM fee_schedule f WHERE f.school_id = $1
"""


async def schedules_of(db: Driver, school_id: int) -> list[ScheduleRow]:
    """The newest `MAX_SCHEDULES` schedules, those that wait for a person first."""
    rows = await db.fetch(
        f"{_SCHEDULE} ORDER BY f.status = 'issued', f.month DESC, f.id DESC LIMIT $2",
        school_id,
        MAX_SCHEDULES,
    )
    return [ScheduleRow(**dict(row)) for row in rows]


async def schedule_detail(
    db: Driver, school_id: int, schedule_id: int
) -> tuple[ScheduleRow, list[ScheduleLine]]:
    """One schedule and its lines. Raises Problem (404) when the school has none such."""
    row = await db.fetchrow(f"{_SCHEDULE} AND f.id = $2", school_id, schedule_id)
    if row is None:
        raise not_found("bảng thu này", "fee schedule")
    lines = await db.fetch(
        """
        SELECT i.code AS item_code, i.name AS item_name, i.nature, i.unit, i.is_optional, l.scope,
               b.number AS account_number, l.unit_price_vnd, l.quantity
          FROM fee_schedule_line l
          JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
          JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
         WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no LIMIT $3
        """,
        school_id,
        schedule_id,
        MAX_LINES,
    )
    return ScheduleRow(**dict(row)), [ScheduleLine(**dict(line)) for line in lines]
