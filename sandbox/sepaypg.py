"""The side of SePay's payment gateway: takes the signed form, shows a page, tells by IPN, answers.

Written from developer.sepay.vn/vi/cong-thanh-toan and npm sepay-pg-node: the form is signed in base64
of HMAC-SHA256 over "k=v" joined by ","; the IPN carries the secret in `X-Secret-Key` and signs nothing;
calls come with Basic credentials. Retries of the IPN are unpublished, these are its bank feed's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

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

NAME: str = "sepaypg"
DELAYS_S: tuple[float, ...] = (60.0, 60.0, 120.0, 180.0, 300.0, 480.0, 780.0)
SIGNED: tuple[str, ...] = ("header:x-secret-key",)  # the only proof there is
UNSIGNED: tuple[str, ...] = ()
_SIGNED_FIELDS: Final = (
    "merchant", "env", "operation", "payment_method", "order_amount", "currency",
    "order_invoice_number", "order_description", "customer_id", "agreement_id", "agreement_name",
    "agreement_type", "agreement_payment_frequency", "agreement_amount_per_payment", "success_url",
    "error_url", "cancel_url", "order_id",
)  # fmt: skip
_REQUIRED: Final = ("operation", "order_amount", "currency", "order_invoice_number")
_FORM: Final = "/v1/checkout/init"


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape; the gateway asks for no token
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The IPN of an order that was paid, or was not."""
    is_paid = movement.state is MovementState.PAID
    order = _order(merchant, movement.merchant_reference, movement.amount_vnd, movement.state)
    transaction = _transaction(movement)
    for part in (order, transaction):
        part.pop(leave_out, None)
    body = {
        "timestamp": int(datetime.now(UTC).timestamp()),
        "notification_type": "ORDER_PAID" if is_paid else "ORDER_CANCELLED",
        "order": order | {"custom_data": [], "ip_address": "14.0.0.1"},
        "transaction": transaction | {"transaction_id": f"{movement.sequence:x}"},
        "customer": None,
    }
    return Message(
        headers=(
            ("Content-Type", "application/json"),
            ("X-Secret-Key", merchant.secrets.get("ipn_secret") or merchant.secrets["secret_key"]),
        ),
        body=json.dumps(body, ensure_ascii=False).encode(),
    )


def is_final(reply: httpx.Response) -> bool:
    """HTTP 200."""
    return reply.status_code == 200


@dataclass(slots=True, kw_only=True)
class Placed:
    """An order of a signed form; `movement` once the payer decided, in VND."""

    merchant: Merchant
    fields: Mapping[str, str]
    movement: Movement | None = None
    is_cancelled: bool = False

    @property
    def number(self) -> str:
        """The merchant's own number of it."""
        return self.fields["order_invoice_number"]

    @property
    def state(self) -> MovementState:
        """How it stands."""
        if self.is_cancelled:
            return MovementState.FAILED
        return self.movement.state if self.movement else MovementState.PENDING


