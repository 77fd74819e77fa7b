"""Journals that become general vouchers."""

from __future__ import annotations

GENERAL_HEADERS = [
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
]
