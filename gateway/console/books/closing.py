"""Chốt ngày, đề nghị mở lại, duyệt mở lại, and the proof of a day as a document."""

from __future__ import annotations

import asyncio
from typing import Final

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from core.identity.service import Role
from core.kit.database import transaction
from gateway.console.books.proof import PAGE, DayForm, show_day_again
from gateway.console.books.proof_documents import (
    ProofDocument,
    document_of,
    draft_document,
    proof_pdf,
    proof_xlsx,
)
from gateway.console.errors import (
    DayMissingError,
    DayNotReconciledError,
    ReopeningApprovalError,
)
from gateway.console.frame.actions import refusals_shown_on
from gateway.console.frame.forms import number_or_none, typed
from gateway.console.frame.screen import Page, file_to_keep, goto, screen
from gateway.console.frame.session import ConsoleRequest, only
from reconciliation.closing.records import find_close
from reconciliation.closing.service import close_day, draft_of, reopen_day, request_reopening

MAX_REASON: Final = 300


@post("/reconciliation/close", operation_id="console_close_day", status_code=303)
@refusals_shown_on(show_day_again, unless=(DayMissingError,))
async def close(request: ConsoleRequest, data: URLEncodedBody[DayForm]) -> Redirect:
    """Prove the day once more and close the books through it."""
    context, day = request.context, data.chosen()
    await close_day(context.engine, context.keys, request.school_id, day, actor=request.actor)
    return goto(request, PAGE, day=day.isoformat(), done="day_closed")


@post("/reconciliation/ask-to-reopen", operation_id="console_ask_to_reopen", status_code=303)
@refusals_shown_on(show_day_again, unless=(DayMissingError,))
async def ask(request: ConsoleRequest, data: URLEncodedBody[DayForm]) -> Redirect:
    """Ask another person to reopen the latest close."""
    context, day = request.context, data.chosen()
    await request_reopening(
        context.engine,
        context.keys,
        request.school_id,
        day,
        actor=request.actor,
        reason=typed(data.note, MAX_REASON),
    )
    return goto(request, PAGE, day=day.isoformat(), done="reopen_requested")


@post(
    "/reconciliation/reopen",
    operation_id="console_reopen",
    status_code=303,
    guards=[only(Role.APPROVER, ReopeningApprovalError)],
)
@refusals_shown_on(show_day_again, unless=(DayMissingError,))
async def reopen(request: ConsoleRequest, data: URLEncodedBody[DayForm]) -> Redirect:
    """Approve what another person asked for."""
    context, day = request.context, data.chosen()
    await reopen_day(context.engine, context.keys, request.school_id, day, actor=request.actor)
    return goto(request, PAGE, day=day.isoformat(), done="day_reopened")


async def _show_refusal(request: ConsoleRequest) -> Page:
    return screen(request, "problem.html", active="proof")


@get("/reconciliation/paper", operation_id="console_proof_document")
@refusals_shown_on(_show_refusal)
async def download_proof(
    request: ConsoleRequest,
    day: FromQuery[str] = "",
    number: FromQuery[str] = "",
    kind: FromQuery[str] = "pdf",
) -> Page:
    """The document of a close record by its `number`, else of a day that is proved and not closed."""
    made = await _document(request, day, number)
    # off the loop: typesetting takes a while, and payments go on arriving meanwhile
    write, extension = (proof_xlsx, "xlsx") if kind == "xlsx" else (proof_pdf, "pdf")
    return file_to_keep(f"{made.name}.{extension}", await asyncio.to_thread(write, made))


async def _document(request: ConsoleRequest, day: str, number: str) -> ProofDocument:
    async with transaction(request.context.engine) as db:
        if number:
            record = await find_close(db, request.school_id, number_or_none(number) or 0)
            return document_of(record)
        body = await draft_of(db, request.school_id, DayForm(day=day).chosen())
    if body is None:
        raise DayNotReconciledError
    return draft_document(body)
