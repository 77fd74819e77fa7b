"""Any other bank: by the words most banks use, or by a mapping that the school wrote once.

`LAYOUT` is tried last, after every bank with a file of its own. It takes no single amount column: a
"Số tiền" without a sign would make every payment out look like one in. Such a file needs a
`StatementMapping`.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import FileError
from adapters.messages import msg
from adapters.statements.headers import StatementColumn as Column
from adapters.statements.headers import StatementLayout
from adapters.tabular.cells import normalise_header

LAYOUT = StatementLayout(
    name="generic",
    headers={
        Column.DATE: (
            *("tnx date", "ngay hach toan", "posting date", "accounting date", "ngay giao dich"),
            *("transaction date", "ngay gd", "ngay phat sinh", "ngay hieu luc"),
            *("ngay chung tu", "=ngay", "=date", "ngay", "date"),
        ),
        Column.TRANSACTION: (
            *("so giao dich", "transaction number", "so but toan", "ma giao dich", "so gd"),
            *("so chung tu", "so tham chieu", "so ct", "reference"),
            *("transaction no", "transaction id"),
        ),
        Column.CREDIT: (
            *("so tien ghi co", "ghi co", "phat sinh co", "co credit", "tien gui vao", "tien vao"),
            *("credit", "=co"),
        ),
        Column.DEBIT: (
            *("so tien ghi no", "ghi no", "phat sinh no", "no debit", "tien rut ra", "tien ra"),
            *("debit", "=no"),
        ),
        Column.BALANCE: ("so du", "running balance", "balance"),
        Column.CONTENT: (
            *("noi dung", "dien giai", "mo ta", "description", "transactions in detail"),
            *("transaction details", "remark"),
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementMapping:
    """Which column is what, by header text as the file shows it (marks, case, breaks do not matter).

    Give either `credit` (and `debit` where there is one) or `amount`, which is signed: above zero
    came in. "" means that the file has no such column.
    """

    date: str
    content: str
    credit: str = ""
    debit: str = ""
    amount: str = ""
    balance: str = ""
    transaction_id: str = ""


def mapped(mapping: StatementMapping, name: str = "mapped") -> StatementLayout:
    """Turn a school's mapping into a layout: a header must then match in full.

    Raises:
        FileError: "bad_mapping" when a needed column is not named or one is named twice.
    """
    headers = {
        role: normalise_header(text)
        for role, text in (
            (Column.DATE, mapping.date),
            (Column.CONTENT, mapping.content),
            (Column.CREDIT, mapping.credit),
            (Column.DEBIT, mapping.debit),
            (Column.AMOUNT, mapping.amount),
            (Column.BALANCE, mapping.balance),
            (Column.TRANSACTION, mapping.transaction_id),
        )
        if normalise_header(text)
    }
    if not {Column.DATE, Column.CONTENT} <= headers.keys():
        raise FileError("bad_mapping", msg("Cần chỉ ra cột ngày và cột nội dung"))
    if (Column.AMOUNT in headers) == (Column.CREDIT in headers or Column.DEBIT in headers):
        detail = msg("Cần chỉ ra cột ghi có/ghi nợ, hoặc một cột số tiền có dấu")
        raise FileError("bad_mapping", detail)
    if Column.DEBIT in headers and Column.CREDIT not in headers:
        raise FileError("bad_mapping", msg("Cần chỉ ra cột ghi có (tiền vào)"))
    if len(set(headers.values())) < len(headers):
        raise FileError("bad_mapping", msg("Một cột được chỉ ra hai lần"))
    return StatementLayout(
        name=name,
        headers={role: (f"={words}",) for role, words in headers.items()},
        required=frozenset(headers),
    )
