"""Look through an XLSX before it is opened: is it whole, honest about its size, and where are formulas?

The engine that reads cells (calamine) lays each sheet out as one dense block and does not tell
formulas from values. So a few bytes could ask for gigabytes, and a computed amount would look like a
typed one. This module walks the raw file first, in bounded memory, and refuses it with a `FileError`
before anything grows. It reads no values of its own and expands no XML entity.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from adapters.contract import FileError
from adapters.messages import msg

MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_BLOCK_CELLS = 8_000_000  # rows × columns over all sheets: what the engine allocates
MAX_TEXT_CHARS = 200_000_000  # one long shared string may be shown by a million cells
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_RATIO = 200
MAX_ENTRIES = 2_000
MAX_COUNT = 2_000_000  # a declared count is memory set aside before anything is read

ZIP_MAGIC = b"PK\x03\x04"

NOT_A_WORKBOOK = msg("Tệp không phải bảng tính Excel (.xlsx, .xls) hay CSV")
TRUNCATED = msg("Tệp bị cắt cụt hoặc hỏng; hãy tải lại")
TOO_LARGE = msg("Bảng tính quá lớn; hãy chia thành nhiều tệp")
ENCRYPTED = msg("Tệp có mật khẩu; hãy bỏ mật khẩu rồi tải lại")


@dataclass(slots=True)
class SheetScan:
    """What one sheet holds. Keys are (row, column), both from 0.

    `formulas` maps to the formula's text ("" if unknown), `errors` to a text such as "#N/A".
    """

    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0

    def note(self, row: int, column: int) -> None:
        """Note a cell that holds something; refuse it beyond the bounds."""
        if row >= self.rows:
            self.rows = row + 1
            if self.rows > MAX_ROWS:
                raise too_many_rows()
        if column >= self.columns:
            self.columns = column + 1
            if self.columns > MAX_COLUMNS:
                raise too_many_columns()


def too_many_rows() -> FileError:
    """A table of more rows than are read."""
    return FileError("too_many_rows", msg("Bảng có hơn {limit} dòng", limit=MAX_ROWS))


def too_many_columns() -> FileError:
    """A table of more columns than are read."""
    return FileError("too_many_columns", msg("Bảng có hơn {limit} cột", limit=MAX_COLUMNS))


def scan_xlsx(data: bytes) -> dict[str, SheetScan]:
    """Walk an XLSX and give what each sheet holds, by sheet name.

    Raises:
        FileError: "truncated", "encrypted", "not_a_spreadsheet", "zip_bomb", "too_many_rows",
            "too_many_columns", "too_many_cells".
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _check_archive(archive, len(data))
            return _scan_parts(archive, parts)
    except (
        *(zipfile.BadZipFile, zlib.error, expat.ExpatError),
        *(EOFError, OSError, NotImplementedError, ValueError, LookupError),
    ) as error:
        raise FileError("truncated", TRUNCATED) from error


def _check_archive(archive: zipfile.ZipFile, packed_bytes: int) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise FileError("zip_bomb", msg("Tệp nén có hơn {limit} mục", limit=MAX_ENTRIES))
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed_bytes, 1):
        detail = msg("Tệp giải nén ra quá lớn ({size} byte)", size=unpacked)
        raise FileError("zip_bomb", detail)
    parts = {e.filename.replace("\\", "/").lstrip("/").lower(): e for e in entries}
    if len(parts) != len(entries):
        raise FileError("not_a_spreadsheet", msg("Tệp nén có mục trùng tên"))
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileError("encrypted", ENCRYPTED)
    if "xl/workbook.xml" not in parts:
        detail = msg("{problem}; hãy lưu lại dạng .xlsx", problem=NOT_A_WORKBOOK)
        raise FileError("not_a_spreadsheet", detail)
    # The sizes above are only declared: unpack once, the checksum proves them.
    for entry in entries:
        with archive.open(entry) as stream:
            while stream.read(1 << 20):
                pass
    return parts


