"""The ways to pay that a parent may be offered: their names, their order, and the amounts they take.

The amounts are dated data (`data/ways-*.json`), for limits change by decision of banks and the State: what holds on a
day is the youngest entry not after it. Ways that cost the school nothing stand first; a parent pays
nothing extra by any of them. Nothing here knows what a school has enabled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from adapters.messages import Message, msg

VIETQR: Final = "vietqr"
_FILE: Final = "ways-2026-11.json"
_OTHER: Final = msg("Kênh thanh toán khác")
_NAMES: Final[Mapping[str, Message]] = {
    "vietqr": msg("Chuyển khoản bằng mã VietQR"),
    "dvcqg": msg("Cổng Dịch vụ công quốc gia"),
    "payos": msg("Chuyển khoản qua payOS"),
    "sepaypg": msg("Chuyển khoản qua trang SePay"),
    "momo": msg("Ví MoMo"),
    "zalopay": msg("Ví ZaloPay"),
    "viettelmoney": msg("Viettel Money"),
    "shopeepay": msg("Ví ShopeePay"),
    "vnpay": msg("Ví hoặc thẻ qua VNPAY"),
    "onepay": msg("Thẻ qua OnePay"),
    "sepay": msg("Chuyển khoản ngân hàng"),
    "vietqrvn": msg("Chuyển khoản ngân hàng"),
    "casso": msg("Chuyển khoản ngân hàng"),
    "mb": msg("Chuyển khoản ngân hàng"),
    "bvbank": msg("Chuyển khoản ngân hàng"),
    "vietinbank": msg("Chuyển khoản ngân hàng"),
    "notification": msg("Chuyển khoản ngân hàng"),
    "statement": msg("Chuyển khoản ngân hàng"),
    "vietcombank": msg("Thu hộ qua Vietcombank"),
    "bidv": msg("Thu hộ qua BIDV"),
    "agribank": msg("Thu hộ qua Agribank"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The amounts a way takes at once, both included, VND."""

    min_vnd: int
    max_vnd: int

    def takes(self, amount_vnd: int) -> bool:
        """Whether the amount may go this way."""
        return self.min_vnd <= amount_vnd <= self.max_vnd


def in_order(names: list[str]) -> list[str]:
    """The names as a parent should see them: what is free to the school first, strangers last."""
    known = [way["name"] for way in sorted(_data()["ways"], key=lambda way: not way["is_free"])]
    place = {name: position for position, name in enumerate(known)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def limit_of(name: str, day: date) -> Limit | None:
    """What a way takes on the business date `day`; None where no limit is known."""
    for way in _data()["ways"]:
        if way["name"] == name:
            held = [one for one in way["limits"] if date.fromisoformat(one["since"]) <= day]
            if held:
                youngest = max(held, key=lambda one: one["since"])
                return Limit(min_vnd=youngest["min_vnd"], max_vnd=youngest["max_vnd"])
    return None


def name_of(adapter: str) -> Message:
    """What parents call the way by which an adapter's money comes."""
    return _NAMES.get(adapter, _OTHER)


@cache
def _data() -> dict[str, Any]:
    text = resources.files("adapters").joinpath("data", _FILE).read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
