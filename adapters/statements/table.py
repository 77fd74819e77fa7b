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
from adapters.statements.balances import check_balances
from adapters.statements.headers import (
    MONEY,
    Header,
    Layout,
    Role,
    find_header,
    find_split_header,
    is_titled,
)
from adapters.statements.labels import (
    Labels,
    is_balance_label,
    is_title_label,
    is_total_label,
    read_labels,
)
from adapters.tabular.spreadsheet import (
    Cell,
    CellError,
    Formula,
    Row,
    Sheet,
    column_letter,
    is_blank,
    parse_date,
    parse_text,
    parse_vnd,
    show,
)
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
    def of(header: Header) -> _Columns:
        """The columns of a header."""
        at = header.columns.get
        return _Columns(
            day=at(Role.DATE),
            credit=at(Role.CREDIT),
            debit=at(Role.DEBIT),
            amount=at(Role.AMOUNT),
            balance=at(Role.BALANCE),
            content=at(Role.CONTENT),
            transaction=at(Role.TRANSACTION),
            width=1 + max((*header.columns.values(), *header.extras)),
        )


@dataclass(slots=True)
class _Section:
    """One account's table while it is being read."""

    header: Header
    labels: Labels
    header_row: int
    day: date | None = None
    lines: list[StatementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)
    columns: _Columns = field(init=False)

    def __post_init__(self) -> None:
        self.columns = _Columns.of(self.header)

    def at(self, row: Row, role: Role) -> Cell:
        column = self.header.columns.get(role)
        return None if column is None else row.at(column)

    def problem(self, at: Role | int, detail: str) -> _UnreadableError:
        """Say what is wrong in a role's column, or in the column of that index (from 0)."""
        column = self.header.columns.get(at, 0) if isinstance(at, Role) else at
        name = self.header.names.get(column, "")
        return _UnreadableError(f"{name} (cột {column_letter(column)})", detail)


class _UnreadableError(Exception):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


def read_table(sheet: Sheet, layouts: Sequence[Layout]) -> tuple[Statement, ...]:
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
                section = _Section(found, upcoming, row.number)
                sections.append(section)
                upcoming = Labels()
                known = [found.layout]
            else:  # the same account goes on, on a new page
                section.header, section.header_row = found, row.number
                section.columns = _Columns.of(found)
            if found.height == 2 and following:
                skip_row = following.number
                section.header_row = skip_row
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


def _with_titled(known: list[Layout], layouts: Sequence[Layout], row: Row) -> list[Layout]:
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


_DASHES = {"-", "–", "—"}
_DATE_AND_ID = re.compile(
    r"\s*(?P<day>[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}(?:\s+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?)"
    r"(?:\s*[/|;,-]\s*|\s+|$)(?P<id>.*)",
    re.DOTALL,
)


def _starts_line(section: _Section, row: Row) -> bool:
    """Tell whether a row below the header is a transaction, readable or not."""
    if row.number == section.header_row + 1 and _counts_columns(row):
        return False
    has_money = any(_shows_number(section.at(row, role)) for role in MONEY)
    if _has_day(section, row):
        if has_money:
            return True
        titled = is_title_label(row.at(_first_filled(row)))
        return not titled and not any(map(is_balance_label, row.cells))
    if _names_sum(section, row):
        return has_money and not _moves_both_ways(section, row)
    if has_money:
        # A title repeated on a new page may put an account number under an amount's header.
        first, content = _first_filled(row), section.header.columns.get(Role.CONTENT)
        if first == content:
            return True
        is_title = is_title_label(row.at(first)) and not _is_filled_in(section, row)
        return not (is_title or _is_label(row.at(first)))
    # No date and no amount that can be read: still a line if most of its columns are filled.
    filled = [role for role in section.header.columns if not is_blank(section.at(row, role))]
    numbers = any(_shows_number(section.at(row, role)) for role in (Role.DATE, Role.BALANCE))
    return len(filled) >= 3 and numbers and not any(map(_is_label, row.cells))


def _is_filled_in(section: _Section, row: Row) -> bool:
    """A text, and amounts that can be read: a damaged line, whatever its first cell says."""
    if is_blank(section.at(row, Role.CONTENT)):
        return False
    if Role.BALANCE in section.header.columns and is_blank(section.at(row, Role.BALANCE)):
        return False
    cells = [section.at(row, role) for role in (*MONEY, Role.BALANCE)]
    return all(_is_nothing(cell) or _is_vnd(cell) for cell in cells)


def _is_vnd(cell: Cell) -> bool:
    try:
        parse_vnd(cell, allow_negative=True)
    except CellError:
        return False
    return True


def _names_sum(section: _Section, row: Row) -> bool:
    """An undated row whose transfer text is a total's or a balance's name: which of the two is it?"""
    return is_blank(section.at(row, Role.DATE)) and _is_label(section.at(row, Role.CONTENT))


def _moves_both_ways(section: _Section, row: Row) -> bool:
    """Both sides above zero: a total, for no transaction does that."""
    return all(_is_amount(section.at(row, role)) for role in (Role.CREDIT, Role.DEBIT))


def _is_amount(cell: Cell) -> bool:
    """Something other than an empty cell, a dash or a zero."""
    return any(c in "123456789" for c in show(cell))


def _is_label(cell: Cell) -> bool:
    return is_total_label(cell) or is_balance_label(cell)


def _first_filled(row: Row) -> int:
    return next(i for i, cell in enumerate(row.cells) if not is_blank(cell))


