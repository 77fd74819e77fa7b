"""A fee schedule on its way: drafted by one person, approved by another, issued as invoices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.fees.queries import get_schedule
from core.fees.service import approve_schedule
from core.invoices.schedule_totals import total_schedule
from core.invoices.service import issue
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from core.statistics.queries import issued_schedules
from gateway.console.frame.screen import HttpRequest, RowId, Staff, goto, number_or_none, screen
from gateway.context import AppContext

APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class ApproveForm:
    """The version that the approver was shown."""

    version: str = ""


@get("/schedules/{schedule_id:int}", operation_id="console_schedule")
async def show_schedule(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    schedule_id: RowId,
) -> Response[Any]:
    """One schedule: its lines and what may be done with it now."""
    return await _schedule_screen(request, context, staff, schedule_id)


@post("/schedules/{schedule_id:int}/approve", operation_id="console_approve", status_code=303)
async def approve(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    schedule_id: RowId,
    data: URLEncodedBody[ApproveForm],
) -> Response[Any]:
    """Approve what is shown: an approver, and not whoever drafted it."""
    if staff.user.role != APPROVER:
        refusal = Problem(
            "not_an_approver",
            vi="Chỉ người có vai trò duyệt mới duyệt được đợt thu.",
            en="Only an approver can approve a schedule.",
            status=403,
        )
        return await _schedule_screen(request, context, staff, schedule_id, refusal)
    try:
        async with transaction(context.engine) as db:
            await approve_schedule(
                db,
                staff.school_id,
                schedule_id,
                actor=staff.actor,
                version=number_or_none(data.version),
            )
    except DomainError as problem:
        return await _schedule_screen(request, context, staff, schedule_id, problem)
    return goto(request, f"/console/schedules/{schedule_id}", done="approved")


@post("/schedules/{schedule_id:int}/issue", operation_id="console_issue", status_code=303)
async def issue_invoices(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    schedule_id: RowId,
) -> Response[Any]:
    """Create the invoices of an approved schedule, today."""
    try:
        async with transaction(context.engine) as db:
            await issue(
                db,
                context.keys,
                staff.school_id,
                schedule_id,
                on=business_date(now_utc()),
                actor=staff.actor,
            )
    except DomainError as problem:
        return await _schedule_screen(request, context, staff, schedule_id, problem)
    return goto(request, f"/console/schedules/{schedule_id}", done="issued")


async def _schedule_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    schedule_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        detail = await get_schedule(db, staff.school_id, schedule_id)
        issued = await issued_schedules(db, staff.school_id)
        reckoning = None
        if detail.schedule.kind == "roster":
            year = detail.schedule.school_year
            reckoning = await total_schedule(db, staff.school_id, schedule_id, year)
    return screen(
        request,
        "schedule.html",
        active="imports",
        problem=problem,
        schedule=detail.schedule,
        lines=detail.lines,
        reckoning=reckoning,
        figures=next((one for one in issued if one.schedule_id == schedule_id), None),
        may_approve=staff.user.role == APPROVER and staff.actor != detail.schedule.drafted_by,
    )
