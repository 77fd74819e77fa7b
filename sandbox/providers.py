"""Everybody in the sandbox, by name: who tells of money, and who has a server for orders and questions."""

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
from sandbox.provider import Merchant, Notifier, ProviderServer
from sandbox.servers import ProviderServers

_NOTIFIERS: tuple[Notifier, ...] = (
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
NOTIFIERS: Final = {notifier.NAME: notifier for notifier in _NOTIFIERS}
SERVERS: Final[dict[str, Callable[[Sequence[Merchant]], ProviderServer]]] = {
    "dvcqg": dvcqg.Dvcqg,
    "momo": momo.Momo,
    "onepay": onepay.Onepay,
    "payos": payos.Payos,
    "sepaypg": sepaypg.SepayPg,
    "shopeepay": shopeepay.ShopeePay,
    "viettelmoney": viettelmoney.ViettelMoney,
    "vnpay": vnpay.VnpayServer,
    "zalopay": zalopay.ZaloPay,
}
COUNTERS: Final = {"agribank": agribank.ask, "bidv": bidv.ask, "vietcombank": vietcombank.ask}
"""Banks whose counter asks what a customer owes before it takes money."""


def open_servers(merchants: Sequence[Merchant]) -> ProviderServers:
    """A server for every provider that has one and at least one of these merchants."""
    return ProviderServers(
        servers={
            name: make([merchant for merchant in merchants if merchant.provider == name])
            for name, make in SERVERS.items()
            if any(merchant.provider == name for merchant in merchants)
        },
        notifiers=NOTIFIERS,
    )
