"""Any other bank: by the words most banks use, or by a mapping that the school wrote once.

`LAYOUT` is tried last, after every bank with a file of its own. It takes no single amount column: a
"Số tiền" without a sign would make every payment out look like one in. Such a file needs a `Mapping`.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import FileError
from adapters.statements.headers import Layout, Role
from adapters.tabular.spreadsheet import normalise_header

LAYOUT = Layout(
    name="generic",
    headers={
        Role.DATE: (
            *("tnx date", "ngay hach toan", "posting date", "accounting date", "ngay giao dich"),
            *("transaction date", "ngay gd", "ngay phat sinh", "ngay hieu luc"),
            *("ngay chung tu", "=ngay", "=date", "ngay", "date"),
        ),
        Role.TRANSACTION: (
            *("so giao dich", "transaction number", "so but toan", "ma giao dich", "so gd"),
            *("so chung tu", "so tham chieu", "so ct", "reference"),
            *("transaction no", "transaction id"),
        ),
        Role.CREDIT: (
            *("so tien ghi co", "ghi co", "phat sinh co", "co credit", "tien gui vao", "tien vao"),
            *("credit", "=co"),
        ),
        Role.DEBIT: (
            *("so tien ghi no", "ghi no", "phat sinh no", "no debit", "tien rut ra", "tien ra"),
            *("debit", "=no"),
        ),
        Role.BALANCE: ("so du", "running balance", "balance"),
        Role.CONTENT: (
            *("noi dung", "dien giai", "mo ta", "description", "transactions in detail"),
            *("transaction details", "remark"),
        ),
    },
    required=frozenset({Role.DATE, Role.CREDIT, Role.DEBIT, Role.CONTENT}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
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


def mapped(mapping: Mapping, name: str = "mapped") -> Layout:
    """Turn a school's mapping into a layout: a header must then match in full.

    Raises:
        FileError: "bad_mapping" when a needed column is not named or one is named twice.
    """
    headers = {
        role: normalise_header(text)
        for role, text in (
            (Role.DATE, mapping.date),
            (Role.CONTENT, mapping.content),
            (Role.CREDIT, mapping.credit),
            (Role.DEBIT, mapping.debit),
            (Role.AMOUNT, mapping.amount),
            (Role.BALANCE, mapping.balance),
            (Role.TRANSACTION, mapping.transaction_id),
        )
        if normalise_header(text)
    }
    if not {Role.DATE, Role.CONTENT} <= headers.keys():
        raise FileError("bad_mapping", "Cần chỉ ra cột ngày và cột nội dung")
    if (Role.AMOUNT in headers) == (Role.CREDIT in headers or Role.DEBIT in headers):
        raise FileError("bad_mapping", "Cần chỉ ra cột ghi có/ghi nợ, hoặc một cột số tiền có dấu")
    if Role.DEBIT in headers and Role.CREDIT not in headers:
        raise FileError("bad_mapping", "Cần chỉ ra cột ghi có (tiền vào)")
    if len(set(headers.values())) < len(headers):
        raise FileError("bad_mapping", "Một cột được chỉ ra hai lần")
    return Layout(
        name=name,
        headers={role: (f"={words}",) for role, words in headers.items()},
        required=frozenset(headers),
    )
