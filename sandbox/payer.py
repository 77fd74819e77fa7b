"""A payer in front of a screen: from a merchant's answer to the provider's page, by whatever leads there.

A redirect, a link that follows itself, or a form that sends itself; a provider's own page may send the
payer on. Pages are read as a browser reads them, by what stands in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

import httpx


class LostPayerError(Exception):
    """The page leads nowhere, or opens no order."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The provider's page with an order to pay or to cancel."""

    order_id: str
    page: httpx.Response


async def arrive(
    client: httpx.AsyncClient, leave: httpx.Response, address: Callable[[str], str] = str
) -> Arrived:
    """Follow the merchant's answer `leave`; `address` says where an address is really taken to.

    Raises LostPayerError.
    """
    if leave.status_code == 303:
        page = await client.get(address(leave.headers["location"]))
    elif form := re.search(r'<form method="post" action="([^"]+)" data-submit', leave.text):
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', leave.text)
        page = await client.post(
            address(unescape(form[1])),
            content=urlencode({name: unescape(value) for name, value in fields}),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
    elif link := re.search(r'href="([^"]+)"[^>]*data-follow', leave.text):
        page = await client.get(address(unescape(link[1])))
    else:
        raise LostPayerError(f"the answer {leave.status_code} leads to no provider")
    if onward := re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', page.text):
        page = await client.get(address(str(page.url.join(unescape(onward[1])))))
    found = re.search(r'name="order" value="([^"]+)"', page.text)
    if page.status_code != httpx.codes.OK or found is None:
        raise LostPayerError(f"the provider's page answered {page.status_code} and opens no order")
    return Arrived(unescape(found[1]), page)
