"""VietinBank eFAST: "Lịch sử giao dịch - Transaction history".

Headers seen: Ngày hạch toán/Accounting date · Ngày phát sinh/Transaction date · Mô tả giao dịch/
Transaction description · Nợ/ Debit · Có / Credit · Số dư TK/Account balance · Số giao dịch/Transaction
number. Dates of a day's further lines are blank. The accounting date is the one that the balance follows.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="vietinbank",
    headers={
        Role.DATE: ("ngay hach toan", "accounting date"),
        Role.TRANSACTION: ("so giao dich", "transaction number"),
        Role.CREDIT: ("co credit", "=co", "=credit"),
        Role.DEBIT: ("no debit", "=no", "=debit"),
        Role.BALANCE: ("so du tk", "account balance", "so du"),
        Role.CONTENT: ("mo ta giao dich", "transaction description"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
)
