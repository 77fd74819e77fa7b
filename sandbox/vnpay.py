"""VNPAY's side of PAY 2.1.0: takes the browser with a signed order, tells the merchant, sends it back.

Written from VNPAY's text (sandbox.vnpayment.vn/apis/docs/thanh-toan-pay/pay.html): all non-empty vnp_*
sorted, urlencoded as PHP does, HMAC-SHA512 with the terminal's secret. Amounts on the wire are
hundredths of a đồng. It keeps its own books of what payers paid.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote_plus

import httpx

from sandbox.bank import VIETNAM
from sandbox.courier import NO_MISHAP, Answer, Mishap, deliver

DELAYS_S: Final = (300.0,) * 9  # ten times, five minutes apart
_TIME: Final = "%Y%m%d%H%M%S"
_REQUIRED: Final = (
    "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_Amount", "vnp_CreateDate", "vnp_CurrCode",
    "vnp_IpAddr", "vnp_Locale", "vnp_OrderInfo", "vnp_OrderType", "vnp_ReturnUrl", "vnp_TxnRef",
)  # fmt: skip
_QUERY_SIGNED: Final = (
    "vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TxnRef",
    "vnp_TransactionDate", "vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo",
)  # fmt: skip
_ANSWER_SIGNED: Final = (
    "vnp_ResponseId", "vnp_Command", "vnp_ResponseCode", "vnp_Message", "vnp_TmnCode", "vnp_TxnRef",
    "vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionType",
    "vnp_TransactionStatus", "vnp_OrderInfo", "vnp_PromotionCode", "vnp_PromotionAmount",
)  # fmt: skip


class OrderRefusedError(Exception):
    """The payment page cannot open for this order; `vi` says why, in the payer's language."""

    def __init__(self, vi: str) -> None:
        super().__init__(vi)
        self.vi = vi


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A merchant's terminal at VNPAY, and where its IPN goes."""

    tmn_code: str
    ipn_url: str
    hash_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a merchant asks a payer to pay; `amount_vnd` in whole đồng."""

    tmn_code: str
    txn_ref: str
    amount_vnd: int
    info: str
    return_url: str
    created: str
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What became of an order. Codes are VNPAY's: 00/00 paid, 24/02 cancelled by the payer."""

    order: Order
    number: int
    response_code: str
    status: str
    at: datetime

    @property
    def is_paid(self) -> bool:
        """Both codes are 00."""
        return (self.response_code, self.status) == ("00", "00")


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


