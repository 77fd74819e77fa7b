"""The engine under every statement layout: find the header by its words, then read row after row.

A layout says only how its bank names the columns. Here a row is one of: a header (also one repeated
on a new page), a label or total, a footer without money, or a transaction. What looks like a
transaction and cannot be read is kept as unreadable with its column and reason: never dropped, never 0.
Credit is money IN: the bank's view, not the school's own book.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from adapters.contract import Statement, StatementLine, UnreadableLine
from adapters.messages import msg
from adapters.statements.balances import check_balances
from adapters.statements.headers import (
    MONEY,
    StatementHeader,
    StatementLayout,
    find_header,
    find_split_header,
    is_titled,
)
from adapters.statements.headers import (
    StatementColumn as Column,
)
from adapters.statements.labels import (
    Labels,
    is_balance_label,
    is_title_label,
    is_total_label,
    read_labels,
)
from adapters.tabular.cells import (
    Cell,
    CellError,
    is_blank,
    is_nothing,
    parse_date,
    parse_text,
    parse_vnd,
    show,
    shows_number,
)
from adapters.tabular.headers import counted_from
from adapters.tabular.rows import RowReader, UnreadableRowError
from adapters.tabular.workbook import Row, Sheet
from adapters.wire import MAX_ID


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of a header stand, looked up once for all rows below it; None: there is none."""

    day: int | None
    credit: int | None
    debit: int | None
    amount: int | None
    balance: int | None
    content: int | None
    transaction: int | None
    width: int

    @staticmethod
    def of(header: StatementHeader) -> _Columns:
        """The columns of a header."""
        at = header.index
        used = [index for (index,) in header.columns.values()]
        return _Columns(
            day=at(Column.DATE),
            credit=at(Column.CREDIT),
            debit=at(Column.DEBIT),
            amount=at(Column.AMOUNT),
            balance=at(Column.BALANCE),
            content=at(Column.CONTENT),
            transaction=at(Column.TRANSACTION),
            width=1 + max((*used, *header.extras)),
        )


