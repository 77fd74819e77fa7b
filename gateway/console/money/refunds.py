"""Hoàn tiền: ask for a refund, decide on it, hand the bank its list, say what the bank did.

Whoever asks is never who approves. What may be given back of a payment is shown before it is asked for;
an account that receives money is typed once and shown masked from then on.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody

from adapters.banks import banks
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, borrowed, transaction
from core.kit.errors import DomainError, Problem
from core.payments.ingest.group_commit import announce_paid
from core.refunds.manual import confirm_refund, fail_refund
from core.refunds.payee import Payee, read_payee
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
from gateway.console.frame.screen import (
    HttpRequest,
    NoteForm,
    RowId,
    Staff,
    file_to_keep,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.context import AppContext

LIST: Final = "/console/refunds"
APPROVER: Final = "approver"
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

    def wish(self) -> RefundRequest:
        """What is asked for. Raises Problem (422) for an amount or a method that cannot be read."""
        amount_vnd = number_or_none(re.sub(r"[.,\sđ]", "", self.amount.strip()))
        if amount_vnd is None:
            raise Problem(
                "bad_amount",
                vi="Hãy ghi số tiền bằng chữ số.",
                en="Write the amount in digits.",
                status=422,
            )
        if self.method not in set(Method):
            raise Problem(
                "bad_method", vi="Hãy chọn cách hoàn.", en="Choose how it goes back.", status=422
            )
        method = Method(self.method)
        payee: Payee | None = None
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


@dataclass(frozen=True, slots=True)
class ListForm:
    """Which account's payouts to list, and as what."""

    bank_account_id: str = ""
    format: str = ""


