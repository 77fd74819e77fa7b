"""Look through an XLS before it is opened, as `workbook` does for XLSX: same bounds, same findings.

An XLS is a compound file ([MS-CFB]) that holds one stream of records ([MS-XLS]). Only the records
that say where something stands are looked at: no value is read here, and no formula is decompiled.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from adapters.contract import FileError
from adapters.workbook import (
    ENCRYPTED,
    MAX_BLOCK_CELLS,
    NOT_A_WORKBOOK,
    TRUNCATED,
    SheetScan,
)

CFB_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_BOF, _EOF, _BOUNDSHEET, _FILEPASS, _DIMENSIONS, _MULRK = 0x809, 0x0A, 0x85, 0x2F, 0x200, 0xBD
_FORMULAS = {0x06, 0x206, 0x406}
# NUMBER, LABEL, BOOLERR, RK, LABELSST, RSTRING and their older forms: (row u16, column u16, …)
_VALUES = {0x203, 0x204, 0x205, 0x27E, 0xFD, 0xD6, 0x02, 0x03, 0x04, 0x05} | _FORMULAS
_ERROR_TEXTS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!"}
_CHAIN_END = 0xFFFFFFFA  # at and above: free, end of chain, FAT, DIFAT


def scan_xls(data: bytes) -> list[SheetScan]:
    """Walk an XLS and give what each sheet holds, in the workbook's order.

    Raises:
        FileError: "truncated", "encrypted", "not_a_spreadsheet", "too_many_rows",
            "too_many_columns", "too_many_cells".
    """
    try:
        scans = _scan_records(_workbook_stream(data))
    except (struct.error, IndexError, ValueError) as error:
        raise FileError("truncated", TRUNCATED) from error
    if sum(scan.rows * scan.columns for scan in scans) > MAX_BLOCK_CELLS:
        raise FileError("too_many_cells", "Bảng tính quá lớn; hãy chia thành nhiều tệp")
    return scans


def _workbook_stream(data: bytes) -> bytes:
    shift, mini_shift = struct.unpack_from("<HH", data, 0x1E)
    if shift not in {9, 12} or mini_shift != 6:
        raise FileError("truncated", TRUNCATED)
    fat_count, directory, cutoff, mini_fat, difat = struct.unpack_from(
        "<I I 4x I I 4x I", data, 0x2C
    )

    def sector(number: int) -> bytes:
        return data[(number + 1) << shift : (number + 2) << shift]

    def numbers(block: bytes) -> tuple[int, ...]:
        return struct.unpack(f"<{len(block) // 4}I", block[: len(block) // 4 * 4])

    holders = list(struct.unpack_from("<109I", data, 0x4C))
    seen = 0
    while difat < _CHAIN_END and seen <= len(data) >> shift:
        *more, difat = numbers(sector(difat))
        holders += more
        seen += 1
    fat: list[int] = []
    for holder in holders[: min(fat_count, len(holders))]:
        if holder < _CHAIN_END:
            fat += numbers(sector(holder))

    def chain(start: int, links: list[int]) -> Iterator[int]:
        steps = 0
        while start < _CHAIN_END:
            yield start
            start = links[start]
            steps += 1
            if steps > len(links):
                raise FileError("truncated", TRUNCATED)

    def stream(start: int) -> bytes:
        return b"".join(sector(number) for number in chain(start, fat))

    entries: dict[str, tuple[int, int]] = {}
    listing = stream(directory)
    for at in range(0, len(listing) - 127, 128):
        name_bytes = struct.unpack_from("<H", listing, at + 0x40)[0]
        name = listing[at : at + min(max(name_bytes - 2, 0), 64)].decode("utf-16-le", "replace")
        entries[name.lower()] = struct.unpack_from("<II", listing, at + 0x74)
    if "encryptedpackage" in entries:
        raise FileError("encrypted", ENCRYPTED)
    start, size = entries.get("workbook") or entries.get("book") or (0, -1)
    if size < 0:
        raise FileError("not_a_spreadsheet", NOT_A_WORKBOOK)
    if size >= cutoff:
        found = stream(start)[:size]
    else:
        links = list(numbers(stream(mini_fat)))
        container = stream(entries["root entry"][0]) if "root entry" in entries else b""
        found = b"".join(container[n << 6 : (n + 1) << 6] for n in chain(start, links))[:size]
    if len(found) < size:
        raise FileError("truncated", TRUNCATED)
    return found


def _scan_records(stream: bytes) -> list[SheetScan]:
    offsets: list[int] = []
    for kind, body in _records(stream, 0):
        if kind == _FILEPASS:
            raise FileError("encrypted", ENCRYPTED)
        if kind == _BOUNDSHEET:
            offsets.append(struct.unpack_from("<I", body)[0])
    if not offsets:
        raise FileError("not_a_spreadsheet", NOT_A_WORKBOOK)
    scans = []
    for offset in offsets:
        scan = SheetScan()
        for kind, body in _records(stream, offset):
            if kind == _DIMENSIONS and len(body) >= 12:
                _, rows, _, columns = struct.unpack_from("<IIHH", body)
                if rows > 65_536 or columns > 256:  # the format's own bounds: forged above them
                    raise FileError("truncated", TRUNCATED)
            elif kind in _VALUES:
                row, column = struct.unpack_from("<HH", body)
                scan.meet(row, column)
                if kind in _FORMULAS:
                    scan.formulas[row, column] = ""
                elif kind == 0x205 and body[7]:
                    scan.errors[row, column] = _ERROR_TEXTS.get(body[6], "#N/A")
            elif kind == _MULRK:
                row, column = struct.unpack_from("<HH", body)
                scan.meet(row, struct.unpack_from("<H", body, len(body) - 2)[0])
        scans.append(scan)
    return scans


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream: from its BOF to the EOF that closes it (charts may nest)."""
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
