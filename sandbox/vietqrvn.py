"""VietQR.VN's side: every movement of an account brought to the merchant under a token of the merchant's.

Written from api.vietqr.vn (merchant callback): a new token by Basic credentials before every push, then
transaction-sync under it; up to ten tries, five in the first minute, then one a minute. Nothing in the
body is signed.
"""

from __future__ import annotations

import base64
import json
from typing import Final

import httpx

from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "vietqrvn"
DELAYS_S: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 60.0, 60.0, 60.0, 60.0, 60.0)
SIGNED: tuple[str, ...] = ("header:authorization",)
UNSIGNED: tuple[str, ...] = ()  # the token vouches for the whole of the body
RETRIED: Final = frozenset({"004", "005"})
"""Codes asked again on HTTP 200/400. The real table is the server's own; these two are transient."""


async def message(
    client: httpx.AsyncClient, movement: Movement, merchant: Merchant, *, leave_out: str = ""
) -> Message:
    """A transaction-sync under a token asked for just now. Raises ValueError for money that did not move."""
    fields = sync_fields(movement)
    fields.pop(leave_out, None)
    return await under_token(client, merchant, fields)


def is_final(reply: httpx.Response) -> bool:
    """5xx and other 4xx are asked again; 200 and 400 end it unless their code says otherwise."""
    try:
        notified = reply.json()
    except ValueError:
        notified = {}
    reason = notified.get("errorReason") if isinstance(notified, dict) else None
    return reply.status_code in {200, 400} and reason not in RETRIED


def sync_fields(movement: Movement) -> dict[str, object]:
    """The body's fields in their documented order; time in milliseconds. A negative amount left the account."""
    if movement.state is not MovementState.PAID:
        raise ValueError("a movement is told once it has happened")
    return {
        "transactionid": f"c0e43e2c-0000-4000-8000-{movement.sequence:012d}",
        "transactiontime": int(movement.at.timestamp()) * 1000,
        "referencenumber": movement.bank_transaction_id,
        "amount": abs(movement.amount_vnd),
        "content": movement.content,
        "bankaccount": movement.account_number,
        "transType": "C" if movement.amount_vnd > 0 else "D",
        "orderId": movement.merchant_reference,
        "sign": "",
        "terminalCode": "",
        "urlLink": "",
        "serviceCode": "",
        "subTerminalCode": "",
    }


async def under_token(
    client: httpx.AsyncClient, merchant: Merchant, fields: dict[str, object]
) -> Message:
    """The fields as a push; an empty token where the merchant gave none."""
    basic = base64.b64encode(
        f"{merchant.secrets['username']}:{merchant.secrets['password']}".encode()
    ).decode("ascii")
    asked = await client.post(
        f"{merchant.ipn_url}/api/token_generate",
        content=b"{}",
        headers={"Content-Type": "application/json", "Authorization": f"Basic {basic}"},
    )
    token = asked.json().get("access_token", "") if asked.status_code == 200 else ""
    return Message(
        path="/bank/api/transaction-sync",
        headers=(
            ("content-type", "application/json"),
            ("authorization", f"Bearer {token}"),
        ),
        body=json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(),
    )
