"""VNPAY's side of PAY 2.1.0: takes the browser with a signed order, tells the merchant, sends it back,
answers querydr and refund.

Written from VNPAY's text (sandbox.vnpayment.vn/apis/docs/thanh-toan-pay/pay.html and
truy-van-hoan-tien/querydr&refund.html): all non-empty vnp_* sorted, urlencoded as PHP does, HMAC-SHA512
with the terminal's secret; for the JSON calls values joined by "|". Amounts on the wire are hundredths
of a đồng. It keeps its own books of what payers paid and what went back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote_plus

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

NAME: str = "vnpay"
DELAYS_S: tuple[float, ...] = (300.0,) * 9  # ten times, five minutes apart
SIGNED: tuple[str, ...] = tuple(
    f"vnp_{name}="
    for name in (
        "Amount", "TxnRef", "TransactionNo", "ResponseCode", "TransactionStatus", "TmnCode", "PayDate",
        "OrderInfo", "BankCode", "BankTranNo", "CardType", "SecureHash",
    )
)  # fmt: skip
UNSIGNED: tuple[str, ...] = ()
_TIME: Final = "%Y%m%d%H%M%S"
_REQUIRED: Final = (
    "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_Amount", "vnp_CreateDate", "vnp_CurrCode",
    "vnp_IpAddr", "vnp_Locale", "vnp_OrderInfo", "vnp_OrderType", "vnp_ReturnUrl", "vnp_TxnRef",
)  # fmt: skip
_QUERY_SIGNED: Final = (
    "vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TxnRef",
    "vnp_TransactionDate", "vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo",
)  # fmt: skip
_REFUND_SIGNED: Final = (
    "vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TransactionType", "vnp_TxnRef",
    "vnp_Amount", "vnp_TransactionNo", "vnp_TransactionDate", "vnp_CreateBy", "vnp_CreateDate",
    "vnp_IpAddr", "vnp_OrderInfo",
)  # fmt: skip
_ANSWER_SIGNED: Final = (
    "vnp_ResponseId", "vnp_Command", "vnp_ResponseCode", "vnp_Message", "vnp_TmnCode", "vnp_TxnRef",
    "vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionType",
    "vnp_TransactionStatus", "vnp_OrderInfo", "vnp_PromotionCode", "vnp_PromotionAmount",
)  # fmt: skip


_CODES: Final = {
    MovementState.PAID: ("00", "00"),
    MovementState.FAILED: ("24", "02"),
    MovementState.PENDING: ("07", "07"),
}
_WORDS: Final = {
    "00": "Success",
    "91": "Transaction not found",
    "94": "Duplicate request",
    "95": "Transaction was not successful",
    "99": "Other errors",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a merchant asks a payer to pay; `amount_vnd` in whole đồng."""

    tmn_code: str
    txn_ref: str
    amount_vnd: int
    info: str
    return_url: str
    created: str


def urlencoded(text: str) -> str:
    """As PHP's urlencode: a space is "+", only letters, digits and -_. stay."""
    return quote_plus(text, safe="").replace("~", "%7E")


def signed_query(fields: Mapping[str, str], hash_secret: str) -> str:
    """The fields as a query string with vnp_SecureHash at its end."""
    pairs = sorted((name, value) for name, value in fields.items() if value)
    data = "&".join(f"{urlencoded(name)}={urlencoded(value)}" for name, value in pairs)
    return f"{data}&vnp_SecureHash={_mac(hash_secret, data)}"


def verified_fields(query: str, hash_secret: str) -> dict[str, str] | None:
    """The signed fields of a query string; None when its signature does not hold."""
    fields = {name: value for name, value in parse_qsl(query) if name.startswith("vnp_")}
    given = fields.pop("vnp_SecureHash", "")
    fields.pop("vnp_SecureHashType", None)
    expected = signed_query(fields, hash_secret).rpartition("vnp_SecureHash=")[2]
    is_genuine = hmac.compare_digest(given.lower().encode(), expected.encode())
    return fields if is_genuine else None


def _mac(secret: str, data: str) -> str:
    return hmac.new(secret.encode(), data.encode(), hashlib.sha512).hexdigest()


def read_order(query: str, secrets: Mapping[str, str], at: datetime) -> Order:
    """The order behind a redirect; `secrets` by terminal.

    Raises OrderRefusedError: unknown, unsigned, broken, expired.
    """
    tmn_code = dict(parse_qsl(query)).get("vnp_TmnCode", "")
    if tmn_code not in secrets:
        raise OrderRefusedError("Không tìm thấy website (vnp_TmnCode).")
    fields = verified_fields(query, secrets[tmn_code])
    if fields is None:
        raise OrderRefusedError("Sai chữ ký (vnp_SecureHash).")
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise OrderRefusedError(f"Thiếu tham số: {', '.join(missing)}.")
    if not re.fullmatch(r"[1-9][0-9]{2,11}", fields["vnp_Amount"]):
        raise OrderRefusedError("Số tiền không hợp lệ (vnp_Amount).")
    expires = fields.get("vnp_ExpireDate", "")
    if expires and f"{at.astimezone(VIETNAM):{_TIME}}" > expires:
        raise OrderRefusedError("Giao dịch đã quá thời gian chờ thanh toán.")
    amount_vnd, rest = divmod(int(fields["vnp_Amount"]), 100)
    if rest or fields["vnp_CurrCode"] != "VND" or fields["vnp_Command"] != "pay":
        raise OrderRefusedError("Yêu cầu thanh toán không hợp lệ.")
    return Order(
        tmn_code=tmn_code,
        txn_ref=fields["vnp_TxnRef"],
        amount_vnd=amount_vnd,
        info=fields["vnp_OrderInfo"],
        return_url=fields["vnp_ReturnUrl"],
        created=fields["vnp_CreateDate"],
    )


