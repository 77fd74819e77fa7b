"""The engine under every settlement layout: find the header by its words, then read row after row.

Here a row is one of: a header (also one repeated on a new page), a label ("Mã lô: …"), a total, a footer
without money, or a line. What looks like a line and cannot be read is kept as unreadable with its column
and reason: never dropped, never 0. Batch and day are filled down, for reports merge those cells; nothing
else is. A blank amount is 0 only where the line adds up with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Final

from adapters.contract import UnreadableLine
from adapters.settlements.amounts import Amounts, SignError, signed
from adapters.settlements.cells import (
    is_total,
    parse_id,
    parse_instant,
    stated_day,
    total_batch,
    total_count,
)
from adapters.settlements.headers import IDS, MONEY, Header, Layout, Role, find_header
from adapters.settlements.lines import Kind, SettlementLine, StatedTotals
from adapters.tabular.spreadsheet import (
    Cell,
    CellError,
    Formula,
    Row,
    Sheet,
    column_letter,
    is_blank,
    normalise_header,
    parse_date,
    parse_text,
    parse_vnd,
    show,
)

_LONGEST_COUNT: Final = 6
_DASHES: Final = {"-", "–", "—"}
_CURRENCIES: Final = {"", "vnd", "dong", "d", "viet nam dong"}
_BATCH_LABELS: Final = {"ma lo", "so lo", "lo", "batch", "batch id", "batch no", "ma lo quyet toan"}
_DAY_LABELS: Final = {
    *("ngay quyet toan", "ngay ket chuyen", "ngay tat toan", "settlement date", "settled on"),
}


@dataclass(slots=True)
class Table:
    """One sheet while it is read: what it gave so far, and what holds for the rows to come."""

    sheet: Sheet
    several_sheets: bool
    header: Header | None = None
    header_row: int = -1
    has_lines: bool = False  # a header of lines was seen, not only one of batches
    titled_batch: str = ""
    titled_day: date | None = None
    batch_id: str = ""
    day: date | None = None
    lines: list[SettlementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    stated: list[StatedTotals] = field(default_factory=list)
    batches: set[str] = field(default_factory=set)

    def at(self, row: Row, role: Role) -> Cell:
        """The cell of a role; None where the file has no such column."""
        column = self.header.columns.get(role) if self.header else None
        return None if column is None else row.at(column)

    def problem(self, role: Role, detail: str) -> _UnreadableError:
        """Say what is wrong in a role's column."""
        column = self.header.columns.get(role) if self.header else None
        if column is None or self.header is None:
            return _UnreadableError("", detail)
        place = f"cột {column_letter(column)}"
        if self.several_sheets:
            place += f", trang «{self.sheet.name}»"
        return _UnreadableError(f"{self.header.names.get(column, '')} ({place})", detail)


class _UnreadableError(Exception):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(f"{column}: {detail}")
        self.column = column
        self.detail = detail


def read_table(sheet: Sheet, layouts: Sequence[Layout], *, several_sheets: bool = False) -> Table:
    """Read a sheet; `header` of what comes back is None where no layout's header is in it.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same.
    """
    table = Table(sheet, several_sheets)
    known = list(layouts)
    skip_row = 0
    for row, following in zip(sheet.rows, (*sheet.rows[1:], None), strict=True):
        if row.number == skip_row or (row.number == table.header_row + 1 and _counts_columns(row)):
            continue
        if table.header and _has_money(table, row):
            _read_row(table, row)
            continue
        found = find_header(row, following, known)
        if found:
            table.header, table.header_row = found, row.number
            table.has_lines |= not found.of_batches
            if table.has_lines:
                known = [found.layout]
            if found.height == 2 and following:
                skip_row = table.header_row = following.number
        elif table.header and _names_transaction(table, row):
            _read_row(table, row)
        else:
            _read_labels(table, row)
    return table


def _has_money(table: Table, row: Row) -> bool:
    if not any(_shows_number(table.at(row, role)) for role in MONEY):
        return False
    filled = list(islice((cell for cell in row.cells if not is_blank(cell)), 2))
    return len(filled) > 1 or not isinstance(filled[0], str) or _vnd_or_none(filled[0]) is not None


def _names_transaction(table: Table, row: Row) -> bool:
    """No amount at all: still a line if it has an id and most columns of one."""
    if table.header is None or table.header.of_batches:
        return False
    filled = [role for role in table.header.columns if not is_blank(table.at(row, role))]
    is_named = any(_shows_number(table.at(row, role)) for role in IDS)
    return is_named and len(filled) >= 3 and not is_total(_first(row))


