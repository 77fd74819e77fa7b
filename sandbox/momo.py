"""MoMo's side of gateway v2: takes orders, shows the payer what to pay, tells the merchant, gives back.

Written from MoMo's text (developers.momo.vn/v3/docs/payment/api/): the signed string is written out for
each call as the page prints it, raw values, HMAC-SHA256 in hex with the partner's secretKey. MoMo says
that it repeats an IPN, not how often: the waits here are our own choice. Refunds answer 7002 first and
are done when they are asked about. It keeps its own books of what payers paid and what went back.
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

NAME: str = "momo"
DELAYS_S: tuple[float, ...] = (30.0, 60.0, 300.0, 900.0)
SIGNED: tuple[str, ...] = tuple(
    f'"{name}":'
    for name in (
        "amount", "orderId", "transId", "resultCode", "partnerCode", "requestId", "orderInfo",
        "orderType", "message", "payType", "responseTime", "signature",
    )
)  # fmt: skip
UNSIGNED: tuple[str, ...] = ('"paymentOption":',)

_RESULT: Final = (
    "accessKey={accessKey}&amount={amount}&extraData={extraData}&message={message}&orderId={orderId}"
    "&orderInfo={orderInfo}&orderType={orderType}&partnerCode={partnerCode}&payType={payType}"
    "&requestId={requestId}&responseTime={responseTime}&resultCode={resultCode}&transId={transId}"
)
_CREATE: Final = (
    "accessKey={accessKey}&amount={amount}&extraData={extraData}&ipnUrl={ipnUrl}&orderId={orderId}"
    "&orderInfo={orderInfo}&partnerCode={partnerCode}&redirectUrl={redirectUrl}"
    "&requestId={requestId}&requestType={requestType}"
)
_QUERY: Final = (
    "accessKey={accessKey}&orderId={orderId}&partnerCode={partnerCode}&requestId={requestId}"
)
_REFUND: Final = (
    "accessKey={accessKey}&amount={amount}&description={description}&orderId={orderId}"
    "&partnerCode={partnerCode}&requestId={requestId}&transId={transId}"
)
_CODES: Final = {MovementState.PAID: 0, MovementState.FAILED: 1006, MovementState.PENDING: 7002}
_WORDS: Final = {
    0: "Thành công.",
    13: "Xác thực đối tác thất bại.",
    20: "Yêu cầu sai định dạng.",
    21: "Số tiền không hợp lệ.",
    22: "Số tiền nằm ngoài giới hạn.",
    40: "requestId bị trùng.",
    41: "orderId bị trùng.",
    42: "Không tìm thấy orderId.",
    1000: "Giao dịch đã được khởi tạo, chờ người dùng xác nhận.",
    1005: "URL hoặc QR đã hết hạn.",
    1006: "Người dùng từ chối thanh toán.",
    1081: "Hoàn tiền bị từ chối: giao dịch có thể đã được hoàn.",
    7002: "Giao dịch đang được xử lý.",
}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the merchant told it, and what the payer made of it."""

    merchant: Merchant
    asked: Mapping[str, Any]
    amount_vnd: int
    expires_at: datetime
    movement: Movement | None = None

    @property
    def key(self) -> str:
        """The name of the order on the pay page."""
        return f"{self.asked['partnerCode']}/{self.asked['orderId']}"


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back, or back."""

    asked: Mapping[str, Any]
    amount_vnd: int
    trans_id: int
    at: datetime
    is_done: bool = False


def signature(merchant: Merchant, template: str, values: Mapping[str, object]) -> str:
    """The hex of a signed string whose values are put in as they stand."""
    text = template.format_map({**values, "accessKey": merchant.secrets["access_key"]})
    key = merchant.secrets["secret_key"].encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def trans_id(movement: Movement) -> int:
    """MoMo's number of a transaction."""
    return 4_000_000_000 + movement.sequence


