"""Vietcombank: "Sao kê tài khoản" of DigiBank, iB@nking for businesses and CashUp, XLS or XLSX.

Headers seen: STT/No. · Ngày/ TNX Date/ Số CT/ Doc No · [Ngày hiệu lực/ Effective date] · Số tiền ghi
nợ/ Debit · Số tiền ghi có/ Credit · Số dư/ Balance · Nội dung chi tiết/ Transactions in detail. The day
and the document number share a cell: "01/08/2026\\n5389.82579", "03/08/2026 / 5254 - 05356". The
effective date is never the posting date, and CashUp puts several accounts one below the other.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="vcb",
    headers={
        Column.DATE: ("tnx date",),
        Column.TRANSACTION: ("so ct", "doc no", "so chung tu", "so tham chieu", "reference"),
        Column.CREDIT: ("so tien ghi co", "ghi co", "credit"),
        Column.DEBIT: ("so tien ghi no", "ghi no", "debit"),
        Column.BALANCE: ("so du", "balance"),
        Column.CONTENT: (
            "noi dung chi tiet",
            "transactions in detail",
            "transaction in detail",
            "noi dung",
        ),
    },
    date_carries_id=True,
)
