"""The ways to pay that a parent may be offered: their names, their order, and the amounts they take.

Dated data (`data/ways-*.json`), for limits change by decision of banks and the State: what holds on a
day is the youngest entry not after it. Ways that cost the school nothing stand first; a parent pays
nothing extra by any of them. Nothing here knows what a school has enabled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

VIETQR: Final = "vietqr"
_FILE: Final = "ways-2026-11.json"
_OTHER: Final = ("Kênh thanh toán khác", "Other channel")


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


def words_of(name: str) -> tuple[str, str]:
    """How money comes by an adapter, in Vietnamese and English."""
    found = next((way for way in _data()["ways"] if way["name"] == name), None)
    said = found or _data()["channels"].get(name)
    return (said["vi"], said["en"]) if said else _OTHER


@cache
def _data() -> dict[str, Any]:
    text = resources.files("adapters").joinpath("data", _FILE).read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
