"""TPBank (Tiên Phong), Excel or CSV: Ghi nợ · Ghi có, words that other banks write too.

So the file must also name the bank above its table or in the sheet's name; one that does not is read
by `generic`, which knows the same words. A school called Tiên Phong does not name the bank.
"""

from __future__ import annotations

from adapters.statements.headers import Layout, Role

LAYOUT = Layout(
    name="tpbank",
    headers={
        Role.DATE: ("ngay giao dich", "ngay hach toan", "ngay hieu luc", "=ngay"),
        Role.TRANSACTION: ("ma giao dich", "so but toan", "so tham chieu", "so chung tu"),
        Role.CREDIT: ("ghi co",),
        Role.DEBIT: ("ghi no",),
        Role.BALANCE: ("so du",),
        Role.CONTENT: ("noi dung", "dien giai", "mo ta"),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
    titles=("tpbank", "ngan hang tmcp tien phong", "ngan hang thuong mai co phan tien phong"),
)
