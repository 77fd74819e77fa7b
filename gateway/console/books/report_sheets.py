"""The four reports as sheets: which columns, which words, which sums. Pure; the figures come in.

The same sheet is the table on the screen and the XLSX file, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from core.kit.clock import VN
from core.statistics.cashbook import BankBook, DayBook
from core.statistics.cashless import MonthCashless, added
from core.statistics.reports import ClassDebt, CollectedTable
from core.statistics.sheets import SHARE_COLUMNS, TOTAL, Cell, Column, Sheet, Words, share_cells
from gateway.console.frame.labels import words

_AGE_COLUMNS: Final = (
    Column(("Chưa đến hạn", "Not yet due"), "vnd"),
    Column(("Quá hạn 1–30 ngày", "1–30 days overdue"), "vnd"),
    Column(("Quá hạn 31–60 ngày", "31–60 days"), "vnd"),
    Column(("Quá hạn 61–90 ngày", "61–90 days"), "vnd"),
    Column(("Quá hạn trên 90 ngày", "Over 90 days"), "vnd"),
)
_PURPOSES: Final[dict[str, Words]] = {
    "student_credit": ("Tiền dư của học sinh", "Pupils' credit"),
    "suspense": ("Tiền chờ xử lý", "In suspense"),
}
_NO_CHANNEL: Final[Words] = ("Không qua kênh", "No channel")
_CASH: Final[Words] = ("Tiền mặt", "Cash")
_RECEIPT: Final[Words] = ("Thu tiền", "Receipt")


def debt_sheet(classes: Sequence[ClassDebt], on: date) -> Sheet:
    """Debt by class and age at the end of business date `on`."""
    return Sheet(
        title=("Công nợ theo lớp và tuổi nợ", "Debt by class and age"),
        notes=(
            (f"Cuối ngày {on:%d/%m/%Y}.", f"At the end of {on:%d/%m/%Y}."),
            ("Tổng bằng số dư phải thu trên sổ.", "The total is the receivable in the books."),
        ),
        columns=(
            Column(("Lớp", "Class")),
            Column(("Năm học", "School year")),
            Column(("Số phiếu báo thu", "Invoices"), "count"),
            Column(TOTAL, "vnd"),
            *_AGE_COLUMNS,
        ),
        rows=tuple(
            (one.name, one.school_year, one.invoice_count, one.total_vnd, *one.by_age_vnd)
            for one in classes
        ),
        foot=(
            TOTAL,
            None,
            sum(one.invoice_count for one in classes),
            sum(one.total_vnd for one in classes),
            *(sum(one.by_age_vnd[age] for one in classes) for age in range(len(_AGE_COLUMNS))),
        ),
    )


def channel_words(channel: str) -> Words:
    """What a channel is called in a report."""
    return {"": _NO_CHANNEL, "cash": _CASH}.get(channel) or words("channel", channel)


def column_words(channels: Sequence[str]) -> list[Words]:
    """The same for columns side by side: two that are called alike also say which they are."""
    called = [channel_words(channel) for channel in channels]
    return [
        (f"{vi} ({channel})", f"{en} ({channel})") if called.count((vi, en)) > 1 else (vi, en)
        for channel, (vi, en) in zip(channels, called, strict=True)
    ]


def collected_sheet(table: CollectedTable, since: date, until: date) -> Sheet:
    """Collected by fee item and channel from `since` to `until`, both included."""
    return Sheet(
        title=("Đã thu theo khoản thu và kênh", "Collected by fee item and channel"),
        notes=(
            (
                f"Từ {since:%d/%m/%Y} đến {until:%d/%m/%Y}, đã trừ khoản hoàn và khoản đảo trong kỳ.",
                f"From {since:%d/%m/%Y} to {until:%d/%m/%Y}, less what was refunded or reversed.",
            ),
            (
                "Khoản nộp một phần được tính lần lượt vào từng dòng của phiếu báo thu, từ dòng đầu.",
                "A part payment fills the invoice's lines one after the other, from the first.",
            ),
        ),
        columns=(
            Column(("Khoản thu", "Fee item")),
            Column(("Mã", "Code")),
            Column(TOTAL, "vnd"),
            *(Column(one, "vnd") for one in column_words(table.channels)),
        ),
        rows=tuple(
            (
                _PURPOSES.get(row.purpose, row.name),
                row.code,
                row.total_vnd,
                *row.by_channel_vnd,
            )
            for row in table.rows
        ),
        foot=(TOTAL, None, table.total_vnd, *table.by_channel_vnd),
    )


def cashless_sheet(months: Sequence[MonthCashless]) -> Sheet:
    """The cashless share month by month."""
    return Sheet(
        title=("Tỷ lệ thu không dùng tiền mặt", "Cashless share"),
        notes=(
            (
                "Không tiền mặt: mọi khoản qua ngân hàng, ví hoặc cổng thanh toán. Đã trừ khoản hoàn và khoản đảo trong tháng.",
                "Cashless: whatever came by bank, wallet or gateway. Less what was refunded or reversed in the month.",
            ),
            (
                "Tiền mặt trường tự thu chưa được ghi vào hệ thống.",
                "Cash that the school takes itself is not recorded here yet.",
            ),
        ),
        columns=(Column(("Tháng", "Month")), *SHARE_COLUMNS),
        rows=tuple((f"{one.month:%m/%Y}", *share_cells(one.figures)) for one in months),
        foot=(TOTAL, *share_cells(added([one.figures for one in months]))),
    )


def cash_book_sheet(book: BankBook, day: DayBook, on: date) -> Sheet:
    """The book of a bank account on business date `on`: opening, entries, sums and closing."""
    opening: tuple[Cell, ...] = (
        *(None, ("Số dư đầu ngày", "Opening balance"), None, None, None, None),
        day.opening_vnd,
    )
    return Sheet(
        title=("Sổ tiền gửi ngân hàng", "Bank book"),
        notes=(
            (
                f"Tài khoản {book.number} ({book.name}), ngày {on:%d/%m/%Y}.",
                f"Account {book.number} ({book.name}), {on:%d/%m/%Y}.",
            ),
            ("Số dư cuối ngày bằng số dư trên sổ cái.", "The closing balance is the ledger's."),
        ),
        columns=(
            Column(("Giờ ghi sổ", "Booked at")),
            Column(("Nội dung", "What")),
            Column(("Mã thanh toán", "Reference")),
            Column(("Số giao dịch ngân hàng", "Bank transaction")),
            Column(("Thu", "In"), "vnd"),
            Column(("Chi", "Out"), "vnd"),
            Column(("Số dư", "Balance"), "vnd"),
        ),
        rows=(
            opening,
            *(
                (
                    f"{entry.booked_at.astimezone(VN):%H:%M %d/%m}",
                    _RECEIPT if entry.kind == "receipt" else words("transfer", entry.kind),
                    ", ".join(entry.references),
                    entry.bank_transaction_id,
                    entry.in_vnd or None,
                    entry.out_vnd or None,
                    entry.balance_vnd,
                )
                for entry in day.entries
            ),
        ),
        foot=(
            *(None, ("Số dư cuối ngày", "Closing balance"), None, None),
            *(day.in_vnd, day.out_vnd, day.closing_vnd),
        ),
    )
