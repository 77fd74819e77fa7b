"""Hồ sơ: who applied for a service, how each application stands, and where it is paid.

Applications come by the API, or as a file that is previewed and accepted with all other imports.
"""

from __future__ import annotations

from litestar import get
from litestar.params import FromQuery

from core.fees.queries import get_schedule
from core.kit.database import Driver
from core.portal.errors import ServiceNotFoundError
from core.portal.queries import applications_of
from core.statistics.queries import issued_schedules
from gateway.console.frame.actions import in_transaction
from gateway.console.frame.forms import number_or_none
from gateway.console.frame.screen import Page, RowId, screen
from gateway.console.frame.session import ConsoleRequest


@get("/schedules/{schedule_id:int}/applications", operation_id="console_applications")
@in_transaction
async def show_applications(
    request: ConsoleRequest, db: Driver, schedule_id: RowId, before: FromQuery[str] = ""
) -> Page:
    """The applications of one service, the newest first."""
    detail = await get_schedule(db, request.school_id, schedule_id)
    if detail.schedule.kind != "application":
        raise ServiceNotFoundError
    rows, next_before = await applications_of(
        db, request.school_id, schedule_id, before=number_or_none(before)
    )
    issued = await issued_schedules(db, request.school_id)
    return screen(
        request,
        "applications.html",
        active="imports",
        schedule=detail.schedule,
        lines=detail.lines,
        rows=rows,
        next_before=next_before,
        figures=next((one for one in issued if one.schedule_id == schedule_id), None),
        limit_mb=request.context.settings.upload_limit // (1024 * 1024),
    )
