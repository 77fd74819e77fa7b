"""OnePay's side of vpc 2: takes the browser with a signed order, tells the merchant, answers QueryDR.

Written from OnePay's guide (mtf.onepay.vn/developer) and its published samples: all non-empty vpc_* and
user_* sorted, "name=value" joined by "&" without any encoding, HMAC-SHA256 under the hex-decoded hash
code, upper-case hex. The merchant is told at vpc_CallbackURL, three times more, 50 s apart, until it
answers 200. It keeps its own books of what payers paid.
"""

from __future__ import annotations

import hashlib
import hmac
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

NAME: str = "onepay"
DELAYS_S: tuple[float, ...] = (50.0,) * 3
SIGNED: tuple[str, ...] = tuple(
    f"vpc_{name}="
    for name in (
        "Amount", "MerchTxnRef", "TransactionNo", "TxnResponseCode", "Merchant", "OrderInfo",
        "Message", "Command", "Version", "SecureHash",
    )
)  # fmt: skip
UNSIGNED: tuple[str, ...] = ("channel=",)
_REQUIRED: Final = (
    "vpc_Version", "vpc_Command", "vpc_AccessCode", "vpc_Merchant", "vpc_MerchTxnRef",
    "vpc_OrderInfo", "vpc_Amount", "vpc_Currency", "vpc_Locale", "vpc_ReturnURL", "vpc_TicketNo",
)  # fmt: skip
_CODES: Final = {MovementState.PAID: "0", MovementState.FAILED: "99", MovementState.PENDING: "300"}
_WORDS: Final = {"0": "Approved", "99": "User cancel", "300": "Pending", "100": "In progress"}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as it came, and what the payer made of it."""

    merchant: Merchant
    fields: Mapping[str, str]
    movement: Movement | None = None

    @property
    def amount_vnd(self) -> int:
        """The price in whole đồng."""
        return int(self.fields["vpc_Amount"]) // 100


def secure_hash(fields: Mapping[str, str], hash_key: str) -> str:
    """vpc_SecureHash of the fields."""
    signed = sorted(
        (name, value)
        for name, value in fields.items()
        if value and re.match("vpc_|user_", name) and not name.startswith("vpc_SecureHash")
    )
    text = "&".join(f"{name}={value}" for name, value in signed)
    return hmac.new(bytes.fromhex(hash_key), text.encode(), hashlib.sha256).hexdigest().upper()


def result_of(movement: Movement, merchant: Merchant) -> dict[str, str]:
    """What an IPN and the browser say of a transaction, without the hash."""
    code = _CODES[movement.state]
    return {
        "vpc_Amount": str(movement.amount_vnd * 100),
        "vpc_Command": "pay",
        "vpc_MerchTxnRef": movement.merchant_reference,
        "vpc_Merchant": merchant.settings["merchant"],
        "vpc_Message": _WORDS[code],
        "vpc_OrderInfo": movement.content,
        "vpc_TransactionNo": f"PAY-{1_618_000 + movement.sequence}",
        "vpc_TxnResponseCode": code,
        "vpc_Version": "2",
    }


def signed_query(fields: Mapping[str, str], merchant: Merchant) -> str:
    """The fields as a query string or form, with their hash and one unsigned field of OnePay's own."""
    proof = secure_hash(fields, merchant.secrets["hash_key"])
    return urlencode({**fields, "channel": "web", "vpc_SecureHash": proof})


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - OnePay asks nothing before it tells
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed IPN: GET with everything in the query."""
    fields = result_of(movement, merchant)
    fields.pop(leave_out, None)
    return Message(method="GET", query=signed_query(fields, merchant))


def is_final(reply: httpx.Response) -> bool:
    """Any 200 ends it."""
    return reply.status_code == 200


class Onepay:
    """OnePay with its merchants and its books."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}

    def answer(self, call: Call, at: datetime) -> CallReply:  # noqa: ARG002 - the server's shape
        """QueryDR: what became of an order, as url-encoded fields."""
        if call.method != "POST" or not call.path.endswith("/vpc/invoices/queries"):
            return CallReply(status=404)
        asked = dict(parse_qsl(call.body.decode("latin-1")))
        merchant = self._merchant(asked)
        if (
            merchant is None
            or asked.get("vpc_Command") != "queryDR"
            or asked.get("vpc_User") != merchant.settings["query_user"]
            or asked.get("vpc_Password") != merchant.secrets["query_password"]
        ):
            return _text("vpc_Message=Invalid+request", status=400)
        order = self.orders.get(f"{asked['vpc_Merchant']}.{asked.get('vpc_MerchTxnRef')}")
        if order is None:
            return _text("vpc_DRExists=N&vpc_Message=No+transaction")
        if order.movement is None:
            said = {
                "vpc_DRExists": "Y",
                "vpc_MerchTxnRef": asked["vpc_MerchTxnRef"],
                "vpc_Merchant": asked["vpc_Merchant"],
                "vpc_Message": _WORDS["100"],
                "vpc_TxnResponseCode": "100",
            }
        else:
            said = {"vpc_DRExists": "Y", **result_of(order.movement, merchant)}
            said["vpc_Command"] = "queryDR"
        return _text(signed_query(said, merchant))

    def open_order(self, call: Call, at: datetime) -> PayPage:  # noqa: ARG002 - orders do not expire
        """The browser arrives with a signed order. Raises OrderRefusedError."""
        fields = dict(parse_qsl(call.query))
        merchant = self._merchant(fields)
        if merchant is None:
            raise OrderRefusedError("Sai chữ ký hoặc không tìm thấy đơn vị (vpc_SecureHash).")
        missing = [name for name in _REQUIRED if name not in fields]
        if missing:
            raise OrderRefusedError(f"Thiếu tham số: {', '.join(missing)}.")
        if fields["vpc_Currency"] != "VND" or not re.fullmatch(
            r"[1-9][0-9]{0,8}00", fields["vpc_Amount"]
        ):
            raise OrderRefusedError("Số tiền không hợp lệ (vpc_Amount).")
        key = f"{fields['vpc_Merchant']}.{fields['vpc_MerchTxnRef']}"
        order = self.orders.setdefault(key, Order(merchant=merchant, fields=fields))
        if order.movement is not None or order.fields != fields:
            raise OrderRefusedError("Mã giao dịch (vpc_MerchTxnRef) đã được dùng.")
        return PayPage(
            order_id=key, amount_vnd=order.amount_vnd, info=order.fields["vpc_OrderInfo"]
        )

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or cancels; again finds what the first time did. Raises OrderRefusedError."""
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefusedError("Không tìm thấy giao dịch.")
        if order.movement is None:
            order.movement = Movement(
                sequence=1 + sum(o.movement is not None for o in self.orders.values()),
                amount_vnd=order.amount_vnd,
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=order.fields["vpc_MerchTxnRef"],
                content=order.fields["vpc_OrderInfo"],
                account_number=order.merchant.account_number,
            )
            if is_paid:
                self.movements.append(order.movement)
        url = order.fields["vpc_ReturnURL"]
        query = signed_query(result_of(order.movement, order.merchant), order.merchant)
        return Decided(
            movement=order.movement,
            merchant=order.merchant,
            return_url=f"{url}{'&' if '?' in url else '?'}{query}",
        )

    def _merchant(self, fields: Mapping[str, str]) -> Merchant | None:
        """Whose genuine call or order this is."""
        for merchant in self.merchants:
            ours = (merchant.settings["merchant"], merchant.settings["access_code"])
            if (fields.get("vpc_Merchant"), fields.get("vpc_AccessCode")) == ours:
                expected = secure_hash(fields, merchant.secrets["hash_key"])
                given = fields.get("vpc_SecureHash", "").upper()
                return merchant if hmac.compare_digest(given.encode(), expected.encode()) else None
        return None


def _text(body: str, status: int = 200) -> CallReply:
    return CallReply(status=status, body=body.encode(), content_type="text/html; charset=utf-8")
