"""Links that open a parent's banking app on a phone, some of them with the transfer filled in.

The list is dated data beside this file. A link is one of dl.vietqr.io's and is followed only when the
parent taps it; it names the school's account, the amount and the content where the app fills them
in, and nothing at all where the app is only opened. It must never carry a page's address or a name.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Final
from urllib.parse import urlencode

from adapters.banks import bank

DATA: Final = "bank-apps-2026-08.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLink:
    """A banking app that can be opened, by its bank's short name. `fills`: the transfer stands in it."""

    name: str
    url: str
    fills: bool


def app_links(*, bin: str, account: str, amount_vnd: int, content: str) -> tuple[AppLink, ...]:  # noqa: A002 - the word of the trade
    """One link per app of the list, those that fill in the transfer first.

    `bin` and `account` are the payee's, `amount_vnd` is in VND. Where the payee's bank is not on our
    list of banks the apps are opened empty. Source: https://www.vietqr.io/deeplink.
    """
    payee = bank(bin)
    transfer: dict[str, str] = {}
    if payee is not None and payee.code.isalnum():
        transfer = {
            "ba": f"{account}@{payee.code.lower()}",
            "am": str(amount_vnd),
            "tn": content,
        }
    base, apps = _data()
    links = [
        AppLink(
            name=payer.short_name,
            url=f"{base}?{urlencode({'app': app, **(transfer if fills else {})}, safe='@')}",
            fills=fills and bool(transfer),
        )
        for app, payer_bin, fills in apps
        if (payer := bank(payer_bin))
    ]
    return tuple(sorted(links, key=lambda link: (not link.fills, link.name.lower())))


@functools.cache
def _data() -> tuple[str, tuple[tuple[str, str, bool], ...]]:
    text = resources.files("adapters").joinpath("data", DATA).read_text(encoding="utf-8")
    read = json.loads(text)
    return read["link"], tuple((row["app"], row["bin"], row["fills"]) for row in read["apps"])
