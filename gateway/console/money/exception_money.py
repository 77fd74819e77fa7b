"""Money behind an exception that one page is not enough for: split over invoices, returned to its payer.

Both show what they would do before it is done, keep what was typed when it is refused, and are refused
where somebody else has been faster. An account that receives money is typed once and never shown again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from adapters.banks import banks
from core.invoices.search import MAX_QUERY, InvoiceFilter, find_invoices
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError, Problem
from core.refunds.payee import read_payee
from core.refunds.refundable import Refundable, refundable
from core.refunds.states import MAX_REASON, Method
from gateway.console.frame.screen import (
    HttpRequest,
    RowId,
    Staff,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.console.money.exceptions import FOUND, LIST, announce
from gateway.context import AppContext
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An invoice that may get a share, and what was typed for it. Amounts in VND."""

    invoice_id: int
    student_id: int
    full_name: str
    student_code: str
    class_name: str
    schedule_name: str
    reference: str
    open_vnd: int
    amount: str


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

    def wish(self) -> ReturnRequest:
        """What is asked for. Raises Problem (422) for a method or an account that cannot be read."""
        if self.method not in set(Method):
            raise Problem(
                "bad_method", vi="Hãy chọn cách hoàn.", en="Choose how it goes back.", status=422
            )
        method = Method(self.method)
        by_payout = method is Method.TRANSFER
        return ReturnRequest(
            method=method,
            payee=read_payee(self.bin, self.number, self.holder) if by_payout else None,
            bank_account_id=number_or_none(self.bank_account),
            key=typed(self.key, 64),
        )


