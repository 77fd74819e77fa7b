"""MSB (Hàng Hải): no running balance, and the payee or payer in a column of its own.

Headers seen: Ngày giao dịch/Transaction date · Số bút toán/Reference no · Người hưởng/Người chuyển
Payee/Payer · Diễn giải · Nợ/Debit · Có/Credit. Without balances only opening + lines = closing can be
checked, where the file states both.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="msb",
    headers={
        Column.DATE: ("ngay giao dich", "transaction date"),
        Column.TRANSACTION: ("so but toan", "reference no"),
        Column.CREDIT: ("co credit", "=co", "=credit"),
        Column.DEBIT: ("no debit", "=no", "=debit"),
        Column.BALANCE: ("so du", "balance"),
        Column.CONTENT: ("dien giai", "description"),
    },
    beside=("nguoi huong", "nguoi chuyen", "payee", "payer"),
)
