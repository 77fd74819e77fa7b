"""VietinBank's side: the notice of money on a virtual account, and the question before it.

Written from the partners' description of the bank's interface: RSA-2048, PKCS#1 v1.5, SHA-256, base64
over transId + transTime + custCode + amount + bankTransId + remark, empty ones left out. Replies are
signed by the partner over transId + errorCode + errorDesc. How often the bank tries again is not public.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

import httpx

from sandbox.keys import BANK, Key
from sandbox.provider import Merchant, Message, Movement, MovementState

NAME: str = "vietinbank"
DELAYS_S: tuple[float, ...] = (60.0, 60.0, 60.0)
SIGNED: tuple[str, ...] = (
    '"amount":',
    '"transId":',
    '"transTime":',
    '"custCode":',
    '"bankTransId":',
    '"remark":',
    '"signature":',
    "header:x-ibm-client-secret",
)
UNSIGNED: tuple[str, ...] = (
    '"transType":',
    '"sendAcctId":',
    '"recvAcctId":',
    '"recvVirtualAcctId":',
    '"msgId":',
)
_VIETNAM: Final = timezone(timedelta(hours=7))


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """A notice, signed. Raises ValueError for money that did not move."""
    if movement.state is not MovementState.PAID:
        raise ValueError("a movement is told once it has happened")
    bank_id = movement.bank_transaction_id or f"164T{movement.sequence:08d}KAJ"[:16]
    fields = {
        "msgId": f"{movement.sequence:032x}",
        "providerId": merchant.settings["provider_id"],
        "transId": str(500_000_000 + movement.sequence),
        "transTime": f"{movement.at.astimezone(_VIETNAM):%Y%m%d%H%M%S}",
        "transType": "3",
        "custCode": movement.virtual_account,
        "sendAcctId": "66666666",
        "recvAcctId": movement.account_number,
        "recvVirtualAcctId": movement.virtual_account,
        "amount": str(movement.amount_vnd),
        "bankTransId": bank_id,
        "remark": f"CT DEN:{bank_id} {movement.content}",
        "currencyCode": "VND",
    }
    fields.pop(leave_out, None)
    signed = ("transId", "transTime", "custCode", "amount", "bankTransId", "remark")
    fields["signature"] = BANK.sign("".join(fields.get(name, "") for name in signed).encode())
    return Message(headers=_headers(merchant), body=_compact(fields))


def is_final(reply: httpx.Response) -> bool:
    """Taken now (00) or before (05)."""
    try:
        notified = reply.json()
    except ValueError:
        return False
    return isinstance(notified, dict) and notified.get("errorCode") in {"00", "05"}


def is_signed_reply(body: bytes, partner: Key) -> bool:
    """Whether the partner signed its reply to a notice."""
    notified = json.loads(body)
    signed = notified["transId"] + notified["errorCode"] + notified["errorDesc"]
    return partner.has_signed(signed.encode(), notified["signature"])


def question(merchant: Merchant, virtual_account: str, at: datetime, sequence: int = 1) -> Message:
    """What is owed under this number? Asked while the payer still has their finger on the button."""
    trans_id, when = str(700_000_000 + sequence), f"{at.astimezone(_VIETNAM):%Y%m%d%H%M%S}"
    signature = BANK.sign((trans_id + when + virtual_account).encode())
    return Message(
        path="/inq-customer",
        headers=_headers(merchant),
        body=_compact(
            {
                "header": {
                    "msgId": f"{sequence:032x}",
                    "msgType": "1100",
                    "channelId": "211601",
                    "providerId": merchant.settings["provider_id"],
                    "timestamp": when,
                    "recordNum": "1",
                    "signature": signature,
                },
                "data": {"transId": trans_id, "transTime": when, "custCode": virtual_account},
            }
        ),
    )


def is_signed_answer(body: bytes, partner: Key) -> bool:
    """Whether the partner signed its answer to a question."""
    notified = json.loads(body)
    details = notified["data"]["details"]
    before, after = ("transId",), ("transTime", "custCode", "custName", "billId", "amount")
    signed = (
        "".join(details[name] for name in before)
        + notified["header"]["channelId"]
        + "".join(details[name] for name in after)
        + notified["data"]["errors"]["errorCode"]
    )
    return partner.has_signed(signed.encode(), notified["header"]["signature"])


def _headers(merchant: Merchant) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", "application/json"),
        ("x-ibm-client-id", merchant.secrets["client_id"]),
        ("x-ibm-client-secret", merchant.secrets["client_secret"]),
    )


def _compact(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