@get("/exceptions/{exception_id:int}/split", operation_id="console_split_form")
async def show_split(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """The form that splits what waits over several invoices."""
    return await _split_screen(request, context, staff, exception_id, {})


@post(
    "/exceptions/{exception_id:int}/split/search",
    operation_id="console_split_find",
    status_code=200,
)
async def find_to_split(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """The same form with more invoices, and what was typed so far."""
    return await _split_screen(request, context, staff, exception_id, await _fields(request))


@post("/exceptions/{exception_id:int}/split", operation_id="console_split", status_code=303)
async def split(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """Give each invoice its part; the rest waits on or becomes a pupil's credit."""
    fields = await _fields(request)
    try:
        shares = _shares(fields)
        async with transaction(context.engine) as db:
            moved = await split_exception(
                db,
                staff.school_id,
                exception_id,
                shares,
                credit_student_id=number_or_none(fields.get("rest", "")),
                actor=staff.actor,
                note=typed(fields.get("note", ""), MAX_TEXT),
                mark=fields.get("mark"),
            )
    except DomainError as problem:
        return await _split_screen(request, context, staff, exception_id, fields, problem)
    await announce(context, staff, moved)
    if moved.suspense_vnd:
        return goto(request, f"{LIST}/{exception_id}", done="split")
    return goto(request, LIST, done="split")


@get("/exceptions/{exception_id:int}/return", operation_id="console_return_form")
async def show_return(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
) -> Response[Any]:
    """The form that returns money to whoever paid it."""
    return await _return_screen(request, context, staff, exception_id, None)


@post("/exceptions/{exception_id:int}/return", operation_id="console_return", status_code=303)
async def return_money(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[ReturnForm],
) -> Response[Any]:
    """Ask for the refund; the exception is closed with it, and open again if it comes to nothing."""
    try:
        wish = data.wish()
        async with transaction(context.engine) as db:
            made = await return_to_payer(
                db,
                context.keys,
                staff.school_id,
                exception_id,
                wish,
                actor=staff.actor,
                note=typed(data.note, MAX_REASON),
                mark=data.mark,
            )
    except DomainError as problem:
        return await _return_screen(request, context, staff, exception_id, data, problem)
    return goto(request, f"/console/refunds/{made.id}", done="refund_requested")


async def _fields(request: HttpRequest) -> Mapping[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _shares(fields: Mapping[str, str]) -> list[InvoiceShare]:
    """The amounts typed. Raises Problem (422) for one that cannot be read."""
    found: list[InvoiceShare] = []
    for name, value in fields.items():
        invoice_id = number_or_none(name.removeprefix(AMOUNT))
        digits = re.sub(r"[.,\sđ]", "", value)
        if not name.startswith(AMOUNT) or invoice_id is None or not digits:
            continue
        amount_vnd = number_or_none(digits)
        if amount_vnd is None:
            raise Problem(
                "bad_amount",
                vi="Hãy ghi số tiền bằng chữ số.",
                en="Write the amount in digits.",
                status=422,
            )
        if amount_vnd:
            found.append(InvoiceShare(invoice_id, amount_vnd))
    if len(found) > MOST_SHARES:
        raise Problem(
            "too_many_shares",
            vi=f"Chia cho nhiều nhất {MOST_SHARES} phiếu báo thu.",
            en=f"Split over at most {MOST_SHARES} invoices.",
            status=422,
        )
    return found


async def _split_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    fields: Mapping[str, str],
    problem: DomainError | None = None,
) -> Response[Any]:
    text = typed(fields.get("text", ""), MAX_QUERY)
    async with transaction(context.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        _check_action(row, Action.SPLIT, problem)
        candidates = await _candidates(db, staff.school_id, row, text, fields)
    pupils = {one.student_id: f"{one.full_name} · {one.student_code}" for one in candidates}
    return screen(
        request,
        "split.html",
        active="exceptions",
        problem=problem,
        row=row,
        candidates=candidates,
        pupils=pupils,
        text=text,
        fields=fields,
        max_note=MAX_TEXT,
    )


async def _candidates(
    db: Driver, school_id: int, row: ExceptionRow, text: str, fields: Mapping[str, str]
) -> list[Candidate]:
    """Invoices with an amount typed, then those proposed, then those found, each once."""
    wanted = [
        invoice_id
        for name, value in fields.items()
        if name.startswith(AMOUNT)
        and value.strip()
        and (invoice_id := number_or_none(name.removeprefix(AMOUNT))) is not None
    ]
    wanted += [one.invoice_id for one in await proposals_for(db, school_id, row.id)]
    if text.strip():
        today = business_date(now_utc())
        page = await find_invoices(
            db, school_id, InvoiceFilter(text=text), today=today, limit=FOUND
        )
        wanted += [one.id for one in page.rows]
    ordered = list(dict.fromkeys(wanted))
    rows = await db.raw.fetch(
        """
        SELECT i.id AS invoice_id, i.student_id, s.full_name, s.code AS student_code,
               CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, f.name AS schedule_name,
               i.reference, i.total_vnd - i.paid_vnd AS open_vnd
          FROM invoice i
          JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
          JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
          JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
         WHERE i.school_id = $1 AND i.id = ANY($2::bigint[]) AND i.cancelled_at IS NULL
         ORDER BY array_position($2::bigint[], i.id)
        """,
        school_id,
        ordered,
    )
    return [
        Candidate(**dict(found), amount=fields.get(f"{AMOUNT}{found['invoice_id']}", ""))
        for found in rows
    ]


async def _return_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    exception_id: int,
    form: ReturnForm | None,
    problem: DomainError | None = None,
) -> Response[Any]:
    found: Refundable | None = None
    async with transaction(context.engine) as db:
        row = await find_exception(db, staff.school_id, exception_id)
        _check_action(row, Action.RETURN, problem)
        if row.payment_id is not None:
            try:
                found = await refundable(db, staff.school_id, row.payment_id)
            except DomainError as uncertain:
                problem = problem or uncertain
        accounts = await db.raw.fetch(
            "SELECT id, number FROM bank_account WHERE school_id = $1 ORDER BY id", staff.school_id
        )
    waits = row.money_state is MoneyState.SUSPENDED
    return screen(
        request,
        "return.html",
        active="exceptions",
        problem=problem,
        row=row,
        found=found,
        amount_vnd=row.money.suspense_vnd if waits else row.money.credit_vnd,
        accounts=accounts,
        paying_id=(found.bank_account_id or found.merchant_bank_account_id) if found else None,
        banks=sorted(banks(), key=lambda one: one.short_name.casefold()),
        form=form or ReturnForm(key=secrets.token_hex(16), mark=row.mark),
        max_reason=MAX_REASON,
    )


def _check_action(row: ExceptionRow, action: Action, problem: DomainError | None) -> None:
    """A form for what cannot be done is not shown; why an attempt failed is. Raises ActionNotAllowedError."""
    if action not in row.actions and problem is None:
        raise ActionNotAllowedError