def _counts_columns(row: Row) -> bool:
    """The row "(1) | (2) | (3) …" that Vietnamese forms print under a header."""
    digits = [re.sub(r"[^0-9]", "", show(cell)) for cell in row.cells if not is_blank(cell)]
    return len(digits) >= 3 and digits in (
        [str(n) for n in range(1, len(digits) + 1)],
        [str(n) for n in range(len(digits))],
    )


def _shows_number(cell: Cell) -> bool:
    return isinstance(cell, Formula) or any(c.isdigit() for c in show(cell))


def _first(row: Row) -> Cell:
    return next(cell for cell in row.cells if not is_blank(cell))


def _vnd_or_none(cell: Cell) -> int | None:
    try:
        return parse_vnd(cell, allow_negative=True)
    except CellError:
        return None


def _read_labels(table: Table, row: Row) -> None:
    """Take "Mã lô: B1" and "Ngày quyết toán: 21/11/2026", in one cell or in two."""
    if sum(not is_blank(cell) for cell in row.cells) > 4:
        return  # a header that nobody knows, not a title
    for index, cell in enumerate(row.cells):
        if not isinstance(cell, str):
            continue
        name, _, inside = cell.partition(":")
        value: Cell = inside.strip() or row.at(index + 1)
        words = normalise_header(name)
        if words in _BATCH_LABELS:
            try:
                table.titled_batch = parse_id(value)
            except CellError:
                table.titled_batch = ""
            table.batch_id = ""
        elif words in _DAY_LABELS:
            table.titled_day = stated_day(value)
            table.day = None


def _read_row(table: Table, row: Row) -> None:
    """A row with money below a header: a batch's totals, a total, or a line."""
    cells = tuple(map(show, row.cells))
    try:
        if table.header and table.header.of_batches:
            table.stated.append(_read_batch(table, row))
        elif _is_total_row(table, row):
            if not _is_of_one_kind(table, row):
                table.stated.append(_read_total(table, row))
            table.batch_id, table.day = "", None
        else:
            line = _read_line(table, row, cells)
            table.lines.append(line)
            table.batches.add(line.batch_id)
    except _UnreadableError as problem:
        table.unreadable.append(
            UnreadableLine(
                row=row.number, column=problem.column, problem=problem.detail, cells=cells
            )
        )


def _is_total_row(table: Table, row: Row) -> bool:
    """A total's name stands first, and no transaction's number beside it (a short one counts lines)."""
    label, number = _first(row), table.at(row, Role.TRANSACTION)
    return is_total(label) and (number is label or len(show(number).strip()) <= _LONGEST_COUNT)


def _is_of_one_kind(table: Table, row: Row) -> bool:
    """A total of payments only, or of refunds only: no batch is paid out by it."""
    kind = table.at(row, Role.KIND)
    known = table.header.layout.kinds if table.header else {}
    return kind is not _first(row) and normalise_header(show(kind)) in known


def _read_total(table: Table, row: Row) -> StatedTotals:
    label = show(_first(row))
    cell = table.at(row, Role.BATCH)
    named = "" if is_blank(cell) or cell is _first(row) else _id(table, row, Role.BATCH)
    told = total_batch(label)
    return _stated(
        table,
        row,
        batch_id=named or (told if told in table.batches else ""),
        settled_on=None,
        line_rows=len(table.lines),
        count=total_count(label),
    )


def _read_batch(table: Table, row: Row) -> StatedTotals:
    if is_total(_first(row)):
        return _stated(table, row, batch_id="", settled_on=None, line_rows=None, count=None)
    day = None
    if not is_blank(table.at(row, Role.SETTLED)):
        day = _day(table, row)
    batch_id = _id(table, row, Role.BATCH)
    if not batch_id and not day:
        raise table.problem(Role.BATCH, "dòng tổng của lô không có mã lô, không có ngày")
    return _stated(table, row, batch_id=batch_id, settled_on=day, line_rows=None, count=None)


def _stated(
    table: Table,
    row: Row,
    *,
    batch_id: str,
    settled_on: date | None,
    line_rows: int | None,
    count: int | None,
) -> StatedTotals:
    """The figures of a total. A formula states nothing: it computes from the cells above it."""
    figures = {
        role: None if _is_nothing(cell) or isinstance(cell, Formula) else _vnd(table, row, role)
        for role in (*MONEY, Role.COUNT)
        for cell in (table.at(row, role),)
    }
    return StatedTotals(
        row=row.number,
        sheet=table.sheet.name,
        batch_id=batch_id,
        settled_on=settled_on,
        line_rows=line_rows,
        count=count if figures[Role.COUNT] is None else figures[Role.COUNT],
        gross_vnd=figures[Role.GROSS],
        fee_vnd=figures[Role.FEE],
        vat_vnd=figures[Role.VAT],
        net_vnd=figures[Role.NET],
    )


