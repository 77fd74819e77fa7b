"""Ngoại lệ: what a person must look at, why, and what can be done about it, one after the other.

Nothing is allocated without a page that shows both sides and asks once more. What a person types to
search is posted, never put into an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from core.exceptions.notes import notes_of
from core.exceptions.reasons import Reason
from core.exceptions.resolutions import BY_WORD
from core.invoices.detail import invoice_detail
from core.invoices.search import MAX_QUERY, InvoiceFilter, InvoicePage, find_invoices
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import NoteForm, number_or_none, typed
from gateway.console.frame.match_reasons import match_reasons
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from gateway.console.money.debits import debit_context
from gateway.console.money.settlements import payout_context
from reconciliation.review.actions import Action
from reconciliation.review.allocations import allocate_exception, suspend_exception
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
@in_transaction
async def show_exceptions(
    request: ConsoleRequest,
    db: Driver,
    reason: FromQuery[str] = "",
    show: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Page:
    """The queue: what one was asked, then the newest day; by reason, or those resolved."""
    chosen = reason if reason in set(Reason) else None
    is_open = show != "resolved"
    rows = await list_exceptions(
        db,
        request.school_id,
        is_open=is_open,
        reason=chosen,
        after_id=number_or_none(after),
        limit=PAGE + 1,
        viewer=request.actor if is_open else "",
    )
    return screen(
        request,
        "exceptions.html",
        active="exceptions",
        rows=rows[:PAGE],
        next_after=rows[PAGE - 1].id if len(rows) > PAGE else None,
        counts=await open_by_reason(db, request.school_id),
        asked_count=await asked_of(db, request.school_id, request.actor),
        reason=chosen,
        is_open=is_open,
        today=business_date(now_utc()),
        bulk_actions=list(BulkAction),
        most=MOST,
    )


@get("/exceptions/{exception_id:int}", operation_id="console_exception")
@in_transaction
async def show_exception(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Page:
    """One exception: what happened, what it may be for, what can be done."""
    return await _exception_screen(request, db, exception_id, "")


@post("/exceptions/{exception_id:int}/search", operation_id="console_find_for", status_code=200)
@in_transaction
async def find_for(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[FindForm]
) -> Page:
    """The same screen with invoices found by name, code or reference."""
    return await _exception_screen(request, db, exception_id, typed(data.text, MAX_QUERY))


@get("/exceptions/{exception_id:int}/place/{invoice_id:int}", operation_id="console_confirm_place")
@in_transaction
async def confirm_place(
    request: ConsoleRequest, db: Driver, exception_id: RowId, invoice_id: RowId
) -> Page:
    """Both sides next to each other, and what would be written."""
    row = await find_exception(db, request.school_id, exception_id)
    invoice = await invoice_detail(db, request.school_id, invoice_id)
    proposals: tuple[Proposal, ...] = ()
    if Action.ALLOCATE in row.actions:
        proposals = await proposals_for(db, request.school_id, exception_id)
    settled_vnd = min(row.money.suspense_vnd, invoice.open_vnd)
    return screen(
        request,
        "place.html",
        active="exceptions",
        row=row,
        facts=await facts_of(db, request.school_id, exception_id),
        invoice=invoice,
        signs=next((one.evidence for one in proposals if one.invoice_id == invoice_id), ()),
        settled_vnd=settled_vnd,
        credit_vnd=row.money.suspense_vnd - settled_vnd,
        max_note=MAX_TEXT,
    )


@post(
    "/exceptions/{exception_id:int}/place/{invoice_id:int}",
    operation_id="console_place",
    status_code=303,
)
@action(refused_on=confirm_place)
async def place(
    request: ConsoleRequest,
    db: Driver,
    exception_id: RowId,
    invoice_id: RowId,
    data: URLEncodedBody[DecisionForm],
) -> Redirect:
    """Move the money from suspense to the invoice; the parent's page hears of it after the commit."""
    step = await allocate_exception(
        db,
        request.school_id,
        exception_id,
        invoice_id,
        actor=request.actor,
        note=typed(data.note, MAX_TEXT),
        mark=data.mark,
    )
    request.announce(step.invoice_ids)
    return goto(request, LIST, done="placed")


