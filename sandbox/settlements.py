"""The settlement files of providers that pay out later in batches: from what payers paid and what went back.

`neutral_csv` is Hocphi's own documented form (docs/adapters.md). What VNPAY and MoMo really write is not
public: `vnpay_xlsx` and `momo_xlsx` are laid out as Vietnamese reports usually are, with title rows,
headers that break in the cell, amounts as text, refunds without a minus, a total and a signature below.
The fee is a rate of the amount, VAT a rate of the fee, each rounded half up to a đồng per transaction; a
refund gives its fee back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import xlsxwriter

from sandbox import momo, payos, vnpay, zalopay
from sandbox.bank import VIETNAM
from sandbox.provider import Merchant, Movement, MovementState

NEUTRAL_HEADER: Final = (
    "provider_transaction_id",
    "merchant_reference",
    "original_reference",
    "type",
    "gross",
    "fee",
    "vat",
    "net",
    "paid_at",
    "settled_on",
    "batch_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Money that a provider gave back of `movement`, under a number of its own; amount in VND."""

    movement: Movement
    number: str
    amount_vnd: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the provider takes: its fee in hundredths of a percent, VAT in percent of the fee."""

    fee_basis_points: int
    vat_percent: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payout. `returned` lowers it."""

    batch_id: str
    settled_on: date
    paid: Sequence[Movement]
    returned: Sequence[Returned] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a payout, VND; a refund's amounts are below zero."""

    movement: Movement
    number: str  # of a refund; "" for a payment
    at: datetime
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int

    @property
    def net_vnd(self) -> int:
        """What the school gets of it."""
        return self.gross_vnd - self.fee_vnd - self.vat_vnd


def entries_of(payout: Payout, terms: Terms) -> tuple[Entry, ...]:
    """The lines of a payout, payments first; what is not paid is in no settlement."""
    entries = [
        _entry(movement, "", movement.at, movement.amount_vnd, 1, terms)
        for movement in payout.paid
        if movement.state is MovementState.PAID
    ]
    entries += [
        _entry(back.movement, back.number, back.at, back.amount_vnd, -1, terms)
        for back in payout.returned
    ]
    return tuple(entries)


def payout_vnd(payout: Payout, terms: Terms) -> int:
    """What the bank will show as one line."""
    return sum(entry.net_vnd for entry in entries_of(payout, terms))


def names_of(movement: Movement, merchant: Merchant) -> tuple[str, str]:
    """The provider's number of a payment and its name of the order, as it would print them.

    Raises KeyError for a provider that pays out no batches here.
    """
    number, order = _NAMES[merchant.provider]
    return str(number(movement)), order(movement)