def read_call(body: bytes, secrets: Mapping[str, str]) -> dict[str, str]:
    """A merchant's querydr or refund, as text; with "fault" and its words when it does not hold."""
    try:
        asked = {name: str(value) for name, value in json.loads(body).items()}
    except (ValueError, AttributeError):
        return {"fault": "03", "words": "Data format error"}
    if asked.get("vnp_TmnCode", "") not in secrets:
        return {"fault": "02", "words": "Invalid terminal"}
    order = {"querydr": _QUERY_SIGNED, "refund": _REFUND_SIGNED}.get(asked.get("vnp_Command", ""))
    if order is None:
        return {"fault": "03", "words": "Data format error"}
    signed = "|".join(asked.get(name, "") for name in order)
    expected = _mac(secrets[asked["vnp_TmnCode"]], signed)
    given = asked.get("vnp_SecureHash", "").lower()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return {"fault": "97", "words": "Invalid checksum"}
    return asked


def signed_answer(answer: Mapping[str, str], secret: str) -> dict[str, str]:
    """An answer with its hash, which leaves the promotion out where it answers a refund."""
    order = _ANSWER_SIGNED if answer["vnp_Command"] == "querydr" else _ANSWER_SIGNED[:13]
    signed = "|".join(answer.get(name, "") for name in order)
    return {**answer, "vnp_SecureHash": _mac(secret, signed)}


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - VNPAY asks nothing before it tells
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """The signed IPN: GET with everything in the query."""
    fields = result_of(movement, merchant)
    fields.pop(leave_out, None)
    return Message(method="GET", query=signed_query(fields, merchant.secrets["hash_secret"]))


def is_final(reply: httpx.Response) -> bool:
    """VNPAY stops on 00 and 02."""
    try:
        return reply.status_code == 200 and reply.json().get("RspCode") in {"00", "02"}
    except (ValueError, AttributeError):
        return False


