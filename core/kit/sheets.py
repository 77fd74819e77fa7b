"""Tables as XLSX: text as text, days as dates, amounts as numbers.

Pure: cells in, bytes out, the same bytes for the same cells. No text is ever taken for a formula.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, TypeAlias

import xlsxwriter

WIDTH: Final = 18
"""How wide a column is, in characters, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Permille:
    """A share in thousandths, shown as per cent with one decimal."""

    thousandths: int


Cell: TypeAlias = date | int | str | Permille | None
"""A day is shown as DD/MM/YYYY, a number as whole VND; "" and None leave the cell empty."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """Cells from the first column on."""

    cells: Sequence[Cell]
    is_bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Worksheet:
    """One sheet of a workbook. `frozen`: how many rows and columns stay in view."""

    name: str
    rows: Sequence[SheetRow]
    widths: Sequence[int]
    frozen: tuple[int, int]


def write_sheet(
    name: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    as_of: date,
    above: Sequence[str] = (),
    below: Sequence[Sequence[Cell]] = (),
    widths: Sequence[int] | None = None,
) -> bytes:
    """An XLSX of one sheet: the lines `above` the headers, the rows, the bold rows `below` them."""
    sheet = Worksheet(
        name=name,
        rows=[
            *(SheetRow((text,), is_bold=True) for text in above),
            SheetRow(headers, is_bold=True),
            *(SheetRow(row) for row in rows),
            *(SheetRow(row, is_bold=True) for row in below),
        ],
        widths=widths or [WIDTH] * len(headers),
        frozen=(len(above) + 1, 0),
    )
    return write_worksheets([sheet], as_of=as_of)


def write_worksheets(sheets: Sequence[Worksheet], *, as_of: date) -> bytes:
    """An XLSX of several sheets. `as_of` stands as the file's date, so that it can be made again."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": datetime.combine(as_of, time.min, UTC)})
        formats = {
            is_bold: tuple(
                book.add_format({"bold": is_bold, **({"num_format": shape} if shape else {})})
                for shape in ("", "dd/mm/yyyy", "#,##0", "0.0%")
            )
            for is_bold in (False, True)
        }
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            page.freeze_panes(*sheet.frozen)
            for column, width in enumerate(sheet.widths):
                page.set_column(column, column, width)
            for row, line in enumerate(sheet.rows):
                text, day, number, share = formats[line.is_bold]
                for column, cell in enumerate(line.cells):
                    if isinstance(cell, date):
                        page.write_datetime(row, column, datetime.combine(cell, time.min), day)
                    elif isinstance(cell, int):
                        page.write_number(row, column, cell, number)
                    elif isinstance(cell, Permille):
                        page.write_number(row, column, cell.thousandths / 1000, share)
                    elif cell:
                        page.write_string(row, column, cell, text)
    return buffer.getvalue()
