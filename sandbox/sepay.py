"""SePay's side of its bank feed: tells of every movement on a linked account.

Written from docs.sepay.vn/tich-hop-webhooks.html: POST of JSON; `X-SePay-Signature: sha256=…` is
HMAC-SHA256 over "{timestamp}.{raw body}", or the key stands in `Authorization: Apikey …`. It has no
server to ask.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx

from sandbox.bank import VIETNAM
from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "sepay"
DELAYS_S: tuple[float, ...] = (60.0, 60.0, 120.0, 180.0, 300.0, 480.0, 780.0)  # Fibonacci minutes
SIGNED: tuple[str, ...] = (
    '"transferAmount":',
    '"id":',
    '"accountNumber":',
    '"content":',
    '"transferType":',
    '"transactionDate":',
    '"referenceCode":',
    "header:x-sepay-timestamp",
    "header:x-sepay-signature",
)
UNSIGNED: tuple[str, ...] = ()


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape; SePay asks for no token
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """One movement, signed as the merchant's `auth` says. A negative amount left the account."""
    if movement.state is not MovementState.PAID:
        raise ValueError("a bank feed tells only of money that moved")
    fields = {
        "id": 92_000_000 + movement.sequence,
        "gateway": "Vietcombank",
        "transactionDate": f"{movement.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}",
        "accountNumber": movement.account_number or merchant.account_number,
        "code": None,
        "content": movement.content,
        "transferType": "in" if movement.amount_vnd > 0 else "out",
        "transferAmount": abs(movement.amount_vnd),
        "accumulated": 0,
        "subAccount": movement.virtual_account or None,
        "referenceCode": movement.bank_transaction_id,
        "description": f"BankAPINotify {movement.content}",
    }
    fields.pop(leave_out, None)
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(
        headers=(("Content-Type", "application/json"), *_proof(merchant, body)), body=body
    )


def is_final(reply: httpx.Response) -> bool:
    """200 or 201 with success; anything else is sent again."""
    return reply.status_code in {200, 201} and b'"success":true' in reply.content.replace(b" ", b"")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-SePay-Signature; `timestamp` in seconds since 1970."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _proof(merchant: Merchant, body: bytes) -> tuple[tuple[str, str], ...]:
    if merchant.settings.get("auth") == "apikey":
        return (("Authorization", f"Apikey {merchant.secrets['api_key']}"),)
    timestamp = str(int(datetime.now(UTC).timestamp()))
    said = signature(merchant.secrets["hmac_secret"], timestamp, body)
    return (("X-SePay-Timestamp", timestamp), ("X-SePay-Signature", said))
