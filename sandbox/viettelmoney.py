"""Viettel Money's side of gateway 2.0: takes the browser with a signed order, posts the result, answers
TRANS_INQUIRY and REFUND_PAYMENT.

Written from what integrators of ViettelPay published (github.com/etopvn, github.com/VietOpenCPS/opencps-v2):
every check_sum is the base64 HMAC (SHA-1, or SHA-256 by contract) of the access code and the values of
the call in alphabetical order of their names, nothing between them. Its retries are not published: the
waits here are our own choice. It keeps its own books of what payers paid and what went back.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

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

NAME: str = "viettelmoney"
DELAYS_S: tuple[float, ...] = (60.0,) * 3
SIGNED: tuple[str, ...] = (
    "trans_amount=",
    "billcode=",
    "merchant_code=",
    "order_id=",
    "payment_status=",
    "vt_transaction_id=",
    "check_sum=",
)
UNSIGNED: tuple[str, ...] = ("cust_msisdn=", "error_code=")
_PAYMENT: Final = ("billcode", "command", "merchant_code", "order_id", "trans_amount", "version")
_RESULT: Final = (
    "billcode", "merchant_code", "order_id", "payment_status", "trans_amount", "vt_transaction_id",
)  # fmt: skip
_INQUIRY: Final = ("cmd", "merchant_code", "order_id", "version")
_FOUND: Final = (
    "error_code", "merchant_code", "order_id", "payment_status", "version", "vt_transaction_id",
)  # fmt: skip
_REFUND: Final = (
    "cmd", "merchant_code", "order_id", "originalRequestId", "refundType", "trans_amount", "version",
)  # fmt: skip
_REFUNDED: Final = ("error_code", "merchant_code", "order_id", "version")
_STATUSES: Final = {MovementState.PAID: "1", MovementState.FAILED: "5", MovementState.PENDING: "0"}
_ERRORS: Final = {
    MovementState.PAID: "00",
    MovementState.FAILED: "V06",
    MovementState.PENDING: "V04",
}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as it came, and what the payer made of it."""

    merchant: Merchant
    fields: Mapping[str, str]
    movement: Movement | None = None
    is_refunded: bool = False


def check_sum(fields: Mapping[str, str], names: Sequence[str], merchant: Merchant) -> str:
    """The proof over the named values, in their order."""
    text = merchant.secrets["access_code"] + "".join(fields.get(name, "") for name in names)
    algorithm = merchant.settings.get("algorithm") or "sha1"
    digest = hmac.new(merchant.secrets["hash_key"].encode(), text.encode(), algorithm).digest()
    return base64.b64encode(digest).decode()


def number_of(movement: Movement) -> str:
    """Viettel's number of a transaction."""
    return str(22_100_000_000 + movement.sequence)


def result_of(movement: Movement, merchant: Merchant) -> dict[str, str]:
    """What is told of a transaction, signed.

    The bill code is echoed as it was ordered (the movement's text); where no order preceded, it is
    what this gateway's merchants call their bills: order, "V", amount.
    """
    ordered = movement.content if movement.content.startswith(movement.merchant_reference) else ""
    return _proven(
        {
            "billcode": ordered or f"{movement.merchant_reference}V{movement.amount_vnd}",
            "cust_msisdn": "84980000000",
            "error_code": _ERRORS[movement.state],
            "merchant_code": merchant.settings["merchant_code"],
            "order_id": movement.merchant_reference,
            "payment_status": _STATUSES[movement.state],
            "trans_amount": str(movement.amount_vnd),
            "vt_transaction_id": number_of(movement),
        },
        _RESULT,
        merchant,
    )


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the result needs no call before it
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed result: a posted form."""
    fields = result_of(movement, merchant)
    fields.pop(leave_out, None)
    return _form(_proven(fields, _RESULT, merchant))


def confirmation(order: Order) -> Message:
    """The question before a payment; its proof covers the amount, which is not sent."""
    names = ("billcode", "merchant_code", "order_id", "trans_amount")
    fields = {name: order.fields[name] for name in names[:3]}
    fields["check_sum"] = check_sum(order.fields, names, order.merchant)
    return _form(fields, "/confirm")


def is_final(reply: httpx.Response) -> bool:
    """The partner's 00 ends it."""
    try:
        return reply.status_code == 200 and reply.json().get("error_code") == "00"
    except (ValueError, AttributeError):
        return False


