"""Hồ sơ: who applied for a service, how each application stands, and where it is paid.

Applications come by the API, or as a file that is previewed and accepted with all other imports.
"""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from core.fees.queries import get_schedule
from core.kit.database import transaction
from core.kit.errors import not_found
from core.portal.queries import applications_of
from core.statistics.queries import issued_schedules
from gateway.console.frame.screen import HttpRequest, RowId, Staff, number_or_none, screen
from gateway.context import AppContext


@get("/schedules/{schedule_id:int}/applications", operation_id="console_applications")
async def show_applications(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    schedule_id: RowId,
    before: FromQuery[str] = "",
) -> Response[Any]:
    """The applications of one service, the newest first."""
    async with transaction(context.engine) as db:
        detail = await get_schedule(db, staff.school_id, schedule_id)
        if detail.schedule.kind != "application":
            raise not_found("dịch vụ này", "service")
        rows, next_before = await applications_of(
            db, staff.school_id, schedule_id, before=number_or_none(before)
        )
        issued = await issued_schedules(db, staff.school_id)
    return screen(
        request,
        "applications.html",
        active="imports",
        schedule=detail.schedule,
        lines=detail.lines,
        rows=rows,
        next_before=next_before,
        figures=next((one for one in issued if one.schedule_id == schedule_id), None),
        limit_mb=context.settings.upload_limit // (1024 * 1024),
    )
