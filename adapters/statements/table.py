"""The engine under every statement layout: find the header by its words, then read row after row.

A layout says only how its bank names the columns. Here a row is one of: a header (also one repeated
on a new page), a label or total, a footer without money, or a transaction. What looks like a
transaction and cannot be read is kept as unreadable with its column and reason: never dropped, never 0.
Credit is money IN: the bank's view, not the school's own book.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from adapters.contract import FileError, Statement, StatementLine, UnreadableLine
from adapters.spreadsheet import (
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
from adapters.statements.balances import check_balances
from adapters.statements.labels import (
    Labels,
    is_balance_label,
    is_title_label,
    is_total_label,
    read_labels,
)
from adapters.wire import MAX_ID


class Role(StrEnum):
    """What a column means. `AMOUNT` is signed: above zero came in, below zero went out."""

    CREDIT = "credit"
    DEBIT = "debit"
    AMOUNT = "amount"
    BALANCE = "balance"
    DATE = "date"
    TRANSACTION = "transaction"
    CONTENT = "content"


MONEY = (Role.CREDIT, Role.DEBIT, Role.AMOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a bank names its columns.

    headers: phrases by role in normalised form (`normalise_header`), the most telling first; a
        phrase matches whole words inside a header, "=phrase" only a whole header.
    required: without all of these a row is no header of this layout. Either CREDIT (with or
        without DEBIT) or AMOUNT must be among them.
    date_carries_id: the date's cell also holds the document number ("01/08/2026\\n5389.82579").
    """

    name: str
    headers: Mapping[Role, tuple[str, ...]]
    required: frozenset[Role]
    date_carries_id: bool = False


@dataclass(slots=True)
class _Section:
    """One account's table while it is being read. `columns` are indexes from 0."""

    layout: Layout
    columns: dict[Role, int]
    names: dict[int, str]
    labels: Labels
    header_row: int
    day: date | None = None
    lines: list[StatementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)

    def at(self, row: Row, role: Role) -> Cell:
        column = self.columns.get(role)
        return None if column is None else row.at(column)

    def problem(self, role: Role, detail: str) -> _UnreadableError:
        column = self.columns.get(role, 0)
        return _UnreadableError(
            f"{self.names.get(column, '')} (cột {column_letter(column)})", detail
        )


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
    skip_row = 0
    for row, following in zip(sheet.rows, (*sheet.rows[1:], None), strict=True):
        if row.number == skip_row:
            continue
        known_layouts = layouts if section is None else (section.layout,)
        found = (
            None if section and _has_day(section, row) else _match_rows(row, None, known_layouts)
        )
        if section and not found and _starts_line(section, row):
            upcoming = Labels()
            _add_line(section, row)
            continue
        found = found or _find_split_header(row, following, known_layouts)
        if found:
            layout, columns, names, height = found
            if section is None or upcoming.account_number:
                section = _Section(layout, columns, names, upcoming, row.number)
                sections.append(section)
                upcoming = Labels()
            else:  # the same account goes on, on a new page
                section.columns, section.names, section.header_row = columns, names, row.number
            if height == 2 and following:
                skip_row = following.number
                section.header_row = skip_row
            continue
        labels = read_labels(row)
        if section is None:
            upcoming.absorb(labels)
            continue
        known = section.labels.account_number
        if known and labels.account_number not in {"", known}:
            upcoming = Labels(account_number=labels.account_number)
        (upcoming if upcoming.account_number else section.labels).absorb(labels)
    return tuple(map(_finish, sections))


def _finish(section: _Section) -> Statement:
    labels = section.labels
    checked = check_balances(
        section.lines, [line.row for line in section.unreadable], labels.opening, labels.closing
    )
    return Statement(
        layout=section.layout.name,
        account_number=labels.account_number,
        opening_vnd=checked.opening_vnd,
        closing_vnd=checked.closing_vnd,
        lines=tuple(section.lines),
        unreadable=tuple(section.unreadable),
        gaps=checked.gaps,
    )


_Header = tuple[Layout, dict[Role, int], dict[int, str], int]


