"""The engine under every settlement layout: find the header by its words, then read row after row.

Here a row is one of: a header (also one repeated on a new page), a label ("Mã lô: …"), a total, a footer
without money, or a line. What looks like a line and cannot be read is kept as unreadable with its column
and reason: never dropped, never 0. Batch and day are filled down, for reports merge those cells; nothing
else is. A blank amount is 0 only where the line adds up with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Final, TypeVar

from adapters.contract import UnreadableLine
from adapters.messages import Message, msg
from adapters.settlements.amounts import Amounts, SignError, signed
from adapters.settlements.cells import (
    is_total,
    parse_id,
    parse_instant,
    stated_day,
    total_batch,
    total_count,
)
from adapters.settlements.headers import (
    IDS,
    MONEY,
    SettlementHeader,
    SettlementLayout,
    find_header,
)
from adapters.settlements.headers import (
    SettlementColumn as Column,
)
from adapters.settlements.lines import Kind, SettlementLine, StatedTotals
from adapters.tabular.cells import (
    Cell,
    CellError,
    Formula,
    is_blank,
    is_nothing,
    normalise_header,
    parse_date,
    parse_text,
    parse_vnd,
    show,
    shows_number,
)
from adapters.tabular.headers import counted_from
from adapters.tabular.rows import RowReader, UnreadableRowError
from adapters.tabular.workbook import Row, Sheet

Value = TypeVar("Value")

_LONGEST_COUNT: Final = 6
_CURRENCIES: Final = {"", "vnd", "dong", "d", "viet nam dong"}
_BATCH_LABELS: Final = {"ma lo", "so lo", "lo", "batch", "batch id", "batch no", "ma lo quyet toan"}
_DAY_LABELS: Final = {
    *("ngay quyet toan", "ngay ket chuyen", "ngay tat toan", "settlement date", "settled on")
}


@dataclass(slots=True)
class SettlementTable:
    """One sheet while it is read: what it gave so far, and what holds for the rows to come."""

    sheet: Sheet
    several_sheets: bool
    found: SettlementHeader | None = None
    reader: RowReader[Column] | None = None
    has_lines: bool = False  # a header of lines was seen, not only one of batches
    titled_batch: str = ""
    titled_day: date | None = None
    batch_id: str = ""
    day: date | None = None
    lines: list[SettlementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    stated: list[StatedTotals] = field(default_factory=list)
    batches: set[str] = field(default_factory=set)

    @property
    def header(self) -> SettlementHeader:
        """The header that the row being read stands below."""
        assert self.found is not None, "rows are read below a header only"
        return self.found

    def at(self, row: Row, column: Column) -> Cell:
        """What a row says; None where the file has no such column."""
        return self.header.cell(row, column)

    def read(self, row: Row, column: Column, parse: Callable[[Cell], Value]) -> Value:
        """What a row says, as `parse` reads it. Raises UnreadableRowError."""
        assert self.reader is not None, "rows are read below a header only"
        return self.reader.read(row, column, parse)

    def problem(self, row: Row, column: Column, problem: Message) -> UnreadableRowError:
        """What is wrong in a column."""
        assert self.reader is not None, "rows are read below a header only"
        return self.reader.problem(row, column, problem)

    def go_on_under(self, found: SettlementHeader) -> None:
        """Read the rows to come by this header."""
        self.found = found
        self.reader = RowReader(found, self.sheet.name if self.several_sheets else None)
        self.has_lines |= not found.of_batches


def read_table(
    sheet: Sheet, layouts: Sequence[SettlementLayout], *, several_sheets: bool = False
) -> SettlementTable:
    """Read a sheet; `found` of what comes back is None where no layout's header is in it.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same.
    """
    table = SettlementTable(sheet, several_sheets)
    known = list(layouts)
    skip_row = 0
    for row, following in zip(sheet.rows, (*sheet.rows[1:], None), strict=True):
        if row.number == skip_row or _counts_columns(table, row):
            continue
        if table.found and _has_money(table, row):
            _read_row(table, row)
            continue
        found = find_header(row, following, known)
        if found:
            table.go_on_under(found)
            skip_row = found.row
            if table.has_lines:
                known = [found.layout]
        elif table.found and _names_transaction(table, row):
            _read_row(table, row)
        else:
            _read_labels(table, row)
    return table


def _has_money(table: SettlementTable, row: Row) -> bool:
    if not any(shows_number(table.at(row, role)) for role in MONEY):
        return False
    filled = list(islice((cell for cell in row.cells if not is_blank(cell)), 2))
    return len(filled) > 1 or not isinstance(filled[0], str) or _vnd_or_none(filled[0]) is not None


def _names_transaction(table: SettlementTable, row: Row) -> bool:
    """No amount at all: still a line if it has an id and most columns of one."""
    if table.header.of_batches:
        return False
    filled = [c for c in table.header.columns if not is_blank(table.at(row, c))]
    is_named = any(shows_number(table.at(row, role)) for role in IDS)
    return is_named and len(filled) >= 3 and not is_total(_first(row))


def _counts_columns(table: SettlementTable, row: Row) -> bool:
    """The row "(1) | (2) | (3) …" that Vietnamese forms print under a header."""
    below = table.found and row.number == table.found.row + 1
    return bool(below) and counted_from(row) in {0, 1}


def _first(row: Row) -> Cell:
    return next(cell for cell in row.cells if not is_blank(cell))


def _vnd_or_none(cell: Cell) -> int | None:
    try:
        return parse_vnd(cell, allow_negative=True)
    except CellError:
        return None


def _read_labels(table: SettlementTable, row: Row) -> None:
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


def _read_row(table: SettlementTable, row: Row) -> None:
    """A row with money below a header: a batch's totals, a total, or a line."""
    cells = tuple(map(show, row.cells))
    try:
        if table.header.of_batches:
            table.stated.append(_read_batch(table, row))
        elif _is_total_row(table, row):
            if not _is_of_one_kind(table, row):
                table.stated.append(_read_total(table, row))
            table.batch_id, table.day = "", None
        else:
            line = _read_line(table, row, cells)
            table.lines.append(line)
            table.batches.add(line.batch_id)
    except UnreadableRowError as error:
        table.unreadable.append(error.line(row.number, cells))


