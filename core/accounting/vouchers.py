"""Vouchers as pure values: transfers of one journal become the lines of one voucher, with real accounts.

A voucher holds what the books hold, no more: nothing is netted, rounded or left out. What changes later
is a new voucher. Amounts in VND.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from adapters.banks import bank
from core.accounting.charts import Override, accounts_on
from core.ledger.postings import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTransfer:
    """A transfer as the vouchers need it, with what it is about. `kinds`: of the two ledger accounts."""

    transfer_id: int
    journal_id: int
    kind: str
    debit_kind: str
    credit_kind: str
    amount_vnd: int
    business_date: date
    student_code: str
    student_name: str
    reference: str
    fee_item: str
    bank_number: str
    bank_bin: str
    memo: str

    @property
    def bank_name(self) -> str:
        """The bank's full name; "" where it is unknown."""
        found = bank(self.bank_bin)
        return found.name if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """One debit and one credit of a voucher. Lines with the same `voucher_no` are one voucher.

    `is_debit_of_object`, `is_credit_of_object`: the side is kept by pupil, so the object belongs to it.
    """

    voucher_no: str
    on: date
    debit: str
    credit: str
    amount_vnd: int
    object_code: str
    object_name: str
    is_debit_of_object: bool
    is_credit_of_object: bool
    reference: str
    description: str
    bank_number: str
    bank_name: str
    transfer_id: int
    event: str


BY_PUPIL = frozenset({"receivable", "student_credit"})
"""Kinds of ledger account that the accountant follows pupil by pupil."""

DESCRIPTIONS: Mapping[str, str] = {
    Event.INVOICE_ISSUED: "Ghi nhận phải thu[: {item}][, phiếu {reference}]",
    Event.INVOICE_CANCELLED: "Huỷ phải thu[: {item}][, phiếu {reference}]",
    Event.PAYMENT_RECEIVED: "Thu tiền theo phiếu[ {reference}]",
    Event.OVERPAYMENT: "Thu thừa, giữ lại cho học sinh",
    Event.SUSPENSE: "Thu tiền chưa rõ nội dung, chờ xử lý",
    Event.SUSPENSE_RELEASED: "Xác định khoản tiền chờ xử lý[ {reference}]",
    Event.SUSPENDED: "Đưa khoản tiền về chờ xử lý[ {reference}][: {memo}]",
    Event.REVERSAL: "Đảo bút toán[: {memo}]",
    Event.REFUND: "Hoàn tiền[: {memo}]",
    Event.OPENING_BALANCE: "Số dư đầu kỳ[: {memo}]",
    Event.SETTLEMENT: "Cổng thanh toán, ví quyết toán về ngân hàng[: {memo}]",
    Event.PROVIDER_FEE: "Phí dịch vụ thanh toán[: {memo}]",
    Event.BANK_FEE: "Phí ngân hàng[: {memo}]",
    Event.PAID_ON: "Chi trả khoản thu hộ[: {item}][, {memo}]",
    Event.OWN_TRANSFER: "Chuyển tiền giữa các tài khoản của trường[: {memo}]",
    Event.STATE_PART: "Ngân sách cấp bù miễn, giảm[: {item}][, phiếu {reference}]",
    Event.STATE_RECEIVED: "Nhận kinh phí ngân sách cấp bù miễn, giảm[: {memo}]",
    Event.INCOME_RELEASED: "Kết chuyển doanh thu nhận trước[: {item}][, phiếu {reference}]",
}
"""What each event is called on a voucher; what is in brackets is left out where it is not known."""

_OPTIONAL = re.compile(r"\[([^{]*)\{(\w+)\}\]")


def describe(kind: str, *, item: str, reference: str, memo: str) -> str:
    """What a transfer is called on a voucher."""
    known = {"item": item, "reference": reference, "memo": memo}
    return _OPTIONAL.sub(
        lambda part: part[1] + known[part[2]] if known[part[2]] else "",
        DESCRIPTIONS.get(kind, kind),
    )


def number_of(prefix: str, serial: int, year: int) -> str:
    """A voucher's number as MISA's samples write it: NTTK0000001/26."""
    return f"{prefix}{serial:07d}/{year % 100:02d}"


def make_vouchers(
    booked: Sequence[VoucherTransfer],
    *,
    regime: str,
    overrides: Sequence[Override],
    prefix: str,
    last_serials: Mapping[int, int],
) -> tuple[VoucherLine, ...]:
    """Number journals by date and turn their transfers into lines, in the accounts of their own date.

    `last_serials`: year -> the last serial given out. Raises NoChartError when no chart covers a date.
    """
    serials = dict(last_serials)
    lines: list[VoucherLine] = []
    ordered = sorted(booked, key=lambda one: (one.business_date, one.journal_id, one.transfer_id))
    accounts_of = functools.cache(lambda on: accounts_on(regime, overrides, on))
    for (on, _), journal in groupby(ordered, key=lambda one: (one.business_date, one.journal_id)):
        serials[on.year] = serials.get(on.year, 0) + 1
        number = number_of(prefix, serials[on.year], on.year)
        lines += [_line(one, number, accounts_of(on)) for one in journal]
    return tuple(lines)


def _line(one: VoucherTransfer, number: str, accounts: Mapping[str, str]) -> VoucherLine:
    return VoucherLine(
        voucher_no=number,
        on=one.business_date,
        debit=accounts[one.debit_kind],
        credit=accounts[one.credit_kind],
        amount_vnd=one.amount_vnd,
        object_code=one.student_code,
        object_name=one.student_name,
        is_debit_of_object=one.debit_kind in BY_PUPIL,
        is_credit_of_object=one.credit_kind in BY_PUPIL,
        reference=one.reference,
        description=describe(one.kind, item=one.fee_item, reference=one.reference, memo=one.memo),
        bank_number=one.bank_number,
        bank_name=one.bank_name,
        transfer_id=one.transfer_id,
        event=one.kind,
    )
