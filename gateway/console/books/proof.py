"""Đối soát: the proof of a day, account by account, and the four states of its payments.

A run happens inside the request: one day of one school takes seconds, and another run of the same
school is refused while it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from core.invoices.payment_states import state_figures
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.statistics.days import day_proofs, day_statuses
from gateway.console.books.close_panel import close_panel
from gateway.console.errors import DayMissingError
from gateway.console.frame.actions import in_transaction, refusals_shown_on
from gateway.console.frame.forms import CENTURY, date_or_none
from gateway.console.frame.screen import Page, goto, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.jobs.progress import reconciliation_runs, run_reconciliation

PAGE: Final = "/console/reconciliation"
STRIP_DAYS: Final = 14
WATCH_EVERY_S: Final = 3


@dataclass(frozen=True, slots=True)
class DayForm:
    """A day, as the page that shows it sends it, and why."""

    day: str = ""
    note: str = ""

    def chosen(self) -> date:
        """The day. Raises DayMissingError."""
        day = date_or_none(self.day, CENTURY)
        if day is None:
            raise DayMissingError
        return day


@get("/reconciliation", operation_id="console_reconciliation")
@in_transaction
async def show_day(
    request: ConsoleRequest, db: Driver, day: FromQuery[str] = "", watch: FromQuery[str] = ""
) -> Page:
    """One day: its proofs and its payments by state; today unless chosen. `watch`: again every few seconds."""
    return await _day_screen(request, db, day, watch=bool(watch))


@in_transaction
async def show_day_again(request: ConsoleRequest, db: Driver, data: DayForm) -> Page:
    """The page of the day that a form named, or of today."""
    return await _day_screen(request, db, data.day)


@post("/reconciliation", operation_id="console_reconcile", status_code=303)
@refusals_shown_on(show_day_again)
async def run_day(request: ConsoleRequest, data: URLEncodedBody[DayForm]) -> Redirect:
    """Run the night for a day, then show it."""
    day = data.chosen()
    await run_reconciliation(request.context.engine, request.school_id, day, worker="console")
    return goto(request, PAGE, day=day.isoformat(), done="reconciled")


async def _day_screen(
    request: ConsoleRequest, db: Driver, chosen: str, *, watch: bool = False
) -> Page:
    school_id, today = request.school_id, business_date(now_utc())
    day = date_or_none(chosen, CENTURY) or today
    last = min(today, max(day, today - timedelta(days=STRIP_DAYS - 1), day + timedelta(days=6)))
    statuses = await day_statuses(db, school_id, last, STRIP_DAYS)
    runs = await reconciliation_runs(db, school_id, day)
    is_watching = watch and any(run.is_unfinished for run in runs)
    return screen(
        request,
        "reconciliation.html",
        active="proof",
        day=day,
        today=today,
        statuses=list(reversed(statuses)),
        proofs=await day_proofs(db, school_id, day),
        states=await state_figures(db, school_id, day),
        runs=runs,
        is_watching=is_watching,
        closing=await close_panel(db, request.staff.user, day),
        headers={"refresh": str(WATCH_EVERY_S)} if is_watching else {},
    )