def _is_total_row(table: SettlementTable, row: Row) -> bool:
    """A total's name stands first, and no transaction's number beside it (a short one counts lines)."""
    label, number = _first(row), table.at(row, Column.TRANSACTION)
    return is_total(label) and (number is label or len(show(number).strip()) <= _LONGEST_COUNT)


def _is_of_one_kind(table: SettlementTable, row: Row) -> bool:
    """A total of payments only, or of refunds only: no batch is paid out by it."""
    kind = table.at(row, Column.KIND)
    is_kind = normalise_header(show(kind)) in table.header.layout.kinds
    return kind is not _first(row) and is_kind


def _read_total(table: SettlementTable, row: Row) -> StatedTotals:
    label = show(_first(row))
    cell = table.at(row, Column.BATCH)
    batch_id = ""
    if not is_blank(cell) and cell is not _first(row):
        batch_id = table.read(row, Column.BATCH, parse_id)
    if not batch_id and (in_label := total_batch(label)) in table.batches:
        batch_id = in_label
    return _stated(
        table,
        row,
        batch_id=batch_id,
        settled_on=None,
        line_rows=len(table.lines),
        count=total_count(label),
    )


def _read_batch(table: SettlementTable, row: Row) -> StatedTotals:
    if is_total(_first(row)):
        return _stated(table, row, batch_id="", settled_on=None, line_rows=None, count=None)
    day = table.read(row, Column.SETTLED, _parse_day)
    batch_id = table.read(row, Column.BATCH, parse_id)
    if not batch_id and not day:
        problem = msg("dòng tổng của lô không có mã lô, không có ngày")
        raise table.problem(row, Column.BATCH, problem)
    return _stated(table, row, batch_id=batch_id, settled_on=day, line_rows=None, count=None)


def _stated(
    table: SettlementTable,
    row: Row,
    *,
    batch_id: str,
    settled_on: date | None,
    line_rows: int | None,
    count: int | None,
) -> StatedTotals:
    """The figures of a total. A formula states nothing: it computes from the cells above it."""
    gross_vnd, fee_vnd, vat_vnd, net_vnd = (
        table.read(row, column, _parse_stated) for column in MONEY
    )
    stated_count = table.read(row, Column.COUNT, _parse_count)
    return StatedTotals(
        row=row.number,
        sheet=table.sheet.name,
        batch_id=batch_id,
        settled_on=settled_on,
        line_rows=line_rows,
        count=count if stated_count is None else stated_count,
        gross_vnd=gross_vnd,
        fee_vnd=fee_vnd,
        vat_vnd=vat_vnd,
        net_vnd=net_vnd,
    )


