"""A report as a table of plain values, and tables as an XLSX workbook: one source for screen and file.

Pure: the same sheets give the same bytes. Amounts are whole VND and stay numbers; text stays text,
whatever it begins with. A share is in thousandths and is shown with one decimal, rounded down.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, Literal, TypeAlias

import xlsxwriter

from adapters.messages import Lang, Message, msg
from core.kit.clock import VN
from core.kit.texts import translate
from core.statistics.cashless import Cashless

Cell: TypeAlias = str | int | Message | None
Kind: TypeAlias = Literal["text", "vnd", "count", "share"]

_WIDTHS: Final = {"text": 26, "vnd": 18, "count": 12, "share": 12}
_FORBIDDEN: Final = str.maketrans("", "", "[]:*?/\\'")
MAX_NAME: Final = 31


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is called and what its cells are."""

    name: Message
    kind: Kind = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table. `notes` say how its figures are made; `foot` is the row of sums."""

    title: Message
    notes: tuple[Message, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[Cell, ...] | None = None


TOTAL: Final = msg("Cộng")
SHARE_COLUMNS: Final = (
    Column(msg("Tổng thu"), "vnd"),
    Column(msg("Không tiền mặt"), "vnd"),
    Column(msg("Tỷ lệ số tiền"), "share"),
    Column(msg("Tổng số khoản"), "count"),
    Column(msg("Khoản không tiền mặt"), "count"),
    Column(msg("Tỷ lệ số khoản"), "share"),
)


def share_cells(figures: Cashless) -> tuple[Cell, ...]:
    """The cells of `SHARE_COLUMNS`."""
    return (
        figures.total_vnd,
        figures.cashless_vnd,
        figures.amount_permille,
        figures.total_count,
        figures.cashless_count,
        figures.count_permille,
    )


def cell_text(cell: Cell, lang: Lang) -> str:
    """A cell of text in one language; "" for none."""
    if isinstance(cell, Message):
        return translate(cell, lang)
    return "" if cell is None else str(cell)


def write_workbook(sheets: Sequence[Sheet], *, lang: Lang, on: date) -> bytes:
    """The sheets as XLSX, made on business date `on`."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": datetime.combine(on, time.min, VN)})
        formats = {
            (kind, is_bold): book.add_format(
                {"bold": is_bold, **({"num_format": shape} if shape else {})}
            )
            for kind, shape in (
                ("text", ""),
                ("vnd", "#,##0"),
                ("count", "#,##0"),
                ("share", "0.0%"),
            )
            for is_bold in (False, True)
        }
        for sheet in sheets:
            name = translate(sheet.title, lang).translate(_FORBIDDEN)[:MAX_NAME].strip()
            _write_sheet(book.add_worksheet(name), sheet, formats, lang)
    return buffer.getvalue()


def _write_sheet(page: Any, sheet: Sheet, formats: dict[tuple[str, bool], Any], lang: Lang) -> None:
    page.write_string(0, 0, translate(sheet.title, lang), formats["text", True])
    for row, note in enumerate(sheet.notes, start=1):
        page.write_string(row, 0, translate(note, lang), formats["text", False])
    head = len(sheet.notes) + 2
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, _WIDTHS[column.kind])
        page.write_string(head, place, translate(column.name, lang), formats["text", True])
    page.freeze_panes(head + 1, 1)
    rows = [(cells, False) for cells in sheet.rows] + ([(sheet.foot, True)] if sheet.foot else [])
    for row, (cells, is_bold) in enumerate(rows, start=head + 1):
        for place, (column, cell) in enumerate(zip(sheet.columns, cells, strict=True)):
            if cell is None:
                continue
            if column.kind == "text" or not isinstance(cell, int):
                page.write_string(row, place, cell_text(cell, lang), formats["text", is_bold])
            else:
                value = cell / 1000 if column.kind == "share" else cell
                page.write_number(row, place, value, formats[column.kind, is_bold])
