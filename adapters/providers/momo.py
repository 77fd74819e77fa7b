"""MoMo payment gateway v2: the order it is told of, the IPN it sends, the questions and refunds we send.

Signed is HMAC-SHA256 in hex over "name=value" pairs in alphabetical order, values raw (no URL encoding,
empty ones kept), with our accessKey, which MoMo never sends back. Of an IPN and of the browser's return
exactly the `RESULT_FIELDS` are signed; all else there (paymentOption, promotionInfo) is read by nobody.
MoMo signs no answer: TLS to `api_url` vouches for it, and it must repeat the identities of our call.

Sources: developers.momo.vn/v3/docs/payment/api/ (wallet/onetime, payment-api/query, payment-api/refund,
result-handling/notification, result-handling/resultcode); github.com/momo-wallet/payment.

Choices where the protocol leaves one:
- Identity. `{orderId}.{transId}` is the paid transaction; any other outcome is `{orderId}.{outcome}`, so
  that an order that was pending or failed first and is paid later is a new fact of the same order.
- The order text is left out of the notice: a query does not repeat it. orderId carries our reference.
- 9000 (authorised) is paid where the account captures by itself, as MoMo's table says of one-step
  payments; such an account may never hear of it again. Where `auto_capture` is not "yes" it is pending
  until MoMo says 0. A capture that fails after 9000 (1003) is noted; the settlement file shows it.
- MoMo's codes that are not final, and codes that its table does not have, are pending.
- Everything recorded is acknowledged with 204, a conflict too: MoMo has no word for it, the alarm is
  ours. Refusals are 4xx in MoMo's codes; the protocol prints no body for them. BUSY is 503.
- Refunds. Refused is what MoMo calls final, or what the unchanged content of the demand (20, 21, 22, 42,
  45, 47) must always meet. 1080 ("try again after an hour", final in one copy of the table and not in
  another), our credentials, a repeated id and everything unknown leave it pending.
- /refund/query is documented thinly: it is signed as /query, over the refund's orderId; its answer is
  read from the row of `refundTrans` that has this orderId, or from the answer itself where it is about
  exactly this refund.
- A value that holds "&name=" of a signed name is refused: one signature would stand for two readings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Final

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
    always,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    answered,
    expect_bounded,
    expect_json,
    hmac_hex,
    identity,
    instant_ms,
    json_object,
    json_reply,
    query_fields,
    same,
    secret,
    setting,
    unix_ms,
)

NAME: str = "momo"
SECRETS: Final[Mapping[str, str]] = {
    "access_key": "accessKey of the partner",
    "secret_key": "secretKey of the partner",
}
SETTINGS: Final[Mapping[str, str]] = {
    "api_url": "e.g. https://test-payment.momo.vn/v2/gateway/api",
    "partner_code": "partnerCode",
    "request_type": "captureWallet (default), payWithMethod, payWithATM or payWithCC",
    "auto_capture": '"yes" (default): MoMo captures by itself and 9000 is paid; else it is pending',
}

FIRST_ASK: timedelta = timedelta(minutes=5)
MIN_ORDER_VND: Final = 1_000
MAX_ORDER_VND: Final = 50_000_000
RESULT_FIELDS: Final = (
    "amount", "extraData", "message", "orderId", "orderInfo", "orderType", "partnerCode", "payType",
    "requestId", "responseTime", "resultCode", "transId",
)  # fmt: skip


class Means(Enum):
    """What a resultCode comes to."""

    PAID = "paid"
    AUTHORISED = "authorised"
    PENDING = "pending"
    FAILED = "failed"  # final
    BUSY = "busy"  # MoMo could not this time
    OURS = "ours"  # our credentials, our version, an id that was used before
    CONTENT = "content"  # the call says something impossible, and always will


RESULTS: Final[Mapping[str, Means]] = {
    "0": Means.PAID,
    "9000": Means.AUTHORISED,
    **dict.fromkeys(("1000", "1080", "7000", "7002", "8000"), Means.PENDING),
    **dict.fromkeys(
        (
            "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1017", "1026", "1081", "1088",
            "2019", "4001", "4002", "4100",
        ),
        Means.FAILED,
    ),
    **dict.fromkeys(("10", "40", "43", "98", "99"), Means.BUSY),
    **dict.fromkeys(("11", "12", "13", "41"), Means.OURS),
    **dict.fromkeys(("20", "21", "22", "42", "45", "47"), Means.CONTENT),
}  # fmt: skip
_NO_SUCH_ORDER: Final = "42"

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"access_key", "secret_key", "api_url", "partner_code"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """An IPN: POST of JSON. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_json(request)
    expect_bounded(request.body)
    fields = _verified(json_object(request.body), account)
    return Notices((_notice(fields, account),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],  # noqa: ARG001 - MoMo knows one acknowledgement
) -> Reply:
    """204 without a body, whatever was recorded."""
    return Reply(status=204)


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """4xx with MoMo's own code for it; 503 and 10 when the fault is ours."""
    match error.reason:
        case Refused.BAD_SIGNATURE:
            return _refusal(400, 13, "Invalid signature")
        case Refused.WRONG_MERCHANT:
            return _refusal(400, 11, "Unknown partnerCode")
        case Refused.NOT_FOUND:
            return _refusal(404, 42, "Not found")
        case Refused.TOO_LARGE:
            return _refusal(413, 20, "Too large")
        case Refused.WRONG_CONTENT_TYPE:
            return _refusal(415, 20, "Not application/json")
        case Refused.BUSY:
            return _refusal(503, 10, "Try again later")
        case _:
            return _refusal(400, 20, "Bad format")


