"""What stands above a fee table: the month, the due date, the school year, a name. Pure.

Titles are free text, so each is taken only from words that name it ("Hạn nộp: 25/09/2026", "KHOẢN
THU THÁNG 9 NĂM 2026"); the date of the document itself ("ngày 25 tháng 8 năm 2026") is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from adapters.tabular.cells import Cell, CellError, is_blank, normalise_header, parse_date
from adapters.tabular.headers import ColumnPlace, column_letter
from adapters.tabular.workbook import Row
from core.fees.cell_parsers import parse_month
from core.kit.faults import Fault
from core.kit.table_cells import fault_at, read_cell
from core.kit.text import unaccent

T = TypeVar("T")

_DUE = ("han nop", "han thanh toan", "han dong", "nop truoc", "due date", "due on", "due")
_MONTH = ("thang thu", "ky thu", "thang", "month")
_NAME = ("ten dot thu", "dot thu", "ten bang thu", "ten dich vu", "fee schedule", "schedule")
_TITLE = (
    *("khoan thu", "thu thang", "dot thu", "muc thu", "bang thu", "le phi"),
    *("fee schedule", "school fees"),
)
_MONTH_IN_TEXT = re.compile(r"(?<![a-z])thang\s*(\d{1,2}\s*(?:[/.-]|nam)\s*\d{4})(?!\d)")
_DOCUMENT_DATE = re.compile(r"ngay\s*\d{1,2}\s*thang\s*\d{1,2}\s*nam\s*\d{4}")
_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}-\d{1,2}-\d{1,2}")
_LONG_DATE = re.compile(r"ngay\s*(\d{1,2})\s*thang\s*(\d{1,2})\s*nam\s*(\d{4})")
_YEARS = re.compile(r"(20\d\d)\s*[-–/]\s*(20\d\d)")
_SCHOOL_YEAR = re.compile(rf"(?:nam hoc|school year)\s*:?\s*{_YEARS.pattern}")
_MONTH_OF_YEAR = re.compile(
    rf"(?<![a-z])thang\s*(\d{{1,2}})\s*[,-]?\s*nam hoc\s*:?\s*{_YEARS.pattern}"
)
_MAX_NAME = 200
FIRST_MONTH = 8
"""A school year begins in August."""


@dataclass(frozen=True, slots=True)
class Stated(Generic[T]):
    """A value and where the file states it."""

    row: int
    column: str
    value: T


@dataclass(frozen=True, slots=True)
class Titles:
    """What the title rows say; months by their first day."""

    months: tuple[Stated[date], ...]
    due_dates: tuple[Stated[date], ...]
    school_year: Stated[str] | None
    name: str
    faults: tuple[Fault, ...]


def read_titles(rows: Sequence[Row]) -> Titles:
    """Read the rows above the header; a label's value stands after it, or in the next filled cell."""
    months: list[Stated[date]] = []
    due_dates: list[Stated[date]] = []
    years: list[Stated[str]] = []
    names: list[str] = []
    titles: list[str] = []
    faults: list[Fault] = []
    for row in rows:
        for index, cell in enumerate(row.cells):
            if not isinstance(cell, str) or is_blank(cell):
                continue
            words = normalise_header(cell)
            column = ColumnPlace(index, column_letter(index))
            value = _value_column(row, index)
            years += _school_years_in(row, column, cell, value)
            if _starts(words, _DUE):
                _read_due(row, column, value, due_dates, faults)
            elif words in _MONTH:
                if value:
                    month = read_cell(row, value, parse_month, faults)
                    months += [Stated(row.number, value.label, month)] if month else []
            elif _starts(words, _NAME) and (name := _after_colon(cell, row, value)):
                names.append(name)
            elif _is_title(words):
                titles.append(" ".join(cell.split()))
            if not _starts(words, _DUE):
                months += _months_in(row, column, cell, faults)
    name = next(iter([*names, *titles]), "")[:_MAX_NAME]
    year = years[0] if years else None
    return Titles(tuple(months), tuple(due_dates), year, name, tuple(faults))


def _starts(words: str, labels: Sequence[str]) -> bool:
    return any(words == label or words.startswith(f"{label} ") for label in labels)


def _is_title(words: str) -> bool:
    return any(phrase in words for phrase in _TITLE)


def _value_column(row: Row, index: int) -> ColumnPlace | None:
    """The next filled cell after a label."""
    for at in range(index + 1, len(row.cells)):
        if not is_blank(row.at(at)):
            return ColumnPlace(at, column_letter(at))
    return None


def _after_colon(cell: str, row: Row, value: ColumnPlace | None) -> str:
    _, colon, rest = cell.partition(":")
    if colon and rest.strip():
        return " ".join(rest.split())
    beside = row.at(value.index) if value else None
    return " ".join(beside.split()) if isinstance(beside, str) else ""


def _school_years_in(
    row: Row, column: ColumnPlace, cell: str, value: ColumnPlace | None
) -> list[Stated[str]]:
    """ "Năm học 2026-2027", in one cell or in two."""
    text = unaccent(cell).lower()
    if value and normalise_header(cell) in {"nam hoc", "school year"}:
        text = f"{text} {row.at(value.index)}"
    return [
        Stated(row.number, column.label, f"{years[1]}-{years[2]}")
        for years in _SCHOOL_YEAR.finditer(text)
    ]


def _months_in(row: Row, column: ColumnPlace, cell: str, faults: list[Fault]) -> list[Stated[date]]:
    """ "THÁNG 9/2026", "tháng 9 năm 2026" or, as schools write it, "tháng 9 năm học 2026-2027"."""
    text = _DOCUMENT_DATE.sub(" ", unaccent(cell).lower())
    written = [match[1] for match in _MONTH_IN_TEXT.finditer(text)]
    written += [
        f"{match[1]}/{match[2] if int(match[1]) >= FIRST_MONTH else match[3]}"
        for match in _MONTH_OF_YEAR.finditer(text)
    ]
    found = []
    for month in written:
        try:
            found.append(Stated(row.number, column.label, parse_month(month)))
        except CellError as error:
            faults.append(fault_at(row, column, error.code, error.message))
    return found


def _read_due(
    row: Row,
    column: ColumnPlace,
    value: ColumnPlace | None,
    due_dates: list[Stated[date]],
    faults: list[Fault],
) -> None:
    text = str(row.at(column.index))
    written = _date_in(text)
    place = column if written or value is None else value

    def parse(cell: Cell) -> date:
        if isinstance(cell, str):
            return parse_date(_date_in(cell) or cell)
        return parse_date(cell)

    due_on = read_cell(row, place, parse, faults)
    if due_on is not None:
        due_dates.append(Stated(row.number, place.label, due_on))


def _date_in(text: str) -> str:
    """The date written in a text, as dd/mm/yyyy or as it stands; "" when there is none."""
    if long := _LONG_DATE.search(unaccent(text).lower()):
        return f"{long[1]}/{long[2]}/{long[3]}"
    found = _DATE.search(text)
    return found[0] if found else ""
