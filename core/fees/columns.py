"""Which column of a fee file is which, by the words of its header in Vietnamese or English. Pure.

The header may stand below title rows and its columns in any order. Two columns that claim the same
meaning are a fault, never a silent choice: the wrong one might be money.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from adapters.messages import Message, msg
from adapters.tabular.cells import normalise_header
from adapters.tabular.headers import ColumnPlace, Header, claim_columns
from adapters.tabular.workbook import Row, Sheet
from core.kit.errors import fault
from core.kit.faults import Fault

_HEADER_WITHIN = 50


class FeeColumn(StrEnum):
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


# "=x" is the whole header, "x" also begins it: "don gia" finds "Đơn giá (đồng)"
_WORDS: Final = {
    FeeColumn.CODE: (
        "ma khoan thu, ma khoan, ma phi, ma dich vu, =ma, =ma so, item code, fee code, "
        "fee item code, =code, =item"
    ),
    FeeColumn.NAME: (
        "ten khoan thu, ten khoan, =khoan thu, =noi dung, noi dung thu, =ten, =cac khoan thu, "
        "item name, fee name, =fee, =name, =description"
    ),
    FeeColumn.NATURE: "tinh chat, loai khoan thu, =loai, =nhom, =nature, =type",
    FeeColumn.UNIT: "don vi tinh, =don vi, dvt, =unit",
    FeeColumn.PRICE: "don gia, muc thu, =gia, unit price, price, =rate",
    FeeColumn.QUANTITY: "so luong, =sl, quantity, =qty",
    FeeColumn.AMOUNT: "thanh tien, =so tien, amount",
    FeeColumn.ACCOUNT: (
        "tai khoan nhan, so tai khoan, =tai khoan, tk nhan, =so tk, tai khoan thu, "
        "payee account, account number, =account, bank account"
    ),
    FeeColumn.OPTIONAL: "tu nguyen, khong bat buoc, optional, voluntary",
    FeeColumn.SCOPE: "pham vi, ap dung, doi tuong, lop khoi, khoi lop, scope, applies to",
    FeeColumn.CLASS: "=lop, lop ap dung, =cac lop, =class, =classes",
    FeeColumn.GRADE: "=khoi, khoi ap dung, =grade, =grades",
    FeeColumn.MONTH: "=thang, thang thu, =ky thu, month",
    FeeColumn.MONTHS: "so thang, thu cho may thang, =months, number of months, period months",
    FeeColumn.DUE: "han nop, han thanh toan, han dong, due date, =due, due on",
    FeeColumn.LEGAL: "can cu, co so phap ly, van ban, legal",
    FeeColumn.STUDENT: (
        "ma hoc sinh, ma hs, ma so hoc sinh, ma dinh danh, student code, student id, =student, "
        "=ma so hs"
    ),
    # what a pupil need not pay, by whose decision and from when until when
    FeeColumn.PERCENT: (
        "ty le, muc giam, muc mien giam, phan tram, % mien giam, =%, percent, percentage"
    ),
    FeeColumn.BORNE_BY: "nguon, nguon bu dap, ben chiu, do ai chi tra, borne by, paid by",
    FeeColumn.DECISION: "so quyet dinh, quyet dinh, so qd, decision",
    FeeColumn.FROM: "tu ngay, hieu luc tu, ap dung tu, from, valid from",
    FeeColumn.UNTIL: "den ngay, den het, hieu luc den, ap dung den, until, valid until, to date",
    # the administrative procedure and the service that the national portal knows the fee by
    FeeColumn.PROCEDURE_CODE: "ma tthc, ma thu tuc, procedure code",
    FeeColumn.PROCEDURE_NAME: "ten tthc, ten thu tuc, =thu tuc hanh chinh, procedure name",
    FeeColumn.SERVICE_CODE: "ma dvc, ma dich vu cong, public service code",
    FeeColumn.SERVICE_NAME: "ten dvc, ten dich vu cong, =dich vu cong, public service name",
}
WORDS: Final[Mapping[FeeColumn, tuple[str, ...]]] = {
    column: tuple(words.split(", ")) for column, words in _WORDS.items()
}


@dataclass(frozen=True, slots=True)
class FeeTable:
    """A sheet taken apart: what stands above the header, the columns by meaning, the rows below."""

    sheet: Sheet
    header_row: int
    title_rows: tuple[Row, ...]
    columns: Mapping[FeeColumn, ColumnPlace]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]

    def missing(self, needed: Mapping[FeeColumn, Message]) -> list[Fault]:
        """A fault for each needed column, by its name, that the header does not have."""
        return [
            fault(
                "column_missing",
                msg("Thiếu cột «{column}».", column=name),
                row=self.header_row,
                column=str(name),
            )
            for column, name in needed.items()
            if column not in self.columns
        ]


def find_table(sheet: Sheet, needed: Set[FeeColumn]) -> FeeTable | None:
    """The table whose header names all of `needed`; None when the sheet has none.

    A table with pupils is never a table of items: who pays for what is not a price.
    """
    of_pupils = FeeColumn.STUDENT in needed
    prefix = f"{sheet.name} › " if of_pupils and sheet.name else ""
    for at, row in enumerate(sheet.rows[:_HEADER_WITHIN]):
        header = _priced(claim_columns(row, _meaning_of))
        if needed <= header.columns.keys() and (FeeColumn.STUDENT in header.columns) == of_pupils:
            return FeeTable(
                sheet,
                row.number,
                title_rows=sheet.rows[:at],
                columns={
                    meaning: _place(header, found[0], prefix)
                    for meaning, found in header.columns.items()
                },
                rows=sheet.rows[at + 1 :],
                faults=tuple(_ambiguous(header, prefix)),
            )
    return None


def _priced(header: Header[FeeColumn]) -> Header[FeeColumn]:
    """One amount for each item and nothing to multiply: the amount is the price."""
    columns = dict(header.columns)
    if columns.keys() & {FeeColumn.PRICE, FeeColumn.QUANTITY, FeeColumn.AMOUNT} == {
        FeeColumn.AMOUNT
    }:
        columns[FeeColumn.PRICE] = columns.pop(FeeColumn.AMOUNT)
    return replace(header, columns=columns)


def _ambiguous(header: Header[FeeColumn], prefix: str) -> list[Fault]:
    return [
        fault(
            "ambiguous_column",
            msg(
                "Hai cột cùng nghĩa: {one} và {other}.",
                one=header.place(found[0]).label,
                other=header.place(other).label,
            ),
            row=header.row,
            column=_place(header, other, prefix).label,
        )
        for found in header.columns.values()
        for other in found[1:]
    ]


def _place(header: Header[FeeColumn], index: int, prefix: str) -> ColumnPlace:
    return ColumnPlace(index, f"{prefix}{header.place(index).label}")


def _meaning_of(text: str) -> FeeColumn | None:
    """The meaning of a header: the longest words that fit decide."""
    header = normalise_header(text)
    best: tuple[int, FeeColumn] | None = None
    for meaning, words in WORDS.items():
        for word in words:
            bare = word.removeprefix("=")
            fits = header == bare or (bare == word and header.startswith(f"{bare} "))
            if fits and (best is None or len(bare) > best[0]):
                best = (len(bare), meaning)
    return best[1] if best else None
