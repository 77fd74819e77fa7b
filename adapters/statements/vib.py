"""VIB (Quốc Tế): Số chứng từ · Ghi nợ · Ghi có, words that other banks write too.

So the file must also name the bank above its table or in the sheet's name; one that does not is read
by `generic`, which knows the same words.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="vib",
    headers={
        Role.DATE: ("ngay giao dich", "ngay hach toan", "ngay hieu luc", "=ngay"),
        Role.TRANSACTION: ("so chung tu",),
        Role.CREDIT: ("ghi co",),
        Role.DEBIT: ("ghi no",),
        Role.BALANCE: ("so du",),
        Role.CONTENT: ("noi dung", "dien giai", "mo ta"),
    },
    required=frozenset({Role.DATE, Role.TRANSACTION, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
    titles=("vib", "ngan hang tmcp quoc te", "ngan hang thuong mai co phan quoc te"),
)
