"""The two ways in which a bank's entry is pushed to a school: SePay and VietQR.VN. Signs like them.

SePay: POST JSON, `X-SePay-Signature: sha256=HMAC_SHA256(secret, "{timestamp}.{raw body}")`
(docs.sepay.vn/tich-hop-webhooks.html). VietQR.VN: a new token by Basic credentials before every push,
then transaction-sync under it (api.vietqr.vn, merchant callback). Secrets never leave in a repr.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx

from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, Bank, Entry
from sandbox.courier import NO_MISHAP, Answer, Mishap, deliver

SEPAY_DELAYS_S: Final = (60.0, 60.0, 120.0, 180.0, 300.0, 480.0, 780.0)  # Fibonacci minutes, 7 more
VIETQRVN_DELAYS_S: Final = (1.0, 2.0, 3.0, 4.0, 60.0, 60.0, 60.0, 60.0, 60.0)  # 10 in all
VIETQRVN_RETRIED: Final = frozenset({"004", "005"})
"""Codes asked again on HTTP 200/400. The real table is the server's own; these two are transient."""

_GATEWAYS: Final = {VIETCOMBANK_BIN: "Vietcombank", MB_BIN: "MBBank"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Who is told about an account's entries: where, by which provider, under which secrets."""

    provider: str  # "sepay" or "vietqrvn"
    account_number: str
    ipn_url: str
    secrets: Mapping[str, str] = field(repr=False)


async def push(
    client: httpx.AsyncClient,
    bank: Bank,
    entry: Entry,
    subscriber: Subscriber,
    mishap: Mishap = NO_MISHAP,
    *,
    compression: float = 1.0,
    claimed_vnd: int | None = None,
) -> list[Answer]:
    """Tell a subscriber of an entry; all answers. `claimed_vnd`: say another amount than was booked."""
    amount_vnd = entry.amount_vnd if claimed_vnd is None else claimed_vnd
    if subscriber.provider == "sepay":
        bin_ = bank.accounts[entry.account_number].bin
        body = sepay_body(entry, amount_vnd, _GATEWAYS.get(bin_, bin_))

        async def attempt(is_tampered: bool) -> Answer:
            return await _post_sepay(client, subscriber, body, is_tampered=is_tampered)

        return await deliver(attempt, SEPAY_DELAYS_S, mishap, compression)
    message = vietqrvn_body(entry, amount_vnd)

    async def sync(is_tampered: bool) -> Answer:
        return await _post_vietqrvn(client, subscriber, message, is_tampered=is_tampered)

    return await deliver(sync, VIETQRVN_DELAYS_S, mishap, compression)


def sepay_body(entry: Entry, amount_vnd: int, gateway: str) -> bytes:
    """SePay's JSON for an entry, in its documented order."""
    message = {
        "id": 92_000_000 + entry.sequence,
        "gateway": gateway,
        "transactionDate": f"{entry.at:%Y-%m-%d %H:%M:%S}",
        "accountNumber": entry.account_number,
        "code": None,
        "content": entry.content,
        "transferType": "in" if amount_vnd > 0 else "out",
        "transferAmount": abs(amount_vnd),
        "accumulated": 0,
        "subAccount": None,
        "referenceCode": entry.transaction_id,
        "description": f"BankAPINotify {entry.content}",
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def sepay_signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-SePay-Signature."""
    signed = timestamp.encode("ascii") + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def vietqrvn_body(entry: Entry, amount_vnd: int) -> bytes:
    """VietQR.VN's JSON for an entry; its time is in milliseconds."""
    number = f"{entry.sequence:012d}"
    message = {
        "transactionid": f"c0e43e2c-0000-4000-8000-{number}",
        "transactiontime": int(entry.at.timestamp()) * 1000,
        "referencenumber": entry.transaction_id,
        "amount": abs(amount_vnd),
        "content": entry.content,
        "bankaccount": entry.account_number,
        "transType": "C" if amount_vnd > 0 else "D",
        "orderId": "",
        "sign": "",
        "terminalCode": "",
        "urlLink": "",
        "serviceCode": "",
        "subTerminalCode": "",
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def basic_credentials(username: str, password: str) -> str:
    """The value of Authorization that asks for a token (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


async def _post_sepay(
    client: httpx.AsyncClient, to: Subscriber, body: bytes, *, is_tampered: bool
) -> Answer:
    timestamp = str(int(datetime.now(UTC).timestamp()))
    signature = sepay_signature(to.secrets["hmac_secret"], timestamp, body)
    sent = body.replace(b'"transferAmount":', b'"transferAmount":9', 1) if is_tampered else body
    reply = await client.post(
        to.ipn_url,
        content=sent,
        headers={
            "Content-Type": "application/json",
            "X-SePay-Timestamp": timestamp,
            "X-SePay-Signature": signature,
        },
    )
    is_taken = reply.status_code in {200, 201} and _json(reply).get("success") is True
    return Answer(reply.status_code, reply.content, is_taken)


async def _post_vietqrvn(
    client: httpx.AsyncClient, to: Subscriber, body: bytes, *, is_tampered: bool
) -> Answer:
    credentials = basic_credentials(to.secrets["username"], to.secrets["password"])
    asked = await client.post(
        f"{to.ipn_url}/api/token_generate",
        content=b"{}",
        headers={"Content-Type": "application/json", "Authorization": credentials},
    )
    token = _json(asked).get("access_token")
    if asked.status_code != 200 or not isinstance(token, str):
        return Answer(asked.status_code, asked.content, is_final=False)
    if is_tampered:
        token = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    reply = await client.post(
        f"{to.ipn_url}/bank/api/transaction-sync",
        content=body,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    # 5xx and other 4xx are asked again; 200 and 400 end it unless their code says otherwise
    is_final = (
        reply.status_code in {200, 400} and _json(reply).get("errorReason") not in VIETQRVN_RETRIED
    )
    return Answer(reply.status_code, reply.content, is_final)


def _json(reply: httpx.Response) -> dict[str, object]:
    try:
        value = reply.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
