"""Which column of a table is what, by the words of its header, in whatever order the columns stand.

Two ways, for two kinds of files. In a school's own list every column says for itself what it means
(`claim_columns`). For a bank's or a provider's table there is a `Layout`: each meaning looks for the
header that names it best. A header may take two rows. Nothing is known by its position, and two columns
with one claim are never chosen between by a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Generic, TypeVar

from adapters.contract import FileError
from adapters.messages import msg
from adapters.tabular.cells import Cell, is_blank, normalise_header, show
from adapters.tabular.workbook import Row, Sheet

Meaning = TypeVar("Meaning", bound=StrEnum)
Key = TypeVar("Key")

MIN_COLUMNS = 3
"""A row of fewer texts heads no bank's and no provider's table."""


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """A column, by its index from 0 and as messages name it, e.g. "Đơn giá (E)"."""

    index: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Generic[Meaning]):
    """A header found. `row` is the number of its last row, `height` how many rows it takes (1 or 2).

    columns: the columns of each meaning, from 0; the first is the one to read. names: the texts of all
    its cells, each on one line.
    """

    row: int
    columns: Mapping[Meaning, tuple[int, ...]]
    names: Mapping[int, str]
    height: int = 1

    def index(self, meaning: Meaning) -> int | None:
        """The column to read for a meaning; None where there is none."""
        found = self.columns.get(meaning)
        return found[0] if found else None

    def cell(self, row: Row, meaning: Meaning) -> Cell:
        """What a row says of a meaning; None where the table has no such column."""
        found = self.columns.get(meaning)
        return row.at(found[0]) if found else None

    def place(self, index: int) -> ColumnPlace:
        """A column with its own header, cut short, and its letter."""
        return ColumnPlace(index, f"{self.names.get(index, '')[:40]} ({column_letter(index)})")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The headers, cut short, of the columns that mean nothing here."""
        used = {index for found in self.columns.values() for index in found}
        return tuple(name[:60] for index, name in self.names.items() if index not in used)


@dataclass(frozen=True, slots=True)
class HeaderText:
    """A cell of a header: its text, and the bare words of it."""

    text: str
    words: str

    @staticmethod
    def of(text: str) -> HeaderText:
        """The words of a text."""
        return HeaderText(text, normalise_header(text))

    @property
    def name(self) -> str:
        """The text on one line."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderTexts:
    """The texts of a row that may be a header, by column; of a header of two rows, both read as one.

    `row` is the number of the last of them, `width` the number of texts in the first.
    """

    row: int
    height: int
    width: int
    texts: Mapping[int, HeaderText]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[Meaning]):
    """How a bank or a provider names its columns.

    headers: phrases by meaning in normalised form (`normalise_header`), the most telling first. "x"
        stands in a header as whole words; "=x" is a whole header; "~x" is a whole header, or a part of
        it between slashes, with or without a unit. Meanings choose in the order of their enumeration.
    required: without all of these a row is no header of this layout.
    sole: two columns that one phrase of these fits are refused.
    beside: where the words are common to many, one of these must stand in the header too.
    """

    name: str
    headers: Mapping[Meaning, tuple[str, ...]]
    required: frozenset[Meaning]
    sole: frozenset[Meaning]
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ranks = {
            meaning: rank for first in self.headers for rank, meaning in enumerate(type(first))
        }
        ordered = sorted(self.headers.items(), key=lambda header: ranks[header[0]])
        object.__setattr__(self, "headers", dict(ordered))

    def is_headed_by(self, meanings: Collection[Meaning]) -> bool:
        """Whether a row that names these meanings is a header of this layout."""
        return self.required <= set(meanings)

    def match(self, found: HeaderTexts) -> Header[Meaning] | None:
        """The header that these texts are in this layout; None when they are none.

        Raises:
            FileError: "ambiguous_header" when two columns claim the same.
        """
        if found.width < MIN_COLUMNS:
            return None
        if self.beside and not any(fits(p, t) for p in self.beside for t in found.texts.values()):
            return None
        columns = choose_columns(found.texts, self.headers)
        if not self.is_headed_by(columns):
            return None
        for meaning, at in reversed(columns.items()):
            if meaning in self.sole and len(at) > 1:
                rivals = tuple(map(column_letter, at))
                detail = msg("Các cột {columns} có tiêu đề cùng nghĩa", columns=rivals)
                raise FileError("ambiguous_header", detail)
        return Header(
            row=found.row,
            height=found.height,
            columns={meaning: at[:1] for meaning, at in columns.items()},
            names=_names(found.texts),
        )


def header_texts(row: Row, below: Row | None = None) -> HeaderTexts:
    """The texts of a row by column; with `below`, of both rows as one header."""
    texts = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, str) and cell.strip()}
    width = len(texts)
    for i, cell in enumerate(below.cells if below else ()):
        if isinstance(cell, str) and cell.strip():
            texts[i] = f"{texts.get(i, '')}\n{cell}".strip()
    return HeaderTexts(
        row=below.number if below else row.number,
        height=2 if below else 1,
        width=width,
        texts={i: HeaderText.of(texts[i]) for i in sorted(texts)},
    )


def is_text_below(row: Row, following: Row | None) -> bool:
    """Whether the next row stands right below and holds nothing but texts, as a header's second row does."""
    return (
        following is not None
        and following.number == row.number + 1
        and all(is_blank(cell) or isinstance(cell, str) for cell in following.cells)
    )


