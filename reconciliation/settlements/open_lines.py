"""Settlement lines that settle nothing yet, with the names that their provider's notices give payments.

Reads only. A name is completed by the order that we opened; it must never be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from adapters.settlements import Kind, PaymentName, SettlementLine, name_of
from adapters.settlements.identity import whole_name
from core.kit.clock import business_date
from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSettlementLine:
    """A line of a settlement file that settles no known payment or refund yet. VND as in `SettlementLine`."""

    id: int
    identity: str
    merchant_account_id: int
    kind: Kind
    number: str
    gross_vnd: int
    paid_at: datetime | None
    settled_on: date
    batch: str
    name: PaymentName


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A settlement line as it is stored, with its provider and the name of its batch, VND."""

    id: int
    identity: str
    merchant_account_id: int
    adapter: str
    batch: str
    row: int
    sheet: str
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

    def as_open_line(self) -> OpenSettlementLine:
        """The line with the name that its provider's notices would give the payment."""
        line = SettlementLine(
            row=self.row,
            kind=self.kind,
            provider_transaction_id=self.provider_transaction_id,
            merchant_reference=self.merchant_reference,
            original_reference=self.original_reference,
            gross_vnd=self.gross_vnd,
            fee_vnd=self.fee_vnd,
            vat_vnd=self.vat_vnd,
            net_vnd=self.net_vnd,
            paid_at=self.paid_at,
            settled_on=self.settled_on,
            batch_id=self.batch,
            cells=(),
            sheet=self.sheet,
        )
        return OpenSettlementLine(
            id=self.id,
            identity=self.identity,
            merchant_account_id=self.merchant_account_id,
            kind=self.kind,
            number=self.provider_transaction_id,
            gross_vnd=self.gross_vnd,
            paid_at=self.paid_at,
            settled_on=self.settled_on,
            batch=self.batch,
            name=name_of(self.adapter, line),
        )


OPEN_LINES = Query(
    StoredLine,
    """
SELECT l.id, l.identity, l.merchant_account_id, m.adapter, b.name AS batch, l.row, l.sheet, l.kind,
       l.provider_transaction_id, l.merchant_reference, l.original_reference, l.gross_vnd, l.fee_vnd,
       l.vat_vnd, l.net_vnd, l.paid_at, l.settled_on
  FROM settlement_line l
  JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
  JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
 WHERE l.school_id = $1 AND l.payment_id IS NULL AND l.refund_id IS NULL
   AND l.kind IN ('pay', 'refund', 'chargeback')
 ORDER BY l.settled_on, l.identity
""",
)


@dataclass(frozen=True, slots=True)
class OpenedOrder:
    """An order that we opened with a provider, and the provider's own name of it."""

    merchant_account_id: int
    merchant_reference: str
    provider_reference: str
    created_at: datetime


ORDERS = Query(
    OpenedOrder,
    """
SELECT c.merchant_account_id, c.merchant_reference, c.provider_reference, c.created_at
  FROM unnest($2::bigint[], $3::text[]) AS t(merchant_account_id, merchant_reference)
  JOIN checkout c ON c.school_id = $1 AND c.merchant_account_id = t.merchant_account_id
                 AND c.merchant_reference = t.merchant_reference
""",
)


async def find_open_line(db: Driver, school_id: int, line_id: int) -> OpenSettlementLine | None:
    """One line that settles no known payment or refund, whatever its day, or None."""
    return next((line for line in await open_lines(db, school_id) if line.id == line_id), None)


async def open_lines(db: Driver, school_id: int) -> list[OpenSettlementLine]:
    """Every line of the school that settles no known payment or refund yet, in a fixed order."""
    stored = await db.fetch(OPEN_LINES, school_id)
    adapters = {line.id: line.adapter for line in stored}
    return await _complete(db, school_id, [line.as_open_line() for line in stored], adapters)


async def _complete(
    db: Driver,
    school_id: int,
    lines: Sequence[OpenSettlementLine],
    adapters: Mapping[int, str],
) -> list[OpenSettlementLine]:
    """Names of which the file has only a part, made whole by the order that we had opened."""
    partial = [
        line for line in lines if line.name.merchant_reference and not line.name.transaction_id
    ]
    found = await db.fetch(
        ORDERS,
        school_id,
        [line.merchant_account_id for line in partial],
        [line.name.merchant_reference for line in partial],
    )
    orders = {(order.merchant_account_id, order.merchant_reference): order for order in found}
    completed = []
    for line in lines:
        order = orders.get((line.merchant_account_id, line.name.merchant_reference))
        if order is not None and not line.name.transaction_id:
            whole = whole_name(
                adapters[line.id],
                line.name,
                ordered_on=business_date(order.created_at),
                order=order.provider_reference,
            )
            line = replace(line, name=replace(line.name, transaction_id=whole))  # noqa: PLW2901 - the same line, named
        completed.append(line)
    return completed