def _read_line(table: SettlementTable, row: Row, cells: tuple[str, ...]) -> SettlementLine:
    _fill_down(table, row)
    transaction, merchant, original = (table.read(row, column, parse_id) for column in IDS)
    kind = _kind(table, row)
    _expect_settled(table, row)
    amounts = _amounts(table, row, kind)
    if kind not in {Kind.FEE, Kind.ADJUSTMENT} and not transaction + merchant:
        problem = msg("không có mã nào: không rõ là giao dịch hay dòng tổng")
        raise table.problem(row, Column.TRANSACTION, problem)
    paid_at = table.read(row, Column.PAID, parse_instant)
    settled_on = table.day or table.titled_day
    if settled_on is None:
        raise table.problem(row, Column.SETTLED, msg("không có ngày quyết toán"))
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


def _fill_down(table: SettlementTable, row: Row) -> None:
    """Take the row's batch and day; one that cannot be read is not filled from the row above it."""
    if not is_blank(table.at(row, Column.BATCH)):
        table.batch_id = ""
        table.batch_id = table.read(row, Column.BATCH, parse_id)
    if not is_blank(table.at(row, Column.SETTLED)):
        table.day = None
        table.day = table.read(row, Column.SETTLED, _parse_day)


def _kind(table: SettlementTable, row: Row) -> Kind:
    if Column.KIND not in table.header.columns:
        gross_vnd = _vnd_or_none(table.at(row, Column.GROSS))
        if gross_vnd is not None and gross_vnd > 0:
            return Kind.PAY
        problem = msg("tệp không có cột loại: không rõ là hoàn tiền hay phí")
        raise table.problem(row, Column.GROSS, problem)
    text = table.read(row, Column.KIND, parse_text)
    kind = table.header.layout.kinds.get(normalise_header(text))
    if kind is None:
        problem = msg("«{value}» không phải loại giao dịch đã biết", value=text[:40])
        raise table.problem(row, Column.KIND, problem)
    return kind


def _expect_settled(table: SettlementTable, row: Row) -> None:
    status = table.read(row, Column.STATUS, parse_text)
    if status and normalise_header(status) not in table.header.layout.settled:
        problem = msg("«{value}»: giao dịch chưa thành công", value=status[:40])
        raise table.problem(row, Column.STATUS, problem)
    currency = table.read(row, Column.CURRENCY, parse_text)
    if normalise_header(currency) not in _CURRENCIES:
        problem = msg("«{value}» không phải VND", value=currency[:40])
        raise table.problem(row, Column.CURRENCY, problem)


def _amounts(table: SettlementTable, row: Row, kind: Kind) -> Amounts:
    blank = [column for column in MONEY if is_nothing(table.at(row, column))]
    needed = {Column.NET}
    if kind is not Kind.FEE:
        needed.add(Column.GROSS)
    for column in blank:
        if column in needed:
            raise table.problem(row, column, msg("ô trống, cần một số tiền"))
    gross_vnd, fee_vnd, vat_vnd, net_vnd = (table.read(row, column, _parse_vnd) for column in MONEY)
    try:
        amounts = signed(
            kind, Amounts(gross_vnd=gross_vnd, fee_vnd=fee_vnd, vat_vnd=vat_vnd, net_vnd=net_vnd)
        )
    except SignError as error:
        raise table.problem(row, error.column, error.problem) from None
    left_blank = [column for column in blank if column in table.header.columns]
    if left_blank and not amounts.is_balanced:
        problem = msg("ô trống mà giao dịch − phí − thuế không ra thực nhận")
        raise table.problem(row, left_blank[0], problem)
    return amounts


def _parse_day(cell: Cell) -> date | None:
    return None if is_blank(cell) else parse_date(cell)


def _parse_vnd(cell: Cell) -> int:
    return 0 if is_nothing(cell) else parse_vnd(cell, allow_negative=True)


def _parse_stated(cell: Cell) -> int | None:
    is_unstated = is_nothing(cell) or isinstance(cell, Formula)
    return None if is_unstated else parse_vnd(cell, allow_negative=True)


def _parse_count(cell: Cell) -> int | None:
    return None if is_nothing(cell) or isinstance(cell, Formula) else parse_vnd(cell)
