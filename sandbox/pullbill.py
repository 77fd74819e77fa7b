"""A bank's counter as a school meets it: it asks what a customer owes (getbill), takes the money and tells
(paybill). BIDV's and Agribank's notifiers are this one under their names.

Written from the form that github.com/duchieupham/vietqr_server answers: the values are joined with the
secret before them, MD5 in hex or HMAC-SHA256 in base64 over the same text. The banks' schedule of
repetitions is not public: the waits are our own choice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta, timezone
from typing import Any, Final

import httpx

from sandbox.provider import Merchant, Message, Movement, send

DELAYS_S: tuple[float, ...] = (60.0, 300.0, 900.0)
SIGNED: tuple[str, ...] = ('"amount":', '"trans_id":', '"bill_id":', '"checksum":')
UNSIGNED: tuple[str, ...] = ('"customer_id":', '"service_id":', '"trans_date":')

_FINAL: Final = ("000", "021", "022", "023")
_TIME: Final = "%Y%m%d%H%M%S"
_VIETNAM: Final = timezone(timedelta(hours=7))


def checksum(merchant: Merchant, *values: str) -> str:
    """The checksum over `values` as the merchant's contract has it."""
    secret = merchant.secrets["secret"]
    text = merchant.settings.get("separator", "|").join([secret, *values]).encode()
    if merchant.settings.get("algorithm") == "hmac_sha256_base64":
        return base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def trans_id(movement: Movement) -> str:
    """The bank's number of a payment: thirteen digits."""
    return f"{movement.sequence:013d}"


def question(merchant: Merchant, customer: str) -> Message:
    """getbill for the code that a customer names at the counter."""
    service = merchant.settings["service_id"]
    asked = {
        "customer_id": customer,
        "service_id": service,
        "checksum": checksum(merchant, service, customer),
    }
    return _post(merchant, "/getbill", asked)


async def ask(client: httpx.AsyncClient, merchant: Merchant, customer: str) -> dict[str, Any]:
    """What a customer owes, as the merchant answers it. Raises ValueError for what is no answer."""
    notified = (await send(client, merchant, question(merchant, customer))).json()
    if not isinstance(notified, dict) or "result_code" not in notified:
        raise ValueError("not an answer to getbill")
    return notified


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - a notifier's shape
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """paybill for money that the counter took."""
    paid = {
        "trans_id": trans_id(movement),
        "trans_date": movement.at.astimezone(_VIETNAM).strftime(_TIME),
        "customer_id": movement.merchant_reference,
        "service_id": merchant.settings["service_id"],
        "bill_id": movement.merchant_reference,
        "amount": str(movement.amount_vnd),
    }
    paid.pop(leave_out, None)
    signed = [paid.get(name, "") for name in ("trans_id", "bill_id", "amount")]
    return _post(merchant, "/paybill", {**paid, "checksum": checksum(merchant, *signed)})


def is_final(reply: httpx.Response) -> bool:
    """The bank stops on a success and on what it takes for the merchant's last word on the bill."""
    try:
        notified = reply.json()
    except ValueError:
        return False
    return isinstance(notified, dict) and notified.get("result_code") in _FINAL


def _post(merchant: Merchant, path: str, body: dict[str, str]) -> Message:
    headers = [("content-type", "application/json")]
    if bearer := merchant.secrets.get("bearer"):
        headers.append(("authorization", f"Bearer {bearer}"))
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Message(path=path, headers=tuple(headers), body=text.encode())
