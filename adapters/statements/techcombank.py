"""Techcombank: dates as yyyy-MM-dd, the requesting date beside the transaction date.

Headers seen: Ngày KH thực hiện/Requesting date · Ngày giao dịch/Transaction date · Số bút toán/Reference
number · Ngân hàng đối tác/Remitter's bank · Tài khoản đích/Remitter's account number · Tên tài khoản đối
ứng/Remitter's account name · Diễn giải/Description · Nợ/Debit · Có/Credit · Phí/Lãi Fee/Interest ·
Thuế/Transaction VAT · Số dư/Running balance. The transaction date is the one that the balance follows.

A fee, interest or tax in a column of its own is not read as money: no source says whether debit and
credit already hold it. Such a line is listed as unreadable, and the balance shows what it moved.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="techcombank",
    headers={
        Role.DATE: ("ngay giao dich", "transaction date"),
        Role.TRANSACTION: ("so but toan", "reference number"),
        Role.CREDIT: ("co credit", "=co", "=credit"),
        Role.DEBIT: ("no debit", "=no", "=debit"),
        Role.BALANCE: ("so du", "running balance"),
        Role.CONTENT: ("dien giai", "description"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
    beside=(
        *("ngay kh thuc hien", "requesting date"),
        *("remitter s bank", "remitter s account number", "remitter s account name"),
    ),
    extras=("phi lai", "fee interest", "thue", "transaction vat"),
)
