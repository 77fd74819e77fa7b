"""`/api/v1/voucher-exports` and `/api/v1/books`: the school's own software pulls and acknowledges its vouchers.

It makes the next export, reads it page by page or as the file, and acknowledges it by the SHA-256. An
export never changes; asked again after a lost answer, the list shows it as not acknowledged.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, PathParameter

from core.accounting.book_sheets import write_book
from core.accounting.books import detail_ledger, trial_balance
from core.accounting.delivery import Delivery, acknowledge, deliveries, delivery_of
from core.accounting.errors import OtherContentError
from core.accounting.export import JSON, download, export_vouchers
from core.accounting.json_vouchers import VoucherBody, read_page
from core.identity.service import ApiCaller
from core.kit.database import transaction
from gateway.api.base import cursor_of, id_of_cursor, page_size
from gateway.context import AppContext

ExportId = Annotated[int, PathParameter(gt=0, le=2**63 - 1)]
FormatName = Literal["json", "misa-receipts", "misa-general", "journal-csv", "journal-xlsx"]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "xlsx": XLSX}


class VoucherExportBody(msgspec.Struct, frozen=True):
    """An export: `total_vnd` is the sum of its lines, `sha256` that of its file; instants in UTC.

    `first_on` to `last_on`: the days of its vouchers. `closed_until`: the last closed day of the books;
    vouchers up to it are final. `is_final`: all of them are. `locked_until`: the last closed day when the
    export was made.
    """

    id: int
    number: int
    format: str
    file_name: str
    sha256: str
    voucher_count: int
    total_vnd: int
    first_on: date | None
    last_on: date | None
    is_final: bool
    locked_until: date | None
    closed_until: date | None
    created_at: datetime
    exported_by: str
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class VoucherExportListBody(msgspec.Struct, frozen=True):
    """A page of exports, oldest first; `next_cursor` is null on the last one."""

    items: list[VoucherExportBody]
    next_cursor: str | None


class VoucherExportDetailBody(msgspec.Struct, frozen=True):
    """An export and a page of its vouchers; `vouchers` is null for formats that are read as a file."""

    export: VoucherExportBody
    vouchers: list[VoucherBody] | None
    next_cursor: str | None


class VoucherExportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which format to export: json unless named."""

    format: FormatName = "json"


class AcknowledgementBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SHA-256, in hex, of the file that was read."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]


class TurnoverBody(msgspec.Struct, frozen=True):
    """An account in a period, VND: opening, movement and closing, each on both sides."""

    account: str
    name: str
    opening_debit_vnd: int
    opening_credit_vnd: int
    debit_vnd: int
    credit_vnd: int
    closing_debit_vnd: int
    closing_credit_vnd: int


class TrialBalanceBody(msgspec.Struct, frozen=True):
    """The trial balance of a period, both days included; `unconfirmed_vnd` is in no voucher yet."""

    chart: str
    since: date
    until: date
    accounts: list[TurnoverBody]
    unconfirmed_vnd: int


@post(
    "/voucher-exports",
    operation_id="create_voucher_export",
    tags=["accounting"],
    responses={
        204: ResponseSpec(None, description="Nothing new to export", generate_examples=False)
    },
)
async def post_voucher_export(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    data: JSONBody[VoucherExportRequest],
) -> Response[VoucherExportBody]:
    """Export what no export of this format holds yet (json: 10,000 vouchers at most); 204 when there is nothing."""
    async with transaction(context.engine) as db:
        made = await export_vouchers(db, caller.school_id, data.format, actor=caller.actor)
        if made is None:
            nothing: Response[Any] = Response(None, status_code=204)
            return nothing
        return Response(_body(await delivery_of(db, caller.school_id, made.id)))


