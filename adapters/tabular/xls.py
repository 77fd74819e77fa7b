"""Read an XLS (Excel 97-2003), which some banks still send, in bounded memory.

An XLS says itself how much memory to set aside, in a dozen places; calamine believes it, and one
changed byte ends the whole process (calamine issue 684, and seen here). So xlrd reads it: pure
Python, rows as ragged as they stand, and any damage is an exception. Before that the records are
walked once, for the bounds and for what xlrd does not say: which cells compute.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import xlrd
from xlrd.compdoc import CompDoc, CompDocError

from adapters.contract import FileError
from adapters.tabular.xlsx_scan import (
    ENCRYPTED,
    MAX_TEXT_CHARS,
    NOT_A_WORKBOOK,
    TOO_LARGE,
    TRUNCATED,
    SheetScan,
)

CFB_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_BOF, _EOF, _BOUNDSHEET, _FILEPASS, _MULRK = 0x809, 0x0A, 0x85, 0x2F, 0xBD
_FORMULAS = {0x06, 0x206, 0x406}
# NUMBER, LABEL, BOOLERR, RK, LABELSST, RSTRING, and their older forms ([MS-XLS] 2.3): all begin
# with row u16, column u16.
_VALUES = {0x203, 0x204, 0x205, 0x27E, 0xFD, 0xD6, 0x02, 0x03, 0x04, 0x05} | _FORMULAS
_WORKSHEET = 0


def read_xls(data: bytes) -> list[tuple[str, list[list[object]], SheetScan]]:
    """Read every worksheet: its name, its rows from row 1 (ragged), and where it computes.

    Raises:
        FileError: "truncated", "encrypted", "not_a_spreadsheet", "too_many_rows",
            "too_many_columns", "too_many_cells".
    """
    log = io.StringIO()  # xlrd prints its complaints
    try:
        scans = _scan_records(_workbook_stream(data, log))
        with xlrd.open_workbook(file_contents=data, ragged_rows=True, logfile=log) as book:
            sheets = [
                (sheet.name, _rows(sheet, 1 if book.datemode else 0), scan)
                for sheet, scan in zip(book.sheets(), scans, strict=True)
            ]
    except FileError:
        raise
    except Exception as error:
        raise FileError("truncated", TRUNCATED) from error
    # One long shared string may be shown by a million cells: cheap here, not for who copies it.
    shown = (v for _, rows, _ in sheets for row in rows for v in row if isinstance(v, str))
    if sum(map(len, shown)) > MAX_TEXT_CHARS:
        raise FileError("too_many_cells", TOO_LARGE)
    return sheets


def _rows(sheet: xlrd.sheet.Sheet, datemode: Literal[0, 1]) -> list[list[object]]:
    return [[_value(cell, datemode) for cell in sheet.row(number)] for number in range(sheet.nrows)]


def _value(cell: xlrd.sheet.Cell, datemode: Literal[0, 1]) -> object:
    match cell.ctype:
        case xlrd.XL_CELL_DATE if not isinstance(cell.value, str):
            moment: datetime = xlrd.xldate_as_datetime(cell.value, datemode)
            if cell.value < 1:
                return moment.time()
            return moment.date() if float(cell.value).is_integer() else moment
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(int(cell.value), "#N/A")
        case xlrd.XL_CELL_EMPTY | xlrd.XL_CELL_BLANK:
            return None
        case _:
            return cell.value


def _workbook_stream(data: bytes, log: io.StringIO) -> bytes:
    try:
        document = CompDoc(data, logfile=log)
    except CompDocError as error:
        raise FileError("truncated", TRUNCATED) from error
    names = {entry.name.lower() for entry in document.dirlist}
    if "encryptedpackage" in names:
        raise FileError("encrypted", ENCRYPTED)
    for name in ("Workbook", "Book"):
        if name.lower() in names:
            return bytes(document.get_named_stream(name) or b"")
    raise FileError("not_a_spreadsheet", NOT_A_WORKBOOK)


def _scan_records(stream: bytes) -> list[SheetScan]:
    offsets: list[int] = []
    for kind, body in _records(stream, 0):
        if kind == _FILEPASS:
            raise FileError("encrypted", ENCRYPTED)
        if kind == _BOUNDSHEET and body[5] == _WORKSHEET:  # xlrd leaves out charts and macros too
            offsets.append(struct.unpack_from("<I", body)[0])
    if not offsets:
        raise FileError("not_a_spreadsheet", NOT_A_WORKBOOK)
    return [_scan_sheet(stream, offset) for offset in offsets]


def _scan_sheet(stream: bytes, offset: int) -> SheetScan:
    scan = SheetScan()
    for kind, body in _records(stream, offset):
        if kind in _VALUES:
            row, column = struct.unpack_from("<HH", body)
            scan.note(row, column)
            if kind in _FORMULAS:
                scan.formulas[row, column] = ""
        elif kind == _MULRK:
            row, _ = struct.unpack_from("<HH", body)
            scan.note(row, struct.unpack_from("<H", body, len(body) - 2)[0])
    return scan


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream, from its BOF to the EOF that closes it; nested charts are left out."""
    depth = 0
    while True:
        kind, size = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + size]
        if len(body) < size:
            raise FileError("truncated", TRUNCATED)
        at += 4 + size
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, body
