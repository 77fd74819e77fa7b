"""Hoàn tiền: ask for a refund, decide on it, hand the bank its list, record what the bank did.

Whoever asks is never who approves. What may be given back of a payment is shown before it is asked for;
an account that receives money is typed once and shown masked from then on.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from litestar import Response, get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect

from adapters.banks import banks
from core.identity.service import Role
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import DomainError
from core.merchants.queries import bank_accounts_of
from core.refunds.manual import confirm_refund, fail_refund
from core.refunds.payee import RefundPayee, read_payee
from core.refunds.queries import (
    counts_by_status,
    find_refund,
    list_refunds,
    names_of_invoices,
    payment_facts,
    transfer_lists,
    transfers_waiting,
)
from core.refunds.refund_transfers import EXTENSIONS, download_transfer_list, make_transfer_list
from core.refunds.refundable import Refundable, refundable
from core.refunds.service import (
    RefundRequest,
    approve_refund,
    cancel_refund,
    reject_refund,
    request_refund,
)
from core.refunds.states import MAX_REASON, UNDER_WAY, Method, Status
from gateway.console.errors import (
    BadAmountError,
    BadMethodError,
    PaidDayMissingError,
    RefundDecisionError,
)
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import NoteForm, amount_of, date_or_none, number_or_none, typed
from gateway.console.frame.screen import Page, RowId, file_to_keep, goto, screen
from gateway.console.frame.session import ConsoleRequest, only

LIST: Final = "/console/refunds"
PAGE_SIZE: Final = 50
SHOWN: Final = {
    "": UNDER_WAY,
    "done": (Status.DONE,),
    "ended": (Status.REJECTED, Status.CANCELLED, Status.REFUSED),
}


@dataclass(frozen=True, slots=True)
class RefundForm:
    """A refund as its form sends it; `key` makes a second click mean the same refund."""

    amount: str = ""
    reason: str = ""
    from_invoice: str = ""
    method: str = ""
    bank_account: str = ""
    bin: str = ""
    number: str = field(default="", repr=False)
    holder: str = field(default="", repr=False)
    key: str = ""

    def wanted(self) -> RefundRequest:
        """What is asked for. Raises BadAmountError, BadMethodError, BadPayeeError."""
        amount_vnd = amount_of(self.amount)
        if amount_vnd is None:
            raise BadAmountError
        if self.method not in set(Method):
            raise BadMethodError
        method = Method(self.method)
        payee: RefundPayee | None = None
        if method is Method.TRANSFER:
            payee = read_payee(self.bin, self.number, self.holder)
        return RefundRequest(
            amount_vnd=amount_vnd,
            reason=typed(self.reason, MAX_REASON + 1),
            method=method,
            payee=payee,
            from_invoice_id=number_or_none(self.from_invoice),
            bank_account_id=number_or_none(self.bank_account),
            key=typed(self.key, 64),
        )


@dataclass(frozen=True, slots=True)
class ConfirmForm:
    """What the bank did: its day, and its number where it is known."""

    day: str = ""
    bank_transaction_id: str = ""

    def paid_on(self) -> date:
        """The day. Raises PaidDayMissingError."""
        day = date_or_none(self.day)
        if day is None:
            raise PaidDayMissingError
        return day


@dataclass(frozen=True, slots=True)
class ListForm:
    """Which account's transfers to list, and as what."""

    bank_account_id: str = ""
    format: str = ""


