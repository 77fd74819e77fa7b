"""MISA AMIS import files: "Phiếu thu tiền gửi" (28 columns) and "Chứng từ nghiệp vụ khác" (17), as XLSX.

Pure: voucher lines in, bytes out. A line of a voucher is a row; MISA joins rows with the same number.
The columns are those of MISA's own import templates, in their order; "Hiển thị trên sổ" stays empty,
as it does for whoever keeps one set of books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.accounting.vouchers import VoucherLine
from core.kit.sheets import Cell, write_sheet

RECEIPT_HEADERS = (
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
GENERAL_HEADERS = (
    "Hiển thị trên sổ",
    "Ngày chứng từ (*)",
    "Ngày hạch toán (*)",
    "Số chứng từ (*)",
    "Diễn giải",
    "Hạn thanh toán",
    "Diễn giải (Hạch toán)",
    "TK Nợ (*)",
    "TK Có (*)",
    "Số tiền",
    "Số tiền quy đổi",
    "Loại tiền",
    "Tỷ giá",
    "Đối tượng Nợ",
    "Đối tượng Có",
    "TK ngân hàng",
    "Mã thống kê",
)
REASON = "Thu khác"
"""MISA's own list of reasons has none for school fees."""


def write_receipts(lines: Sequence[VoucherLine]) -> bytes:
    """The XLSX of bank receipts; dates are date cells shown as DD/MM/YYYY, amounts whole VND."""
    heads = _heads(lines)
    rows = [_receipt(line, heads[line.voucher_no]) for line in lines]
    return _write("Phieu thu tien gui", RECEIPT_HEADERS, lines, rows)


def write_general(lines: Sequence[VoucherLine]) -> bytes:
    """The XLSX of general vouchers; dates are date cells shown as DD/MM/YYYY, amounts whole VND."""
    heads = _heads(lines)
    rows = [_general(line, heads[line.voucher_no]) for line in lines]
    return _write("Chung tu nghiep vu khac", GENERAL_HEADERS, lines, rows)


def _write(
    name: str,
    headers: Sequence[str],
    lines: Sequence[VoucherLine],
    rows: Sequence[Mapping[str, Cell]],
) -> bytes:
    cells = [[row.get(header, "") for header in headers] for row in rows]
    return write_sheet(name, headers, cells, as_of=max(line.on for line in lines))


def _heads(lines: Sequence[VoucherLine]) -> dict[str, VoucherLine]:
    """Voucher number -> the line that describes the whole voucher: its first with an object."""
    heads: dict[str, VoucherLine] = {}
    for line in lines:
        known = heads.setdefault(line.voucher_no, line)
        if line.object_code and not known.object_code:
            heads[line.voucher_no] = line
    return heads


def _receipt(line: VoucherLine, head: VoucherLine) -> Mapping[str, Cell]:
    return {
        "Ngày hạch toán (*)": line.on,
        "Ngày chứng từ (*)": line.on,
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
        "Số tiền": line.amount_vnd,
        "Mã đối tượng (hạch toán)": line.object_code,
    }


def _general(line: VoucherLine, head: VoucherLine) -> Mapping[str, Cell]:
    return {
        "Ngày chứng từ (*)": line.on,
        "Ngày hạch toán (*)": line.on,
        "Số chứng từ (*)": line.voucher_no,
        "Diễn giải": head.description,
        "Diễn giải (Hạch toán)": line.description,
        "TK Nợ (*)": line.debit,
        "TK Có (*)": line.credit,
        "Số tiền": line.amount_vnd,
        "Số tiền quy đổi": line.amount_vnd,
        "Loại tiền": "VND",
        "Tỷ giá": 1,
        "Đối tượng Nợ": line.object_code if line.is_debit_of_object else "",
        "Đối tượng Có": line.object_code if line.is_credit_of_object else "",
        "TK ngân hàng": line.bank_number,
    }
