"""Casso's side of its bank feed, webhook version 2: tells of every movement on a linked account.

Written from github.com/CassoHQ/casso-webhook-v2-verify-signature: `X-Casso-Signature: t=<ms>,v1=<hex>`
is HMAC-SHA512 over "{t}." and the body with sorted keys, compact, as JavaScript prints it. It has no
server to ask; its schedule of retries is unpublished, this one is a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx

from sandbox.bank import VIETNAM
from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "casso"
DELAYS_S: tuple[float, ...] = (60.0, 300.0, 900.0, 1800.0, 3600.0)
SIGNED: tuple[str, ...] = (
    '"amount":',
    '"id":',
    '"error":',
    '"accountNumber":',
    '"description":',
    '"reference":',
    '"transactionDateTime":',
    "header:x-casso-signature",
)
UNSIGNED: tuple[str, ...] = ()


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape; Casso asks for no token
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """One movement, signed. A negative amount left the account."""
    if movement.state is not MovementState.PAID:
        raise ValueError("a bank feed tells only of money that moved")
    data = {
        "id": 990_000 + movement.sequence,
        "reference": movement.bank_transaction_id,
        "description": movement.content,
        "amount": movement.amount_vnd,
        "runningBalance": 25_000_000,
        "transactionDateTime": f"{movement.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}",
        "accountNumber": movement.account_number or merchant.account_number,
        "bankName": "Vietcombank",
        "bankAbbreviation": "VCB",
        "virtualAccountNumber": movement.virtual_account,
        "virtualAccountName": "",
        "counterAccountName": "NGUYỄN VĂN A",
        "counterAccountNumber": "8888888888",
        "counterAccountBankId": "970415",
        "counterAccountBankName": "VietinBank",
    }
    data.pop(leave_out, None)
    return signed({"error": 0, "data": data}, merchant)


def test_ping(merchant: Merchant) -> Message:
    """What the console's "send a test" sends: transaction 0, no money."""
    data = {
        "id": 0,
        "reference": "MA_GIAO_DICH_THU_NGHIEM",
        "description": "giao dich thu nghiem",
        "amount": 599000,
        "runningBalance": 25000000,
        "transactionDateTime": "2024-10-03 15:06:37",
        "accountNumber": "88888888",
    }
    return signed({"error": 0, "data": data}, merchant)


def signed(body: dict[str, object], merchant: Merchant) -> Message:
    """The body as written, under a signature of this moment."""
    moment_ms = int(datetime.now(UTC).timestamp() * 1000)
    ordered = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    key = merchant.secrets["checksum_key"].encode()
    mac = hmac.new(key, f"{moment_ms}.{ordered}".encode(), hashlib.sha512).hexdigest()
    return Message(
        headers=(
            ("Content-Type", "application/json"),
            ("X-Casso-Signature", f"t={moment_ms},v1={mac}"),
        ),
        body=json.dumps(body, ensure_ascii=False).encode(),
    )


def is_final(reply: httpx.Response) -> bool:
    """Any 2xx."""
    return reply.is_success
