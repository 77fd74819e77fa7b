"""A signed SePay push, as SePay's document says it: for tests that need money to arrive over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from support.factories import SECRETS, World


def push(world: World, number: int, amount_vnd: int, reference: str) -> dict[str, Any]:
    """Arguments for `client.post`."""
    body = json.dumps(
        {
            "id": number,
            "gateway": "Vietcombank",
            "transactionDate": "2026-09-10 09:00:00",
            "accountNumber": world.bank_number,
            "subAccount": None,
            "code": None,
            "content": f"MBVCB.6912.0470.{reference} hoc phi.CT tu 0123",
            "transferType": "in",
            "description": "",
            "transferAmount": amount_vnd,
            "accumulated": 0,
            "referenceCode": f"FT{number}",
        },
        separators=(",", ":"),
    ).encode()
    stamp = str(int(time.time()))
    signed = hmac.new(
        SECRETS["sepay"]["hmac_secret"].encode(), stamp.encode() + b"." + body, hashlib.sha256
    )
    return {
        "url": f"/ipn/sepay/{world.merchants['sepay'][1]}",
        "content": body,
        "headers": {
            "content-type": "application/json",
            "x-sepay-timestamp": stamp,
            "x-sepay-signature": f"sha256={signed.hexdigest()}",
        },
    }
