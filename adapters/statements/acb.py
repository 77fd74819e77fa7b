"""ACB: the sheet "Statement".

Headers seen: Ngày giao dịch · Số GD · Nội dung · Tiền rút ra · Tiền gửi vào · Số dư, and the counter
account with its name, which are left in the cells.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="acb",
    headers={
        Role.DATE: ("ngay giao dich", "ngay gd"),
        Role.TRANSACTION: ("so gd",),
        Role.CREDIT: ("tien gui vao",),
        Role.DEBIT: ("tien rut ra",),
        Role.BALANCE: ("so du",),
        Role.CONTENT: ("noi dung",),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
)
