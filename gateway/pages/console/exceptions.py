"""Ngoại lệ: what a person must look at, why, and the few things that can be done about it.

Nothing is placed without a page that shows both sides and asks once more. What a person types to
search is posted, never put into an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from gateway.house import House
from gateway.invoices.detail import invoice_detail
from gateway.invoices.search import MAX_QUERY, InvoicePage, Wanted, find_invoices
from gateway.kit.clock import business_date, now_utc
from gateway.kit.database import borrowed, transaction
from gateway.kit.problem import Problem
from gateway.pages.console.screen import (
    HttpRequest,
    NoteForm,
    RowId,
    Staff,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.payments.placing import Reason
from gateway.payments.recorder import announce_paid
from gateway.statistics.exceptions import facts_of, open_by_reason
from reconciliation.exceptions import (
    RESOLUTIONS,
    find_exception,
    list_exceptions,
    place_exception,
    proposals_for,
    resolve_exception,
    undo_placement,
)

LIST: Final = "/console/exceptions"
PAGE: Final = 50
FOUND: Final = 12
MAX_NOTE: Final = 500


@dataclass(frozen=True, slots=True)
class ResolveForm:
    """How an exception is closed, and why."""

    resolution: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FindForm:
    """A name, a pupil's code or a reference."""

    text: str = ""


@get("/exceptions", operation_id="console_exceptions")
async def show_exceptions(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    reason: FromQuery[str] = "",
    show: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[Any]:
    """The queue: open ones (or those resolved), by reason, the newest day first."""
    chosen = reason if reason in set(Reason) else None
    is_open = show != "resolved"
    async with transaction(house.engine) as db:
        rows = await list_exceptions(
            db,
            staff.school_id,
            is_open=is_open,
            reason=chosen,
            after_id=number_or_none(after),
            limit=PAGE + 1,
        )
        counts = await open_by_reason(db, staff.school_id)
    return screen(
        request,
        "exceptions.html",
        active="exceptions",
        rows=rows[:PAGE],
        next_after=rows[PAGE - 1].id if len(rows) > PAGE else None,
        counts=counts,
        reason=chosen,
        is_open=is_open,
        today=business_date(now_utc()),
    )


@get("/exceptions/{exception_id:int}", operation_id="console_exception")
async def show_exception(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """One exception: what happened, what it may be for, what can be done."""
    return await _exception_screen(request, house, staff, exception_id)


@post("/exceptions/{exception_id:int}/search", operation_id="console_find_for", status_code=200)
async def find_for(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[FindForm],
) -> Response[Any]:
    """The same screen with invoices found by name, code or reference."""
    return await _exception_screen(
        request, house, staff, exception_id, text=typed(data.text, MAX_QUERY)
    )


@get("/exceptions/{exception_id:int}/place/{invoice_id:int}", operation_id="console_confirm_place")
async def confirm_place(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    invoice_id: RowId,
) -> Response[Any]:
    """Both sides next to each other, and what would be written."""
    return await _confirm_screen(request, house, staff, exception_id, invoice_id)


@post(
    "/exceptions/{exception_id:int}/place/{invoice_id:int}",
    operation_id="console_place",
    status_code=303,
)
async def place(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    invoice_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Move the money from suspense to the invoice; the parent's page hears of it after the commit."""
    try:
        async with transaction(house.engine) as db:
            await place_exception(
                db,
                staff.school_id,
                exception_id,
                invoice_id,
                actor=staff.actor,
                note=typed(data.note, MAX_NOTE),
            )
    except Problem as problem:
        return await _confirm_screen(request, house, staff, exception_id, invoice_id, problem)
    await _announce(house, staff, invoice_id)
    return goto(request, LIST, done="placed")


@post("/exceptions/{exception_id:int}/resolve", operation_id="console_resolve", status_code=303)
async def resolve(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[ResolveForm],
) -> Response[Any]:
    """Close an exception with a reason; no money moves."""
    try:
        async with transaction(house.engine) as db:
            await resolve_exception(
                db,
                staff.school_id,
                exception_id,
                resolution=data.resolution,
                actor=staff.actor,
                note=typed(data.note, MAX_NOTE),
            )
    except Problem as problem:
        return await _exception_screen(request, house, staff, exception_id, problem=problem)
    return goto(request, LIST, done="resolved")


@post("/exceptions/{exception_id:int}/undo", operation_id="console_undo", status_code=303)
async def undo(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Take a placement back by a reversal; the exception is open again."""
    try:
        async with transaction(house.engine) as db:
            before = await find_exception(db, staff.school_id, exception_id)
            await undo_placement(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                reason=typed(data.note, MAX_NOTE),
            )
    except Problem as problem:
        return await _exception_screen(request, house, staff, exception_id, problem=problem)
    if before.invoice_id:
        await _announce(house, staff, before.invoice_id)
    return goto(request, f"{LIST}/{exception_id}", done="undone")


async def _announce(house: House, staff: Staff, invoice_id: int) -> None:
    """Tell the parent's page, after the commit, that the invoice stands otherwise now."""
    async with borrowed(house.engine) as db:
        await announce_paid(db, frozenset({(staff.school_id, invoice_id)}))


async def _exception_screen(
    request: HttpRequest,
    house: House,
    staff: Staff,
    exception_id: int,
    *,
    problem: Problem | None = None,
    text: str | None = None,
) -> Response[Any]:
    today = business_date(now_utc())
    found: InvoicePage | None = None
    async with transaction(house.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        facts = await facts_of(db, staff.school_id, exception_id)
        proposals = await proposals_for(db, staff.school_id, exception_id) if row.can_place else ()
        if text and text.strip():
            found = await find_invoices(
                db, staff.school_id, Wanted(text=text), today=today, limit=FOUND
            )
    return screen(
        request,
        "exception.html",
        active="exceptions",
        problem=problem,
        row=row,
        facts=facts,
        proposals=proposals,
        found=found,
        text=text or "",
        today=today,
        resolutions=RESOLUTIONS,
    )


async def _confirm_screen(
    request: HttpRequest,
    house: House,
    staff: Staff,
    exception_id: int,
    invoice_id: int,
    problem: Problem | None = None,
) -> Response[Any]:
    async with transaction(house.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        facts = await facts_of(db, staff.school_id, exception_id)
        invoice = await invoice_detail(db, staff.school_id, invoice_id)
    settled_vnd = min(row.amount_vnd, invoice.open_vnd)
    return screen(
        request,
        "place.html",
        active="exceptions",
        problem=problem,
        row=row,
        facts=facts,
        invoice=invoice,
        settled_vnd=settled_vnd,
        credit_vnd=row.amount_vnd - settled_vnd,
    )
