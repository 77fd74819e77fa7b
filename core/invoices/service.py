"""Issuing: every invoice of an approved schedule, with its lines and its postings, in one statement.

One invoice per pupil, schedule and payee account, because one QR pays one account. Issuing again makes
only what is missing (a pupil who enrolled later), so it may be repeated at any time. It never issues
what was not approved, and never charges a pupil twice for one item in one month. What a concession
takes off is not asked of the family; the State's part of it becomes what the State owes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.fees.errors import ScheduleNotFoundError
from core.fees.service import lock_fees
from core.identity.audit import audit
from core.invoices.charges import BILLS, CHARGES, WRITE, BillNumbers, Written, numbers
from core.invoices.errors import (
    ChargedBeforeError,
    NobodyToChargeError,
    NotForTheRosterError,
    ScheduleNotApprovedError,
)
from core.kit.database import Command, Driver, Query
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.ledger.service import account_of, books_of


@dataclass(frozen=True, slots=True)
class Issued:
    """What this call made, and how many invoices of the schedule were there `already`.

    total_vnd: what families are asked; conceded: what of the full price the school and the State bear.
    """

    invoices: int
    total_vnd: int
    already: int
    conceded_by_school_vnd: int = 0
    conceded_by_state_vnd: int = 0


@dataclass(frozen=True, slots=True)
class IssuableSchedule:
    """What decides whether and how a schedule is issued."""

    kind: str
    school_year: str
    month: date
    due_on: date
    status: str


# Ten minutes, room to sort a school in memory, and no nested loops (`core.fees.service.LINEAR`): to the
# transaction's end.
ALLOW_WORK = Command("""
SELECT set_config('statement_timeout', '600s', true), set_config('work_mem', '64MB', true),
       set_config('enable_nestloop', 'off', true)
""")
SCHEDULE = Query(
    IssuableSchedule,
    "SELECT kind, school_year, month, due_on, status FROM fee_schedule WHERE school_id = $1 AND id = $2",
)
COUNT_ISSUED = Query(
    int, "SELECT count(*) FROM invoice WHERE school_id = $1 AND fee_schedule_id = $2"
)
RESERVE = Query(BillNumbers, CHARGES + numbers(BILLS))
ISSUE = Query(Written, CHARGES + WRITE)
MARK_ISSUED = Command("""
UPDATE fee_schedule SET status = 'issued', issued_at = now()
 WHERE school_id = $1 AND id = $2 AND status <> 'issued'
""")

# Whether another schedule of these months charges an item of this one at all; $3 the month. Most do not:
# the pupils need not be looked at then.
SHARES_ITEMS = Query(
    bool,
    """
SELECT EXISTS (
  SELECT FROM fee_schedule f
    JOIN fee_schedule_line l ON l.school_id = f.school_id AND l.fee_schedule_id = f.id
    JOIN fee_schedule_line m ON m.school_id = l.school_id AND m.fee_item_id = l.fee_item_id
                            AND m.fee_schedule_id = $2
   WHERE f.school_id = $1 AND f.id <> $2 AND f.status = 'issued'
     AND f.month < $3::date + make_interval(months => m.period_months)
     AND $3::date < f.month + make_interval(months => l.period_months))
