"""Hôm nay: what came in, what is still due, what waits for a person."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.statistics.channels import attention_of
from core.statistics.queries import (
    class_figures,
    day_figures,
    issued_schedules,
    recent_payments,
)
from gateway.console.books.chart import draw
from gateway.console.frame.screen import HttpRequest, Staff, screen
from gateway.context import AppContext
from reconciliation.review.queue import asked_of
from reconciliation.settlements.terms import late_settlements


@get("/", operation_id="console_today")
async def show_today(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    schedule: FromQuery[int | None] = None,
) -> Response[Any]:
    """Today's figures, one schedule's standing and the last payments.

    Unless one is chosen it is the newest that is charged to the roster, else the newest service.
    """
    today = business_date(now_utc())
    async with transaction(context.engine) as db:
        day = await day_figures(db, staff.school_id, today)
        schedules = await issued_schedules(db, staff.school_id)
        chosen = next((one for one in schedules if one.schedule_id == schedule), None)
        newest = sorted(schedules, key=lambda one: one.kind != "roster")
        chosen = chosen or (newest[0] if newest else None)
        classes = await class_figures(db, staff.school_id, chosen.schedule_id) if chosen else []
        payments = await recent_payments(db, staff.school_id)
        attention = await attention_of(db, staff.school_id, today)
        asked_count = await asked_of(db, staff.school_id, staff.actor)
        late = await late_settlements(db, staff.school_id, today)
    return screen(
        request,
        "today.html",
        active="today",
        today=today,
        day=day,
        schedules=schedules,
        chosen=chosen,
        classes=classes,
        chart=draw(classes),
        payments=payments,
        attention=attention,
        asked_count=asked_count,
        late=late,
    )
