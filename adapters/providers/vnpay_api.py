"""VNPAY's merchant API: the JSON calls querydr and refund, beside the pages and IPNs of `adapters.providers.vnpay`.

Requests and answers are signed by HMAC-SHA512 over values joined by "|" in a fixed order; a missing
value counts as "". Source: sandbox.vnpayment.vn/apis/docs/truy-van-hoan-tien/querydr&refund.html;
the request formulas agree with the npm package vnpay 2.5.0 (github.com/lehuygiang28/vnpay).

Choices where the protocol leaves one:
- A repeated demand repeats RequestId, CreateDate and all else but the address: VNPAY answers a copy
  with 94, which is in doubt, not refused.
- An accepted demand (00) is pending; only querydr ends it, and only when it speaks of a refund of
  this kind and amount (TransactionType 02 or 03): status 00 is done, 09 was rejected by the bank.
  05 (being processed) and 06 (sent to the bank) are pending, unless the setting `refund_done` names
  them: VNPAY documents no later state, so a contract may say that 06 is the last one.
- querydr names an order, not a refund: of two partial refunds of one order over the same amount the
  answer cannot say which it means.
- Final refusals are 02, 03 (the demand cannot be read), 91 (no such payment) and 95 (it was not
  paid). 94, 97, 99 and unknown codes leave an earlier copy in doubt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final

from adapters.contract import (
    Answer,
    MerchantAccount,
    OrderQuery,
    OutgoingRequest,
    RefundAnswer,
    RefundOrder,
    RefundState,
    Refused,
    RefusedError,
)
from adapters.wire import (
    VIETNAM,
    answered,
    hmac_hex,
    identity,
    same,
    secret,
    setting,
)

TIME: Final = "%Y%m%d%H%M%S"
QUERY_FIELDS: Final = (  # signed in this order
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
REFUND_FIELDS: Final = (  # signed in this order
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TransactionType",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_TransactionNo",
    "vnp_TransactionDate",
    "vnp_CreateBy",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
ANSWER_FIELDS: Final = (  # of querydr, signed in this order; what is missing counts as ""
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
    "vnp_PromotionCode",
    "vnp_PromotionAmount",
)
REFUND_ANSWER_FIELDS: Final = ANSWER_FIELDS[:13]  # the same without the promotion
_FULL, _PARTIAL = "02", "03"
_UNFIT: Final = re.compile(r"[^0-9A-Za-z .:,/_-]+")


def question(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed querydr about an order. Raises RefusedError(BUSY) if the account is incomplete."""
    fields = {
        "vnp_RequestId": query.request_id,
        "vnp_Version": "2.1.0",
        "vnp_Command": "querydr",
        "vnp_TmnCode": setting(account, "tmn_code"),
        "vnp_TxnRef": query.merchant_reference,
        "vnp_TransactionDate": local(query.ordered_at),
        "vnp_CreateDate": local(query.asked_at),
        "vnp_IpAddr": address(query.client_ip),
        "vnp_OrderInfo": f"Truy van {query.merchant_reference}",
    }
    return _signed_call(fields, QUERY_FIELDS, account)


def signed_answer(
    answer: Answer, order: tuple[str, ...], account: MerchantAccount
) -> dict[str, str]:
    """The values of a genuine answer of this terminal, as they were signed.

    Raises RefusedError: BUSY for VNPAY's own failure, MALFORMED, BAD_SIGNATURE, WRONG_MERCHANT.
    """
    message = answered(answer)
    fields = {name: _text(message, name) for name in order}
    given = identity(message, "vnp_SecureHash", required=False)
    expected = sign_values(secret(account, "hash_secret"), fields.values())
    if not same(given.lower(), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "vnp_SecureHash")
    if any("|" in value for value in fields.values()):
        # The separator inside a value would let one signature stand for two readings.
        raise RefusedError(Refused.MALFORMED)
    if fields["vnp_TmnCode"] != setting(account, "tmn_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "vnp_TmnCode")
    return fields


def refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """A signed demand for all (02) or part (03) of a payment.

    Raises ValueError when the order is not one that VNPAY could refund, RefusedError(BUSY) if the
    account is incomplete.
    """
    reference, _, number = order.transaction_id.rpartition(".")
    if reference != order.merchant_reference or not re.fullmatch(r"[0-9]{1,15}", number):
        raise ValueError("transaction_id is no paid transaction of this order")
    if not re.fullmatch(r"[0-9A-Za-z]{1,32}", order.request_id):
        raise ValueError("request_id does not fit VNPAY's field")
    if not 1 <= order.amount_vnd <= order.paid_vnd < 10**10:
        raise ValueError("amount_vnd does not fit the payment")
    fields = {
        "vnp_RequestId": order.request_id,
        "vnp_Version": "2.1.0",
        "vnp_Command": "refund",
        "vnp_TmnCode": setting(account, "tmn_code"),
        "vnp_TransactionType": _kind(order),
        "vnp_TxnRef": order.merchant_reference,
        "vnp_Amount": str(order.amount_vnd * 100),
        "vnp_TransactionNo": number,
        "vnp_TransactionDate": local(order.ordered_at),
        "vnp_CreateBy": _plain(order.requested_by) or "hocphi",
        "vnp_CreateDate": local(order.requested_at),
        "vnp_IpAddr": address(order.client_ip),
        "vnp_OrderInfo": _plain(order.reason) or f"Hoan tien {order.merchant_reference}",
    }
    return _signed_call(fields, REFUND_FIELDS, account)


def read_refund(order: RefundOrder, answer: Answer, account: MerchantAccount) -> RefundAnswer:
    """What VNPAY said to the demand: never yet done. Raises RefusedError: nothing is known."""
    fields = signed_answer(answer, REFUND_ANSWER_FIELDS, account)
    code = fields["vnp_ResponseCode"]
    if code in ("02", "03", "91", "95"):
        return RefundAnswer(state=RefundState.REFUSED, code=code)
    if code != "00":
        return RefundAnswer(state=RefundState.PENDING, code=code)
    if fields["vnp_TxnRef"] != order.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "vnp_TxnRef")
    is_rejected = _is_this(order, fields) and fields["vnp_TransactionStatus"] == "09"
    return RefundAnswer(
        state=RefundState.REFUSED if is_rejected else RefundState.PENDING,
        provider_refund_id=fields["vnp_TransactionNo"],
        code=fields["vnp_TransactionStatus"] or code,
    )


