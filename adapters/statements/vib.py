"""VIB (Quốc Tế): Số chứng từ · Ghi nợ · Ghi có, words that other banks write too.

So the file must also name the bank above its table or in the sheet's name; one that does not is read
by `generic`, which knows the same words.
"""

from __future__ import annotations

from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout

LAYOUT = StatementLayout(
    name="vib",
    headers={
        Column.DATE: ("ngay giao dich", "ngay hach toan", "ngay hieu luc", "=ngay"),
        Column.TRANSACTION: ("so chung tu",),
        Column.CREDIT: ("ghi co",),
        Column.DEBIT: ("ghi no",),
        Column.BALANCE: ("so du",),
        Column.CONTENT: ("noi dung", "dien giai", "mo ta"),
    },
    required=frozenset(
        {Column.DATE, Column.TRANSACTION, Column.CREDIT, Column.DEBIT, Column.CONTENT}
    ),
    titles=("vib", "ngan hang tmcp quoc te", "ngan hang thuong mai co phan quoc te"),
)