class SepayPg:
    """The gateway with its merchants and its books: one payment per order that a payer finished."""

    NAME: str = "sepaypg"

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Placed] = {}

    def answer(self, call: Call, at: datetime) -> CallReply:  # noqa: ARG002 - the server's shape
        """The payer's form, a question, a cancellation."""
        if (call.method, call.path) == ("POST", _FORM):
            return self._place(call)
        merchant = self._caller(call.headers.get("authorization", ""))
        if merchant is None:
            return _json({"message": "Unauthorized"}, 401)
        asked = re.fullmatch(r"/v1/order/detail/([0-9A-Za-z_-]+)", call.path)
        if asked and call.method == "GET":
            placed = self.orders.get(_order_id(merchant, asked[1]))
            return _json({"data": _detail(placed)}) if placed else _json(_NOT_FOUND, 404)
        if (call.method, call.path) == ("POST", "/v1/order/cancel"):
            return self._cancel(merchant, call.body)
        return _json(_NOT_FOUND, 404)

    def open_order(self, call: Call, at: datetime) -> PayPage:  # noqa: ARG002 - the server's shape
        """The page of an open order. Raises OrderRefusedError."""
        placed = self.orders.get(parse_qs(call.query).get("order", [""])[0])
        if placed is None or placed.state is not MovementState.PENDING:
            raise OrderRefusedError("Không tìm thấy đơn hàng đang chờ thanh toán.")
        return PayPage(
            order_id=_order_id(placed.merchant, placed.number),
            amount_vnd=int(placed.fields["order_amount"]),
            info=placed.fields.get("order_description", ""),
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """Pay or cancel; again is the same. Raises OrderRefusedError."""
        placed = self.orders.get(order_id)
        if placed is None or (placed.movement is None and placed.is_cancelled):
            raise OrderRefusedError("Không tìm thấy đơn hàng đang chờ thanh toán.")
        if placed.movement is None:
            placed.movement = Movement(
                sequence=1 + len(self.movements),
                amount_vnd=int(placed.fields["order_amount"]),
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=placed.number,
                account_number=placed.merchant.account_number,
            )
            if is_paid:
                self.movements.append(placed.movement)
        where = "success_url" if placed.state is MovementState.PAID else "cancel_url"
        return Decided(
            movement=placed.movement,
            merchant=placed.merchant,
            return_url=placed.fields.get(where, ""),
            is_notified=placed.movement.state is MovementState.PAID,
        )

    def _place(self, call: Call) -> CallReply:
        fields = dict(parse_qsl(call.body.decode("latin-1"), encoding="utf-8"))
        merchant = next(
            (m for m in self.merchants if m.settings["merchant_id"] == fields.get("merchant")), None
        )
        if merchant is None or not _is_genuine(fields, merchant):
            return _page("Sai chữ ký hoặc đơn vị không tồn tại.", status=400)
        if any(name not in fields for name in _REQUIRED) or fields["currency"] != "VND":
            return _page("Thiếu thông tin đơn hàng.", status=400)
        if not re.fullmatch(r"[1-9][0-9]{0,11}", fields["order_amount"]):
            return _page("Số tiền không hợp lệ.", status=400)
        order_id = _order_id(merchant, fields["order_invoice_number"])
        placed = self.orders.setdefault(order_id, Placed(merchant=merchant, fields=fields))
        if placed.fields != fields:
            return _page("Mã đơn hàng đã được dùng.", status=400)
        base = urlsplit(merchant.settings["checkout_url"]).path.removesuffix(_FORM)
        address = html.escape(f"{base}/pay?order={order_id}", quote=True)
        return _page(
            f'<meta http-equiv="refresh" content="0; url={address}">'
            f'<a href="{address}">Tiếp tục / Continue</a>'
        )

    def _caller(self, authorization: str) -> Merchant | None:
        for merchant in self.merchants:
            pair = f"{merchant.settings['merchant_id']}:{merchant.secrets['secret_key']}"
            expected = b"Basic " + base64.b64encode(pair.encode())
            if hmac.compare_digest(authorization.encode(), expected):
                return merchant
        return None

    def _cancel(self, merchant: Merchant, body: bytes) -> CallReply:
        try:
            number = str(json.loads(body)["order_invoice_number"])
        except (ValueError, KeyError, TypeError):
            return _json({"message": "order_invoice_number là bắt buộc"}, 422)
        placed = self.orders.get(_order_id(merchant, number))
        if placed is None:
            return _json(_NOT_FOUND, 404)
        if placed.state is not MovementState.PENDING:
            return _json({"message": "Không thể hủy đơn hàng"}, 400)
        placed.is_cancelled = True
        return _json({"message": "Đã hủy đơn hàng thành công"})


_NOT_FOUND: Final = {"message": "Không tìm thấy đơn hàng"}
_STATUS: Final = {
    MovementState.PAID: "CAPTURED",
    MovementState.FAILED: "CANCELLED",
    MovementState.PENDING: "AUTHENTICATION_NOT_NEEDED",
}


def _order_id(merchant: Merchant, number: str) -> str:
    name = f"{merchant.settings['merchant_id']}/{number}"
    return "SEPAY-" + hashlib.sha256(name.encode()).hexdigest()[:13].upper()


def _order(
    merchant: Merchant, number: str, amount_vnd: int, state: MovementState
) -> dict[str, Any]:
    return {
        "id": _order_id(merchant, number).removeprefix("SEPAY-").lower(),
        "order_id": _order_id(merchant, number),
        "order_status": _STATUS[state],
        "order_currency": "VND",
        "order_amount": f"{amount_vnd}.00",
        "order_invoice_number": number,
        "order_description": "Thanh toan",
    }


def _transaction(movement: Movement) -> dict[str, Any]:
    is_paid = movement.state is MovementState.PAID
    return {
        "id": str(180 + movement.sequence),
        "payment_method": "BANK_TRANSFER",
        "transaction_type": "PAYMENT",
        "transaction_date": f"{movement.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}",
        "transaction_status": "APPROVED" if is_paid else "DECLINED",
        "transaction_amount": str(movement.amount_vnd),
        "transaction_currency": "VND",
    }


def _detail(placed: Placed) -> dict[str, Any]:
    amount_vnd = int(placed.fields["order_amount"])
    order = _order(placed.merchant, placed.number, amount_vnd, placed.state)
    paid = placed.movement if placed.state is MovementState.PAID else None
    return order | {"transactions": [_transaction(paid)] if paid else []}


def _is_genuine(fields: Mapping[str, str], merchant: Merchant) -> bool:
    text = ",".join(f"{name}={fields[name]}" for name in _SIGNED_FIELDS if name in fields)
    digest = hmac.new(merchant.secrets["secret_key"].encode(), text.encode(), hashlib.sha256)
    expected = base64.b64encode(digest.digest())
    return hmac.compare_digest(fields.get("signature", "").encode(), expected)


def _json(value: Mapping[str, Any], status: int = 200) -> CallReply:
    return CallReply(status=status, body=json.dumps(value, ensure_ascii=False).encode())


def _page(inside: str, status: int = 200) -> CallReply:
    text = f'<!doctype html><html lang="vi"><title>SePay thử nghiệm</title><p>{inside}</p></html>'
    return CallReply(status=status, body=text.encode(), content_type="text/html; charset=utf-8")
