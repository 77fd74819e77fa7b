"""Find the header of a statement by its words: which layout it is, and which column is what.

Never by position, and never by a guess: words common to many banks count only beside a phrase or
below a title that one bank alone writes, and two columns with one claim are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.tabular.headers import Header, HeaderText, Layout, fits, header_texts, is_text_below
from adapters.tabular.workbook import Row


class StatementColumn(StrEnum):
    """What a column means. `AMOUNT` is signed: above zero came in, below zero went out."""

    CREDIT = "credit"
    DEBIT = "debit"
    AMOUNT = "amount"
    BALANCE = "balance"
    DATE = "date"
    TRANSACTION = "transaction"
    CONTENT = "content"


MONEY = (StatementColumn.CREDIT, StatementColumn.DEBIT, StatementColumn.AMOUNT)
_USUAL = (
    *(StatementColumn.DATE, StatementColumn.CREDIT, StatementColumn.DEBIT, StatementColumn.CONTENT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLayout(Layout[StatementColumn]):
    """How a bank names its columns. Either CREDIT (with or without DEBIT) or AMOUNT is required.

    titles: where the words are common to many banks, one of these (the bank's name) must stand above the
        header or name the sheet.
    extras: columns of amounts that no source explains (Techcombank's fee and tax): a line that
        has one is kept as unreadable, for nobody knows whether its debit already holds it.
    date_carries_id: the date's cell also holds the document number ("01/08/2026\\n5389.82579").
    """

    required: frozenset[StatementColumn] = frozenset(_USUAL)
    sole: frozenset[StatementColumn] = frozenset(MONEY)
    titles: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    date_carries_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementHeader(Header[StatementColumn]):
    """A header found, its layout, and the columns (from 0) of the layout's `extras`."""

    layout: StatementLayout
    extras: tuple[int, ...]


def is_titled(layout: StatementLayout, text: str) -> bool:
    """Tell whether a text above the table names the layout's bank."""
    words = HeaderText.of(text)
    return any(fits(title, words) for title in layout.titles)


def find_header(row: Row, layouts: Iterable[StatementLayout]) -> StatementHeader | None:
    """Match a header that stands in one row.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same money.
    """
    return _match_rows(row, None, layouts)


def find_split_header(
    row: Row, following: Row | None, layouts: Sequence[StatementLayout]
) -> StatementHeader | None:
    """Match a header of two rows (Phát sinh over Nợ | Có), unless the second is one by itself.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same money.
    """
    if following is None or not is_text_below(row, following):
        return None
    if _match_rows(following, None, layouts):
        return None
    return _match_rows(row, following, layouts)


def _match_rows(
    row: Row, below: Row | None, layouts: Iterable[StatementLayout]
) -> StatementHeader | None:
    found = header_texts(row, below)
    found = replace(found, texts={i: _uncounted(text) for i, text in found.texts.items()})
    for layout in layouts:
        if header := layout.match(found):
            extras = tuple(
                i
                for i, text in found.texts.items()
                if (i,) not in header.columns.values() and any(fits(p, text) for p in layout.extras)
            )
            return StatementHeader(
                row=header.row,
                height=header.height,
                columns=header.columns,
                names=header.names,
                layout=layout,
                extras=extras,
            )
    return None


def _uncounted(text: HeaderText) -> HeaderText:
    """The header "No." read as "STT": that column counts rows, and without marks it would read as "Nợ" (debit)."""
    is_number = text.words == "no" and text.text.strip().rstrip(".").lower() == "no"
    return HeaderText(text.text, "stt") if is_number else text
