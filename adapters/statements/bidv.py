"""BIDV: "Báo cáo chi tiết số dư tài khoản".

Headers seen: Ngày hiệu lực/Date · Ghi nợ/Debit · Ghi có/Credit · Số dư/Balance · Mô tả/Description. The
title names the old account number too ("Số tài khoản cũ"), and the opening balance "Dư đầu": `labels`
knows both.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="bidv",
    headers={
        Role.DATE: ("ngay hieu luc",),
        Role.TRANSACTION: ("so but toan", "so giao dich", "so tham chieu", "reference"),
        Role.CREDIT: ("ghi co",),
        Role.DEBIT: ("ghi no",),
        Role.BALANCE: ("so du", "balance"),
        Role.CONTENT: ("mo ta", "description"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
)
