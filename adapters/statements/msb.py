"""MSB (Hàng Hải): no running balance, and the payee or payer in a column of its own.

Headers seen: Ngày giao dịch/Transaction date · Số bút toán/Reference no · Người hưởng/Người chuyển
Payee/Payer · Diễn giải · Nợ/Debit · Có/Credit. Without balances only opening + lines = closing can be
checked, where the file states both.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="msb",
    headers={
        Role.DATE: ("ngay giao dich", "transaction date"),
        Role.TRANSACTION: ("so but toan", "reference no"),
        Role.CREDIT: ("co credit", "=co", "=credit"),
        Role.DEBIT: ("no debit", "=no", "=debit"),
        Role.BALANCE: ("so du", "balance"),
        Role.CONTENT: ("dien giai", "description"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
    beside=("nguoi huong", "nguoi chuyen", "payee", "payer"),
)
