"""A report as a table of plain values, for a screen and for an XLSX workbook.

Pure: the same sheets give the same bytes. Amounts are whole VND and stay numbers; text stays text,
whatever it begins with. A share is in thousandths and is shown with one decimal, rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

from adapters.messages import Lang, Message, msg
from core.kit.sheets import Cell, Permille, SheetRow, Worksheet, write_worksheets
from core.kit.texts import translate
from core.statistics.cashless import Cashless

ReportCell: TypeAlias = str | int | Message | None
Kind: TypeAlias = Literal["text", "vnd", "count", "share"]

_WIDTHS: Final = {"text": 26, "vnd": 18, "count": 12, "share": 12}
_FORBIDDEN: Final = str.maketrans("", "", "[]:*?/\\'")
MAX_NAME: Final = 31


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """What a column is called and what its cells are."""

    name: Message
    kind: Kind = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSheet:
    """A table. `notes` say how its figures are made; `foot` is the row of sums."""

    title: Message
    notes: tuple[Message, ...]
    columns: tuple[ReportColumn, ...]
    rows: tuple[tuple[ReportCell, ...], ...]
    foot: tuple[ReportCell, ...] | None = None


TOTAL: Final = msg("Cộng")
SHARE_COLUMNS: Final = (
    ReportColumn(msg("Tổng thu"), "vnd"),
    ReportColumn(msg("Không tiền mặt"), "vnd"),
    ReportColumn(msg("Tỷ lệ số tiền"), "share"),
    ReportColumn(msg("Tổng số khoản"), "count"),
    ReportColumn(msg("Khoản không tiền mặt"), "count"),
    ReportColumn(msg("Tỷ lệ số khoản"), "share"),
)


def share_cells(figures: Cashless) -> tuple[ReportCell, ...]:
    """The cells of `SHARE_COLUMNS`."""
    return (
        figures.total_vnd,
        figures.cashless_vnd,
        figures.amount_permille,
        figures.total_count,
        figures.cashless_count,
        figures.count_permille,
    )


def cell_text(cell: ReportCell, lang: Lang) -> str:
    """A cell of text in one language; "" for none."""
    if isinstance(cell, Message):
        return translate(cell, lang)
    return "" if cell is None else str(cell)


def write_workbook(sheets: Sequence[ReportSheet], *, lang: Lang, on: date) -> bytes:
    """The sheets as XLSX, made on business date `on`."""
    return write_worksheets([_worksheet(sheet, lang) for sheet in sheets], as_of=on)


def _worksheet(sheet: ReportSheet, lang: Lang) -> Worksheet:
    title = translate(sheet.title, lang)
    rows = [
        SheetRow((title,), is_bold=True),
        *(SheetRow((translate(note, lang),)) for note in sheet.notes),
        SheetRow(()),
        SheetRow([translate(column.name, lang) for column in sheet.columns], is_bold=True),
    ]
    head = len(rows)
    rows += [_row(sheet, cells, lang) for cells in sheet.rows]
    if sheet.foot:
        rows.append(_row(sheet, sheet.foot, lang, is_bold=True))
    return Worksheet(
        name=title.translate(_FORBIDDEN)[:MAX_NAME].strip(),
        rows=rows,
        widths=[_WIDTHS[column.kind] for column in sheet.columns],
        frozen=(head, 1),
    )


def _row(
    sheet: ReportSheet, cells: Sequence[ReportCell], lang: Lang, *, is_bold: bool = False
) -> SheetRow:
    return SheetRow(
        [_cell(column, cell, lang) for column, cell in zip(sheet.columns, cells, strict=True)],
        is_bold=is_bold,
    )


def _cell(column: ReportColumn, cell: ReportCell, lang: Lang) -> Cell:
    if cell is None or not isinstance(cell, int) or column.kind == "text":
        return cell_text(cell, lang)
    return Permille(cell) if column.kind == "share" else cell