class Vnpay:
    """VNPAY with its terminals and its books: one transaction per order that a payer finished."""

    def __init__(self, terminals: Sequence[Terminal]) -> None:
        self.terminals = {terminal.tmn_code: terminal for terminal in terminals}
        self.transactions: dict[tuple[str, str], Transaction] = {}

    def open_order(self, query: str, at: datetime) -> Order:
        """The order behind a redirect. Raises OrderRefusedError: unknown, unsigned, broken, expired."""
        tmn_code = dict(parse_qsl(query)).get("vnp_TmnCode", "")
        terminal = self.terminals.get(tmn_code)
        if terminal is None:
            raise OrderRefusedError("Không tìm thấy website (vnp_TmnCode).")
        fields = verified_fields(query, terminal.hash_secret)
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
            locale=fields["vnp_Locale"],
        )

    def finish(self, order: Order, at: datetime, *, is_paid: bool) -> Transaction:
        """The payer pressed a button. A second press finds what the first one did."""
        key = (order.tmn_code, order.txn_ref)
        if key not in self.transactions:
            self.transactions[key] = Transaction(
                order=order,
                number=14_422_000 + len(self.transactions) + 1,
                response_code="00" if is_paid else "24",
                status="00" if is_paid else "02",
                at=at.astimezone(VIETNAM),
            )
        return self.transactions[key]

    def collected_vnd(self) -> int:
        """What payers paid so far, in whole đồng."""
        return sum(t.order.amount_vnd for t in self.transactions.values() if t.is_paid)

    def return_url(self, transaction: Transaction) -> str:
        """Where the payer's browser goes back to, signed."""
        url = transaction.order.return_url
        mark = "&" if "?" in url else "?"
        return url + mark + self._query(transaction)

    async def notify(
        self,
        client: httpx.AsyncClient,
        transaction: Transaction,
        mishap: Mishap = NO_MISHAP,
        *,
        compression: float = 1.0,
        claimed_vnd: int | None = None,
    ) -> list[Answer]:
        """Send the IPN as often as the protocol says; all answers. `claimed_vnd`: another amount."""
        said = transaction
        if claimed_vnd is not None:
            said = replace(transaction, order=replace(transaction.order, amount_vnd=claimed_vnd))
        address = self.terminals[transaction.order.tmn_code].ipn_url
        query = self._query(said)

        async def attempt(is_tampered: bool) -> Answer:
            sent = query.replace("vnp_Amount=", "vnp_Amount=9", 1) if is_tampered else query
            reply = await client.get(f"{address}?{sent}")
            try:
                code = reply.json().get("RspCode")
            except (ValueError, AttributeError):
                code = None
            return Answer(reply.status_code, reply.content, code in {"00", "02"})

        return await deliver(attempt, DELAYS_S, mishap, compression)

    def answer_query(self, body: bytes) -> dict[str, str]:
        """querydr: what became of an order. Signed values are joined by "|" in the documented order."""
        try:
            asked = {name: str(value) for name, value in json.loads(body).items()}
        except (ValueError, AttributeError):
            return {"vnp_ResponseCode": "03", "vnp_Message": "Data format error"}
        terminal = self.terminals.get(asked.get("vnp_TmnCode", ""))
        if terminal is None:
            return {"vnp_ResponseCode": "02", "vnp_Message": "Invalid terminal"}
        signed = "|".join(asked.get(name, "") for name in _QUERY_SIGNED)
        given = asked.get("vnp_SecureHash", "").lower()
        if not hmac.compare_digest(given.encode(), _mac(terminal.hash_secret, signed).encode()):
            return {"vnp_ResponseCode": "97", "vnp_Message": "Invalid checksum"}
        answer = {
            "vnp_ResponseId": asked["vnp_RequestId"],
            "vnp_Command": "querydr",
            "vnp_TmnCode": terminal.tmn_code,
            "vnp_TxnRef": asked.get("vnp_TxnRef", ""),
        }
        found = self.transactions.get((terminal.tmn_code, answer["vnp_TxnRef"]))
        if found is None:
            answer |= {"vnp_ResponseCode": "91", "vnp_Message": "Transaction not found"}
        else:
            answer |= {
                "vnp_ResponseCode": "00",
                "vnp_Message": "QueryDR Success",
                "vnp_Amount": str(found.order.amount_vnd * 100),
                "vnp_BankCode": "NCB",
                "vnp_PayDate": f"{found.at:{_TIME}}",
                "vnp_TransactionNo": str(found.number),
                "vnp_TransactionType": "01",
                "vnp_TransactionStatus": found.status,
                "vnp_OrderInfo": found.order.info,
            }
        signed = "|".join(answer.get(name, "") for name in _ANSWER_SIGNED)
        return answer | {"vnp_SecureHash": _mac(terminal.hash_secret, signed)}

    def _query(self, transaction: Transaction) -> str:
        order = transaction.order
        fields = {
            "vnp_Amount": str(order.amount_vnd * 100),
            "vnp_BankCode": "NCB",
            "vnp_BankTranNo": f"VNP{transaction.number}" if transaction.is_paid else "",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": order.info,
            "vnp_PayDate": f"{transaction.at:{_TIME}}",
            "vnp_ResponseCode": transaction.response_code,
            "vnp_TmnCode": order.tmn_code,
            "vnp_TransactionNo": str(transaction.number if transaction.is_paid else 0),
            "vnp_TransactionStatus": transaction.status,
            "vnp_TxnRef": order.txn_ref,
        }
        return signed_query(fields, self.terminals[order.tmn_code].hash_secret)
