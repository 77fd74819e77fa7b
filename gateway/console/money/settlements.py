"""Quyết toán: what providers that pay out in batches have reported, what the bank shows of it, and their terms.

A settlement file is kept and previewed before anything is written. What the night could not put together
a person does here, with a note; nothing is booked whose amount does not agree to the đồng.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import ConflictError, DomainError, NotFoundError
from core.uploads.service import drop_upload, find_upload, keep_upload, mark_accepted
from gateway.console.errors import ChannelMissingError, UnreadableTermsError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import MAX_NOTE, NoteForm, file_of, number_or_none, typed
from gateway.console.frame.screen import Page, RowId, goto, screen
from gateway.console.frame.session import ConsoleRequest
from reconciliation.review.manual_payouts import candidate_batches, match_payout
from reconciliation.review.provider_refunds import book_provider_refund
from reconciliation.review.queue import ExceptionRow
from reconciliation.review.undo_payouts import deny_payout, undo_payout
from reconciliation.settlements.files import import_settlement, preview_settlement
from reconciliation.settlements.queries import (
    BankLineRow,
    bank_lines_for,
    batch_channels,
    find_batch,
    lines_of_batch,
    list_batches,
)
from reconciliation.settlements.terms import (
    SettlementTerms,
    basis_points,
    late_settlements,
    set_terms,
    terms_by_channel,
)

LIST: Final = "/console/settlements"


@dataclass(frozen=True, slots=True)
class TermsForm:
    """A contract as its form sends it: the fee in percent with a comma or point, VND, days."""

    channel: str = ""
    valid_from: str = ""
    fee_percent: str = ""
    fixed_vnd: str = "0"
    vat_percent: str = "10"
    days: str = "2"
    tolerance_vnd: str = "0"

    def terms(self) -> SettlementTerms:
        """The terms. Raises UnreadableTermsError for what is no number or day."""
        try:
            return SettlementTerms(
                valid_from=date.fromisoformat(self.valid_from),
                fee_basis_points=basis_points(self.fee_percent),
                fixed_vnd=_vnd(self.fixed_vnd),
                vat_percent=int(self.vat_percent),
                settled_within_days=int(self.days),
                tolerance_vnd=_vnd(self.tolerance_vnd),
            )
        except ValueError as error:
            raise UnreadableTermsError from error


@dataclass(frozen=True, slots=True)
class PairForm:
    """Which bank line a batch is, and how a person knows."""

    line: str = ""
    note: str = ""


@get("/settlements", operation_id="console_settlements")
@in_transaction
async def show_settlements(request: ConsoleRequest, db: Driver) -> Page:
    """Batches, what is late, the terms of the contracts, the upload."""
    school_id, today = request.school_id, business_date(now_utc())
    channels = await batch_channels(db, school_id)
    agreed = await terms_by_channel(db, school_id)
    return screen(
        request,
        "settlements.html",
        active="settlements",
        channels=channels,
        terms={one.id: agreed.get(one.id, ()) for one in channels},
        batches=await list_batches(db, school_id),
        late=await late_settlements(db, school_id, today),
        today=today,
        limit_mb=request.context.settings.upload_limit // (1024 * 1024),
    )


@post("/settlements", operation_id="console_upload_settlement", status_code=303)
@action(refused_on=show_settlements)
async def upload_settlement(request: ConsoleRequest, db: Driver) -> Redirect:
    """Keep a settlement file and go to its preview."""
    form = await request.form()
    channel = _channel(form)
    content, file_name = await file_of(form.get("file"))
    upload_id = await keep_upload(
        db,
        request.school_id,
        kind="settlement",
        file_name=file_name,
        content=content,
        parameters={"merchant_account_id": channel},
        actor=request.actor,
    )
    return goto(request, f"{LIST}/files/{upload_id}")


@get("/settlements/files/{file_id:int}", operation_id="console_settlement_preview")
@in_transaction
async def show_settlement_file(request: ConsoleRequest, db: Driver, file_id: RowId) -> Page:
    """What the file holds, and every problem in it."""
    found = await find_upload(db, request.school_id, file_id)
    merchant_account_id = int(found.parameters.get("merchant_account_id", "0"))
    preview = None
    try:
        preview = await preview_settlement(
            db, request.school_id, merchant_account_id, found.content, found.file_name
        )
    except DomainError as unreadable:
        request.problem = request.problem or unreadable
    return screen(
        request, "settlement_file.html", active="settlements", upload=found, preview=preview
    )


@post(
    "/settlements/files/{file_id:int}/accept",
    operation_id="console_settlement_accept",
    status_code=303,
)
@action(refused_on=show_settlement_file, unless=(NotFoundError, ConflictError))
async def accept_settlement(request: ConsoleRequest, db: Driver, file_id: RowId) -> Redirect:
    """Write what was shown."""
    found = await find_upload(db, request.school_id, file_id, lock=True)
    await import_settlement(
        db,
        request.school_id,
        int(found.parameters.get("merchant_account_id", "0")),
        found.content,
        found.file_name,
        actor=request.actor,
    )
    await mark_accepted(db, request.school_id, file_id)
    return goto(request, LIST, done="accepted")


@post(
    "/settlements/files/{file_id:int}/drop", operation_id="console_settlement_drop", status_code=303
)
@in_transaction
async def drop_settlement(request: ConsoleRequest, db: Driver, file_id: RowId) -> Redirect:
    """Forget the file."""
    await drop_upload(db, request.school_id, file_id)
    return goto(request, LIST, done="discarded")


@post("/settlements/terms", operation_id="console_settlement_terms", status_code=303)
@action(refused_on=show_settlements)
async def save_terms(
    request: ConsoleRequest, db: Driver, data: URLEncodedBody[TermsForm]
) -> Redirect:
    """Record the terms of a contract from a day on."""
    channel = number_or_none(data.channel) or 0
    await set_terms(db, request.school_id, channel, data.terms(), actor=request.actor)
    return goto(request, LIST, done="terms_set")


@get("/settlements/{batch_id:int}", operation_id="console_settlement")
@in_transaction
async def show_settlement(request: ConsoleRequest, db: Driver, batch_id: RowId) -> Page:
    """One batch: its sums, its lines, its bank line or those that could be."""
    batch = await find_batch(db, request.school_id, batch_id)
    candidates: tuple[BankLineRow, ...] = ()
    if batch.booked_on is None and batch.net_vnd:
        candidates = await bank_lines_for(db, request.school_id, batch)
    return screen(
        request,
        "settlement.html",
        active="settlements",
        batch=batch,
        lines=await lines_of_batch(db, request.school_id, batch_id),
        candidates=candidates,
        max_note=MAX_NOTE,
    )


@post("/settlements/{batch_id:int}/settle", operation_id="console_settle", status_code=303)
@action(refused_on=show_settlement)
async def settle(
    request: ConsoleRequest, db: Driver, batch_id: RowId, data: URLEncodedBody[PairForm]
) -> Redirect:
    """Book the batch against the line that was chosen."""
    line_id, note = number_or_none(data.line) or 0, typed(data.note, MAX_NOTE)
    await match_payout(db, request.school_id, batch_id, line_id, actor=request.actor, note=note)
    return goto(request, f"{LIST}/{batch_id}", done="settled")


@post("/settlements/{batch_id:int}/undo", operation_id="console_undo_settlement", status_code=303)
@action(refused_on=show_settlement)
async def undo(
    request: ConsoleRequest, db: Driver, batch_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """Take batch and line apart."""
    reason = typed(data.note, MAX_NOTE)
    await undo_payout(db, request.school_id, batch_id, actor=request.actor, reason=reason)
    return goto(request, f"{LIST}/{batch_id}", done="unsettled")


@post(
    "/settlements/{batch_id:int}/lines/{line_id:int}/taken-back",
    operation_id="console_taken_back",
    status_code=303,
)
@action(refused_on=show_settlement)
async def take_back(
    request: ConsoleRequest,
    db: Driver,
    batch_id: RowId,
    line_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Redirect:
    """Book a refund or chargeback that the provider made by itself."""
    note = typed(data.note, MAX_NOTE)
    request.paid = await book_provider_refund(
        db, request.school_id, line_id, actor=request.actor, note=note
    )
    return goto(request, f"{LIST}/{batch_id}", done="refund_done")


@post(
    "/settlements/held/{exception_id:int}/none",
    operation_id="console_no_settlement",
    status_code=303,
)
@in_transaction
async def not_a_settlement(
    request: ConsoleRequest, db: Driver, exception_id: RowId, data: URLEncodedBody[NoteForm]
) -> Redirect:
    """A held line is no provider's payout."""
    note = typed(data.note, MAX_NOTE)
    await deny_payout(db, request.school_id, exception_id, actor=request.actor, note=note)
    return goto(request, f"/console/exceptions/{exception_id}", done="resolved")


async def payout_context(db: Driver, school_id: int, row: ExceptionRow) -> dict[str, object]:
    """What `console/payout.html` needs on the screen of an exception about a held payout."""
    if row.statement_line_id is None:
        return {"batches": ()}
    return {"batches": await candidate_batches(db, school_id, row.statement_line_id)}


def _channel(form: Any) -> str:
    """The channel that a file is of. Raises ChannelMissingError for what no form of ours sends."""
    found = number_or_none(str(form.get("channel", "")))
    if found is None:
        raise ChannelMissingError
    return str(found)


def _vnd(text: str) -> int:
    return int(text.strip().replace(".", "") or "0")
