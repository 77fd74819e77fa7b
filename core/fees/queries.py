"""Reading fee schedules: the list, one of them whole, and what a file of fees is compared with. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from core.fees.checks import KnownItem, SchoolFacts
from core.fees.errors import ScheduleNotFoundError
from core.fees.relief import Grant
from core.fees.schedule import ScheduleFile
from core.fees.scopes import SchoolClass
from core.kit.database import Driver, Query


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


@dataclass(frozen=True, slots=True)
class ScheduleVersion:
    """A schedule by its id, and the version that it is in."""

    schedule_id: int
    version: int


_SCHEDULES = """
SELECT f.id, f.kind, f.name, f.school_year, f.month, f.due_on, f.version, f.status, f.drafted_by, f.approved_by,
       f.approved_at, f.issued_at,
       (SELECT count(*) FROM fee_schedule_line l
         WHERE l.school_id = f.school_id AND l.fee_schedule_id = f.id) AS line_count,
       i.invoice_count, i.total_vnd
  FROM fee_schedule f
  CROSS JOIN LATERAL (SELECT count(*) AS invoice_count, coalesce(sum(total_vnd), 0)::bigint AS total_vnd
                        FROM invoice WHERE school_id = f.school_id AND fee_schedule_id = f.id
                         AND cancelled_at IS NULL) AS i
 WHERE f.school_id = $1
"""
SCHEDULES = Query(
    ScheduleRow, f"{_SCHEDULES} ORDER BY f.status = 'issued', f.month DESC, f.id DESC LIMIT $2"
)
SCHEDULE = Query(ScheduleRow, f"{_SCHEDULES} AND f.id = $2")
SCHEDULE_LINES = Query(
    ScheduleLine,
    """
SELECT l.line_no, i.code AS item_code, i.name, i.nature, i.unit, i.is_optional, b.number AS account, l.scope,
       l.unit_price_vnd, l.quantity, l.period_months,
       (SELECT count(*) FROM fee_registration r WHERE r.school_id = l.school_id
           AND r.fee_schedule_id = l.fee_schedule_id AND r.fee_item_id = l.fee_item_id) AS registered,
       i.procedure_code, i.service_code
  FROM fee_schedule_line l
  JOIN fee_item i ON i.school_id = l.school_id AND i.id = l.fee_item_id
  JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
 WHERE l.school_id = $1 AND l.fee_schedule_id = $2 ORDER BY l.line_no
""",
)


async def list_schedules(db: Driver, school_id: int, limit: int = 50) -> list[ScheduleRow]:
    """The school's schedules: those that wait for a person first, then the newest month."""
    return await db.fetch(SCHEDULES, school_id, limit)


async def get_schedule(db: Driver, school_id: int, schedule_id: int) -> ScheduleDetail:
    """One schedule with its lines in the order of the file. Raises ScheduleNotFoundError."""
    schedule = await db.fetch_one(SCHEDULE, school_id, schedule_id)
    if schedule is None:
        raise ScheduleNotFoundError
    lines = await db.fetch(SCHEDULE_LINES, school_id, schedule_id)
    return ScheduleDetail(schedule, tuple(lines))


# a month counts from the one in which a concession begins to the one in which it ends
GRANTS = Query(
    Grant,
    """
SELECT c.id, s.code AS student_code, i.code AS item_code, c.percent, c.borne_by
  FROM concession c
  JOIN student s ON s.school_id = c.school_id AND s.id = c.student_id
  JOIN enrolment e ON e.school_id = c.school_id AND e.student_id = c.student_id AND e.school_year = $3
  LEFT JOIN fee_item i ON i.school_id = c.school_id AND i.id = c.fee_item_id
 WHERE c.school_id = $1 AND $2 BETWEEN date_trunc('month', c.from_date)::date AND c.until_date
 ORDER BY c.id
""",
)