@get("/refunds", operation_id="console_refunds")
@in_transaction
async def show_refunds(
    request: ConsoleRequest,
    db: Driver,
    show: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Page:
    """Refunds under way, done or ended otherwise; the transfers that wait, and the lists made."""
    chosen = show if show in SHOWN else ""
    found = await list_refunds(
        db,
        request.context.keys,
        request.school_id,
        statuses=SHOWN[chosen],
        before_id=number_or_none(before),
        limit=PAGE_SIZE + 1,
    )
    counts = await counts_by_status(db, request.school_id)
    return screen(
        request,
        "refunds.html",
        active="refunds",
        show=chosen,
        rows=found[:PAGE_SIZE],
        next_before=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        counts={name: sum(counts.get(s, 0) for s in states) for name, states in SHOWN.items()},
        waiting=await transfers_waiting(db, request.school_id),
        lists=await transfer_lists(db, request.school_id),
        formats=EXTENSIONS,
    )


@in_transaction
async def _request_screen(
    request: ConsoleRequest, db: Driver, payment_id: int, data: RefundForm | None = None
) -> Page:
    keys, school_id = request.context.keys, request.school_id
    payment = await payment_facts(db, school_id, payment_id)
    found: Refundable | None = None
    try:
        found = await refundable(db, school_id, payment_id)
    except DomainError as uncertain:
        request.problem = request.problem or uncertain
    parts = found.position.parts if found else ()
    invoice_ids = [part.invoice_id for part in parts if part.invoice_id]
    first = RefundForm(
        amount=str(found.remaining_vnd) if found else "",
        method=found.methods[0] if found else "",
        key=secrets.token_hex(16),
    )
    return screen(
        request,
        "refund_form.html",
        active="refunds",
        payment=payment,
        found=found,
        names=await names_of_invoices(db, school_id, invoice_ids),
        earlier=await list_refunds(db, keys, school_id, payment_id=payment_id),
        accounts=await bank_accounts_of(db, school_id),
        paying_id=(found.bank_account_id or found.merchant_bank_account_id) if found else None,
        banks=sorted(banks(), key=lambda one: one.short_name.casefold()),
        form=data or first,
        max_reason=MAX_REASON,
    )


@get("/payments/{payment_id:int}/refund", operation_id="console_refund_form")
async def show_request(request: ConsoleRequest, payment_id: RowId) -> Page:
    """The form that asks for a refund of a payment."""
    return await _request_screen(request, payment_id=payment_id)


@post("/payments/{payment_id:int}/refund", operation_id="console_request_refund", status_code=303)
@action(refused_on=_request_screen)
async def request_one(
    request: ConsoleRequest, db: Driver, payment_id: RowId, data: URLEncodedBody[RefundForm]
) -> Redirect:
    """Ask for a refund; sent twice, it is asked for once."""
    keys, wanted = request.context.keys, data.wanted()
    made = await request_refund(
        db, keys, request.school_id, payment_id, wanted, actor=request.actor
    )
    return goto(request, f"{LIST}/{made.id}", done="refund_requested")


@get("/refunds/{refund_id:int}", operation_id="console_refund")
@in_transaction
async def show_refund(request: ConsoleRequest, db: Driver, refund_id: RowId) -> Page:
    """One refund: its steps and what may be done with it now."""
    refund = await find_refund(db, request.context.keys, request.school_id, refund_id)
    return screen(
        request,
        "refund.html",
        active="refunds",
        refund=refund,
        today=business_date(now_utc()),
        may_approve=request.is_approver and request.actor != refund.requested_by,
        may_confirm=refund.status is Status.LISTED or (refund.is_in_doubt and request.is_approver),
        may_cancel=refund.status is Status.REQUESTED
        or (refund.status is Status.APPROVED and refund.request_id is None),
    )


@post(
    "/refunds/{refund_id:int}/approve",
    operation_id="console_approve_refund",
    status_code=303,
    guards=[only(Role.APPROVER, RefundDecisionError)],
)
@action(refused_on=show_refund)
async def approve(request: ConsoleRequest, db: Driver, refund_id: RowId) -> Redirect:
    """Approve: an approver, and not whoever asked."""
    await approve_refund(db, request.school_id, refund_id, actor=request.actor)
    return goto(request, f"{LIST}/{refund_id}", done="refund_approved")


@post(
    "/refunds/{refund_id:int}/reject",
    operation_id="console_reject_refund",
    status_code=303,
    guards=[only(Role.APPROVER, RefundDecisionError)],
)
@action(refused_on=show_refund)
async def reject(
    request: ConsoleRequest, db: Driver, refund_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Refuse what was asked for, with a reason."""
    await reject_refund(db, request.school_id, refund_id, actor=request.actor, note=data.note)
    return goto(request, f"{LIST}/{refund_id}", done="refund_rejected")


@post("/refunds/{refund_id:int}/cancel", operation_id="console_cancel_refund", status_code=303)
@action(refused_on=show_refund)
async def cancel(
    request: ConsoleRequest, db: Driver, refund_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Take it back before anything was sent."""
    await cancel_refund(db, request.school_id, refund_id, actor=request.actor, note=data.note)
    return goto(request, f"{LIST}/{refund_id}", done="refund_cancelled")


@post("/refunds/{refund_id:int}/confirm", operation_id="console_confirm_refund", status_code=303)
@action(refused_on=show_refund)
async def confirm(
    request: ConsoleRequest, db: Driver, refund_id: RowId, data: URLEncodedBody[ConfirmForm]
) -> Redirect:
    """The money has gone: book it on the day that the bank or the provider named."""
    await _check_decider(request, db, refund_id)
    request.paid = await confirm_refund(
        db,
        request.school_id,
        refund_id,
        on=data.paid_on(),
        bank_transaction_id=data.bank_transaction_id,
        actor=request.actor,
    )
    return goto(request, f"{LIST}/{refund_id}", done="refund_done")


@post("/refunds/{refund_id:int}/fail", operation_id="console_fail_refund", status_code=303)
@action(refused_on=show_refund)
async def fail(
    request: ConsoleRequest, db: Driver, refund_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """It has not gone: nothing is booked."""
    await _check_decider(request, db, refund_id)
    await fail_refund(db, request.school_id, refund_id, actor=request.actor, note=data.note)
    return goto(request, f"{LIST}/{refund_id}", done="refund_failed")


@post("/refunds/lists", operation_id="console_make_transfer_list", status_code=303)
@action(refused_on=show_refunds)
async def make_list(
    request: ConsoleRequest, db: Driver, data: URLEncodedBody[ListForm]
) -> Redirect:
    """List the approved transfers of one bank account."""
    made = await make_transfer_list(
        db,
        request.context.keys,
        request.school_id,
        number_or_none(data.bank_account_id) or 0,
        extension=data.format,
        actor=request.actor,
    )
    return goto(request, LIST, done="listed" if made else "nothing_to_list")


@get("/refunds/lists/{list_id:int}/file", operation_id="console_transfer_list_file")
@in_transaction
async def download_list(request: ConsoleRequest, db: Driver, list_id: RowId) -> Response[bytes]:
    """The list as it was made."""
    file = await download_transfer_list(
        db, request.context.keys, request.school_id, list_id, actor=request.actor
    )
    return file_to_keep(file.file_name, file.content)


async def _check_decider(request: ConsoleRequest, db: Driver, refund_id: int) -> None:
    """A refund by the provider ends on an approver's word alone. Raises RefundDecisionError."""
    refund = await find_refund(db, request.context.keys, request.school_id, refund_id)
    if refund.method is Method.PROVIDER and not request.is_approver:
        raise RefundDecisionError