""",
)


@dataclass(frozen=True, slots=True)
class SecondCharge:
    """Another schedule, and how many charges of this one it has made before."""

    schedule_id: int
    name: str
    charges: int


# What stands of other schedules for the same pupil, item and month, invoice or not; $4 the month.
SECOND_CHARGE = Query(
    SecondCharge,
    f"""
{CHARGES}
SELECT f.id AS schedule_id, f.name, count(DISTINCT (charge.student_id, charge.fee_item_id)) AS charges
  FROM charge
  JOIN (SELECT v.fee_schedule_id, v.student_id, l.fee_item_id, l.period_months
          FROM invoice v JOIN invoice_line l ON l.school_id = v.school_id AND l.invoice_id = v.id
         WHERE v.school_id = $1 AND v.cancelled_at IS NULL
        UNION ALL
        SELECT fee_schedule_id, student_id, fee_item_id, period_months FROM conceded_charge
         WHERE school_id = $1 AND cancelled_at IS NULL) AS v
    ON v.student_id = charge.student_id AND v.fee_item_id = charge.fee_item_id
  JOIN fee_schedule f ON f.school_id = $1 AND f.id = v.fee_schedule_id AND f.id <> $2
   AND f.month < $4::date + make_interval(months => charge.period_months)
   AND $4::date < f.month + make_interval(months => v.period_months)
 GROUP BY f.id, f.name ORDER BY f.id LIMIT 1
""",  # noqa: S608 - a constant of this package
)


async def issue(
    db: Driver, keys: Keys, school_id: int, schedule_id: int, *, on: date, actor: str
) -> Issued:
    """Make every missing invoice of an approved schedule, dated `on` (a day in Vietnam).

    Issues in one school wait for one another. The rest of the transaction runs as `ALLOW_WORK` sets it.
    Raises ScheduleNotFoundError, ScheduleNotApprovedError, NotForTheRosterError, NobodyToChargeError, and
    ChargedBeforeError when another schedule of the month has charged the same pupils for the same item.
    """
    await db.execute(ALLOW_WORK)
    await lock_fees(db, school_id)
    schedule = await _issuable(db, school_id, schedule_id)
    charged = (school_id, schedule_id, schedule.school_year)
    already = await db.fetch_only(COUNT_ISSUED, school_id, schedule_id)
    await _refuse_second_charge(db, schedule.month, *charged)
    books = await books_of(db, school_id)
    reserved = await db.fetch(RESERVE, *charged)
    if not reserved:
        if already:
            return Issued(0, 0, already)
        raise NobodyToChargeError
    written = await db.fetch_only(
        ISSUE,
        *charged,
        [one.invoice_id for one in reserved],
        make_references([one.number for one in reserved], keys.reference),
        [one.journal_id for one in reserved],
        on,
        schedule.due_on,
        books.receivable_id,
        await account_of(db, school_id, "state_receivable"),
        [one.state_journal_id for one in reserved],
    )
    assert written.invoices <= len(reserved), "an invoice has a number of its own"
    assert written.total_vnd >= written.invoices, "an invoice asks for something"
    await db.execute(MARK_ISSUED, school_id, schedule_id)
    issued = Issued(
        written.invoices, written.total_vnd, already, written.school_vnd, written.state_vnd
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="fee_schedule.issue",
        subject=f"fee_schedule:{schedule_id}",
        detail={
            "on": str(on),
            "invoices": issued.invoices,
            "total_vnd": issued.total_vnd,
            "conceded_by_school_vnd": issued.conceded_by_school_vnd,
            "conceded_by_state_vnd": issued.conceded_by_state_vnd,
        },
    )
    return issued


async def _issuable(db: Driver, school_id: int, schedule_id: int) -> IssuableSchedule:
    schedule = await db.fetch_one(SCHEDULE, school_id, schedule_id)
    if schedule is None:
        raise ScheduleNotFoundError
    if schedule.kind != "roster":
        raise NotForTheRosterError
    if schedule.status == "drafted":
        raise ScheduleNotApprovedError
    return schedule


async def _refuse_second_charge(
    db: Driver, month: date, school_id: int, schedule_id: int, school_year: str
) -> None:
    """Nothing counts twice: a corrected file must not bill a month's item again beside the first, nor
    a month that was charged ahead."""
    if not await db.fetch_only(SHARES_ITEMS, school_id, schedule_id, month):
        return
    found = await db.fetch_one(SECOND_CHARGE, school_id, schedule_id, school_year, month)
    if found:
        raise ChargedBeforeError(found.schedule_id, found.name, found.charges)
