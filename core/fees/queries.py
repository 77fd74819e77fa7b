"""Reading fee schedules: the list, and one of them whole for whoever is to approve it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.fees.relief import Grant
from core.kit.database import Driver
from core.kit.errors import not_found


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule in a list. `invoice_count` and `total_vnd`: what was issued and is not cancelled."""

    id: int
    kind: str
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
    invoice_count: int
    total_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLine:
    """A line of a schedule with its item and payee account; `registered` counts who opted in."""

    line_no: int
    item_code: str
    name: str
    nature: str
    unit: str
    is_optional: bool
    account: str
    scope: str
    unit_price_vnd: int
    quantity: int
    period_months: int
    registered: int
    procedure_code: str
    service_code: str

    @property
    def amount_vnd(self) -> int:
        """Unit price times quantity, VND."""
        return self.unit_price_vnd * self.quantity


@dataclass(frozen=True, slots=True)
class ScheduleDetail:
    """A schedule and its lines."""

    schedule: ScheduleRow
    lines: tuple[ScheduleLine, ...]


SCHEDULES = """
SELECT f.id, f.kind, f.name, f.school_year, f.month, f.due_on, f.version, f.status, f.drafted_by, f.approved_by,
       f.approved_at, f.issued_at,
       (SELECT count(*) FROM fee_schedule_line l
         WHERE l.school_id = f.school_id AND l.fee_schedule_id = f.id) AS line_count,
       i.invoice_count, i.total_vnd
  FROM fee_schedule f
  CROSS JOIN LATERAL (SELECT count(*) AS invoice_count, coalesce(sum(total_vnd), 0)::bigint AS total_vnd
                        FROM invoice WHERE school_id = f.school_id AND fee_schedule_id = f.id
                         AND cancelled_at IS NULL) AS i
 WHERE f.school_id = $1 AND ($2::bigint IS NULL OR f.id = $2)
 ORDER BY f.status = 'issued', f.month DESC, f.id DESC LIMIT $3
"""


async def list_schedules(db: Driver, school_id: int, limit: int = 50) -> list[ScheduleRow]:
    """The school's schedules: those that wait for a person first, then the newest month."""
    return [_row(row) for row in await db.raw.fetch(SCHEDULES, school_id, None, limit)]


async def get_schedule(db: Driver, school_id: int, schedule_id: int) -> ScheduleDetail:
    """One schedule with its lines in the order of the file. Raises Problem (404)."""
    row = await db.raw.fetchrow(SCHEDULES, school_id, schedule_id, 1)
    if row is None:
        raise not_found("đợt thu này", "fee schedule")
    lines = await db.raw.fetch(
        """
        SELECT l.line_no, i.code AS item_code, i.name, i.nature, i.unit, i.is_optional,
               b.number AS account, l.scope, l.unit_price_vnd, l.quantity, l.period_months, i.procedure_code, i.service_code,
               (SELECT count(*) FROM fee_registration r WHERE r.school_id = l.school_id
                   AND r.fee_schedule_id = l.fee_schedule_id AND r.fee_item_id = l.fee_item_id) AS registered
          FROM fee_schedule_line l
          JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
          JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
         WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no
        """,
        school_id,
        schedule_id,
    )
    return ScheduleDetail(_row(row), tuple(ScheduleLine(**line) for line in lines))


async def grants_of(db: Driver, school_id: int, month: date, school_year: str) -> list[Grant]:
    """The concessions that a schedule of `month` (its first day) applies, of pupils enrolled that year.

    A month counts from the one in which a concession begins to the one in which it ends.
    """
    rows = await db.raw.fetch(
        """
        SELECT c.id, s.code AS student_code, i.code AS item_code, c.percent, c.borne_by
          FROM concession c
          JOIN student s ON s.school_id = c.school_id AND s.id = c.student_id
          JOIN enrolment e ON e.school_id = c.school_id AND e.student_id = c.student_id AND e.school_year = $3
          LEFT JOIN fee_item i ON i.school_id = c.school_id AND i.id = c.fee_item_id
         WHERE c.school_id = $1 AND $2 BETWEEN date_trunc('month', c.from_date)::date AND c.until_date
         ORDER BY c.id
        """,
        school_id,
        month,
        school_year,
    )
    return [Grant(**row) for row in rows]


def _row(row: Any) -> ScheduleRow:
    return ScheduleRow(**row)