def ask_refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """A querydr about the refunded order, under a RequestId of its own for every moment of asking."""
    moment = f"{order.request_id} {order.asked_at.isoformat()}"
    query = OrderQuery(
        request_id=hashlib.sha256(moment.encode()).hexdigest()[:32],
        merchant_reference=order.merchant_reference,
        provider_reference=order.provider_reference,
        amount_vnd=order.amount_vnd,
        ordered_at=order.ordered_at,
        asked_at=order.asked_at,
        client_ip=order.client_ip,
    )
    return question(query, account)


def read_refund_status(
    order: RefundOrder, answer: Answer, account: MerchantAccount
) -> RefundAnswer:
    """What became of the refund, if querydr speaks of it. Raises RefusedError: nothing is known."""
    fields = signed_answer(answer, ANSWER_FIELDS, account)
    code, status = fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"]
    if code != "00":
        return RefundAnswer(state=RefundState.PENDING, code=code)
    if fields["vnp_TxnRef"] != order.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "vnp_TxnRef")
    if not _is_this(order, fields):
        return RefundAnswer(state=RefundState.PENDING, code=status)
    done = account.settings.get("refund_done", "") or "00"
    state = RefundState.PENDING
    if status == "09":
        state = RefundState.REFUSED
    elif status and status in [word.strip() for word in done.split(",")]:
        state = RefundState.DONE
    return RefundAnswer(state=state, provider_refund_id=fields["vnp_TransactionNo"], code=status)


def sign_values(hash_secret: str, values: Iterable[str]) -> str:
    """HMAC-SHA512 over values joined by "|"."""
    return hmac_hex("sha512", hash_secret, "|".join(values).encode())


def local(when: datetime) -> str:
    """yyyyMMddHHmmss of Vietnam."""
    return when.astimezone(VIETNAM).strftime(TIME)


def address(client_ip: str) -> str:
    """AN[7,45]: the short forms of IPv6 ("::1") are written out. Raises ValueError."""
    parsed = ip_address(client_ip)
    return client_ip if len(client_ip) >= 7 else parsed.exploded


def _kind(order: RefundOrder) -> str:
    return _FULL if order.amount_vnd == order.paid_vnd else _PARTIAL


def _is_this(order: RefundOrder, fields: Mapping[str, str]) -> bool:
    asked = (_kind(order), str(order.amount_vnd * 100))
    return (fields["vnp_TransactionType"], fields["vnp_Amount"]) == asked


def _plain(text: str) -> str:
    """What any of VNPAY's fields takes, at most 100 characters: never the separator."""
    return " ".join(_UNFIT.sub(" ", text).split())[:100].strip()


def _signed_call(
    fields: Mapping[str, str], order: tuple[str, ...], account: MerchantAccount
) -> OutgoingRequest:
    signed = sign_values(secret(account, "hash_secret"), [fields[name] for name in order])
    return OutgoingRequest(
        method="POST",
        url=setting(account, "query_url"),
        headers={"content-type": "application/json"},
        body=json.dumps({**fields, "vnp_SecureHash": signed}, separators=(",", ":")).encode(),
    )


def _text(message: Mapping[str, Any], name: str) -> str:
    """A value of the answer as it was signed: numbers as written, null as ""."""
    value = message.get(name)
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or not value.isprintable():
        raise RefusedError(Refused.BAD_FIELD, name)
    return value
