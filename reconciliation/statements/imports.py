"""Statements are imported here: previewed without a trace, or imported whole, each line counted once.

A file is refused as a whole, with every fault by its row, when it belongs to another account, lies in
the future or does not add up. Lines are written by COPY; what an earlier file brought already is left
as it is. Nothing here must ever book money: the reconciliation does, when it matches.
"""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Final

from adapters.statements import StatementLayout
from core.exceptions.reasons import Reason
from core.exceptions.service import open_many
from core.exceptions.sql import NewException
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation
from core.merchants.errors import BankAccountNotFoundError
from reconciliation.statements.closed_days import fault_of_closed_day
from reconciliation.statements.errors import RefusedStatementError
from reconciliation.statements.mappings import saved_layout
from reconciliation.statements.reading import (
    UnreadRow,
    ValidatedLine,
    ValidatedStatement,
    read_file,
)

SAMPLE_LINES: Final = 20
# below this the planner's old figures do; above it, the next joins would be planned for a small table
ANALYZE_FROM: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPreview:
    """What a file holds and what is wrong with it. Amounts in VND.

    `new_lines` are those that no earlier file brought. `faults` empty: it can be imported.
    """

    layout: str
    account_number: str
    from_date: date | None
    to_date: date | None
    opening_vnd: int
    closing_vnd: int
    credit_vnd: int
    debit_vnd: int
    lines: int
    new_lines: int
    is_known: bool
    faults: tuple[Fault, ...]
    unreadable: tuple[UnreadRow, ...]
    sample: tuple[ValidatedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedStatement:
    """What became of a file. `is_new` False: this very file had been imported, nothing changed.

    `lines` in the file, `new_lines` written now; `unreadable` rows were listed as exceptions; `gaps`
    counts the jumps of the balance that they explain.
    """

    statement_id: int
    is_new: bool
    lines: int
    new_lines: int
    unreadable: int
    gaps: int


FIND_NUMBER = Query(str, "SELECT number FROM bank_account WHERE school_id = $1 AND id = $2")

KNOWN_IDENTITIES = Query(
    str,
    """
SELECT identity FROM statement_line
 WHERE school_id = $1 AND bank_account_id = $2 AND identity = ANY($3::text[])
""",
)

IMPORTED_BEFORE = Query(
    ImportedStatement,
    """
SELECT s.id AS statement_id, false AS is_new, s.line_count AS lines, 0 AS new_lines,
       count(e.id) AS unreadable,
       count(e.id) FILTER (WHERE (e.detail->>'net_vnd')::bigint <> 0) AS gaps
  FROM statement s
  LEFT JOIN exception e ON e.school_id = s.school_id AND e.reason = 'unreadable_line'
                       AND (e.detail->>'statement_id')::bigint = s.id
 WHERE s.school_id = $1 AND s.bank_account_id = $2 AND s.sha256 = $3
 GROUP BY s.id, s.line_count
""",
)

INSERT_STATEMENT = Query(
    int,
    """
INSERT INTO statement (school_id, bank_account_id, file_name, sha256, layout, from_date, to_date,
                       opening_vnd, closing_vnd, line_count, imported_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id
""",
)

LINE_COLUMNS: Final = (
    "row", "posted_on", "credit_vnd", "debit_vnd", "balance_vnd", "content", "bank_transaction_id",
    "identity", "reference", "is_corrected",
)  # fmt: skip

ANALYZE_LINES = Command("ANALYZE statement_line")


async def preview_statement(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    data: bytes,
    file_name: str,
    *,
    layout: StatementLayout | None = None,
) -> StatementPreview:
    """Read a file and report everything about it; nothing is written.

    Raises BankAccountNotFoundError or UnreadableStatementError.
    """
    read = await _read(db, school_id, bank_account_id, data, file_name, layout)
    known = await _known(db, school_id, bank_account_id, read.lines)
    return StatementPreview(
        layout=read.layout,
        account_number=read.account_number,
        from_date=read.from_date,
        to_date=read.to_date,
        opening_vnd=read.opening_vnd,
        closing_vnd=read.closing_vnd,
        credit_vnd=sum(line.credit_vnd for line in read.lines),
        debit_vnd=sum(line.debit_vnd for line in read.lines),
        lines=len(read.lines),
        new_lines=len(read.lines) - len(known),
        is_known=await _find(db, school_id, bank_account_id, data) is not None,
        faults=read.faults,
        unreadable=read.unread,
        sample=read.lines[:SAMPLE_LINES],
    )


async def import_statement(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    data: bytes,
    file_name: str,
    *,
    actor: str,
    layout: StatementLayout | None = None,
) -> ImportedStatement:
    """Import a statement file; the same file again changes nothing and gives the same answer.

    Raises BankAccountNotFoundError, UnreadableStatementError, or RefusedStatementError with every fault
    ("other_account", "balance_gap", "future_date", "day_closed", "no_balance", "no_lines"). Nothing is
    written then.
    """
    await lock_reconciliation(db, school_id)
    known = await _find(db, school_id, bank_account_id, data)
    if known is not None:
        return known
    read = await _read(db, school_id, bank_account_id, data, file_name, layout)
    if read.faults:
        raise RefusedStatementError.with_faults(read.faults)
    sha256 = hashlib.sha256(data).hexdigest()
    statement_id = await db.fetch_only(
        INSERT_STATEMENT,
        school_id,
        bank_account_id,
        file_name,
        sha256,
        read.layout,
        read.from_date,
        read.to_date,
        read.opening_vnd,
        read.closing_vnd,
        len(read.lines),
        actor,
    )
    new_lines = await _write_lines(db, school_id, bank_account_id, statement_id, read.lines)
    await _list_unreadable(db, school_id, bank_account_id, statement_id, read)
    await audit(
        db,
        school_id,
        actor=actor,
        action="statement.imported",
        subject=f"statement:{statement_id}",
        detail={"sha256": sha256, "lines": len(read.lines), "new_lines": new_lines},
    )
    return ImportedStatement(
        statement_id=statement_id,
        is_new=True,
        lines=len(read.lines),
        new_lines=new_lines,
        unreadable=len(read.unread),
        gaps=sum(row.net_vnd != 0 for row in read.unread),
    )


async def bank_account_number(db: Driver, school_id: int, bank_account_id: int) -> str:
    """The number of a bank account of the school. Raises BankAccountNotFoundError."""
    number = await db.fetch_value(FIND_NUMBER, school_id, bank_account_id)
    if number is None:
        raise BankAccountNotFoundError
    return number


async def _read(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    data: bytes,
    file_name: str,
    layout: StatementLayout | None,
) -> ValidatedStatement:
    number = await bank_account_number(db, school_id, bank_account_id)
    saved = await saved_layout(db, school_id, bank_account_id=bank_account_id)
    # off the event loop: a large file takes seconds, and payments go on arriving meanwhile
    read = await to_thread(
        read_file,
        data,
        file_name,
        account_number=number,
        today=business_date(now_utc()),
        layout=layout,
        saved=saved,
    )
    closed = await fault_of_closed_day(db, school_id, bank_account_id, read.lines, read.unread)
    return replace(read, faults=(*read.faults, *closed))


async def _find(
    db: Driver, school_id: int, bank_account_id: int, data: bytes
) -> ImportedStatement | None:
    """The answer given when this very file was imported before."""
    return await db.fetch_one(
        IMPORTED_BEFORE, school_id, bank_account_id, hashlib.sha256(data).hexdigest()
    )


async def _known(
    db: Driver, school_id: int, bank_account_id: int, lines: tuple[ValidatedLine, ...]
) -> frozenset[str]:
    """The identities of those lines that an earlier file brought."""
    identities = [line.identity for line in lines]
    return frozenset(await db.fetch(KNOWN_IDENTITIES, school_id, bank_account_id, identities))


async def _write_lines(
    db: Driver,
    school_id: int,
    bank_account_id: int,
    statement_id: int,
    lines: tuple[ValidatedLine, ...],
) -> int:
    """COPY those lines in that no earlier file brought; returns how many those are.

    The caller holds `lock_reconciliation`: nobody else writes lines between the question and the COPY.
    """
    known = await _known(db, school_id, bank_account_id, lines)
    values = attrgetter(*LINE_COLUMNS)
    head = (school_id, bank_account_id, statement_id)
    new_lines = await db.copy_in(
        "statement_line",
        ("school_id", "bank_account_id", "statement_id", *LINE_COLUMNS),
        (head + values(line) for line in lines if line.identity not in known),
    )
    assert new_lines == len(lines) - len(known), "each line of a file has an identity of its own"
    if new_lines >= ANALYZE_FROM:
        await db.execute(ANALYZE_LINES)
    return new_lines


async def _list_unreadable(
    db: Driver, school_id: int, bank_account_id: int, statement_id: int, read: ValidatedStatement
) -> None:
    """Rows that could not be read, each an exception with what its row showed."""
    await open_many(
        db,
        [
            NewException(
                school_id=school_id,
                reason=Reason.UNREADABLE_LINE,
                identity=row.identity,
                amount_vnd=abs(row.net_vnd),
                business_date=row.posted_on,
                detail={
                    "bank_account_id": bank_account_id,
                    "statement_id": statement_id,
                    "row": row.row,
                    "column": row.column,
                    "problem": row.problem,
                    "cells": row.cells,
                    "net_vnd": row.net_vnd,
                    "balance_vnd": row.balance_vnd,
                },
            )
            for row in read.unread
        ],
    )