@get("/refunds", operation_id="console_refunds")
async def show_refunds(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    show: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Response[Any]:
    """Refunds under way, done or ended otherwise; the payouts that wait, and the lists made."""
    return await _list_screen(request, context, staff, show, number_or_none(before))


@get("/payments/{payment_id:int}/refund", operation_id="console_refund_form")
async def show_request(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    payment_id: RowId,
) -> Response[Any]:
    """The form that asks for a refund of a payment."""
    return await _request_screen(request, context, staff, payment_id, None)


@post("/payments/{payment_id:int}/refund", operation_id="console_request_refund", status_code=303)
async def request(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    payment_id: RowId,
    data: URLEncodedBody[RefundForm],
) -> Response[Any]:
    """Ask for a refund; sent twice, it is asked for once."""
    try:
        wish = data.wish()
        async with transaction(context.engine) as db:
            made = await request_refund(
                db, context.keys, staff.school_id, payment_id, wish, actor=staff.actor
            )
    except DomainError as problem:
        return await _request_screen(request, context, staff, payment_id, data, problem)
    return goto(request, f"{LIST}/{made.id}", done="refund_requested")


@get("/refunds/{refund_id:int}", operation_id="console_refund")
async def show_refund(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
) -> Response[Any]:
    """One refund: its steps and what may be done with it now."""
    return await _refund_screen(request, context, staff, refund_id)


@post("/refunds/{refund_id:int}/approve", operation_id="console_approve_refund", status_code=303)
async def approve(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
) -> Response[Any]:
    """Approve: an approver, and not whoever asked."""
    try:
        _check_approver(staff)
        async with transaction(context.engine) as db:
            await approve_refund(db, staff.school_id, refund_id, actor=staff.actor)
    except DomainError as problem:
        return await _refund_screen(request, context, staff, refund_id, problem)
    return goto(request, f"{LIST}/{refund_id}", done="refund_approved")


@post("/refunds/{refund_id:int}/reject", operation_id="console_reject_refund", status_code=303)
async def reject(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Say no, with a reason."""
    try:
        _check_approver(staff)
        async with transaction(context.engine) as db:
            await reject_refund(db, staff.school_id, refund_id, actor=staff.actor, note=data.note)
    except DomainError as problem:
        return await _refund_screen(request, context, staff, refund_id, problem)
    return goto(request, f"{LIST}/{refund_id}", done="refund_rejected")


@post("/refunds/{refund_id:int}/cancel", operation_id="console_cancel_refund", status_code=303)
async def cancel(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Take it back before anything was sent."""
    try:
        async with transaction(context.engine) as db:
            await cancel_refund(db, staff.school_id, refund_id, actor=staff.actor, note=data.note)
    except DomainError as problem:
        return await _refund_screen(request, context, staff, refund_id, problem)
    return goto(request, f"{LIST}/{refund_id}", done="refund_cancelled")


@post("/refunds/{refund_id:int}/confirm", operation_id="console_confirm_refund", status_code=303)
async def confirm(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
    data: URLEncodedBody[ConfirmForm],
) -> Response[Any]:
    """The money has gone: book it on the day that the bank or the provider said."""
    try:
        async with transaction(context.engine) as db:
            await _check_word(db, context, staff, refund_id)
            touched = await confirm_refund(
                db,
                staff.school_id,
                refund_id,
                on=_day(data.day),
                bank_transaction_id=data.bank_transaction_id,
                actor=staff.actor,
            )
    except DomainError as problem:
        return await _refund_screen(request, context, staff, refund_id, problem)
    async with borrowed(context.engine) as db:
        await announce_paid(db, touched)
    return goto(request, f"{LIST}/{refund_id}", done="refund_done")


@post("/refunds/{refund_id:int}/fail", operation_id="console_fail_refund", status_code=303)
async def fail(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    refund_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """It has not gone: nothing is booked."""
    try:
        async with transaction(context.engine) as db:
            await _check_word(db, context, staff, refund_id)
            await fail_refund(db, staff.school_id, refund_id, actor=staff.actor, note=data.note)
    except DomainError as problem:
        return await _refund_screen(request, context, staff, refund_id, problem)
    return goto(request, f"{LIST}/{refund_id}", done="refund_failed")


@post("/refunds/lists", operation_id="console_make_transfer_list", status_code=303)
async def make_list(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[ListForm],
) -> Response[Any]:
    """List the approved payouts of one bank account."""
    try:
        async with transaction(context.engine) as db:
            made = await make_transfer_list(
                db,
                context.keys,
                staff.school_id,
                number_or_none(data.bank_account_id) or 0,
                extension=data.format,
                actor=staff.actor,
            )
    except DomainError as problem:
        return await _list_screen(request, context, staff, "", None, problem)
    return goto(request, LIST, done="listed" if made else "nothing_to_list")


@get("/refunds/lists/{list_id:int}/file", operation_id="console_transfer_list_file")
async def download_list(
    context: NamedDependency[AppContext], staff: NamedDependency[Staff], list_id: RowId
) -> Response[bytes]:
    """The list as it was made."""
    async with transaction(context.engine) as db:
        file = await download_transfer_list(
            db, context.keys, staff.school_id, list_id, actor=staff.actor
        )
    return file_to_keep(file.file_name, file.content)


def _check_approver(staff: Staff) -> None:
    if staff.user.role != APPROVER:
        raise Problem(
            "not_an_approver",
            vi="Chỉ người có vai trò duyệt mới duyệt được hoàn tiền.",
            en="Only an approver can decide on a refund.",
            status=403,
        )


async def _check_word(db: Driver, context: AppContext, staff: Staff, refund_id: int) -> None:
    """A provider's refund is ended by an approver's word alone."""
    refund = await find_refund(db, context.keys, staff.school_id, refund_id)
    if refund.method is Method.PROVIDER:
        _check_approver(staff)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(
            "bad_date", vi="Hãy chọn ngày chi.", en="Choose the day.", status=422
        ) from None


async def _list_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    show: str,
    before_id: int | None,
    problem: DomainError | None = None,
) -> Response[Any]:
    chosen = show if show in SHOWN else ""
    async with transaction(context.engine) as db:
        found = await list_refunds(
            db,
            context.keys,
            staff.school_id,
            statuses=SHOWN[chosen],
            before_id=before_id,
            limit=PAGE_SIZE + 1,
        )
        counts = await counts_by_status(db, staff.school_id)
        waiting = await transfers_waiting(db, staff.school_id)
        lists = await transfer_lists(db, staff.school_id)
    return screen(
        request,
        "refunds.html",
        active="refunds",
        problem=problem,
        show=chosen,
        rows=found[:PAGE_SIZE],
        next_before=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        counts={name: sum(counts.get(s, 0) for s in states) for name, states in SHOWN.items()},
        waiting=waiting,
        lists=lists,
        formats=EXTENSIONS,
    )


async def _request_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    payment_id: int,
    form: RefundForm | None,
    problem: DomainError | None = None,
) -> Response[Any]:
    found: Refundable | None = None
    async with transaction(context.engine) as db:
        payment = await payment_facts(db, staff.school_id, payment_id)
        try:
            found = await refundable(db, staff.school_id, payment_id)
        except DomainError as uncertain:
            problem = problem or uncertain
        earlier = await list_refunds(db, context.keys, staff.school_id, payment_id=payment_id)
        parts = found.position.parts if found else ()
        names = await names_of_invoices(
            db, staff.school_id, [part.invoice_id for part in parts if part.invoice_id]
        )
        accounts = await db.raw.fetch(
            "SELECT id, number, holder, bin FROM bank_account WHERE school_id = $1 ORDER BY id",
            staff.school_id,
        )
    first = RefundForm(
        amount=str(found.remaining_vnd) if found else "",
        method=found.methods[0] if found else "",
        key=secrets.token_hex(16),
    )
    return screen(
        request,
        "refund_form.html",
        active="refunds",
        problem=problem,
        payment=payment,
        found=found,
        names=names,
        earlier=earlier,
        accounts=accounts,
        paying_id=(found.bank_account_id or found.merchant_bank_account_id) if found else None,
        banks=sorted(banks(), key=lambda one: one.short_name.casefold()),
        form=form or first,
        max_reason=MAX_REASON,
    )


async def _refund_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    refund_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        refund = await find_refund(db, context.keys, staff.school_id, refund_id)
    return screen(
        request,
        "refund.html",
        active="refunds",
        problem=problem,
        refund=refund,
        today=business_date(now_utc()),
        may_approve=staff.user.role == APPROVER and staff.actor != refund.requested_by,
        may_say=refund.status is Status.LISTED
        or (refund.is_in_doubt and staff.user.role == APPROVER),
        may_cancel=refund.status is Status.REQUESTED
        or (refund.status is Status.APPROVED and refund.request_id is None),
    )