def create(order: Order, account: MerchantAccount) -> OutgoingRequest:
    """Tell MoMo of the order; requestId is the orderId, so a repeated call finds the first one's answer.

    Raises ValueError when the order does not fit MoMo's fields, RefusedError(BUSY) if the account is
    incomplete.
    """
    _expect_payable(order)
    lifetime_s = (order.expires_at - order.created_at).total_seconds()
    signed = {
        "amount": order.amount_vnd,
        "extraData": "",
        "ipnUrl": order.ipn_url,
        "orderId": order.merchant_reference,
        "orderInfo": order.description,
        "partnerCode": setting(account, "partner_code"),
        "redirectUrl": order.return_url,
        "requestId": order.merchant_reference,
        "requestType": account.settings.get("request_type") or "captureWallet",
    }
    unsigned = {
        "lang": "en" if order.locale == "en" else "vi",
        "autoCapture": _captures(account),
        "orderExpireTime": max(1, -int(-lifetime_s // 60)),  # whole minutes, rounded up
    }
    return _call(account, "create", signed, unsigned)


def read_created(order: Order, answer: Answer, account: MerchantAccount) -> Checkout:
    """Where to send the parent. Raises RefusedError: BUSY (10, 40, 43, 98, 99, 7000 ...) or refused."""
    message = answered(answer)
    match RESULTS.get(_code(message)):
        case Means.PAID:
            pass
        case Means.BUSY | Means.PENDING:
            raise RefusedError(Refused.BUSY, "resultCode")
        case _:
            raise RefusedError(Refused.BAD_FIELD, "resultCode")
    reference = order.merchant_reference
    _expect_about(message, account, reference, request_id=reference)
    if _amount_vnd(message) != order.amount_vnd:
        raise RefusedError(Refused.BAD_FIELD, "amount")
    url = message.get("payUrl")
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]{1,2000}", url):
        raise RefusedError(Refused.BAD_FIELD, "payUrl")
    return Checkout(url=url)


def read_return(query: bytes, account: MerchantAccount) -> Outcome:
    """What the browser came back with; for display. Raises RefusedError."""
    return _outcome(_code(_verified(query_fields(query), account)), account)


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed question. RefusedError(BUSY) if the account is incomplete."""
    return _question(account, "query", query.merchant_reference, query.request_id)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the IPN of the same transaction; none when MoMo has no such order (42).

    Raises RefusedError; BUSY when MoMo could not answer this time.
    """
    message = answered(answer)
    code = _code(message)
    if code == _NO_SUCH_ORDER:
        return ()
    match RESULTS.get(code):
        case Means.BUSY:
            raise RefusedError(Refused.BUSY, "resultCode")
        case Means.OURS | Means.CONTENT:
            raise RefusedError(Refused.BAD_FIELD, "resultCode")
        case _:
            _expect_about(message, account, query.merchant_reference, request_id=query.request_id)
            return (_notice(message, account),)


def refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """The signed demand; orderId and requestId are the refund's own, the same in every repetition.

    Raises ValueError when it does not fit MoMo's fields, RefusedError(BUSY) if the account is incomplete.
    """
    trans_id = order.transaction_id.rpartition(".")[2]
    rules = {
        "request_id": (r"[0-9A-Za-z]{1,50}", order.request_id),
        "transaction_id": (r"[0-9]{1,18}", trans_id),
        "reason": (r"[ -~]{0,200}", order.reason),
    }
    _expect_rules(rules)
    if not MIN_ORDER_VND <= order.amount_vnd <= min(MAX_ORDER_VND, order.paid_vnd):
        raise ValueError("amount_vnd does not fit MoMo's field")
    signed = {
        "amount": order.amount_vnd,
        "description": order.reason,
        "orderId": order.request_id,
        "partnerCode": setting(account, "partner_code"),
        "requestId": order.request_id,
        "transId": int(trans_id),
    }
    return _call(account, "refund", signed, {"lang": "vi"})


def read_refund(order: RefundOrder, answer: Answer, account: MerchantAccount) -> RefundAnswer:
    """The answer to the demand. Raises RefusedError: nothing is known."""
    message = answered(answer)
    _expect_about(message, account, order.request_id, request_id=order.request_id)
    return _refund_answer(order, message, is_demand=True)


def ask_refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """The signed question what became of a refund; each question has a requestId of its own."""
    return _question(account, "refund/query", order.request_id, _refund_question_id(order))


def read_refund_status(
    order: RefundOrder, answer: Answer, account: MerchantAccount
) -> RefundAnswer:
    """The answer to the question. Raises RefusedError: nothing is known.

    42 (no such refund): it is unseen, and the demand may be repeated.
    """
    message = answered(answer)
    _expect_about(message, account, order.request_id, request_id=_refund_question_id(order))
    rows = message.get("refundTrans")
    if isinstance(rows, list) and rows:
        own = [
            row for row in rows if isinstance(row, dict) and row.get("orderId") == order.request_id
        ]
        if len(own) != 1:
            code = _code(message)
            is_unseen = not own and code == _NO_SUCH_ORDER
            state = RefundState.UNSEEN if is_unseen else RefundState.PENDING
            return RefundAnswer(state=state, code=code)
        return _refund_answer(order, own[0], is_demand=False)
    return _refund_answer(order, message, is_demand=False)


def signature(secret_key: str, access_key: str, fields: Mapping[str, object]) -> str:
    """HMAC-SHA256 over the pairs in alphabetical order, values as they stand."""
    pairs = sorted({**fields, "accessKey": access_key}.items())
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return hmac_hex("sha256", secret_key, text.encode("utf-8", "surrogatepass"))


def _verified(message: Mapping[str, Any], account: MerchantAccount) -> dict[str, str]:
    """The signed fields of an IPN or a return, as text, and nothing that was not signed."""
    fields = {name: _as_signed(message, name) for name in RESULT_FIELDS}
    expected = signature(secret(account, "secret_key"), secret(account, "access_key"), fields)
    given = message.get("signature")
    if not isinstance(given, str) or not same(given.lower(), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "signature")
    _expect_one_reading(fields.values())
    if fields["partnerCode"] != setting(account, "partner_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "partnerCode")
    return fields


def _as_signed(message: Mapping[str, Any], name: str) -> str:
    """A value as MoMo signed it: a number in its digits, what is absent as nothing."""
    value = message.get(name)
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise RefusedError(Refused.BAD_FIELD, name)
    return value


def _expect_one_reading(values: Iterable[str]) -> None:
    marks = [f"&{name}=" for name in RESULT_FIELDS]
    if any(mark in value for value in values for mark in marks):
        raise RefusedError(Refused.MALFORMED)


def _expect_about(
    message: Mapping[str, Any], account: MerchantAccount, order_id: str, *, request_id: str
) -> None:
    """An answer is believed only about what was asked."""
    expected = {
        "partnerCode": setting(account, "partner_code"),
        "orderId": order_id,
        "requestId": request_id,
    }
    for name, value in expected.items():
        if identity(message, name) != value:
            raise RefusedError(Refused.BAD_FIELD, name)


def _code(message: Mapping[str, Any]) -> str:
    code = identity(message, "resultCode")
    if not re.fullmatch(r"-?[0-9]{1,9}", code):
        raise RefusedError(Refused.BAD_FIELD, "resultCode")
    return code


def _captures(account: MerchantAccount) -> bool:
    return account.settings.get("auto_capture", "yes") == "yes"


def _outcome(code: str, account: MerchantAccount) -> Outcome:
    match RESULTS.get(code):
        case Means.PAID:
            return Outcome.PAID
        case Means.AUTHORISED if _captures(account):
            return Outcome.PAID
        case Means.FAILED:
            return Outcome.FAILED
        case _:
            return Outcome.PENDING


def _notice(message: Mapping[str, Any], account: MerchantAccount) -> Notice:
    reference = identity(message, "orderId")
    code = _code(message)
    outcome = _outcome(code, account)
    last = _trans_id(message) if outcome is Outcome.PAID else str(outcome)
    return Notice(
        transaction_id=f"{reference}.{last}",
        outcome=outcome,
        amount_vnd=_amount_vnd(message),
        paid_at=instant_ms(message, "responseTime"),
        merchant_reference=reference,
        unmapped_status="" if code in RESULTS else code,
    )


def _trans_id(message: Mapping[str, Any]) -> str:
    trans_id = identity(message, "transId")
    if not re.fullmatch(r"[1-9][0-9]{0,17}", trans_id):
        raise RefusedError(Refused.BAD_FIELD, "transId")
    return trans_id


def _amount_vnd(message: Mapping[str, Any]) -> int:
    """A whole number of VND, as a number or (in a return) its digits."""
    text = identity(message, "amount")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", text) or int(text) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "amount")
    return int(text)


def _refund_answer(
    order: RefundOrder, message: Mapping[str, Any], *, is_demand: bool
) -> RefundAnswer:
    code = _code(message)
    state = RefundState.PENDING
    refund_id = ""
    match RESULTS.get(code):
        case Means.PAID:
            if _amount_vnd(message) != order.amount_vnd:
                raise RefusedError(Refused.BAD_FIELD, "amount")
            state, refund_id = RefundState.DONE, identity(message, "transId", required=False)
        case Means.FAILED:
            state = RefundState.REFUSED
        case Means.CONTENT if is_demand:
            state = RefundState.REFUSED
        case _ if code == _NO_SUCH_ORDER:
            state = RefundState.UNSEEN
        case _:
            pass
    return RefundAnswer(state=state, provider_refund_id=refund_id, code=code)


def _refund_question_id(order: RefundOrder) -> str:
    return f"{order.request_id}q{unix_ms(order.asked_at)}"


def _question(
    account: MerchantAccount, path: str, order_id: str, request_id: str
) -> OutgoingRequest:
    signed = {
        "orderId": order_id,
        "partnerCode": setting(account, "partner_code"),
        "requestId": request_id,
    }
    return _call(account, path, signed, {"lang": "vi"})


def _call(
    account: MerchantAccount,
    path: str,
    signed: Mapping[str, object],
    unsigned: Mapping[str, object],
) -> OutgoingRequest:
    mac = signature(secret(account, "secret_key"), secret(account, "access_key"), signed)
    body = {**signed, **unsigned, "signature": mac}
    return OutgoingRequest(
        method="POST",
        url=f"{setting(account, 'api_url').rstrip('/')}/{path}",
        headers={"content-type": "application/json; charset=UTF-8"},
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
    )


def _expect_payable(order: Order) -> None:
    rules = {
        "merchant_reference": (r"(?=.{1,50}$)[0-9A-Za-z]([-_.]*[0-9A-Za-z])*", order.merchant_reference),
        "description": (r"[0-9A-Za-z .:,/_-]{1,200}", order.description),
        "return_url": (r"https?://[!-~]{1,192}", order.return_url),
        "ipn_url": (r"https?://[!-~]{1,192}", order.ipn_url),
    }  # fmt: skip
    _expect_rules(rules)
    if not MIN_ORDER_VND <= order.amount_vnd <= MAX_ORDER_VND:
        raise ValueError("amount_vnd does not fit MoMo's field")


def _expect_rules(rules: Mapping[str, tuple[str, str]]) -> None:
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit MoMo's field")


def _refusal(status: int, code: int, words: str) -> Reply:
    return json_reply(status, {"resultCode": code, "message": words})
