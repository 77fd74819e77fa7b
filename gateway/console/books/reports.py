"""Báo cáo: debt by age, collected by item, the cashless share, the bank book; on screen and as XLSX."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from adapters.messages import Message, msg, pmsg
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import NotFoundError
from core.statistics.cashbook import BankBook, bank_books, book_of, day_book, day_flows
from core.statistics.cashless import cashless_by_month
from core.statistics.reports import collected_by_item, debt_by_class, in_table
from core.statistics.sheets import ReportSheet, write_workbook
from gateway.console.books.chart import Pair, draw_pairs
from gateway.console.books.report_sheets import (
    cash_book_sheet,
    cashless_sheet,
    collected_sheet,
    debt_sheet,
)
from gateway.console.errors import BadDateError, ReportNotFoundError, ReportPeriodError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import CENTURY, date_or_none, number_or_none
from gateway.console.frame.screen import Page, file_to_keep, screen
from gateway.console.frame.session import ConsoleRequest
from gateway.pages.rendering import lang_of

PAGE: Final = "/console/reports"
TABS: Final[dict[str, Message]] = {
    "debt": msg("Công nợ"),
    "collected": pmsg("total", "Đã thu"),
    "cashless": msg("Không tiền mặt"),
    "bank-book": msg("Sổ tiền gửi"),
}
MAX_PERIOD_DAYS: Final = 366
MAX_ROWS: Final = 500
"""Rows on the screen; the file has all of them."""
_CODES: Final = {"student_credit": msg("Dư"), "suspense": msg("Chờ")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Which report, of which business dates and account. `since` only counts for a period."""

    kind: str
    since: date
    until: date
    account: int | None

    def query(self) -> str:
        """The same as an address's query."""
        fields: dict[str, str | int] = {"until": self.until.isoformat()}
        if self.kind == "collected":
            fields["since"] = self.since.isoformat()
        if self.account is not None and self.kind == "bank-book":
            fields["account"] = self.account
        return urlencode(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a chart shows, in words: the part within the whole; `part` is None where there is but one bar."""

    title: Message
    whole: Message
    part: Message | None
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report as it is shown. `books`: the accounts to choose from, where there is a choice."""

    sheet: ReportSheet
    drawn: Drawn
    books: tuple[BankBook, ...] = ()


@get("/reports", operation_id="console_reports")
@in_transaction
async def show_reports(request: ConsoleRequest, db: Driver) -> Page:
    """The first report, as of today."""
    return await _report_screen(request, db, _asked("debt", "", "", ""))


@in_transaction
async def _show_as_of_today(request: ConsoleRequest, db: Driver, kind: str) -> Page:
    return await _report_screen(request, db, _asked(kind, "", "", ""))


@get("/reports/{kind:str}", operation_id="console_report")
@action(refused_on=_show_as_of_today, unless=(NotFoundError,))
async def show_report(
    request: ConsoleRequest,
    db: Driver,
    kind: FromPath[str],
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    account: FromQuery[str] = "",
) -> Page:
    """One report. Where its dates cannot be read, that is shown with the report as of today."""
    return await _report_screen(request, db, _asked(kind, since, until, account))


@get("/reports/{kind:str}/file", operation_id="console_report_file")
async def download_report(
    request: ConsoleRequest,
    kind: FromPath[str],
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    account: FromQuery[str] = "",
) -> Response[bytes]:
    """The same table as XLSX, in the page's language. Raises BadDateError, ReportPeriodError."""
    asked = _asked(kind, since, until, account)
    async with transaction(request.context.engine) as db:
        report = await _make(db, request.school_id, asked)
    content = write_workbook([report.sheet], lang=lang_of(request), on=asked.until)
    return file_to_keep(f"{asked.kind}-{asked.until:%Y%m%d}.xlsx", content)


async def _report_screen(request: ConsoleRequest, db: Driver, asked: ReportRequest) -> Page:
    report = await _make(db, request.school_id, asked)
    return screen(
        request,
        "reports.html",
        active="reports",
        asked=asked,
        tabs=TABS,
        today=business_date(now_utc()),
        sheet=report.sheet,
        rows=report.sheet.rows[:MAX_ROWS],
        drawn=report.drawn,
        chart=draw_pairs(report.drawn.pairs),
        books=report.books,
    )


def _asked(kind: str, since: str, until: str, account: str) -> ReportRequest:
    """The request as values; empty dates mean today and its month's first day.

    Raises ReportNotFoundError, BadDateError, ReportPeriodError.
    """
    if kind not in TABS:
        raise ReportNotFoundError
    last = _day(until, business_date(now_utc()))
    first = _day(since, last.replace(day=1))
    if kind == "collected" and not timedelta() <= last - first < timedelta(MAX_PERIOD_DAYS):
        raise ReportPeriodError(MAX_PERIOD_DAYS)
    return ReportRequest(kind=kind, since=first, until=last, account=number_or_none(account))


def _day(text: str, otherwise: date) -> date:
    if not text:
        return otherwise
    day = date_or_none(text, CENTURY)
    if day is None:
        raise BadDateError
    return day


async def _make(db: Driver, school_id: int, asked: ReportRequest) -> ReportView:
    if asked.kind == "debt":
        return await _debt(db, school_id, asked)
    if asked.kind == "collected":
        return await _collected(db, school_id, asked)
    if asked.kind == "cashless":
        return await _cashless(db, school_id, asked)
    return await _bank_book(db, school_id, asked)


async def _debt(db: Driver, school_id: int, asked: ReportRequest) -> ReportView:
    classes = await debt_by_class(db, school_id, asked.until)
    return ReportView(
        sheet=debt_sheet(classes, asked.until),
        drawn=Drawn(
            title=msg("Công nợ theo lớp"),
            whole=msg("Công nợ"),
            part=msg("Trong đó quá hạn"),
            pairs=tuple(Pair(one.name, one.total_vnd, one.overdue_vnd) for one in classes),
        ),
    )


async def _collected(db: Driver, school_id: int, asked: ReportRequest) -> ReportView:
    table = in_table(await collected_by_item(db, school_id, asked.since, asked.until))
    return ReportView(
        sheet=collected_sheet(table, asked.since, asked.until),
        drawn=Drawn(
            title=msg("Đã thu theo khoản thu"),
            whole=pmsg("total", "Đã thu"),
            part=None,
            pairs=tuple(
                Pair(_CODES.get(row.purpose, row.code), row.total_vnd, row.total_vnd)
                for row in table.rows
            ),
        ),
    )


async def _cashless(db: Driver, school_id: int, asked: ReportRequest) -> ReportView:
    months = await cashless_by_month(db, school_id, asked.until)
    return ReportView(
        sheet=cashless_sheet(months),
        drawn=Drawn(
            title=msg("Thu không dùng tiền mặt theo tháng"),
            whole=msg("Tổng thu"),
            part=msg("Không tiền mặt"),
            pairs=tuple(
                Pair(
                    msg("{month:short_month}", month=one.month),
                    one.figures.total_vnd,
                    one.figures.cashless_vnd,
                )
                for one in months
            ),
        ),
    )


async def _bank_book(db: Driver, school_id: int, asked: ReportRequest) -> ReportView:
    books = await bank_books(db, school_id)
    book = book_of(books, asked.account)
    day = await day_book(db, school_id, book.ledger_account_id, asked.until)
    flows = await day_flows(db, school_id, book.ledger_account_id, asked.until)
    return ReportView(
        sheet=cash_book_sheet(book, day, asked.until),
        drawn=Drawn(
            title=msg("Tiền vào tài khoản trong 14 ngày"),
            whole=msg("Tiền vào"),
            part=None,
            pairs=tuple(
                Pair(msg("{day:day_month}", day=one.day), one.in_vnd, one.in_vnd) for one in flows
            ),
        ),
        books=tuple(books),
    )
