"""Files that hold a table, byte by byte, for tests: XLS from records, text as Windows-1258, rows as any kind."""

from __future__ import annotations

import csv
import io
import struct
import unicodedata
from collections.abc import Callable, Sequence
from types import MappingProxyType

import xlsxwriter

Value = str | int
Rows = Sequence[Sequence[Value]]


def xls(records: list[tuple[int, bytes]], shared: bytes = b"") -> bytes:
    """A minimal BIFF8 workbook: one sheet "S" with these records, in a compound file.

    `shared` is the body of a table of shared strings (SST).
    """

    def pack(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    strings = pack(0xFC, shared) if shared else b""
    bof = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0x07CC, 0, 6)
    start = len(pack(0x809, bof)) + len(pack(0x85, b"\0" * 9)) + len(strings) + 4
    bound_sheet = struct.pack("<IHBB", start, 0, 1, 0) + b"S"
    stream = pack(0x809, bof) + pack(0x85, bound_sheet) + strings + pack(0x0A)
    stream += pack(0x809, bof[:2] + b"\x10\0" + bof[4:])
    stream += b"".join(pack(*record) for record in records) + pack(0x0A)
    stream = stream.ljust(-(-max(len(stream), 4096) // 512) * 512, b"\0")
    count = len(stream) // 512
    fats = next(n for n in range(1, 110) if n * 128 >= n + 1 + count)

    def entry(name: str, kind: int, first: int, size: int, child: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\0\0"
        body = raw.ljust(64, b"\0")
        body += struct.pack("<HBBIII", len(raw), kind, 1, *(0xFFFFFFFF,) * 2, child)
        return body + b"\0" * 36 + struct.pack("<III", first, size, 0)

    end = 0xFFFFFFFE
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, fats, fats, 0, 4096, end, 0, end, 0)
    header += struct.pack(f"<{fats}I", *range(fats)).ljust(436, b"\xff")
    fat = [0xFFFFFFFD] * fats + [end, *range(fats + 2, fats + 1 + count), end]
    directory = entry("Root Entry", 5, end, 0, 1)
    directory += entry("Workbook", 2, fats + 1, len(stream), 0xFFFFFFFF)
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(512 * fats, b"\xff")
    return header + table + directory.ljust(512, b"\0") + stream


def cp1258(text: str) -> bytes:
    """As Windows writes Vietnamese: a base letter (â, ê, ô, ơ, ư ready made), then the tone."""
    out = bytearray()
    for letter in text:
        try:
            out += letter.encode("cp1258")
        except UnicodeEncodeError:
            marks = unicodedata.normalize("NFD", letter)
            tone = next(m for m in marks if m in "\u0300\u0301\u0303\u0309\u0323")
            base = unicodedata.normalize("NFC", marks.replace(tone, ""))
            out += (base + tone).encode("cp1258")
    return bytes(out)


def as_xls(rows: Rows) -> bytes:
    """The rows in an Excel 97-2003 file: texts as LABEL, numbers as NUMBER."""
    records: list[tuple[int, bytes]] = []
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, int):
                records.append((0x203, struct.pack("<HHHd", r, c, 0, value)))
            elif value:
                text = value.encode("utf-16-le")
                records.append((0x204, struct.pack("<HHHHB", r, c, 0, len(text) // 2, 1) + text))
    return xls(records)


def as_xlsx(rows: Rows) -> bytes:
    """The rows in an XLSX; a row with a single text is merged over eight columns, as titles are."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("Statement")
    for r, row in enumerate(rows):
        if len(row) == 1 and isinstance(row[0], str):
            sheet.merge_range(r, 0, r, 7, row[0])
            continue
        for c, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(r, c, value)
            elif value:
                sheet.write_string(r, c, value)
    book.close()
    return buffer.getvalue()


def as_csv(rows: Rows, delimiter: str = ",", encode: Callable[[str], bytes] = str.encode) -> bytes:
    """The rows as CSV, every cell quoted where it must be."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return encode(out.getvalue())


WRITERS: MappingProxyType[str, Callable[[Rows], bytes]] = MappingProxyType(
    {
        "xlsx": as_xlsx,
        "xls": as_xls,
        "csv": as_csv,
        "csv semicolon utf-8-sig": lambda rows: as_csv(rows, ";", lambda s: s.encode("utf-8-sig")),
        "csv tab utf-16": lambda rows: as_csv(rows, "\t", lambda s: s.encode("utf-16")),
        "csv windows-1258": lambda rows: as_csv(rows, ",", cp1258),
    }
)
"""Every kind of file that a bank sends a table in."""
