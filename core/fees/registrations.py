"""Who asked for which optional item: the second table of a fee file. Pure.

An optional item is charged to nobody who does not stand here; what cannot be read is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.tabular.spreadsheet import Sheet, normalise_header
from core.fees.cell_parsers import fault_at, parse_code, parse_words, read_cell
from core.fees.columns import Role, Table
from core.fees.items import FeeLine, is_section, is_total
from core.kit.faults import Fault


@dataclass(frozen=True, slots=True)
class Registration:
    """A pupil (the school's code) who asked for an optional item."""

    row: int
    student_code: str
    item_code: str


def read_registrations(
    tables: Sequence[Table], lines: Sequence[FeeLine], faults: list[Fault]
) -> tuple[Registration, ...]:
    """Who asked for what: one pupil and one or more item codes (", " between) per row."""
    optional = {line.item_code: line.is_optional for line in lines}
    is_whole = not faults  # a faulty row above may be the very item asked for below
    found: dict[tuple[str, str], Registration] = {}
    for table in tables:
        code_column = table.columns[Role.CODE]
        faults += table.faults
        for row in table.rows:
            if is_section(row) or is_total(row, table):
                continue
            student = read_cell(row, table.columns[Role.STUDENT], parse_code, faults)
            codes = read_cell(row, code_column, parse_words, faults)
            if not student or not codes:
                continue
            for item_code in (part.strip().upper() for part in codes.replace(";", ",").split(",")):
                asked = Registration(row.number, student, item_code)
                same = found.setdefault((student, item_code), asked)
                if same is not asked:
                    code = "duplicate_registration"
                    vi = f"Học sinh này đã đăng ký khoản «{item_code}» ở dòng {same.row}."
                    en = f"This pupil registered for {item_code!r} in row {same.row} already."
                elif item_code not in optional and is_whole:
                    code = "unknown_item"
                    vi = f"Không có khoản thu «{item_code}» trong bảng khoản thu."
                    en = f"There is no item {item_code!r} in the fee table."
                elif not optional.get(item_code, True):
                    code = "item_not_optional"
                    vi = f"Khoản «{item_code}» không phải khoản tự nguyện nên không cần đăng ký."
                    en = f"Item {item_code!r} is not optional."
                else:
                    continue
                faults.append(fault_at(row, code_column, code=code, vi=vi, en=en))
    return tuple(found.values())


def unread_registrations(sheets: Sequence[Sheet], tables: Sequence[Table]) -> list[Fault]:
    """A sheet that calls itself registrations but has no such header: said, never skipped."""
    read = {table.sheet.name for table in tables}
    return [
        Fault(
            code="registrations_unread",
            vi=f"Trang «{sheet.name}» cần dòng tiêu đề có Mã học sinh và Mã khoản thu.",
            en=f"The sheet {sheet.name!r} needs a header with student code and item code.",
            row=sheet.rows[0].number,
            column=sheet.name,
        )
        for sheet in sheets
        if sheet.name not in read and normalise_header(sheet.name).startswith(("dang ky", "regist"))
    ]
