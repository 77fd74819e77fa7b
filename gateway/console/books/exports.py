"""Xuất sổ: exports of vouchers, made once and handed out again byte for byte; the books of a period."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.accounting.book_sheets import write_book
from core.accounting.books import Book, detail_ledger, trial_balance
from core.accounting.charts import accounts_on
from core.accounting.delivery import newest_deliveries
from core.accounting.export import download as stored_export
from core.accounting.export import export_vouchers
from core.accounting.overrides import overrides_of
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from gateway.console.frame.labels import EXPORT_FORMAT
from gateway.console.frame.screen import (
    HttpRequest,
    RowId,
    Staff,
    file_to_keep,
    goto,
    screen,
    typed,
)
from gateway.context import AppContext

LIST: Final = "/console/exports"
MAX_LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The format asked for."""

    format: str = ""


@get("/exports", operation_id="console_exports")
async def show_exports(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """The exports made so far, the newest first."""
    return await _list_screen(request, context, staff)


@post("/exports", operation_id="console_export", status_code=303)
async def make_export(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[ExportForm],
) -> Response[Any]:
    """Export what no export of this format holds yet."""
    if data.format not in EXPORT_FORMAT:
        unknown = Problem("unknown_format", vi="Hãy chọn định dạng.", en="Choose a format.")
        return await _list_screen(request, context, staff, unknown)
    try:
        async with transaction(context.engine) as db:
            made = await export_vouchers(db, staff.school_id, data.format, actor=staff.actor)
    except DomainError as problem:
        return await _list_screen(request, context, staff, problem)
    return goto(request, LIST, done="exported" if made else "nothing")


@get("/exports/{export_id:int}/file", operation_id="console_export_file")
async def download(
    context: NamedDependency[AppContext], staff: NamedDependency[Staff], export_id: RowId
) -> Response[bytes]:
    """The file as it was made."""
    async with transaction(context.engine) as db:
        made = await stored_export(db, staff.school_id, export_id)
    return file_to_keep(made.file_name, made.content)


@get("/exports/book", operation_id="console_book")
async def make_book(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """The trial balance or a detail ledger of a period, as the books are now."""
    asked = request.query_params
    try:
        since, until = (_day(asked.get(name, "")) for name in ("since", "until"))
        account = typed(asked.get("account", ""), 20).strip()
        async with transaction(context.engine) as db:
            if asked.get("book") == "trial-balance":
                book: Book = await trial_balance(db, staff.school_id, since, until)
            else:
                book = await detail_ledger(db, staff.school_id, account, since, until)
    except DomainError as problem:
        return await _list_screen(request, context, staff, problem)
    # off the loop: a large sheet takes seconds, and payments go on arriving meanwhile
    made = await asyncio.to_thread(write_book, book)
    return file_to_keep(made.file_name, made.content)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem(
            "bad_day",
            vi="Hãy chọn ngày đầu và ngày cuối của kỳ.",
            en="Choose the first and the last day of the period.",
        ) from error


async def _list_screen(
    request: HttpRequest, context: AppContext, staff: Staff, problem: DomainError | None = None
) -> Response[Any]:
    async with transaction(context.engine) as db:
        made = await newest_deliveries(db, staff.school_id, MAX_LISTED)
        own = await overrides_of(db, staff.school_id)
        regime = await db.raw.fetchval(
            "SELECT accounting_regime FROM school WHERE id = $1", staff.school_id
        )
    today = business_date(now_utc())
    return screen(
        request,
        "exports.html",
        active="exports",
        problem=problem,
        exports=made,
        waiting=[one for one in made if one.is_awaited],
        formats=list(EXPORT_FORMAT),
        today=today,
        accounts=sorted(set(accounts_on(regime, own, today).values())),
    )
