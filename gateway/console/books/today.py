"""Hôm nay: what came in, what is still due, what waits for a person."""

from __future__ import annotations

from litestar import get
from litestar.params import FromQuery

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.statistics.channels import attention_of
from core.statistics.queries import (
    class_figures,
    day_figures,
    issued_schedules,
    recent_payments,
)
from gateway.console.books.chart import draw
from gateway.console.frame.actions import in_transaction
from gateway.console.frame.screen import Page, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.review.queue import asked_of
from reconciliation.settlements.terms import late_settlements


@get("/", operation_id="console_today")
@in_transaction
async def show_today(
    request: ConsoleRequest, db: Driver, schedule: FromQuery[int | None] = None
) -> Page:
    """Today's figures, where one schedule stands and the last payments.

    Unless one is chosen it is the newest that is charged to the roster, else the newest service.
    """
    school_id, today = request.school_id, business_date(now_utc())
    schedules = await issued_schedules(db, school_id)
    chosen = next((one for one in schedules if one.schedule_id == schedule), None)
    newest = sorted(schedules, key=lambda one: one.kind != "roster")
    chosen = chosen or (newest[0] if newest else None)
    classes = await class_figures(db, school_id, chosen.schedule_id) if chosen else []
    return screen(
        request,
        "today.html",
        active="today",
        today=today,
        day=await day_figures(db, school_id, today),
        schedules=schedules,
        chosen=chosen,
        classes=classes,
        chart=draw(classes),
        payments=await recent_payments(db, school_id),
        attention=await attention_of(db, school_id, today),
        asked_count=await asked_of(db, school_id, request.actor),
        late=await late_settlements(db, school_id, today),
    )
