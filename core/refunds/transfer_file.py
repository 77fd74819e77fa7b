"""A transfer list as a file for the school's bank: XLSX or CSV, text as text, whole VND.

Pure: rows in, bytes out; the same rows give the same bytes. Each bank has an upload template of its
own; this is the list from which one is filled or a teller types.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.sheets import write_sheet
from core.refunds.codes import transfer_text
from core.refunds.payee import RefundPayee

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTransfer:
    """A line of the list: the refund's number in the school, VND, and to whom."""

    number: int
    amount_vnd: int
    payee: RefundPayee


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
    if extension == "csv":
        return _csv(rows)
    return write_sheet("Danh sach chi hoan", HEADERS, rows, as_of=on, widths=_WIDTHS)


def _csv(rows: Sequence[Sequence[int | str]]) -> bytes:
    """UTF-8 with a byte order mark, so that Excel shows Vietnamese. Payees have no formula characters."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()
