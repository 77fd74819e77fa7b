"""Phiếu báo thu: find, open, cancel.

Filters stand in the address; what a person types to search does not (it is often a child's name), so
a search is a POST that answers with the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

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
from core.kit.database import Driver
from core.statistics.queries import issued_schedules
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import number_or_none, typed
from gateway.console.frame.match_reasons import match_reasons
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest

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
@in_transaction
async def show_invoices(
    request: ConsoleRequest,
    db: Driver,
    class_id: FromQuery[str] = "",
    schedule_id: FromQuery[str] = "",
    status: FromQuery[str] = "",
    money: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Page:
    """The list, filtered, in the order of class and name."""
    form = SearchForm(
        class_id=class_id, schedule_id=schedule_id, status=status, money=money, after=after
    )
    return await _list_screen(request, db, form.wanted())


@post("/invoices", operation_id="console_search_invoices", status_code=200)
@in_transaction
async def search_invoices(
    request: ConsoleRequest, db: Driver, data: URLEncodedBody[SearchForm]
) -> Page:
    """The list for a name, a pupil's code or a reference; the text stays out of the address."""
    wanted = data.wanted()
    if wanted.text.strip():
        return await _list_screen(request, db, wanted)
    chosen = {
        "class_id": wanted.class_id,
        "schedule_id": wanted.schedule_id,
        "status": wanted.status,
        "money": wanted.state,
    }
    return goto(request, LIST, **{name: value for name, value in chosen.items() if value})


@get("/invoices/{invoice_id:int}", operation_id="console_invoice")
@in_transaction
async def show_invoice(request: ConsoleRequest, db: Driver, invoice_id: RowId) -> Page:
    """One invoice: lines, payments, transfers."""
    invoice = await invoice_detail(db, request.school_id, invoice_id)
    states = await states_of_invoices(db, request.school_id, [invoice_id])
    paid = [one.payment_id for one in invoice.payments]
    return screen(
        request,
        "invoice.html",
        active="invoices",
        invoice=invoice,
        state=states.get(invoice_id),
        matched=await match_reasons(db, request.school_id, paid),
        today=business_date(now_utc()),
    )


@post("/invoices/{invoice_id:int}/cancel", operation_id="console_cancel_invoice", status_code=303)
@action(refused_on=show_invoice)
async def cancel(
    request: ConsoleRequest, db: Driver, invoice_id: RowId, data: URLEncodedBody[CancelForm]
) -> Redirect:
    """Cancel an invoice that received nothing, with a reason."""
    await cancel_invoice(
        db,
        request.school_id,
        invoice_id,
        on=business_date(now_utc()),
        actor=request.actor,
        reason=typed(data.reason, MAX_REASON),
    )
    return goto(request, f"{LIST}/{invoice_id}", done="cancelled")


async def _list_screen(request: ConsoleRequest, db: Driver, wanted: InvoiceFilter) -> Page:
    school_id, today = request.school_id, business_date(now_utc())
    return screen(
        request,
        "invoices.html",
        active="invoices",
        wanted=wanted,
        found=await find_invoices(db, school_id, wanted, today=today),
        classes=await classes_of(db, school_id),
        schedules=await issued_schedules(db, school_id),
        statuses=list(InvoiceStatus),
        states=list(PaymentState),
        confirmed=await confirmed_of(db, school_id, wanted, today=today),
    )