def neutral_csv(payouts: Sequence[Payout], terms: Terms, merchant: Merchant) -> bytes:
    """The neutral file, signs as they are, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(NEUTRAL_HEADER)
    for payout in payouts:
        for entry in entries_of(payout, terms):
            number, order = names_of(entry.movement, merchant)
            writer.writerow(
                (
                    entry.number or number,
                    order,
                    number if entry.number else "",
                    "refund" if entry.number else "pay",
                    entry.gross_vnd,
                    entry.fee_vnd,
                    entry.vat_vnd,
                    entry.net_vnd,
                    f"{entry.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}",
                    payout.settled_on.isoformat(),
                    payout.batch_id,
                )
            )
    return out.getvalue().encode()


def vnpay_xlsx(payouts: Sequence[Payout], terms: Terms, merchant: Merchant) -> bytes:
    """Text amounts with commas; batch and day merged down; a total for each batch and for all."""
    rows: list[list[str]] = [
        ["CÔNG TY CỔ PHẦN GIẢI PHÁP THANH TOÁN VIỆT NAM"],
        ["", "BÁO CÁO ĐỐI SOÁT GIAO DỊCH"],
        [f"Mã website: {merchant.settings.get('tmn_code', '')}"],
        [],
        ["STT", "Ngày\nquyết toán", "Mã lô", "Mã giao dịch\nVNPAY", "Mã tham chiếu\n(TxnRef)", "Mã giao dịch gốc", "Loại giao dịch", "Thời gian\ngiao dịch", "Số tiền giao dịch\n(VND)", "Phí giao dịch\n(VND)", "Thuế GTGT\n(VND)", "Số tiền\nthực nhận"],
    ]  # fmt: skip
    everything: list[Entry] = []
    for payout in payouts:
        entries = entries_of(payout, terms)
        for index, entry in enumerate(entries):
            number, order = names_of(entry.movement, merchant)
            shown = -1 if entry.number else 1  # a refund is printed without its minus
            rows.append(
                [
                    str(len(everything) + index + 1),
                    f"{payout.settled_on:%d/%m/%Y}" if not index else "",
                    payout.batch_id if not index else "",
                    entry.number or number,
                    order,
                    number if entry.number else "",
                    "Hoàn tiền" if entry.number else "Thanh toán",
                    f"{entry.at.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}",
                    *(f"{shown * vnd:,}" for vnd in _vnd(entry)),
                ]
            )
        everything += entries
        rows.append(
            [f"Cộng lô {payout.batch_id}", *[""] * 7, *(f"{vnd:,}" for vnd in _sum(entries))]
        )
    rows += [
        [f"Tổng cộng {len(everything)} giao dịch", *[""] * 7, *(f"{vnd:,}" for vnd in _sum(everything))],
        [],
        [*[""] * 9, "Ngày 22 tháng 11 năm 2026"],
        ["", "Người lập biểu", "", "", "", "", "", "", "", "Kế toán trưởng"],
    ]  # fmt: skip
    return _workbook(rows)


def momo_xlsx(payouts: Sequence[Payout], terms: Terms, merchant: Merchant) -> bytes:
    """Numbers; fees as deductions below zero; a table of the batches on a sheet of its own."""
    lines: list[list[str | int]] = [
        ["transId", "orderId", "Mã giao dịch gốc", "Loại", "Ngày giao dịch", "Trạng thái", "Số tiền", "Phí", "VAT", "Thực nhận", "Mã lô", "Ngày quyết toán"],
    ]  # fmt: skip
    batches: list[list[str | int]] = [
        ["Mã lô", "Ngày quyết toán", "Số lượng giao dịch", "Số tiền", "Thực nhận"]
    ]
    for payout in payouts:
        entries = entries_of(payout, terms)
        day = f"{payout.settled_on:%d/%m/%Y}"
        for entry in entries:
            number, order = names_of(entry.movement, merchant)
            lines.append(
                [
                    entry.number or number,
                    f"R{entry.number}" if entry.number else order,
                    number if entry.number else "",
                    "Hoàn tiền" if entry.number else "Thanh toán",
                    f"{entry.at.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
                    "Thành công",
                    entry.gross_vnd,
                    -entry.fee_vnd,
                    -entry.vat_vnd,
                    entry.net_vnd,
                    payout.batch_id,
                    day,
                ]
            )
        gross_vnd, _, _, net_vnd = _sum(entries)
        batches.append([payout.batch_id, day, len(entries), gross_vnd, net_vnd])
    return _workbook(lines, batches)


def _entry(
    movement: Movement, number: str, at: datetime, amount_vnd: int, sign: int, terms: Terms
) -> Entry:
    fee_vnd = _half_up(amount_vnd * terms.fee_basis_points, 10_000)
    return Entry(
        movement=movement,
        number=number,
        at=at,
        gross_vnd=sign * amount_vnd,
        fee_vnd=sign * fee_vnd,
        vat_vnd=sign * _half_up(fee_vnd * terms.vat_percent, 100),
    )


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _vnd(entry: Entry) -> tuple[int, int, int, int]:
    return entry.gross_vnd, entry.fee_vnd, entry.vat_vnd, entry.net_vnd


def _sum(entries: Sequence[Entry]) -> tuple[int, int, int, int]:
    columns = zip(*map(_vnd, entries), strict=True)
    gross_vnd, fee_vnd, vat_vnd, net_vnd = map(sum, columns) if entries else (0, 0, 0, 0)
    return gross_vnd, fee_vnd, vat_vnd, net_vnd


def _reference(movement: Movement) -> str:
    return movement.merchant_reference


def _bank_number(movement: Movement) -> str:
    return movement.bank_transaction_id


_Number = Callable[[Movement], int | str]
_NAMES: Final[dict[str, tuple[_Number, Callable[[Movement], str]]]] = {
    vnpay.NAME: (vnpay.number_of, _reference),
    momo.NAME: (momo.trans_id, _reference),
    zalopay.NAME: (zalopay.zp_trans_id, zalopay.app_trans_id),
    payos.NAME: (_bank_number, _reference),
}


def _workbook(*tables: Sequence[Sequence[str | int]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for table in tables:
            sheet = book.add_worksheet()
            for index, row in enumerate(table):
                for column, value in enumerate(row):
                    if isinstance(value, int):
                        sheet.write_number(index, column, value)
                    elif value:
                        sheet.write_string(index, column, value)
    return buffer.getvalue()