def choose_columns(
    texts: Mapping[int, HeaderText], phrases: Mapping[Key, Sequence[str]]
) -> dict[Key, tuple[int, ...]]:
    """For each meaning in turn the free columns that its most telling phrase fits; it takes the first.

    The others are its rivals, and stay free for the meanings after it.
    """
    columns: dict[Key, tuple[int, ...]] = {}
    taken: set[int] = set()
    for meaning, words in phrases.items():
        for phrase in words:
            fitting = tuple(i for i, text in texts.items() if i not in taken and fits(phrase, text))
            if fitting:
                columns[meaning] = fitting
                taken.add(fitting[0])
                break
    return columns


def claim_columns(row: Row, meaning_of: Callable[[str], Meaning | None]) -> Header[Meaning]:
    """The row as a header in which each column says itself what it means, several perhaps the same."""
    texts = header_texts(row).texts
    columns: dict[Meaning, tuple[int, ...]] = {}
    for index, text in texts.items():
        meaning = meaning_of(text.text)
        if meaning is not None:
            columns[meaning] = (*columns.get(meaning, ()), index)
    return Header(row=row.number, columns=columns, names=_names(texts))


def fits(phrase: str, text: HeaderText) -> bool:
    """Whether a phrase of a `Layout` names this header."""
    if phrase.startswith("="):
        return phrase[1:] == text.words
    if phrase.startswith("~"):
        return phrase[1:] == text.words or phrase[1:] in _parts(text.text)
    return phrase in text.words and f" {phrase} " in f" {text.words} "


_UNITS = frozenset({"vnd", "dong", "d"})


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str, ...]:
    """The words of a header without unit, whole and part by part: "Phí/ Fee (VND)" is phi fee; phi; fee."""
    parts = []
    for part in (text, *re.split(r"[/\n|]", text)):
        words = normalise_header(part).split()
        while len(words) > 1 and words[-1] in _UNITS:
            words.pop()
        parts.append(" ".join(words))
    return tuple(parts)


def counted_from(row: Row) -> int | None:
    """Where a row "(1) | (2) | (3) …", which forms print under their header, begins; None for any other."""
    texts = [normalise_header(show(cell)) for cell in row.cells if not is_blank(cell)]
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit()]
    if not len(numbers) == len(texts) > 2:
        return None
    first = numbers[0]
    return first if numbers == list(range(first, first + len(numbers))) else None


def widest_row(sheets: Sequence[Sheet]) -> tuple[int, str]:
    """The number and the texts of the row that looks most like a header, for who asks why there is none."""
    rows = [row for sheet in sheets for row in sheet.rows[:50]]
    row = max(rows, key=lambda row: sum(isinstance(cell, str) for cell in row.cells))
    names = [" ".join(show(cell).split())[:40] for cell in row.cells if isinstance(cell, str)]
    return row.number, " | ".join(names[:20])


def column_letter(index: int) -> str:
    """Name a column as spreadsheets do: 0 -> "A", 25 -> "Z", 26 -> "AA"."""
    letters = ""
    index += 1
    while index > 0:
        index, digit = divmod(index - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def _names(texts: Mapping[int, HeaderText]) -> dict[int, str]:
    return {index: text.name for index, text in texts.items()}