def result_of(movement: Movement, merchant: Merchant) -> dict[str, Any]:
    """What an IPN and a redirect say of a transaction, without the signature."""
    code = _CODES[movement.state]
    return {
        "partnerCode": merchant.settings["partner_code"],
        "orderId": movement.merchant_reference,
        "requestId": movement.merchant_reference,
        "amount": movement.amount_vnd,
        "orderInfo": movement.content,
        "orderType": "momo_wallet",
        "transId": trans_id(movement),
        "resultCode": code,
        "message": _WORDS[code],
        "payType": "qr",
        "responseTime": _ms(movement.at),
        "extraData": "",
    }


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - MoMo asks nothing before it tells
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed IPN; a field that is left out is signed as nothing."""
    said = result_of(movement, merchant)
    signed = signature(merchant, _RESULT, {**said, leave_out: ""} if leave_out else said)
    said.pop(leave_out, None)
    body = {**said, "paymentOption": "momo", "signature": signed}
    return Message(
        headers=(("content-type", "application/json; charset=UTF-8"),), body=_compact(body)
    )


def is_final(reply: httpx.Response) -> bool:
    """MoMo asks for 204 and takes nothing else."""
    return reply.status_code == 204


class Momo:
    """MoMo with its merchants and its books. Orders by the name on their pay page, refunds by theirs."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}
        self.refunds: dict[str, Refund] = {}
        self._sequence = 0

    def answer(self, call: Call, at: datetime) -> CallReply:
        """create, query, refund or refund/query; MoMo's codes inside, 4xx where the call is at fault."""
        calls: dict[str, tuple[str, Callable[[Merchant, dict[str, Any], datetime], CallReply]]] = {
            "create": (_CREATE, self._create),
            "query": (_QUERY, self._query),
            "refund": (_REFUND, self._refund),
            "refund/query": (_QUERY, self._refund_query),
        }
        found = calls.get(call.path.partition("/v2/gateway/api/")[2])
        if found is None or call.method != "POST":
            return CallReply(status=404)
        template, do = found
        try:
            asked = json.loads(call.body)
            partner = asked["partnerCode"]
            given = str(asked["signature"])
            merchant = next(m for m in self.merchants if m.settings["partner_code"] == partner)
            expected = signature(merchant, template, asked)
        except StopIteration:
            return _reply(13)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _reply(20)
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return _reply(13, asked)
        return do(merchant, asked, at)

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The payer arrives at /pay?order=… Raises OrderRefusedError: unknown, over or expired."""
        key = parse_qs(call.query).get("order", [""])[0]
        order = self._open(key, at)
        if order.movement is not None:
            raise OrderRefusedError("Đơn hàng này đã kết thúc.")
        return PayPage(
            order_id=key, amount_vnd=order.amount_vnd, info=str(order.asked["orderInfo"])
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or denies; again finds what the first time did. Raises OrderRefusedError."""
        order = self._open(order_id, at)
        if order.movement is None:
            self._sequence += 1
            order.movement = Movement(
                sequence=self._sequence,
                amount_vnd=order.amount_vnd,
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=str(order.asked["orderId"]),
                content=str(order.asked["orderInfo"]),
                account_number=order.merchant.account_number,
            )
            if is_paid:
                self.movements.append(order.movement)
        said = result_of(order.movement, order.merchant)
        said["signature"] = signature(order.merchant, _RESULT, said)
        url = str(order.asked["redirectUrl"])
        mark = "&" if "?" in url else "?"
        return Decided(
            movement=order.movement,
            merchant=order.merchant,
            return_url=f"{url}{mark}{urlencode(said)}",
        )

    def refunded_vnd(self, paid_as: int) -> int:
        """What went back, or is on its way, of the transaction with this transId."""
        refunds = self.refunds.values()
        return sum(r.amount_vnd for r in refunds if r.asked["transId"] == paid_as)

    def _open(self, key: str, at: datetime) -> Order:
        order = self.orders.get(key)
        if order is None:
            raise OrderRefusedError("Không tìm thấy đơn hàng.")
        if order.movement is None and at > order.expires_at:
            raise OrderRefusedError("Đơn hàng đã hết hạn thanh toán.")
        return order

    def _create(self, merchant: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        name = str(asked["orderId"])
        minutes = asked.get("orderExpireTime", 100)
        if (
            not re.fullmatch(r"[0-9a-zA-Z]([-_.]*[0-9a-zA-Z]+)*", name)
            or max(len(name), len(str(asked["requestId"]))) > 50
            or asked["requestType"] not in {"captureWallet", "payWithMethod", "payWithATM", "payWithCC"}
            or max(len(str(asked[field])) for field in ("orderInfo", "redirectUrl", "ipnUrl")) > 200
            or type(minutes) is not int
            or minutes < 1
        ):  # fmt: skip
            return _reply(20, asked)
        if type(asked["amount"]) is not int:
            return _reply(21, asked)
        if not 1_000 <= asked["amount"] <= 50_000_000:
            return _reply(22, asked)
        order = Order(
            merchant=merchant,
            asked=asked,
            amount_vnd=asked["amount"],
            expires_at=at + timedelta(minutes=minutes),
        )
        known = self.orders.setdefault(order.key, order)
        if known.asked["requestId"] != asked["requestId"]:
            return _reply(41, asked)
        if known.asked != asked:
            return _reply(40, asked)
        base = merchant.settings["api_url"].partition(f"/sandbox/{NAME}")[0]
        url = f"{base}/sandbox/{NAME}/pay?order={quote(order.key, safe='')}"
        return _reply(0, asked, amount=order.amount_vnd, responseTime=_ms(at), payUrl=url)

    def _query(self, _: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        order = self.orders.get(f"{asked['partnerCode']}/{asked['orderId']}")
        if order is None:
            return _reply(42, asked)
        if order.movement is None:
            code, number = (1000 if at <= order.expires_at else 1005), 0
        else:
            code, number = _CODES[order.movement.state], trans_id(order.movement)
        return _reply(
            code,
            asked,
            extraData=order.asked["extraData"],
            amount=order.amount_vnd,
            transId=number,
            payType="qr" if number else "",
            refundTrans=[self._row(r) for r in self.refunds.values() if r.asked["transId"] == number],
            responseTime=_ms(order.movement.at if order.movement else at),
        )  # fmt: skip

    def _refund(self, _: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        key = f"{asked['partnerCode']}/{asked['orderId']}"
        known = self.refunds.get(key)
        if known is not None:
            if known.asked["requestId"] != asked["requestId"] or key in self.orders:
                return _reply(41, asked)
            # the first final result again; one that is not final yet is a repeated id
            return self._refund_reply(known, asked) if known.is_done else _reply(40, asked)
        if key in self.orders:
            return _reply(41, asked)
        paid = [
            order.movement.amount_vnd
            for order in self.orders.values()
            if order.movement is not None
            and order.movement.state is MovementState.PAID
            and order.asked["partnerCode"] == asked["partnerCode"]
            and trans_id(order.movement) == asked["transId"]
        ]
        if not paid:
            return _reply(42, asked)
        if type(asked["amount"]) is not int:
            return _reply(21, asked)
        if not 1_000 <= asked["amount"] <= 50_000_000:
            return _reply(22, asked)
        if self.refunded_vnd(asked["transId"]) + asked["amount"] > paid[0]:
            return _reply(1081, asked)
        self._sequence += 1
        self.refunds[key] = Refund(
            asked=asked,
            amount_vnd=asked["amount"],
            trans_id=4_000_000_000 + self._sequence,
            at=at,
        )
        return self._refund_reply(self.refunds[key], asked)

    def _refund_query(self, _: Merchant, asked: dict[str, Any], at: datetime) -> CallReply:
        refund = self.refunds.get(f"{asked['partnerCode']}/{asked['orderId']}")
        if refund is None:
            return _reply(42, asked)
        refund.is_done = True
        rows = [self._row(refund)]
        return _reply(0, asked, amount=refund.amount_vnd, refundTrans=rows, responseTime=_ms(at))

    def _refund_reply(self, refund: Refund, asked: Mapping[str, Any]) -> CallReply:
        return _reply(
            0 if refund.is_done else 7002,
            asked,
            amount=refund.amount_vnd,
            transId=refund.trans_id,
            responseTime=_ms(refund.at),
        )

    def _row(self, refund: Refund) -> dict[str, object]:
        return {
            "orderId": refund.asked["orderId"],
            "amount": refund.amount_vnd,
            "resultCode": 0 if refund.is_done else 7002,
            "transId": refund.trans_id,
            "createdTime": _ms(refund.at),
        }


def _reply(code: int, asked: Mapping[str, Any] | None = None, **more: object) -> CallReply:
    """MoMo's answer: what was asked about, a code and its words; 400 where the call is at fault."""
    about = (
        {name: asked.get(name) for name in ("partnerCode", "orderId", "requestId")} if asked else {}
    )
    said = {**about, **more, "resultCode": code, "message": _WORDS[code]}
    return CallReply(status=400 if 10 <= code < 100 else 200, body=_compact(said))  # fmt: skip


def _compact(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