class ViettelMoney:
    """Viettel Money with its merchants and its books."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}

    def answer(self, call: Call, at: datetime) -> CallReply:  # noqa: ARG002 - the server's shape
        """TRANS_INQUIRY and REFUND_PAYMENT, posted as forms; answers are JSON."""
        if call.method != "POST" or not call.path.endswith("/PaymentAPI/webresources/postData"):
            return CallReply(status=404)
        asked = dict(parse_qsl(call.body.decode("latin-1")))
        merchant = self._merchant(asked)
        names = {"TRANS_INQUIRY": _INQUIRY, "REFUND_PAYMENT": _REFUND}.get(asked.get("cmd", ""))
        about = {name: asked.get(name, "") for name in ("merchant_code", "order_id", "version")}
        if merchant is None:
            return _json({**about, "error_code": "M01"})
        if names is None or not _holds(asked, names, merchant):
            return _json(_proven({**about, "error_code": "V01"}, _REFUNDED, merchant))
        order = self.orders.get(f"{about['merchant_code']}.{about['order_id']}")
        if names is _INQUIRY:
            return _json(_proven({**about, **_found(order)}, _FOUND, merchant))
        code = _refunded(order, asked)
        number = f"R{asked['originalRequestId']}" if code == "00" else ""
        said = {**about, "error_code": code, "error_msg": "", "refund_request_id": number}
        return _json(_proven(said, _REFUNDED, merchant))

    def open_order(self, call: Call, at: datetime) -> PayPage:  # noqa: ARG002 - orders do not expire
        """The browser arrives with a signed order. Raises OrderRefusedError."""
        fields = dict(parse_qsl(call.query))
        merchant = self._merchant(fields)
        if merchant is None:
            raise OrderRefusedError("Mã đối tác chưa được đăng ký (merchant_code).")
        if not _holds(fields, _PAYMENT, merchant):
            raise OrderRefusedError("Sai check_sum.")
        missing = [name for name in (*_PAYMENT, "return_url") if not fields.get(name)]
        if missing:
            raise OrderRefusedError(f"Thiếu tham số: {', '.join(missing)}.")
        if not re.fullmatch(r"[1-9][0-9]{0,9}", fields["trans_amount"]):
            raise OrderRefusedError("Số tiền không hợp lệ (trans_amount).")
        key = f"{fields['merchant_code']}.{fields['order_id']}"
        order = self.orders.setdefault(key, Order(merchant=merchant, fields=fields))
        if order.movement is not None or order.fields != fields:
            raise OrderRefusedError("Mã giao dịch (order_id) đã được dùng.")
        return PayPage(
            order_id=key, amount_vnd=int(fields["trans_amount"]), info=fields.get("desc", "")
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or cancels; again finds what the first time did. Raises OrderRefusedError."""
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefusedError("Không tìm thấy giao dịch.")
        if order.movement is None:
            order.movement = Movement(
                sequence=1 + sum(o.movement is not None for o in self.orders.values()),
                amount_vnd=int(order.fields["trans_amount"]),
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=order.fields["order_id"],
                content=order.fields["billcode"],
                account_number=order.merchant.account_number,
            )
            if is_paid:
                self.movements.append(order.movement)
        url = order.fields["return_url"]
        query = urlencode(result_of(order.movement, order.merchant))
        return Decided(
            movement=order.movement,
            merchant=order.merchant,
            return_url=f"{url}{'&' if '?' in url else '?'}{query}",
        )

    def _merchant(self, fields: Mapping[str, str]) -> Merchant | None:
        code = fields.get("merchant_code")
        return next((m for m in self.merchants if m.settings["merchant_code"] == code), None)


def _found(order: Order | None) -> dict[str, str]:
    if order is None or order.movement is None:
        return {"error_code": "00", "payment_status": "-1", "vt_transaction_id": ""}
    state = order.movement.state
    return {
        "error_code": "00" if state is MovementState.PAID else _ERRORS[state],
        "payment_status": _STATUSES[state],
        "vt_transaction_id": number_of(order.movement),
    }


def _refunded(order: Order | None, asked: Mapping[str, str]) -> str:
    """Viettel's code for a refund demand; whole payments only, and only once."""
    if order is None or order.movement is None:
        return "KG3"
    if asked["originalRequestId"] != number_of(order.movement):
        return "27"
    if order.movement.state is not MovementState.PAID:
        return "485"
    if asked["refundType"] != "0" or asked["trans_amount"] != str(order.movement.amount_vnd):
        return "KG8"
    if order.is_refunded:
        return "176"
    order.is_refunded = True
    return "00"


def _holds(fields: Mapping[str, str], names: Sequence[str], merchant: Merchant) -> bool:
    expected = check_sum(fields, names, merchant)
    return hmac.compare_digest(fields.get("check_sum", "").encode(), expected.encode())


def _proven(fields: Mapping[str, str], names: Sequence[str], merchant: Merchant) -> dict[str, str]:
    return {**fields, "check_sum": check_sum(fields, names, merchant)}


def _form(fields: Mapping[str, str], path: str = "") -> Message:
    return Message(
        path=path,
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(fields).encode(),
    )


def _json(value: Mapping[str, str]) -> CallReply:
    return CallReply(body=json.dumps(value).encode())
