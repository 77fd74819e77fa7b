"""Quyết toán: what providers that pay in a lump have reported, what the bank shows of it, and their terms.

A settlement file is held and previewed before anything is written. What the night could not put together
a person does here, with a note; nothing is booked whose amount does not agree to the đồng.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, borrowed, transaction
from core.kit.errors import DomainError, Problem
from core.payments.ingest.group_commit import announce_paid
from gateway.console.frame.screen import (
    HttpRequest,
    NoteForm,
    RowId,
    Staff,
    goto,
    number_or_none,
    screen,
    typed,
)
from gateway.console.frame.uploads import drop_file, file_of, held_file, hold_file, mark_accepted
from gateway.context import AppContext
from gateway.problems import status_of
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
MAX_NOTE: Final = 500


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


@dataclass(frozen=True, slots=True)
class PairForm:
    """Which bank line a batch is, and why a person says so."""

    line: str = ""
    note: str = ""


@get("/settlements", operation_id="console_settlements")
async def show_settlements(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Batches, what is late, what the contracts say, the upload."""
    return await _list_screen(request, context, staff)


@post("/settlements", operation_id="console_upload_settlement", status_code=303)
async def upload_settlement(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """Hold a settlement file and go to its preview."""
    try:
        form = await request.form()
        channel = _channel(form)
        content, file_name = await file_of(form.get("file"))
        async with transaction(context.engine) as db:
            file_id = await hold_file(
                db,
                staff.school_id,
                kind="settlement",
                file_name=file_name,
                content=content,
                parameters={"merchant_account_id": channel},
                actor=staff.actor,
            )
    except DomainError as problem:
        return await _list_screen(request, context, staff, problem)
    return goto(request, f"{LIST}/files/{file_id}")


@get("/settlements/files/{file_id:int}", operation_id="console_settlement_preview")
async def show_settlement_file(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    file_id: RowId,
) -> Response[Any]:
    """What the file says, and every problem in it."""
    return await _file_screen(request, context, staff, file_id)


@post(
    "/settlements/files/{file_id:int}/accept",
    operation_id="console_settlement_accept",
    status_code=303,
)
async def accept_settlement(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    file_id: RowId,
) -> Response[Any]:
    """Write what was shown."""
    try:
        async with transaction(context.engine) as db:
            held = await held_file(db, staff.school_id, file_id, lock=True)
            await import_settlement(
                db,
                staff.school_id,
                int(held.parameters.get("merchant_account_id", "0")),
                held.content,
                held.file_name,
                actor=staff.actor,
            )
            await mark_accepted(db, staff.school_id, file_id)
    except DomainError as problem:
        if status_of(problem) in {404, 409}:
            raise
        return await _file_screen(request, context, staff, file_id, problem)
    return goto(request, LIST, done="accepted")


@post(
    "/settlements/files/{file_id:int}/drop", operation_id="console_settlement_drop", status_code=303
)
async def drop_settlement(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    file_id: RowId,
) -> Response[Any]:
    """Forget the file."""
    async with transaction(context.engine) as db:
        await drop_file(db, staff.school_id, file_id)
    return goto(request, LIST, done="discarded")


@post("/settlements/terms", operation_id="console_settlement_terms", status_code=303)
async def save_terms(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[TermsForm],
) -> Response[Any]:
    """Say what a contract holds from a day on."""
    try:
        channel, terms = _terms(data)
        async with transaction(context.engine) as db:
            await set_terms(db, staff.school_id, channel, terms, actor=staff.actor)
    except DomainError as problem:
        return await _list_screen(request, context, staff, problem)
    return goto(request, LIST, done="terms_set")


@get("/settlements/{batch_id:int}", operation_id="console_settlement")
async def show_settlement(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
) -> Response[Any]:
    """One batch: its sums, its lines, its bank line or those that could be."""
    return await _batch_screen(request, context, staff, batch_id)


@post("/settlements/{batch_id:int}/settle", operation_id="console_settle", status_code=303)
async def settle(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
    data: URLEncodedBody[PairForm],
) -> Response[Any]:
    """Book the batch against the line that was chosen."""
    try:
        async with transaction(context.engine) as db:
            await match_payout(
                db,
                staff.school_id,
                batch_id,
                number_or_none(data.line) or 0,
                actor=staff.actor,
                note=typed(data.note, MAX_NOTE),
            )
    except DomainError as problem:
        return await _batch_screen(request, context, staff, batch_id, problem)
    return goto(request, f"{LIST}/{batch_id}", done="settled")


@post("/settlements/{batch_id:int}/undo", operation_id="console_undo_settlement", status_code=303)
async def undo(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Take batch and line apart."""
    try:
        async with transaction(context.engine) as db:
            await undo_payout(
                db,
                staff.school_id,
                batch_id,
                actor=staff.actor,
                reason=typed(data.note, MAX_NOTE),
            )
    except DomainError as problem:
        return await _batch_screen(request, context, staff, batch_id, problem)
    return goto(request, f"{LIST}/{batch_id}", done="unsettled")


@post(
    "/settlements/{batch_id:int}/lines/{line_id:int}/taken-back",
    operation_id="console_taken_back",
    status_code=303,
)
async def take_back(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    batch_id: RowId,
    line_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """Book a refund or chargeback that the provider made by itself."""
    try:
        async with transaction(context.engine) as db:
            touched = await book_provider_refund(
                db, staff.school_id, line_id, actor=staff.actor, note=typed(data.note, MAX_NOTE)
            )
    except DomainError as problem:
        return await _batch_screen(request, context, staff, batch_id, problem)
    async with borrowed(context.engine) as db:
        await announce_paid(db, touched)
    return goto(request, f"{LIST}/{batch_id}", done="refund_done")


@post(
    "/settlements/held/{exception_id:int}/none",
    operation_id="console_no_settlement",
    status_code=303,
)
async def not_a_settlement(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    exception_id: RowId,
    data: URLEncodedBody[NoteForm],
) -> Response[Any]:
    """A held line is no provider's payout."""
    async with transaction(context.engine) as db:
        await deny_payout(
            db, staff.school_id, exception_id, actor=staff.actor, note=typed(data.note, MAX_NOTE)
        )
    return goto(request, f"/console/exceptions/{exception_id}", done="resolved")


async def payout_context(db: Driver, school_id: int, row: ExceptionRow) -> dict[str, object]:
    """What the part of an exception's screen needs that is about a held lump."""
    if row.statement_line_id is None:
        return {"lumps": ()}
    return {"lumps": await candidate_batches(db, school_id, row.statement_line_id)}


def _channel(form: Any) -> str:
    """The channel that a file is of. Raises Problem for what no form of ours sends."""
    found = number_or_none(str(form.get("channel", "")))
    if found is None:
        raise Problem("bad_upload", vi="Hãy chọn kênh thu.", en="Choose the channel.")
    return str(found)


def _terms(form: TermsForm) -> tuple[int, SettlementTerms]:
    """What the form says. Raises Problem (422) for what is no number or day."""
    try:
        return number_or_none(form.channel) or 0, SettlementTerms(
            valid_from=date.fromisoformat(form.valid_from),
            fee_basis_points=basis_points(form.fee_percent),
            fixed_vnd=_vnd(form.fixed_vnd),
            vat_percent=int(form.vat_percent),
            settled_within_days=int(form.days),
            tolerance_vnd=_vnd(form.tolerance_vnd),
        )
    except ValueError as error:
        raise Problem(
            "bad_terms",
            vi="Hãy điền ngày, phí dạng 1,10 (phần trăm) và các số nguyên.",
            en="Give the day, a fee such as 1.10 (percent) and whole numbers.",
            status=422,
        ) from error


def _vnd(text: str) -> int:
    return int(text.strip().replace(".", "") or "0")


async def _list_screen(
    request: HttpRequest, context: AppContext, staff: Staff, problem: DomainError | None = None
) -> Response[Any]:
    today = business_date(now_utc())
    async with transaction(context.engine) as db:
        channels = await batch_channels(db, staff.school_id)
        agreed = await terms_by_channel(db, staff.school_id)
        batches = await list_batches(db, staff.school_id)
        late = await late_settlements(db, staff.school_id, today)
    return screen(
        request,
        "settlements.html",
        active="settlements",
        problem=problem,
        channels=channels,
        terms={one.id: agreed.get(one.id, ()) for one in channels},
        batches=batches,
        late=late,
        today=today,
        limit_mb=context.settings.upload_limit // (1024 * 1024),
    )


async def _file_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    file_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        held = await held_file(db, staff.school_id, file_id)
        preview = None
        try:
            preview = await preview_settlement(
                db,
                staff.school_id,
                int(held.parameters.get("merchant_account_id", "0")),
                held.content,
                held.file_name,
            )
        except DomainError as unreadable:
            problem = problem or unreadable
    return screen(
        request,
        "settlement_file.html",
        active="settlements",
        problem=problem,
        held=held,
        preview=preview,
    )


async def _batch_screen(
    request: HttpRequest,
    context: AppContext,
    staff: Staff,
    batch_id: int,
    problem: DomainError | None = None,
) -> Response[Any]:
    async with transaction(context.engine) as db:
        batch = await find_batch(db, staff.school_id, batch_id)
        lines = await lines_of_batch(db, staff.school_id, batch_id)
        candidates: tuple[BankLineRow, ...] = ()
        if batch.booked_on is None and batch.net_vnd:
            candidates = await bank_lines_for(db, staff.school_id, batch)
    return screen(
        request,
        "settlement.html",
        active="settlements",
        problem=problem,
        batch=batch,
        lines=lines,
        candidates=candidates,
        max_note=MAX_NOTE,
    )