@dataclass(slots=True)
class _Section:
    """One account's table while it is being read."""

    header: StatementHeader
    labels: Labels
    day: date | None = None
    lines: list[StatementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    columns: _Columns = field(init=False)
    reader: RowReader[Column] = field(init=False)

    def __post_init__(self) -> None:
        self.go_on_under(self.header)

    def go_on_under(self, header: StatementHeader) -> None:
        """Read the rows to come by this header: the first, or one repeated on a new page."""
        self.header = header
        self.columns = _Columns.of(header)
        self.reader = RowReader(header)

    def at(self, row: Row, column: Column) -> Cell:
        """What a row says; None where the table has no such column."""
        return self.header.cell(row, column)


def read_table(sheet: Sheet, layouts: Sequence[StatementLayout]) -> tuple[Statement, ...]:
    """Read every account's section of a sheet; an empty tuple when no layout's header is in it.

    Raises:
        FileError: "ambiguous_header" when two columns claim the same money.
    """
    sections: list[_Section] = []
    upcoming = Labels()
    section: _Section | None = None
    known = [known for known in layouts if not known.titles or is_titled(known, sheet.name)]
    skip_row = 0
    for row, following in zip(sheet.rows, (*sheet.rows[1:], None), strict=True):
        if row.number == skip_row:
            continue
        plain = _plain_line(section, row) if section else None
        if section and plain:
            upcoming = Labels()
            section.lines.append(plain)
            continue
        found = None if section and _has_day(section, row) else find_header(row, known)
        if section and not found and _starts_line(section, row):
            upcoming = Labels()
            _add_line(section, row)
            continue
        found = found or find_split_header(row, following, known)
        if found:
            if section is None or upcoming.account_number:
                section = _Section(found, upcoming)
                sections.append(section)
                upcoming = Labels()
                known = [found.layout]
            else:  # the same account goes on, on a new page
                section.go_on_under(found)
            skip_row = found.row
            continue
        labels = read_labels(row)
        if section is None:
            upcoming.absorb(labels)
            known = _with_titled(known, layouts, row)
            continue
        own_number = section.labels.account_number
        if own_number and labels.account_number not in {"", own_number}:
            upcoming = Labels(account_number=labels.account_number)
        (upcoming if upcoming.account_number else section.labels).absorb(labels)
    return tuple(map(_finish, sections))


def _with_titled(
    known: list[StatementLayout], layouts: Sequence[StatementLayout], row: Row
) -> list[StatementLayout]:
    """The layouts known so far and those whose bank this row names, in the order of `layouts`."""
    texts = [cell for cell in row.cells if isinstance(cell, str)]
    return [
        layout
        for layout in layouts
        if layout in known or any(is_titled(layout, text) for text in texts)
    ]


def _finish(section: _Section) -> Statement:
    labels = section.labels
    checked = check_balances(
        section.lines, [line.row for line in section.unreadable], labels.opening, labels.closing
    )
    return Statement(
        layout=section.header.layout.name,
        account_number=labels.account_number,
        opening_vnd=checked.opening_vnd,
        closing_vnd=checked.closing_vnd,
        lines=tuple(section.lines),
        unreadable=tuple(section.unreadable),
        gaps=checked.gaps,
    )


_DATE_AND_ID = re.compile(
    r"\s*(?P<day>[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}(?:\s+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?)"
    r"(?:\s*[/|;,-]\s*|\s+|$)(?P<id>.*)",
    re.DOTALL,
)


def _starts_line(section: _Section, row: Row) -> bool:
    """Tell whether a row below the header is a transaction, readable or not."""
    if _counts_columns(section, row):
        return False
    has_money = any(shows_number(section.at(row, column)) for column in MONEY)
    if _has_day(section, row):
        if has_money:
            return True
        titled = is_title_label(row.at(_first_filled(row)))
        return not titled and not any(map(is_balance_label, row.cells))
    if _names_sum(section, row):
        return has_money and not _goes_both_ways(section, row)
    if has_money:
        # A title repeated on a new page may put an account number under an amount's header.
        first = _first_filled(row)
        if first == section.columns.content:
            return True
        is_title = is_title_label(row.at(first)) and not _is_filled_in(section, row)
        return not (is_title or _is_label(row.at(first)))
    # No date and no amount that can be read: still a line if most of its columns are filled.
    filled = [c for c in section.header.columns if not is_blank(section.at(row, c))]
    dated_or_balanced = (Column.DATE, Column.BALANCE)
    numbers = any(shows_number(section.at(row, column)) for column in dated_or_balanced)
    return len(filled) >= 3 and numbers and not any(map(_is_label, row.cells))


def _is_filled_in(section: _Section, row: Row) -> bool:
    """A text, and amounts that can be read: a damaged line, whatever its first cell says."""
    if is_blank(section.at(row, Column.CONTENT)):
        return False
    balance = Column.BALANCE
    if section.columns.balance is not None and is_blank(section.at(row, balance)):
        return False
    cells = [section.at(row, column) for column in (*MONEY, balance)]
    return all(is_nothing(cell) or _is_vnd(cell) for cell in cells)


def _is_vnd(cell: Cell) -> bool:
    try:
        parse_vnd(cell, allow_negative=True)
    except CellError:
        return False
    return True


def _names_sum(section: _Section, row: Row) -> bool:
    """An undated row whose transfer text is a total's or a balance's name: which of the two is it?"""
    is_undated = is_blank(section.at(row, Column.DATE))
    return is_undated and _is_label(section.at(row, Column.CONTENT))


def _goes_both_ways(section: _Section, row: Row) -> bool:
    """Both sides above zero: a total, for no transaction does that."""
    both = (Column.CREDIT, Column.DEBIT)
    return all(_is_amount(section.at(row, column)) for column in both)


def _is_amount(cell: Cell) -> bool:
    """Something other than an empty cell, a dash or a zero."""
    return any(c in "123456789" for c in show(cell))


def _is_label(cell: Cell) -> bool:
    return is_total_label(cell) or is_balance_label(cell)


def _first_filled(row: Row) -> int:
    return next(i for i, cell in enumerate(row.cells) if not is_blank(cell))


def _counts_columns(section: _Section, row: Row) -> bool:
    """The row "(1) | (2) | (3) …" that Vietnamese forms print under a header."""
    return row.number == section.header.row + 1 and counted_from(row) in {0, 1}


def _has_day(section: _Section, row: Row) -> bool:
    try:
        parse_date(_day_and_id(section, row)[0])
    except CellError:
        return False
    return True


def _day_and_id(section: _Section, row: Row) -> tuple[Cell, str]:
    cell = section.at(row, Column.DATE)
    if section.header.layout.date_carries_id and isinstance(cell, str):
        match = _DATE_AND_ID.fullmatch(cell)
        if match:
            return match["day"], " ".join(match["id"].split())
    return cell, ""


def _plain_line(section: _Section, row: Row) -> StatementLine | None:
    """A dated row whose every cell reads as it should: what nearly all are. None: look closely.

    It never decides otherwise than `_starts_line` and `_read_line`, it only asks fewer questions.
    """
    at, cells = section.columns, row.cells
    if len(cells) < at.width:
        cells += (None,) * (at.width - len(cells))
    header = section.header
    if row.number == header.row + 1 or any(cells[i] for i in header.extras):
        return None
    day_cell: Cell = None if at.day is None else cells[at.day]
    document = ""
    if header.layout.date_carries_id:
        day_cell, document = _day_and_id(section, row)
    balance: Cell = None if at.balance is None else cells[at.balance]
    try:
        day = parse_date(day_cell)
        credit_vnd = 0 if at.credit is None else _parse_unsigned(cells[at.credit])
        debit_vnd = 0 if at.debit is None else _parse_unsigned(cells[at.debit])
        if at.amount is not None:
            signed_vnd = _parse_signed(cells[at.amount])
            credit_vnd = credit_vnd or max(signed_vnd, 0)
            debit_vnd = debit_vnd or max(-signed_vnd, 0)
        if bool(credit_vnd) == bool(debit_vnd):
            return None
        balance_vnd = _parse_balance(balance)
        content = "" if at.content is None else parse_text(cells[at.content])
        number = "" if at.transaction is None else parse_text(cells[at.transaction])
    except CellError:
        return None
    section.day = day
    return StatementLine(
        row=row.number,
        posted_on=day,
        credit_vnd=credit_vnd,
        debit_vnd=debit_vnd,
        balance_vnd=balance_vnd,
        content=content,
        bank_transaction_id=(number if len(number) <= MAX_ID else "") or document,
        cells=tuple([cell if cell.__class__ is str else show(cell) for cell in row.cells]),
    )


def _parse_unsigned(cell: Cell) -> int:
    return 0 if is_nothing(cell) else parse_vnd(cell)


def _parse_signed(cell: Cell) -> int:
    return 0 if is_nothing(cell) else parse_vnd(cell, allow_negative=True)


def _parse_balance(cell: Cell) -> int | None:
    return None if is_nothing(cell) else parse_vnd(cell, allow_negative=True)


def _parse_content(cell: Cell) -> str:
    """A transfer text that Excel took for a date is still only text."""
    return show(cell) if isinstance(cell, date) else parse_text(cell)


def _add_line(section: _Section, row: Row) -> None:
    cells = tuple(map(show, row.cells))
    try:
        section.lines.append(_read_line(section, row, cells))
    except UnreadableRowError as error:
        section.unreadable.append(error.line(row.number, cells))


def _read_line(section: _Section, row: Row, cells: tuple[str, ...]) -> StatementLine:
    reader = section.reader
    day_cell, document = _day_and_id(section, row)
    section.day = _read_day(section, row, day_cell)
    for index in section.header.extras:
        if _is_amount(row.at(index)):
            problem = msg("không rõ số này đã nằm trong tiền vào/tiền ra hay chưa")
            raise reader.problem_at(row, index, problem)
    credit_vnd, debit_vnd = _read_money(section, row)
    balance_vnd = reader.read(row, Column.BALANCE, _parse_balance)
    content = reader.read(row, Column.CONTENT, _parse_content)
    number = reader.read(row, Column.TRANSACTION, _parse_content)
    return StatementLine(
        row=row.number,
        posted_on=section.day,
        credit_vnd=credit_vnd,
        debit_vnd=debit_vnd,
        balance_vnd=balance_vnd,
        content=content,
        # a text longer than any bank's number is none, and stays in the cells
        bank_transaction_id=(number if len(number) <= MAX_ID else "") or document,
        cells=cells,
    )


def _read_day(section: _Section, row: Row, cell: Cell) -> date:
    """The row's day, or where the cell is blank the day of the row above it.

    A date that cannot be read is not filled down.
    """
    day = section.day
    if not is_blank(cell):
        section.day = None
        day = section.reader.read(row, Column.DATE, lambda _: parse_date(cell))
    if _names_sum(section, row):
        problem = msg("ô ngày trống: không rõ là giao dịch hay dòng tổng")
        raise section.reader.problem(row, Column.CONTENT, problem)
    if day is None:
        problem = msg("ô trống, cần ngày tháng")
        raise section.reader.problem(row, Column.DATE, problem)
    return day


def _read_money(section: _Section, row: Row) -> tuple[int, int]:
    reader = section.reader
    credit_vnd = reader.read(row, Column.CREDIT, _parse_unsigned)
    debit_vnd = reader.read(row, Column.DEBIT, _parse_unsigned)
    signed_vnd = reader.read(row, Column.AMOUNT, _parse_signed)
    credit_vnd = credit_vnd or max(signed_vnd, 0)
    debit_vnd = debit_vnd or max(-signed_vnd, 0)
    if bool(credit_vnd) == bool(debit_vnd):
        problem = (
            msg("dòng có cả tiền vào lẫn tiền ra") if credit_vnd else msg("dòng không có số tiền")
        )
        first = next(column for column in MONEY if column in section.header.columns)
        raise reader.problem(row, first, problem)
    return credit_vnd, debit_vnd
