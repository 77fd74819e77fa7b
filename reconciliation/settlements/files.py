"""Settlement files enter here: previewed without a trace, or imported whole, each line counted once.

A file is refused as a whole, with every fault by its row, when it belongs to another provider, does not
add up, or says a transaction of an earlier file otherwise. Rows that cannot be read are kept as
exceptions. Nothing here books money: the night does, once the bank shows the lump.
"""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from adapters.contract import FileError, UnreadableLine
from adapters.settlements import Layout, Settlement, SettlementLine, read_settlement
from core.exceptions.reasons import Reason
from core.exceptions.service import open_on_first_day
from core.exceptions.sql import NewException
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation
from reconciliation.settlements.faults import (
    LATER,
    NamedLine,
    base_name,
    every_fault,
)
from reconciliation.statements.mappings import saved_layout

SAMPLE_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBatch:
    """What a file says of one lump, VND."""

    name: str
    settled_on: date | None
    lines: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPreview:
    """What a file holds and what would stand against importing it.

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
class SettlementImported:
    """What became of a file. `is_new` False: this very file had been imported, nothing changed."""

    settlement_id: int
    is_new: bool
    lines: int
    new_lines: int
    unreadable: int


async def preview_settlement(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    data: bytes,
    file_name: str,
    *,
    layout: Layout | None = None,
) -> SettlementPreview:
    """Read a file and say everything about it; nothing is written.

    Raises Problem: 404 for an unknown merchant account, 422 when it cannot be read as a settlement file.
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
    layout: Layout | None = None,
) -> SettlementImported:
    """Import a settlement file; the same file again changes nothing and gives the same answer.

    Raises Problem: 404 for an unknown merchant account; 422 with every fault when the file is refused
    ("other_provider", "other_account", "settlement_gap", "changed_line", "no_lines", "not_settled_in_batches", or why it
    cannot be read). Nothing is written then.
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
        raise Problem(
            faults[0].code,
            vi=f"Tệp đối soát bị từ chối: {faults[0].vi}",
            en=f"The settlement file was refused: {faults[0].en}",
            status=422,
            faults=faults,
        )
    sha256 = hashlib.sha256(data).hexdigest()
    settlement_id: int = await db.raw.fetchval(
        "INSERT INTO settlement (school_id, merchant_account_id, file_name, sha256, layout, line_count,"
        " imported_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        school_id,
        merchant_account_id,
        file_name,
        sha256,
        read.layout,
        len(named),
        actor,
    )
    new = [one for one in named if one.identity not in known]
    await _write_lines(db, school_id, merchant_account_id, settlement_id, new)
    await _list_unreadable(db, school_id, settlement_id, read)
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.imported",
        subject=f"settlement:{settlement_id}",
        detail={"sha256": sha256, "lines": len(named), "new_lines": len(new)},
    )
    return SettlementImported(
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
    layout: Layout | None,
) -> tuple[Settlement, str]:
    """The file as read, and the merchant account's adapter. What the school said of its files goes first.

    Read off the loop: a large file takes seconds, and payments go on arriving meanwhile.
    """
    row = await db.raw.fetchrow(
        "SELECT adapter, settlement FROM merchant_account WHERE school_id = $1 AND id = $2",
        school_id,
        merchant_account_id,
    )
    if row is None:
        raise not_found("kênh thu này của trường", "merchant account of the school")
    if row["settlement"] != "batch":
        raise Problem(
            "not_settled_in_batches",
            vi="Kênh này chuyển tiền thẳng vào tài khoản, không có tệp đối soát.",
            en="This channel pays straight to the account: it has no settlement files.",
            status=422,
        )
    saved = await saved_layout(db, school_id, merchant_account_id=merchant_account_id)
    if layout is None and saved is not None:
        try:
            return await to_thread(read_settlement, data, file_name, saved), row["adapter"]
        except FileError:
            pass  # not one of those files: a known layout may read it
    try:
        return await to_thread(read_settlement, data, file_name, layout), row["adapter"]
    except FileError as error:
        raise Problem(
            error.code,
            vi=f"Không đọc được tệp đối soát: {error.detail}.",
            en=f"The settlement file cannot be read ({error.code}).",
            status=422,
        ) from error


def _named(lines: Iterable[SettlementLine]) -> tuple[NamedLine, ...]:
    """Each line with its identity: what it says, and which of the equal lines of the file it is.

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
        says = (
            batch, line.kind, line.gross_vnd, line.fee_vnd, line.vat_vnd, line.net_vnd,
            line.settled_on, *about,
        )  # fmt: skip
        text = "\x1f".join(map(str, (*says, seen[says])))
        seen[says] += 1
        named.append(NamedLine(line, hashlib.sha256(text.encode()).hexdigest(), batch))
    return tuple(named)


