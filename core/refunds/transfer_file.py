"""A transfer list as a file for the school's bank: XLSX or CSV, text as text, whole VND.

Pure: rows in, bytes out; the same rows give the same bytes. Each bank has an upload template of its
own; this is the list from which one is filled or a teller types.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import xlsxwriter

from core.kit.clock import VN
from core.refunds.codes import transfer_text
from core.refunds.payee import Payee

HEADERS = (
    "STT",
    "Mã BIN",
    "Ngân hàng",
    "Số tài khoản",
    "Tên người nhận",
    "Số tiền",
    "Nội dung",
)
_WIDTHS = (6, 10, 20, 22, 32, 16, 28)
_AMOUNT = HEADERS.index("Số tiền")
_NUMBERS = (0, _AMOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTransfer:
    """A line of the list: the refund's number in the school, VND, and to whom."""

    number: int
    amount_vnd: int
    payee: Payee


def write_transfers(transfers: Sequence[ListedTransfer], *, extension: str, on: date) -> bytes:
    """The file of these transfers, made on business date `on`. `extension`: "xlsx" or "csv"."""
    rows = [
        (
            index,
            transfer.payee.bin,
            transfer.payee.bank_name,
            transfer.payee.number,
            transfer.payee.holder,
            transfer.amount_vnd,
            transfer_text(transfer.number),
        )
        for index, transfer in enumerate(transfers, start=1)
    ]
    return _xlsx(rows, on) if extension == "xlsx" else _csv(rows)


Cells = tuple[int | str, ...]


def _xlsx(rows: Sequence[Cells], on: date) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": datetime.combine(on, time.min, VN)})
        sheet = book.add_worksheet("Danh sach chi hoan")
        head = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0"})
        sheet.freeze_panes(1, 0)
        for column, (header, width) in enumerate(zip(HEADERS, _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, header, head)
        for row, cells in enumerate(rows, start=1):
            for column, value in enumerate(cells):
                if column in _NUMBERS:
                    sheet.write_number(row, column, int(value), money)
                else:
                    sheet.write_string(row, column, str(value))
    return buffer.getvalue()


def _csv(rows: Sequence[Cells]) -> bytes:
    """UTF-8 with a byte order mark, so that Excel shows Vietnamese. Payees have no formula characters."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()
