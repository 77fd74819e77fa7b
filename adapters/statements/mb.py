"""MB Bank (Quân đội): "Sao kê chi tiết tài khoản".

Headers seen: Ngày hạch toán/Posting date · Ngày giao dịch/Transaction date · Phát sinh nợ/Debit ·
Phát sinh có/Credit · Số dư/Balance · Nội dung/Diễn giải/Description; some exports add the entry's
number. The posting date is the one that the balance follows.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="mb",
    headers={
        Role.DATE: ("ngay hach toan", "posting date"),
        Role.TRANSACTION: (
            "so but toan",
            "ma giao dich",
            "so tham chieu",
            "transaction no",
            "reference",
        ),
        Role.CREDIT: ("phat sinh co",),
        Role.DEBIT: ("phat sinh no",),
        Role.BALANCE: ("so du", "balance"),
        Role.CONTENT: ("noi dung", "dien giai", "description"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
)
