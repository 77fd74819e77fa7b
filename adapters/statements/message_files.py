"""What MT940 and camt have in common: a file of messages, each with balances of its own, in VND.

A message covers a day or a page. Those of one account are one statement: each must begin with the
balance that the one before it ended with, and where it does not, a message is missing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from adapters.contract import BalanceGap, FileError, Statement, StatementLine, UnreadableLine
from adapters.messages import msg
from adapters.statements.balances import StatedBalance, check_balances


@dataclass(slots=True)
class AccountMessage:
    """One message as read. `account_number` is "" where it does not say."""

    account_number: str = ""
    opening: StatedBalance | None = None
    closing: StatedBalance | None = None
    lines: list[StatementLine] = field(default_factory=list)
    unreadable: list[UnreadableLine] = field(default_factory=list)


def join_messages(layout: str, messages: Sequence[AccountMessage]) -> tuple[Statement, ...]:
    """Make one statement per account, in the order of their first messages.

    Raises:
        FileError: "empty" when there is no message.
    """
    if not messages:
        raise FileError("empty", msg("Tệp không có bản sao kê nào"))
    by_account: dict[str, list[AccountMessage]] = {}
    for message in messages:
        by_account.setdefault(message.account_number, []).append(message)
    return tuple(_join(layout, number, pages) for number, pages in by_account.items())


def check_currency(currency: str) -> None:
    """Refuse an account in another currency: its amounts are not đồng.

    Raises:
        FileError: "foreign_currency".
    """
    if currency != "VND":
        detail = msg("Tài khoản không phải tiền đồng ({currency})", currency=currency[:8])
        raise FileError("foreign_currency", detail)


def _join(layout: str, account_number: str, pages: Sequence[AccountMessage]) -> Statement:
    checked = [
        check_balances(
            page.lines, [line.row for line in page.unreadable], page.opening, page.closing
        )
        for page in pages
    ]
    gaps = [gap for page in checked for gap in page.gaps]
    ended_vnd: int | None = None
    for page, found in zip(pages, checked, strict=True):
        if page.opening and ended_vnd is not None and page.opening.vnd != ended_vnd:
            gaps.append(
                BalanceGap(row=page.opening.row, expected_vnd=ended_vnd, found_vnd=page.opening.vnd)
            )
        ended_vnd = found.closing_vnd
    return Statement(
        layout=layout,
        account_number=account_number,
        opening_vnd=checked[0].opening_vnd,
        closing_vnd=checked[-1].closing_vnd,
        lines=(*(line for page in pages[:-1] for line in _with_closing(page)), *pages[-1].lines),
        unreadable=tuple(line for page in pages for line in page.unreadable),
        gaps=tuple(sorted(gaps, key=lambda gap: gap.row)),
    )


def _with_closing(page: AccountMessage) -> list[StatementLine]:
    """The lines, the last with the closing balance, which the next message must go on from.

    Not where the last is not the last in time, or where a row that cannot be read comes after it.
    """
    if not page.lines or page.closing is None:
        return page.lines
    first, last = page.lines[0], page.lines[-1]
    if first.posted_on > last.posted_on or any(row.row > last.row for row in page.unreadable):
        return page.lines
    return [*page.lines[:-1], replace(last, balance_vnd=page.closing.vnd)]
