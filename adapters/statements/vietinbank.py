"""VietinBank eFAST: "Lịch sử giao dịch - Transaction history".

Headers seen: Ngày hạch toán/Accounting date · Ngày phát sinh/Transaction date · Mô tả giao dịch/
Transaction description · Nợ/ Debit · Có / Credit · Số dư TK/Account balance · Số giao dịch/Transaction
number. Dates of a day's further lines are blank. The accounting date is the one that the balance follows.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="vietinbank",
    headers={
        Column.DATE: ("ngay hach toan", "accounting date"),
        Column.TRANSACTION: ("so giao dich", "transaction number"),
        Column.CREDIT: ("co credit", "=co", "=credit"),
        Column.DEBIT: ("no debit", "=no", "=debit"),
        Column.BALANCE: ("so du tk", "account balance", "so du"),
        Column.CONTENT: ("mo ta giao dich", "transaction description"),
    },
)
