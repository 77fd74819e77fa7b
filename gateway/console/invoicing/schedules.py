"""A fee schedule on its way: drafted by one person, approved by another, issued as invoices."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from core.fees.queries import get_schedule
from core.fees.service import approve_schedule
from core.identity.service import Role
from core.invoices.schedule_totals import total_schedule
from core.invoices.service import issue
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.statistics.queries import issued_schedules
from gateway.console.errors import ScheduleApprovalError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import number_or_none
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest, only


@dataclass(frozen=True, slots=True)
class ApproveForm:
    """The version that the approver was shown."""

    version: str = ""


@get("/schedules/{schedule_id:int}", operation_id="console_schedule")
@in_transaction
async def show_schedule(request: ConsoleRequest, db: Driver, schedule_id: RowId) -> Page:
    """One schedule: its lines and what may be done with it now."""
    detail = await get_schedule(db, request.school_id, schedule_id)
    issued = await issued_schedules(db, request.school_id)
    totals = None
    if detail.schedule.kind == "roster":
        year = detail.schedule.school_year
        totals = await total_schedule(db, request.school_id, schedule_id, year)
    return screen(
        request,
        "schedule.html",
        active="imports",
        schedule=detail.schedule,
        lines=detail.lines,
        totals=totals,
        figures=next((one for one in issued if one.schedule_id == schedule_id), None),
        may_approve=request.is_approver and request.actor != detail.schedule.drafted_by,
    )


@post(
    "/schedules/{schedule_id:int}/approve",
    operation_id="console_approve",
    status_code=303,
    guards=[only(Role.APPROVER, ScheduleApprovalError)],
)
@action(refused_on=show_schedule)
async def approve(
    request: ConsoleRequest, db: Driver, schedule_id: RowId, data: URLEncodedBody[ApproveForm]
) -> Redirect:
    """Approve what is shown: an approver, and not whoever drafted it."""
    version = number_or_none(data.version)
    await approve_schedule(db, request.school_id, schedule_id, actor=request.actor, version=version)
    return goto(request, f"/console/schedules/{schedule_id}", done="approved")


@post("/schedules/{schedule_id:int}/issue", operation_id="console_issue", status_code=303)
@action(refused_on=show_schedule)
async def issue_invoices(request: ConsoleRequest, db: Driver, schedule_id: RowId) -> Redirect:
    """Create the invoices of an approved schedule, today."""
    keys, today = request.context.keys, business_date(now_utc())
    await issue(db, keys, request.school_id, schedule_id, on=today, actor=request.actor)
    return goto(request, f"/console/schedules/{schedule_id}", done="issued")
