"""The general journal as CSV or XLSX, for any accounting software that maps columns itself.

Pure: voucher lines in, bytes out. The CSV is UTF-8 with a byte order mark, so that Excel shows
Vietnamese; its dates are ISO 8601. Amounts are whole VND.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date

from core.accounting.vouchers import VoucherLine
from core.kit.sheets import write_sheet

HEADERS = (
    "Ngày",
    "Số chứng từ",
    "TK Nợ",
    "TK Có",
    "Số tiền",
    "Mã đối tượng",
    "Tên đối tượng",
    "Mã tham chiếu",
    "Diễn giải",
)


def write_csv(lines: Sequence[VoucherLine]) -> bytes:
    """The CSV of all lines, in their order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows(
        [_plain(cell) if isinstance(cell, str) else cell for cell in _cells(line)] for line in lines
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def write_xlsx(lines: Sequence[VoucherLine]) -> bytes:
    """The XLSX of all lines, in their order: the CSV's columns, days as date cells."""
    rows = [_cells(line) for line in lines]
    return write_sheet("Nhat ky chung", HEADERS, rows, as_of=max(line.on for line in lines))


def _cells(line: VoucherLine) -> tuple[date, str, str, str, int, str, str, str, str]:
    return (
        line.on,
        line.voucher_no,
        line.debit,
        line.credit,
        line.amount_vnd,
        line.object_code,
        line.object_name,
        line.reference,
        line.description,
    )


def _plain(text: str) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
