"""Ngoại lệ: what a person must look at, why, and what can be done about it, one after the other.

Nothing is placed without a page that shows both sides and asks once more. What a person types to
search is posted, never put into an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from core.exceptions.notes import notes_of
from core.exceptions.reasons import Reason
from core.exceptions.resolutions import BY_WORD
from core.invoices.detail import invoice_detail
from core.invoices.search import MAX_QUERY, InvoiceFilter, InvoicePage, find_invoices
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, borrowed, transaction
from core.kit.errors import DomainError
from core.payments.ingest.group_commit import announce_paid
from gateway.console.frame.match_reasons import matched_of
from gateway.console.frame.screen import (
    HttpRequest,
    NoteForm,
    RowId,
    Staff,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.console.money.debits import debit_context
from gateway.console.money.settlements import payout_context
from gateway.context import AppContext
from reconciliation.review.actions import Action
from reconciliation.review.allocations import PostedStep, allocate_exception, suspend_exception
from reconciliation.review.bulk_preview import BulkAction
from reconciliation.review.decisions import resolve_exception
from reconciliation.review.facts import facts_of, open_by_reason
from reconciliation.review.notes import MAX_TEXT, add_note, ask_colleague, colleagues_of
from reconciliation.review.proposals import MOST, Proposal, proposals_for
from reconciliation.review.queue import (
    ExceptionRow,
    asked_of,
    find_exception,
    list_exceptions,
    neighbours,
)
from reconciliation.review.undo import undo_decision

LIST: Final = "/console/exceptions"
PAGE: Final = 50
FOUND: Final = 12

Context = Callable[[Driver, int, ExceptionRow], Awaitable[dict[str, Any]]]
CONTEXTS: Final[Mapping[str, Context]] = {
    "unexplained_debit": debit_context,
    "batch_total_mismatch": payout_context,
}
"""What the part of the screen that belongs to one reason needs beside the exception itself."""


@dataclass(frozen=True, slots=True)
class DecisionForm:
    """A decision's reason, and how the exception stood when its form was made."""

    note: str = ""
    mark: str | None = None
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class FindForm:
    """A name, a pupil's code or a reference."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class AskForm:
    """What a colleague is asked."""

    colleague: str = ""
    note: str = ""


@get("/exceptions", operation_id="console_exceptions")
async def show_exceptions(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    reason: FromQuery[str] = "",
    show: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[Any]:
    """The queue: what one was asked, then the newest day; by reason, or those resolved."""
    chosen = reason if reason in set(Reason) else None
    is_open = show != "resolved"
    async with transaction(context.engine) as db:
        rows = await list_exceptions(
            db,
            staff.school_id,
            is_open=is_open,
            reason=chosen,
            after_id=number_or_none(after),
            limit=PAGE + 1,
            viewer=staff.actor if is_open else "",
        )
        counts = await open_by_reason(db, staff.school_id)
        asked_count = await asked_of(db, staff.school_id, staff.actor)
    return screen(
        request,
        "exceptions.html",
        active="exceptions",
        rows=rows[:PAGE],
        next_after=rows[PAGE - 1].id if len(rows) > PAGE else None,
        counts=counts,
        asked_count=asked_count,
        reason=chosen,
        is_open=is_open,
        today=business_date(now_utc()),
        bulk_actions=list(BulkAction),
        most=MOST,
    )


@get("/exceptions/{exception_id:int}", operation_id="console_exception")
async def show_exception(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """One exception: what happened, what it may be for, what can be done."""
    return await exception_screen(request, context, staff, exception_id)


@post("/exceptions/{exception_id:int}/search", operation_id="console_find_for", status_code=200)
async def find_for(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[FindForm],
) -> Response[Any]:
    """The same screen with invoices found by name, code or reference."""
    return await exception_screen(
        request, context, staff, exception_id, text=typed(data.text, MAX_QUERY)
    )


@get("/exceptions/{exception_id:int}/place/{invoice_id:int}", operation_id="console_confirm_place")
async def confirm_place(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    invoice_id: RowId,
) -> Response[Any]:
    """Both sides next to each other, and what would be written."""
    return await _confirm_screen(request, context, staff, exception_id, invoice_id)


@post(
    "/exceptions/{exception_id:int}/place/{invoice_id:int}",
    operation_id="console_place",
    status_code=303,
)
async def place(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    invoice_id: RowId,
    data: URLEncodedBody[DecisionForm],
) -> Response[Any]:
    """Move the money from suspense to the invoice; the parent's page hears of it after the commit."""
    try:
        async with transaction(context.engine) as db:
            moved = await allocate_exception(
                db,
                staff.school_id,
                exception_id,
                invoice_id,
                actor=staff.actor,
                note=typed(data.note, MAX_TEXT),
                mark=data.mark,
            )
    except DomainError as problem:
        return await _confirm_screen(request, context, staff, exception_id, invoice_id, problem)
    await announce(context, staff, moved)
    return goto(request, LIST, done="placed")


@post("/exceptions/{exception_id:int}/suspend", operation_id="console_suspend", status_code=303)
async def suspend(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[DecisionForm],
) -> Response[Any]:
    """Take placed money back out: it waits for a person, and the exception stays open."""
    try:
        async with transaction(context.engine) as db:
            moved = await suspend_exception(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                note=typed(data.note, MAX_TEXT),
                mark=data.mark,
            )
    except DomainError as problem:
        return await exception_screen(request, context, staff, exception_id, problem=problem)
    await announce(context, staff, moved)
    return goto(request, f"{LIST}/{exception_id}", done="suspended")


