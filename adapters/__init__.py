"""Everything outside that the house can talk to, by name: pure functions of bytes, no state.

One table for each thing that a provider may be able to do; docs/adapters.md shows them side by side.
Adding an adapter is adding its module to the tables that it fits.
"""

from __future__ import annotations

from typing import Final

from adapters.contract import (
    CancelAdapter,
    CreateAdapter,
    IpnAdapter,
    LookupAdapter,
    QueryAdapter,
    ReceiptAdapter,
    RedirectAdapter,
    RefundAdapter,
    RegisterAdapter,
)
from adapters.providers import (
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

_RECEIVING: tuple[IpnAdapter, ...] = (
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
_LOOKED_UP: tuple[LookupAdapter, ...] = (
    agribank,
    bidv,
    dvcqg,
    vietcombank,
    vietinbank,
)
_REDIRECTING: tuple[RedirectAdapter, ...] = (onepay, sepaypg, viettelmoney, vnpay)
_CREATING: tuple[CreateAdapter, ...] = (dvcqg, momo, payos, shopeepay, zalopay)
_ANSWERING: tuple[QueryAdapter, ...] = (
    dvcqg,
    momo,
    onepay,
    payos,
    sepaypg,
    shopeepay,
    viettelmoney,
    vnpay,
    zalopay,
)
_CANCELLING: tuple[CancelAdapter, ...] = (payos, sepaypg)
_REFUNDING: tuple[RefundAdapter, ...] = (momo, shopeepay, viettelmoney, vnpay, zalopay)
_RECEIPTING: tuple[ReceiptAdapter, ...] = (dvcqg,)
_REGISTERING: tuple[RegisterAdapter, ...] = (payos,)

IPN: Final = {adapter.NAME: adapter for adapter in _RECEIVING}
LOOKUP: Final = {adapter.NAME: adapter for adapter in _LOOKED_UP}
REDIRECT: Final = {adapter.NAME: adapter for adapter in _REDIRECTING}
CREATE: Final = {adapter.NAME: adapter for adapter in _CREATING}
QUERY: Final = {adapter.NAME: adapter for adapter in _ANSWERING}
CANCEL: Final = {adapter.NAME: adapter for adapter in _CANCELLING}
REFUND: Final = {adapter.NAME: adapter for adapter in _REFUNDING}
RECEIPT: Final = {adapter.NAME: adapter for adapter in _RECEIPTING}
REGISTER: Final = {adapter.NAME: adapter for adapter in _REGISTERING}
NUMBERED: Final[frozenset[str]] = frozenset({"payos"})
"""Those whose order must be a number: their merchant reference is decimal digits, below 2**50."""
