"""TPBank (Tiên Phong), Excel or CSV: Ghi nợ · Ghi có, words that other banks write too.

So the file must also name the bank above its table or in the sheet's name; one that does not is read
by `generic`, which knows the same words. A school called Tiên Phong does not name the bank.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="tpbank",
    headers={
        Column.DATE: ("ngay giao dich", "ngay hach toan", "ngay hieu luc", "=ngay"),
        Column.TRANSACTION: ("ma giao dich", "so but toan", "so tham chieu", "so chung tu"),
        Column.CREDIT: ("ghi co",),
        Column.DEBIT: ("ghi no",),
        Column.BALANCE: ("so du",),
        Column.CONTENT: ("noi dung", "dien giai", "mo ta"),
    },
    titles=("tpbank", "ngan hang tmcp tien phong", "ngan hang thuong mai co phan tien phong"),
)
