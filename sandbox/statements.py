"""The statement files that the banks give their customers: XLSX as Vietcombank, MB and VietinBank lay it out.

Title rows, bilingual headers with a line break in the cell, running balance, opening and closing,
totals, a footer. Made from the bank's books alone, whatever was pushed to anyone.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Final

import xlsxwriter

from sandbox.bank import BANK_NAMES, MB_BIN, VIETCOMBANK_BIN, VIETINBANK_BIN, Bank

Row = list[str | int]

_VCB_HEADER: Row = [
    "STT\nNo.",
    "Ngày/\nTNX Date/\nSố CT/ Doc No",
    "Số tiền ghi nợ/\nDebit",
    "Số tiền ghi có/\nCredit",
    "Số dư/\nBalance",
    "Nội dung chi tiết/\nTransactions in detail",
]
_MB_HEADER: Row = [
    "STT\nNo",
    "Ngày hạch toán/\nPosting date",
    "Ngày giao dịch/\nTransaction date",
    "Số bút toán/\nTransaction No",
    "Phát sinh nợ/\nDebit",
    "Phát sinh có/\nCredit",
    "Số dư/\nBalance",
    "Nội dung/\nDescription",
]


def statement_xlsx(bank: Bank, account_number: str, day: date) -> bytes:
    """The statement of one account for one day in Vietnam. Raises KeyError for a foreign account."""
    sheet_name, rows = _LAYOUTS[bank.accounts[account_number].bin]
    return _workbook(rows(bank, account_number, day), sheet_name)


def statement_file_name(bank: Bank, account_number: str, day: date) -> str:
    """What the bank calls the file, e.g. "VCB-1012026011-2026-11-21.xlsx"."""
    return f"{BANK_NAMES[bank.accounts[account_number].bin]}-{account_number}-{day:%Y-%m-%d}.xlsx"


def _vcb_rows(bank: Bank, number: str, day: date) -> list[Row]:
    """Amounts are text with commas; day and document number share a cell."""
    account = bank.accounts[number]
    balance_vnd = bank.balance_vnd(number, day)
    rows: list[Row] = [
        ["NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM"],
        ["", "SAO KÊ TÀI KHOẢN/ STATEMENT OF ACCOUNT"],
        ["", f"Từ ngày/ From: {day:%d/%m/%Y}   Đến ngày/ To: {day:%d/%m/%Y}"],
        ["Số tài khoản/ Account No:", number],
        ["Tên tài khoản/ Account name:", account.holder],
        ["Loại tiền/ Currency:", "VND"],
        ["Số dư đầu kỳ/ Opening balance:", f"{balance_vnd:,}"],
        [],
        _VCB_HEADER,
    ]
    debit_vnd = credit_vnd = 0
    for position, entry in enumerate(bank.entries_of(number, day), start=1):
        debit_vnd += max(-entry.amount_vnd, 0)
        credit_vnd += max(entry.amount_vnd, 0)
        balance_vnd += entry.amount_vnd
        rows.append(
            [
                position,
                f"{day:%d/%m/%Y}\n{entry.transaction_id}",
                f"{-entry.amount_vnd:,}" if entry.amount_vnd < 0 else "",
                f"{entry.amount_vnd:,}" if entry.amount_vnd > 0 else "",
                f"{balance_vnd:,}",
                entry.content,
            ]
        )
    rows += [
        ["Tổng số/ Total", "", f"{debit_vnd:,}", f"{credit_vnd:,}"],
        ["Số dư cuối kỳ/ Closing balance:", f"{balance_vnd:,}"],
        [],
        ["Sao kê được lập tự động và có giá trị không cần chữ ký."],
    ]
    return rows


def _mb_rows(bank: Bank, number: str, day: date) -> list[Row]:
    """Amounts are numbers; the entry's number has its own column."""
    account = bank.accounts[number]
    balance_vnd = bank.balance_vnd(number, day)
    rows: list[Row] = [
        ["NGÂN HÀNG TMCP QUÂN ĐỘI"],
        ["", "", "SAO KÊ CHI TIẾT TÀI KHOẢN"],
        ["", "", f"Từ ngày {day:%d/%m/%Y} đến ngày {day:%d/%m/%Y}"],
        ["Số tài khoản/Account No:", number],
        ["Tên tài khoản/Account name:", account.holder],
        ["Số dư đầu kỳ/Opening balance:", balance_vnd],
        [],
        _MB_HEADER,
    ]
    for position, entry in enumerate(bank.entries_of(number, day), start=1):
        balance_vnd += entry.amount_vnd
        rows.append(
            [
                position,
                f"{day:%d/%m/%Y}",
                f"{entry.at:%d/%m/%Y %H:%M:%S}",
                entry.transaction_id,
                max(-entry.amount_vnd, 0),
                max(entry.amount_vnd, 0),
                balance_vnd,
                entry.content,
            ]
        )
    rows += [["Số dư cuối kỳ/Closing balance:", balance_vnd], [], ["Trân trọng cảm ơn Quý khách!"]]
    return rows


def _vietinbank_rows(bank: Bank, number: str, day: date) -> list[Row]:
    """Amounts are text with commas and two decimals; debits and credits in columns of their own."""
    account = bank.accounts[number]
    balance_vnd = bank.balance_vnd(number, day)
    rows: list[Row] = [
        ["NGÂN HÀNG TMCP CÔNG THƯƠNG VIỆT NAM"],
        ["LỊCH SỬ GIAO DỊCH TÀI KHOẢN"],
        ["Số tài khoản:", number],
        ["Tên tài khoản:", account.holder],
        ["Số dư đầu kỳ:", f"{balance_vnd:,}.00"],
        [],
        ["STT", "Ngày giao dịch", "Số tham chiếu", "Ghi nợ", "Ghi có", "Số dư", "Diễn giải"],
    ]
    for position, entry in enumerate(bank.entries_of(number, day), start=1):
        balance_vnd += entry.amount_vnd
        rows.append(
            [
                position,
                f"{entry.at:%d-%m-%Y %H:%M:%S}",
                entry.transaction_id,
                f"{-entry.amount_vnd:,}.00" if entry.amount_vnd < 0 else "",
                f"{entry.amount_vnd:,}.00" if entry.amount_vnd > 0 else "",
                f"{balance_vnd:,}.00",
                entry.content,
            ]
        )
    rows += [["Số dư cuối kỳ:", f"{balance_vnd:,}.00"]]
    return rows


_LAYOUTS: Final[dict[str, tuple[str, Callable[[Bank, str, date], list[Row]]]]] = {
    VIETCOMBANK_BIN: ("Sao ke", _vcb_rows),
    MB_BIN: ("SAO KE CHI TIET", _mb_rows),
    VIETINBANK_BIN: ("Lich su giao dich", _vietinbank_rows),
}


def _workbook(rows: list[Row], sheet_name: str) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet(sheet_name)
    wrapped = book.add_format({"text_wrap": True})
    sheet.set_column(0, 0, 8)
    sheet.set_column(1, 6, 18)
    sheet.set_column(7, 7, 80)
    for row_no, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(row_no, column, value)
            elif value:
                sheet.write_string(row_no, column, value, wrapped)
    book.close()
    return buffer.getvalue()
