"""Find the header of a settlement file by its words: which layout it is, and which column is what.

Never by position and never by a guess: two columns that claim the same figure or the same name are
refused. Of a header in two rows (Phí over Phí giao dịch | VAT) both are read as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.contract import FileError
from adapters.settlements.lines import Kind
from adapters.tabular.spreadsheet import Row, column_letter, is_blank, normalise_header


class Role(StrEnum):
    """What a column means, in the order in which columns are given out."""

    BATCH = "batch_id"
    COUNT = "count"
    SETTLED = "settled_on"
    PAID = "paid_at"
    KIND = "kind"
    STATUS = "status"
    CURRENCY = "currency"
    ORIGINAL = "original_reference"
    MERCHANT = "merchant_reference"
    TRANSACTION = "provider_transaction_id"
    NET = "net"
    VAT = "vat"
    FEE = "fee"
    GROSS = "gross"


MONEY = (Role.GROSS, Role.FEE, Role.VAT, Role.NET)
IDS = (Role.TRANSACTION, Role.MERCHANT, Role.ORIGINAL)
_ONE_CLAIM = frozenset((*MONEY, *IDS, Role.BATCH, Role.SETTLED, Role.KIND, Role.STATUS))
_UNITS = frozenset({"vnd", "dong", "d"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a provider names its columns and its kinds of lines.

    headers: phrases by role in normalised form (`normalise_header`), the most telling first; a phrase
        matches whole words inside a header, "=phrase" only a whole header.
    required: without all of these a row is no header of this layout.
    kinds: the provider's words in normalised form; without a column for them a line is a payment
        where its gross is above zero, and unreadable otherwise.
    settled: the words of a status that means: this money is in the settlement.
    """

    name: str
    provider: str
    headers: Mapping[Role, tuple[str, ...]]
    required: frozenset[Role]
    kinds: Mapping[str, Kind]
    settled: frozenset[str]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header found: columns are indexes from 0, `names` their texts, `height` its rows (1 or 2).

    of_batches: it heads a table of batches, one total in each row.
    """

    layout: Layout
    columns: Mapping[Role, int]
    names: Mapping[int, str]
    height: int
    of_batches: bool


def find_header(row: Row, following: Row | None, layouts: Sequence[Layout]) -> Header | None:
    """Match a header that stands in this row, or in it and the next.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same.
    """
    found = _match_rows(row, None, layouts)
    if following is None or following.number != row.number + 1:
        return found
    texts = [cell for cell in following.cells if not is_blank(cell)]
    if any(not isinstance(cell, str) or any(c.isdigit() for c in cell) for cell in texts):
        return found
    if _match_rows(following, None, layouts):
        return found
    both = _match_rows(row, following, layouts)
    return both if both and (not found or len(both.columns) > len(found.columns)) else found


def _match_rows(row: Row, below: Row | None, layouts: Sequence[Layout]) -> Header | None:
    texts = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, str) and cell.strip()}
    if len(texts) < 3:
        return None
    for i, cell in enumerate(below.cells if below else ()):
        if isinstance(cell, str) and cell.strip():
            texts[i] = f"{texts.get(i, '')}\n{cell}".strip()
    words = {i: _readings(texts[i]) for i in sorted(texts)}
    for layout in layouts:
        columns, rivals = _match_columns(layout, words)
        names = columns.keys()
        is_lines = layout.required <= names
        if not is_lines and not _heads_batches(names):
            continue
        if rivals:
            raise FileError(
                "ambiguous_header", f"Các cột {', '.join(rivals)} có tiêu đề cùng nghĩa"
            )
        return Header(
            layout=layout,
            columns=columns,
            names={i: " ".join(text.split()) for i, text in texts.items()},
            height=2 if below else 1,
            of_batches=not is_lines,
        )
    return None


def _match_columns(
    layout: Layout, words: Mapping[int, tuple[str, ...]]
) -> tuple[dict[Role, int], tuple[str, ...]]:
    """The columns by role, and those that claim the same role by the same phrase."""
    if layout.beside and not any(_fits(p, text) for p in layout.beside for text in words.values()):
        return {}, ()
    columns: dict[Role, int] = {}
    rivals: tuple[str, ...] = ()
    for role in Role:
        for phrase in layout.headers.get(role, ()):
            fits = [
                i for i, text in words.items() if i not in columns.values() and _fits(phrase, text)
            ]
            if fits:
                columns[role] = fits[0]
                if role in _ONE_CLAIM and len(fits) > 1:
                    rivals = tuple(column_letter(i) for i in fits)
                break
    return columns, rivals


def _heads_batches(names: Collection[Role]) -> bool:
    is_named = Role.BATCH in names or Role.SETTLED in names
    return is_named and {Role.COUNT, Role.NET} <= set(names) and not set(names) & set(IDS)


def _readings(text: str) -> tuple[str, ...]:
    """The words of a header, whole, then without unit and part by part.

    "Phí/ Fee (VND)" is phi fee vnd; phi fee; phi; fee.
    """
    readings = [normalise_header(text)]
    for part in (text, *re.split(r"[/\n|]", text)):
        words = normalise_header(part).split()
        while len(words) > 1 and words[-1] in _UNITS:
            words.pop()
        readings.append(" ".join(words))
    return tuple(readings)


def _fits(phrase: str, readings: tuple[str, ...]) -> bool:
    if phrase.startswith("=="):
        return phrase[2:] == readings[0]
    if phrase.startswith("="):
        return phrase[1:] in readings
    return f" {phrase} " in f" {readings[0]} "
