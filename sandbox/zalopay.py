"""ZaloPay's side of OpenAPI v2: takes orders, shows the payer what to pay, calls back, gives back.

Written from ZaloPay's text (docs.zalopay.vn/docs/specs/, sub-codes from its page of status codes): values
joined by "|" under HMAC-SHA256, key1 for what the merchant sends, key2 for the callback's `data` and the
browser's return. It calls back for paid orders only, and three times more at most, where it is answered
0 or nothing at all; the waits between are our own choice. A refund is "processing" first and done when it
is asked about. It keeps its own books of what payers paid and what went back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

import httpx

from sandbox.bank import VIETNAM
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

NAME: str = "zalopay"
DELAYS_S: tuple[float, ...] = (60.0, 120.0, 300.0)
SIGNED: tuple[str, ...] = (
    '\\"amount\\":', '\\"app_trans_id\\":', '\\"zp_trans_id\\":', '\\"app_id\\":',
    '\\"server_time\\":', '\\"app_time\\":', '\\"app_user\\":', '\\"user_fee_amount\\":',
    '\\"discount_amount\\":', '\\"channel\\":', '"mac":',
)  # fmt: skip
UNSIGNED: tuple[str, ...] = ('"type":',)

_WINDOW: Final = timedelta(minutes=15)  # how far a merchant's clock may be off
_CREATE: Final = ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item")
_QUERY: Final = ("app_id", "app_trans_id")
_REFUND: Final = ("app_id", "zp_trans_id", "amount", "description", "timestamp")
_QUERY_REFUND: Final = ("app_id", "m_refund_id", "timestamp")
_WORDS: Final = {
    -8: "TRANS_NOT_FOUND",
    -14: "REFUND_AMOUNT_INVALID",
    -21: "REFUND_NOT_FOUND",
    -23: "DUPLICATE_REFUND",
    -24: "INVALID_MERCHANT_REFUNDID_FORMAT",
    -25: "INVALID_MERCHANT_REFUNDID_DATE",
    -26: "INVALID_MERCHANT_REFUNDID_APPID",
    -54: "TIME_INVALID",
    -68: "DUPLICATE_APPS_TRANS_ID",
    -101: "ORDER_NOT_EXIST",
    -329: "USER_CANCEL",
    -401: "ILLEGAL_DATA_REQUEST",
    -402: "ILLEGAL_SIGNATURE_REQUEST",
}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the merchant told it, and what the payer made of it."""

    merchant: Merchant
    asked: Mapping[str, Any]
    amount_vnd: int
    redirect_url: str
    expires_at: datetime
    movement: Movement | None = None


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back, or back."""

    zp_trans_id: str
    amount_vnd: int
    number: int
    is_done: bool = False


def mac(key: str, text: str) -> str:
    """The hex of a signed string."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def app_trans_id(movement: Movement) -> str:
    """The order's name with its day: as the merchant gave it, or made from the movement's own day."""
    name = movement.merchant_reference
    if re.match(r"[0-9]{6}_", name):
        return name
    return f"{movement.at.astimezone(VIETNAM):%y%m%d}_{name}"


