"""The four reports as sheets: which columns, which words, which sums. Pure; the figures come in.

The same sheet is the table on the screen and the XLSX file, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from adapters.messages import Message, msg, pmsg
from core.statistics.cashbook import BankBook, DayBook
from core.statistics.cashless import MonthCashless, added
from core.statistics.reports import ClassDebt, CollectedTable
from core.statistics.sheets import (
    SHARE_COLUMNS,
    TOTAL,
    ReportCell,
    ReportColumn,
    ReportSheet,
    share_cells,
)
from gateway.console.frame.labels import label

_AGE_COLUMNS: Final = (
    ReportColumn(msg("Chưa đến hạn"), "vnd"),
    ReportColumn(msg("Quá hạn 1–30 ngày"), "vnd"),
    ReportColumn(msg("Quá hạn 31–60 ngày"), "vnd"),
    ReportColumn(msg("Quá hạn 61–90 ngày"), "vnd"),
    ReportColumn(msg("Quá hạn trên 90 ngày"), "vnd"),
)
_PURPOSES: Final[dict[str, Message]] = {
    "student_credit": pmsg("many", "Tiền dư của học sinh"),
    "suspense": msg("Tiền chờ xử lý"),
}
_NO_CHANNEL: Final = msg("Không qua kênh")
_CASH: Final = msg("Tiền mặt")
_RECEIPT: Final = pmsg("entry", "Thu tiền")


def debt_sheet(classes: Sequence[ClassDebt], on: date) -> ReportSheet:
    """Debt by class and age at the end of business date `on`."""
    return ReportSheet(
        title=msg("Công nợ theo lớp và tuổi nợ"),
        notes=(
            msg("Cuối ngày {on:date}.", on=on),
            msg("Tổng bằng số dư phải thu trên sổ."),
        ),
        columns=(
            ReportColumn(msg("Lớp")),
            ReportColumn(msg("Năm học")),
            ReportColumn(msg("Số phiếu báo thu"), "count"),
            ReportColumn(TOTAL, "vnd"),
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


def channel_name(channel: str) -> Message:
    """What a channel is called in a report."""
    return {"": _NO_CHANNEL, "cash": _CASH}.get(channel) or label("channel", channel)


def channel_columns(channels: Sequence[str]) -> list[Message]:
    """The same for columns side by side: two that are called alike also show which they are."""
    names = [channel_name(channel) for channel in channels]
    return [
        msg("{name} ({code})", name=name, code=channel) if names.count(name) > 1 else name
        for channel, name in zip(channels, names, strict=True)
    ]


def collected_sheet(table: CollectedTable, since: date, until: date) -> ReportSheet:
    """Collected by fee item and channel from `since` to `until`, both included."""
    return ReportSheet(
        title=msg("Đã thu theo khoản thu và kênh"),
        notes=(
            msg(
                "Từ {since:date} đến {until:date}, đã trừ khoản hoàn và khoản đảo trong kỳ.",
                since=since,
                until=until,
            ),
            msg(
                "Khoản nộp một phần được tính lần lượt vào từng dòng của phiếu báo thu, từ dòng đầu."
            ),
        ),
        columns=(
            ReportColumn(pmsg("report", "Khoản thu")),
            ReportColumn(msg("Mã")),
            ReportColumn(TOTAL, "vnd"),
            *(ReportColumn(one, "vnd") for one in channel_columns(table.channels)),
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


def cashless_sheet(months: Sequence[MonthCashless]) -> ReportSheet:
    """The cashless share month by month."""
    return ReportSheet(
        title=msg("Tỷ lệ thu không dùng tiền mặt"),
        notes=(
            msg(
                "Không tiền mặt: mọi khoản qua ngân hàng, ví hoặc cổng thanh toán. Đã trừ khoản hoàn và khoản đảo trong tháng."
            ),
            msg("Tiền mặt trường tự thu chưa được ghi vào hệ thống."),
        ),
        columns=(ReportColumn(msg("Tháng")), *SHARE_COLUMNS),
        rows=tuple(
            (msg("{month:month}", month=one.month), *share_cells(one.figures)) for one in months
        ),
        foot=(TOTAL, *share_cells(added([one.figures for one in months]))),
    )


def cash_book_sheet(book: BankBook, day: DayBook, on: date) -> ReportSheet:
    """The book of a bank account on business date `on`: opening, entries, sums and closing."""
    opening: tuple[ReportCell, ...] = (
        *(None, msg("Số dư đầu ngày"), None, None, None, None),
        day.opening_vnd,
    )
    return ReportSheet(
        title=msg("Sổ tiền gửi ngân hàng"),
        notes=(
            msg(
                "Tài khoản {number} ({name}), ngày {on:date}.",
                number=book.number,
                name=book.name,
                on=on,
            ),
            msg("Số dư cuối ngày bằng số dư trên sổ cái."),
        ),
        columns=(
            ReportColumn(msg("Giờ ghi sổ")),
            ReportColumn(pmsg("entry", "Nội dung")),
            ReportColumn(msg("Mã thanh toán")),
            ReportColumn(msg("Số giao dịch ngân hàng")),
            ReportColumn(msg("Thu"), "vnd"),
            ReportColumn(msg("Chi"), "vnd"),
            ReportColumn(msg("Số dư"), "vnd"),
        ),
        rows=(
            opening,
            *(
                (
                    msg("{at:short_moment}", at=entry.booked_at),
                    _RECEIPT if entry.kind == "receipt" else label("transfer", entry.kind),
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
            *(None, msg("Số dư cuối ngày"), None, None),
            *(day.in_vnd, day.out_vnd, day.closing_vnd),
        ),
    )
