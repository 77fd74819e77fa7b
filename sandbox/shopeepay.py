"""ShopeePay's side of the merchant-host API v3: takes orders, shows the payer what to pay, notifies,
answers transaction/check and refund/create-new.

Written from ShopeePay's text (product.shopeepay.com/integration): every call and every notification
carries X-Airpay-Req-H, the base64 HMAC-SHA256 of the raw body. Amounts are hundredths. A notification
that is not answered with errcode 0 comes twice more, five minutes apart. Refunds are in processing
first and done when they are asked about. It keeps its own books.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

import httpx

from sandbox.provider import (
    Call,
    CallReply,
    Decided,
    Merchant,
    Message,
    Movement,
    MovementState,
    OrderRefusedError,
    PayPage,
)

NAME: str = "shopeepay"
DELAYS_S: tuple[float, ...] = (300.0, 300.0)
SIGNED: tuple[str, ...] = (
    '"amount":',
    '"reference_id":',
    '"transaction_sn":',
    '"status":',
    '"transaction_type":',
    '"merchant_ext_id":',
    '"store_ext_id":',
    '"user_id_hash":',
    "header:x-airpay-req-h",
)
UNSIGNED: tuple[str, ...] = ("header:x-airpay-clientid",)
_STATUSES: Final = {MovementState.PAID: 3, MovementState.FAILED: 4, MovementState.PENDING: 2}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the merchant told it, and what the payer made of it."""

    merchant: Merchant
    asked: Mapping[str, Any]
    expires_at: datetime
    movement: Movement | None = None


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back, or back."""

    asked: Mapping[str, Any]
    number: str
    is_done: bool = False


def signature(body: bytes, merchant: Merchant) -> str:
    """X-Airpay-Req-H of a body."""
    key = merchant.secrets["secret_key"].encode()
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def number_of(movement: Movement) -> str:
    """ShopeePay's number of a transaction."""
    return f"0197{10**13 + movement.sequence}"


