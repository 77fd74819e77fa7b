"""Vouchers as pure values: transfers of one journal become the lines of one voucher, with real accounts.

A voucher says what the books say, no more: nothing is netted, rounded or left out. What changes later
is a new voucher. Amounts in VND.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from gateway.accounting.charts import chart_for
from gateway.ledger.postings import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
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
    bank_name: str
    memo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """One debit and one credit of a voucher. Lines with the same `voucher_no` are one voucher."""

    voucher_no: str
    on: date
    debit: str
    credit: str
    amount_vnd: int
    object_code: str
    object_name: str
    reference: str
    description: str
    bank_number: str
    bank_name: str
    transfer_id: int


DESCRIPTIONS: Mapping[str, str] = {
    Event.INVOICE_ISSUED: "Ghi nhận phải thu: {item}, phiếu {reference}",
    Event.INVOICE_CANCELLED: "Huỷ phải thu: {item}, phiếu {reference}",
    Event.PAYMENT_RECEIVED: "Thu tiền theo phiếu {reference}",
    Event.OVERPAYMENT: "Thu thừa, giữ lại cho học sinh",
    Event.SUSPENSE: "Thu tiền chưa rõ nội dung, chờ xử lý",
    Event.SUSPENSE_RELEASED: "Xác định khoản tiền chờ xử lý {reference}",
    Event.REVERSAL: "Đảo bút toán: {memo}",
    Event.REFUND: "Hoàn tiền: {memo}",
}


def number_of(prefix: str, serial: int, year: int) -> str:
    """A voucher's number as MISA's samples write it: NTTK0000001/26."""
    return f"{prefix}{serial:07d}/{year % 100:02d}"


def make_vouchers(
    booked: Sequence[Booked], *, regime: str, prefix: str, last_serials: Mapping[int, int]
) -> tuple[VoucherLine, ...]:
    """Number journals by date and turn their transfers into lines, in the chart of their own date.

    `last_serials`: year -> the last serial given out. Raises Problem (409) when no chart covers a date.
    """
    serials = dict(last_serials)
    lines: list[VoucherLine] = []
    ordered = sorted(booked, key=lambda one: (one.business_date, one.journal_id, one.transfer_id))
    for (on, _), journal in groupby(ordered, key=lambda one: (one.business_date, one.journal_id)):
        serials[on.year] = serials.get(on.year, 0) + 1
        number = number_of(prefix, serials[on.year], on.year)
        accounts = chart_for(regime, on).accounts
        lines += [_line(one, number, accounts) for one in journal]
    return tuple(lines)


def _line(one: Booked, number: str, accounts: Mapping[str, str]) -> VoucherLine:
    template = DESCRIPTIONS.get(one.kind, one.kind)
    text = template.format(item=one.fee_item, reference=one.reference, memo=one.memo)
    return VoucherLine(
        voucher_no=number,
        on=one.business_date,
        debit=accounts[one.debit_kind],
        credit=accounts[one.credit_kind],
        amount_vnd=one.amount_vnd,
        object_code=one.student_code,
        object_name=one.student_name,
        reference=one.reference,
        description=text.strip(" :,"),
        bank_number=one.bank_number,
        bank_name=one.bank_name,
        transfer_id=one.transfer_id,
    )
