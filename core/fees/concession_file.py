"""A list of concessions as schools keep it: who need not pay how much of what, and by which decision. Pure.

Columns are known by their words. Everything wrong is told at once with row, column and value; a row
that names a pupil is read or is a fault, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import FileError
from adapters.tabular.spreadsheet import Cell, Row, is_blank, parse_date, read_sheets, show
from core.fees.cell_parsers import (
    fault_at,
    parse_bearer,
    parse_code,
    parse_note,
    parse_percent,
    parse_words,
    read_cell,
)
from core.fees.columns import Role, Table, find_table
from core.fees.items import is_section
from core.kit.faults import Fault

MAX_ROWS = 20_000
_NEEDED = {
    Role.BORNE_BY: ("Nguồn", "Borne by"),
    Role.DECISION: ("Số quyết định", "Decision"),
    Role.FROM: ("Từ ngày", "From"),
    Role.UNTIL: ("Đến ngày", "Until"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcessionRow:
    """One concession; `item_code` "" is all tuition, both dates are included.

    Its identity is pupil, item, decision and first day: the same again with another last day ends
    it earlier, or prolongs it.
    """

    row: int
    student_code: str
    item_code: str
    percent: int
    borne_by: str
    decision_no: str
    legal_basis: str
    from_date: date
    until_date: date

    @property
    def identity(self) -> tuple[str, str, str, date]:
        """What makes two rows the same concession."""
        return self.student_code, self.item_code, self.decision_no, self.from_date


@dataclass(frozen=True, slots=True)
class ConcessionFile:
    """A list as read; with any fault nothing of it may be written."""

    rows: tuple[ConcessionRow, ...]
    faults: tuple[Fault, ...]


def read_concessions(data: bytes, file_name: str) -> ConcessionFile:
    """Read an Excel or CSV list whole, with every fault in it.

    Raises FileError when there is nothing to read: those of `read_sheets`, "no_concession_table",
    "several_concession_tables".
    """
    tables = [
        table
        for sheet in read_sheets(data, file_name)
        if (table := find_table(sheet, frozenset({Role.STUDENT, Role.PERCENT})))
    ]
    if not tables:
        raise FileError(
            "no_concession_table",
            f"{file_name}: không thấy dòng tiêu đề có Mã học sinh và Tỷ lệ miễn giảm",
        )
    if len(tables) > 1:
        raise FileError("several_concession_tables", f"{file_name}: có nhiều bảng miễn giảm")
    table = tables[0]
    faults = list(table.faults)
    faults += [
        Fault(
            code="column_missing",
            vi=f"Thiếu cột «{vi}».",
            en=f"The column {en!r} is missing.",
            row=table.header_row,
            column=vi,
        )
        for role, (vi, en) in _NEEDED.items()
        if role not in table.columns
    ]
    rows = _listed(table)
    if not rows or len(rows) > MAX_ROWS:
        faults.append(
            Fault(
                code="too_many_concessions" if rows else "no_concessions",
                vi=f"Bảng có hơn {MAX_ROWS} dòng." if rows else "Bảng không có dòng miễn giảm nào.",
                en=f"More than {MAX_ROWS} rows." if rows else "The table has no concessions.",
                row=table.header_row,
            )
        )
    read = [one for row in rows[:MAX_ROWS] if (one := _read_row(row, table, faults))]
    return ConcessionFile(tuple(read), (*faults, *_repeated(read, table)))


def _listed(table: Table) -> list[Row]:
    """The rows of pupils: no section titles, and nothing of what is signed under the table."""
    rows = [row for row in table.rows if not is_section(row)]
    student, percent = table.columns[Role.STUDENT].index, table.columns[Role.PERCENT].index
    while rows and is_blank(rows[-1].at(percent)) and len(show(rows[-1].at(student)).split()) != 1:
        rows.pop()
    return rows


def _read_row(row: Row, table: Table, faults: list[Fault]) -> ConcessionRow | None:
    before = len(faults)
    columns = table.columns
    student = read_cell(row, columns[Role.STUDENT], parse_code, faults)
    item = read_cell(row, columns.get(Role.CODE), _parse_item, faults, absent="")
    percent = read_cell(row, columns[Role.PERCENT], parse_percent, faults)
    bearer = read_cell(row, columns.get(Role.BORNE_BY), parse_bearer, faults)
    decision = read_cell(row, columns.get(Role.DECISION), parse_words, faults)
    legal = read_cell(row, columns.get(Role.LEGAL), parse_note, faults, absent="")
    from_date = read_cell(row, columns.get(Role.FROM), parse_date, faults)
    until = read_cell(row, columns.get(Role.UNTIL), parse_date, faults)
    if from_date and until and until < from_date:
        faults.append(
            fault_at(
                row,
                columns[Role.UNTIL],
                code="ends_before_it_begins",
                vi=f"Đến ngày phải từ {from_date:%d/%m/%Y} trở đi.",
                en=f"It ends before it begins on {from_date}.",
            )
        )
    if len(faults) > before:
        return None
    if not (student and percent and bearer and decision and from_date and until):
        return None  # a column is missing: said before
    return ConcessionRow(
        row=row.number,
        student_code=student,
        item_code=item or "",
        percent=percent,
        borne_by=bearer,
        decision_no=decision,
        legal_basis=legal or "",
        from_date=from_date,
        until_date=until,
    )


def _parse_item(cell: Cell) -> str:
    return "" if is_blank(cell) else parse_code(cell)


def _repeated(rows: Sequence[ConcessionRow], table: Table) -> list[Fault]:
    first: dict[tuple[str, str, str, date], ConcessionRow] = {}
    return [
        Fault(
            code="duplicate_concession",
            vi=f"Quyết định này cho học sinh này đã có ở dòng {same.row}.",
            en=f"This concession stands in row {same.row} already.",
            row=one.row,
            column=table.columns[Role.STUDENT].label,
            value=one.student_code,
        )
        for one in rows
        if (same := first.setdefault(one.identity, one)) is not one
    ]
