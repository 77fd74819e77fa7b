"""Applications (hồ sơ) as they are handed in: read from a school's file or from JSON, and checked. Pure.

A service's lines are what was approved; an application says who applies, under which file code, and
how many of each (wishes, subjects, copies). It never guesses: a blank number is a fault, what a column
does not say is the quantity that was approved, and an optional item is charged only where it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from adapters.contract import FileError
from adapters.tabular.spreadsheet import (
    Cell,
    CellError,
    Row,
    Sheet,
    column_letter,
    is_blank,
    normalise_header,
    parse_text,
    read_sheets,
)
from core.fees.cell_parsers import fault_at, parse_quantity, read_cell
from core.fees.columns import Column
from core.kit.faults import Fault
from core.kit.money import MAX_VND, format_vnd
from core.students.values import ValueFault, read_name

T = TypeVar("T")

MAX_QUANTITY: Final = 1_000
MAX_APPLICATIONS: Final = 20_000
_HEADER_WITHIN: Final = 30
_FILE_CODE: Final = re.compile(r"[0-9A-Z./-]{4,50}")
_CODE_WORDS: Final = ("ma ho so", "so ho so", "ma so ho so", "file code", "application code")
_NAME_WORDS: Final = (
    *("ho va ten", "ho ten", "nguoi nop", "nguoi dang ky", "ten nguoi nop", "ten nguoi dang ky"),
    *("thi sinh", "ten thi sinh", "full name", "name", "applicant"),
)
_QUANTITY_WORDS: Final = (
    *("so luong", "sl", "so nguyen vong", "nguyen vong", "quantity", "wishes", "number of wishes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """A fee of a service as approved; `quantity` counts where an application names none."""

    item_code: str
    name: str
    unit: str
    unit_price_vnd: int
    quantity: int
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One application. `quantities`: item code -> how many, for what the applicant named.

    `row` is that of the file, or the place in the JSON list, from 1; `file_code` is as
    `parse_file_code` gives it.
    """

    row: int
    file_code: str
    full_name: str = field(repr=False)
    quantities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of applications as read; with a fault in it, nothing of it is written."""

    forms: tuple[Form, ...]
    faults: tuple[Fault, ...]
    ignored_columns: tuple[str, ...]


def parse_file_code(cell: Cell) -> str:
    """The school's or the portal's code of a file, in upper case. Raises CellError."""
    code = parse_text(cell).strip().upper()
    if not code:
        raise CellError("empty", "ô trống")
    if not _FILE_CODE.fullmatch(code):
        raise CellError(
            "bad_file_code",
            "mã hồ sơ gồm 4 đến 50 chữ cái không dấu, chữ số và dấu . / -, không có khoảng trắng",
        )
    return code


def parse_applicant(cell: Cell) -> str:
    """The applicant's full name. Raises CellError."""
    try:
        name = read_name(cell)
    except ValueFault as error:
        raise CellError(error.code, error.vi.rstrip(".")) from error
    if not name:
        raise CellError("empty", "ô trống")
    return name


def form_of_json(
    place: int,
    file_code: str,
    full_name: str,
    quantities: Mapping[str, int],
    faults: list[Fault],
) -> Form:
    """An application from a program; what is wrong is added to `faults`, named by its field."""
    row = Row(place, (file_code, full_name))
    named: dict[str, int] = {}
    form = Form(
        row=place,
        file_code=read_cell(row, Column(0, "file_code"), parse_file_code, faults) or "",
        full_name=read_cell(row, Column(1, "full_name"), parse_applicant, faults) or "",
        quantities=named,
    )
    for text, number in quantities.items():
        code = text.strip().upper()
        if code in named:
            vi, en = "Khoản này được ghi hai lần.", "This item is named twice."
            faults.append(_of_form(form, "duplicate_item", vi, en, str(number), column=code[:40]))
        named[code] = number
    return form


