"""Agribank: the export of its core banking system, headed by the names of its fields.

trdt (yyyy-MM-dd or dd/MM/yyyy) · acctccyamt (signed: above zero came in) · aftrbal (balance after) ·
rem (transfer text) · trcdnm, tomgntno, toacctno, lclbrnm, thrref (kind, counter account, branch, counter
bank). It prints no number of the transaction. What Agribank prints for people is left to `generic`.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="agribank",
    headers={
        Column.DATE: ("trdt",),
        Column.AMOUNT: ("acctccyamt",),
        Column.BALANCE: ("aftrbal",),
        Column.CONTENT: ("=rem",),
    },
    required=frozenset({Column.DATE, Column.AMOUNT, Column.CONTENT}),
)