def transaction_of(movement: Movement, merchant: Merchant) -> dict[str, Any]:
    """A transaction as a notification and a check tell it."""
    return {
        "reference_id": movement.merchant_reference,
        "transaction_sn": number_of(movement),
        "transaction_type": 13,
        "status": _STATUSES[movement.state],
        "amount": movement.amount_vnd * 100,
        "merchant_ext_id": merchant.settings["merchant_ext_id"],
        "store_ext_id": merchant.settings["store_ext_id"],
        "user_id_hash": "e1038777a3868f152526ebc19bd899d0",
        "payment_method": 16,
        "payment_channel": 1,
    }


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - ShopeePay asks nothing before it tells
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed notification."""
    said = transaction_of(movement, merchant)
    said.pop(leave_out, None)
    body = _compact(said)
    return Message(
        headers=(
            ("content-type", "application/json"),
            ("X-Airpay-ClientId", merchant.settings["client_id"]),
            ("X-Airpay-Req-H", signature(body, merchant)),
        ),
        body=body,
    )


def is_final(reply: httpx.Response) -> bool:
    """ShopeePay wants HTTP 200 and errcode 0."""
    try:
        return reply.status_code == 200 and reply.json().get("errcode") == 0
    except (ValueError, AttributeError):
        return False


class ShopeePay:
    """ShopeePay with its merchants and its books."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}
        self.refunds: dict[str, Refund] = {}

    def answer(self, call: Call, at: datetime) -> CallReply:
        """order/create, transaction/check and refund/create-new."""
        calls = {
            "order/create": self._create,
            "transaction/check": self._check,
            "transaction/refund/create-new": self._refund,
        }
        do = calls.get(call.path.partition("/v3/merchant-host/")[2])
        if do is None or call.method != "POST":
            return CallReply(status=404)
        client_id = call.headers.get("x-airpay-clientid", "")
        merchant = next((m for m in self.merchants if m.settings["client_id"] == client_id), None)
        given = call.headers.get("x-airpay-req-h", "").encode()
        if merchant is None or not hmac.compare_digest(
            given, signature(call.body, merchant).encode()
        ):
            return _reply(2, "permission denied", {})
        try:
            asked = json.loads(call.body)
            ours = ("merchant_ext_id", "store_ext_id")
            if any(asked[name] != merchant.settings[name] for name in ours):
                return _reply(4, "merchant/store not found", asked)
            return do(merchant, asked, at)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _reply(1, "request parameters error", {})

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The payer arrives at /pay?order=… Raises OrderRefusedError: unknown, over or expired."""
        key = parse_qs(call.query).get("order", [""])[0]
        order = self.orders.get(key)
        if order is None or order.movement is not None or at > order.expires_at:
            raise OrderRefusedError("Đơn hàng không tồn tại, đã kết thúc hoặc đã hết hạn.")
        return PayPage(
            order_id=key,
            amount_vnd=order.asked["amount"] // 100,
            info=str(order.asked.get("additional_info", "")),
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or denies; again finds what the first time did. Raises OrderRefusedError."""
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefusedError("Không tìm thấy đơn hàng.")
        if order.movement is None:
            order.movement = Movement(
                sequence=1 + sum(o.movement is not None for o in self.orders.values()),
                amount_vnd=order.asked["amount"] // 100,
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=order.asked["payment_reference_id"],
                account_number=order.merchant.account_number,
            )
            if is_paid:
                self.movements.append(order.movement)
        url = str(order.asked["return_url"])
        shown = {"reference_id": order.movement.merchant_reference, "result_code": 100}
        return Decided(
            movement=order.movement,
            merchant=order.merchant,
            return_url=f"{url}{'&' if '?' in url else '?'}{urlencode(shown)}",
        )

    def _create(self, merchant: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        amount, seconds = asked["amount"], asked["validity_period"]
        if (
            type(amount) is not int
            or amount < 100
            or amount % 100
            or asked["currency"] != "VND"
            or not 1 <= seconds <= 432_000
            or not asked["return_url"]
        ):
            return _reply(1, "request parameters error", asked)
        key = f"{merchant.settings['client_id']}.{asked['payment_reference_id']}"
        order = Order(merchant=merchant, asked=asked, expires_at=at + timedelta(seconds=seconds))
        if self.orders.setdefault(key, order).asked != asked:
            return _reply(11, "duplicate request", asked)
        base = merchant.settings["api_url"].partition(f"/sandbox/{NAME}")[0]
        url = f"{base}/sandbox/{NAME}/pay?order={quote(key, safe='')}"
        return _reply(0, "success", asked, redirect_url_http=url)

    def _check(self, merchant: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        if asked["transaction_type"] == 15:
            return self._check_refund(merchant, asked)
        order = self.orders.get(f"{merchant.settings['client_id']}.{asked['reference_id']}")
        if order is None or order.asked["amount"] != asked["amount"]:
            return _reply(5, "transaction not found", asked)
        if order.movement is not None:
            found = transaction_of(order.movement, merchant)
        else:
            status = 6 if at > order.expires_at else 1
            found = {
                **_about(asked),
                "transaction_type": 13,
                "status": status,
                "amount": asked["amount"],
            }
        return _reply(0, "success", asked, transaction=found)

    def _check_refund(self, merchant: Merchant, asked: dict[str, Any]) -> CallReply:
        refund = self.refunds.get(f"{merchant.settings['client_id']}.{asked['reference_id']}")
        if refund is None or refund.asked["amount"] != asked["amount"]:
            return _reply(5, "transaction not found", asked)
        status = 3 if refund.is_done else 2
        refund.is_done = True
        found = {
            **_about(asked),
            "transaction_type": 15,
            "transaction_sn": refund.number,
            "status": status,
            "amount": asked["amount"],
        }
        return _reply(0, "success", asked, transaction=found)

    def _refund(self, merchant: Merchant, asked: dict[str, Any], _: datetime) -> CallReply:
        client_id = merchant.settings["client_id"]
        key = f"{client_id}.{asked['refund_reference_id']}"
        order = self.orders.get(f"{client_id}.{asked['reference_id']}")
        if key not in self.refunds:
            is_paid = order and order.movement and order.movement.state is MovementState.PAID
            back = sum(
                r.asked["amount"]
                for r in self.refunds.values()
                if r.asked["reference_id"] == asked["reference_id"]
            )
            if (
                not order
                or not is_paid
                or not 100 <= asked["amount"] <= order.asked["amount"] - back
            ):
                return _reply(1, "Non-refundable transaction type", asked)
            number = f"0198{10**13 + len(self.refunds) + 1}"
            self.refunds[key] = Refund(asked=asked, number=number)
        known = self.refunds[key]
        if known.asked != asked:
            return _reply(11, "duplicate request", asked)
        return _reply(0, "success", asked, refund_sn=known.number)


def _about(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in ("reference_id", "merchant_ext_id", "store_ext_id")}


def _reply(code: int, words: str, asked: Mapping[str, Any], **more: object) -> CallReply:
    said = {"request_id": asked.get("request_id", ""), "errcode": code, "debug_msg": words, **more}
    return CallReply(body=_compact(said))


def _compact(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