@dataclass(frozen=True, slots=True)
class _Header:
    code: Column
    name: Column
    quantities: Mapping[str, Column]  # item code -> where it stands
    ignored: tuple[str, ...]
    faults: tuple[Fault, ...]


def read_forms(data: bytes, file_name: str, lines: Sequence[ServiceLine]) -> FormFile:
    """Read an Excel or CSV list of applications for a service with these lines.

    Raises FileError: those of `read_sheets`, and "no_application_table" when no sheet has a header
    with file code and full name.
    """
    sheets = read_sheets(data, file_name)
    tables = [(sheet, *found) for sheet in sheets if (found := _find_header(sheet, lines))]
    if not tables:
        raise FileError(
            "no_application_table",
            f"{file_name}: không thấy dòng tiêu đề có Mã hồ sơ và Họ và tên",
        )
    faults: list[Fault] = []
    forms: list[Form] = []
    for sheet, at, header in tables:
        faults += header.faults
        for row in sheet.rows[at + 1 :]:
            if not (is_blank(row.at(header.code.index)) and is_blank(row.at(header.name.index))):
                forms += _read_row(row, header, lines, faults)
    if len(forms) > MAX_APPLICATIONS or not (forms or faults):
        faults.append(
            Fault(
                code="too_many_applications" if forms else "no_rows",
                vi=f"Tệp có hơn {MAX_APPLICATIONS} hồ sơ." if forms else "Tệp không có hồ sơ nào.",
                en=f"More than {MAX_APPLICATIONS} applications." if forms else "No applications.",
            )
        )
    ignored = dict.fromkeys(name for _, _, header in tables for name in header.ignored)
    return FormFile(tuple(forms), tuple(faults), tuple(ignored))


def _find_header(sheet: Sheet, lines: Sequence[ServiceLine]) -> tuple[int, _Header] | None:
    for at, row in enumerate(sheet.rows[:_HEADER_WITHIN]):
        words = {
            index: normalise_header(cell)
            for index, cell in enumerate(row.cells)
            if isinstance(cell, str) and cell.strip()
        }
        codes = [index for index, said in words.items() if said in _CODE_WORDS]
        names = [index for index, said in words.items() if said in _NAME_WORDS]
        if codes and names:
            return at, _read_header(row, words, codes, names, lines)
    return None


def _read_header(
    row: Row,
    words: Mapping[int, str],
    codes: Sequence[int],
    names: Sequence[int],
    lines: Sequence[ServiceLine],
) -> _Header:
    def column(index: int) -> Column:
        return Column(
            index, f"{' '.join(str(row.at(index)).split())[:40]} ({column_letter(index)})"
        )

    def fault(index: int, code: str, vi: str, en: str) -> Fault:
        return fault_at(row, column(index), code=code, vi=vi, en=en)

    faults = [
        fault(index, "ambiguous_column", "Hai cột cùng nghĩa.", "Two columns mean the same.")
        for index in (*codes[1:], *names[1:])
    ]
    known = {normalise_header(text): line for line in lines for text in (line.name, line.item_code)}
    quantities: dict[str, Column] = {}
    ignored = []
    for index, said in words.items():
        if index in {*codes, *names}:
            continue
        line = known.get(said)
        if line is None and said in _QUANTITY_WORDS:
            if len(lines) != 1:
                codes_of = ", ".join(line.item_code for line in lines)
                vi = f"Dịch vụ có nhiều khoản; hãy đặt tên cột theo mã khoản ({codes_of})."
                en = f"The service has several fees; name the column by the item's code ({codes_of})."
                faults.append(fault(index, "which_item", vi, en))
                continue
            line = lines[0]
        if line is None:
            ignored.append(" ".join(str(row.at(index)).split())[:60])
        elif line.item_code in quantities:
            vi = f"Hai cột cùng nói về khoản «{line.item_code}»."
            en = f"Two columns tell of item {line.item_code!r}."
            faults.append(fault(index, "ambiguous_column", vi, en))
        else:
            quantities[line.item_code] = column(index)
    return _Header(column(codes[0]), column(names[0]), quantities, tuple(ignored), tuple(faults))


