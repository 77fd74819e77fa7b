"""A statement file, validated: every line with its balance and identity, every fault with its row.

Pure. A statement must never be taken in part: a running balance that jumps where nothing explains
it means that a line is missing, doubled or altered. A jump beside a row that could not be read is
that row's money: it is listed with the amount, never guessed into a payment.

The identity of a line is the line itself: account, day, amounts, the balance after it, and the
bank's transaction id or else its text; and, for equal lines, which of them in the file. The balance
makes one transfer in two overlapping files the same, and distinguishes two identical ones even when they
come in two files, unless it came back in between: see `reconciliation.proof.chains`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import FileError, Statement, StatementLine, UnreadableLine
from adapters.statements import StatementLayout, read_statement
from adapters.statements.balances import StatedBalance, is_newest_first
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.reference import find_references
from core.kit.text import compact
from core.kit.texts import msg
from reconciliation.statements.errors import UnreadableStatementError


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedLine:
    """A line of a statement. `reference`: what its text carries, several joined by a space."""

    row: int
    posted_on: date
    credit_vnd: int
    debit_vnd: int
    balance_vnd: int
    content: str
    bank_transaction_id: str
    identity: str
    reference: str | None
    is_corrected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRow:
    """A row that could not be read. `net_vnd`: its amount by the balances around it (+ came in)."""

    row: int
    column: str
    problem: str
    cells: tuple[str, ...]
    posted_on: date
    net_vnd: int
    balance_vnd: int
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedStatement:
    """A statement in the order of time. With any fault it must not be imported."""

    layout: str
    account_number: str
    from_date: date | None
    to_date: date | None
    opening_vnd: int
    closing_vnd: int
    lines: tuple[ValidatedLine, ...]
    unread: tuple[UnreadRow, ...]
    faults: tuple[Fault, ...]


def read_file(
    data: bytes,
    file_name: str,
    *,
    account_number: str,
    today: date,
    layout: StatementLayout | None = None,
    saved: StatementLayout | None = None,
) -> ValidatedStatement:
    """Read and validate a statement file of the bank account `account_number`.

    `layout` None means: find out, beginning with the one `saved` for this account.

    Raises UnreadableStatementError when the file cannot be read as a statement at all.
    """
    try:
        statement = read_statement(data, file_name, layout, first=saved)
    except FileError as error:
        raise UnreadableStatementError.unreadable(error) from error
    return validate(statement, account_number=account_number, today=today)


def validate(statement: Statement, *, account_number: str, today: date) -> ValidatedStatement:
    """Follow the balance through a statement and name everything that is wrong with it."""
    faults = [*_account_faults(statement, account_number), *_date_faults(statement, today)]
    opening_vnd = _opening(statement)
    if not statement.lines:
        faults.append(fault("no_lines", msg("Sao kê không có dòng nào.")))
    elif opening_vnd is None:
        faults.append(
            fault(
                "no_balance",
                msg(
                    "Sao kê không có số dư, nên không thể chứng minh được ngày: hãy xuất lại có cột số dư."
                ),
            )
        )
    checked = _BalanceCheck(account_number, opening_vnd or 0)
    if opening_vnd is not None:
        checked.check(statement)
    days = [line.posted_on for line in statement.lines]
    return ValidatedStatement(
        layout=statement.layout,
        account_number=account_number,
        from_date=min(days, default=None),
        to_date=max(days, default=None),
        opening_vnd=opening_vnd or 0,
        closing_vnd=checked.running_vnd,
        lines=tuple(checked.lines),
        unread=tuple(checked.unread),
        faults=(*faults, *checked.faults),
    )


def _account_faults(statement: Statement, account_number: str) -> Iterator[Fault]:
    found = compact(statement.account_number)
    if found and found != compact(account_number):
        text = msg(
            "Sao kê là của tài khoản {found}, không phải {number}.",
            found=found,
            number=account_number,
        )
        yield fault("other_account", text, value=found)


def _date_faults(statement: Statement, today: date) -> Iterator[Fault]:
    for line in statement.lines:
        if line.posted_on > today:
            yield future_date(line)


def future_date(line: StatementLine) -> Fault:
    """The fault of a line that lies in the future."""
    text = msg("Ngày giao dịch ở tương lai.")
    return fault("future_date", text, row=line.row, value=f"{line.posted_on:%d/%m/%Y}")


def _opening(statement: Statement) -> int | None:
    """The opening as stated or derived by the reader, else from the first balance, else the closing."""
    if statement.opening_vnd is not None:
        return statement.opening_vnd
    so_far_vnd = 0
    for line in _in_time(statement):
        so_far_vnd += line.credit_vnd - line.debit_vnd
        if line.balance_vnd is not None:
            return line.balance_vnd - so_far_vnd
    if statement.closing_vnd is None or statement.unreadable:
        return None
    return statement.closing_vnd - so_far_vnd


def _in_time(statement: Statement) -> Sequence[StatementLine]:
    return statement.lines[::-1] if _is_newest_first(statement) else statement.lines


def _is_newest_first(statement: Statement) -> bool:
    opening, closing = (
        None if vnd is None else StatedBalance(0, vnd)
        for vnd in (statement.opening_vnd, statement.closing_vnd)
    )
    return is_newest_first(statement.lines, opening, closing)


class _BalanceCheck:
    """The running balance from line to line, and the unreadable rows met since the last balance.

    Lines without a balance of their own that come after such a row are held until one is stated: only
    then is the row's amount known, and so the balance after each of them.
    """

    def __init__(self, account_number: str, opening_vnd: int) -> None:
        self.account_number = account_number
        self.running_vnd = opening_vnd
        self.lines: list[ValidatedLine] = []
        self.unread: list[UnreadRow] = []
        self.faults: list[Fault] = []
        self._pending: list[UnreadableLine] = []
        self._held: list[StatementLine] = []
        self._seen: Counter[str] = Counter()

    def check(self, statement: Statement) -> None:
        sign = -1 if _is_newest_first(statement) else 1
        entries: list[StatementLine | UnreadableLine] = [*statement.lines, *statement.unreadable]
        for entry in sorted(entries, key=lambda entry: entry.row * sign):
            if isinstance(entry, UnreadableLine):
                self._pending.append(entry)
            else:
                self._step(entry)
        self._check_closing(statement)

    def _step(self, line: StatementLine) -> None:
        if self._pending and line.balance_vnd is None:
            self._held.append(line)
            return
        net_vnd = line.credit_vnd - line.debit_vnd
        found_vnd = self.running_vnd + net_vnd if line.balance_vnd is None else line.balance_vnd
        if self._pending or found_vnd - net_vnd != self.running_vnd:
            self._explain(line.row, line.posted_on, found_vnd - net_vnd)
        self.running_vnd = found_vnd
        self.lines.append(self._line(line, found_vnd))

    def _check_closing(self, statement: Statement) -> None:
        """Check the closing that the file states against where the lines lead."""
        closing_vnd = statement.closing_vnd
        day = self.lines[-1].posted_on if self.lines else date.min
        rows = {line.row for line in statement.lines}
        row = next((gap.row for gap in statement.gaps if gap.row not in rows), 0)
        if closing_vnd is None:
            held_vnd = sum(line.credit_vnd - line.debit_vnd for line in self._held)
            closing_vnd = self.running_vnd + held_vnd
        self._explain(row, day, closing_vnd)

    def _explain(self, row: int, day: date, balance_vnd: int) -> None:
        """A jump to `balance_vnd` before `row` is the money of the unreadable rows there, or a fault."""
        held_vnd = sum(line.credit_vnd - line.debit_vnd for line in self._held)
        jump_vnd = balance_vnd - held_vnd - self.running_vnd
        day = self._held[0].posted_on if self._held else day
        if jump_vnd and not self._pending:
            self.faults.append(
                fault(
                    "balance_gap",
                    msg(
                        "Số dư lệch {jump:vnd}: ở đây thiếu, thừa hoặc bị sửa một dòng.",
                        jump=jump_vnd,
                    ),
                    row=row,
                    value=str(jump_vnd),
                )
            )
        for unreadable in self._pending:
            self.running_vnd += jump_vnd
            self.unread.append(self._unread(unreadable, day, jump_vnd))
            jump_vnd = 0  # several rows in one jump: the first carries the amount of all
        for line in self._held:
            self.running_vnd += line.credit_vnd - line.debit_vnd
            self.lines.append(self._line(line, self.running_vnd))
        self._pending, self._held = [], []
        self.running_vnd = balance_vnd

    def _line(self, line: StatementLine, balance_vnd: int) -> ValidatedLine:
        found = find_references(line.content) if line.credit_vnd else ()
        exact = corrected = ""
        if found:
            exact = " ".join([f.reference for f in found if not f.corrected])
            corrected = " ".join([f.reference for f in found if f.corrected])
        return ValidatedLine(
            row=line.row,
            posted_on=line.posted_on,
            credit_vnd=line.credit_vnd,
            debit_vnd=line.debit_vnd,
            balance_vnd=balance_vnd,
            content=line.content,
            bank_transaction_id=line.bank_transaction_id,
            identity=self._identity(
                line.posted_on.isoformat(),
                str(line.credit_vnd),
                str(line.debit_vnd),
                str(balance_vnd),
                compact(line.bank_transaction_id) or f"text:{compact(line.content)}",
            ),
            reference=exact or corrected or None,
            is_corrected=bool(corrected and not exact),
        )

    def _unread(self, row: UnreadableLine, day: date, net_vnd: int) -> UnreadRow:
        # a counting column makes the cells differ from file to file; the balances around do not
        around = (str(self.running_vnd - net_vnd), str(self.running_vnd)) if net_vnd else row.cells
        return UnreadRow(
            row=row.row,
            column=row.column,
            problem=str(row.problem),
            cells=row.cells,
            posted_on=day,
            net_vnd=net_vnd,
            balance_vnd=self.running_vnd,
            identity=self._identity("unreadable", day.isoformat(), *around),
        )

    def _identity(self, *parts: str) -> str:
        text = "\x1f".join((self.account_number, *parts))
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}-{self._seen[digest]}"
