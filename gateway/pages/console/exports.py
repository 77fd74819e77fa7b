"""Xuất sổ: make an export of vouchers, list what was made, hand a file out again byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from gateway.accounting.export import export_vouchers
from gateway.house import House
from gateway.kit.database import transaction
from gateway.kit.problem import Problem, not_found
from gateway.pages.console.screen import HttpRequest, RowId, Staff, goto, screen
from gateway.pages.console.words import EXPORT_FORMAT

LIST: Final = "/console/exports"
MAX_LISTED: Final = 100
MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class ExportForm:
    """The format asked for."""

    format: str = ""


@get("/exports", operation_id="console_exports")
async def show_exports(
    request: HttpRequest, house: NamedDependency[House], staff: NamedDependency[Staff]
) -> Response[Any]:
    """The exports made so far, the newest first."""
    return await _list_screen(request, house, staff)


@post("/exports", operation_id="console_export", status_code=303)
async def make_export(
    request: HttpRequest,
    house: NamedDependency[House],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[ExportForm],
) -> Response[Any]:
    """Export what no export of this format holds yet."""
    if data.format not in EXPORT_FORMAT:
        unknown = Problem("unknown_format", vi="Hãy chọn định dạng.", en="Choose a format.")
        return await _list_screen(request, house, staff, unknown)
    try:
        async with transaction(house.engine) as db:
            made = await export_vouchers(db, staff.school_id, data.format, actor=staff.actor)
    except Problem as problem:
        return await _list_screen(request, house, staff, problem)
    return goto(request, LIST, done="exported" if made else "nothing")


@get("/exports/{export_id:int}/file", operation_id="console_export_file")
async def download(
    house: NamedDependency[House], staff: NamedDependency[Staff], export_id: RowId
) -> Response[bytes]:
    """The file as it was made."""
    async with transaction(house.engine) as db:
        row = await db.fetchrow(
            "SELECT file_name, content FROM voucher_export WHERE school_id = $1 AND id = $2",
            staff.school_id,
            export_id,
        )
    if row is None:
        raise not_found("tệp xuất này", "export")
    name = "".join(c for c in row["file_name"] if c.isascii() and (c.isalnum() or c in "._-"))
    return Response(
        row["content"],
        media_type=MEDIA_TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream"),
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )


async def _list_screen(
    request: HttpRequest, house: House, staff: Staff, problem: Problem | None = None
) -> Response[Any]:
    async with transaction(house.engine) as db:
        rows = await db.fetch(
            "SELECT id, number, format, file_name, sha256, voucher_count, total_vnd, exported_by, created_at"
            " FROM voucher_export WHERE school_id = $1 ORDER BY id DESC LIMIT $2",
            staff.school_id,
            MAX_LISTED,
        )
    return screen(
        request,
        "exports.html",
        active="exports",
        problem=problem,
        exports=rows,
        formats=list(EXPORT_FORMAT),
    )
