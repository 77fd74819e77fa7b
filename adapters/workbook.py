"""Look through an XLSX before it is opened: is it whole, honest about its size, and where are formulas?

The engine that reads cells (calamine) lays each sheet out as one dense block and does not tell
formulas from values. So a few bytes could ask for gigabytes, and a computed amount would look like a
typed one. This room walks the raw file first, in bounded memory, and refuses it with a `FileError`
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
from xml.parsers import expat

from adapters.contract import FileError

MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_BLOCK_CELLS = 8_000_000  # rows × columns over all sheets: what the engine allocates
MAX_TEXT_CHARS = 200_000_000  # one long shared string may be shown by a million cells
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_RATIO = 200
MAX_ENTRIES = 2_000

ZIP_MAGIC = b"PK\x03\x04"

NOT_A_WORKBOOK = "Tệp không phải bảng tính Excel (.xlsx, .xls) hay CSV"
TRUNCATED = "Tệp bị cắt cụt hoặc hỏng; hãy tải lại"
ENCRYPTED = "Tệp có mật khẩu; hãy bỏ mật khẩu rồi tải lại"


@dataclass(slots=True)
class SheetScan:
    """What one sheet holds. Keys are (row, column), both from 0.

    `formulas` maps to the formula's text ("" if unknown), `errors` to a text such as "#N/A".
    """

    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0

    def meet(self, row: int, column: int) -> None:
        """Note a cell that holds something; refuse it beyond the bounds."""
        if row >= self.rows:
            self.rows = row + 1
            if self.rows > MAX_ROWS:
                raise FileError("too_many_rows", f"Bảng có hơn {MAX_ROWS} dòng")
        if column >= self.columns:
            self.columns = column + 1
            if self.columns > MAX_COLUMNS:
                raise FileError("too_many_columns", f"Bảng có hơn {MAX_COLUMNS} cột")


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
        *(EOFError, OSError, NotImplementedError, ValueError),
    ) as error:
        raise FileError("truncated", TRUNCATED) from error


def _check_archive(archive: zipfile.ZipFile, packed_bytes: int) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise FileError("zip_bomb", f"Tệp nén có hơn {MAX_ENTRIES} mục")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed_bytes, 1):
        raise FileError("zip_bomb", f"Tệp giải nén ra quá lớn ({unpacked} byte)")
    parts = {e.filename.replace("\\", "/").lstrip("/").lower(): e for e in entries}
    if len(parts) != len(entries):
        raise FileError("not_a_spreadsheet", "Tệp nén có mục trùng tên")
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileError("encrypted", ENCRYPTED)
    if "xl/workbook.xml" not in parts:
        raise FileError("not_a_spreadsheet", f"{NOT_A_WORKBOOK}; hãy lưu lại dạng .xlsx")
    for (
        entry
    ) in entries:  # the sizes above are only declared: unpack once, the checksum proves them
        with archive.open(entry) as stream:
            while stream.read(1 << 20):
                pass
    return parts


def _scan_parts(
    archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]
) -> dict[str, SheetScan]:
    def read(path: str) -> bytes:
        if path.lower() not in parts:
            raise FileError("truncated", f"{TRUNCATED} (thiếu {path[:80]})")
        return archive.read(parts[path.lower()])

    targets = {
        attributes["Id"]: attributes.get("Target", "")
        for tag, attributes in _elements(read("xl/_rels/workbook.xml.rels"))
        if tag == "Relationship" and "Id" in attributes
    }
    lengths: list[int] = []
    if "xl/sharedstrings.xml" in parts:
        lengths = _shared_lengths(read("xl/sharedStrings.xml"))
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
            raise FileError("too_many_cells", "Bảng tính quá lớn; hãy chia thành nhiều tệp")
    return sheets


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise FileError("not_a_spreadsheet", "Tệp XML có khai báo DTD")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _elements(xml: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        found.append((name.rpartition(":")[2], attributes))

    parser = _parser()
    parser.StartElementHandler = start
    parser.Parse(xml, True)
    return iter(found)


def _shared_lengths(xml: bytes) -> list[int]:
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data)

    parser = _parser()
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.Parse(xml, True)
    return lengths


_REFERENCE = re.compile(r"([A-Z]{1,4})([0-9]{1,8})")


def _scan_sheet(xml: bytes, shared_lengths: list[int]) -> tuple[SheetScan, int]:
    scan = SheetScan()
    row, column, kind, chars = -1, -1, "", 0
    inside, buffer = "", ""
    letters: dict[str, int] = {}
    local: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, inside, buffer
        tag = local.get(name) or local.setdefault(name, name.rpartition(":")[2])
        if tag == "c":
            match = _REFERENCE.fullmatch(attributes.get("r", ""))
            if match:
                column = letters.get(match[1], -1)
                if column < 0:
                    column = letters[match[1]] = _column_index(match[1])
                row = int(match[2]) - 1
            else:
                column += 1
            kind = attributes.get("t", "n")
        elif tag in {"v", "f", "is"}:
            scan.meet(row, column)
            inside, buffer = tag, ""
        elif tag == "row":
            row = int(attributes["r"]) - 1 if "r" in attributes else row + 1
            column = -1

    def text(data: str) -> None:
        nonlocal buffer
        if inside:
            buffer += data

    def end(name: str) -> None:
        nonlocal inside, chars
        tag = local[name]
        if tag != inside:
            return
        inside = ""
        if tag == "f":
            scan.formulas[row, column] = buffer
        elif tag == "is" or kind == "str":
            chars += len(buffer)
        elif kind == "s":
            index = int(buffer) if buffer.isdecimal() else -1
            chars += shared_lengths[index] if 0 <= index < len(shared_lengths) else 0
        elif kind == "e":
            scan.errors[row, column] = buffer

    parser = _parser()
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = end
    parser.Parse(xml, True)
    return scan, chars


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
