"""Agribank: the export of its core banking system, headed by the names of its fields.

trdt (yyyy-MM-dd or dd/MM/yyyy) · acctccyamt (signed: above zero came in) · aftrbal (balance after) ·
rem (transfer text) · trcdnm, tomgntno, toacctno, lclbrnm, thrref (kind, counter account, branch, counter
bank). It prints no number of the transaction. What Agribank prints for people is left to `generic`.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="agribank",
    headers={
        Role.DATE: ("trdt",),
        Role.AMOUNT: ("acctccyamt",),
        Role.BALANCE: ("aftrbal",),
        Role.CONTENT: ("=rem",),
    },
    required=frozenset({Role.DATE, Role.AMOUNT, Role.CONTENT}),
)
