"""Bank statements: bytes of a file in, `Statement` out, whichever bank wrote it.

Excel and CSV are known by the words of their header, never by position or file name; MT940 and camt by
what they say they are. To add a bank: one small file beside `vcb.py` with its header phrases, and its
name in `LAYOUTS` below.
"""

from __future__ import annotations

from types import MappingProxyType

from adapters.contract import FileError, Statement, naming_file
from adapters.messages import msg
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
from adapters.statements.generic import StatementMapping, mapped
from adapters.statements.headers import StatementColumn, StatementLayout
from adapters.statements.table import read_table
from adapters.tabular.headers import widest_row
from adapters.tabular.workbook import MAX_FILE_BYTES, read_sheets

__all__ = [
    "LAYOUTS",
    "StatementColumn",
    "StatementLayout",
    "StatementMapping",
    "mapped",
    "read_statement",
    "read_statements",
]

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
    layout: StatementLayout | None = None,
    *,
    first: StatementLayout | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> Statement:
    """Read a file that is the statement of one account; `layout` None means: find out.

    `lines` and `unreadable` keep the file's order, which may be the newest first.

    Raises:
        FileError: as `read_statements`; "several_accounts" when the file holds more than one.
    """
    statements = read_statements(data, name, layout, first=first, max_bytes=max_bytes)
    if len(statements) > 1:
        numbers = tuple(statement.account_number or "?" for statement in statements)
        detail = msg("tệp có nhiều bảng sao kê ({accounts})", accounts=numbers)
        with naming_file(name):
            raise FileError("several_accounts", detail)
    return statements[0]


def read_statements(
    data: bytes,
    name: str,
    layout: StatementLayout | None = None,
    *,
    first: StatementLayout | None = None,
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
                with naming_file(name):
                    return read(data)
    sheets = read_sheets(data, name, max_bytes=max_bytes)
    layouts = (layout,) if layout else (*([first] if first else ()), *LAYOUTS.values())
    with naming_file(name):
        statements = tuple(found for sheet in sheets for found in read_table(sheet, layouts))
        if not statements:
            row, texts = widest_row(sheets)
            detail = msg(
                "không nhận ra tiêu đề của bảng sao kê; dòng giống tiêu đề nhất: dòng {row}: {texts}",
                row=row,
                texts=texts,
            )
            raise FileError("unknown_layout", detail)
        return statements
