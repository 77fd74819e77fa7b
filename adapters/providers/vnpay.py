"""VNPAY PAY 2.1.0: the redirect to its page, the IPN it sends, the questions and refunds we may ask for.

Signatures are HMAC-SHA512 over the raw query pairs (pay, IPN, return); every vnp_* field is signed.
VNPAY counts in hundredths of a dong; nothing outside this adapter ever sees that. The browser's
return is for display only and never moves money. Its JSON calls (querydr, refund) are signed in
another way and stand in `adapters.providers.vnpay_api`; this module offers them as its own.

Source: sandbox.vnpayment.vn/apis/docs/thanh-toan-pay/pay.html (pay, IPN).

Choices where the protocol leaves one:
- Identity. `{TxnRef}.{TransactionNo}` is the paid transaction; any other outcome has the outcome
  added ("X1.0.failed"), so that a transaction that was pending or failed first and is paid later
  is a new fact, not a contradiction of the old one.
- The order text is left out of the notice: the IPN carries the order's, the query's answer may
  carry the question's, and both must be one fact. TxnRef carries our reference.
- Outcome. Paid means ResponseCode and TransactionStatus are both 00; status 02 is a failure; all
  else is pending (07: money taken, fraud suspected; 04: the bank debited and VNPAY did not;
  05, 06, 09 and any refund; contradictions and unknown codes): only asking again can tell. A
  status that the tables do not have is kept as `unmapped_status`.
- Replies to refusals. A signed message of another terminal is an order we do not have (01); a
  signed amount that is no whole number of dong is an invalid amount (04).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

from adapters.contract import (
    NOTICES,
    Answer,
    Callback,
    Checkout,
    MerchantAccount,
    Notice,
    Notices,
    Order,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
    always,
)
from adapters.providers.vnpay_api import (
    ANSWER_FIELDS,
    TIME,
    address,
    ask_refund,
    local,
    question,
    read_refund,
    read_refund_status,
    refund,
    signed_answer,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    expect_bounded,
    hmac_hex,
    identity,
    json_reply,
    same,
    secret,
    setting,
    vietnam_time,
)

__all__ = [
    "FIRST_ASK",
    "NAME",
    "SECRETS",
    "SETTINGS",
    "acknowledge",
    "ask",
    "ask_refund",
    "callbacks",
    "canonical",
    "checkout",
    "needed",
    "read",
    "read_answer",
    "read_refund",
    "read_refund_status",
    "read_return",
    "refund",
    "refuse",
]

NAME: str = "vnpay"
SECRETS: Final[Mapping[str, str]] = {"hash_secret": "vnp_HashSecret of the terminal"}
SETTINGS: Final[Mapping[str, str]] = {
    "tmn_code": "vnp_TmnCode, the terminal",
    "pay_url": "the payment page, e.g. https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
    "query_url": "querydr and refund, e.g. https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    "refund_done": "TransactionStatus of a finished refund, joined by commas; default 00",
}

FIRST_ASK: timedelta = timedelta(minutes=15)
_STATUSES: Final = frozenset({"00", "01", "02", "04", "05", "06", "07", "09"})
_WORDS: Final = {
    "00": "Confirm Success",
    "01": "Order not found",
    "02": "Order already confirmed",
    "04": "Invalid amount",
    "97": "Invalid signature",
    "99": "Unknown error",
}

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"hash_secret", "tmn_code", "pay_url", "query_url"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """An IPN: GET with every vnp_* in the query. See IpnAdapter.read."""
    if request.method != "GET" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    fields = _verified(request.query, account)
    outcome = _outcome(identity(fields, "vnp_ResponseCode"), fields)
    paid_at = _paid_at(fields, request.received_at)
    return Notices((_notice(fields, outcome, paid_at),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],
) -> Reply:
    """RspCode of what was done, always HTTP 200. VNPAY stops at 00 and 02, else asks ten times."""
    return _reply(_code_of(verdicts[0]) if verdicts else "99")


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """97 for a signature, 01 for another terminal, 04 for a broken amount, else 99 (try again)."""
    match error.reason:
        case Refused.BAD_SIGNATURE:
            return _reply("97")
        case Refused.WRONG_MERCHANT:
            return _reply("01")
        case Refused.BAD_FIELD if error.field == "vnp_Amount":
            return _reply("04")
        case Refused.TOO_LARGE:
            return _reply("99", status=413)
        case _:
            return _reply("99")


def checkout(order: Order, account: MerchantAccount) -> Checkout:
    """The signed address of the payment page.

    Raises ValueError when the order cannot be signed alike by every encoder (they disagree on
    ~ * ! ' ( ) only), or does not fit VNPAY's fields; RefusedError(BUSY) if the account is
    incomplete.
    """
    _expect_payable(order)
    fields = {
        "vnp_Amount": str(order.amount_vnd * 100),
        "vnp_Command": "pay",
        "vnp_CreateDate": local(order.created_at),
        "vnp_CurrCode": "VND",
        "vnp_ExpireDate": local(order.expires_at),
        "vnp_IpAddr": address(order.client_ip),
        "vnp_Locale": "en" if order.locale == "en" else "vn",
        "vnp_OrderInfo": order.description,
        "vnp_OrderType": "other",
        "vnp_ReturnUrl": order.return_url,
        "vnp_TmnCode": setting(account, "tmn_code"),
        "vnp_TxnRef": order.merchant_reference,
        "vnp_Version": "2.1.0",
    }
    data = canonical(fields)
    signature = hmac_hex("sha512", secret(account, "hash_secret"), data.encode())
    return Checkout(url=f"{setting(account, 'pay_url')}?{data}&vnp_SecureHash={signature}")


def read_return(query: bytes, account: MerchantAccount) -> Outcome:
    """What the browser came back with; for display. Raises RefusedError."""
    fields = _verified(query, account)
    return _outcome(identity(fields, "vnp_ResponseCode"), fields)


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed querydr: POST of JSON. RefusedError(BUSY) if the account is incomplete."""
    return question(query, account)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the IPN of the same transaction; none when VNPAY has no such order (91).

    Raises RefusedError; BUSY when VNPAY could not answer this time (94, 99).
    """
    fields = signed_answer(answer, ANSWER_FIELDS, account)
    match fields["vnp_ResponseCode"]:
        case "00":
            pass
        case "91":
            return ()
        case "94" | "99":
            raise RefusedError(Refused.BUSY, "vnp_ResponseCode")
        case _:
            raise RefusedError(Refused.BAD_FIELD, "vnp_ResponseCode")
    if fields["vnp_TxnRef"] != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "vnp_TxnRef")
    # ResponseCode is that of the question here: the transaction speaks by its status alone.
    is_refund = fields["vnp_TransactionType"] not in ("01", "")
    outcome = Outcome.PENDING if is_refund else _outcome("00", fields)
    return (_notice(fields, outcome, _paid_at(fields, query.asked_at)),)


def canonical(fields: Mapping[str, str]) -> str:
    """The signed string of a query: sorted, empty values left out, PHP's urlencode."""
    return "&".join(
        f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(fields.items()) if value
    )


def _encoded(text: str | bytes) -> str:
    return quote_plus(text, safe="").replace("~", "%7E")


def _expect_payable(order: Order) -> None:
    rules = {
        "merchant_reference": (r"[0-9A-Za-z._-]{1,100}", order.merchant_reference),
        "description": (r"[0-9A-Za-z .:,/_-]{1,255}", order.description),
        "return_url": (r"https?://[^~*!'()\s]{2,247}", order.return_url),
    }
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit VNPAY's field")
    if not 1 <= order.amount_vnd < 10**10:  # N[1,12] in hundredths
        raise ValueError("amount_vnd does not fit VNPAY's field")


def _verified(query: bytes, account: MerchantAccount) -> dict[str, str]:
    """The signed fields of a query string, and nothing that was not signed.

    Names are taken as they stand, so an encoded "vnp%5FAmount" is a stranger; empty values are not
    signed and mean absence. The raw pairs are tried first, then our own encoding of their values,
    for a proxy on the way may have written "%20" for "+".
    """
    expect_bounded(query)
    pairs = [
        (name, value)
        for name, _, value in (pair.partition(b"=") for pair in query.split(b"&"))
        if value and re.fullmatch(rb"vnp_[0-9A-Za-z_]+", name)
    ]
    given = b"".join(value for name, value in pairs if name == b"vnp_SecureHash")
    signed = sorted(
        (name, value)
        for name, value in pairs
        if name not in (b"vnp_SecureHash", b"vnp_SecureHashType")
    )
    values = [unquote_to_bytes(value.replace(b"+", b" ")) for _, value in signed]
    raw = b"&".join(name + b"=" + value for name, value in signed)
    encoded = b"&".join(
        name + b"=" + _encoded(value).encode()
        for (name, _), value in zip(signed, values, strict=True)
    )
    key = secret(account, "hash_secret")
    claim = given.decode("latin-1").lower()
    holds = [same(claim, hmac_hex("sha512", key, data)) for data in (raw, encoded)]
    if not any(holds):
        raise RefusedError(Refused.BAD_SIGNATURE, "vnp_SecureHash")
    try:
        fields = {
            name.decode(): value.decode() for (name, _), value in zip(signed, values, strict=True)
        }
    except UnicodeDecodeError:
        raise RefusedError(Refused.MALFORMED) from None
    if len(fields) != len(signed):
        raise RefusedError(Refused.MALFORMED)
    if fields.get("vnp_TmnCode", "") != setting(account, "tmn_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "vnp_TmnCode")
    return fields


def _outcome(response_code: str, fields: Mapping[str, str]) -> Outcome:
    match (response_code, identity(fields, "vnp_TransactionStatus")):
        case ("00", "00"):
            return Outcome.PAID
        case ("07", _):
            return Outcome.PENDING
        case (_, "02"):
            return Outcome.FAILED
        case _:
            return Outcome.PENDING


def _paid_at(fields: Mapping[str, str], otherwise: datetime) -> datetime:
    text = fields.get("vnp_PayDate", "")
    return vietnam_time(text, TIME, "vnp_PayDate") if text else otherwise


def _notice(fields: Mapping[str, str], outcome: Outcome, paid_at: datetime) -> Notice:
    reference = identity(fields, "vnp_TxnRef")
    number = identity(fields, "vnp_TransactionNo", required=outcome is Outcome.PAID) or "0"
    if not re.fullmatch(r"[0-9]{1,15}", number):
        raise RefusedError(Refused.BAD_FIELD, "vnp_TransactionNo")
    transaction_id = f"{reference}.{number}"
    status = identity(fields, "vnp_TransactionStatus")
    return Notice(
        transaction_id=transaction_id if outcome is Outcome.PAID else f"{transaction_id}.{outcome}",
        outcome=outcome,
        amount_vnd=_amount_vnd(identity(fields, "vnp_Amount")),
        paid_at=paid_at,
        merchant_reference=reference,
        bank_transaction_id=identity(fields, "vnp_BankTranNo", required=False),
        unmapped_status="" if status in _STATUSES else status[:32],
    )


def _amount_vnd(text: str) -> int:
    if not re.fullmatch(r"[0-9]{3,15}", text) or int(text) % 100:
        raise RefusedError(Refused.BAD_FIELD, "vnp_Amount")
    amount = int(text) // 100
    if not 1 <= amount <= MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "vnp_Amount")
    return amount


def _code_of(verdict: Verdict) -> str:
    match verdict.kind:
        case VerdictKind.CONFLICT | VerdictKind.AMOUNT_DIFFERS:
            return "04"
        case VerdictKind.UNKNOWN_REFERENCE:
            return "01"
        case VerdictKind.ALREADY_PAID:
            return "02"
        case VerdictKind.RECORDED | VerdictKind.NOTED:
            return "02" if verdict.duplicate else "00"
        case VerdictKind.WRONG_ACCOUNT:  # VNPAY names no account, so there is none to be wrong
            return "99"


def _reply(code: str, status: int = 200) -> Reply:
    return json_reply(status, {"RspCode": code, "Message": _WORDS[code]})