@get("/voucher-exports", operation_id="list_voucher_exports", tags=["accounting"])
async def get_voucher_exports(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    is_acknowledged: FromQuery[bool | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> VoucherExportListBody:
    """Exports, oldest first; with `is_acknowledged=false` those that still wait to be read."""
    size = page_size(limit)
    async with transaction(context.engine) as db:
        found = await deliveries(
            db,
            caller.school_id,
            after_id=id_of_cursor(cursor),
            is_acknowledged=is_acknowledged,
            limit=size + 1,
        )
    more = cursor_of(found[size - 1].id) if len(found) > size else None
    return VoucherExportListBody([_body(one) for one in found[:size]], more)


@get("/voucher-exports/{export_id:int}", operation_id="get_voucher_export", tags=["accounting"])
async def get_voucher_export(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    export_id: ExportId,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> VoucherExportDetailBody:
    """An export and its vouchers, always the same; go on with `cursor=<next_cursor>`."""
    size, after = page_size(limit), id_of_cursor(cursor)
    async with transaction(context.engine) as db:
        found = await delivery_of(db, caller.school_id, export_id)
        if found.format != JSON:
            return VoucherExportDetailBody(_body(found), None, None)
        made = await download(db, caller.school_id, export_id)
    vouchers = read_page(made.content, after, size)
    is_last = after + len(vouchers) >= found.voucher_count
    return VoucherExportDetailBody(
        _body(found), vouchers, None if is_last else cursor_of(after + len(vouchers))
    )


@get(
    "/voucher-exports/{export_id:int}/file",
    operation_id="get_voucher_export_file",
    tags=["accounting"],
    media_type="application/octet-stream",
    response_headers=[ResponseHeader(name="content-disposition", documentation_only=True)],
)
async def get_voucher_export_file(
    context: NamedDependency[AppContext], caller: NamedDependency[ApiCaller], export_id: ExportId
) -> Response[bytes]:
    """The file as it was made, byte for byte."""
    async with transaction(context.engine) as db:
        made = await download(db, caller.school_id, export_id)
    return _attached(made.file_name, made.content)


@post(
    "/voucher-exports/{export_id:int}/acknowledgement",
    operation_id="acknowledge_voucher_export",
    tags=["accounting"],
    status_code=200,
)
async def post_acknowledgement(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    export_id: ExportId,
    data: JSONBody[AcknowledgementBody],
) -> VoucherExportBody:
    """Acknowledge that the export was read, by its SHA-256; again is nothing new, another SHA-256 is a 409 and recorded."""
    async with transaction(context.engine) as db:
        is_same = await acknowledge(
            db, caller.school_id, export_id, data.sha256, actor=caller.actor
        )
        found = await delivery_of(db, caller.school_id, export_id)
    if not is_same:
        raise OtherContentError
    return _body(found)


@get("/books/trial-balance", operation_id="get_trial_balance", tags=["accounting"])
async def get_trial_balance(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    since: FromQuery[date],
    until: FromQuery[date],
) -> TrialBalanceBody:
    """The trial balance of a period, both days included, as the books are now."""
    async with transaction(context.engine) as db:
        book = await trial_balance(db, caller.school_id, since, until)
    return TrialBalanceBody(
        chart=book.chart_title,
        since=book.since,
        until=book.until,
        accounts=[
            TurnoverBody(**{name: getattr(one, name) for name in TurnoverBody.__struct_fields__})
            for one in book.turnovers
        ],
        unconfirmed_vnd=book.unconfirmed_vnd,
    )


@get(
    "/books/detail-ledger",
    operation_id="get_detail_ledger",
    tags=["accounting"],
    media_type=XLSX,
)
async def get_detail_ledger(
    context: NamedDependency[AppContext],
    caller: NamedDependency[ApiCaller],
    account: FromQuery[str],
    since: FromQuery[date],
    until: FromQuery[date],
) -> Response[bytes]:
    """The detail ledger of an account in a period, as XLSX."""
    async with transaction(context.engine) as db:
        book = await detail_ledger(db, caller.school_id, account, since, until)
    # off the loop: a large sheet takes seconds, and payments go on arriving meanwhile
    made = await asyncio.to_thread(write_book, book)
    return _attached(made.file_name, made.content)


def _attached(file_name: str, content: bytes) -> Response[bytes]:
    return Response(
        content,
        media_type=MEDIA_TYPES[file_name.rsplit(".", 1)[-1]],
        headers={
            "content-disposition": f'attachment; filename="{file_name}"',
            "cache-control": "private, no-store",
        },
    )


def _body(one: Delivery) -> VoucherExportBody:
    return VoucherExportBody(
        **{name: getattr(one, name) for name in VoucherExportBody.__struct_fields__}
    )
