"""Settlement files are imported here: previewed without a trace, or imported whole, each line counted once.

A file is refused as a whole, with every fault by its row, when it belongs to another provider, does not
add up, or reports a transaction of an earlier file with other amounts. Rows that cannot be read are kept as
exceptions. Nothing here must ever book money: the reconciliation does, once the bank shows the payout.
"""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from adapters.contract import FileError, UnreadableLine
from adapters.settlements import Settlement, SettlementLayout, SettlementLine, read_settlement
from core.exceptions.reasons import Reason
from core.exceptions.service import open_on_first_day
from core.exceptions.sql import NewException
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation
from reconciliation.settlements.errors import (
    NotSettledInBatchesError,
    RefusedSettlementError,
    SettlementChannelNotFoundError,
    UnreadableSettlementError,
)
from reconciliation.settlements.faults import NamedLine, every_fault
from reconciliation.settlements.line_writing import write_lines
from reconciliation.statements.mappings import saved_layout

SAMPLE_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBatch:
    """What a file reports of one payout, VND."""

    name: str
    settled_on: date | None
    lines: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPreview:
    """What a file holds and what is wrong with it.

    `new_lines` are those that no earlier file brought. `faults` empty: it can be imported.
    """

    layout: str
    provider: str
    lines: int
    new_lines: int
    is_known: bool
    batches: tuple[FileBatch, ...]
    faults: tuple[Fault, ...]
    unreadable: tuple[UnreadableLine, ...]
    sample: tuple[SettlementLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSettlement:
    """What became of a file. `is_new` False: this very file had been imported, nothing changed."""

    settlement_id: int
    is_new: bool
    lines: int
    new_lines: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """Whose channel it is, and whether its provider settles "direct" or in a "batch"."""

    adapter: str
    settlement: str


CHANNEL_KIND = Query(
    ChannelKind, "SELECT adapter, settlement FROM merchant_account WHERE school_id = $1 AND id = $2"
)
INSERT_SETTLEMENT = Query(
    int,
    """
INSERT INTO settlement (school_id, merchant_account_id, file_name, sha256, layout, line_count, imported_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
""",
)
KNOWN_IDENTITIES = Query(
    str,
    """
SELECT identity FROM settlement_line
 WHERE school_id = $1 AND merchant_account_id = $2 AND identity = ANY($3::text[])
""",
)
IMPORTED_BEFORE = Query(
    ImportedSettlement,
    """
SELECT s.id AS settlement_id, false AS is_new, s.line_count AS lines, 0 AS new_lines,
       count(e.id) AS unreadable
  FROM settlement s
  LEFT JOIN exception e ON e.school_id = s.school_id AND e.reason = 'unreadable_line'
                       AND (e.detail->>'settlement_id')::bigint = s.id
 WHERE s.school_id = $1 AND s.merchant_account_id = $2 AND s.sha256 = $3
 GROUP BY s.id, s.line_count
""",
)


async def preview_settlement(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    data: bytes,
    file_name: str,
    *,
    layout: SettlementLayout | None = None,
) -> SettlementPreview:
    """Read a file and report everything about it; nothing is written.

    Raises SettlementChannelNotFoundError, NotSettledInBatchesError or UnreadableSettlementError.
    """
    read, adapter = await _read(db, school_id, merchant_account_id, data, file_name, layout)
    named = _named(read.lines)
    known = await _known(db, school_id, merchant_account_id, named)
    return SettlementPreview(
        layout=read.layout,
        provider=adapter,
        lines=len(named),
        new_lines=sum(one.identity not in known for one in named),
        is_known=await _find(db, school_id, merchant_account_id, data) is not None,
        batches=_batches(read),
        faults=await every_fault(db, school_id, merchant_account_id, adapter, read, named, known),
        unreadable=read.unreadable,
        sample=read.lines[:SAMPLE_LINES],
    )


async def import_settlement(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    data: bytes,
    file_name: str,
    *,
    actor: str,
    layout: SettlementLayout | None = None,
) -> ImportedSettlement:
    """Import a settlement file; the same file again changes nothing and gives the same answer.

    Raises SettlementChannelNotFoundError, NotSettledInBatchesError, UnreadableSettlementError, or
    RefusedSettlementError with every fault ("other_provider", "other_account", "settlement_gap",
    "changed_line", "no_lines"). Nothing is written then.
    """
    await lock_reconciliation(db, school_id)
    before = await _find(db, school_id, merchant_account_id, data)
    if before is not None:
        return before
    read, adapter = await _read(db, school_id, merchant_account_id, data, file_name, layout)
    named = _named(read.lines)
    known = await _known(db, school_id, merchant_account_id, named)
    faults = await every_fault(db, school_id, merchant_account_id, adapter, read, named, known)
    if faults:
        raise RefusedSettlementError.with_faults(faults)
    sha256 = hashlib.sha256(data).hexdigest()
    settlement_id = await db.fetch_only(
        INSERT_SETTLEMENT,
        school_id,
        merchant_account_id,
        file_name,
        sha256,
        read.layout,
        len(named),
        actor,
    )
    new = [one for one in named if one.identity not in known]
    await write_lines(db, school_id, merchant_account_id, settlement_id, new)
    await _list_unreadable(db, school_id, settlement_id, read)
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.imported",
        subject=f"settlement:{settlement_id}",
        detail={"sha256": sha256, "lines": len(named), "new_lines": len(new)},
    )
    return ImportedSettlement(
        settlement_id=settlement_id,
        is_new=True,
        lines=len(named),
        new_lines=len(new),
        unreadable=len(read.unreadable),
    )


