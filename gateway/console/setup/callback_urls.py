"""The addresses that a provider is to be told for a channel: its IPN address and what is named below it.

Whoever signs up with a provider types these into the provider's form, so they must be the very paths
that the adapter reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters import IPN
from adapters.messages import Message, msg
from adapters.providers import bvbank, mb, vietcombank, vietinbank, vietqrvn
from adapters.providers.pullbill import GETBILL, PAYBILL
from gateway.ipn import PORTAL, PORTAL_CALLS

Named = tuple[tuple[str, Message], ...]

_IPN: Final = msg("Báo giao dịch (IPN)")
_DEBT: Final = msg("Hỏi nợ")
_TOKEN: Final = msg("Lấy mã truy cập")
_RESULT: Final = msg("Kết quả thanh toán")

_SYNC: Final[Named] = (
    (vietqrvn.TOKEN_PATH, _TOKEN),
    (vietqrvn.SYNC_PATH, _IPN),
)
_PULLED: Final[Named] = ((f"/{GETBILL}", _DEBT), (f"/{PAYBILL}", _IPN))
_BELOW: Final[Mapping[str, Named]] = {
    "agribank": _PULLED,
    "bidv": _PULLED,
    "bvbank": (
        (bvbank.TRANS_PATH, _IPN),
        (bvbank.BATCH_PATH, msg("Báo lại theo lô")),
    ),
    "vietinbank": (("", _IPN), (vietinbank.INQUIRY_PATH, _DEBT)),
    "vietqrvn": _SYNC,
    "viettelmoney": (
        ("", _IPN),
        ("/confirm", msg("Xác nhận đơn trước khi trả")),
    ),
}
_USUAL: Final[Named] = (("", _IPN),)


@dataclass(frozen=True, slots=True)
class Door:
    """An address for a provider, and what comes to it."""

    url: str
    what: Message


def callback_urls_of(
    adapter: str, account_key: str, settings: Mapping[str, str], base_url: str
) -> tuple[Door, ...]:
    """Where the provider of this channel reaches us; nothing for a channel that nobody calls."""
    if adapter not in IPN:
        return ()
    home = f"{base_url}/ipn/{adapter}/{account_key}"
    doors = tuple(Door(home + path, what) for path, what in _named(adapter, settings))
    if adapter == PORTAL:
        said = dict(zip(PORTAL_CALLS, (_DEBT, _RESULT), strict=True))
        doors += tuple(
            Door(f"{base_url}/portal/{account_key}/{call}", said[call]) for call in PORTAL_CALLS
        )
    return doors


def _named(adapter: str, settings: Mapping[str, str]) -> Named:
    """The paths below the IPN address; with two banks they depend on the account's contract."""
    if adapter == mb.NAME:
        return ((mb.MMS_PATH, _IPN),) if settings.get("push") == "mms" else _SYNC
    if adapter == vietcombank.NAME:
        taken = (settings.get("calls") or "collection").split(",")
        said = {"Inquiry": _DEBT, "Payment": _IPN, "AccountAdvice": msg("Báo biến động")}
        return tuple((f"/{call}", said[call]) for call in said if vietcombank.CALLS[call] in taken)
    return _BELOW.get(adapter, _USUAL)
