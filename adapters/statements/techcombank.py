"""Techcombank: dates as yyyy-MM-dd, the requesting date beside the transaction date.

Headers seen: Ngày KH thực hiện/Requesting date · Ngày giao dịch/Transaction date · Số bút toán/Reference
number · Ngân hàng đối tác/Remitter's bank · Tài khoản đích/Remitter's account number · Tên tài khoản đối
ứng/Remitter's account name · Diễn giải/Description · Nợ/Debit · Có/Credit · Phí/Lãi Fee/Interest ·
Thuế/Transaction VAT · Số dư/Running balance. The transaction date is the one that the balance follows.

A fee, interest or tax in a column of its own is not read as money: no source says whether debit and
credit already hold it. Such a line is listed as unreadable, and the balance shows what it moved.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="techcombank",
    headers={
        Column.DATE: ("ngay giao dich", "transaction date"),
        Column.TRANSACTION: ("so but toan", "reference number"),
        Column.CREDIT: ("co credit", "=co", "=credit"),
        Column.DEBIT: ("no debit", "=no", "=debit"),
        Column.BALANCE: ("so du", "running balance"),
        Column.CONTENT: ("dien giai", "description"),
    },
    beside=(
        *("ngay kh thuc hien", "requesting date"),
        *("remitter s bank", "remitter s account number", "remitter s account name"),
    ),
    extras=("phi lai", "fee interest", "thue", "transaction vat"),
)
