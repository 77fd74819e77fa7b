"""What a settlement file says, whichever provider wrote it: lines, batches, and where sums disagree.

A provider that collects for a school pays out later: for each batch one transfer to the bank,
gross − fee − VAT = net. Amounts are integers of VND seen from the school: a refund's or chargeback's
gross is below zero; a fee and its VAT are above zero where the school pays them, below where they are
given back. The words follow the settlement reports that providers do publish
(docs.antom.com/ac/apo/settlement_details).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from adapters.contract import UnreadableLine


class Kind(StrEnum):
    """What a line is about."""

    PAY = "pay"
    REFUND = "refund"
    FEE = "fee"  # charged by itself: no payment in it
    CHARGEBACK = "chargeback"
    ADJUSTMENT = "adjustment"


class What(StrEnum):
    """The figure that does not agree."""

    COUNT = "count"
    GROSS = "gross"
    FEE = "fee"
    VAT = "vat"
    NET = "net"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """One line of a settlement file, as it stands: a net that does not add up is kept and listed.

    row: in its sheet (1 = first); sheet: its name, "" for CSV; cells: the row as it stood.
    provider_transaction_id, merchant_reference, original_reference: as the file prints them, "" where
    it does not; `identity.name_of` says which payment they mean. original_reference: of a refund or
    chargeback, the payment it takes from. paid_at: UTC; None where the file has no time of day.
    batch_id: "" where the file names none: then a day is a batch.
    """

    row: int
    kind: Kind
    provider_transaction_id: str
    merchant_reference: str
    original_reference: str
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int
    paid_at: datetime | None
    settled_on: date
    batch_id: str
    cells: tuple[str, ...]
    sheet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What lines come to, VND."""

    count: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTotals:
    """A total as the file prints it, VND; None where it does not say.

    batch_id: "" for a total without a batch's name. settled_on: of a batch in a table of batches.
    line_rows: how many readable lines stand above it in its sheet (it can sum those only); None
    in a table of batches, which stands anywhere and covers the whole file.
    """

    row: int
    sheet: str
    batch_id: str
    settled_on: date | None
    line_rows: int | None
    count: int | None
    gross_vnd: int | None
    fee_vnd: int | None
    vat_vnd: int | None
    net_vnd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBatch:
    """What one transfer to the bank should be: `summed` over the lines read.

    batch_id: "" where the file names none. settled_on: None where its lines name several days, or
    none at all. stated: what the file says of it, None where it says nothing.
    """

    batch_id: str
    settled_on: date | None
    summed: Totals
    stated: StatedTotals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementGap:
    """A figure at `row` that is not what the rest says: VND, or a number of lines for `COUNT`.

    batch_id: the line's or total's batch; "" also for a total of the whole file.
    """

    row: int
    sheet: str
    batch_id: str
    what: What
    expected: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A settlement file as read. `provider`: an adapter's name, "" where the layout is nobody's own."""

    layout: str
    provider: str
    lines: tuple[SettlementLine, ...]
    batches: tuple[SettlementBatch, ...]
    unreadable: tuple[UnreadableLine, ...] = ()
    gaps: tuple[SettlementGap, ...] = ()
