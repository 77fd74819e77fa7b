"""Statements as each bank prints them, for tests: titles, header, lines and totals as rows of a table.

Shaped as the banks' published exports are; whoever reads them must find exactly the entries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from support.statement_files import Entry
from support.table_files import Value

AMOUNTS: MappingProxyType[str, Callable[[int], Value]] = MappingProxyType(
    {
        "1,250,000": lambda vnd: f"{vnd:,}",
        "1.250.000": lambda vnd: f"{vnd:,}".replace(",", "."),
        "1250000.00": lambda vnd: f"{vnd}.00",
        "1,250,000.00": lambda vnd: f"{vnd:,}.00",
        "1.250.000,00 VND": lambda vnd: f"{vnd:,}".replace(",", ".") + ",00 VND",
        "number": lambda vnd: vnd,
    }
)
"""The ways in which banks write an amount."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """How one bank prints a statement. `columns` says what stands under each header: see `_cell`."""

    layout: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    footer: tuple[tuple[str, ...], ...] = ()
    day: str = "%d/%m/%Y"
    nothing: str = ""

    @property
    def has_balances(self) -> bool:
        """Whether a balance stands in each line."""
        return "balance" in self.columns

    @property
    def has_ids(self) -> bool:
        """Whether the bank prints a number of each transaction."""
        return not {"id", "day_id", "day_slash_id"}.isdisjoint(self.columns)

    @property
    def fills_down(self) -> bool:
        """Whether a date may be left blank: not where the number shares its cell."""
        return "day" in self.columns


def paper_rows(
    paper: Paper,
    account: str,
    opening_vnd: int,
    entries: Sequence[Entry],
    *,
    amounts: str = "1,250,000",
    newest_first: bool = False,
    blank_dates: bool = False,
    page: int = 0,
) -> tuple[list[list[Value]], list[int]]:
    """The table, and the row (from 1) of each entry. `page`: the header comes again after so many lines.

    "{account}", "{opening}", "{closing}", "{debits}" and "{credits}" in titles and footer are filled in.
    """
    write = AMOUNTS[amounts]
    balance_vnd = opening_vnd
    lines: list[tuple[int, Entry, int]] = []
    for index, entry in enumerate(entries):
        balance_vnd += entry.net_vnd
        lines.append((index, entry, balance_vnd))
    words = {
        "account": account,
        "opening": f"{opening_vnd:,}",
        "closing": f"{balance_vnd:,}",
        "debits": f"{-sum(min(entry.net_vnd, 0) for entry in entries):,}",
        "credits": f"{sum(max(entry.net_vnd, 0) for entry in entries):,}",
    }
    rows: list[list[Value]] = [[cell.format(**words) for cell in row] for row in paper.titles]
    rows.append(list(paper.header))
    places = [0] * len(lines)
    before = None
    for count, (index, entry, after_vnd) in enumerate(lines[::-1] if newest_first else lines):
        if page and count and count % page == 0:
            rows.append(list(paper.header))
        is_blank = blank_dates and paper.fills_down and entry.day == before
        before = entry.day
        cells = [_cell(paper, kind, count, entry, after_vnd, write) for kind in paper.columns]
        if is_blank:
            cells = [
                "" if kind in {"day", "other_day"} else cell
                for kind, cell in zip(paper.columns, cells, strict=True)
            ]
        rows.append(cells)
        places[index] = len(rows)
    rows += [[cell.format(**words) for cell in row] for row in paper.footer]
    return rows, places


def _cell(
    paper: Paper, kind: str, count: int, entry: Entry, after_vnd: int, write: Callable[[int], Value]
) -> Value:
    day = entry.day.strftime(paper.day)
    other = (entry.day + timedelta(days=1)).strftime(paper.day)
    values: dict[str, Value] = {
        "count": count + 1,
        "day": day,
        "day_id": f"{day}\n{entry.transaction_id}",
        "day_slash_id": f"{day} / {entry.transaction_id}",
        "other_day": other,
        "id": entry.transaction_id,
        "credit": write(entry.net_vnd) if entry.net_vnd > 0 else paper.nothing,
        "debit": write(-entry.net_vnd) if entry.net_vnd < 0 else paper.nothing,
        "signed": write(entry.net_vnd),
        "balance": write(after_vnd),
        "content": entry.content,
        "party": "NGUYEN VAN AN",
        "party account": "19020352517013",
        "bank": "VBA",
        "zero": "0",
        "blank": "",
    }
    return values[kind]


_VCB_TITLES = (
    ("NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM",),
    ("", "", "SAO KÊ TÀI KHOẢN\nSTATEMENT OF ACCOUNT"),
    (),
    ("Số tài khoản/ Account No:", "", "{account}"),
    ("Từ/ From:", "", "01/08/2026", "", "Đến/ To:", "31/08/2026"),
    ("Số dư đầu kỳ/ Opening balance:", "", "{opening} VND"),
    (),
)
_VCB_FOOTER = (
    ("Tổng số/ Total", "", "{debits}", "{credits}"),
    ("Số dư cuối kỳ/ Closing balance", "", "", "", "{closing}"),
    (),
    ("Ngày in: 31/08/2026. Sao kê này được in tự động.",),
)

PAPERS: MappingProxyType[str, Paper] = MappingProxyType(
    {
        "vcb digibank": Paper(
            layout="vcb",
            titles=_VCB_TITLES,
            header=(
                "STT\nNo.",
                "Ngày/\nTNX Date/ Số CT/ Doc No",
                "Số tiền ghi nợ/\nDebit",
                "Số tiền ghi có/\nCredit",
                "Số dư/\nBalance",
                "Nội dung chi tiết/\nTransactions in detail",
            ),
            columns=("count", "day_id", "debit", "credit", "balance", "content"),
            footer=_VCB_FOOTER,
        ),
        "vcb newer": Paper(
            layout="vcb",
            titles=_VCB_TITLES,
            header=(
                *("STT No.", "Ngày/TNX Date/Số CT", "Ngày hiệu lực/ Effective date"),
                *("Số tiền ghi nợ/ Debit", "Số tiền ghi có/ Credit", "Số dư/ Balance"),
                "Nội dung chi tiết/ Transactions in detail",
            ),
            columns=(
                *("count", "day_slash_id", "other_day", "debit", "credit", "balance"),
                "content",
            ),
            footer=_VCB_FOOTER,
            nothing="0",
        ),
        "vcb cashup": Paper(
            layout="vcb",
            titles=(
                ("VCB CashUp - SAO KÊ CHI TIẾT NHIỀU TÀI KHOẢN",),
                ("Số tài khoản: {account} - VND", "", "Số dư đầu kỳ: {opening}"),
            ),
            header=(
                *("Ngày/ TNX Date", "Số CT/ Doc No", "Số tiền ghi nợ/ Debit"),
                *("Số tiền ghi có/ Credit", "Số dư/ Balance"),
                "Nội dung chi tiết/ Transactions in detail",
            ),
            columns=("day", "id", "debit", "credit", "balance", "content"),
            footer=(("Tổng", "", "{debits}", "{credits}"), ("Số dư cuối kỳ: {closing}",), ()),
        ),
        "vietinbank": Paper(
            layout="vietinbank",
            titles=(
                ("LỊCH SỬ GIAO DỊCH - TRANSACTION HISTORY",),
                ("Số tài khoản/ Account No.", "{account}"),
                ("Số dư đầu kỳ/ Opening balance", "{opening}"),
            ),
            header=(
                *("Ngày hạch toán/\nAccounting date", "Ngày phát sinh/\nTransaction date"),
                *("Mô tả giao dịch/\nTransaction description", "Nợ/ Debit", "Có / Credit"),
                *("Số dư TK/\nAccount balance", "Số giao dịch/\nTransaction number"),
            ),
            columns=("day", "other_day", "content", "debit", "credit", "balance", "id"),
            footer=(("Tổng/ Total", "", "", "{debits}", "{credits}"),),
            nothing="0",
        ),
        "mb": Paper(
            layout="mb",
            titles=(
                ("NGÂN HÀNG TMCP QUÂN ĐỘI",),
                ("SAO KÊ CHI TIẾT TÀI KHOẢN",),
                ("Số tài khoản/Account No: {account} - VND", "", "Chủ tài khoản: TRƯỜNG A"),
                ("Số dư đầu kỳ:", "{opening}", "Số dư cuối kỳ:", "{closing}"),
            ),
            header=(
                *("STT\nNo", "Ngày hạch toán\nPosting date", "Ngày giao dịch\nTransaction date"),
                *("Phát sinh nợ\nDebit", "Phát sinh có\nCredit", "Số dư\nBalance"),
                *("Nội dung/Diễn giải\nDescription", "Số bút toán\nTransaction No"),
            ),
            columns=("count", "day", "other_day", "debit", "credit", "balance", "content", "id"),
            footer=(("Tổng cộng/Total", "", "", "{debits}", "{credits}"),),
        ),
        "bidv": Paper(
            layout="bidv",
            titles=(
                ("BÁO CÁO CHI TIẾT SỐ DƯ TÀI KHOẢN",),
                ("Số tài khoản cũ: 12010000000001",),
                ("Số tài khoản", "{account}"),
                ("Dư đầu", "{opening}"),
            ),
            header=(
                *("Ngày hiệu lực/\nDate", "Ghi nợ/\nDebit", "Ghi có/\nCredit"),
                *("Số dư/\nBalance", "Mô tả/\nDescription"),
            ),
            columns=("day", "debit", "credit", "balance", "content"),
            footer=(("Tổng cộng", "{debits}", "{credits}"), ("Dư cuối", "", "", "{closing}")),
        ),
        "agribank": Paper(
            layout="agribank",
            titles=(),
            header=(
                *("trdt", "acctccyamt", "aftrbal", "rem", "trcdnm"),
                *("tomgntno", "toacctno", "lclbrnm", "thrref"),
            ),
            columns=(
                *("day", "signed", "balance", "content", "blank"),
                *("blank", "party account", "blank", "bank"),
            ),
            day="%Y-%m-%d",
        ),
        "acb": Paper(
            layout="acb",
            titles=(
                ("NGÂN HÀNG TMCP Á CHÂU",),
                ("SAO KÊ TÀI KHOẢN",),
                ("Số tài khoản: {account}",),
                ("Từ ngày: 01/08/2026", "", "Đến ngày: 31/08/2026"),
                (),
                ("Số dư đầu kỳ", "{opening}"),
                (),
            ),
            header=(
                *("Ngày giao dịch", "Số GD", "Nội dung", "Tiền rút ra", "Tiền gửi vào"),
                *("Số dư", "Tên đối tác", "Số tài khoản đối tác"),
            ),
            columns=(
                *("day", "id", "content", "debit", "credit"),
                *("balance", "party", "party account"),
            ),
            footer=(("Tổng cộng", "", "", "{debits}", "{credits}"),),
        ),
        "techcombank": Paper(
            layout="techcombank",
            titles=(
                ("SAO KÊ TÀI KHOẢN/ ACCOUNT STATEMENT",),
                ("Số tài khoản/Account no.", "{account}"),
                ("Số dư đầu kỳ/Opening balance", "{opening}"),
            ),
            header=(
                *("Ngày KH thực hiện/\nRequesting date", "Ngày giao dịch/\nTransaction date"),
                *("Số bút toán/\nReference number", "Ngân hàng đối tác/\nRemitter's bank"),
                "Tài khoản đích/\nRemitter's account number",
                "Tên tài khoản đối ứng/\nRemitter's account name",
                *("Diễn giải/\nDescription", "Nợ/Debit", "Có/Credit", "Phí/Lãi\nFee/Interest"),
                *("Thuế/\nTransaction VAT", "Số dư/\nRunning balance"),
            ),
            columns=(
                *("other_day", "day", "id", "bank", "party account", "party", "content"),
                *("debit", "credit", "zero", "blank", "balance"),
            ),
            day="%Y-%m-%d",
        ),
        "msb": Paper(
            layout="msb",
            titles=(
                ("SAO KÊ GIAO DỊCH",),
                ("Số tài khoản:", "{account}"),
                ("Số dư đầu kỳ:", "{opening}"),
            ),
            header=(
                *("Ngày giao dịch/\nTransaction date", "Số bút toán/\nReference no"),
                *("Người hưởng/Người chuyển\nPayee/Payer", "Diễn giải", "Nợ/Debit", "Có/Credit"),
            ),
            columns=("day", "id", "party", "content", "debit", "credit"),
            footer=(
                ("Tổng cộng", "", "", "", "{debits}", "{credits}"),
                ("Số dư cuối kỳ:", "{closing}"),
            ),
        ),
        "vib": Paper(
            layout="vib",
            titles=(
                ("NGÂN HÀNG TMCP QUỐC TẾ VIỆT NAM (VIB)",),
                ("Số tài khoản", "{account}"),
                ("Số dư đầu kỳ", "{opening}"),
            ),
            header=("STT", "Ngày", "Số chứng từ", "Ghi nợ", "Ghi có", "Số dư", "Nội dung"),
            columns=("count", "day", "id", "debit", "credit", "balance", "content"),
            footer=(("", "", "Tổng cộng", "{debits}", "{credits}"),),
        ),
        "tpbank": Paper(
            layout="tpbank",
            titles=(
                ("NGÂN HÀNG TMCP TIÊN PHONG",),
                ("SAO KÊ TÀI KHOẢN",),
                (),
                ("Số tài khoản:", "{account}"),
                ("Từ ngày:", "01/08/2026"),
                ("Số dư đầu kỳ:", "{opening}"),
                (),
            ),
            header=(
                "STT",
                "Ngày giao dịch",
                "Mã giao dịch",
                "Nội dung",
                "Ghi nợ",
                "Ghi có",
                "Số dư",
            ),
            columns=("count", "day", "id", "content", "debit", "credit", "balance"),
            footer=(("Tổng cộng", "", "", "", "{debits}", "{credits}"),),
        ),
        "some bank": Paper(
            layout="generic",
            titles=(
                ("Đơn vị: TRƯỜNG TIỂU HỌC TIÊN PHONG",),
                ("Tài khoản số: {account}",),
                ("Số dư đầu kỳ: {opening}",),
            ),
            header=("No.", "Ngày", "Ghi nợ", "Ghi có", "Số dư", "Diễn giải", "Số chứng từ"),
            columns=("count", "day", "debit", "credit", "balance", "content", "id"),
        ),
        "bare words": Paper(
            layout="generic",
            titles=(),
            header=("No.", "Ngày", "Nợ", "Có", "Số dư", "Nội dung", "Số tham chiếu"),
            columns=("count", "day", "debit", "credit", "balance", "content", "id"),
            nothing="-",
        ),
    }
)
"""One of each layout that is known, and two that nobody has a file for."""
