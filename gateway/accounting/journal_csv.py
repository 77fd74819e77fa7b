"""The general journal as CSV, for any accounting software that maps columns itself.

Pure: voucher lines in, bytes out. UTF-8 with a byte order mark, so that Excel shows Vietnamese; dates
are ISO 8601, amounts whole VND.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from gateway.accounting.vouchers import VoucherLine

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


def write_journal(lines: Sequence[VoucherLine]) -> bytes:
    """The CSV of all lines, in their order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADERS)
    writer.writerows(
        (
            line.on.isoformat(),
            line.voucher_no,
            line.debit,
            line.credit,
            line.amount_vnd,
            _plain(line.object_code),
            _plain(line.object_name),
            _plain(line.reference),
            _plain(line.description),
        )
        for line in lines
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _plain(text: str) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
