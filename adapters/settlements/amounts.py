"""The signs of a settlement line: how a provider printed it, and what it means for the school.

Providers print refunds and fees with a minus or without. Nothing is assumed: where the signs as they
stand do not give gross − fee − VAT = net, another reading holds only if it is the only one that does.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import Message, msg
from adapters.settlements.headers import SettlementColumn as Column
from adapters.settlements.lines import Kind


class SignError(Exception):
    """An amount whose sign cannot be told; `column` says which, `problem` why."""

    def __init__(self, column: Column, problem: Message) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """VND; seen from the school, as in `SettlementLine`, once `signed` has read them."""

    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int

    @property
    def is_balanced(self) -> bool:
        """gross − fee − VAT = net."""
        return self.gross_vnd - self.fee_vnd - self.vat_vnd == self.net_vnd


def signed(kind: Kind, printed: Amounts) -> Amounts:
    """Read the amounts of a line of this kind; unbalanced ones stay as they were printed.

    A fee printed below zero is a deduction where only that adds up. A refund or chargeback printed
    above zero is money that left; its fee was charged or given back, whichever adds up. A payment's
    fee is never turned into a gift.

    Raises:
        SignError: a payment not above zero, a fee with a gross, a refund that adds up in no way or two.
    """
    gross_vnd = printed.gross_vnd
    if kind is Kind.PAY and gross_vnd <= 0:
        raise SignError(Column.GROSS, msg("khoản thanh toán phải lớn hơn 0"))
    if kind is Kind.FEE and gross_vnd:
        raise SignError(
            Column.GROSS, msg("dòng phí không có số tiền giao dịch: hãy ghi vào cột phí")
        )
    is_outgoing = kind in {Kind.REFUND, Kind.CHARGEBACK}
    if is_outgoing and not gross_vnd:
        raise SignError(Column.GROSS, msg("khoản hoàn phải khác 0"))
    if is_outgoing and gross_vnd > 0:
        return _outgoing(printed)
    other = _with_fee(printed, -1)
    may_reverse = is_outgoing or max(printed.fee_vnd, printed.vat_vnd) <= 0
    return other if may_reverse and not printed.is_balanced and other.is_balanced else printed


def _outgoing(printed: Amounts) -> Amounts:
    """A refund without its minus."""
    out = Amounts(
        gross_vnd=-printed.gross_vnd,
        fee_vnd=printed.fee_vnd,
        vat_vnd=printed.vat_vnd,
        net_vnd=-abs(printed.net_vnd),
    )
    readings = {one for one in (out, _with_fee(out, -1)) if one.is_balanced}
    if len(readings) != 1:
        raise SignError(
            Column.GROSS,
            msg("khoản hoàn ghi số dương mà giao dịch − phí − thuế không ra thực nhận"),
        )
    return readings.pop()


def _with_fee(amounts: Amounts, sign: int) -> Amounts:
    return Amounts(
        gross_vnd=amounts.gross_vnd,
        fee_vnd=sign * amounts.fee_vnd,
        vat_vnd=sign * amounts.vat_vnd,
        net_vnd=amounts.net_vnd,
    )
