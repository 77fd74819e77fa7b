"""Đối soát: the proof of a day, account by account, and the four states of its payments.

A run happens inside the request: one day of one school takes seconds, and another run of the same
school is refused while it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from core.invoices.payment_states import state_figures
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from core.statistics.days import day_proofs, day_statuses
from gateway.console.books.close_panel import closing_of
from gateway.console.frame.screen import HttpRequest, Staff, goto, screen
from gateway.context import AppContext
from reconciliation.jobs.progress import reconciliation_runs, run_reconciliation

PAGE: Final = "/console/reconciliation"
STRIP_DAYS: Final = 14
WATCH_EVERY_S: Final = 3


@dataclass(frozen=True, slots=True)
class RunForm:
    """The day to reconcile, as a date field sends it: 2026-09-10."""

    day: str = ""


@get("/reconciliation", operation_id="console_reconciliation")
async def show_day(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    day: FromQuery[str] = "",
    watch: FromQuery[str] = "",
) -> Response[Any]:
    """One day: its proofs and its payments by state; today unless chosen. `watch`: again every few seconds."""
    chosen = date_or_none(day) or business_date(now_utc())
    return await day_screen(request, context, staff, chosen, watch=bool(watch))


@post("/reconciliation", operation_id="console_reconcile", status_code=303)
async def run_day(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[RunForm],
) -> Response[Any]:
    """Reconcile a day, then show it."""
    chosen = date_or_none(data.day)
    if chosen is None:
        problem = Problem("bad_date", vi="Hãy chọn một ngày.", en="Choose a day.")
        return await day_screen(request, context, staff, business_date(now_utc()), problem)
    try:
        await run_reconciliation(context.engine, staff.school_id, chosen, worker="console")
    except DomainError as problem:
        return await day_screen(request, context, staff, chosen, problem)
    return goto(request, PAGE, day=chosen.isoformat(), done="reconciled")


async def day_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    day: date,
    problem: DomainError | None = None,
    *,
    watch: bool = False,
) -> Response[Any]:
    """The page of a day; `problem`: why something was refused on it."""
    today = business_date(now_utc())
    last = min(today, max(day, today - timedelta(days=STRIP_DAYS - 1), day + timedelta(days=6)))
    async with transaction(context.engine) as db:
        statuses = await day_statuses(db, staff.school_id, last, STRIP_DAYS)
        proofs = await day_proofs(db, staff.school_id, day)
        states = await state_figures(db, staff.school_id, day)
        runs = await reconciliation_runs(db, staff.school_id, day)
        closing = await closing_of(db, staff.user, day)
    is_watching = watch and any(run.is_unfinished for run in runs)
    return screen(
        request,
        "reconciliation.html",
        active="proof",
        problem=problem,
        day=day,
        today=today,
        statuses=list(reversed(statuses)),
        proofs=proofs,
        states=states,
        runs=runs,
        is_watching=is_watching,
        closing=closing,
        headers={"refresh": str(WATCH_EVERY_S)} if is_watching else {},
    )


def date_or_none(text: str) -> date | None:
    """A date field; None for anything that is no day between 2000 and 2100."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None
