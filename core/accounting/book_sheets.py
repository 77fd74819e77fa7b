"""Trial balance and detail ledger as XLSX, shaped as the circulars' own forms.

Pure: a book in, a file out, the same bytes for the same book. Amounts in VND.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.accounting.books import Book, DetailLedger, TrialBalance
from core.kit.sheets import Cell, write_sheet


@dataclass(frozen=True, slots=True)
class BookFile:
    """A book to hand out."""

    file_name: str
    content: bytes


_COLUMNS = (
    "opening_debit_vnd",
    "opening_credit_vnd",
    "debit_vnd",
    "credit_vnd",
    "closing_debit_vnd",
    "closing_credit_vnd",
)


def write_book(book: Book) -> BookFile:
    """Either book as XLSX."""
    return (
        write_trial_balance(book) if isinstance(book, TrialBalance) else write_detail_ledger(book)
    )


def write_trial_balance(book: TrialBalance) -> BookFile:
    """The trial balance as XLSX: one row per account, the totals under them."""
    rows: list[tuple[Cell, ...]] = [
        (one.account, one.name, *(getattr(one, column) for column in _COLUMNS))
        for one in book.turnovers
    ]
    sums = [sum(getattr(one, column) for one in book.turnovers) for column in _COLUMNS]
    below: list[tuple[Cell, ...]] = [("", "Cộng", *sums)]
    if book.unconfirmed_vnd:
        below.append(("", "Trong đó chưa được xác nhận", "", "", *[book.unconfirmed_vnd] * 2))
    content = write_sheet(
        "Bang can doi phat sinh",
        (
            "Số hiệu TK",
            "Tên tài khoản",
            "Đầu kỳ – Nợ",
            "Đầu kỳ – Có",
            "Phát sinh – Nợ",
            "Phát sinh – Có",
            "Cuối kỳ – Nợ",
            "Cuối kỳ – Có",
        ),
        rows,
        as_of=book.until,
        above=_titles(book, "BẢNG CÂN ĐỐI SỐ PHÁT SINH"),
        below=below,
    )
    return BookFile(f"hocphi-trial-balance-{book.since}-{book.until}.xlsx", content)


def write_detail_ledger(book: DetailLedger) -> BookFile:
    """The detail ledger as XLSX: the opening balance, each entry with the balance after it, the totals."""
    balance_vnd = book.opening_vnd
    rows: list[tuple[Cell, ...]] = [_balance_row("Số dư đầu kỳ", balance_vnd)]
    for entry in book.entries:
        balance_vnd += entry.debit_vnd - entry.credit_vnd
        rows.append(
            (
                entry.on,
                str(entry.journal_id),
                entry.vouchers,
                entry.description,
                entry.against,
                entry.object_code,
                entry.object_name,
                entry.reference,
                entry.debit_vnd or "",
                entry.credit_vnd or "",
                *_sides(balance_vnd),
            )
        )
    total: tuple[Cell, ...] = ("", "", "", "Cộng phát sinh", *[""] * 4)
    content = write_sheet(
        "So chi tiet",
        (
            "Ngày",
            "Số bút toán",
            "Chứng từ đã xuất",
            "Diễn giải",
            "TK đối ứng",
            "Mã đối tượng",
            "Tên đối tượng",
            "Mã tham chiếu",
            "Phát sinh – Nợ",
            "Phát sinh – Có",
            "Số dư – Nợ",
            "Số dư – Có",
        ),
        rows,
        as_of=book.until,
        above=_titles(book, f"SỔ CHI TIẾT TÀI KHOẢN {book.account} – {book.name}"),
        below=[
            (*total, book.debit_vnd, book.credit_vnd),
            _balance_row("Số dư cuối kỳ", book.closing_vnd),
        ],
    )
    name = f"hocphi-detail-ledger-{book.account}-{book.since}-{book.until}.xlsx"
    return BookFile(name, content)


def _titles(book: Book, title: str) -> tuple[str, ...]:
    return (
        book.school_name,
        title,
        f"Từ ngày {book.since:%d/%m/%Y} đến ngày {book.until:%d/%m/%Y} – đồng Việt Nam",
        book.chart_title,
    )


def _sides(balance_vnd: int) -> tuple[Cell, Cell]:
    return (balance_vnd, "") if balance_vnd >= 0 else ("", -balance_vnd)


def _balance_row(text: str, balance_vnd: int) -> tuple[Cell, ...]:
    return ("", "", "", text, *[""] * 6, *_sides(balance_vnd))
