"""Tiền ra, tiền của trường: a debit line booked as what it was; money in suspense that no family sent.

Several bank fees may be booked at once, but only after a page that shows each of them. Nothing is
booked by its text or amount alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from core.kit.database import Driver
from gateway.console.errors import BadItemAmountError, NoDebitChosenError, RuleMissingError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import MAX_NOTE, NoteForm, number_or_none, typed
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.review.debit_booking import (
    book_bank_fees,
    book_own_transfer,
    book_paid_on,
    undo_debit,
)
from reconciliation.review.debits import debit_of, on_behalf_of, open_debits
from reconciliation.review.queue import ExceptionRow, find_exception
from reconciliation.review.suspense_booking import SOURCES, book_suspense, undo_suspense_booking

LIST: Final = "/console/debits"
EXCEPTIONS: Final = "/console/exceptions"
AMOUNT: Final = "amount_"
"""How a field begins that gives a fee item its part; the item's number follows."""


@dataclass(frozen=True, slots=True)
class SourceForm:
    """Where money in suspense came from, and how that is known."""

    source: str = ""
    note: str = ""


async def debit_context(db: Driver, school_id: int, row: ExceptionRow) -> dict[str, Any]:
    """What `console/debit.html` needs on the exception's own screen."""
    return await _context(db, school_id, row.id, {})


@get("/debits", operation_id="console_debits")
@in_transaction
async def show_debits(request: ConsoleRequest, db: Driver) -> Page:
    """Money that left and that nobody has explained yet, the oldest first."""
    lines = await open_debits(db, request.school_id)
    return screen(request, "debits.html", active="exceptions", lines=lines)


@post("/debits/preview", operation_id="console_preview_fees", status_code=200)
@action(refused_on=show_debits)
async def preview_fees(request: ConsoleRequest, db: Driver) -> Page:
    """The chosen lines and their sum, before they become bank fees."""
    chosen = await _chosen(request)
    lines = [one for one in await open_debits(db, request.school_id) if one.exception_id in chosen]
    if not lines:
        raise NoDebitChosenError
    return screen(request, "debits_preview.html", active="exceptions", lines=lines)


@post("/debits/fees", operation_id="console_book_fees", status_code=303)
@action(refused_on=show_debits)
async def book_fees(request: ConsoleRequest, db: Driver) -> Redirect:
    """Book the lines that the preview showed, all or none."""
    form = await request.form()
    note = typed(str(form.get("note", "")), MAX_NOTE)
    chosen = await _chosen(request)
    await book_bank_fees(db, request.school_id, chosen, actor=request.actor, note=note)
    return goto(request, LIST, done="debits_booked")


@get("/debits/{exception_id:int}", operation_id="console_debit")
@in_transaction
async def show_debit(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Page:
    """One debit line: what it can be, or how it was booked."""
    return await _debit_screen(request, db, exception_id, {})


@in_transaction
async def _show_form_again(request: ConsoleRequest, db: Driver, exception_id: int) -> Page:
    return await _debit_screen(request, db, exception_id, await _fields(request))


@post("/debits/{exception_id:int}", operation_id="console_book_debit", status_code=303)
@action(refused_on=_show_form_again)
async def book_debit(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Redirect:
    """Book a debit line on a person's word."""
    fields = await _fields(request)
    school_id, actor, note = request.school_id, request.actor, fields.get("note", "")
    match fields.get("rule"):
        case "bank_fee":
            await book_bank_fees(db, school_id, [exception_id], actor=actor, note=note)
        case "own_transfer":
            await book_own_transfer(db, school_id, exception_id, actor=actor, note=note)
        case "paid_on":
            amounts, is_beyond = _amounts(fields), bool(fields.get("beyond"))
            await book_paid_on(
                db, school_id, exception_id, amounts, actor=actor, note=note, is_beyond=is_beyond
            )
        case _:
            raise RuleMissingError
    return goto(request, f"{LIST}/{exception_id}", done="debit_booked")


@post("/debits/{exception_id:int}/undo", operation_id="console_undo_debit", status_code=303)
@action(refused_on=show_debit)
async def undo(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Take a booking back by a reversal; the line waits again."""
    reason = typed(data.note, MAX_NOTE)
    await undo_debit(db, request.school_id, exception_id, actor=request.actor, reason=reason)
    return goto(request, f"{LIST}/{exception_id}", done="undone")


@get("/exceptions/{exception_id:int}/own-money", operation_id="console_own_money")
@in_transaction
async def show_own_money(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Page:
    """Money in suspense that no family sent: where it came from, or how that was booked."""
    row = await find_exception(db, request.school_id, exception_id)
    return screen(
        request,
        "own_money.html",
        active="exceptions",
        row=row,
        sources=list(SOURCES),
        booked=row.detail.get("rule") if row.detail.get("rule") in SOURCES else None,
    )


@post(
    "/exceptions/{exception_id:int}/own-money",
    operation_id="console_book_own_money",
    status_code=303,
)
@action(refused_on=show_own_money)
async def book_own(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[SourceForm]
) -> Redirect:
    """Take the money out of suspense on a person's word."""
    note = typed(data.note, MAX_NOTE)
    await book_suspense(
        db, request.school_id, exception_id, data.source, actor=request.actor, note=note
    )
    return goto(request, f"{EXCEPTIONS}/{exception_id}/own-money", done="debit_booked")


@post(
    "/exceptions/{exception_id:int}/own-money/undo",
    operation_id="console_undo_own_money",
    status_code=303,
)
@action(refused_on=show_own_money)
async def undo_own(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Put the money back into suspense by a reversal."""
    reason = typed(data.note, MAX_NOTE)
    await undo_suspense_booking(
        db, request.school_id, exception_id, actor=request.actor, reason=reason
    )
    return goto(request, f"{EXCEPTIONS}/{exception_id}", done="undone")


async def _chosen(request: ConsoleRequest) -> list[int]:
    """The exceptions ticked in a form."""
    form = await request.form()
    numbers = (number_or_none(str(value)) for value in form.getall("line", []))
    return [number for number in numbers if number]


async def _fields(request: ConsoleRequest) -> dict[str, str]:
    """The booking form as it was sent."""
    form = await request.form()
    return {name: typed(str(value), MAX_NOTE) for name, value in form.items()}


def _amounts(fields: Mapping[str, str]) -> dict[int, int]:
    """Fee item -> VND typed for it. Raises BadItemAmountError for what is no whole amount."""
    amounts: dict[int, int] = {}
    for name, value in fields.items():
        item = number_or_none(name.removeprefix(AMOUNT)) if name.startswith(AMOUNT) else None
        if item is None or not value.strip():
            continue
        amount = number_or_none(value.strip().replace(".", "").replace(" ", ""))
        if amount is None:
            raise BadItemAmountError(value[:30])
        amounts[item] = amount
    return amounts


async def _debit_screen(
    request: ConsoleRequest, db: Driver, exception_id: int, fields: Mapping[str, str]
) -> Page:
    shown = await _context(db, request.school_id, exception_id, fields)
    return screen(request, "debit_page.html", active="exceptions", **shown)


async def _context(
    db: Driver, school_id: int, exception_id: int, fields: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "debit": await debit_of(db, school_id, exception_id),
        "on_behalf": await on_behalf_of(db, school_id),
        "amounts": fields,
    }
