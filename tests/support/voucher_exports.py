"""Money to export, and the files read back."""

from __future__ import annotations

MISA_HEADERS = [
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
]