def _read_row(
    row: Row, header: _Header, lines: Sequence[ServiceLine], faults: list[Fault]
) -> list[Form]:
    before = len(faults)

    def read(column: Column, parse: Callable[[Cell], T]) -> T | None:
        return read_cell(row, column, parse, faults)

    code = read(header.code, parse_file_code)
    name = read(header.name, parse_applicant)
    quantities = {
        line.item_code: read(
            header.quantities[line.item_code],
            _parse_choice if line.is_optional else parse_quantity,
        )
        for line in lines
        if line.item_code in header.quantities
    }
    if len(faults) > before:
        return []
    named = {code: number for code, number in quantities.items() if number is not None}
    return [Form(row=row.number, file_code=code or "", full_name=name or "", quantities=named)]


def _parse_choice(cell: Cell) -> int:
    """How many of an optional item: blank or 0 is none."""
    return 0 if is_blank(cell) or str(cell).strip() == "0" else parse_quantity(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An application with every quantity settled; items that are not wanted are left out."""

    row: int
    file_code: str
    full_name: str = field(repr=False)
    quantities: Mapping[str, int]
    total_vnd: int


def settle(
    forms: Sequence[Form], lines: Sequence[ServiceLine]
) -> tuple[tuple[Wanted, ...], tuple[Fault, ...]]:
    """What each application comes to, and everything that contradicts the service or another row."""
    by_code = {line.item_code: line for line in lines}
    first_row: dict[str, int] = {}
    faults: list[Fault] = []
    wanted = []
    for form in forms:
        said = _contradictions(form, by_code)
        row = first_row.get(form.file_code)
        first_row.setdefault(form.file_code, form.row)
        if (
            form.file_code and row is not None
        ):  # on another sheet it may be a row of the same number
            vi = f"Mã hồ sơ này đã có ở dòng {row}."
            en = f"This file code stands in row {row} already."
            said.append(_of_form(form, "duplicate_file_code", vi, en, form.file_code))
        quantities = {
            line.item_code: number
            for line in lines
            if (
                number := form.quantities.get(
                    line.item_code, 0 if line.is_optional else line.quantity
                )
            )
        }
        if not said:
            total_vnd = sum(by_code[code].unit_price_vnd * n for code, n in quantities.items())
            if not 0 < total_vnd <= MAX_VND:
                vi = f"Tổng tiền của hồ sơ phải từ 1 đ đến {format_vnd(MAX_VND, 'vi')}."
                en = f"An application comes to 1 to {MAX_VND} VND."
                said.append(_of_form(form, "bad_total", vi, en, str(total_vnd)))
            wanted.append(
                Wanted(
                    row=form.row,
                    file_code=form.file_code,
                    full_name=form.full_name,
                    quantities=quantities,
                    total_vnd=total_vnd,
                )
            )
        faults += said
    return tuple(wanted), tuple(faults)


def _contradictions(form: Form, lines: Mapping[str, ServiceLine]) -> list[Fault]:
    faults = []
    for code, number in form.quantities.items():
        line = lines.get(code)
        if line is None:
            vi, en = f"Dịch vụ không có khoản «{code[:40]}».", "The service has no such item."
            faults.append(_of_form(form, "unknown_item", vi, en, code[:40], column=code[:40]))
        elif not (0 if line.is_optional else 1) <= number <= MAX_QUANTITY:
            vi = f"Số lượng là số nguyên từ 1 đến {MAX_QUANTITY}."
            en = f"The quantity is a whole number from 1 to {MAX_QUANTITY}."
            faults.append(_of_form(form, "bad_quantity", vi, en, str(number), column=code))
    return faults


def _of_form(
    form: Form, code: str, vi: str, en: str, value: str, column: str = "Mã hồ sơ"
) -> Fault:
    return Fault(code=code, vi=vi, en=en, row=form.row, column=column, value=value)
