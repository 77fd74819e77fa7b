"""Everything outside that the house can talk to, by name: pure functions of bytes, no state."""

from __future__ import annotations

from adapters import sepay, vietqrvn, vnpay
from adapters.contract import CheckoutAdapter, IpnAdapter, QueryAdapter

_RECEIVING: tuple[IpnAdapter, ...] = (sepay, vietqrvn, vnpay)
_REDIRECTING: tuple[CheckoutAdapter, ...] = (vnpay,)
_ANSWERING: tuple[QueryAdapter, ...] = (vnpay,)

IPN: dict[str, IpnAdapter] = {adapter.NAME: adapter for adapter in _RECEIVING}
CHECKOUT: dict[str, CheckoutAdapter] = {adapter.NAME: adapter for adapter in _REDIRECTING}
QUERY: dict[str, QueryAdapter] = {adapter.NAME: adapter for adapter in _ANSWERING}
