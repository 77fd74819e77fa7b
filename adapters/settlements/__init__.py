"""Settlement files: bytes of a provider's file in, `Settlement` out, whoever wrote it.

A file is known by the words of its header, never by position or file name. `neutral` is our own format
(docs/adapters.md, "Settlement files"); what VNPAY, MoMo, ZaloPay and payOS really write is not public, and
their layouts in `data/settlements-*.json` are what their fields are called: where the first real file
differs, a school maps its columns once (`mapped`). Nothing is posted or matched here.
"""

from __future__ import annotations

from adapters.contract import FileError
from adapters.settlements.batches import check_lines, check_totals
from adapters.settlements.headers import Layout, Role
from adapters.settlements.identity import PaymentName, name_of
from adapters.settlements.layouts import LAYOUTS, Mapping, mapped
from adapters.settlements.lines import (
    Batch,
    Kind,
    Settlement,
    SettlementGap,
    SettlementLine,
    StatedTotals,
    Totals,
    What,
)
from adapters.settlements.table import read_table
from adapters.tabular.spreadsheet import MAX_FILE_BYTES, Sheet, read_sheets, show

__all__ = [
    "LAYOUTS",
    "Batch",
    "Kind",
    "Layout",
    "Mapping",
    "PaymentName",
    "Role",
    "Settlement",
    "SettlementGap",
    "SettlementLine",
    "StatedTotals",
    "Totals",
    "What",
    "mapped",
    "name_of",
    "read_settlement",
]


def read_settlement(
    data: bytes, name: str, layout: Layout | None = None, *, max_bytes: int = MAX_FILE_BYTES
) -> Settlement:
    """Read a settlement file; `name` is for messages only, `layout` None means: find out.

    Lines of all sheets, in the file's order; sheets without a header are left out. Rows are counted
    from 1 within their sheet.

    Raises:
        FileError: those of `read_sheets`; "unknown_layout" when no header is recognised,
            "ambiguous_header" when two columns claim the same, "several_layouts" when two sheets
            are of two providers.
    """
    sheets = read_sheets(data, name, max_bytes=max_bytes)
    layouts = (layout,) if layout else tuple(LAYOUTS.values())
    try:
        read = [read_table(sheet, layouts, several_sheets=len(sheets) > 1) for sheet in sheets]
    except FileError as error:
        raise FileError(error.code, f"{name}: {error.detail}") from error
    tables = [table for table in read if table.header]
    of_lines = {table.header.layout.name for table in tables if table.header and table.has_lines}
    if not of_lines:
        raise FileError(
            "unknown_layout",
            f"{name}: không nhận ra tiêu đề của bảng đối soát; dòng giống tiêu đề nhất: {_widest(sheets)}",
        )
    if len(of_lines) > 1:
        raise FileError(
            "several_layouts", f"{name}: các trang thuộc nhiều mẫu ({sorted(of_lines)})"
        )
    (found,) = of_lines
    known = layout or LAYOUTS[found]
    lines = tuple(line for table in tables for line in table.lines)
    stated = tuple(total for table in tables for total in table.stated)
    batches, gaps = check_totals(lines, stated)
    return Settlement(
        layout=known.name,
        provider=known.provider,
        lines=lines,
        batches=batches,
        unreadable=tuple(row for table in tables for row in table.unreadable),
        gaps=(*check_lines(lines), *gaps),
    )


def _widest(sheets: tuple[Sheet, ...]) -> str:
    rows = [row for sheet in sheets for row in sheet.rows[:50]]
    row = max(rows, key=lambda row: sum(isinstance(cell, str) for cell in row.cells))
    names = [" ".join(show(cell).split())[:40] for cell in row.cells if isinstance(cell, str)]
    return f"dòng {row.number}: {' | '.join(names[:20])}"
