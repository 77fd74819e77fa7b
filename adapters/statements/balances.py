"""Do the lines of a statement add up? Order, opening, closing, and every place where they do not.

Pure arithmetic over lines already read. It reports gaps and derives a balance that the file leaves
out; it never corrects a line and never derives anything across a row that could not be read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from adapters.contract import BalanceGap, StatementLine


@dataclass(frozen=True, slots=True)
class StatedBalance:
    """A balance that the file states, and the row (from 1) where it does."""

    row: int
    vnd: int


@dataclass(frozen=True, slots=True)
class Checked:
    """The balances in VND, stated or derived (None: neither), and the gaps by row."""

    opening_vnd: int | None
    closing_vnd: int | None
    gaps: tuple[BalanceGap, ...]


def check_balances(
    lines: Sequence[StatementLine],
    unreadable_rows: Collection[int],
    opening: StatedBalance | None,
    closing: StatedBalance | None,
) -> Checked:
    """Follow the running balance in the order of time, then check opening + lines = closing.

    `lines` are in file order, the newest first or last. After a gap the walk goes on from the
    balance found, so one fault makes one running gap; a total that fails is a gap at the closing's row.
    """
    newest_first = is_newest_first(lines, opening, closing)
    walk = lines[::-1] if newest_first else lines
    edge_rows = (walk[0].row, walk[-1].row) if walk else (0, 0)
    sign = -1 if newest_first else 1
    unread_before = any(row * sign < edge_rows[0] * sign for row in unreadable_rows)
    unread_after = any(row * sign > edge_rows[1] * sign for row in unreadable_rows)

    opening_vnd = opening.vnd if opening else None if unread_before else _derived_opening(walk)
    running = opening_vnd
    gaps: list[BalanceGap] = []
    for line in walk:
        if running is not None:
            running += _net_vnd(line)
            if line.balance_vnd is not None and line.balance_vnd != running:
                gaps.append(
                    BalanceGap(row=line.row, expected_vnd=running, found_vnd=line.balance_vnd)
                )
        if line.balance_vnd is not None:
            running = line.balance_vnd
    closing_vnd = closing.vnd if closing else None if unread_after else running
    if closing:
        total = running if opening_vnd is None else opening_vnd + sum(map(_net_vnd, lines))
        if total is not None and total != closing.vnd:
            gaps.append(BalanceGap(row=closing.row, expected_vnd=total, found_vnd=closing.vnd))
    return Checked(opening_vnd, closing_vnd, tuple(sorted(gaps, key=lambda gap: gap.row)))


def is_newest_first(
    lines: Sequence[StatementLine],
    opening: StatedBalance | None = None,
    closing: StatedBalance | None = None,
) -> bool:
    """Tell the order of the file by where balances fit; by dates only where they cannot tell."""
    if not lines:
        return False
    down = up = 0
    for above, below in pairwise(lines):
        if above.balance_vnd is not None and below.balance_vnd is not None:
            down += below.balance_vnd == above.balance_vnd + _net_vnd(below)
            up += above.balance_vnd == below.balance_vnd + _net_vnd(above)
    first, last = lines[0], lines[-1]
    if opening:
        down += first.balance_vnd == opening.vnd + _net_vnd(first)
        up += last.balance_vnd == opening.vnd + _net_vnd(last)
    if closing:
        down += last.balance_vnd == closing.vnd
        up += first.balance_vnd == closing.vnd
    return up > down or (up == down and first.posted_on > last.posted_on)


def _derived_opening(walk: Sequence[StatementLine]) -> int | None:
    moved_vnd = 0
    for line in walk:
        moved_vnd += _net_vnd(line)
        if line.balance_vnd is not None:
            return line.balance_vnd - moved_vnd
    return None


def _net_vnd(line: StatementLine) -> int:
    return line.credit_vnd - line.debit_vnd
