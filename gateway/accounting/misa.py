"""MISA AMIS "Phiếu thu tiền gửi": the 28 columns of its import file, in their order, as XLSX.

Pure: voucher lines in, bytes out. A line of a voucher is a row; MISA joins rows with the same number.
Text is written as text, so that no name is ever taken for a formula.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time

import xlsxwriter

from gateway.accounting.vouchers import VoucherLine

HEADERS = (
    "Ngày hạch toán (*)",
    "Ngày chứng từ (*)",
    "Số chứng từ (*)",
    "Mã đối tượng",
    "Tên đối tượng",
    "Địa chỉ",
    "Nộp vào TK",
    "Mở tại ngân hàng",
    "Lý do thu",
    "Diễn giải lý do thu",
    "Mã nhân viên thu",
    "Diễn giải (hạch toán)",
    "TK Nợ (*)",
    "TK Có (*)",
    "Số tiền",
    "Mã đối tượng (hạch toán)",
    "Số khế ước đi vay",
    "Số khế ước cho vay",
    "Mã khoản mục chi phí",
    "Mã đơn vị",
    "Mã đối tượng THCP",
    "Mã công trình",
    "Số đơn đặt hàng",
    "Số đơn mua hàng",
    "Số hợp đồng mua",
    "Số hợp đồng bán",
    "Mã thống kê",
    "CP không hợp lý",
)
REASON = "Thu khác"
"""MISA's own list of reasons has none for school fees."""

_COLUMN = {header: index for index, header in enumerate(HEADERS)}


def write_receipts(lines: Sequence[VoucherLine]) -> bytes:
    """The XLSX of bank receipts; dates are date cells shown as DD/MM/YYYY, amounts whole VND."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        if lines:  # the same vouchers give the same bytes
            last = max(line.on for line in lines)
            book.set_properties({"created": datetime.combine(last, time.min, UTC)})
        sheet = book.add_worksheet("Phieu thu tien gui")
        head = book.add_format({"bold": True})
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        money = book.add_format({"num_format": "#,##0"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(HEADERS) - 1, 18)
        for column, header in enumerate(HEADERS):
            sheet.write_string(0, column, header, head)
        heads = _heads(lines)
        for row, line in enumerate(lines, start=1):
            for header in ("Ngày hạch toán (*)", "Ngày chứng từ (*)"):
                sheet.write_datetime(row, _COLUMN[header], datetime.combine(line.on, time.min), day)
            sheet.write_number(row, _COLUMN["Số tiền"], line.amount_vnd, money)
            for header, text in _texts(line, heads[line.voucher_no]).items():
                if text:
                    sheet.write_string(row, _COLUMN[header], text)
    return buffer.getvalue()


def _heads(lines: Sequence[VoucherLine]) -> dict[str, VoucherLine]:
    """Voucher number -> the line that speaks for the whole voucher: its first with an object."""
    heads: dict[str, VoucherLine] = {}
    for line in lines:
        known = heads.setdefault(line.voucher_no, line)
        if line.object_code and not known.object_code:
            heads[line.voucher_no] = line
    return heads


def _texts(line: VoucherLine, head: VoucherLine) -> Mapping[str, str]:
    return {
        "Số chứng từ (*)": line.voucher_no,
        "Mã đối tượng": head.object_code,
        "Tên đối tượng": head.object_name,
        "Nộp vào TK": line.bank_number,
        "Mở tại ngân hàng": line.bank_name,
        "Lý do thu": REASON,
        "Diễn giải lý do thu": head.description,
        "Diễn giải (hạch toán)": line.description,
        "TK Nợ (*)": line.debit,
        "TK Có (*)": line.credit,
        "Mã đối tượng (hạch toán)": line.object_code,
    }