@post("/exceptions/{exception_id:int}/resolve", operation_id="console_resolve", status_code=303)
async def resolve(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[DecisionForm],
) -> Response[Any]:
    """Close an exception with a reason; no money moves."""
    try:
        async with transaction(context.engine) as db:
            await resolve_exception(
                db,
                staff.school_id,
                exception_id,
                resolution=data.resolution,
                actor=staff.actor,
                note=typed(data.note, MAX_TEXT),
                mark=data.mark,
            )
    except DomainError as problem:
        return await exception_screen(request, context, staff, exception_id, problem=problem)
    return goto(request, LIST, done="resolved")


@post("/exceptions/{exception_id:int}/undo", operation_id="console_undo", status_code=303)
async def undo(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[DecisionForm],
) -> Response[Any]:
    """Take the last decision back by a reversal; the exception is open again."""
    try:
        async with transaction(context.engine) as db:
            moved = await undo_decision(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                reason=typed(data.note, MAX_TEXT),
                mark=data.mark,
            )
    except DomainError as problem:
        return await exception_screen(request, context, staff, exception_id, problem=problem)
    if moved:
        await announce(context, staff, moved)
    return goto(request, f"{LIST}/{exception_id}", done="undone")


@post("/exceptions/{exception_id:int}/notes", operation_id="console_note", status_code=303)
async def note(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Say something about it, or answer what one was asked."""
    try:
        async with transaction(context.engine) as db:
            text = typed(data.note, MAX_TEXT)
            await add_note(db, staff.school_id, exception_id, actor=staff.actor, text=text)
    except DomainError as problem:
        return await exception_screen(request, context, staff, exception_id, problem=problem)
    return goto(request, f"{LIST}/{exception_id}", done="noted")


@post("/exceptions/{exception_id:int}/ask", operation_id="console_ask", status_code=303)
async def ask(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[AskForm],
) -> Response[Any]:
    """Ask a colleague, who sees it first in the queue from then on."""
    try:
        async with transaction(context.engine) as db:
            await ask_colleague(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                colleague=data.colleague,
                text=typed(data.note, MAX_TEXT),
            )
    except DomainError as problem:
        return await exception_screen(request, context, staff, exception_id, problem=problem)
    return goto(request, f"{LIST}/{exception_id}", done="asked")


async def announce(context: AppContext, staff: Staff, moved: PostedStep) -> None:
    """Tell the parents' pages, after the commit, that their invoices stand otherwise now."""
    async with borrowed(context.engine) as db:
        await announce_paid(db, frozenset((staff.school_id, one) for one in moved.invoice_ids))


async def exception_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    *,
    problem: DomainError | None = None,
    text: str | None = None,
) -> Response[Any]:
    """One exception with all that can be done about it; `text`: what invoices are looked for."""
    today = business_date(now_utc())
    found: InvoicePage | None = None
    proposals: tuple[Proposal, ...] = ()
    async with transaction(context.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        facts = await facts_of(db, staff.school_id, exception_id)
        if row.can_allocate:
            proposals = await proposals_for(db, staff.school_id, exception_id)
        if text and text.strip():
            found = await find_invoices(
                db, staff.school_id, InvoiceFilter(text=text), today=today, limit=FOUND
            )
        near = await neighbours(db, staff.school_id, exception_id, viewer=staff.actor)
        paid = [row.payment_id] if row.payment_id else []
        matched = await matched_of(db, staff.school_id, paid)
        notes = await notes_of(db, staff.school_id, exception_id)
        colleagues = await colleagues_of(db, staff.school_id)
        details_of = CONTEXTS.get(row.reason)
        more = await details_of(db, staff.school_id, row) if details_of else {}
    return screen(
        request,
        "exception.html",
        active="exceptions",
        problem=problem,
        **more,
        row=row,
        facts=facts,
        proposals=proposals,
        found=found,
        text=text or "",
        today=today,
        before_id=near.before_id,
        after_id=near.after_id,
        matched=matched,
        notes=notes,
        names={one.username: one.display_name for one in colleagues},
        colleagues=[one for one in colleagues if one.username != staff.actor],
        resolutions=BY_WORD,
        actions=frozenset(row.actions),
        max_note=MAX_TEXT,
    )


async def _confirm_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    invoice_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        facts = await facts_of(db, staff.school_id, exception_id)
        invoice = await invoice_detail(db, staff.school_id, invoice_id)
        proposals = (
            await proposals_for(db, staff.school_id, exception_id)
            if Action.ALLOCATE in row.actions
            else ()
        )
    settled_vnd = min(row.money.suspense_vnd, invoice.open_vnd)
    signs = next((one.evidence for one in proposals if one.invoice_id == invoice_id), ())
    return screen(
        request,
        "place.html",
        active="exceptions",
        problem=problem,
        row=row,
        facts=facts,
        invoice=invoice,
        signs=signs,
        settled_vnd=settled_vnd,
        credit_vnd=row.money.suspense_vnd - settled_vnd,
        max_note=MAX_TEXT,
    )
