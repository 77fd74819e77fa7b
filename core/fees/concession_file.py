"""A list of concessions as schools keep it: who need not pay how much of what, and by which decision. Pure.

Columns are known by their words. Everything wrong is reported at once with row, column and value; a row
that names a pupil is read or is a fault, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import FileError
from adapters.messages import msg, pmsg
from adapters.tabular.cells import Cell, is_blank, parse_date, show
from adapters.tabular.workbook import Row, read_sheets
from core.fees.cell_parsers import (
    parse_bearer,
    parse_code,
    parse_note,
    parse_percent,
    parse_words,
)
from core.fees.columns import FeeColumn, FeeTable, find_table
from core.fees.items import is_section
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.table_cells import fault_at, read_cell

MAX_ROWS = 20_000
_NEEDED = {
    FeeColumn.BORNE_BY: pmsg("column", "Nguồn"),
    FeeColumn.DECISION: pmsg("column", "Số quyết định"),
    FeeColumn.FROM: pmsg("column", "Từ ngày"),
    FeeColumn.UNTIL: pmsg("column", "Đến ngày"),
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
        if (table := find_table(sheet, frozenset({FeeColumn.STUDENT, FeeColumn.PERCENT})))
    ]
    if not tables:
        detail = msg(
            "{file}: không thấy dòng tiêu đề có Mã học sinh và Tỷ lệ miễn giảm", file=file_name
        )
        raise FileError("no_concession_table", detail)
    if len(tables) > 1:
        detail = msg("{file}: có nhiều bảng miễn giảm", file=file_name)
        raise FileError("several_concession_tables", detail)
    table = tables[0]
    faults = [*table.faults, *table.missing(_NEEDED)]
    rows = _listed(table)
    if not rows:
        text = msg("Bảng không có dòng miễn giảm nào.")
        faults.append(fault("no_concessions", text, row=table.header_row))
    elif len(rows) > MAX_ROWS:
        text = msg("Bảng có hơn {limit} dòng.", limit=MAX_ROWS)
        faults.append(fault("too_many_concessions", text, row=table.header_row))
    read = [one for row in rows[:MAX_ROWS] if (one := _read_row(row, table, faults))]
    return ConcessionFile(tuple(read), (*faults, *_repeated(read, table)))


def _listed(table: FeeTable) -> list[Row]:
    """The rows of pupils: no section titles, and nothing of what is signed under the table."""
    rows = [row for row in table.rows if not is_section(row)]
    student, percent = (
        table.columns[FeeColumn.STUDENT].index,
        table.columns[FeeColumn.PERCENT].index,
    )
    while rows and is_blank(rows[-1].at(percent)) and len(show(rows[-1].at(student)).split()) != 1:
        rows.pop()
    return rows


def _read_row(row: Row, table: FeeTable, faults: list[Fault]) -> ConcessionRow | None:
    before = len(faults)
    columns = table.columns
    student = read_cell(row, columns[FeeColumn.STUDENT], parse_code, faults)
    item = read_cell(row, columns.get(FeeColumn.CODE), _parse_item, faults, absent="")
    percent = read_cell(row, columns[FeeColumn.PERCENT], parse_percent, faults)
    bearer = read_cell(row, columns.get(FeeColumn.BORNE_BY), parse_bearer, faults)
    decision = read_cell(row, columns.get(FeeColumn.DECISION), parse_words, faults)
    legal = read_cell(row, columns.get(FeeColumn.LEGAL), parse_note, faults, absent="")
    from_date = read_cell(row, columns.get(FeeColumn.FROM), parse_date, faults)
    until = read_cell(row, columns.get(FeeColumn.UNTIL), parse_date, faults)
    if from_date and until and until < from_date:
        faults.append(
            fault_at(
                row,
                columns[FeeColumn.UNTIL],
                "ends_before_it_begins",
                msg("Đến ngày phải từ {from_date:date} trở đi.", from_date=from_date),
            )
        )
    if len(faults) > before:
        return None
    if not (student and percent and bearer and decision and from_date and until):
        return None  # a column is missing: a fault of the header
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


def _repeated(rows: Sequence[ConcessionRow], table: FeeTable) -> list[Fault]:
    first: dict[tuple[str, str, str, date], ConcessionRow] = {}
    return [
        fault(
            "duplicate_concession",
            msg("Quyết định này cho học sinh này đã có ở dòng {row}.", row=same.row),
            row=one.row,
            column=table.columns[FeeColumn.STUDENT].label,
            value=one.student_code,
        )
        for one in rows
        if (same := first.setdefault(one.identity, one)) is not one
    ]
