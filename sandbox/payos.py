"""payOS's side: takes orders, answers questions, shows the payer a page, tells of every transfer.

Written from payos.vn/docs and the public SDKs' tests: orders are signed over five fields, `data` of
webhooks and answers over all of its keys sorted, "k=v" joined by "&", HMAC-SHA256 in hex. A link may
be paid by several transfers. The schedule of retries is unpublished, this one is a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

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

NAME: str = "payos"
DELAYS_S: tuple[float, ...] = (60.0, 300.0, 900.0, 1800.0, 3600.0)
SIGNED: tuple[str, ...] = (
    '"amount":',
    '"orderCode":',
    '"accountNumber":',
    '"reference":',
    '"paymentLinkId":',
    '"description":',
    '"transactionDateTime":',
    '"currency":',
    '"signature":',
)
UNSIGNED: tuple[str, ...] = ('"code":', '"desc":')  # the envelope's come first
_ORDER: Final = ("amount", "cancelUrl", "description", "orderCode", "returnUrl")


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - the notifier's shape; payOS asks for no token
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The webhook of one transfer to a link. Another standing than paid has another code in `data`."""
    is_paid = movement.state is MovementState.PAID
    data = _transfer(movement, merchant, absent="") | {
        "transactionDateTime": f"{movement.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}",
        "currency": "VND",
        "orderCode": int(movement.merchant_reference),
        "paymentLinkId": link_id(merchant, int(movement.merchant_reference)),
        "code": "00" if is_paid else "01",
        "desc": "Thành công" if is_paid else "Không thành công",
    }
    data.pop(leave_out, None)
    return _webhook(data, merchant)


def test_ping(merchant: Merchant) -> Message:
    """What confirm-webhook sends to a new address before it keeps it."""
    data = {
        "orderCode": 123,
        "amount": 3000,
        "description": "VQRIO123",
        "accountNumber": "12345678",
        "reference": "TF230204212323",
        "transactionDateTime": "2023-02-04 18:25:00",
        "currency": "VND",
        "paymentLinkId": "124c33293c43417ab7879e14c8d9eb18",
        "code": "00",
        "desc": "Thành công",
        "counterAccountBankId": "",
        "virtualAccountNumber": "",
    }
    return _webhook(data, merchant)


def is_final(reply: httpx.Response) -> bool:
    """Any 2xx."""
    return reply.is_success


def link_id(merchant: Merchant, order_code: int) -> str:
    """The paymentLinkId of an order: 32 hex digits."""
    name = f"{merchant.settings['client_id']}/{order_code}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@dataclass(slots=True, kw_only=True)
class Link:
    """A payment link. Amounts in VND; `order` is what the merchant signed."""

    merchant: Merchant
    order: Mapping[str, Any]
    created_at: datetime
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    transfers: list[Movement] = field(default_factory=list)
    decided: Movement | None = None

    @property
    def id(self) -> str:
        """Its paymentLinkId."""
        return link_id(self.merchant, self.order["orderCode"])

    @property
    def open_vnd(self) -> int:
        """What is still to be transferred."""
        asked_vnd: int = self.order["amount"]
        return max(0, asked_vnd - sum(one.amount_vnd for one in self.transfers))

    def status(self, at: datetime) -> str:
        """payOS's word for it."""
        if not self.open_vnd:
            return "PAID"
        if self.cancelled_at:
            return "CANCELLED"
        if at.timestamp() >= (self.order.get("expiredAt") or 2**40):
            return "EXPIRED"
        return "UNDERPAID" if self.transfers else "PENDING"


