"""Xuất sổ: exports of vouchers, made once and handed out again byte for byte; the books of a period."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from litestar import Response, get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from core.accounting.book_sheets import write_book
from core.accounting.books import Book, detail_ledger, trial_balance
from core.accounting.charts import accounts_on
from core.accounting.delivery import newest_deliveries
from core.accounting.export import download as stored_export
from core.accounting.export import export_vouchers
from core.accounting.overrides import overrides_of
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, transaction
from core.schools.queries import regime_of
from gateway.console.errors import PeriodMissingError, UnknownFormatError
from gateway.console.frame.actions import action, in_transaction, refusals_shown_on
from gateway.console.frame.forms import date_or_none, typed
from gateway.console.frame.labels import EXPORT_FORMAT
from gateway.console.frame.screen import Page, RowId, file_to_keep, goto, screen
from gateway.console.frame.session import ConsoleRequest

LIST: Final = "/console/exports"
MAX_LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The format asked for."""

    format: str = ""


@get("/exports", operation_id="console_exports")
@in_transaction
async def show_exports(request: ConsoleRequest, db: Driver) -> Page:
    """The exports made so far, the newest first."""
    made = await newest_deliveries(db, request.school_id, MAX_LISTED)
    own = await overrides_of(db, request.school_id)
    regime = await regime_of(db, request.school_id)
    today = business_date(now_utc())
    return screen(
        request,
        "exports.html",
        active="exports",
        exports=made,
        waiting=[one for one in made if one.is_awaited],
        formats=list(EXPORT_FORMAT),
        today=today,
        accounts=sorted(set(accounts_on(regime, own, today).values())),
    )


@post("/exports", operation_id="console_export", status_code=303)
@action(refused_on=show_exports)
async def make_export(
    request: ConsoleRequest, db: Driver, data: URLEncodedBody[ExportForm]
) -> Redirect:
    """Export what no export of this format holds yet."""
    if data.format not in EXPORT_FORMAT:
        raise UnknownFormatError
    made = await export_vouchers(db, request.school_id, data.format, actor=request.actor)
    return goto(request, LIST, done="exported" if made else "nothing")


@get("/exports/{export_id:int}/file", operation_id="console_export_file")
@in_transaction
async def download(request: ConsoleRequest, db: Driver, export_id: RowId) -> Response[bytes]:
    """The file as it was made."""
    made = await stored_export(db, request.school_id, export_id)
    return file_to_keep(made.file_name, made.content)


@get("/exports/book", operation_id="console_book")
@refusals_shown_on(show_exports)
async def make_book(
    request: ConsoleRequest,
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    account: FromQuery[str] = "",
    book: FromQuery[str] = "",
) -> Page:
    """The trial balance or a detail ledger of a period, as the books are now."""
    first, last = date_or_none(since), date_or_none(until)
    if first is None or last is None:
        raise PeriodMissingError
    school_id, account = request.school_id, typed(account, 20).strip()
    async with transaction(request.context.engine) as db:
        if book == "trial-balance":
            found: Book = await trial_balance(db, school_id, first, last)
        else:
            found = await detail_ledger(db, school_id, account, first, last)
    # off the loop: a large sheet takes seconds, and payments go on arriving meanwhile
    made = await asyncio.to_thread(write_book, found)
    return file_to_keep(made.file_name, made.content)
