"""Everybody in the sandbox, by name: who tells of money, and who has a desk for orders and questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sandbox import (
    agribank,
    bidv,
    bvbank,
    casso,
    dvcqg,
    mb,
    momo,
    onepay,
    payos,
    sepay,
    sepaypg,
    shopeepay,
    vietcombank,
    vietinbank,
    vietqrvn,
    viettelmoney,
    vnpay,
    zalopay,
)
from sandbox.desks import Desks
from sandbox.provider import Desk, Merchant, Teller

_TELLERS: tuple[Teller, ...] = (
    agribank,
    bidv,
    bvbank,
    casso,
    dvcqg,
    mb,
    momo,
    onepay,
    payos,
    sepay,
    sepaypg,
    shopeepay,
    vietcombank,
    vietinbank,
    vietqrvn,
    viettelmoney,
    vnpay,
    zalopay,
)
TELLERS: Final = {teller.NAME: teller for teller in _TELLERS}
DESKS: Final[dict[str, Callable[[Sequence[Merchant]], Desk]]] = {
    "dvcqg": dvcqg.Dvcqg,
    "momo": momo.Momo,
    "onepay": onepay.Onepay,
    "payos": payos.Payos,
    "sepaypg": sepaypg.SepayPg,
    "shopeepay": shopeepay.ShopeePay,
    "viettelmoney": viettelmoney.ViettelMoney,
    "vnpay": vnpay.VnpayDesk,
    "zalopay": zalopay.ZaloPay,
}
COUNTERS: Final = {"agribank": agribank.ask, "bidv": bidv.ask, "vietcombank": vietcombank.ask}
"""Banks whose counter asks what a customer owes before it takes money."""


def open_desks(merchants: Sequence[Merchant]) -> Desks:
    """A desk for every provider that has one and at least one of these merchants."""
    return Desks(
        desks={
            name: make([merchant for merchant in merchants if merchant.provider == name])
            for name, make in DESKS.items()
            if any(merchant.provider == name for merchant in merchants)
        },
        tellers=TELLERS,
    )