def _find_split_header(
    row: Row, following: Row | None, layouts: Sequence[Layout]
) -> _Header | None:
    """Match a header of two lines (Phát sinh over Nợ | Có), unless the second is one by itself."""
    if following is None or following.number != row.number + 1:
        return None
    if any(not is_blank(cell) and not isinstance(cell, str) for cell in following.cells):
        return None
    if _match_rows(following, None, layouts):
        return None
    return _match_rows(row, following, layouts)


def _match_rows(row: Row, below: Row | None, layouts: Sequence[Layout]) -> _Header | None:
    texts = {i: cell for i, cell in enumerate(row.cells) if isinstance(cell, str)}
    if len(texts) < 3:
        return None
    for i, cell in enumerate(below.cells if below else ()):
        if isinstance(cell, str):
            texts[i] = f"{texts.get(i, '')} {cell}".strip()
    words = {i: _header_words(texts[i]) for i in sorted(texts)}
    for layout in layouts:
        columns = match_header(layout, words)
        if columns:
            names = {i: " ".join(text.split()) for i, text in texts.items()}
            return layout, columns, names, 2 if below else 1
    return None


def _header_words(text: str) -> str:
    # "No." is the counting column; without this it would read as "Nợ" (debit) once marks are gone.
    return "stt" if text.strip().rstrip(".").lower() == "no" else normalise_header(text)


def match_header(layout: Layout, words: Mapping[int, str]) -> dict[Role, int] | None:
    """Assign columns to roles by the layout's phrases; None when a required role finds none.

    Raises:
        FileError: "ambiguous_header" when all are found but two columns fit one money phrase.
    """
    columns: dict[Role, int] = {}
    rivals: list[str] = []
    for role in Role:
        for phrase in layout.headers.get(role, ()):
            fits = [
                i for i, text in words.items() if i not in columns.values() and _fits(phrase, text)
            ]
            if fits:
                columns[role] = fits[0]
                if role in MONEY and len(fits) > 1:
                    rivals = [column_letter(i) for i in fits]
                break
    if not layout.required <= columns.keys():
        return None
    if rivals:
        raise FileError("ambiguous_header", f"Các cột {', '.join(rivals)} có tiêu đề cùng nghĩa")
    return columns


def _fits(phrase: str, words: str) -> bool:
    if phrase.startswith("="):
        return words == phrase[1:]
    return f" {phrase} " in f" {words} "


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
        first, content = _first_filled(row), section.columns.get(Role.CONTENT)
        return first == content or not (_is_label(row.at(first)) or is_title_label(row.at(first)))
    # No date and no amount that can be read: still a line if most of its columns are filled.
    filled = [role for role in section.columns if not is_blank(section.at(row, role))]
    numbers = any(_shows_number(section.at(row, role)) for role in (Role.DATE, Role.BALANCE))
    return len(filled) >= 3 and numbers and not any(map(_is_label, row.cells))


def _names_sum(section: _Section, row: Row) -> bool:
    """An undated row whose transfer text is a total's or a balance's name: which of the two is it?"""
    return is_blank(section.at(row, Role.DATE)) and _is_label(section.at(row, Role.CONTENT))


def _moves_both_ways(section: _Section, row: Row) -> bool:
    """Both sides above zero: a total, for no transaction does that."""
    amounts = [show(section.at(row, role)) for role in (Role.CREDIT, Role.DEBIT)]
    return all(any(c in "123456789" for c in amount) for amount in amounts)


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
    if section.layout.date_carries_id and isinstance(cell, str):
        match = _DATE_AND_ID.fullmatch(cell)
        if match:
            return match["day"], " ".join(match["id"].split())
    return cell, ""


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
        if role in section.columns
        for cell in (section.at(row, role),)
    }
    signed = amounts.get(Role.AMOUNT, 0)
    credit_vnd = amounts.get(Role.CREDIT, 0) or max(signed, 0)
    debit_vnd = amounts.get(Role.DEBIT, 0) or max(-signed, 0)
    first = next(role for role in MONEY if role in section.columns)
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
