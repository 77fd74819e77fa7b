"""Vouchers as JSON, for the school's own software: one array, one voucher a line, the same bytes for ever.

Pure: voucher lines in, bytes out, and pages of them read back without decoding the rest. Amounts are
whole VND, days ISO 8601.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Final

import msgspec

from core.accounting.vouchers import VoucherLine


class VoucherLineBody(msgspec.Struct, frozen=True):
    """One debit and one credit of a voucher, VND. `id` is the entry's own and never comes again.

    `object_code` names the pupil on the sides that `debit_has_object` and `credit_has_object` mark.
    """

    id: int
    event: str
    debit: str
    credit: str
    amount_vnd: int
    object_code: str
    object_name: str
    debit_has_object: bool
    credit_has_object: bool
    reference: str
    description: str
    bank_number: str
    bank_name: str


class VoucherBody(msgspec.Struct, frozen=True):
    """A voucher: what was booked together on one day, under one number."""

    number: str
    on: date
    total_vnd: int
    lines: list[VoucherLineBody]


_OPEN: Final = b"[\n"
_BETWEEN: Final = b",\n"
_CLOSE: Final = b"\n]\n"


def write_json(lines: Sequence[VoucherLine]) -> bytes:
    """The JSON of all vouchers, in their order."""
    vouchers = [
        _voucher(number, list(of_voucher))
        for number, of_voucher in groupby(lines, key=lambda line: line.voucher_no)
    ]
    return _OPEN + _BETWEEN.join(map(msgspec.json.encode, vouchers)) + _CLOSE


def read_page(content: bytes, after: int, limit: int) -> list[VoucherBody]:
    """At most `limit` vouchers after the first `after` of what `write_json` made."""
    texts = content.removeprefix(_OPEN).removesuffix(_CLOSE).split(_BETWEEN)
    return [msgspec.json.decode(text, type=VoucherBody) for text in texts[after : after + limit]]


def _voucher(number: str, lines: Sequence[VoucherLine]) -> VoucherBody:
    return VoucherBody(
        number=number,
        on=lines[0].on,
        total_vnd=sum(line.amount_vnd for line in lines),
        lines=[
            VoucherLineBody(
                id=line.transfer_id,
                event=line.event,
                debit=line.debit,
                credit=line.credit,
                amount_vnd=line.amount_vnd,
                object_code=line.object_code,
                object_name=line.object_name,
                debit_has_object=line.is_debit_of_object,
                credit_has_object=line.is_credit_of_object,
                reference=line.reference,
                description=line.description,
                bank_number=line.bank_number,
                bank_name=line.bank_name,
            )
            for line in lines
        ],
    )
