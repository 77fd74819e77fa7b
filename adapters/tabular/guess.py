"""Which row of an unknown table is its header, and which column is what: a guess for a person to correct.

Nothing is read by a guess. It only fills in the form on which the accountant says, once, what the
columns of a file are called; what is kept then are the words of the header, never positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.tabular.cells import normalise_header, shows_number
from adapters.tabular.headers import (
    MIN_COLUMNS,
    HeaderText,
    HeaderTexts,
    choose_columns,
    header_texts,
    is_text_below,
)
from adapters.tabular.workbook import Row, Sheet

SEARCHED_ROWS = 60
"""How far down a sheet its header may stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRow:
    """A row that may be the header. `sheet` counts from 0; `names`: the texts of its columns, in their order.

    `height` 2: the row below is part of it (Phát sinh over Nợ | Có), and the names are read together.
    """

    sheet: int
    row: int
    height: int
    names: tuple[str, ...]

    def holds(self, name: str) -> int:
        """How many columns bear this name; marks, case and line breaks do not matter."""
        words = normalise_header(name)
        return sum(normalise_header(own) == words for own in self.names)


def header_rows(sheets: Sequence[Sheet]) -> tuple[HeaderRow, ...]:
    """Every row that could be a header, in the order of the file; a row alone before it with the next."""
    return tuple(
        HeaderRow(sheet=index, row=row.number, height=texts.height, names=names)
        for index, sheet in enumerate(sheets)
        for row, below in zip(
            sheet.rows[:SEARCHED_ROWS],
            (*sheet.rows[1:SEARCHED_ROWS], None),
            strict=True,
        )
        for texts in _readings(row, below)
        if len(names := _names(texts)) >= MIN_COLUMNS
    )


def _readings(row: Row, below: Row | None) -> tuple[HeaderTexts, ...]:
    """The row alone, and with the next where that may be the second row of one header."""
    alone = header_texts(row)
    if below is None or not is_text_below(row, below) or any(map(shows_number, below.cells)):
        return (alone,)
    return alone, header_texts(row, below)


def _names(texts: HeaderTexts) -> tuple[str, ...]:
    return tuple(text.name for text in texts.texts.values() if text.words)


def guess(names: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A name for each role that finds one: roles in their order, for each its most telling phrase first."""
    different = {i: HeaderText.of(name) for i, name in enumerate(dict.fromkeys(names))}
    return {role: different[at[0]].text for role, at in choose_columns(different, phrases).items()}


def likeliest(rows: Sequence[HeaderRow], phrases: Mapping[str, Sequence[str]]) -> HeaderRow | None:
    """The row on which most roles find a name; the first among equals. None when there is no row."""
    return max(rows, key=lambda row: len(guess(row.names, phrases)), default=None)
