"""The words around a statement's table: account number, opening and closing balance, totals.

They stand above the header, below the last line, or between two pages, with the value in the same
cell or in the next one. Only whole phrases of the banks count, so that a parent's transfer text is
never taken for one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.statements.balances import StatedBalance
from adapters.tabular.cells import Cell, CellError, normalise_header, parse_vnd, show
from adapters.tabular.workbook import Row


@dataclass(slots=True)
class Labels:
    """What the rows read so far state; `account_number` is "" until a row names it."""

    account_number: str = ""
    opening: StatedBalance | None = None
    closing: StatedBalance | None = None

    def absorb(self, other: Labels) -> None:
        """Take what the other states: the first account and opening stand, the last closing does."""
        self.account_number = self.account_number or other.account_number
        self.opening = self.opening or other.opening
        self.closing = other.closing or self.closing


_ACCOUNT_WORDS = r"(?:so tai khoan|so tk|tai khoan so|account no|account number|a c no)"
_NUMBER = r"(?P<number>[a-z]{0,4}[0-9](?: ?[0-9]){5,18})"
# "Số tài khoản cũ" (BIDV prints the old number first) and "… đối ứng" must not match.
_ACCOUNT = re.compile(
    rf"{_ACCOUNT_WORDS}(?: (?:{_ACCOUNT_WORDS}|account|no|number|vnd))*(?: {_NUMBER}(?: .*)?)?"
)
_ACCOUNT_VALUE = re.compile(rf"{_NUMBER}(?: .*)?")
_BALANCE = re.compile(r"(?:so du|du dau|du cuoi|opening|beginning|closing|ending)\b.*")
_OPENING = re.compile(r"(?:so du dau|du dau|opening|beginning)\b.*")
_CLOSING = re.compile(r"(?:so du cuoi|du cuoi|closing|ending)\b.*")
_TRAILING_AMOUNT = re.compile(
    r"[^0-9]*?(?P<amount>[(\-−]?[0-9][0-9.,\s]*\)?\s*(?:vnd|vnđ|đ|₫)?)\s*", re.IGNORECASE
)
_TOTAL = re.compile(
    r"(?:grand )?(?:tong cong|tong so|tong|total|cong)"
    r"(?: (?:tong|cong|total|phat sinh|doanh so|giao dich|transactions?|so tien|tien|amount|so|ghi no"
    r"|ghi co|no|co|debit|credit|trong ky|luy ke|vnd|mon|gd))*"
)


def read_labels(row: Row) -> Labels:
    """Read what a row outside the table states; an empty `Labels` when it says nothing known."""
    found = Labels()
    for index, cell in enumerate(row.cells):
        if not isinstance(cell, str):
            continue
        words = normalise_header(cell)
        if match := _ACCOUNT.fullmatch(words):
            number = match["number"] or _account_beside(row.cells[index + 1 :])
            found.absorb(Labels(account_number=number.replace(" ", "").upper()))
        elif _OPENING.fullmatch(words) or _CLOSING.fullmatch(words):
            amount_vnd = _amount_in(cell)
            if amount_vnd is None:
                amount_vnd = _amount_beside(row.cells[index + 1 :])
            if amount_vnd is None:
                continue
            stated = StatedBalance(row.number, amount_vnd)
            is_opening = _OPENING.fullmatch(words)
            found.absorb(Labels(opening=stated) if is_opening else Labels(closing=stated))
    return found


def is_balance_label(cell: Cell) -> bool:
    """Tell whether the cell is a balance's name ("Số dư đầu kỳ/ Opening balance: …")."""
    return isinstance(cell, str) and bool(_BALANCE.fullmatch(normalise_header(cell)))


def is_title_label(cell: Cell) -> bool:
    """Tell whether the cell names what stands beside it ("Số tài khoản", "Từ ngày:")."""
    if not isinstance(cell, str):
        return False
    return cell.rstrip().endswith(":") or bool(_ACCOUNT.fullmatch(normalise_header(cell)))


def is_total_label(cell: Cell) -> bool:
    """Tell whether the cell names a total, in nothing but the words of totals ("Tổng cộng/ Total")."""
    return isinstance(cell, str) and bool(_TOTAL.fullmatch(normalise_header(cell)))


def _account_beside(cells: tuple[Cell, ...]) -> str:
    for cell in cells:
        words = normalise_header(show(cell))
        if words:
            match = _ACCOUNT_VALUE.fullmatch(words)
            return match["number"] if match else ""
    return ""


def _amount_in(text: str) -> int | None:
    tail = text.rpartition(":")[2] if ":" in text else text
    match = _TRAILING_AMOUNT.fullmatch(tail)
    return _amount(match["amount"]) if match else None


def _amount_beside(cells: tuple[Cell, ...]) -> int | None:
    for cell in cells:
        if is_balance_label(cell):
            return None
        amount_vnd = _amount(cell)
        if amount_vnd is not None:
            return amount_vnd
    return None


def _amount(cell: Cell) -> int | None:
    try:
        return parse_vnd(cell, allow_negative=True)
    except CellError:
        return None