class Payos:
    """payOS with its channels and its books: every transfer that a payer made."""

    NAME: str = "payos"

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.links: dict[str, Link] = {}
        self.webhooks: dict[str, str] = {}  # client id -> registered address

    def answer(self, call: Call, at: datetime) -> CallReply:
        """Create, ask, cancel, register a webhook; errors have HTTP 200 and a code, as payOS's do."""
        merchant = self._merchant(call.headers)
        if merchant is None:
            return _error("401", "Unauthorized", status=401)
        try:
            body = json.loads(call.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _error("20", "Thông tin truyền lên không đúng.")
        found = re.fullmatch(r"/v2/payment-requests/([0-9a-z]+)(/cancel)?", call.path)
        if call.method == "POST" and call.path == "/v2/payment-requests":
            return self._create(merchant, body, at)
        if call.method == "POST" and call.path == "/confirm-webhook":
            return self._register(merchant, body)
        if found and call.method == ("POST" if found[2] else "GET"):
            link = self._find(merchant, found[1])
            if link is None:
                return _error("101", "Mã thanh toán không tồn tại.")
            if found[2] and link.status(at) in {"PENDING", "UNDERPAID"}:
                link.cancelled_at, link.cancel_reason = at, body.get("cancellationReason")
            return _signed(_shown(link, at), merchant)
        return _error("404", "Not found", status=404)

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The page of a link that can be paid. Raises OrderRefusedError."""
        link = self.links.get(parse_qs(call.query).get("id", [""])[0])
        if link is None:
            raise OrderRefusedError("Không tìm thấy liên kết thanh toán.")
        if link.status(at) not in {"PENDING", "UNDERPAID"}:
            raise OrderRefusedError("Liên kết thanh toán đã kết thúc.")
        return PayPage(
            order_id=link.id, amount_vnd=link.open_vnd, info=str(link.order["description"])
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """Pay what is open, or cancel; again is the same. Raises OrderRefusedError."""
        link = self.links.get(order_id)
        if link is None:
            raise OrderRefusedError("Không tìm thấy liên kết thanh toán.")
        if link.decided is None:
            if link.status(at) not in {"PENDING", "UNDERPAID"}:
                raise OrderRefusedError("Liên kết thanh toán đã kết thúc.")
            if is_paid:
                link.decided = self.transfer(order_id, link.open_vnd, at)
            else:
                link.cancelled_at = at
                link.decided = self._movement(link, link.open_vnd, at, MovementState.FAILED)
        paid = link.decided.state is MovementState.PAID
        url = str(link.order["returnUrl" if paid else "cancelUrl"])
        back = {
            "code": "00",
            "id": link.id,
            "cancel": "false" if paid else "true",
            "status": link.status(at),
            "orderCode": link.order["orderCode"],
        }
        return Decided(
            movement=link.decided,
            merchant=link.merchant,
            return_url=f"{url}{'&' if '?' in url else '?'}{urlencode(back)}",
            is_notified=paid,
        )

    def transfer(self, order_id: str, amount_vnd: int, at: datetime) -> Movement:
        """A payer transfers `amount_vnd` to a link, by a bank's app. Raises KeyError for no such link."""
        link = self.links[order_id]
        movement = self._movement(link, amount_vnd, at, MovementState.PAID)
        link.transfers.append(movement)
        self.movements.append(movement)
        return movement

    def _merchant(self, headers: Mapping[str, str]) -> Merchant | None:
        for merchant in self.merchants:
            if headers.get("x-client-id") == merchant.settings["client_id"]:
                key = merchant.secrets["api_key"]
                is_known = hmac.compare_digest(headers.get("x-api-key", "").encode(), key.encode())
                return merchant if is_known else None
        return None

    def _find(self, merchant: Merchant, name: str) -> Link | None:
        link = self.links.get(name)
        if link is None and name.isdecimal():
            link = self.links.get(link_id(merchant, int(name)))
        return link if link and link.merchant == merchant else None

    def _create(self, merchant: Merchant, order: Mapping[str, Any], at: datetime) -> CallReply:
        if any(name not in order for name in _ORDER) or not _is_payable(order):
            return _error("20", "Thông tin truyền lên không đúng.")
        text = "&".join(f"{name}={order[name]}" for name in _ORDER)
        if order.get("signature") != _mac(merchant, text):
            return _error("201", "Mã kiểm tra(signature) không hợp lệ")
        link = Link(merchant=merchant, order=dict(order), created_at=at)
        if link.id in self.links:
            return _error("231", "Đơn thanh toán đã tồn tại")
        self.links[link.id] = link
        made = {
            "bin": "970422",
            "accountNumber": merchant.account_number,
            "accountName": "TRUONG HOC THU NGHIEM",
            "amount": order["amount"],
            "description": f"CS{order['description']}"[:25],
            "orderCode": order["orderCode"],
            "currency": "VND",
            "paymentLinkId": link.id,
            "status": "PENDING",
            "expiredAt": order.get("expiredAt"),
            "checkoutUrl": f"{merchant.settings['api_url']}/pay?id={link.id}",
            "qrCode": "",
        }
        return _signed(made, merchant)

    def _register(self, merchant: Merchant, body: Mapping[str, Any]) -> CallReply:
        url = body.get("webhookUrl")
        if not isinstance(url, str) or not url.startswith("http"):
            return _error("20", "Webhook url không hợp lệ")
        self.webhooks[merchant.settings["client_id"]] = url
        data = {"webhookUrl": url, "accountNumber": merchant.account_number}
        return _signed(data, merchant)

    def _movement(
        self, link: Link, amount_vnd: int, at: datetime, state: MovementState
    ) -> Movement:
        sequence = 1 + len(self.movements)
        return Movement(
            sequence=sequence,
            amount_vnd=amount_vnd,
            at=at,
            state=state,
            merchant_reference=str(link.order["orderCode"]),
            content=f"CS{link.order['description']}",
            account_number=link.merchant.account_number,
            bank_transaction_id=f"FT26PO{sequence:08d}",
        )


def _is_payable(order: Mapping[str, Any]) -> bool:
    amount, code, text = order["amount"], order["orderCode"], order["description"]
    return (
        type(amount) is int
        and amount > 0
        and type(code) is int
        and abs(code) <= 9_007_199_254_740_991
        and isinstance(text, str)
        and len(text) <= 25
        and all(str(order[name]).startswith("http") for name in ("cancelUrl", "returnUrl"))
    )


def _transfer(movement: Movement, merchant: Merchant, absent: str | None) -> dict[str, Any]:
    """What webhook and answer both print; `absent` is their word for nothing."""
    return {
        "accountNumber": movement.account_number or merchant.account_number,
        "amount": movement.amount_vnd,
        "description": movement.content,
        "reference": movement.bank_transaction_id,
        "virtualAccountName": absent,
        "virtualAccountNumber": movement.virtual_account or absent,
        "counterAccountBankId": "970415",
        "counterAccountBankName": absent,
        "counterAccountName": "NGUYEN VAN A",
        "counterAccountNumber": "9876543210",
    }


def _shown(link: Link, at: datetime) -> dict[str, Any]:
    """A link with its transfers, as GET prints it; its times are ISO 8601."""
    return {
        "id": link.id,
        "orderCode": link.order["orderCode"],
        "amount": link.order["amount"],
        "amountPaid": sum(one.amount_vnd for one in link.transfers),
        "amountRemaining": link.open_vnd,
        "status": link.status(at),
        "createdAt": _iso(link.created_at),
        "transactions": [
            _transfer(one, link.merchant, absent=None) | {"transactionDateTime": _iso(one.at)}
            for one in link.transfers
        ],
        "canceledAt": _iso(link.cancelled_at) if link.cancelled_at else None,
        "cancellationReason": link.cancel_reason,
    }


def _iso(at: datetime) -> str:
    return at.astimezone(VIETNAM).isoformat(timespec="seconds")


def _webhook(data: Mapping[str, Any], merchant: Merchant) -> Message:
    return Message(
        headers=(("Content-Type", "application/json"),),
        body=_envelope(data, merchant, {"success": True}),
    )


def _signed(data: Mapping[str, Any], merchant: Merchant) -> CallReply:
    return CallReply(body=_envelope(data, merchant, {}))


def _envelope(data: Mapping[str, Any], merchant: Merchant, more: Mapping[str, object]) -> bytes:
    text = "&".join(f"{name}={_printed(data[name])}" for name in sorted(data))
    envelope = {
        "code": "00",
        "desc": "success",
        **more,
        "data": data,
        "signature": _mac(merchant, text),
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _printed(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "" if value in (None, "null", "undefined") else str(value)


def _mac(merchant: Merchant, text: str) -> str:
    key = merchant.secrets["checksum_key"].encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _error(code: str, desc: str, status: int = 200) -> CallReply:
    text = json.dumps({"code": code, "desc": desc, "data": None}, ensure_ascii=False)
    return CallReply(status=status, body=text.encode())
