"""Statement files as a bank writes them, for tests: MB's layout in CSV, balances running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEADER = (
    "Ngày hạch toán/Posting date,Ngày giao dịch/Transaction date,Số bút toán/Transaction no,"
    "Phát sinh nợ/Debit,Phát sinh có/Credit,Số dư/Balance,Nội dung/Description"
)


@dataclass(frozen=True)
class Entry:
    """One transaction; `net_vnd` above zero came in."""

    day: date
    net_vnd: int
    content: str
    transaction_id: str = ""


def mb_csv(
    account: str,
    opening_vnd: int,
    entries: Sequence[Entry],
    *,
    newest_first: bool = False,
    spoil: dict[int, str] | None = None,
) -> bytes:
    """A file of these entries. `spoil` replaces the credit cell of entries by their index."""
    head = [
        "SAO KÊ CHI TIẾT TÀI KHOẢN,,,,,,",
        f"Số tài khoản: {account},,,,,,",
        HEADER,
    ]
    rows = []
    balance_vnd = opening_vnd
    for index, entry in enumerate(entries):
        balance_vnd += entry.net_vnd
        day = entry.day.strftime("%d/%m/%Y")
        debit = str(-entry.net_vnd) if entry.net_vnd < 0 else ""
        credit = str(entry.net_vnd) if entry.net_vnd > 0 else ""
        if spoil and index in spoil:
            credit = spoil[index]
        rows.append(
            f'{day},{day},{entry.transaction_id},{debit},{credit},{balance_vnd},"{entry.content}"'
        )
    if newest_first:
        rows.reverse()
    return "\n".join([*head, *rows, ""]).encode()