def _scan_parts(
    archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]
) -> dict[str, SheetScan]:
    def read(path: str) -> bytes:
        if path.lower() not in parts:
            detail = msg("{problem} (thiếu {part})", problem=TRUNCATED, part=path[:80])
            raise FileError("truncated", detail)
        return archive.read(parts[path.lower()])

    targets = {
        attributes["Id"]: attributes.get("Target", "")
        for tag, attributes in _elements(read("xl/_rels/workbook.xml.rels"))
        if tag == "Relationship" and "Id" in attributes
    }
    lengths: list[int] = []
    if "xl/sharedstrings.xml" in parts:
        lengths = _shared_lengths(read("xl/sharedStrings.xml"))
    if "xl/styles.xml" in parts:
        _elements(read("xl/styles.xml"))
    sheets: dict[str, SheetScan] = {}
    block_cells = text_chars = 0
    for tag, attributes in _elements(read("xl/workbook.xml")):
        if tag != "sheet":
            continue
        link = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
        path = posixpath.normpath(posixpath.join("/xl", targets.get(link, ""))).lstrip("/")
        scan, chars = _scan_sheet(read(path), lengths)
        sheets[attributes.get("name", "")] = scan
        block_cells += scan.rows * scan.columns
        text_chars += chars
        if block_cells > MAX_BLOCK_CELLS or text_chars > MAX_TEXT_CHARS:
            raise FileError("too_many_cells", TOO_LARGE)
    return sheets


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise FileError("not_a_spreadsheet", msg("Tệp XML có khai báo DTD"))

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _elements(xml: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        _check_counts(attributes)
        found.append((_local(name), attributes))

    parser = _parser()
    parser.StartElementHandler = start
    parser.Parse(xml, True)
    return iter(found)


def _shared_lengths(xml: bytes) -> list[int]:
    lengths: list[int] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        _check_counts(attributes)
        if _local(name) == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data)

    parser = _parser()
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.Parse(xml, True)
    return lengths


def _check_counts(attributes: dict[str, str]) -> None:
    # calamine reserves memory for uniqueCount as written (its issue 684).
    for name in ("count", "uniqueCount"):
        if name in attributes and not 0 <= int(attributes[name]) <= MAX_COUNT:
            raise FileError("too_many_cells", msg("Bảng tính khai báo số lượng quá lớn"))


_LETTERS = re.compile(r"[A-Za-z]{1,4}")
_ROW_NUMBER = re.compile(r"[0-9]{1,8}")


class _SheetWalk:
    """Where the XML parser stands in a sheet: one callback per element and no more (40 MB in 3 s).

    The text of an element ends when the next one starts, and is collected only where it is needed.
    `text_chars` is what all text cells show together.
    """

    def __init__(self, shared_lengths: list[int]) -> None:
        self.shared_lengths = shared_lengths
        self.scan = SheetScan()
        self.text_chars = 0
        self.row = self.column = -1
        self.kind = ""  # the cell's type: s(hared), str, inlineStr, b, e(rror), n
        self.collected = ""  # the element whose text is being collected: v, f, is
        self.buffer: list[str] = []
        self.parser = _parser()
        self.parser.StartElementHandler = self.start

    def walk(self, xml: bytes) -> None:
        self.parser.Parse(xml, True)
        self.end_text()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _local(name)
        if self.collected and tag not in {"t", "r"}:  # t and r: the parts of an inline string
            self.end_text()
        if tag == "c":
            self.kind = attributes.get("t", "n")
            reference = attributes.get("r")
            if reference:
                self.row, self.column = _position(reference)
            else:
                self.column += 1
        elif tag in {"v", "f", "is"}:
            self.scan.note(self.row, self.column)
            if tag != "v" or self.kind in {"s", "e", "str"}:
                self.collected = tag
                self.parser.CharacterDataHandler = self.buffer.append
        elif tag == "row":
            self.row = _row_index(attributes["r"]) if "r" in attributes else self.row + 1
            self.column = -1
        elif attributes:
            _check_counts(attributes)

    def end_text(self) -> None:
        text, tag = "".join(self.buffer), self.collected
        self.buffer.clear()
        self.collected = ""
        self.parser.CharacterDataHandler = None
        if tag == "f":
            self.scan.formulas[self.row, self.column] = text.strip()
        elif tag == "v" and self.kind == "s":
            index = int(text) if text.strip().isdecimal() else len(self.shared_lengths)
            if index < len(self.shared_lengths):
                self.text_chars += self.shared_lengths[index]
        elif tag == "v" and self.kind == "e":
            self.scan.errors[self.row, self.column] = text.strip()
        elif tag:
            self.text_chars += len(text)


def _scan_sheet(xml: bytes, shared_lengths: list[int]) -> tuple[SheetScan, int]:
    walk = _SheetWalk(shared_lengths)
    walk.walk(xml)
    return walk.scan, walk.text_chars


@lru_cache(maxsize=256)
def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _position(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    number = reference[len(letters) :]
    if not 1 <= len(number) <= 8:
        raise FileError("truncated", TRUNCATED)
    return int(number) - 1, _column_index(letters)


def _row_index(number: str) -> int:
    if not _ROW_NUMBER.fullmatch(number):
        raise FileError("truncated", TRUNCATED)
    return int(number) - 1


@lru_cache(maxsize=1024)
def _column_index(letters: str) -> int:
    if not _LETTERS.fullmatch(letters):
        raise FileError("truncated", TRUNCATED)
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
