"""Applications (hồ sơ) as they are handed in: read from a school's file or from JSON, and checked. Pure.

A service's lines are what was approved; an application says who applies, under which file code, and
how many of each (choices, subjects, copies). It never guesses: a blank number is a fault, what a column
does not say is the quantity that was approved, and an optional item is charged only where it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from adapters.contract import FileError
from adapters.messages import Message, msg
from adapters.tabular.cells import Cell, CellError, is_blank, normalise_header, parse_text
from adapters.tabular.headers import ColumnPlace, Header, claim_columns
from adapters.tabular.workbook import Row, Sheet, read_sheets
from core.fees.cell_parsers import parse_quantity
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.money import MAX_VND
from core.kit.table_cells import fault_at, read_cell
from core.students.values import read_name

T = TypeVar("T")

MAX_QUANTITY: Final = 1_000
MAX_APPLICATIONS: Final = 20_000
_HEADER_WITHIN: Final = 30
_FILE_CODE: Final = re.compile(r"[0-9A-Z./-]{4,50}")


class _FormColumn(StrEnum):
    CODE = "file_code"
    NAME = "full_name"


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
        raise CellError("empty", msg("ô trống"))
    if not _FILE_CODE.fullmatch(code):
        raise CellError(
            "bad_file_code",
            msg(
                "mã hồ sơ gồm 4 đến 50 chữ cái không dấu, chữ số và dấu . / -, không có khoảng trắng"
            ),
        )
    return code


def parse_applicant(cell: Cell) -> str:
    """The applicant's full name. Raises CellError."""
    name = read_name(cell)
    if not name:
        raise CellError("empty", msg("ô trống"))
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
        file_code=read_cell(row, ColumnPlace(0, _FormColumn.CODE), parse_file_code, faults) or "",
        full_name=read_cell(row, ColumnPlace(1, _FormColumn.NAME), parse_applicant, faults) or "",
        quantities=named,
    )
    for text, number in quantities.items():
        code = text.strip().upper()
        if code in named:
            repeated = msg("Khoản này được ghi hai lần.")
            faults.append(_of_form(form, "duplicate_item", repeated, str(number), code[:40]))
        named[code] = number
    return form


@dataclass(frozen=True, slots=True)
class _FormTable:
    code: ColumnPlace
    name: ColumnPlace
    quantities: Mapping[str, ColumnPlace]  # item code -> where it stands
    rows: tuple[Row, ...]
    ignored: tuple[str, ...]
    faults: tuple[Fault, ...]


def read_forms(data: bytes, file_name: str, lines: Sequence[ServiceLine]) -> FormFile:
    """Read an Excel or CSV list of applications for a service with these lines.

    Raises FileError: those of `read_sheets`, and "no_application_table" when no sheet has a header
    with file code and full name.
    """
    sheets = read_sheets(data, file_name)
    tables = [table for sheet in sheets if (table := _find_table(sheet, lines))]
    if not tables:
        detail = msg("{file}: không thấy dòng tiêu đề có Mã hồ sơ và Họ và tên", file=file_name)
        raise FileError("no_application_table", detail)
    faults: list[Fault] = []
    forms: list[Form] = []
    for table in tables:
        faults += table.faults
        for row in table.rows:
            if not (is_blank(row.at(table.code.index)) and is_blank(row.at(table.name.index))):
                forms += _read_row(row, table, lines, faults)
    if len(forms) > MAX_APPLICATIONS:
        text = msg("Tệp có hơn {limit} hồ sơ.", limit=MAX_APPLICATIONS)
        faults.append(fault("too_many_applications", text))
    elif not forms and not faults:
        faults.append(fault("no_rows", msg("Tệp không có hồ sơ nào.")))
    ignored = dict.fromkeys(name for table in tables for name in table.ignored)
    return FormFile(tuple(forms), tuple(faults), tuple(ignored))


def _meaning_of(header: str) -> _FormColumn | None:
    words = normalise_header(header)
    if words in _CODE_WORDS:
        return _FormColumn.CODE
    return _FormColumn.NAME if words in _NAME_WORDS else None


def _find_table(sheet: Sheet, lines: Sequence[ServiceLine]) -> _FormTable | None:
    for at, row in enumerate(sheet.rows[:_HEADER_WITHIN]):
        header = claim_columns(row, _meaning_of)
        if len(header.columns) == len(_FormColumn):
            return _read_header(row, header, sheet.rows[at + 1 :], lines)
    return None


