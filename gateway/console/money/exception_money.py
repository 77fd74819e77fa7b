"""Money behind an exception that one page is not enough for: split over invoices, returned to its payer.

Both show what they would do before it is done, keep what was typed when it is refused, and are refused
where somebody else has been faster. An account that receives money is typed once and never shown again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from adapters.banks import banks
from core.invoices.choices import InvoiceChoice, invoice_choices
from core.invoices.search import MAX_QUERY, InvoiceFilter, find_invoices
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import DomainError
from core.merchants.queries import bank_accounts_of
from core.refunds.payee import read_payee
from core.refunds.refundable import Refundable, refundable
from core.refunds.states import MAX_REASON, Method
from gateway.console.errors import BadMethodError, TooManySharesError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import amount_of, number_or_none, typed
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from gateway.console.money.exceptions import FOUND, LIST
from reconciliation.review.actions import Action, MoneyState
from reconciliation.review.allocations import InvoiceShare, split_exception
from reconciliation.review.decisions import ReturnRequest, return_to_payer
from reconciliation.review.errors import ActionNotAllowedError
from reconciliation.review.notes import MAX_TEXT
from reconciliation.review.proposals import proposals_for
from reconciliation.review.queue import ExceptionRow, find_exception

AMOUNT: Final = "amount-"
"""Fields of the split form: this and the invoice's number."""
MOST_SHARES: Final = 40


@dataclass(frozen=True, slots=True)
class ReturnForm:
    """How money goes back; `key` makes a second click mean the same refund."""

    note: str = ""
    mark: str | None = None
    method: str = ""
    bin: str = ""
    number: str = field(default="", repr=False)
    holder: str = field(default="", repr=False)
    bank_account: str = ""
    key: str = ""

    def wanted(self) -> ReturnRequest:
        """What is asked for. Raises BadMethodError, BadPayeeError."""
        if self.method not in set(Method):
            raise BadMethodError
        method = Method(self.method)
        is_transfer = method is Method.TRANSFER
        return ReturnRequest(
            method=method,
            payee=read_payee(self.bin, self.number, self.holder) if is_transfer else None,
            bank_account_id=number_or_none(self.bank_account),
            key=typed(self.key, 64),
        )


