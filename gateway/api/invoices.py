"""`/api/v1/invoices`: listing with a cursor, searching, and one invoice by its reference.

A pupil's code is a search term in a body, never in an address: addresses end up in logs.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from core.identity.service import ApiCaller
from core.invoices.errors import InvoiceNotFoundError
from core.invoices.listing import (
    ListedInvoice,
    ListingFilter,
    invoice_of_reference,
    lines_of,
    list_invoices,
    paid_parts,
)
from core.invoices.payment_states import PaymentState, states_of_invoices
from core.invoices.selects import InvoiceStatus
from core.invoices.virtual import virtual_or
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from gateway.api.base import MAX_PAGE, cursor_of, id_of_cursor, page_size
from gateway.context import AppContext


class InvoiceBody(msgspec.Struct, frozen=True):
    """An invoice. `pay_url` is the parent's page; amounts in VND, dates in Vietnam.

    confirmation: how far its money got (received or not, confirmed or not, by hand or automatically);
    null where nothing was received.

    virtual_account pays this invoice without a memo, student_virtual_account whatever the pupil owes
    first; both null where the bank gave the school no prefix.
    """

    reference: str
    pay_url: str
    student_code: str
    class_name: str
    schedule: str
    account_bin: str
    account_number: str
    virtual_account: str | None
    student_virtual_account: str | None
    total_vnd: int
    paid_vnd: int
    open_vnd: int
    status: InvoiceStatus
    is_overdue: bool
    confirmation: PaymentState | None
    issued_on: date
    due_on: date


class InvoiceListBody(msgspec.Struct, frozen=True):
    """A page of invoices in the order of issue; `next_cursor` is null on the last one."""

    items: list[InvoiceBody]
    next_cursor: str | None


class LineBody(msgspec.Struct, frozen=True):
    """One line, VND. What is asked: `amount_vnd` = `unit_price_vnd` × `quantity` − `conceded_vnd`."""

    item_code: str
    description: str
    unit: str
    unit_price_vnd: int
    quantity: int
    conceded_vnd: int
    amount_vnd: int


class PaidPartBody(msgspec.Struct, frozen=True):
    """What one payment settled of the invoice, VND; `paid_at` in UTC."""

    payment_id: int
    amount_vnd: int
    paid_at: datetime


class InvoiceDetailBody(msgspec.Struct, frozen=True):
    """An invoice with its lines and what was paid of it."""

    invoice: InvoiceBody
    lines: list[LineBody]
    payments: list[PaidPartBody]


class InvoiceSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for; what is left out means any."""

    student_code: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    class_name: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    status: InvoiceStatus | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 50


@get("/invoices", operation_id="list_invoices", tags=["invoices"])
async def get_invoices(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    status: FromQuery[InvoiceStatus | None] = None,
    class_name: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> InvoiceListBody:
    """Invoices, oldest first; go on with `cursor=<next_cursor>`. By pupil: see the search."""
    wanted = ListingFilter(status=status, class_name=class_name)
    return await _page(context, caller, wanted, cursor, limit)


@post("/invoices/search", operation_id="search_invoices", tags=["invoices"], status_code=200)
async def search_invoices(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    data: JSONBody[InvoiceSearch],
) -> InvoiceListBody:
    """The same listing, with the pupil's code among the filters: it stands in the body, not in the URL."""
    wanted = ListingFilter(
        status=data.status, class_name=data.class_name, student_code=data.student_code
    )
    return await _page(context, caller, wanted, data.cursor, data.limit)


@get("/invoices/{reference:str}", operation_id="get_invoice", tags=["invoices"])
async def get_invoice(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    reference: FromPath[str],
) -> InvoiceDetailBody:
    """One invoice by its payment reference."""
    async with transaction(context.engine) as db:
        found = await invoice_of_reference(
            db, caller.school_id, reference.upper(), today=business_date(now_utc())
        )
        if found is None:
            raise InvoiceNotFoundError
        lines = await lines_of(db, caller.school_id, found.id)
        parts = await paid_parts(db, caller.school_id, found.id)
        states = await states_of_invoices(db, caller.school_id, [found.id])
    return InvoiceDetailBody(
        _body(found, states.get(found.id), context.settings.base_url),
        [
            LineBody(
                item_code=x.item_code,
                description=x.description,
                unit=x.unit,
                unit_price_vnd=x.unit_price_vnd,
                quantity=x.quantity,
                conceded_vnd=x.conceded_vnd,
                amount_vnd=x.amount_vnd,
            )
            for x in lines
        ],
        [PaidPartBody(part.payment_id, part.amount_vnd, part.paid_at) for part in parts],
    )


async def _page(
    context: AppContext, caller: ApiCaller, wanted: ListingFilter, cursor: str | None, limit: int
) -> InvoiceListBody:
    async with transaction(context.engine) as db:
        found, more = await list_invoices(
            db,
            caller.school_id,
            wanted,
            today=business_date(now_utc()),
            after=id_of_cursor(cursor),
            limit=page_size(limit),
        )
        states = await states_of_invoices(db, caller.school_id, [one.id for one in found])
    return InvoiceListBody(
        [_body(one, states.get(one.id), context.settings.base_url) for one in found],
        cursor_of(found[-1].id) if more else None,
    )


def _body(one: ListedInvoice, confirmation: PaymentState | None, base_url: str) -> InvoiceBody:
    return InvoiceBody(
        reference=one.reference,
        pay_url=f"{base_url}/pay/{one.token}",
        student_code=one.student_code,
        class_name=one.class_name,
        schedule=one.schedule,
        account_bin=one.account_bin,
        account_number=one.account_number,
        virtual_account=virtual_or(one.va_prefix, one.reference, "") or None,
        student_virtual_account=virtual_or(one.va_prefix, one.student_reference, "") or None,
        total_vnd=one.total_vnd,
        paid_vnd=one.paid_vnd,
        open_vnd=0 if one.status is InvoiceStatus.CANCELLED else one.total_vnd - one.paid_vnd,
        status=one.status,
        is_overdue=one.is_overdue,
        confirmation=confirmation,
        issued_on=one.issued_on,
        due_on=one.due_on,
    )
