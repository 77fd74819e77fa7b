"""Find the header of a settlement file by its words: which layout it is, and which column is what.

Never by position and never by a guess: two columns that claim the same figure or the same name are
refused. Of a header in two rows (Phí over Phí giao dịch | VAT) both are read as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.settlements.lines import Kind
from adapters.tabular.cells import shows_number
from adapters.tabular.headers import Header, Layout, header_texts, is_text_below
from adapters.tabular.workbook import Row


class SettlementColumn(StrEnum):
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


MONEY = (
    *(SettlementColumn.GROSS, SettlementColumn.FEE),
    *(SettlementColumn.VAT, SettlementColumn.NET),
)
IDS = (SettlementColumn.TRANSACTION, SettlementColumn.MERCHANT, SettlementColumn.ORIGINAL)
_SEVERAL_ALLOWED = {SettlementColumn.COUNT, SettlementColumn.PAID, SettlementColumn.CURRENCY}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLayout(Layout[SettlementColumn]):
    """How a provider names its columns and its kinds of lines.

    kinds: the provider's words in normalised form; without a column for them a line is a payment
        where its gross is above zero, and unreadable otherwise.
    settled: the words of a status that means: this money is in the settlement.
    """

    provider: str
    kinds: Mapping[str, Kind]
    settled: frozenset[str]
    sole: frozenset[SettlementColumn] = frozenset(SettlementColumn) - _SEVERAL_ALLOWED

    def is_headed_by(self, meanings: Collection[SettlementColumn]) -> bool:
        """Whether a row that names these heads a table of lines or of batches."""
        return self.required <= set(meanings) or _heads_batches(meanings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementHeader(Header[SettlementColumn]):
    """A header found and its layout. `of_batches`: it heads a table of batches, one total in each row."""

    layout: SettlementLayout
    of_batches: bool


def find_header(
    row: Row, following: Row | None, layouts: Sequence[SettlementLayout]
) -> SettlementHeader | None:
    """Match a header that stands in this row, or in it and the next.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same.
    """
    found = _match_rows(row, None, layouts)
    if following is None or not is_text_below(row, following):
        return found
    if any(map(shows_number, following.cells)) or _match_rows(following, None, layouts):
        return found
    both = _match_rows(row, following, layouts)
    if both and (not found or len(both.columns) > len(found.columns)):
        return both
    return found


def _match_rows(
    row: Row, below: Row | None, layouts: Sequence[SettlementLayout]
) -> SettlementHeader | None:
    texts = header_texts(row, below)
    for layout in layouts:
        if header := layout.match(texts):
            return SettlementHeader(
                row=header.row,
                height=header.height,
                columns=header.columns,
                names=header.names,
                layout=layout,
                of_batches=not layout.required <= header.columns.keys(),
            )
    return None


def _heads_batches(meanings: Collection[SettlementColumn]) -> bool:
    is_named = SettlementColumn.BATCH in meanings or SettlementColumn.SETTLED in meanings
    figures = {SettlementColumn.COUNT, SettlementColumn.NET}
    return is_named and figures <= set(meanings) and not set(meanings) & set(IDS)
