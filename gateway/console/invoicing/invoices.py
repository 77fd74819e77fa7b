"""Phiếu báo thu: find, open, cancel.

Filters stand in the address; what a person types to search does not (it is often a child's name), so
a search is a POST that answers with the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from core.invoices.cancel import cancel_invoice
from core.invoices.detail import invoice_detail
from core.invoices.payment_states import PaymentState, states_of_invoices
from core.invoices.search import (
    MAX_QUERY,
    InvoiceFilter,
    classes_of,
    confirmed_of,
    find_invoices,
)
from core.invoices.selects import InvoiceStatus
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.statistics.queries import issued_schedules
from gateway.console.frame.match_reasons import matched_of
from gateway.console.frame.screen import (
    HttpRequest,
    RowId,
    Staff,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.context import AppContext

LIST: Final = "/console/invoices"
MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The search form as browsers send it: an empty field is an empty string."""

    text: str = ""
    class_id: str = ""
    schedule_id: str = ""
    status: str = ""
    money: str = ""
    after: str = ""

    def wanted(self) -> InvoiceFilter:
        """What is looked for; what cannot be read is left out."""
        return InvoiceFilter(
            text=typed(self.text, MAX_QUERY),
            class_id=number_or_none(self.class_id),
            schedule_id=number_or_none(self.schedule_id),
            status=InvoiceStatus(self.status) if self.status in set(InvoiceStatus) else None,
            state=PaymentState(self.money) if self.money in set(PaymentState) else None,
            after=number_or_none(self.after),
        )


@dataclass(frozen=True, slots=True)
class CancelForm:
    """Why an invoice is cancelled."""

    reason: str = ""


@get("/invoices", operation_id="console_invoices")
async def show_invoices(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    class_id: FromQuery[str] = "",
    schedule_id: FromQuery[str] = "",
    status: FromQuery[str] = "",
    money: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[Any]:
    """The list, filtered, in the order of class and name."""
    form = SearchForm(
        class_id=class_id, schedule_id=schedule_id, status=status, money=money, after=after
    )
    return await _list_screen(request, context, staff, form.wanted())


@post("/invoices", operation_id="console_search_invoices", status_code=200)
async def search_invoices(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[SearchForm],
) -> Response[Any]:
    """The list for a name, a pupil's code or a reference; the text stays out of the address."""
    wanted = data.wanted()
    if wanted.text.strip():
        return await _list_screen(request, context, staff, wanted)
    chosen = {
        "class_id": wanted.class_id,
        "schedule_id": wanted.schedule_id,
        "status": wanted.status,
        "money": wanted.state,
    }
    return goto(request, LIST, **{name: value for name, value in chosen.items() if value})


@get("/invoices/{invoice_id:int}", operation_id="console_invoice")
async def show_invoice(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    invoice_id: RowId,
) -> Response[Any]:
    """One invoice: lines, payments, transfers."""
    return await _invoice_screen(request, context, staff, invoice_id)


@post("/invoices/{invoice_id:int}/cancel", operation_id="console_cancel_invoice", status_code=303)
async def cancel(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    invoice_id: RowId,
    data: URLEncodedBody[CancelForm],
) -> Response[Any]:
    """Cancel an invoice that received nothing, with a reason."""
    try:
        async with transaction(context.engine) as db:
            await cancel_invoice(
                db,
                staff.school_id,
                invoice_id,
                on=business_date(now_utc()),
                actor=staff.actor,
                reason=typed(data.reason, MAX_REASON),
            )
    except DomainError as problem:
        return await _invoice_screen(request, context, staff, invoice_id, problem)
    return goto(request, f"{LIST}/{invoice_id}", done="cancelled")


async def _list_screen(
    request: HttpRequest, context: AppContext, staff: Staff, wanted: InvoiceFilter
) -> Response[Any]:
    async with transaction(context.engine) as db:
        today = business_date(now_utc())
        found = await find_invoices(db, staff.school_id, wanted, today=today)
        confirmed = await confirmed_of(db, staff.school_id, wanted, today=today)
        classes = await classes_of(db, staff.school_id)
        schedules = await issued_schedules(db, staff.school_id)
    return screen(
        request,
        "invoices.html",
        active="invoices",
        wanted=wanted,
        found=found,
        classes=classes,
        schedules=schedules,
        statuses=list(InvoiceStatus),
        states=list(PaymentState),
        confirmed=confirmed,
    )


async def _invoice_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    invoice_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        invoice = await invoice_detail(db, staff.school_id, invoice_id)
        states = await states_of_invoices(db, staff.school_id, [invoice_id])
        paid = [one.payment_id for one in invoice.payments]
        matched = await matched_of(db, staff.school_id, paid)
    return screen(
        request,
        "invoice.html",
        active="invoices",
        invoice=invoice,
        state=states.get(invoice_id),
        matched=matched,
        today=business_date(now_utc()),
        problem=problem,
    )
