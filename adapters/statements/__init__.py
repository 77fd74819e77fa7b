"""Bank statements: bytes of a file in, `Statement` out, whichever bank wrote it.

Excel and CSV are known by the words of their header, never by position or file name; MT940 and camt by
what they say they are. To add a bank: one small file beside `vcb.py` with its header phrases, and its
name in `LAYOUTS` below.
"""

from __future__ import annotations

from types import MappingProxyType

from adapters.contract import FileError, Statement
from adapters.statements import (
    acb,
    agribank,
    bidv,
    camt,
    generic,
    mb,
    msb,
    mt940,
    techcombank,
    tpbank,
    vcb,
    vib,
    vietinbank,
)
from adapters.statements.generic import Mapping, mapped
from adapters.statements.headers import Layout, Role
from adapters.statements.table import read_table
from adapters.tabular.spreadsheet import MAX_FILE_BYTES, Sheet, read_sheets, show

__all__ = ["LAYOUTS", "Layout", "Mapping", "Role", "mapped", "read_statement", "read_statements"]

LAYOUTS = MappingProxyType(
    {
        bank.LAYOUT.name: bank.LAYOUT
        for bank in (
            *(vcb, vietinbank, mb, techcombank, msb, acb, agribank, bidv, vib, tpbank),
            generic,
        )
    }
)
"""Every known table by name, in the order in which they are tried: the most telling first."""


def read_statement(
    data: bytes,
    name: str,
    layout: Layout | None = None,
    *,
    first: Layout | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> Statement:
    """Read a file that is the statement of one account; `layout` None means: find out.

    `lines` and `unreadable` keep the file's order, which may be the newest first.

    Raises:
        FileError: as `read_statements`; "several_accounts" when the file holds more than one.
    """
    statements = read_statements(data, name, layout, first=first, max_bytes=max_bytes)
    if len(statements) > 1:
        numbers = ", ".join(statement.account_number or "?" for statement in statements)
        raise FileError("several_accounts", f"{name}: tệp có nhiều bảng sao kê ({numbers})")
    return statements[0]


def read_statements(
    data: bytes,
    name: str,
    layout: Layout | None = None,
    *,
    first: Layout | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> tuple[Statement, ...]:
    """Read every account's statement in a file (VCB CashUp puts several one below the other).

    Rows are counted from 1 within their sheet (MT940: within the file; camt: transactions, from 1).
    Sheets without a statement's header are left out. A `layout` given reads tables only; `first` is tried
    before the known ones, and those read what it does not fit.

    Raises:
        FileError: those of `read_sheets`, `mt940.read_messages` and `camt.read_document`;
            "unknown_layout" when no header is recognised, "ambiguous_header" when two columns
            claim the same money.
    """
    if layout is None and len(data) <= max_bytes:
        for kind, read in (
            (mt940.is_mt940, mt940.read_messages),
            (camt.is_camt, camt.read_document),
        ):
            if kind(data):
                try:
                    return read(data)
                except FileError as error:
                    raise FileError(error.code, f"{name}: {error.detail}") from error
    sheets = read_sheets(data, name, max_bytes=max_bytes)
    layouts = (layout,) if layout else (*([first] if first else ()), *LAYOUTS.values())
    try:
        statements = tuple(found for sheet in sheets for found in read_table(sheet, layouts))
    except FileError as error:
        raise FileError(error.code, f"{name}: {error.detail}") from error
    if not statements:
        raise FileError(
            "unknown_layout",
            f"{name}: không nhận ra tiêu đề của bảng sao kê; dòng giống tiêu đề nhất: {_widest(sheets)}",
        )
    return statements


def _widest(sheets: tuple[Sheet, ...]) -> str:
    rows = [row for sheet in sheets for row in sheet.rows[:50]]
    row = max(rows, key=lambda row: sum(isinstance(cell, str) for cell in row.cells))
    names = [" ".join(show(cell).split())[:40] for cell in row.cells if isinstance(cell, str)]
    return f"dòng {row.number}: {' | '.join(names[:20])}"
