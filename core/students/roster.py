"""A school's class list as pupils: every row read, every problem found at once.

Pure: bytes in, rows and faults out, nothing written. It must never drop a row that names a pupil:
a row is either read, or a fault with its row and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from adapters.tabular.spreadsheet import (
    Cell,
    Row,
    Sheet,
    is_blank,
    normalise_header,
    read_sheets,
    show,
)
from core.kit.faults import Fault
from core.students.headers import Field, Header, column_name, find_header
from core.students.values import (
    ValueFault,
    read_birth_date,
    read_class,
    read_code,
    read_email,
    read_name,
    read_personal_id,
    read_phone,
)

T = TypeVar("T")

MAX_VALUE_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One pupil of the list. "" and None mean that the list says nothing."""

    row: int
    code: str
    full_name: str
    birth_date: date | None
    class_name: str
    grade: int
    guardian: str = ""
    phone: str = ""
    email: str = ""
    personal_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFile:
    """A list as read. With any fault it must not be written; a warning lets it pass."""

    rows: tuple[RosterRow, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    ignored_columns: tuple[str, ...] = ()


def read_roster(data: bytes, file_name: str, *, today: date) -> RosterFile:
    """Read XLSX, XLS or CSV bytes; `today` is the business date that bounds birth dates.

    Every sheet with a header of at least two known columns is read. Raises FileError for a file
    that cannot be read as a whole.
    """
    sheets = read_sheets(data, file_name)
    found = [(sheet, header) for sheet in sheets if (header := find_header(sheet.rows))]
    if not found:
        return RosterFile(rows=(), faults=(_no_header(sheets),))
    reading = _Reading(today, has_sheets=len(found) > 1)
    for sheet, header in found:
        reading.read_sheet(sheet, header)
    rows = tuple(reading.rows)
    faults = [*reading.faults, *_doubles(reading.codes)]
    if not rows and not faults:
        faults.append(
            Fault(
                code="no_rows",
                vi="Danh sách không có học sinh nào dưới dòng tiêu đề.",
                en="The list has no pupil below its header.",
            )
        )
    return RosterFile(
        rows=rows,
        faults=tuple(faults),
        warnings=(*reading.warnings, *_shared_ids(reading.rows)),
        ignored_columns=tuple(dict.fromkeys(reading.ignored)),
    )


def _no_header(sheets: Sequence[Sheet]) -> Fault:
    return Fault(
        code="no_header",
        vi="Không tìm thấy dòng tiêu đề có các cột Mã học sinh, Họ và tên, Lớp.",
        en="No header row with student code, full name and class was found.",
        row=sheets[0].rows[0].number,
    )


class _Reading:
    """What accumulates while the sheets are read."""

    def __init__(self, today: date, *, has_sheets: bool) -> None:
        self.today = today
        self.has_sheets = has_sheets
        self.rows: list[RosterRow] = []
        self.codes: list[tuple[str, int, str]] = []  # code, row, column: of every row
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.ignored: list[str] = []

    def read_sheet(self, sheet: Sheet, header: Header) -> None:
        place = f"{sheet.name} · " if self.has_sheets else ""
        self.ignored += header.ignored
        self.faults += _header_faults(header, place)
        if header.missing or header.twice:
            return
        for row in sheet.rows:
            if row.number > header.row and not _is_not_a_pupil(row, header):
                self._read_row(row, header, place)

    def _read_row(self, row: Row, header: Header, place: str) -> None:
        before = len(self.faults)

        def value(field: Field, read: Callable[[Cell], T], default: T, *, warn: bool = False) -> T:
            cell = _first_filled(row, header.columns.get(field, ()))
            try:
                return read(cell)
            except ValueFault as error:
                (self.warnings if warn else self.faults).append(
                    Fault(
                        code=error.code,
                        vi=error.vi,
                        en=error.en,
                        row=row.number,
                        column=place + column_name(header, field),
                        value=show(cell)[:MAX_VALUE_SHOWN],
                    )
                )
                return default

        def birth_date(cell: Cell) -> date | None:
            return None if is_blank(cell) else read_birth_date(cell, self.today)

        code = value(Field.CODE, read_code, "")
        full_name = self._name(row, header, place)
        class_name, grade = value(Field.CLASS, read_class, ("", 0))
        pupil = RosterRow(
            row=row.number,
            code=code,
            full_name=full_name,
            birth_date=value(Field.BIRTH_DATE, birth_date, None),
            class_name=class_name,
            grade=grade,
            guardian=value(Field.GUARDIAN, read_name, ""),
            phone=value(Field.PHONE, read_phone, ""),
            email=value(Field.EMAIL, read_email, ""),
            personal_id=value(Field.PERSONAL_ID, read_personal_id, "", warn=True),
        )
        if code:
            self.codes.append((code, row.number, place + column_name(header, Field.CODE)))
        if len(self.faults) == before:
            self.rows.append(pupil)

    def _name(self, row: Row, header: Header, place: str) -> str:
        """The full name, from one column, from a merged pair, or from family and given name."""
        full, given = (
            header.columns.get(Field.FULL_NAME, ()),
            header.columns.get(Field.GIVEN_NAME, ()),
        )
        first = full or header.columns.get(Field.FAMILY_NAME, ())
        words: list[str] = []
        named = Field.FULL_NAME if full else Field.GIVEN_NAME
        for index in (*first, *given):
            try:
                part = read_name(row.at(index))
            except ValueFault as error:
                self.faults.append(
                    Fault(
                        code=error.code,
                        vi=error.vi,
                        en=error.en,
                        row=row.number,
                        column=place + column_name(header, named),
                        value=show(row.at(index))[:MAX_VALUE_SHOWN],
                    )
                )
                return ""
            # beside a full name, a column "Tên" often repeats its last word, for sorting
            if part and not (full and index in given and words and words[-1] == part):
                words += part.split()
        if not words:
            self.faults.append(
                Fault(
                    code="missing_name",
                    vi="Thiếu họ tên học sinh; hãy điền họ tên.",
                    en="The pupil's name is missing.",
                    row=row.number,
                    column=place + column_name(header, named),
                )
            )
        return " ".join(words)


def _header_faults(header: Header, place: str) -> Iterable[Fault]:
    for missing in header.missing:
        yield Fault(
            code="missing_column",
            vi=f"Thiếu cột «{missing}»; hãy thêm cột này vào danh sách.",
            en=f"The column {missing.name.lower()} is missing.",
            row=header.row,
            column=place + missing,
        )
    for twice, _ in header.twice:
        yield Fault(
            code="column_twice",
            vi=f"Có hai cột cùng nghĩa «{twice}»; hãy giữ một cột.",
            en=f"Two columns mean {twice.name.lower()}; keep one.",
            row=header.row,
            column=place + column_name(header, twice),
        )


_FOOTER = re.compile(
    r"(?:tong cong|tong so|tong|cong|total|danh sach nay|nguoi lap|hieu truong|giao vien|ghi chu)\b.*"
    r"|.*\bngay\b.*\bthang\b.*"
)


def _is_not_a_pupil(row: Row, header: Header) -> bool:
    """A row of other cells only, of column numbers, a header repeated on a new page, or a footer."""
    used = [index for at in header.columns.values() for index in at]
    filled = [row.at(index) for index in used if not is_blank(row.at(index))]
    if not filled:
        return True
    if row.number == header.row + 1 and _counts_columns(row):
        return True
    if len(filled) == 1 and isinstance(filled[0], str):
        return bool(_FOOTER.fullmatch(normalise_header(filled[0])))
    return find_header([row]) is not None and len(filled) > 2


def _counts_columns(row: Row) -> bool:
    """A row "(1) (2) (3)" or "1 2 3" under the header."""
    texts = [normalise_header(show(cell)) for cell in row.cells if not is_blank(cell)]
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit()]
    return len(numbers) == len(texts) > 2 and numbers == list(
        range(numbers[0], numbers[0] + len(numbers))
    )


def _first_filled(row: Row, at: Sequence[int]) -> Cell:
    return next((row.at(index) for index in at if not is_blank(row.at(index))), None)


def _doubles(codes: Sequence[tuple[str, int, str]]) -> Iterable[Fault]:
    first: dict[str, tuple[int, str]] = {}
    for code, number, column in codes:
        if code in first:
            row, place = first[code]
            yield Fault(
                code="duplicate_student",
                vi=f"Mã học sinh trùng với dòng {row}, {place}; mỗi học sinh chỉ có một dòng.",
                en=f"The student code is that of row {row}, {place}; each pupil has one row.",
                row=number,
                column=column,
                value=code,
            )
        first.setdefault(code, (number, column))


def _shared_ids(rows: Sequence[RosterRow]) -> Iterable[Fault]:
    first: dict[str, int] = {}
    for row in rows:
        if row.personal_id and row.personal_id in first:
            yield Fault(
                code="personal_id_shared",
                vi=f"Số định danh trùng với dòng {first[row.personal_id]}; hãy kiểm tra lại.",
                en=f"The personal id is that of row {first[row.personal_id]}; check both.",
                row=row.row,
                column=str(Field.PERSONAL_ID),
            )
        first.setdefault(row.personal_id, row.row)
