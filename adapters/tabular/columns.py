"""Which row of an unknown table is its header, and which column is what: a guess for a person to correct.

Nothing is read by a guess. It only fills in the form on which the accountant says, once, what the
columns of a file are called; what is kept then are the words of the header, never positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.tabular.spreadsheet import Row, Sheet, is_blank, normalise_header

SEARCHED_ROWS = 60
"""How far down a sheet its header may stand."""
MIN_COLUMNS = 3


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
    found: list[HeaderRow] = []
    for index, sheet in enumerate(sheets):
        rows = sheet.rows[:SEARCHED_ROWS]
        for row, below in zip(rows, (*rows[1:], None), strict=True):
            for height, names in ((1, _names(row, None)), (2, _names(row, below))):
                if len(names) >= MIN_COLUMNS:
                    found.append(HeaderRow(sheet=index, row=row.number, height=height, names=names))
    return tuple(found)


def _names(row: Row, below: Row | None) -> tuple[str, ...]:
    """The texts of a row's columns; with `below`, of both rows, or nothing where that is no header's."""
    texts = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, str) and cell.strip()}
    if below is not None:
        lower = {i: cell for i, cell in enumerate(below.cells) if not is_blank(cell)}
        if below.number != row.number + 1 or any(not isinstance(c, str) for c in lower.values()):
            return ()
        if any(c.isdigit() for cell in lower.values() for c in str(cell)):
            return ()
        texts |= {i: f"{texts.get(i, '')} {cell}" for i, cell in lower.items()}
    names = (" ".join(texts[i].split()) for i in sorted(texts))
    return tuple(name for name in names if normalise_header(name))


def guess(names: Sequence[str], phrases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A name for each role that finds one: roles in their order, for each its most telling phrase first."""
    words = {name: normalise_header(name) for name in names}
    chosen: dict[str, str] = {}
    for role, candidates in phrases.items():
        for phrase in candidates:
            fits = [
                name for name in words if name not in chosen.values() and _fits(phrase, words[name])
            ]
            if fits:
                chosen[role] = fits[0]
                break
    return chosen


def likeliest(rows: Sequence[HeaderRow], phrases: Mapping[str, Sequence[str]]) -> HeaderRow | None:
    """The row on which most roles find a name; the first among equals. None when there is no row."""
    return max(rows, key=lambda row: len(guess(row.names, phrases)), default=None)


def _fits(phrase: str, words: str) -> bool:
    if phrase.startswith("="):
        return words == phrase.lstrip("=")
    return f" {phrase} " in f" {words} "
