"""Settlement files: bytes of a provider's file in, `Settlement` out, whoever wrote it.

A file is known by the words of its header, never by position or file name. `neutral` is our own format
(docs/adapters.md, "Settlement files"); what VNPAY, MoMo, ZaloPay and payOS really write is not public, and
their layouts in `data/settlements-*.json` are what their fields are called: where the first real file
differs, a school maps its columns once (`mapped`). Nothing is posted or matched here.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.contract import FileError, naming_file
from adapters.messages import msg
from adapters.settlements.batches import check_lines, check_totals
from adapters.settlements.headers import SettlementColumn, SettlementLayout
from adapters.settlements.identity import PaymentName, name_of
from adapters.settlements.layouts import LAYOUTS, SettlementMapping, mapped
from adapters.settlements.lines import (
    Kind,
    Settlement,
    SettlementBatch,
    SettlementGap,
    SettlementLine,
    StatedTotals,
    Totals,
    What,
)
from adapters.settlements.table import SettlementTable, read_table
from adapters.tabular.headers import widest_row
from adapters.tabular.workbook import MAX_FILE_BYTES, Sheet, read_sheets

__all__ = [
    "LAYOUTS",
    "Kind",
    "PaymentName",
    "Settlement",
    "SettlementBatch",
    "SettlementColumn",
    "SettlementGap",
    "SettlementLayout",
    "SettlementLine",
    "SettlementMapping",
    "StatedTotals",
    "Totals",
    "What",
    "mapped",
    "name_of",
    "read_settlement",
]


def read_settlement(
    data: bytes,
    name: str,
    layout: SettlementLayout | None = None,
    *,
    max_bytes: int = MAX_FILE_BYTES,
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
    with naming_file(name):
        read = [read_table(sheet, layouts, several_sheets=len(sheets) > 1) for sheet in sheets]
        known = _layout_of(read, sheets)
    lines = tuple(line for table in read for line in table.lines)
    stated = tuple(total for table in read for total in table.stated)
    batches, gaps = check_totals(lines, stated)
    return Settlement(
        layout=known.name,
        provider=known.provider,
        lines=lines,
        batches=batches,
        unreadable=tuple(row for table in read for row in table.unreadable),
        gaps=(*check_lines(lines), *gaps),
    )


def _layout_of(tables: Sequence[SettlementTable], sheets: Sequence[Sheet]) -> SettlementLayout:
    """The one layout of all tables of lines."""
    found = {
        one.found.layout.name: one.found.layout for one in tables if one.found and one.has_lines
    }
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        detail = msg("các trang thuộc nhiều mẫu ({layouts})", layouts=str(sorted(found)))
        raise FileError("several_layouts", detail)
    row, texts = widest_row(sheets)
    detail = msg(
        "không nhận ra tiêu đề của bảng đối soát; dòng giống tiêu đề nhất: dòng {row}: {texts}",
        row=row,
        texts=texts,
    )
    raise FileError("unknown_layout", detail)
