"""Find the header of a statement by its words: which layout it is, and which column is what.

Never by position, and never by a guess: words common to many banks count only beside a phrase or
below a title that one bank alone writes, and two columns with one claim are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.contract import FileError
from adapters.tabular.spreadsheet import Row, column_letter, is_blank, normalise_header


class Role(StrEnum):
    """What a column means. `AMOUNT` is signed: above zero came in, below zero went out."""

    CREDIT = "credit"
    DEBIT = "debit"
    AMOUNT = "amount"
    BALANCE = "balance"
    DATE = "date"
    TRANSACTION = "transaction"
    CONTENT = "content"


MONEY = (Role.CREDIT, Role.DEBIT, Role.AMOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a bank names its columns.

    headers: phrases by role in normalised form (`normalise_header`), the most telling first; a
        phrase matches whole words inside a header, "=phrase" only a whole header.
    required: without all of these a row is no header of this layout. Either CREDIT (with or
        without DEBIT) or AMOUNT must be among them.
    beside: where the roles' words are common to many banks, one of these must stand in the header too.
    titles: likewise, one of these (the bank's name) must stand above the header or name the sheet.
    extras: columns of amounts that no source explains (Techcombank's fee and tax): a line that
        has one is kept as unreadable, for nobody knows whether its debit already holds it.
    date_carries_id: the date's cell also holds the document number ("01/08/2026\\n5389.82579").
    """

    name: str
    headers: Mapping[Role, tuple[str, ...]]
    required: frozenset[Role]
    beside: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    date_carries_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header found: columns are indexes from 0, `names` their texts, `height` its rows (1 or 2)."""

    layout: Layout
    columns: Mapping[Role, int]
    names: Mapping[int, str]
    extras: tuple[int, ...]
    height: int


def is_titled(layout: Layout, text: str) -> bool:
    """Tell whether a text above the table names the layout's bank."""
    words = normalise_header(text)
    return any(_fits(title, words) for title in layout.titles)


def find_header(row: Row, layouts: Sequence[Layout]) -> Header | None:
    """Match a header that stands in one row.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same money.
    """
    return _match_rows(row, None, layouts)


def find_split_header(row: Row, following: Row | None, layouts: Sequence[Layout]) -> Header | None:
    """Match a header of two rows (Phát sinh over Nợ | Có), unless the second is one by itself.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same money.
    """
    if following is None or following.number != row.number + 1:
        return None
    if any(not is_blank(cell) and not isinstance(cell, str) for cell in following.cells):
        return None
    if _match_rows(following, None, layouts):
        return None
    return _match_rows(row, following, layouts)


def _match_rows(row: Row, below: Row | None, layouts: Sequence[Layout]) -> Header | None:
    texts = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, str)}
    if len(texts) < 3:
        return None
    for i, cell in enumerate(below.cells if below else ()):
        if isinstance(cell, str):
            texts[i] = f"{texts.get(i, '')} {cell}".strip()
    words = {i: _header_words(texts[i]) for i in sorted(texts)}
    for layout in layouts:
        columns = _match_columns(layout, words)
        if columns:
            return Header(
                layout=layout,
                columns=columns,
                names={i: " ".join(text.split()) for i, text in texts.items()},
                extras=tuple(
                    i
                    for i, text in words.items()
                    if i not in columns.values() and any(_fits(p, text) for p in layout.extras)
                ),
                height=2 if below else 1,
            )
    return None


def _header_words(text: str) -> str:
    # "No." is the counting column; without this it would read as "Nợ" (debit) once marks are gone.
    return "stt" if text.strip().rstrip(".").lower() == "no" else normalise_header(text)


def _match_columns(layout: Layout, words: Mapping[int, str]) -> dict[Role, int] | None:
    """Assign columns to roles by the layout's phrases; None when a required role finds none."""
    if layout.beside and not any(_fits(p, text) for p in layout.beside for text in words.values()):
        return None
    columns: dict[Role, int] = {}
    rivals: list[str] = []
    for role in Role:
        for phrase in layout.headers.get(role, ()):
            fits = [
                i for i, text in words.items() if i not in columns.values() and _fits(phrase, text)
            ]
            if fits:
                columns[role] = fits[0]
                if role in MONEY and len(fits) > 1:
                    rivals = [column_letter(i) for i in fits]
                break
    if not layout.required <= columns.keys():
        return None
    if rivals:
        raise FileError("ambiguous_header", f"Các cột {', '.join(rivals)} có tiêu đề cùng nghĩa")
    return columns


def _fits(phrase: str, words: str) -> bool:
    if phrase.startswith("="):
        return words == phrase[1:]
    return f" {phrase} " in f" {words} "