async def _known(
    db: Driver, school_id: int, merchant_account_id: int, named: Sequence[NamedLine]
) -> frozenset[str]:
    rows = await db.raw.fetch(
        "SELECT identity FROM settlement_line WHERE school_id = $1 AND merchant_account_id = $2"
        " AND identity = ANY($3::text[])",
        school_id,
        merchant_account_id,
        [one.identity for one in named],
    )
    return frozenset(row["identity"] for row in rows)


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
) -> SettlementImported | None:
    """The answer given when this very file was imported before."""
    row = await db.raw.fetchrow(
        """
        SELECT s.id, s.line_count, count(e.id) AS unreadable
          FROM settlement s
          LEFT JOIN exception e ON e.school_id = s.school_id AND e.reason = 'unreadable_line'
                               AND (e.detail->>'settlement_id')::bigint = s.id
         WHERE s.school_id = $1 AND s.merchant_account_id = $2 AND s.sha256 = $3
         GROUP BY s.id, s.line_count
        """,
        school_id,
        merchant_account_id,
        hashlib.sha256(data).hexdigest(),
    )
    if row is None:
        return None
    return SettlementImported(
        settlement_id=row["id"],
        is_new=False,
        lines=row["line_count"],
        new_lines=0,
        unreadable=row["unreadable"],
    )


LINE_COLUMNS: Final = (
    "school_id", "settlement_id", "settlement_batch_id", "merchant_account_id", "row", "sheet", "kind",
    "provider_transaction_id", "merchant_reference", "original_reference", "gross_vnd", "fee_vnd",
    "vat_vnd", "net_vnd", "paid_at", "settled_on", "identity",
)  # fmt: skip


async def _write_lines(
    db: Driver,
    school_id: int,
    merchant_account_id: int,
    settlement_id: int,
    new: Sequence[NamedLine],
) -> None:
    """COPY the new lines in."""
    batches = await _open_batches(db, school_id, merchant_account_id, {one.batch for one in new})
    await db.raw.copy_records_to_table(
        "settlement_line",
        records=(
            (
                school_id, settlement_id, batches[one.batch], merchant_account_id, one.line.row,
                one.line.sheet, one.line.kind.value, one.line.provider_transaction_id,
                one.line.merchant_reference, one.line.original_reference, one.line.gross_vnd,
                one.line.fee_vnd, one.line.vat_vnd, one.line.net_vnd, one.line.paid_at,
                one.line.settled_on, one.identity,
            )
            for one in new
        ),
        columns=LINE_COLUMNS,
    )  # fmt: skip


async def _open_batches(
    db: Driver, school_id: int, merchant_account_id: int, names: set[str]
) -> Mapping[str, int]:
    """For each name the batch that new lines join: the one not booked yet, else a new one beside it."""
    rows = await db.raw.fetch(
        """
        SELECT n.name AS base, b.name, b.booked_on
          FROM unnest($3::text[]) AS n(name)
          JOIN settlement_batch b ON b.school_id = $1 AND b.merchant_account_id = $2
                                 AND (b.name = n.name OR starts_with(b.name, n.name || $4))
        """,
        school_id,
        merchant_account_id,
        sorted(names),
        LATER,
    )
    taken: dict[str, list[Any]] = {}
    for row in rows:
        if base_name(row["name"]) == row["base"] or row["name"] == row["base"]:
            taken.setdefault(row["base"], []).append(row)
    chosen: dict[str, str] = {}
    for name in sorted(names):
        here = taken.get(name, [])
        free = sorted(row["name"] for row in here if row["booked_on"] is None)
        chosen[name] = free[0] if free else f"{name}{LATER}{len(here)}" if here else name
    made = await db.raw.fetch(
        """
        INSERT INTO settlement_batch (school_id, merchant_account_id, name)
        SELECT $1, $2, * FROM unnest($3::text[])
        ON CONFLICT (school_id, merchant_account_id, name) DO UPDATE SET name = excluded.name
        RETURNING id, name
        """,
        school_id,
        merchant_account_id,
        sorted(set(chosen.values())),
    )
    ids = {row["name"]: row["id"] for row in made}
    return {name: ids[batch] for name, batch in chosen.items()}


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
                    "problem": row.problem,
                    "cells": row.cells,
                },
            )
        )
    await open_on_first_day(db, found)
