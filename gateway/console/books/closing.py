"""Chốt ngày, đề nghị mở lại, duyệt mở lại, and the proof on paper."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from gateway.console.books.close_panel import APPROVER
from gateway.console.books.proof import PAGE, date_or_none, day_screen
from gateway.console.books.proof_documents import (
    Paper,
    draft_paper,
    paper_of,
    proof_pdf,
    proof_xlsx,
)
from gateway.console.frame.screen import (
    HttpRequest,
    Staff,
    file_to_keep,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.context import AppContext
from reconciliation.closing.records import DayClose, find_close
from reconciliation.closing.service import close_day, draft_of, reopen_day, request_reopening

MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class DayForm:
    """A day, as the page that shows it sends it, and why."""

    day: str = ""
    note: str = ""


@post("/reconciliation/close", operation_id="console_close_day", status_code=303)
async def close(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[DayForm],
) -> Response[Any]:
    """Prove the day once more and close the books through it."""
    day = _day(data.day)
    doing = close_day(context.engine, context.keys, staff.school_id, day, actor=staff.actor)
    return await _done(request, context, staff, day, doing, "day_closed")


@post("/reconciliation/ask-to-reopen", operation_id="console_ask_to_reopen", status_code=303)
async def ask(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[DayForm],
) -> Response[Any]:
    """Ask another person to reopen the latest close."""
    day, why = _day(data.day), typed(data.note, MAX_REASON)
    doing = request_reopening(
        context.engine, context.keys, staff.school_id, day, actor=staff.actor, reason=why
    )
    return await _done(request, context, staff, day, doing, "reopen_requested")


@post("/reconciliation/reopen", operation_id="console_reopen", status_code=303)
async def reopen(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[DayForm],
) -> Response[Any]:
    """Approve what another person asked for: an approver only."""
    day = _day(data.day)
    if staff.user.role != APPROVER:
        refusal = Problem(
            "not_an_approver",
            vi="Chỉ người có vai trò duyệt mới duyệt mở lại được.",
            en="Only an approver can approve a reopening.",
            status=403,
        )
        return await day_screen(request, context, staff, day, refusal)
    doing = reopen_day(context.engine, context.keys, staff.school_id, day, actor=staff.actor)
    return await _done(request, context, staff, day, doing, "day_reopened")


async def _done(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    day: date,
    doing: Awaitable[DayClose],
    done: str,
) -> Response[Any]:
    try:
        await doing
    except DomainError as problem:
        return await day_screen(request, context, staff, day, problem)
    return goto(request, PAGE, day=day.isoformat(), done=done)


@get("/reconciliation/paper", operation_id="console_proof_paper")
async def paper(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    day: FromQuery[str] = "",
    number: FromQuery[str] = "",
    kind: FromQuery[str] = "pdf",
) -> Response[Any]:
    """The paper of a close record by its `number`, else of a day that is proved and not closed."""
    try:
        made = await _paper(context, staff, day, number)
    except DomainError as problem:
        return screen(request, "problem.html", active="proof", problem=problem)
    # off the loop: typesetting takes a while, and payments go on arriving meanwhile
    write, extension = (proof_xlsx, "xlsx") if kind == "xlsx" else (proof_pdf, "pdf")
    return file_to_keep(f"{made.name}.{extension}", await asyncio.to_thread(write, made))


async def _paper(context: AppContext, staff: Staff, day: str, number: str) -> Paper:
    async with transaction(context.engine) as db:
        if number:
            return paper_of(await find_close(db, staff.school_id, number_or_none(number) or 0))
        body = await draft_of(db, staff.school_id, _day(day))
    if body is None:
        raise Problem(
            "day_not_run",
            vi="Ngày này chưa được đối soát.",
            en="The day was not reconciled yet.",
            status=404,
        )
    return draft_paper(body)


def _day(text: str) -> date:
    day = date_or_none(text)
    if day is None:
        raise Problem("bad_date", vi="Hãy chọn một ngày.", en="Choose a day.")
    return day
