"""Which column of a fee file is which, by the words of its header in Vietnamese or English. Pure.

The header may stand below title rows and its columns in any order. Two columns that claim the same
meaning are a fault, never a silent choice: the wrong one might be money.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from adapters.tabular.spreadsheet import Row, Sheet, column_letter, normalise_header
from core.kit.faults import Fault

_HEADER_WITHIN = 50


class Role(StrEnum):
    """What a column means."""

    CODE = "code"
    NAME = "name"
    NATURE = "nature"
    UNIT = "unit"
    PRICE = "price"
    QUANTITY = "quantity"
    AMOUNT = "amount"
    ACCOUNT = "account"
    OPTIONAL = "optional"
    SCOPE = "scope"
    CLASS = "class"
    GRADE = "grade"
    MONTH = "month"
    MONTHS = "months"
    DUE = "due"
    LEGAL = "legal"
    STUDENT = "student"
    PERCENT = "percent"
    BORNE_BY = "borne_by"
    DECISION = "decision"
    FROM = "from"
    UNTIL = "until"
    PROCEDURE_CODE = "procedure_code"
    PROCEDURE_NAME = "procedure_name"
    SERVICE_CODE = "service_code"
    SERVICE_NAME = "service_name"


# "=x" matches the whole header only, "x" also its beginning: "don gia" finds "Đơn giá (đồng)"
WORDS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.CODE: (
            *("ma khoan thu", "ma khoan", "ma phi", "ma dich vu", "=ma", "=ma so"),
            *("item code", "fee code", "fee item code", "=code", "=item"),
        ),
        Role.NAME: (
            *("ten khoan thu", "ten khoan", "=khoan thu", "=noi dung", "noi dung thu", "=ten"),
            *("=cac khoan thu", "item name", "fee name", "=fee", "=name", "=description"),
        ),
        Role.NATURE: ("tinh chat", "loai khoan thu", "=loai", "=nhom", "=nature", "=type"),
        Role.UNIT: ("don vi tinh", "=don vi", "dvt", "=unit"),
        Role.PRICE: ("don gia", "muc thu", "=gia", "unit price", "price", "=rate"),
        Role.QUANTITY: ("so luong", "=sl", "quantity", "=qty"),
        Role.AMOUNT: ("thanh tien", "=so tien", "amount"),
        Role.ACCOUNT: (
            *("tai khoan nhan", "so tai khoan", "=tai khoan", "tk nhan", "=so tk", "tai khoan thu"),
            *("payee account", "account number", "=account", "bank account"),
        ),
        Role.OPTIONAL: ("tu nguyen", "khong bat buoc", "optional", "voluntary"),
        Role.SCOPE: (
            "pham vi",
            "ap dung",
            "doi tuong",
            "lop khoi",
            "khoi lop",
            "scope",
            "applies to",
        ),
        Role.CLASS: ("=lop", "lop ap dung", "=cac lop", "=class", "=classes"),
        Role.GRADE: ("=khoi", "khoi ap dung", "=grade", "=grades"),
        Role.MONTH: ("=thang", "thang thu", "=ky thu", "month"),
        Role.MONTHS: (
            "so thang",
            "thu cho may thang",
            "=months",
            "number of months",
            "period months",
        ),
        Role.DUE: ("han nop", "han thanh toan", "han dong", "due date", "=due", "due on"),
        Role.LEGAL: ("can cu", "co so phap ly", "van ban", "legal"),
        Role.STUDENT: (
            *(
                "ma hoc sinh",
                "ma hs",
                "ma so hoc sinh",
                "ma dinh danh",
                "student code",
                "student id",
            ),
            *("=student", "=ma so hs"),
        ),
        # what a pupil need not pay, by whose decision and from when until when
        Role.PERCENT: (
            *("ty le", "muc giam", "muc mien giam", "phan tram", "% mien giam", "=%"),
            *("percent", "percentage"),
        ),
        Role.BORNE_BY: (
            "nguon",
            "nguon bu dap",
            "ben chiu",
            "do ai chi tra",
            "borne by",
            "paid by",
        ),
        Role.DECISION: ("so quyet dinh", "quyet dinh", "so qd", "decision"),
        Role.FROM: ("tu ngay", "hieu luc tu", "ap dung tu", "from", "valid from"),
        Role.UNTIL: (
            "den ngay",
            "den het",
            "hieu luc den",
            "ap dung den",
            "until",
            "valid until",
            "to date",
        ),
        # the administrative procedure and the service that the national portal knows the fee by
        Role.PROCEDURE_CODE: ("ma tthc", "ma thu tuc", "procedure code"),
        Role.PROCEDURE_NAME: ("ten tthc", "ten thu tuc", "=thu tuc hanh chinh", "procedure name"),
        Role.SERVICE_CODE: ("ma dvc", "ma dich vu cong", "public service code"),
        Role.SERVICE_NAME: ("ten dvc", "ten dich vu cong", "=dich vu cong", "public service name"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: where it stands and how a message names it, e.g. "Đơn giá (E)"."""

    index: int
    label: str


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet taken apart: what stands above the header, the columns by meaning, the rows below."""

    sheet: Sheet
    header_row: int
    title_rows: tuple[Row, ...]
    columns: Mapping[Role, Column]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


def find_table(sheet: Sheet, needed: Set[Role]) -> Table | None:
    """The table whose header names all of `needed`; None when the sheet has none.

    A table with pupils is never a table of items: who pays for what is not a price.
    """
    for at, row in enumerate(sheet.rows[:_HEADER_WITHIN]):
        found = _roles(row)
        if needed <= found.keys() and (Role.STUDENT in found) == (Role.STUDENT in needed):
            prefix = f"{sheet.name} › " if Role.STUDENT in needed and sheet.name else ""
            columns = {
                role: Column(at_columns[0], f"{prefix}{_label(row, at_columns[0])}")
                for role, at_columns in found.items()
            }
            faults = tuple(
                Fault(
                    code="ambiguous_column",
                    vi=f"Hai cột cùng nghĩa: {_label(row, at_columns[0])} và {_label(row, other)}.",
                    en=f"Columns {column_letter(at_columns[0])} and {column_letter(other)} mean the same.",
                    row=row.number,
                    column=f"{prefix}{_label(row, other)}",
                )
                for at_columns in found.values()
                for other in at_columns[1:]
            )
            above, below = sheet.rows[:at], sheet.rows[at + 1 :]
            return Table(sheet, row.number, above, columns, below, faults)
    return None


def _roles(row: Row) -> dict[Role, list[int]]:
    found: dict[Role, list[int]] = {}
    for index, cell in enumerate(row.cells):
        role = _role_of(normalise_header(cell)) if isinstance(cell, str) else None
        if role:
            found.setdefault(role, []).append(index)
    if Role.PRICE not in found and Role.QUANTITY not in found and Role.AMOUNT in found:
        found[Role.PRICE] = found.pop(Role.AMOUNT)  # one amount per item and nothing to multiply
    return found


def _role_of(header: str) -> Role | None:
    """The meaning of a header: the longest words that fit decide."""
    best: tuple[int, Role] | None = None
    for role, words in WORDS.items():
        for word in words:
            text = word.removeprefix("=")
            fits = header == text or (text == word and header.startswith(f"{text} "))
            if fits and (best is None or len(text) > best[0]):
                best = (len(text), role)
    return best[1] if best else None


def _label(row: Row, index: int) -> str:
    return f"{' '.join(str(row.at(index)).split())[:40]} ({column_letter(index)})"
