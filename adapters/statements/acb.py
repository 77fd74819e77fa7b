"""ACB: the sheet "Statement".

Headers seen: Ngày giao dịch · Số GD · Nội dung · Tiền rút ra · Tiền gửi vào · Số dư, and the counter
account with its name, which are left in the cells.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="acb",
    headers={
        Column.DATE: ("ngay giao dich", "ngay gd"),
        Column.TRANSACTION: ("so gd",),
        Column.CREDIT: ("tien gui vao",),
        Column.DEBIT: ("tien rut ra",),
        Column.BALANCE: ("so du",),
        Column.CONTENT: ("noi dung",),
    },
)
