"""Viettel Money (ViettelPay payment gateway 2.0): the redirect, the result it posts, its check before a
payment, the question TRANS_INQUIRY and the refund REFUND_PAYMENT.

Every check_sum is the base64 HMAC of values written one after the other, without names or separator,
the access code first. Amounts are whole dong. There is no public document; what stands here is what
integrators published: github.com/etopvn (its vtpay client: fields, statuses, error codes, HMAC-SHA1),
github.com/VietOpenCPS/opencps-v2 (paths and answers of the partner's side, the same field names).

Choices where integrators disagree or say nothing, each a setting of the account:
- `algorithm`: sha1 (etop, opencps) or sha256 (others). Default sha1.
- `result_fields`: what the check_sum of a posted result covers. Default billcode, merchant_code,
  order_id, payment_status, trans_amount, vt_transaction_id. These six must be among them, or
  nothing is taken: what is not signed is not trusted. error_code counts only where it is signed.
- `inquiry_fields`: the same for the answer of TRANS_INQUIRY. Default error_code, merchant_code,
  order_id, payment_status, version, vt_transaction_id.
Choices of our own:
- A signature without separators lets digits wander from one value to the next, and a payer sees a
  signed result in the browser's address. So the bill code that we send is `{order_id}V{amount}`: with
  it, order and amount are pinned wherever the borders are drawn. A signed result whose bill code does
  not say the same is pending ("billcode" as unmapped_status): a person looks, and the question decides.
- The check before a payment (VT posts billcode, merchant_code, order_id and a check_sum that covers
  the amount) is answered from the bill code alone, on the path /confirm below the result's address.
- TRANS_INQUIRY names no amount: the order's stands for it, which Viettel charges or nothing at all.
- Only whole payments are refunded (etop's note of Viettel's text). There is no question about a
  refund: the demand is sent again, for a payment is refunded once (176: its state does not allow it,
  perhaps because it is done), and 176 stays pending until a person has looked.
- Identity. `{order_id}.{vt_transaction_id}`, with the outcome added where it is not paid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

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
    RefundAnswer,
    RefundOrder,
    RefundState,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
    always,
)
from adapters.messages import msg
from adapters.wire import (
    MAX_AMOUNT_VND,
    answered,
    expect_bounded,
    hmac_base64,
    identity,
    json_reply,
    same,
    secret,
    setting,
)

NAME: str = "viettelmoney"
SECRETS: Final[Mapping[str, str]] = {
    "access_code": "access_code, the first value of every check_sum; never sent",
    "hash_key": "the key of every check_sum",
}
SETTINGS: Final[Mapping[str, str]] = {
    "merchant_code": "merchant_code",
    "pay_url": "the payment page, e.g. https://sandbox.viettel.vn/PaymentGateway/payment",
    "query_url": "inquiry and refund, e.g. https://sandbox.viettel.vn/PaymentAPI/webresources/postData",
    "algorithm": '"sha1" or "sha256"; default sha1',
    "result_fields": "what a result's check_sum covers, joined by commas; default: see the docstring",
    "inquiry_fields": "what an inquiry answer's check_sum covers; default: see the docstring",
}

FIRST_ASK: timedelta = timedelta(minutes=15)
_FORM: Final = "application/x-www-form-urlencoded"
_VERSION: Final = "2.0"
_RESULT: Final = (
    "billcode",
    "merchant_code",
    "order_id",
    "payment_status",
    "trans_amount",
    "vt_transaction_id",
)
_INQUIRY: Final = (
    "error_code",
    "merchant_code",
    "order_id",
    "payment_status",
    "version",
    "vt_transaction_id",
)
_STATUSES: Final = {
    "-1": Outcome.PENDING,  # no transaction yet
    "0": Outcome.PENDING,
    "1": Outcome.PAID,
    "2": Outcome.FAILED,
    "3": Outcome.PENDING,  # the result is not known
    "5": Outcome.FAILED,  # the payer cancelled
}
_TRY_AGAIN: Final = frozenset({"W04", "V04", "S_MAINTAIN", "99", "813"})
_NOT_ASKED: Final = frozenset({"V01", "M01", "M02", "M03"})  # our check_sum or contract is wrong
_NO_REFUND: Final = frozenset(
    {"M01", "M05", "218", "KG3", "27", "KG8", "485", "655", "457", "17", "159"}
)

CONFIRM_PATH: Final = "/confirm"
callbacks = always(Callback(NOTICES), Callback(msg("Xác nhận đơn trước khi trả"), CONFIRM_PATH))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"access_code", "hash_key", "merchant_code", "pay_url", "query_url"})


def read(request: Request, account: MerchantAccount) -> Notices | Reply:
    """A posted result; or the check before a payment, which is answered. See IpnAdapter.read."""
    if request.method != "POST" or request.path not in ("", CONFIRM_PATH):
        raise RefusedError(Refused.NOT_FOUND)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != _FORM:
        raise RefusedError(Refused.WRONG_CONTENT_TYPE, "content-type")
    fields = _form(request.body)
    if request.path == CONFIRM_PATH:
        return _confirmed(fields, account)
    return Notices((_result(fields, request.received_at, account),))


def acknowledge(request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]) -> Reply:
    """00, or 01 for a result that contradicts the one before."""
    is_refused = any(verdict.kind is VerdictKind.CONFLICT for verdict in verdicts)
    return _reply(request, account, "01" if is_refused else "00")


def refuse(request: Request, account: MerchantAccount | None, error: RefusedError) -> Reply:
    """02 for a check_sum, 01 for other data, 03 (and HTTP 503) when we are busy."""
    codes = {Refused.BAD_SIGNATURE: "02", Refused.BUSY: "03"}
    statuses = {Refused.BUSY: 503, Refused.TOO_LARGE: 413, Refused.NOT_FOUND: 404}
    status = statuses.get(error.reason, 200)
    return _reply(request, account, codes.get(error.reason, "01"), status)


def checkout(order: Order, account: MerchantAccount) -> Checkout:
    """The signed address of the payment page.

    Raises ValueError when the order does not fit, RefusedError(BUSY) if the account is incomplete.
    """
    if not re.fullmatch(r"[0-9A-Za-z]{1,40}", order.merchant_reference):
        raise ValueError("merchant_reference does not fit Viettel Money's field")
    if not 1 <= order.amount_vnd < 10**10:
        raise ValueError("amount_vnd does not fit Viettel Money's field")
    fields = {
        "billcode": bill_code(order.merchant_reference, order.amount_vnd),
        "cancel_url": order.return_url,
        "command": "PAYMENT",
        "desc": order.description[:100],
        "locale": "Vi",
        "merchant_code": setting(account, "merchant_code"),
        "order_id": order.merchant_reference,
        "return_url": order.return_url,
        "trans_amount": str(order.amount_vnd),
        "version": _VERSION,
    }
    signed = ("billcode", "command", "merchant_code", "order_id", "trans_amount", "version")
    fields["check_sum"] = check_sum((fields[name] for name in signed), account)
    return Checkout(url=f"{setting(account, 'pay_url')}?{urlencode(fields, quote_via=quote)}")


def read_return(query: bytes, account: MerchantAccount) -> Outcome:
    """What the browser came back with; for display: PENDING where it came unsigned."""
    fields = _form(query)
    if not fields.get("check_sum"):
        return Outcome.PENDING
    _expect_signed(fields, _signed_fields(account, "result_fields", _RESULT, _RESULT), account)
    return _STATUSES.get(identity(fields, "payment_status"), Outcome.PENDING)


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed TRANS_INQUIRY: POST of a form. RefusedError(BUSY) if the account is incomplete."""
    fields = {
        "cmd": "TRANS_INQUIRY",
        "merchant_code": setting(account, "merchant_code"),
        "order_id": query.merchant_reference,
        "version": _VERSION,
    }
    return _call(fields, tuple(fields), account)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the posted result; none while there is no transaction (status -1).

    Raises RefusedError; BUSY when Viettel could not answer this time.
    """
    message = answered(answer)
    minimum = ("merchant_code", "order_id", "payment_status")
    signed = _signed_fields(account, "inquiry_fields", _INQUIRY, minimum)
    names = {*_INQUIRY, *signed, "check_sum"}
    fields = {name: identity(message, name, required=False) for name in names}
    _expect_signed(fields, signed, account)
    code, status = fields["error_code"], fields["payment_status"]
    if code in _TRY_AGAIN:
        raise RefusedError(Refused.BUSY, "error_code")
    if code in _NOT_ASKED:
        raise RefusedError(Refused.BAD_FIELD, "error_code")
    if fields["order_id"] != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "order_id")
    if status == "-1":
        return ()
    outcome = _STATUSES.get(status, Outcome.PENDING)
    unmapped = "" if status in _STATUSES else status[:32]
    if outcome is Outcome.PAID and code != "00":
        outcome, unmapped = Outcome.PENDING, f"{status}/{code}"[:32]
    return (_notice(fields, outcome, unmapped, query.amount_vnd, query.asked_at),)


def refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """A signed REFUND_PAYMENT of the whole payment.

    Raises ValueError for a part of it, RefusedError(BUSY) if the account is incomplete.
    """
    reference, _, number = order.transaction_id.partition(".")
    if reference != order.merchant_reference or not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", number):
        raise ValueError("transaction_id is no paid transaction of this order")
    if order.amount_vnd != order.paid_vnd:
        raise ValueError("amount_vnd: Viettel Money refunds whole payments only")
    fields = {
        "cmd": "REFUND_PAYMENT",
        "merchant_code": setting(account, "merchant_code"),
        "order_id": order.merchant_reference,
        "originalRequestId": number,
        "refundType": "0",
        "trans_amount": str(order.amount_vnd),
        "version": _VERSION,
    }
    return _call(fields, tuple(fields), account, trans_content=order.reason[:100])


def read_refund(order: RefundOrder, answer: Answer, account: MerchantAccount) -> RefundAnswer:
    """What Viettel said: 00 is done. Raises RefusedError: nothing is known."""
    message = answered(answer)
    signed = ("error_code", "merchant_code", "order_id", "version")
    fields = {name: identity(message, name, required=False) for name in (*signed, "check_sum")}
    _expect_signed(fields, signed, account)
    if fields["order_id"] != order.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "order_id")
    code = fields["error_code"]
    state = RefundState.PENDING
    if code == "00":
        state = RefundState.DONE
    elif code in _NO_REFUND:
        state = RefundState.REFUSED
    number = identity(message, "refund_request_id", required=False)
    return RefundAnswer(state=state, provider_refund_id=number, code=code)


def ask_refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """The demand again: Viettel has no other question, and refunds a payment only once."""
    return refund(order, account)


def read_refund_status(
    order: RefundOrder, answer: Answer, account: MerchantAccount
) -> RefundAnswer:
    """As `read_refund`."""
    return read_refund(order, answer, account)


def bill_code(order_id: str, amount_vnd: int) -> str:
    """What we call the bill: it repeats the order and its amount, so that a signature pins both."""
    return f"{order_id}V{amount_vnd}"


def check_sum(values: Iterable[str], account: MerchantAccount) -> str:
    """Base64 HMAC of the access code and the values, one after the other.

    Raises RefusedError(BUSY) if the account is incomplete.
    """
    algorithm = account.settings.get("algorithm", "") or "sha1"
    if algorithm not in ("sha1", "sha256"):
        raise RefusedError(Refused.BUSY, "algorithm")
    data = secret(account, "access_code") + "".join(values)
    return hmac_base64(algorithm, secret(account, "hash_key"), data.encode("utf-8", "replace"))


def _form(data: bytes) -> dict[str, str]:
    """A form's fields; raises RefusedError(MALFORMED) for one that says something twice."""
    expect_bounded(data)
    try:
        pairs = parse_qsl(data.decode("ascii"), errors="strict", max_num_fields=50)
    except ValueError:
        raise RefusedError(Refused.MALFORMED) from None
    if len(dict(pairs)) != len(pairs):
        raise RefusedError(Refused.MALFORMED)
    return dict(pairs)


