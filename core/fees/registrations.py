"""Who asked for which optional item: the second table of a fee file. Pure.

An optional item is charged to nobody who does not stand here; what cannot be read is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.messages import msg
from adapters.tabular.cells import normalise_header
from adapters.tabular.workbook import Sheet
from core.fees.cell_parsers import parse_code, parse_words
from core.fees.columns import FeeColumn, FeeTable
from core.fees.items import FeeLine, is_section, is_total
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.table_cells import fault_at, read_cell


@dataclass(frozen=True, slots=True)
class Registration:
    """A pupil (the school's code) who asked for an optional item."""

    row: int
    student_code: str
    item_code: str


def read_registrations(
    tables: Sequence[FeeTable], lines: Sequence[FeeLine], faults: list[Fault]
) -> tuple[Registration, ...]:
    """Who asked for what: one pupil and one or more item codes (", " between) per row."""
    optional = {line.item_code: line.is_optional for line in lines}
    is_whole = not faults  # a faulty row above may be the very item asked for below
    found: dict[tuple[str, str], Registration] = {}
    for table in tables:
        code_column = table.columns[FeeColumn.CODE]
        faults += table.faults
        for row in table.rows:
            if is_section(row) or is_total(row, table):
                continue
            student = read_cell(row, table.columns[FeeColumn.STUDENT], parse_code, faults)
            codes = read_cell(row, code_column, parse_words, faults)
            if not student or not codes:
                continue
            for item_code in (part.strip().upper() for part in codes.replace(";", ",").split(",")):
                asked = Registration(row.number, student, item_code)
                same = found.setdefault((student, item_code), asked)
                if same is not asked:
                    code = "duplicate_registration"
                    text = msg(
                        "Học sinh này đã đăng ký khoản «{item}» ở dòng {row}.",
                        item=item_code,
                        row=same.row,
                    )
                elif item_code not in optional and is_whole:
                    code = "unknown_item"
                    text = msg("Không có khoản thu «{item}» trong bảng khoản thu.", item=item_code)
                elif not optional.get(item_code, True):
                    code = "item_not_optional"
                    text = msg(
                        "Khoản «{item}» không phải khoản tự nguyện nên không cần đăng ký.",
                        item=item_code,
                    )
                else:
                    continue
                faults.append(fault_at(row, code_column, code, text))
    return tuple(found.values())


def unread_registrations(sheets: Sequence[Sheet], tables: Sequence[FeeTable]) -> list[Fault]:
    """A sheet that calls itself registrations but has no such header: a fault, never skipped."""
    read = {table.sheet.name for table in tables}
    return [
        fault(
            "registrations_unread",
            msg(
                "Trang «{sheet}» cần dòng tiêu đề có Mã học sinh và Mã khoản thu.", sheet=sheet.name
            ),
            row=sheet.rows[0].number,
            column=sheet.name,
        )
        for sheet in sheets
        if sheet.name not in read and normalise_header(sheet.name).startswith(("dang ky", "regist"))
    ]