def _read_header(
    row: Row,
    header: Header[_FormColumn],
    below: tuple[Row, ...],
    lines: Sequence[ServiceLine],
) -> _FormTable:
    """Where the quantities stand beside code and name, and what is wrong with the header."""
    codes, names = header.columns[_FormColumn.CODE], header.columns[_FormColumn.NAME]
    twice = msg("Hai cột cùng nghĩa.")
    faults = [
        fault_at(row, header.place(index), "ambiguous_column", twice)
        for index in (*codes[1:], *names[1:])
    ]
    known = {normalise_header(text): line for line in lines for text in (line.name, line.item_code)}
    quantities: dict[str, ColumnPlace] = {}
    ignored = []
    for index, name in header.names.items():
        if index in {*codes, *names}:
            continue
        words = normalise_header(name)
        line = known.get(words)
        if line is None and words in _QUANTITY_WORDS:
            if len(lines) != 1:
                text = msg(
                    "Dịch vụ có nhiều khoản; hãy đặt tên cột theo mã khoản ({items}).",
                    items=tuple(line.item_code for line in lines),
                )
                faults.append(fault_at(row, header.place(index), "which_item", text))
                continue
            line = lines[0]
        if line is None:
            ignored.append(name[:60])
        elif line.item_code in quantities:
            text = msg("Hai cột cùng nói về khoản «{item}».", item=line.item_code)
            faults.append(fault_at(row, header.place(index), "ambiguous_column", text))
        else:
            quantities[line.item_code] = header.place(index)
    return _FormTable(
        code=header.place(codes[0]),
        name=header.place(names[0]),
        quantities=quantities,
        rows=below,
        ignored=tuple(ignored),
        faults=tuple(faults),
    )


def _read_row(
    row: Row, table: _FormTable, lines: Sequence[ServiceLine], faults: list[Fault]
) -> list[Form]:
    before = len(faults)

    def read(column: ColumnPlace, parse: Callable[[Cell], T]) -> T | None:
        return read_cell(row, column, parse, faults)

    code = read(table.code, parse_file_code)
    name = read(table.name, parse_applicant)
    quantities = {
        line.item_code: read(
            table.quantities[line.item_code],
            _parse_choice if line.is_optional else parse_quantity,
        )
        for line in lines
        if line.item_code in table.quantities
    }
    if len(faults) > before:
        return []
    named = {code: number for code, number in quantities.items() if number is not None}
    return [Form(row=row.number, file_code=code or "", full_name=name or "", quantities=named)]


def _parse_choice(cell: Cell) -> int:
    """How many of an optional item: blank or 0 is none."""
    return 0 if is_blank(cell) or str(cell).strip() == "0" else parse_quantity(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedForm:
    """An application with every quantity decided and what it costs; items not asked for are left out."""

    row: int
    file_code: str
    full_name: str = field(repr=False)
    quantities: Mapping[str, int]
    total_vnd: int


def price_forms(
    forms: Sequence[Form], lines: Sequence[ServiceLine]
) -> tuple[tuple[PricedForm, ...], tuple[Fault, ...]]:
    """What each application comes to, and everything that contradicts the service or another row."""
    by_code = {line.item_code: line for line in lines}
    first_row: dict[str, int] = {}
    faults: list[Fault] = []
    priced = []
    for form in forms:
        wrong = _contradictions(form, by_code)
        row = first_row.get(form.file_code)
        first_row.setdefault(form.file_code, form.row)
        if form.file_code and row is not None:  # on another sheet: perhaps of the same number
            text = msg("Mã hồ sơ này đã có ở dòng {row}.", row=row)
            wrong.append(_of_form(form, "duplicate_file_code", text, form.file_code))
        quantities = {
            line.item_code: number
            for line in lines
            if (
                number := form.quantities.get(
                    line.item_code, 0 if line.is_optional else line.quantity
                )
            )
        }
        if not wrong:
            total_vnd = sum(by_code[code].unit_price_vnd * n for code, n in quantities.items())
            if not 0 < total_vnd <= MAX_VND:
                text = msg("Tổng tiền của hồ sơ phải từ 1 đ đến {limit:vnd}.", limit=MAX_VND)
                wrong.append(_of_form(form, "bad_total", text, str(total_vnd)))
            priced.append(
                PricedForm(
                    row=form.row,
                    file_code=form.file_code,
                    full_name=form.full_name,
                    quantities=quantities,
                    total_vnd=total_vnd,
                )
            )
        faults += wrong
    return tuple(priced), tuple(faults)


def _contradictions(form: Form, lines: Mapping[str, ServiceLine]) -> list[Fault]:
    faults = []
    for code, number in form.quantities.items():
        line = lines.get(code)
        if line is None:
            text = msg("Dịch vụ không có khoản «{item}».", item=code[:40])
            faults.append(_of_form(form, "unknown_item", text, code[:40], code[:40]))
        elif not (0 if line.is_optional else 1) <= number <= MAX_QUANTITY:
            text = msg("Số lượng là số nguyên từ 1 đến {limit}.", limit=MAX_QUANTITY)
            faults.append(_of_form(form, "bad_quantity", text, str(number), code))
    return faults


def _of_form(form: Form, code: str, text: Message, value: str, column: str = "Mã hồ sơ") -> Fault:
    return fault(code, text, row=form.row, column=column, value=value)
