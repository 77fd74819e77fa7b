"""A table that somebody sends, as XLSX, XLS, CSV or TSV bytes, becomes sheets of cells: the one way in.

Values are kept as they stand: text stays text (leading zeros too), whole numbers are `int`, other
numbers `Decimal` by their shortest form, never `float`; a cell that computes is a `Formula` and a
row keeps its number in the file, so that whoever imports can refuse it by row and column. The kind
of file is known by its bytes, never by its name. Nothing is unpacked before `xlsx_scan` has looked.

Merged cells are not filled: the value stays in the first cell. A title merged over eight columns must
not become eight headers, nor a merged total eight amounts; who wants dates filled down does it where
it is known to be right.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import python_calamine as calamine

from adapters.contract import FileError, naming_file
from adapters.messages import msg
from adapters.tabular import xls, xlsx_scan
from adapters.tabular.cells import Cell, Formula, is_blank

MAX_FILE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """A row that holds something. `number` counts from 1, as Excel shows it; trailing blanks are cut."""

    number: int
    cells: tuple[Cell, ...]

    def at(self, index: int) -> Cell:
        """The cell in column `index` (0 = A); None beyond the end."""
        return self.cells[index] if index < len(self.cells) else None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet by its name ("" for CSV). Rows with nothing in them are left out."""

    name: str
    rows: tuple[Row, ...]


def read_sheets(data: bytes, name: str, *, max_bytes: int = MAX_FILE_BYTES) -> tuple[Sheet, ...]:
    """Read every sheet that holds something, hidden ones too.

    `name` is the file's name, for messages only; `max_bytes` bounds the file as it was sent.

    Raises:
        FileError: "file_too_large", "empty", "zip_bomb", "truncated", "encrypted",
            "not_a_spreadsheet", "bad_encoding", "bad_csv", "too_many_rows", "too_many_columns",
            "too_many_cells". The detail names the file.
    """
    with naming_file(name):
        sheets = tuple(sheet for sheet in _read_any(data, max_bytes) if sheet.rows)
        if not sheets:
            raise FileError("empty", msg("Tệp không có dòng nào"))
        return sheets