def result_of(movement: Movement, merchant: Merchant) -> dict[str, str]:
    """What an IPN and the browser say of a transaction, without the hash."""
    code, status = _CODES[movement.state]
    is_paid = movement.state is MovementState.PAID
    return {
        "vnp_Amount": str(movement.amount_vnd * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": movement.bank_transaction_id or f"VNP{number_of(movement)}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": movement.content,
        "vnp_PayDate": f"{movement.at.astimezone(VIETNAM):{_TIME}}",
        "vnp_ResponseCode": code,
        "vnp_TmnCode": merchant.settings["tmn_code"],
        "vnp_TransactionNo": str(number_of(movement)) if is_paid else "0",
        "vnp_TransactionStatus": status,
        "vnp_TxnRef": movement.merchant_reference,
    }


def number_of(movement: Movement) -> int:
    """VNPAY's number of a transaction."""
    return 14_422_000 + movement.sequence


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back; `statuses` are what the next questions about it will hear."""

    kind: str  # 02 all, 03 a part
    amount_vnd: int
    number: int
    at: datetime
    statuses: list[str]


@dataclass(slots=True, kw_only=True)
class Held:
    """An order at the server, and what became of it."""

    merchant: Merchant
    order: Order
    movement: Movement | None = None
    refunds: list[Refund] = field(default_factory=list)


class VnpayServer:
    """VNPAY's server. `refund_statuses`: what a refund's bank says, question by question, to its end."""

    NAME: str = NAME

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.merchants: Sequence[Merchant] = merchants
        self.movements: list[Movement] = []
        self.held: dict[str, Held] = {}
        self.refund_statuses: tuple[str, ...] = ("05", "06", "00")
        self._request_ids: set[tuple[str, str, str]] = set()
        self._sequence = 0

    def answer(self, call: Call, at: datetime) -> CallReply:
        """querydr and refund, at the documented path or at /query."""
        if call.method != "POST" or call.path not in ("/query", "/merchant_webapi/api/transaction"):
            return CallReply(status=404)
        secrets = self._secrets()
        asked = read_call(call.body, secrets)
        if "fault" in asked:
            said = {"vnp_ResponseCode": asked["fault"], "vnp_Message": asked["words"]}
        else:
            said = signed_answer(self._said(asked, at), secrets[asked["vnp_TmnCode"]])
        return CallReply(body=json.dumps(said, ensure_ascii=False).encode())

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The browser arrives with a signed order. Raises OrderRefusedError."""
        order = read_order(call.query, self._secrets(), at)
        merchant = next(m for m in self.merchants if m.settings["tmn_code"] == order.tmn_code)
        key = f"{order.tmn_code}.{order.txn_ref}"
        held = self.held.setdefault(key, Held(merchant=merchant, order=order))
        if held.movement is not None or held.order != order:
            raise OrderRefusedError("Mã giao dịch (vnp_TxnRef) đã được dùng.")
        return PayPage(order_id=key, amount_vnd=order.amount_vnd, info=order.info)

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or cancels; again finds what the first time did. Raises OrderRefusedError."""
        held = self.held.get(order_id)
        if held is None:
            raise OrderRefusedError("Không tìm thấy giao dịch.")
        order, merchant = held.order, held.merchant
        if held.movement is None:
            self._sequence += 1
            held.movement = Movement(
                sequence=self._sequence,
                amount_vnd=order.amount_vnd,
                at=at,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant_reference=order.txn_ref,
                content=order.info,
                account_number=merchant.account_number,
            )
            if is_paid:
                self.movements.append(held.movement)
        query = signed_query(result_of(held.movement, merchant), merchant.secrets["hash_secret"])
        mark = "&" if "?" in order.return_url else "?"
        return Decided(
            movement=held.movement,
            merchant=merchant,
            return_url=f"{order.return_url}{mark}{query}",
        )

    def _secrets(self) -> dict[str, str]:
        return {m.settings["tmn_code"]: m.secrets["hash_secret"] for m in self.merchants}

    def _said(self, asked: Mapping[str, str], at: datetime) -> dict[str, str]:
        tmn_code, command = asked["vnp_TmnCode"], asked["vnp_Command"]
        about = {
            "vnp_ResponseId": hashlib.sha256(asked["vnp_SecureHash"].encode()).hexdigest()[:32],
            "vnp_Command": command,
            "vnp_TmnCode": tmn_code,
            "vnp_TxnRef": asked.get("vnp_TxnRef", ""),
            "vnp_OrderInfo": asked.get("vnp_OrderInfo", ""),
        }
        request = (tmn_code, asked["vnp_RequestId"], f"{at.astimezone(VIETNAM):%Y%m%d}")
        if request in self._request_ids:
            return about | _coded("94")
        self._request_ids.add(request)
        held = self.held.get(f"{tmn_code}.{about['vnp_TxnRef']}")
        if (
            held is None
            or held.movement is None
            or held.order.created != asked.get("vnp_TransactionDate")
        ):
            return about | _coded("91")
        if command == "refund":
            return about | self._refunded(held, held.movement, asked, at)
        if held.refunds:
            return about | _coded("00") | _row(held.refunds[-1])
        result = result_of(held.movement, held.merchant)
        shown = ("vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo")
        return (
            about
            | _coded("00")
            | {name: result[name] for name in (*shown, "vnp_TransactionStatus", "vnp_OrderInfo")}
            | {"vnp_TransactionType": "01"}
        )

    def _refunded(
        self, held: Held, movement: Movement, asked: Mapping[str, str], at: datetime
    ) -> dict[str, str]:
        if movement.state is not MovementState.PAID:
            return _coded("95")
        amount_vnd, rest = divmod(int(asked["vnp_Amount"]), 100)
        left_vnd = movement.amount_vnd - sum(
            r.amount_vnd for r in held.refunds if r.statuses[0] != "09"
        )
        is_whole = asked["vnp_TransactionType"] == "02"
        fits = 1 <= amount_vnd <= left_vnd and is_whole == (amount_vnd == movement.amount_vnd)
        if (
            rest
            or not fits
            or asked["vnp_TransactionNo"] not in ("", "0", str(number_of(movement)))
        ):
            return _coded("99")
        self._sequence += 1
        refund = Refund(
            kind=asked["vnp_TransactionType"],
            amount_vnd=amount_vnd,
            number=14_422_000 + self._sequence,
            at=at,
            statuses=list(self.refund_statuses),
        )
        held.refunds.append(refund)
        return _coded("00") | _row(refund)


def _row(refund: Refund) -> dict[str, str]:
    """A refund as an answer shows it; the bank is one step further when it is next asked."""
    status = refund.statuses.pop(0) if len(refund.statuses) > 1 else refund.statuses[0]
    return {
        "vnp_Amount": str(refund.amount_vnd * 100),
        "vnp_BankCode": "NCB",
        "vnp_PayDate": f"{refund.at.astimezone(VIETNAM):{_TIME}}",
        "vnp_TransactionNo": str(refund.number),
        "vnp_TransactionType": refund.kind,
        "vnp_TransactionStatus": status,
    }


def _coded(code: str) -> dict[str, str]:
    return {"vnp_ResponseCode": code, "vnp_Message": _WORDS[code]}
