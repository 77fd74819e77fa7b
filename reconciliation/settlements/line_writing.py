"""New settlement lines written to their batches; what comes for a booked batch gets a batch of its own.

The caller holds `lock_reconciliation`. A booked batch must never get another line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from core.kit.database import Driver, Query
from reconciliation.settlements.faults import LATER, NamedLine, base_name


@dataclass(frozen=True, slots=True)
class ExistingBatch:
    """A batch of the name `base`, or one of its later parts ("B1 +1"); `booked_on` None: it is open."""

    base: str
    name: str
    booked_on: date | None


@dataclass(frozen=True, slots=True)
class BatchId:
    """A batch by its name."""

    id: int
    name: str


# a later part's name begins with the name of the batch and a mark; so may a provider's own: see `base_name`
EXISTING_BATCHES = Query(
    ExistingBatch,
    """
SELECT n.name AS base, b.name, b.booked_on
  FROM unnest($3::text[]) AS n(name)
  JOIN settlement_batch b ON b.school_id = $1 AND b.merchant_account_id = $2
                         AND (b.name = n.name OR starts_with(b.name, n.name || $4))
""",
)
# the update gives the ids of batches that are there already
MAKE_BATCHES = Query(
    BatchId,
    """
INSERT INTO settlement_batch (school_id, merchant_account_id, name)
SELECT $1, $2, * FROM unnest($3::text[])
ON CONFLICT (school_id, merchant_account_id, name) DO UPDATE SET name = excluded.name
RETURNING id, name
""",
)
LINE_COLUMNS: Final = (
    "school_id", "settlement_id", "settlement_batch_id", "merchant_account_id", "row", "sheet", "kind",
    "provider_transaction_id", "merchant_reference", "original_reference", "gross_vnd", "fee_vnd",
    "vat_vnd", "net_vnd", "paid_at", "settled_on", "identity",
)  # fmt: skip


async def write_lines(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    settlement_id: int,
    new: Sequence[NamedLine],
) -> None:
    """COPY the new lines of a file in, each to an open batch of its name."""
    batches = await _open_batches(db, school_id, merchant_account_id, {one.batch for one in new})
    await db.copy_in(
        "settlement_line",
        LINE_COLUMNS,
        (
            (
                school_id, settlement_id, batches[one.batch], merchant_account_id, one.line.row,
                one.line.sheet, one.line.kind.value, one.line.provider_transaction_id,
                one.line.merchant_reference, one.line.original_reference, one.line.gross_vnd,
                one.line.fee_vnd, one.line.vat_vnd, one.line.net_vnd, one.line.paid_at,
                one.line.settled_on, one.identity,
            )
            for one in new
        ),
    )  # fmt: skip


async def _open_batches(
    db: Driver, school_id: int, merchant_account_id: int, names: set[str]
) -> Mapping[str, int]:
    """For each name the batch that new lines join: the one not booked yet, else a new one beside it."""
    existing: dict[str, list[ExistingBatch]] = {}
    for batch in await db.fetch(
        EXISTING_BATCHES, school_id, merchant_account_id, sorted(names), LATER
    ):
        if batch.base in {base_name(batch.name), batch.name}:
            existing.setdefault(batch.base, []).append(batch)
    chosen: dict[str, str] = {}
    for name in sorted(names):
        parts = existing.get(name, [])
        unbooked = sorted(part.name for part in parts if part.booked_on is None)
        chosen[name] = unbooked[0] if unbooked else f"{name}{LATER}{len(parts)}" if parts else name
    made = await db.fetch(
        MAKE_BATCHES, school_id, merchant_account_id, sorted(set(chosen.values()))
    )
    ids = {batch.name: batch.id for batch in made}
    return {name: ids[batch] for name, batch in chosen.items()}
