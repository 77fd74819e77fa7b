"""MB Bank (Quân đội): "Sao kê chi tiết tài khoản".

Headers seen: Ngày hạch toán/Posting date · Ngày giao dịch/Transaction date · Phát sinh nợ/Debit ·
Phát sinh có/Credit · Số dư/Balance · Nội dung/Diễn giải/Description; some exports add the entry's
number. The posting date is the one that the balance follows.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="mb",
    headers={
        Column.DATE: ("ngay hach toan", "posting date"),
        Column.TRANSACTION: (
            "so but toan",
            "ma giao dich",
            "so tham chieu",
            "transaction no",
            "reference",
        ),
        Column.CREDIT: ("phat sinh co",),
        Column.DEBIT: ("phat sinh no",),
        Column.BALANCE: ("so du", "balance"),
        Column.CONTENT: ("noi dung", "dien giai", "description"),
    },
)
