"""Tiền ra, tiền của trường: a debit line booked as what it was; money in suspense that no family sent.

Several bank fees may be booked at once, but only after a page that shows each of them. Nothing is
booked by its text or amount alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.kit.database import Driver, transaction
from core.kit.errors import DomainError, Problem
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
from gateway.context import AppContext
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
MAX_NOTE: Final = 500


@dataclass(frozen=True, slots=True)
class SourceForm:
    """Where money in suspense came from, and how that is known."""

    source: str = ""
    note: str = ""


async def debit_context(db: Driver, school_id: int, row: ExceptionRow) -> dict[str, Any]:
    """What `console/debit.html` needs on the exception's own screen."""
    return await _context(db, school_id, row.id)


@get("/debits", operation_id="console_debits")
async def show_debits(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Money that left and that nobody has explained yet, the oldest first."""
    return await _list_screen(request, context, staff)


@post("/debits/preview", operation_id="console_preview_fees", status_code=200)
async def preview_fees(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """The chosen lines and their sum, before they become bank fees."""
    chosen = await _chosen(request)
    async with transaction(context.engine) as db:
        lines = [
            line for line in await open_debits(db, staff.school_id) if line.exception_id in chosen
        ]
    if not lines:
        nothing = Problem(
            "nothing_chosen",
            vi="Hãy đánh dấu ít nhất một khoản còn chờ xử lý.",
            en="Tick at least one line that still waits.",
            status=422,
        )
        return await _list_screen(request, context, staff, nothing)
    return screen(request, "debits_preview.html", active="exceptions", lines=lines)


@post("/debits/fees", operation_id="console_book_fees", status_code=303)
async def book_fees(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Book the lines that the preview showed, all or none."""
    form = await request.form()
    try:
        async with transaction(context.engine) as db:
            await book_bank_fees(
                db,
                staff.school_id,
                await _chosen(request),
                actor=staff.actor,
                note=typed(str(form.get("note", "")), MAX_NOTE),
            )
    except DomainError as problem:
        return await _list_screen(request, context, staff, problem)
    return goto(request, LIST, done="debits_booked")


@get("/debits/{exception_id:int}", operation_id="console_debit")
async def show_debit(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """One debit line: what it can be, or how it was booked."""
    return await _debit_screen(request, context, staff, exception_id)


@post("/debits/{exception_id:int}", operation_id="console_book_debit", status_code=303)
async def book_debit(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """Book a debit line by a person's word."""
    form = await request.form()
    fields = {name: typed(str(value), MAX_NOTE) for name, value in form.items()}
    try:
        async with transaction(context.engine) as db:
            await _book(db, staff, exception_id, fields)
    except DomainError as problem:
        return await _debit_screen(request, context, staff, exception_id, problem, fields)
    return goto(request, f"{LIST}/{exception_id}", done="debit_booked")


@post("/debits/{exception_id:int}/undo", operation_id="console_undo_debit", status_code=303)
async def undo(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Take a booking back by a reversal; the line waits again."""
    try:
        async with transaction(context.engine) as db:
            await undo_debit(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                reason=typed(data.note, MAX_NOTE),
            )
    except DomainError as problem:
        return await _debit_screen(request, context, staff, exception_id, problem)
    return goto(request, f"{LIST}/{exception_id}", done="undone")


@get("/exceptions/{exception_id:int}/own-money", operation_id="console_own_money")
async def show_own_money(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """Money in suspense that no family sent: where it came from, or how that was booked."""
    return await _own_screen(request, context, staff, exception_id)


@post(
    "/exceptions/{exception_id:int}/own-money",
    operation_id="console_book_own_money",
    status_code=303,
)
async def book_own(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[SourceForm],
) -> Response[Any]:
    """Take the money out of suspense by a person's word."""
    try:
        async with transaction(context.engine) as db:
            await book_suspense(
                db,
                staff.school_id,
                exception_id,
                data.source,
                actor=staff.actor,
                note=typed(data.note, MAX_NOTE),
            )
    except DomainError as problem:
        return await _own_screen(request, context, staff, exception_id, problem)
    return goto(request, f"{EXCEPTIONS}/{exception_id}/own-money", done="debit_booked")


@post(
    "/exceptions/{exception_id:int}/own-money/undo",
    operation_id="console_undo_own_money",
    status_code=303,
)
async def undo_own(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Put the money back into suspense by a reversal."""
    try:
        async with transaction(context.engine) as db:
            await undo_suspense_booking(
                db,
                staff.school_id,
                exception_id,
                actor=staff.actor,
                reason=typed(data.note, MAX_NOTE),
            )
    except DomainError as problem:
        return await _own_screen(request, context, staff, exception_id, problem)
    return goto(request, f"{EXCEPTIONS}/{exception_id}", done="undone")


async def _book(db: Driver, staff: Staff, exception_id: int, fields: dict[str, str]) -> None:
    school_id, actor, note = staff.school_id, staff.actor, fields.get("note", "")
    match fields.get("rule"):
        case "bank_fee":
            await book_bank_fees(db, school_id, [exception_id], actor=actor, note=note)
        case "own_transfer":
            await book_own_transfer(db, school_id, exception_id, actor=actor, note=note)
        case "paid_on":
            await book_paid_on(
                db,
                school_id,
                exception_id,
                _amounts(fields),
                actor=actor,
                note=note,
                is_beyond=bool(fields.get("beyond")),
            )
        case _:
            raise Problem(
                "unknown_rule",
                vi="Hãy chọn khoản tiền ra này là gì.",
                en="Choose what the line is.",
                status=422,
            )


async def _chosen(request: HttpRequest) -> list[int]:
    """The exceptions ticked in a form."""
    form = await request.form()
    numbers = (number_or_none(str(value)) for value in form.getall("line", []))
    return [number for number in numbers if number]


def _amounts(fields: dict[str, str]) -> dict[int, int]:
    """Fee item -> VND typed for it. Raises Problem (422) for what is no whole amount."""
    amounts: dict[int, int] = {}
    for name, value in fields.items():
        item = number_or_none(name.removeprefix(AMOUNT)) if name.startswith(AMOUNT) else None
        if item is None or not value.strip():
            continue
        amount = number_or_none(value.strip().replace(".", "").replace(" ", ""))
        if amount is None:
            raise Problem(
                "bad_amount",
                vi=f"«{value[:30]}» không phải số tiền: chỉ ghi số đồng, ví dụ 1.250.000.",
                en=f"{value[:30]!r} is no amount: whole VND only, for example 1.250.000.",
                status=422,
            )
        amounts[item] = amount
    return amounts


async def _list_screen(
    request: HttpRequest, context: AppContext, staff: Staff, problem: DomainError | None = None
) -> Response[Any]:
    async with transaction(context.engine) as db:
        lines = await open_debits(db, staff.school_id)
    return screen(request, "debits.html", active="exceptions", problem=problem, lines=lines)


async def _context(db: Driver, school_id: int, exception_id: int) -> dict[str, Any]:
    return {
        "debit": await debit_of(db, school_id, exception_id),
        "on_behalf": await on_behalf_of(db, school_id),
        "amounts": {},
    }


async def _debit_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    problem: DomainError | None = None,
    fields: dict[str, str] | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        shown = await _context(db, staff.school_id, exception_id)
    return screen(
        request,
        "debit_page.html",
        active="exceptions",
        problem=problem,
        **{**shown, "amounts": fields or {}},
    )


async def _own_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
    return screen(
        request,
        "own_money.html",
        active="exceptions",
        problem=problem,
        row=row,
        sources=list(SOURCES),
        booked=row.detail.get("rule") if row.detail.get("rule") in SOURCES else None,
    )
