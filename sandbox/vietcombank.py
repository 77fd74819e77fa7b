"""Vietcombank as a school meets it: a counter (Inquiry, Payment) and the push of an account's entries.

Written from integrators' code that the bank calls; its own paper is not public. Every signed string is
written out here as that code prints it: values, "|", the secret last, MD5 or SHA-256 in hex. The bank's
schedule of repetitions is not known: the waits are our own choice. `ADVICE` is a second notifier.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any, Final

import httpx

from sandbox.provider import Merchant, Message, Movement, send

NAME: str = "vietcombank"
DELAYS_S: tuple[float, ...] = (60.0, 300.0, 900.0)
SIGNED: tuple[str, ...] = (
    '"totalPaymentAmount":',
    '"internalTransactionRefNo":',
    '"channelId":',
    '"channelRefNumber":',
    '"customerCode":',
    '"paymentMode":',
    '"billId":',
    '"signature":',
)
UNSIGNED: tuple[str, ...] = ('"requestDateTime":',)

_VIETNAM: Final = timezone(timedelta(hours=7))
_JSON: Final = (("content-type", "application/json"),)


def signature(merchant: Merchant, text: str) -> str:
    """The hash of a signed string, to which the secret is added."""
    data = f"{text}|{merchant.secrets['secret']}".encode()
    if merchant.settings.get("hash") == "sha256":
        return hashlib.sha256(data).hexdigest()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def question(merchant: Merchant, customer: str, number: str = "VCBREF0001") -> Message:
    """Inquiry for the code that a customer names."""
    context = {
        "channelId": "6014",
        "channelRefNumber": number,
        "requestDateTime": "2026-09-10 08:20:31",
    }
    if merchant.settings.get("signs") == "ids":
        return _post(
            "/api/VCBPayment/Inquiry",
            {
                "context": context,
                "payload": {"customerCode": customer, **_ours(merchant)},
                "signature": signature(merchant, f"6014|{number}"),
            },
        )
    ours = merchant.settings
    signed = f"6014|{number}|{ours['provider_id']}|{ours['service_id']}|{customer}|[]"
    payload = {"customerCode": customer, "fields": [], "signature": signature(merchant, signed)}
    return _post("/api/PayLoad/Inquiry", {"context": context, "payload": payload})


async def ask(client: httpx.AsyncClient, merchant: Merchant, customer: str) -> dict[str, Any]:
    """What a customer owes, as the merchant answers it. Raises ValueError for what is no answer."""
    notified = (await send(client, merchant, question(merchant, customer))).json()
    if not isinstance(notified, dict) or "context" not in notified:
        raise ValueError("not an answer to Inquiry")
    return notified


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - a notifier's shape
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """Payment of one bill."""
    number = f"VCBREF{movement.sequence}"
    when = f"{movement.at.astimezone(_VIETNAM):%Y-%m-%d %H:%M:%S}"
    context = {"channelId": "6014", "channelRefNumber": number, "requestDateTime": when}
    bills = [{"billId": movement.merchant_reference, "amount": str(movement.amount_vnd)}]
    payload: dict[str, Any] = {
        "customerCode": movement.merchant_reference,
        "totalPaymentAmount": str(movement.amount_vnd),
        "paymentMode": "A",
        "internalTransactionRefNo": f"VCBTX{movement.sequence}",
        "fields": [],
        "bills": bills,
    }
    payload.pop(leave_out, None)
    if merchant.settings.get("signs") == "ids":
        payload |= _ours(merchant)
        signed = signature(merchant, f"6014|{number}")
        body = {"context": context, "payload": payload, "signature": signed}
        return _post("/api/VCBPayment/Payment", body)
    ours = merchant.settings
    signed = (
        f"6014|{number}|{ours['provider_id']}|{ours['service_id']}|{payload.get('customerCode')}"
        f"|{payload.get('totalPaymentAmount')}|A|{payload.get('internalTransactionRefNo')}"
        f"|[]|{_printed(bills)}"
    )
    payload["signature"] = signature(merchant, signed)
    return _post("/api/PayLoad/Payment", {"context": context, "payload": payload})


def is_final(reply: httpx.Response) -> bool:
    """The bank stops on 0."""
    try:
        notified = reply.json()
        return str(notified["context"]["errorCode"]) == "0"
    except (ValueError, KeyError, TypeError):
        return False


class AccountAdvice:
    """The notifier of an account's entries. Only the ids are signed: for the rest the network vouches."""

    NAME: str = "vietcombank"
    DELAYS_S: tuple[float, ...] = DELAYS_S
    SIGNED: tuple[str, ...] = ('"channelRefNumber":', '"channelId":', '"signature":')
    UNSIGNED: tuple[str, ...] = (
        '"amount":',
        '"account":',
        '"dorc":',
        '"remark":',
        '"requestDateTime":',
        '"transactionTime":',
        '"currentBal":',
        '"branch":',
    )

    async def message(
        self,
        client: httpx.AsyncClient,  # noqa: ARG002 - a notifier's shape
        movement: Movement,
        merchant: Merchant,
        *,
        leave_out: str = "",
    ) -> Message:
        """AccountAdvice of a credit, or of a debit where the amount is below zero."""
        number = f"ADV{movement.sequence}"
        when = f"{movement.at.astimezone(_VIETNAM):%d/%m/%Y %H:%M:%S}"
        payload = {
            "providerId": "VCB_ADVICE",
            "serviceId": "ADV",
            "account": movement.account_number,
            "amount": str(abs(movement.amount_vnd)),
            "currency": "VND",
            "currentBal": "0",
            "availBal": "0",
            "holdAmount": "0",
            "dorc": "C" if movement.amount_vnd > 0 else "D",
            "transactionTime": when,
            "remark": movement.content,
            "hostInfo": {"tellerId": "0", "seqNo": str(movement.sequence), "branch": "001"},
        }
        payload.pop(leave_out, None)
        body = {
            "context": {"channelId": "VCB", "channelRefNumber": number, "requestDateTime": when},
            "payload": payload,
            "signature": signature(merchant, f"VCB|{number}"),
        }
        return _post("/account-advice", body)

    def is_final(self, reply: httpx.Response) -> bool:
        """The bank stops on 0."""
        return is_final(reply)


ADVICE: Final = AccountAdvice()


def _ours(merchant: Merchant) -> dict[str, str]:
    settings = merchant.settings
    return {"providerId": settings["provider_id"], "serviceId": settings["service_id"]}


def _printed(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _post(path: str, body: Mapping[str, object]) -> Message:
    return Message(path=path, headers=_JSON, body=_printed(body).encode())