def _signed_fields(
    account: MerchantAccount, name: str, default: tuple[str, ...], minimum: tuple[str, ...]
) -> tuple[str, ...]:
    """The account's order of signed values. Raises RefusedError(BUSY) if it leaves one out."""
    text = account.settings.get(name, "")
    fields = tuple(word.strip() for word in text.split(",")) if text else default
    if not set(minimum) <= set(fields):
        raise RefusedError(Refused.BUSY, name)
    return fields


def _expect_signed(
    fields: Mapping[str, str], signed: Sequence[str], account: MerchantAccount
) -> None:
    expected = check_sum((fields.get(name, "") for name in signed), account)
    if not same(fields.get("check_sum", ""), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "check_sum")
    if fields.get("merchant_code") != setting(account, "merchant_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "merchant_code")
    if "version" in signed and fields.get("version") != _VERSION:
        raise RefusedError(Refused.BAD_FIELD, "version")


def _confirmed(fields: Mapping[str, str], account: MerchantAccount) -> Reply:
    """The answer to the check before a payment: yes, for a bill of ours under Viettel's check_sum."""
    bill, order_id = identity(fields, "billcode"), identity(fields, "order_id")
    amount = bill.removeprefix(f"{order_id}V")
    values = (bill, identity(fields, "merchant_code"), order_id, amount)
    if not same(fields.get("check_sum", ""), check_sum(values, account)):
        raise RefusedError(Refused.BAD_SIGNATURE, "check_sum")
    if values[1] != setting(account, "merchant_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "merchant_code")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", amount):
        raise RefusedError(Refused.BAD_FIELD, "billcode")
    return json_reply(
        200,
        {
            "billcode": bill,
            "merchant_code": values[1],
            "order_id": order_id,
            "trans_amount": amount,
            "error_code": "00",
            "check_sum": check_sum(values, account),
        },
    )


def _result(fields: Mapping[str, str], heard_at: datetime, account: MerchantAccount) -> Notice:
    signed = _signed_fields(account, "result_fields", _RESULT, _RESULT)
    _expect_signed(fields, signed, account)
    status = identity(fields, "payment_status")
    amount = identity(fields, "trans_amount")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", amount) or int(amount) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "trans_amount")
    outcome = _STATUSES.get(status, Outcome.PENDING)
    unmapped = "" if status in _STATUSES else status[:32]
    if outcome is Outcome.PAID:
        code = fields.get("error_code", "") if "error_code" in signed else "00"
        if fields["billcode"] != bill_code(identity(fields, "order_id"), int(amount)):
            outcome, unmapped = Outcome.PENDING, "billcode"
        elif code != "00":
            outcome, unmapped = Outcome.PENDING, f"{status}/{code}"[:32]
    return _notice(fields, outcome, unmapped, int(amount), heard_at)


def _notice(
    fields: Mapping[str, str], outcome: Outcome, unmapped: str, amount_vnd: int, heard_at: datetime
) -> Notice:
    reference = identity(fields, "order_id")
    is_paid = outcome is Outcome.PAID
    number = identity(fields, "vt_transaction_id", required=is_paid) or "0"
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", number):
        raise RefusedError(Refused.BAD_FIELD, "vt_transaction_id")
    return Notice(
        transaction_id=f"{reference}.{number}" if is_paid else f"{reference}.{number}.{outcome}",
        outcome=outcome,
        amount_vnd=amount_vnd,
        paid_at=heard_at,
        merchant_reference=reference,
        unmapped_status=unmapped if unmapped.isprintable() else "?",
    )


def _call(
    fields: Mapping[str, str], signed: tuple[str, ...], account: MerchantAccount, **unsigned: str
) -> OutgoingRequest:
    proof = check_sum((fields[name] for name in signed), account)
    return OutgoingRequest(
        method="POST",
        url=setting(account, "query_url"),
        headers={"content-type": _FORM},
        body=urlencode({**fields, **unsigned, "check_sum": proof}, quote_via=quote).encode(),
    )


def _reply(
    request: Request, account: MerchantAccount | None, code: str, status: int = 200
) -> Reply:
    """Viettel's answer form; signed only under a check_sum of Viettel's own.

    Whoever could have an order_id of their choice signed would have the proof of a whole result.
    """
    merchant_code = account.settings.get("merchant_code", "") if account else ""
    order_id = proof = ""
    try:
        fields = _form(request.body)
        order_id = fields.get("order_id", "")[:64]
        if account:
            _expect_signed(
                fields, _signed_fields(account, "result_fields", _RESULT, _RESULT), account
            )
            proof = check_sum((code, merchant_code, order_id), account)
    except RefusedError:
        proof = ""
    return json_reply(
        status,
        {
            "error_code": code,
            "merchant_code": merchant_code,
            "order_id": order_id,
            "return_url": "",
            "return_bill_code": "",
            "return_other_info": "",
            "check_sum": proof,
        },
    )