def zp_trans_id(movement: Movement) -> int:
    """ZaloPay's number of a transaction: the day and a running number."""
    day = int(f"{movement.at.astimezone(VIETNAM):%y%m%d}")
    return day * 10**10 + movement.sequence


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - ZaloPay asks nothing before it tells
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed callback. Raises ValueError for what is not paid: of that ZaloPay says nothing."""
    if movement.state is not MovementState.PAID:
        raise ValueError("ZaloPay calls back for paid orders only")
    data = {
        "app_id": int(merchant.settings["app_id"]),
        "app_trans_id": app_trans_id(movement),
        "app_time": _ms(movement.at - timedelta(seconds=90)),
        "app_user": movement.merchant_reference,
        "amount": movement.amount_vnd,
        "embed_data": "{}",
        "item": "[]",
        "zp_trans_id": zp_trans_id(movement),
        "server_time": _ms(movement.at),
        "channel": 38,
        "merchant_user_id": "",
        "zp_user_id": "",
        "user_fee_amount": 1_100,
        "discount_amount": 0,
    }
    data.pop(leave_out, None)
    text = json.dumps(data, separators=(",", ":"))
    body = {"data": text, "mac": mac(merchant.secrets["key2"], text), "type": 1}
    return Message(
        headers=(("content-type", "application/json"),),
        body=json.dumps(body, separators=(",", ":")).encode(),
    )


def is_final(reply: httpx.Response) -> bool:
    """Any return_code but 0 ends it; an answer that is none does not."""
    try:
        return type(code := reply.json().get("return_code")) is int and code != 0
    except (ValueError, AttributeError):
        return False


class ZaloPay:
    """ZaloPay with its merchants and its books. Orders by app_id and app_trans_id."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}
        self.refunds: dict[str, Refund] = {}
        self._sequence = 0

    def answer(self, call: Call, at: datetime) -> CallReply:
        """create, query, refund or query_refund: HTTP 200 with ZaloPay's codes inside."""
        calls: dict[
            str, tuple[tuple[str, ...], Callable[[Merchant, dict[str, Any], datetime], CallReply]]
        ] = {
            "/v2/create": (_CREATE, self._create),
            "/v2/query": (_QUERY, self._query),
            "/v2/refund": (_REFUND, self._refund),
            "/v2/query_refund": (_QUERY_REFUND, self._query_refund),
        }
        found = calls.get(call.path)
        if found is None or call.method != "POST":
            return CallReply(status=404)
        names, do = found
        try:
            asked = json.loads(call.body)
            values = [str(asked[name]) for name in names]
            given, app_id = str(asked["mac"]), str(asked["app_id"])
        except (ValueError, KeyError, TypeError):
            return _fail(-401)
        merchant = next((m for m in self.merchants if m.settings["app_id"] == app_id), None)
        if merchant is None:
            return _fail(-402)
        key1 = merchant.secrets["key1"]
        if names is _QUERY:
            values.append(key1)  # the key itself stands in the string of a query
        if not hmac.compare_digest(given.encode(), mac(key1, "|".join(values)).encode()):
            return _fail(-402)
        return do(merchant, asked, at)

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The payer arrives at /pay?order=… Raises OrderRefusedError: unknown, over or expired."""
        key = parse_qs(call.query).get("order", [""])[0]
        order = self._open(key, at)
        if order.movement is not None:
            raise OrderRefusedError("Đơn hàng này đã kết thúc.")
        return PayPage(
            order_id=key, amount_vnd=order.amount_vnd, info=str(order.asked["description"])
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or cancels; again finds what the first time did. Raises OrderRefusedError."""
        order = self._open(order_id, at)
        if order.movement is None:
            self._sequence += 1
            order.movement = Movement(
                sequence=self._sequence,
                amount_vnd=order.amount_vnd,
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=str(order.asked["app_trans_id"]),
                account_number=order.merchant.account_number,
            )
            if is_paid:
                self.movements.append(order.movement)
        was_paid = order.movement.state is MovementState.PAID
        back = {
            "appid": order.asked["app_id"],
            "apptransid": order.asked["app_trans_id"],
            "pmcid": 38,
            "bankcode": "",
            "amount": order.amount_vnd,
            "discountamount": 0,
            "status": 1 if was_paid else -329,
        }
        back["checksum"] = mac(
            order.merchant.secrets["key2"], "|".join(str(value) for value in back.values())
        )
        mark = "&" if "?" in order.redirect_url else "?"
        return Decided(
            movement=order.movement,
            merchant=order.merchant,
            return_url=f"{order.redirect_url}{mark}{urlencode(back)}",
            is_notified=was_paid,
        )

    def refunded_vnd(self, paid_as: str) -> int:
        """What went back, or is on its way, of the transaction with this zp_trans_id."""
        return sum(r.amount_vnd for r in self.refunds.values() if r.zp_trans_id == paid_as)

    def _open(self, key: str, at: datetime) -> Order:
        order = self.orders.get(key)
        if order is None:
            raise OrderRefusedError("Không tìm thấy đơn hàng.")
        if order.movement is None and at > order.expires_at:
            raise OrderRefusedError("Đơn hàng đã hết hạn thanh toán.")
        return order

    def _create(self, merchant: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        name = str(asked["app_trans_id"])
        try:
            redirect_url = str(json.loads(asked["embed_data"]).get("redirecturl", ""))
            is_list = isinstance(json.loads(asked["item"]), list)
        except (ValueError, TypeError, AttributeError):
            return _fail(-401)
        lasts_s = asked.get("expire_duration_seconds", 900)
        if (
            not is_list
            or not name.startswith(f"{at.astimezone(VIETNAM):%y%m%d}")
            or len(name) > 40
            or not 1 <= len(str(asked["app_user"])) <= 50
            or not 1 <= len(str(asked.get("description", ""))) <= 256
            or type(asked["amount"]) is not int
            or asked["amount"] < 1
            or type(lasts_s) is not int
            or not 300 <= lasts_s <= 2_592_000
            or not _is_near(asked["app_time"], at)
        ):
            return _fail(-401)
        key = f"{asked['app_id']}/{name}"
        if key in self.orders:
            return _fail(-68)
        self.orders[key] = Order(
            merchant=merchant,
            asked=asked,
            amount_vnd=asked["amount"],
            redirect_url=redirect_url,
            expires_at=at + timedelta(seconds=lasts_s),
        )
        base = merchant.settings["api_url"].partition(f"/sandbox/{NAME}")[0]
        url = f"{base}/sandbox/{NAME}/pay?order={quote(key, safe='')}"
        token = hashlib.sha256(key.encode()).hexdigest()[:24]
        return _reply(1, 1, "SUCCESS", order_url=url, zp_trans_token=token, order_token=token)

    def _query(self, _: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        order = self.orders.get(f"{asked['app_id']}/{asked['app_trans_id']}")
        if order is None:
            return _fail(-101)
        if order.movement is None:
            if at > order.expires_at:
                return _fail(-54)
            return _reply(3, 3, "PROCESSING", is_processing=False, amount=0, zp_trans_id=0)
        if order.movement.state is not MovementState.PAID:
            return _fail(-329)
        return _reply(
            1,
            1,
            "SUCCESS",
            is_processing=False,
            amount=order.amount_vnd,
            zp_trans_id=zp_trans_id(order.movement),
            server_time=_ms(order.movement.at),
            discount_amount=0,
        )

    def _refund(self, merchant: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        name = str(asked.get("m_refund_id", ""))
        named = re.fullmatch(r"([0-9]{6})_([0-9]+)_[0-9A-Za-z]{1,30}", name)
        if named is None:
            return _fail(-24)
        if name in self.refunds:
            return _fail(-23)
        if named[2] != merchant.settings["app_id"]:
            return _fail(-26)
        if named[1] != f"{at.astimezone(VIETNAM):%y%m%d}":
            return _fail(-25)
        amount_vnd = asked["amount"]
        if not _is_near(asked["timestamp"], at) or type(amount_vnd) is not int:
            return _fail(-401)
        number = str(asked["zp_trans_id"])
        paid = [
            order.amount_vnd
            for order in self.orders.values()
            if order.movement is not None
            and order.movement.state is MovementState.PAID
            and order.merchant is merchant
            and str(zp_trans_id(order.movement)) == number
        ]
        if not paid:
            return _fail(-8)
        if not 1 <= amount_vnd <= paid[0] - self.refunded_vnd(number):
            return _fail(-14)
        self._sequence += 1
        refund = Refund(zp_trans_id=number, amount_vnd=amount_vnd, number=self._sequence)
        self.refunds[name] = refund
        return _reply(3, 3, "PROCESSING", refund_id=refund.number)

    def _query_refund(self, _: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        if not _is_near(asked["timestamp"], at):
            return _fail(-401)
        refund = self.refunds.get(str(asked["m_refund_id"]))
        if refund is None:
            return _fail(-21)
        refund.is_done = True
        return _reply(1, 1, "SUCCESS", refund_id=refund.number)


def _is_near(stamp_ms: object, at: datetime) -> bool:
    return isinstance(stamp_ms, int) and abs(stamp_ms - _ms(at)) <= _WINDOW / timedelta(
        milliseconds=1
    )


def _fail(sub_code: int) -> CallReply:
    return _reply(2, sub_code, _WORDS[sub_code])


def _reply(code: int, sub_code: int, words: str, **more: object) -> CallReply:
    said = {
        "return_code": code,
        "return_message": {1: "Giao dịch thành công", 2: "Giao dịch thất bại"}.get(
            code, "Giao dịch đang xử lý"
        ),
        "sub_return_code": sub_code,
        "sub_return_message": words,
        **more,
    }
    return CallReply(body=json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