def _read_any(data: bytes, max_bytes: int) -> tuple[Sheet, ...]:
    if len(data) > max_bytes:
        detail = msg("Tệp lớn hơn {limit} MB", limit=max_bytes // (1024 * 1024))
        raise FileError("file_too_large", detail)
    if data.startswith(xlsx_scan.ZIP_MAGIC):
        return _read_xlsx(data, xlsx_scan.scan_xlsx(data))
    if data.startswith(xls.CFB_MAGIC):
        return tuple(
            Sheet(sheet_name, _workbook_rows(rows, scan))
            for sheet_name, rows, scan in xls.read_xls(data)
        )
    return (_read_csv(_decode(data)),)


def _read_xlsx(data: bytes, scans: dict[str, xlsx_scan.SheetScan]) -> tuple[Sheet, ...]:
    sheets = []
    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            for index, about in enumerate(book.sheets_metadata):
                if about.typ is not calamine.SheetTypeEnum.WorkSheet:
                    continue
                rows = book.get_sheet_by_index(index).to_python(skip_empty_area=False)
                sheets.append(Sheet(about.name, _workbook_rows(rows, scans[about.name])))
    except calamine.PasswordError as error:
        raise FileError("encrypted", xlsx_scan.ENCRYPTED) from error
    except (calamine.CalamineError, LookupError, ValueError) as error:
        raise FileError("truncated", xlsx_scan.TRUNCATED) from error
    except BaseException as error:
        # A panic in calamine arrives as a BaseException that no module exports: only its name is known.
        if type(error).__name__ == "PanicException":
            detail = msg("Tệp bị hỏng; hãy mở và lưu lại dạng .xlsx")
            raise FileError("truncated", detail) from error
        raise
    return tuple(sheets)


def _workbook_rows(rows: Iterable[Iterable[object]], scan: xlsx_scan.SheetScan) -> tuple[Row, ...]:
    table = [[_plain(value) for value in row] for row in rows]
    special = [(at, text, True) for at, text in scan.formulas.items()]
    special += [(at, text, False) for at, text in scan.errors.items() if at not in scan.formulas]
    for (row, column), text, computes in special:  # calamine shows errors as empty cells
        while len(table) <= row:
            table.append([])
        cells = table[row]
        cells.extend([None] * (column + 1 - len(cells)))
        cached = cells[column]
        if not computes:
            cells[column] = text
        elif not isinstance(cached, Formula):
            cells[column] = Formula(text, cached)
    return _numbered(table)


def _plain(value: object) -> Cell:
    match value:
        case "" | None:
            return None
        case str():
            return unicodedata.normalize("NFC", value)
        case float():
            return int(value) if value.is_integer() else Decimal(repr(value))
        case bool() | int() | date():
            return value
        case _:  # a time of day or a duration
            return str(value)


def _numbered(table: Iterable[list[Cell]]) -> tuple[Row, ...]:
    rows = []
    for number, cells in enumerate(table, start=1):
        end = len(cells)
        while end and cells[end - 1] is None:
            end -= 1
        if any(not is_blank(cell) for cell in cells):
            rows.append(Row(number, tuple(cells[:end])))
    return tuple(rows)


_FOREIGN = ((b"%PDF", "PDF"), (b"{\\rtf", "RTF"), (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"))
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_WEB_PAGE = re.compile(r"\s*<(?:!doctype|html|table|\?xml|meta|head)\b", re.IGNORECASE)
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
_VOWELS = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
_VIETNAMESE = frozenset(unicodedata.normalize("NFC", v + t) for v in _VOWELS for t in _TONES)
_TYPOGRAPHY = frozenset("đĐ₫–—‘’“”…•\u00a0")
_BAD_ENCODING = msg("Không đọc được bảng mã của tệp; hãy lưu lại dạng CSV UTF-8")


def _decode(data: bytes) -> str:
    """UTF-8 or UTF-16 when the bytes say so; Windows-1258 only if all of it is Vietnamese."""
    for magic, kind in _FOREIGN:
        if data.startswith(magic):
            detail = msg("{problem}, mà là {kind}", problem=xlsx_scan.NOT_A_WORKBOOK, kind=kind)
            raise FileError("not_a_spreadsheet", detail)
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
        elif b"\0" in data[:200]:
            text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
        else:
            text = _decode_bytes(data)
    except UnicodeDecodeError as error:
        raise FileError("bad_encoding", _BAD_ENCODING) from error
    if _CONTROL.search(text):
        raise FileError("not_a_spreadsheet", xlsx_scan.NOT_A_WORKBOOK)
    if _WEB_PAGE.match(text):
        raise FileError(
            "not_a_spreadsheet",
            msg(
                "Tệp là trang web (HTML/XML) mang đuôi bảng tính; hãy mở bằng Excel rồi lưu lại .xlsx"
            ),
        )
    return unicodedata.normalize("NFC", text)


def _decode_bytes(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = unicodedata.normalize("NFC", data.decode("cp1258"))
        # Damaged UTF-8 also decodes as Windows-1258, into signs such as º ¥ °: no Vietnamese has them.
        if any(ord(c) > 127 and c not in _VIETNAMESE | _TYPOGRAPHY for c in set(text)):
            raise
        return text


_EXCEL_HINT = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)
_GROUPING_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_QUOTED_DIGITS = re.compile(r'="(\d*)"')  # how exporters keep a leading zero from Excel


def _read_csv(text: str) -> Sheet:
    """Rows are counted as records, as Excel numbers them: a line break inside quotes adds none."""
    hint = _EXCEL_HINT.match(text)
    delimiter = hint[1] if hint else _sniff(text)
    table: list[list[Cell]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if len(table) >= xlsx_scan.MAX_ROWS:
                raise xlsx_scan.too_many_rows()
            if len(record) > xlsx_scan.MAX_COLUMNS:
                raise xlsx_scan.too_many_columns()
            table.append([value or None for value in record])
    except csv.Error as error:
        detail = msg(
            "Dòng {row}: dấu ngoặc kép không khớp ({reason})", row=len(table) + 1, reason=str(error)
        )
        raise FileError("bad_csv", detail) from error
    if hint:
        table[0] = []
    if '="' in text:
        table = [[_unquoted(cell) for cell in cells] for cells in table]
    return Sheet("", _numbered(table))


def _unquoted(cell: Cell) -> Cell:
    quoted = _QUOTED_DIGITS.fullmatch(cell) if isinstance(cell, str) else None
    return quoted[1] if quoted else cell


def _sniff(text: str, sample: int = 60) -> str:
    """The delimiter under which most records have the same, largest number of cells.

    A comma between thousands counts for none, unless there is nothing else.
    """
    head = text[:200_000]
    ungrouped = _GROUPING_COMMA.sub("", head)

    def score(text: str, delimiter: str) -> int:
        widths: Counter[int] = Counter()
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for record, _ in zip(reader, range(sample), strict=False):
                widths[len(record)] += 1
        except csv.Error:
            return 0
        return max(((width - 1) * count for width, count in widths.items()), default=0)

    return max("\t;,", key=lambda mark: (score(ungrouped, mark), score(head, mark)))