@post("/exceptions/{exception_id:int}/suspend", operation_id="console_suspend", status_code=303)
@action(refused_on=show_exception)
async def suspend(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[DecisionForm]
) -> Redirect:
    """Take allocated money back into suspense: it waits for a person, and the exception stays open."""
    step = await suspend_exception(
        db,
        request.school_id,
        exception_id,
        actor=request.actor,
        note=typed(data.note, MAX_TEXT),
        mark=data.mark,
    )
    request.announce(step.invoice_ids)
    return goto(request, f"{LIST}/{exception_id}", done="suspended")


@post("/exceptions/{exception_id:int}/resolve", operation_id="console_resolve", status_code=303)
@action(refused_on=show_exception)
async def resolve(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[DecisionForm]
) -> Redirect:
    """Close an exception with a reason; no money moves."""
    await resolve_exception(
        db,
        request.school_id,
        exception_id,
        resolution=data.resolution,
        actor=request.actor,
        note=typed(data.note, MAX_TEXT),
        mark=data.mark,
    )
    return goto(request, LIST, done="resolved")


@post("/exceptions/{exception_id:int}/undo", operation_id="console_undo", status_code=303)
@action(refused_on=show_exception)
async def undo(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[DecisionForm]
) -> Redirect:
    """Take the last decision back by a reversal; the exception is open again."""
    step = await undo_decision(
        db,
        request.school_id,
        exception_id,
        actor=request.actor,
        reason=typed(data.note, MAX_TEXT),
        mark=data.mark,
    )
    if step:
        request.announce(step.invoice_ids)
    return goto(request, f"{LIST}/{exception_id}", done="undone")


@post("/exceptions/{exception_id:int}/notes", operation_id="console_note", status_code=303)
@action(refused_on=show_exception)
async def note(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Write a note about it, or answer what one was asked."""
    text = typed(data.note, MAX_TEXT)
    await add_note(db, request.school_id, exception_id, actor=request.actor, text=text)
    return goto(request, f"{LIST}/{exception_id}", done="noted")


@post("/exceptions/{exception_id:int}/ask", operation_id="console_ask", status_code=303)
@action(refused_on=show_exception)
async def ask(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[AskForm]
) -> Redirect:
    """Ask a colleague, who sees it first in the queue from then on."""
    await ask_colleague(
        db,
        request.school_id,
        exception_id,
        actor=request.actor,
        colleague=data.colleague,
        text=typed(data.note, MAX_TEXT),
    )
    return goto(request, f"{LIST}/{exception_id}", done="asked")


async def _exception_screen(
    request: ConsoleRequest, db: Driver, exception_id: int, text: str
) -> Page:
    """One exception with all that can be done about it; `text`: what invoices are looked for."""
    school_id, today = request.school_id, business_date(now_utc())
    found: InvoicePage | None = None
    proposals: tuple[Proposal, ...] = ()
    row = await find_exception(db, school_id, exception_id)
    if row.can_allocate:
        proposals = await proposals_for(db, school_id, exception_id)
    if text.strip():
        found = await find_invoices(
            db, school_id, InvoiceFilter(text=text), today=today, limit=FOUND
        )
    near = await neighbours(db, school_id, exception_id, viewer=request.actor)
    colleagues = await colleagues_of(db, school_id)
    context_of = CONTEXTS.get(row.reason)
    more = await context_of(db, school_id, row) if context_of else {}
    return screen(
        request,
        "exception.html",
        active="exceptions",
        **more,
        row=row,
        facts=await facts_of(db, school_id, exception_id),
        proposals=proposals,
        found=found,
        text=text,
        today=today,
        before_id=near.before_id,
        after_id=near.after_id,
        matched=await match_reasons(db, school_id, [row.payment_id] if row.payment_id else []),
        notes=await notes_of(db, school_id, exception_id),
        names={one.username: one.display_name for one in colleagues},
        colleagues=[one for one in colleagues if one.username != request.actor],
        resolutions=BY_WORD,
        actions=frozenset(row.actions),
        max_note=MAX_TEXT,
    )