async def grants_of(db: Driver, school_id: int, month: date, school_year: str) -> list[Grant]:
    """The concessions that a schedule of `month` (its first day) applies, of pupils enrolled that year."""
    return await db.fetch(GRANTS, school_id, month, school_year)


SAME_CONTENT = Query(
    ScheduleVersion,
    "SELECT id AS schedule_id, version FROM fee_schedule WHERE school_id = $1 AND content_hash = $2",
)
OPEN_DRAFT = Query(
    int,
    """
SELECT id FROM fee_schedule
 WHERE school_id = $1 AND name = $2 AND month = $3 AND status = 'drafted' ORDER BY id DESC LIMIT 1
""",
)


async def same_content(db: Driver, school_id: int, file: ScheduleFile) -> ScheduleVersion | None:
    """The schedule that was drafted of this very content, if there is one."""
    return await db.fetch_one(SAME_CONTENT, school_id, file.content_hash())


async def open_draft(db: Driver, school_id: int, file: ScheduleFile) -> int | None:
    """The draft of the file's name and month, if there is one."""
    return await db.fetch_value(OPEN_DRAFT, school_id, file.name, file.month)


@dataclass(frozen=True, slots=True)
class PayeeAccount:
    """A bank account of the school."""

    id: int
    number: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class StudentClass:
    """A pupil's class of a school year; None: not enrolled in it."""

    student_code: str
    class_name: str | None


CLASSES = Query(
    SchoolClass,
    """
SELECT c.name, c.grade, count(e.student_id) AS student_count
  FROM school_class c LEFT JOIN enrolment e ON e.school_id = c.school_id AND e.class_id = c.id
 WHERE c.school_id = $1 AND c.school_year = $2 AND c.kind = 'class'
 GROUP BY c.id, c.name, c.grade ORDER BY c.id
""",
)
ACCOUNTS = Query(
    PayeeAccount, "SELECT id, number, is_default FROM bank_account WHERE school_id = $1"
)
CLASS_OF = Query(
    StudentClass,
    """
SELECT s.code AS student_code, c.name AS class_name FROM student s
  LEFT JOIN enrolment e ON e.school_id = s.school_id AND e.student_id = s.id AND e.school_year = $3
  LEFT JOIN school_class c ON c.school_id = e.school_id AND c.id = e.class_id
 WHERE s.school_id = $1 AND s.code = ANY($2::text[])
""",
)
KNOWN_ITEMS = Query(
    KnownItem,
    """
SELECT i.code, i.nature, i.unit, i.bank_account_id, i.is_optional,
       EXISTS (SELECT FROM fee_schedule_line l
                 JOIN fee_schedule f ON f.school_id = l.school_id AND f.id = l.fee_schedule_id
                WHERE l.school_id = i.school_id AND l.fee_item_id = i.id
                  AND f.status <> 'drafted') AS is_settled
  FROM fee_item i WHERE i.school_id = $1 AND i.code = ANY($2::text[])
""",
)


async def school_facts(db: Driver, school_id: int, file: ScheduleFile) -> SchoolFacts:
    """Everything that the file is checked against, in four queries."""
    accounts = await db.fetch(ACCOUNTS, school_id)
    items = await db.fetch(KNOWN_ITEMS, school_id, [line.item_code for line in file.lines])
    return SchoolFacts(
        classes=tuple(await db.fetch(CLASSES, school_id, file.school_year)),
        accounts={account.number: account.id for account in accounts},
        default_account=next((one.number for one in accounts if one.is_default), ""),
        class_of=await classes_of_students(
            db, school_id, (asked.student_code for asked in file.registrations), file.school_year
        ),
        items={item.code: item for item in items},
    )


async def classes_of_students(
    db: Driver, school_id: int, student_codes: Iterable[str], school_year: str
) -> dict[str, str | None]:
    """Student code -> class of the year, None where not enrolled; codes of nobody are left out."""
    found = await db.fetch(CLASS_OF, school_id, list(student_codes), school_year)
    return {one.student_code: one.class_name for one in found}
