"""A school's class list as pupils: every row read, every problem found at once.

Pure: bytes in, rows and faults out, nothing written. It must never drop a row that names a pupil:
a row is either read, or a fault with its row and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from adapters.messages import msg
from adapters.tabular.cells import Cell, is_blank, normalise_header
from adapters.tabular.headers import ColumnPlace, Header, counted_from
from adapters.tabular.workbook import Row, Sheet, read_sheets
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.table_cells import read_cell
from core.students.headers import NAMES, RosterColumn, find_header, missing, place_of, twice
from core.students.values import (
    read_birth_date,
    read_class,
    read_code,
    read_email,
    read_name,
    read_personal_id,
    read_phone,
)

T = TypeVar("T")


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
    reading = _RosterReading(today, has_sheets=len(found) > 1)
    for sheet, header in found:
        reading.read_sheet(sheet, header)
    rows = tuple(reading.rows)
    faults = [*reading.faults, *_doubles(reading.codes)]
    if not rows and not faults:
        faults.append(fault("no_rows", msg("Danh sách không có học sinh nào dưới dòng tiêu đề.")))
    return RosterFile(
        rows=rows,
        faults=tuple(faults),
        warnings=(*reading.warnings, *_shared_ids(reading.rows)),
        ignored_columns=tuple(dict.fromkeys(reading.ignored)),
    )


def _no_header(sheets: Sequence[Sheet]) -> Fault:
    text = msg("Không tìm thấy dòng tiêu đề có các cột Mã học sinh, Họ và tên, Lớp.")
    return fault("no_header", text, row=sheets[0].rows[0].number)


class _RosterReading:
    """What accumulates while the sheets are read."""

    def __init__(self, today: date, *, has_sheets: bool) -> None:
        self.today = today
        self.has_sheets = has_sheets
        self.rows: list[RosterRow] = []
        self.codes: list[tuple[str, int, str]] = []  # code, row, column: of every row
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self.ignored: list[str] = []

    def read_sheet(self, sheet: Sheet, header: Header[RosterColumn]) -> None:
        prefix = f"{sheet.name} · " if self.has_sheets else ""
        places = {
            column: replace(place, label=f"{prefix}{place.label}")
            for column in RosterColumn
            for place in (place_of(header, column),)
        }
        self.ignored += header.unknown
        if faults := list(_header_faults(header, places)):
            self.faults += faults
            return
        for row in sheet.rows:
            if row.number > header.row and not _is_not_a_pupil(row, header):
                self._read_row(row, header, places)

    def _read_row(
        self,
        row: Row,
        header: Header[RosterColumn],
        places: dict[RosterColumn, ColumnPlace],
    ) -> None:
        before = len(self.faults)

        def value(
            column: RosterColumn, read: Callable[[Cell], T], default: T, *, warn: bool = False
        ) -> T:
            at = header.columns.get(column, ())
            index = next((i for i in at if not is_blank(row.at(i))), len(row.cells))
            faults = self.warnings if warn else self.faults
            found = read_cell(row, replace(places[column], index=index), read, faults)
            return default if found is None else found

        def birth_date(cell: Cell) -> date | None:
            return None if is_blank(cell) else read_birth_date(cell, self.today)

        code = value(RosterColumn.CODE, read_code, "")
        full_name = self._name(row, header, places)
        class_name, grade = value(RosterColumn.CLASS, read_class, ("", 0))
        pupil = RosterRow(
            row=row.number,
            code=code,
            full_name=full_name,
            birth_date=value(RosterColumn.BIRTH_DATE, birth_date, None),
            class_name=class_name,
            grade=grade,
            guardian=value(RosterColumn.GUARDIAN, read_name, ""),
            phone=value(RosterColumn.PHONE, read_phone, ""),
            email=value(RosterColumn.EMAIL, read_email, ""),
            personal_id=value(RosterColumn.PERSONAL_ID, read_personal_id, "", warn=True),
        )
        if code:
            self.codes.append((code, row.number, places[RosterColumn.CODE].label))
        if len(self.faults) == before:
            self.rows.append(pupil)

    def _name(
        self,
        row: Row,
        header: Header[RosterColumn],
        places: dict[RosterColumn, ColumnPlace],
    ) -> str:
        """The full name, from one column, from a merged pair, or from family and given name."""
        full = header.columns.get(RosterColumn.FULL_NAME, ())
        given = header.columns.get(RosterColumn.GIVEN_NAME, ())
        first = full or header.columns.get(RosterColumn.FAMILY_NAME, ())
        place = places[RosterColumn.FULL_NAME if full else RosterColumn.GIVEN_NAME]
        words: list[str] = []
        for index in (*first, *given):
            part = read_cell(row, replace(place, index=index), read_name, self.faults)
            if part is None:
                return ""
            # beside a full name, a column "Tên" often repeats its last word, for sorting
            if part and not (full and index in given and words and words[-1] == part):
                words += part.split()
        if not words:
            text = msg("Thiếu họ tên học sinh; hãy điền họ tên.")
            self.faults.append(fault("missing_name", text, row=row.number, column=place.label))
        return " ".join(words)


def _header_faults(
    header: Header[RosterColumn], places: dict[RosterColumn, ColumnPlace]
) -> Iterable[Fault]:
    for column in missing(header):
        text = msg("Thiếu cột «{column}»; hãy thêm cột này vào danh sách.", column=NAMES[column])
        yield fault("missing_column", text, row=header.row, column=places[column].label)
    for column in twice(header):
        text = msg("Có hai cột cùng nghĩa «{column}»; hãy giữ một cột.", column=NAMES[column])
        yield fault("column_twice", text, row=header.row, column=places[column].label)


_FOOTER = re.compile(
    r"(?:tong cong|tong so|tong|cong|total|danh sach nay|nguoi lap|hieu truong|giao vien|ghi chu)\b.*"
    r"|.*\bngay\b.*\bthang\b.*"
)


def _is_not_a_pupil(row: Row, header: Header[RosterColumn]) -> bool:
    """A row of other cells only, of column numbers, a header repeated on a new page, or a footer."""
    used = [index for at in header.columns.values() for index in at]
    filled = [row.at(index) for index in used if not is_blank(row.at(index))]
    if not filled:
        return True
    if row.number == header.row + 1 and counted_from(row) is not None:
        return True
    if len(filled) == 1 and isinstance(filled[0], str):
        return bool(_FOOTER.fullmatch(normalise_header(filled[0])))
    return find_header([row]) is not None and len(filled) > 2


def _doubles(codes: Sequence[tuple[str, int, str]]) -> Iterable[Fault]:
    first: dict[str, tuple[int, str]] = {}
    for code, number, column in codes:
        if code in first:
            row, place = first[code]
            text = msg(
                "Mã học sinh trùng với dòng {row}, {column}; mỗi học sinh chỉ có một dòng.",
                row=row,
                column=place,
            )
            yield fault("duplicate_student", text, row=number, column=column, value=code)
        first.setdefault(code, (number, column))


def _shared_ids(rows: Sequence[RosterRow]) -> Iterable[Fault]:
    first: dict[str, int] = {}
    for row in rows:
        if row.personal_id and row.personal_id in first:
            text = msg(
                "Số định danh trùng với dòng {row}; hãy kiểm tra lại.", row=first[row.personal_id]
            )
            column = str(NAMES[RosterColumn.PERSONAL_ID])
            yield fault("personal_id_shared", text, row=row.row, column=column)
        first.setdefault(row.personal_id, row.row)
