"""BIDV: "Báo cáo chi tiết số dư tài khoản".

Headers seen: Ngày hiệu lực/Date · Ghi nợ/Debit · Ghi có/Credit · Số dư/Balance · Mô tả/Description. The
title names the old account number too ("Số tài khoản cũ"), and the opening balance "Dư đầu": `labels`
knows both.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="bidv",
    headers={
        Column.DATE: ("ngay hieu luc",),
        Column.TRANSACTION: ("so but toan", "so giao dich", "so tham chieu", "reference"),
        Column.CREDIT: ("ghi co",),
        Column.DEBIT: ("ghi no",),
        Column.BALANCE: ("so du", "balance"),
        Column.CONTENT: ("mo ta", "description"),
    },
)