@get("/exceptions/{exception_id:int}/split", operation_id="console_split_form")
@in_transaction
async def show_split(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Page:
    """The form that splits what waits over several invoices, with what was typed so far."""
    fields = await _fields(request)
    text = typed(fields.get("text", ""), MAX_QUERY)
    row = await find_exception(db, request.school_id, exception_id)
    _check_action(request, row, Action.SPLIT)
    candidates = await _candidates(db, request.school_id, row, text, fields)
    pupils = {one.student_id: f"{one.full_name} · {one.student_code}" for one in candidates}
    return screen(
        request,
        "split.html",
        active="exceptions",
        row=row,
        candidates=candidates,
        pupils=pupils,
        text=text,
        fields=fields,
        max_note=MAX_TEXT,
    )


find_to_split = post(
    "/exceptions/{exception_id:int}/split/search",
    operation_id="console_split_find",
    status_code=200,
)(show_split.fn)
"""The same form with more invoices."""


@post("/exceptions/{exception_id:int}/split", operation_id="console_split", status_code=303)
@action(refused_on=show_split)
async def split(request: ConsoleRequest, db: Driver, exception_id: RowId) -> Redirect:
    """Give each invoice its part; the rest waits on or becomes a pupil's credit."""
    fields = await _fields(request)
    step = await split_exception(
        db,
        request.school_id,
        exception_id,
        _shares(fields),
        credit_student_id=number_or_none(fields.get("rest", "")),
        actor=request.actor,
        note=typed(fields.get("note", ""), MAX_TEXT),
        mark=fields.get("mark"),
    )
    request.announce(step.invoice_ids)
    return goto(request, f"{LIST}/{exception_id}" if step.suspense_vnd else LIST, done="split")


@in_transaction
async def _return_screen(
    request: ConsoleRequest, db: Driver, exception_id: int, data: ReturnForm | None = None
) -> Page:
    found: Refundable | None = None
    row = await find_exception(db, request.school_id, exception_id)
    _check_action(request, row, Action.RETURN)
    if row.payment_id is not None:
        try:
            found = await refundable(db, request.school_id, row.payment_id)
        except DomainError as uncertain:
            request.problem = request.problem or uncertain
    is_suspended = row.money_state is MoneyState.SUSPENDED
    return screen(
        request,
        "return.html",
        active="exceptions",
        row=row,
        found=found,
        amount_vnd=row.money.suspense_vnd if is_suspended else row.money.credit_vnd,
        accounts=await bank_accounts_of(db, request.school_id),
        paying_id=(found.bank_account_id or found.merchant_bank_account_id) if found else None,
        banks=sorted(banks(), key=lambda one: one.short_name.casefold()),
        form=data or ReturnForm(key=secrets.token_hex(16), mark=row.mark),
        max_reason=MAX_REASON,
    )


@get("/exceptions/{exception_id:int}/return", operation_id="console_return_form")
async def show_return(request: ConsoleRequest, exception_id: RowId) -> Page:
    """The form that returns money to whoever paid it."""
    return await _return_screen(request, exception_id=exception_id)


@post("/exceptions/{exception_id:int}/return", operation_id="console_return", status_code=303)
@action(refused_on=_return_screen)
async def return_money(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[ReturnForm]
) -> Redirect:
    """Ask for the refund; the exception is closed with it, and open again if it comes to nothing."""
    made = await return_to_payer(
        db,
        request.context.keys,
        request.school_id,
        exception_id,
        data.wanted(),
        actor=request.actor,
        note=typed(data.note, MAX_REASON),
        mark=data.mark,
    )
    return goto(request, f"/console/refunds/{made.id}", done="refund_requested")


async def _fields(request: ConsoleRequest) -> Mapping[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _invoice_of(field_name: str) -> int | None:
    """The invoice whose share a field of the form is."""
    return (
        number_or_none(field_name.removeprefix(AMOUNT)) if field_name.startswith(AMOUNT) else None
    )


def _shares(fields: Mapping[str, str]) -> list[InvoiceShare]:
    """The amounts typed. Raises BadAmountError for one that cannot be read, TooManySharesError."""
    found: list[InvoiceShare] = []
    for name, value in fields.items():
        invoice_id = _invoice_of(name)
        if invoice_id is not None and (amount_vnd := amount_of(value)):
            found.append(InvoiceShare(invoice_id, amount_vnd))
    if len(found) > MOST_SHARES:
        raise TooManySharesError(MOST_SHARES)
    return found


async def _candidates(
    db: Driver, school_id: int, row: ExceptionRow, text: str, fields: Mapping[str, str]
) -> list[InvoiceChoice]:
    """Invoices with an amount typed, then those proposed, then those found, each once."""
    typed_for = (_invoice_of(name) for name, value in fields.items() if value.strip())
    wanted = [invoice_id for invoice_id in typed_for if invoice_id is not None]
    wanted += [one.invoice_id for one in await proposals_for(db, school_id, row.id)]
    if text.strip():
        today = business_date(now_utc())
        page = await find_invoices(
            db, school_id, InvoiceFilter(text=text), today=today, limit=FOUND
        )
        wanted += [one.id for one in page.rows]
    return await invoice_choices(db, school_id, list(dict.fromkeys(wanted)))


def _check_action(request: ConsoleRequest, row: ExceptionRow, wanted: Action) -> None:
    """A form for what cannot be done is not shown; why an attempt failed is. Raises ActionNotAllowedError."""
    if wanted not in row.actions and request.problem is None:
        raise ActionNotAllowedError