async def _read(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    data: bytes,
    file_name: str,
    layout: SettlementLayout | None,
) -> tuple[Settlement, str]:
    """The file as read, and the merchant account's adapter. The school's own column names are tried first.

    Read off the event loop: a large file takes seconds, and payments go on arriving meanwhile.
    """
    channel = await db.fetch_one(CHANNEL_KIND, school_id, merchant_account_id)
    if channel is None:
        raise SettlementChannelNotFoundError
    if channel.settlement != "batch":
        raise NotSettledInBatchesError
    saved = await saved_layout(db, school_id, merchant_account_id=merchant_account_id)
    if layout is None and saved is not None:
        try:
            return await to_thread(read_settlement, data, file_name, saved), channel.adapter
        except FileError:
            pass  # not one of those files: a known layout may read it
    try:
        return await to_thread(read_settlement, data, file_name, layout), channel.adapter
    except FileError as error:
        raise UnreadableSettlementError.unreadable(error) from error


def _named(lines: Iterable[SettlementLine]) -> tuple[NamedLine, ...]:
    """Each line with its identity: what it reports, and which of the equal lines of the file it is.

    A line with the provider's number is known by it, however else a layout spells it.
    """
    seen: Counter[tuple[object, ...]] = Counter()
    named = []
    for line in lines:
        batch = line.batch_id or line.settled_on.isoformat()
        about: tuple[object, ...] = (
            (line.provider_transaction_id,)
            if line.provider_transaction_id
            else ("", line.merchant_reference, line.original_reference, line.paid_at)
        )
        content = (
            batch, line.kind, line.gross_vnd, line.fee_vnd, line.vat_vnd, line.net_vnd,
            line.settled_on, *about,
        )  # fmt: skip
        text = "\x1f".join(map(str, (*content, seen[content])))
        seen[content] += 1
        named.append(NamedLine(line, hashlib.sha256(text.encode()).hexdigest(), batch))
    return tuple(named)


async def _known(
    db: Driver, school_id: int, merchant_account_id: int, named: Sequence[NamedLine]
) -> frozenset[str]:
    identities = [one.identity for one in named]
    return frozenset(await db.fetch(KNOWN_IDENTITIES, school_id, merchant_account_id, identities))


def _batches(read: Settlement) -> tuple[FileBatch, ...]:
    return tuple(
        FileBatch(
            name=batch.batch_id or (batch.settled_on.isoformat() if batch.settled_on else ""),
            settled_on=batch.settled_on,
            lines=batch.summed.count,
            gross_vnd=batch.summed.gross_vnd,
            fee_vnd=batch.summed.fee_vnd,
            vat_vnd=batch.summed.vat_vnd,
            net_vnd=batch.summed.net_vnd,
        )
        for batch in read.batches
    )


async def _find(
    db: Driver, school_id: int, merchant_account_id: int, data: bytes
) -> ImportedSettlement | None:
    """The answer given when this very file was imported before."""
    return await db.fetch_one(
        IMPORTED_BEFORE, school_id, merchant_account_id, hashlib.sha256(data).hexdigest()
    )


async def _list_unreadable(
    db: Driver, school_id: int, settlement_id: int, read: Settlement
) -> None:
    """Rows that could not be read, each an exception with what its row showed; what it moved is unknown."""
    seen: Counter[tuple[str, ...]] = Counter()
    day = max((line.settled_on for line in read.lines), default=business_date(now_utc()))
    found = []
    for row in read.unreadable:
        text = "\x1f".join((read.layout, *row.cells, str(seen[row.cells])))
        seen[row.cells] += 1
        found.append(
            NewException(
                school_id=school_id,
                reason=Reason.UNREADABLE_LINE,
                identity="settlement:" + hashlib.sha256(text.encode()).hexdigest(),
                amount_vnd=0,
                business_date=day,
                detail={
                    "settlement_id": settlement_id,
                    "row": row.row,
                    "column": row.column,
                    "problem": str(row.problem),
                    "cells": row.cells,
                },
            )
        )
    await open_on_first_day(db, found)