def _counts_columns(row: Row) -> bool:
    """The row "(1) | (2) | (3) …" that Vietnamese forms print under a header."""
    digits = [re.sub(r"[^0-9]", "", show(cell)) for cell in row.cells if not is_blank(cell)]
    return len(digits) >= 3 and digits in (
        [str(n) for n in range(1, len(digits) + 1)],
        [str(n) for n in range(len(digits))],
    )


def _shows_number(cell: Cell) -> bool:
    return isinstance(cell, Formula) or any(c.isdigit() for c in show(cell))


def _has_day(section: _Section, row: Row) -> bool:
    try:
        parse_date(_day_and_id(section, row)[0])
    except CellError:
        return False
    return True


def _day_and_id(section: _Section, row: Row) -> tuple[Cell, str]:
    cell = section.at(row, Role.DATE)
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
    if row.number == section.header_row + 1 or any(cells[i] for i in section.header.extras):
        return None
    day_cell: Cell = None if at.day is None else cells[at.day]
    document = ""
    if section.header.layout.date_carries_id:
        day_cell, document = _day_and_id(section, row)
    balance: Cell = None if at.balance is None else cells[at.balance]
    try:
        day = parse_date(day_cell)
        credit_vnd = 0 if at.credit is None else _plain_vnd(cells[at.credit])
        debit_vnd = 0 if at.debit is None else _plain_vnd(cells[at.debit])
        if at.amount is not None:
            signed_vnd = _plain_vnd(cells[at.amount], allow_negative=True)
            credit_vnd = credit_vnd or max(signed_vnd, 0)
            debit_vnd = debit_vnd or max(-signed_vnd, 0)
        if bool(credit_vnd) == bool(debit_vnd):
            return None
        balance_vnd = None if _is_nothing(balance) else parse_vnd(balance, allow_negative=True)
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


def _plain_vnd(cell: Cell, *, allow_negative: bool = False) -> int:
    return 0 if _is_nothing(cell) else parse_vnd(cell, allow_negative=allow_negative)


def _add_line(section: _Section, row: Row) -> None:
    cells = tuple(map(show, row.cells))
    try:
        section.lines.append(_read_line(section, row, cells))
    except _UnreadableError as problem:
        section.unreadable.append(
            UnreadableLine(
                row=row.number, column=problem.column, problem=problem.detail, cells=cells
            )
        )


def _read_line(section: _Section, row: Row, cells: tuple[str, ...]) -> StatementLine:
    day_cell, document = _day_and_id(section, row)
    if not is_blank(day_cell):
        section.day = None  # an unreadable date is not filled down from the row above it
        try:
            section.day = parse_date(day_cell)
        except CellError as error:
            raise section.problem(Role.DATE, error.detail) from None
    if _names_sum(section, row):
        raise section.problem(Role.CONTENT, "ô ngày trống: không rõ là giao dịch hay dòng tổng")
    if section.day is None:
        raise section.problem(Role.DATE, "ô trống, cần ngày tháng")
    for column in section.header.extras:
        if _is_amount(row.at(column)):
            raise section.problem(column, "không rõ số này đã nằm trong tiền vào/tiền ra hay chưa")
    credit_vnd, debit_vnd = _read_money(section, row)
    balance_vnd = None
    balance = section.at(row, Role.BALANCE)
    if not _is_nothing(balance):
        balance_vnd = _read_vnd(section, Role.BALANCE, balance, allow_negative=True)
    return StatementLine(
        row=row.number,
        posted_on=section.day,
        credit_vnd=credit_vnd,
        debit_vnd=debit_vnd,
        balance_vnd=balance_vnd,
        content=_read_text(section, Role.CONTENT, row),
        bank_transaction_id=_read_id(section, row) or document,
        cells=cells,
    )


def _read_id(section: _Section, row: Row) -> str:
    """The bank's number; a text longer than any bank's number is none, and stays in the cells."""
    found = _read_text(section, Role.TRANSACTION, row)
    return found if len(found) <= MAX_ID else ""


def _read_money(section: _Section, row: Row) -> tuple[int, int]:
    amounts = {
        role: 0 if _is_nothing(cell) else _read_vnd(section, role, cell, role is Role.AMOUNT)
        for role in MONEY
        if role in section.header.columns
        for cell in (section.at(row, role),)
    }
    signed = amounts.get(Role.AMOUNT, 0)
    credit_vnd = amounts.get(Role.CREDIT, 0) or max(signed, 0)
    debit_vnd = amounts.get(Role.DEBIT, 0) or max(-signed, 0)
    first = next(role for role in MONEY if role in section.header.columns)
    if credit_vnd and debit_vnd:
        raise section.problem(first, "dòng có cả tiền vào lẫn tiền ra")
    if not credit_vnd and not debit_vnd:
        raise section.problem(first, "dòng không có số tiền")
    return credit_vnd, debit_vnd


def _is_nothing(cell: Cell) -> bool:
    return is_blank(cell) or (isinstance(cell, str) and cell.strip() in _DASHES)


def _read_vnd(section: _Section, role: Role, cell: Cell, allow_negative: bool) -> int:
    try:
        return parse_vnd(cell, allow_negative=allow_negative)
    except CellError as error:
        raise section.problem(role, error.detail) from None


def _read_text(section: _Section, role: Role, row: Row) -> str:
    cell = section.at(row, role)
    if isinstance(cell, date):  # a transfer text that Excel took for a date is still only text
        return show(cell)
    try:
        return parse_text(cell)
    except CellError as error:
        raise section.problem(role, error.detail) from None