def _read_line(table: Table, row: Row, cells: tuple[str, ...]) -> SettlementLine:
    _fill_down(table, row)
    transaction, merchant, original = (_id(table, row, role) for role in IDS)
    kind = _kind(table, row)
    _expect_settled(table, row)
    amounts = _amounts(table, row, kind)
    if kind is not Kind.FEE and kind is not Kind.ADJUSTMENT and not transaction + merchant:
        raise table.problem(
            Role.TRANSACTION, "không có mã nào: không rõ là giao dịch hay dòng tổng"
        )
    try:
        paid_at = parse_instant(table.at(row, Role.PAID))
    except CellError as error:
        raise table.problem(Role.PAID, error.detail) from None
    settled_on = table.day or table.titled_day
    if settled_on is None:
        raise table.problem(Role.SETTLED, "không có ngày quyết toán")
    return SettlementLine(
        row=row.number,
        kind=kind,
        provider_transaction_id=transaction,
        merchant_reference=merchant,
        original_reference=original,
        gross_vnd=amounts.gross_vnd,
        fee_vnd=amounts.fee_vnd,
        vat_vnd=amounts.vat_vnd,
        net_vnd=amounts.net_vnd,
        paid_at=paid_at,
        settled_on=settled_on,
        batch_id=table.batch_id or table.titled_batch,
        cells=cells,
        sheet=table.sheet.name,
    )


def _fill_down(table: Table, row: Row) -> None:
    """Take the row's batch and day; one that cannot be read is not filled from the row above it."""
    if not is_blank(table.at(row, Role.BATCH)):
        table.batch_id = ""
        table.batch_id = _id(table, row, Role.BATCH)
    if not is_blank(table.at(row, Role.SETTLED)):
        table.day = None
        table.day = _day(table, row)


def _kind(table: Table, row: Row) -> Kind:
    if table.header is None or Role.KIND not in table.header.columns:
        gross_vnd = _vnd_or_none(table.at(row, Role.GROSS))
        if gross_vnd is not None and gross_vnd > 0:
            return Kind.PAY
        raise table.problem(Role.GROSS, "tệp không có cột loại: không rõ là hoàn tiền hay phí")
    text = _text(table, row, Role.KIND)
    kind = table.header.layout.kinds.get(normalise_header(text))
    if kind is None:
        raise table.problem(Role.KIND, f"«{text[:40]}» không phải loại giao dịch đã biết")
    return kind


def _expect_settled(table: Table, row: Row) -> None:
    status = _text(table, row, Role.STATUS)
    if status and table.header and normalise_header(status) not in table.header.layout.settled:
        raise table.problem(Role.STATUS, f"«{status[:40]}»: giao dịch chưa thành công")
    currency = _text(table, row, Role.CURRENCY)
    if normalise_header(currency) not in _CURRENCIES:
        raise table.problem(Role.CURRENCY, f"«{currency[:40]}» không phải VND")


def _amounts(table: Table, row: Row, kind: Kind) -> Amounts:
    blank = [role for role in MONEY if _is_nothing(table.at(row, role))]
    needed = {Role.NET} if kind is Kind.FEE else {Role.NET, Role.GROSS}
    for role in blank:
        if role in needed:
            raise table.problem(role, "ô trống, cần một số tiền")
    gross_vnd, fee_vnd, vat_vnd, net_vnd = (
        0 if role in blank else _vnd(table, row, role) for role in MONEY
    )
    try:
        amounts = signed(
            kind,
            Amounts(gross_vnd=gross_vnd, fee_vnd=fee_vnd, vat_vnd=vat_vnd, net_vnd=net_vnd),
        )
    except SignError as error:
        raise table.problem(error.role, error.detail) from None
    unsaid = [role for role in blank if table.header and role in table.header.columns]
    if unsaid and not amounts.is_balanced:
        raise table.problem(unsaid[0], "ô trống mà giao dịch − phí − thuế không ra thực nhận")
    return amounts


def _is_nothing(cell: Cell) -> bool:
    return is_blank(cell) or (isinstance(cell, str) and cell.strip() in _DASHES)


def _vnd(table: Table, row: Row, role: Role) -> int:
    try:
        return parse_vnd(table.at(row, role), allow_negative=role is not Role.COUNT)
    except CellError as error:
        raise table.problem(role, error.detail) from None


def _id(table: Table, row: Row, role: Role) -> str:
    try:
        return parse_id(table.at(row, role))
    except CellError as error:
        raise table.problem(role, error.detail) from None


def _day(table: Table, row: Row) -> date:
    try:
        return parse_date(table.at(row, Role.SETTLED))
    except CellError as error:
        raise table.problem(Role.SETTLED, error.detail) from None


def _text(table: Table, row: Row, role: Role) -> str:
    try:
        return parse_text(table.at(row, role))
    except CellError as error:
        raise table.problem(role, error.detail) from None
