"""One table as an XLSX file: text as text, days as dates, amounts as numbers.

Pure: cells in, bytes out, the same bytes for the same cells. No text is ever taken for a formula.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import xlsxwriter

Cell = date | int | str
"""A day is shown as DD/MM/YYYY, a number as whole VND, "" leaves the cell empty."""


def write_sheet(
    name: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    as_of: date,
    above: Sequence[str] = (),
    below: Sequence[Sequence[Cell]] = (),
) -> bytes:
    """An XLSX of one sheet: the lines `above` the headers, the rows, the bold rows `below` them.

    `as_of` stands as the file's date, so that making it again gives the same bytes.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": datetime.combine(as_of, time.min, UTC)})
        sheet = book.add_worksheet(name)
        formats = {
            is_bold: (
                book.add_format({"bold": is_bold}),
                book.add_format({"bold": is_bold, "num_format": "dd/mm/yyyy"}),
                book.add_format({"bold": is_bold, "num_format": "#,##0"}),
            )
            for is_bold in (False, True)
        }
        lines: list[tuple[Sequence[Cell], bool]] = [
            *(((text,), True) for text in above),
            (headers, True),
            *((row, False) for row in rows),
            *((row, True) for row in below),
        ]
        sheet.freeze_panes(len(above) + 1, 0)
        sheet.set_column(0, len(headers) - 1, 18)
        for row, (cells, is_bold) in enumerate(lines):
            text, day, money = formats[is_bold]
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(row, column, datetime.combine(cell, time.min), day)
                elif isinstance(cell, int):
                    sheet.write_number(row, column, cell, money)
                elif cell:
                    sheet.write_string(row, column, cell, text)
    return buffer.getvalue()
