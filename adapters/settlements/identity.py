"""Which payment does a line of a settlement file mean, in the words of that provider's notices?

An adapter names a payment `{order}.{transaction}` (the top of each module says so); a settlement file
prints the two parts in columns of their own, or only one of them. Pure; it looks nothing up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from adapters.settlements.lines import Kind, SettlementLine

NAMED_WHOLE = frozenset(
    {"momo", "onepay", "payos", "sepaypg", "shopeepay", "viettelmoney", "vnpay", "zalopay"}
)
"""Adapters whose notice of a payment is named by order and number, so that a settlement line can be its name."""

_DATED = re.compile(r"[0-9]{6}_(?P<reference>.+)")
_NUMBER = re.compile(r"[0-9]{1,20}")
_LINKED = re.compile(r"[0-9a-f]{32}\.(?P<number>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentName:
    """How a line names a payment; "" for what it does not say.

    transaction_id: equal to the notice's, where the line has all of it; else compare what there is.
    merchant_reference: equal to the notice's. provider_number: the notice's transaction_id behind its
    last dot. Never sure by itself: a number is unique only within its provider.
    """

    transaction_id: str = ""
    merchant_reference: str = ""
    provider_number: str = ""


def name_of(provider: str, line: SettlementLine) -> PaymentName:
    """Name the payment that the line settles, or for a refund or chargeback the one it takes from.

    `provider` is the adapter's name. A fee or an adjustment names a payment only by its
    original_reference. payOS's transaction_id begins with the link, which its line has only where
    the file prints "link.reference"; of other providers both parts are compared alone.
    """
    if line.kind is Kind.PAY:
        return _name(provider, line.merchant_reference, line.provider_transaction_id)
    original = line.original_reference
    if not original:
        # VNPAY gives a refund back under the payment's own TxnRef; others give it a name of its own.
        is_refund = line.kind in {Kind.REFUND, Kind.CHARGEBACK}
        kept = line.merchant_reference if provider == "vnpay" and is_refund else ""
        return _name(provider, kept, "")
    whole, _, number = original.rpartition(".")
    if whole and provider != "payos":
        return _name(provider, whole, number)
    if _is_number(provider, original):
        kept = line.merchant_reference if provider == "vnpay" else ""
        return _name(provider, kept, original)
    return _name(provider, original, "")


def whole_name(provider: str, name: PaymentName, *, ordered_on: date, order: str) -> str:
    """A notice's transaction_id for a payment that its line names in part; "" where that is not enough.

    `ordered_on`: the day in Vietnam on which the order was made; `order`: what the provider called it.
    """
    if name.transaction_id or not name.merchant_reference or not name.provider_number:
        return name.transaction_id
    if provider == "zalopay":
        return f"{ordered_on:%y%m%d}_{name.merchant_reference}.{name.provider_number}"
    return f"{order}.{name.provider_number}" if provider == "payos" and order else ""


def _is_number(provider: str, original: str) -> bool:
    """Whether an original reference is the provider's number, not our name of the order.

    Our names have letters, but for payOS, where both are its orderCode (digits) or a bank's
    reference (which is not digits alone, or names the link with it).
    """
    if provider == "payos":
        return not _NUMBER.fullmatch(original)
    return bool(_NUMBER.fullmatch(original))


def _name(provider: str, order: str, number: str) -> PaymentName:
    reference = order
    transaction_id = f"{order}.{number}" if order and number else ""
    if provider == "zalopay":
        dated = _DATED.fullmatch(order)
        reference = dated["reference"] if dated else order
        if not dated:
            transaction_id = ""  # the day of the order is part of its name, and the line has it not
    elif provider == "payos":
        linked = _LINKED.fullmatch(number)
        transaction_id = number if linked else ""
        number = linked["number"] if linked else number
    return PaymentName(
        transaction_id=transaction_id, merchant_reference=reference, provider_number=number
    )
