"""ShopeePay ("Checkout with ShopeePay", merchant-host API v3): create, notify, check, refund.

Every call carries X-Airpay-ClientId and X-Airpay-Req-H, the base64 HMAC-SHA256 of the raw body under
the secret key; a notification is signed in the same way, so all of its body is signed. Amounts are
hundredths of a dong. The browser comes back unsigned and proves nothing.

Source: product.shopeepay.com/integration (checkout-with-shopeepay, notify-transaction-status,
check-transaction-status, common-objects). The Vietnamese contract may differ in paths: they are
settings. What integrators report besides: a notification may name the order `reference_id` or
`payment_reference_id`, and its state `status`, `transaction_status` or, in another table,
`payment_status`.

Choices where the protocol leaves one:
- A notification that names no state is pending: the check decides, as ShopeePay recommends. Where
  both tables speak, both must say paid.
- transaction_type 13 (or none) is a payment, 15 is a refund and never a payment; any other is pending.
- Identity. `{order}.{transaction_sn}`, with the outcome added where it is not paid.
- Answers to our calls are signed in a header, which an adapter is not given: that they came over TLS
  from the address that we called is all that vouches for them. A payment that only the check told
  of is therefore provisional: it counts, and no voucher is made before another source confirms it.
- An error number of the check that its table does not have is read as "no such transaction".
- create repeats its request_id when it is sent again, so that one order stays one order.
- A refund is done or refused only when the check of transaction type 15 says so, or when ShopeePay
  refuses the demand for good (2: not permitted, 4: no such merchant, 304: too late). Sending it again
  changes nothing (refund_reference_id).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
    VerdictKind,
    always,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    answered,
    expect_bounded,
    expect_json,
    hmac_base64,
    identity,
    json_object,
    json_reply,
    refusal_status,
    same,
    secret,
    setting,
)

NAME: str = "shopeepay"
SECRETS: Final[Mapping[str, str]] = {"secret_key": "the key of X-Airpay-Req-H"}
SETTINGS: Final[Mapping[str, str]] = {
    "client_id": "X-Airpay-ClientId",
    "merchant_ext_id": "merchant_ext_id",
    "store_ext_id": "store_ext_id",
    "api_url": "the gateway, e.g. https://api.gw.uat.airpay.vn",
    "create_path": "default /v3/merchant-host/order/create",
    "check_path": "default /v3/merchant-host/transaction/check",
    "refund_path": "default /v3/merchant-host/transaction/refund/create-new",
    "platform_type": '"mweb", "pc" or "app"; default mweb',
}

FIRST_ASK: timedelta = timedelta(minutes=5)
_PAYMENT, _REFUND = 13, 15
_TRANSACTION: Final = {  # common-objects, "Transaction Status"
    1: Outcome.PENDING,
    2: Outcome.PENDING,
    3: Outcome.PAID,
    4: Outcome.FAILED,
    6: Outcome.FAILED,
    7: Outcome.FAILED,
}
_PAYMENT_STATUS: Final = {  # common-objects, "Payment Status"
    1: Outcome.PAID,
    2: Outcome.PENDING,
    3: Outcome.PENDING,
    4: Outcome.FAILED,
    5: Outcome.PENDING,
    6: Outcome.FAILED,
}
_ACKNOWLEDGED: Final = {"errcode": 0, "debug_msg": "success"}

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"secret_key", "client_id", "merchant_ext_id", "store_ext_id", "api_url"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """A notification: POST of JSON, signed over its raw body. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_json(request)
    expect_bounded(request.body)
    given = request.headers.get("x-airpay-req-h", "")
    if not same(given, sign(request.body, account)):
        raise RefusedError(Refused.BAD_SIGNATURE, "x-airpay-req-h")
    message = json_object(request.body)
    for name in ("merchant_ext_id", "store_ext_id"):
        if identity(message, name, required=False) not in ("", setting(account, name)):
            raise RefusedError(Refused.WRONG_MERCHANT, name)
    return Notices((_notice(message, request.received_at),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],
) -> Reply:
    """errcode 0, or 1 for what contradicts the notification before."""
    if any(verdict.kind is VerdictKind.CONFLICT for verdict in verdicts):
        return json_reply(200, {"errcode": 1, "debug_msg": "conflict"})
    return json_reply(200, _ACKNOWLEDGED)


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """2 for a signature, -1 when we are busy, else 1; ShopeePay comes again on any but 0."""
    codes = {Refused.BAD_SIGNATURE: 2, Refused.BUSY: -1}
    body = {"errcode": codes.get(error.reason, 1), "debug_msg": str(error.reason)}
    return json_reply(refusal_status(error), body)


def create(order: Order, account: MerchantAccount) -> OutgoingRequest:
    """A signed order. Raises ValueError when it does not fit, RefusedError(BUSY) as `setting` does."""
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,60}", order.merchant_reference):
        raise ValueError("merchant_reference does not fit ShopeePay's field")
    if not 1 <= order.amount_vnd < 10**10:
        raise ValueError("amount_vnd does not fit ShopeePay's field")
    validity_s = int((order.expires_at - order.created_at).total_seconds())
    if not 0 < validity_s <= 432_000:
        raise ValueError("expires_at does not fit ShopeePay's field")
    message = {
        "request_id": order.merchant_reference,
        "payment_reference_id": order.merchant_reference,
        "merchant_ext_id": setting(account, "merchant_ext_id"),
        "store_ext_id": setting(account, "store_ext_id"),
        "amount": order.amount_vnd * 100,
        "currency": "VND",
        "return_url": order.return_url,
        "platform_type": account.settings.get("platform_type", "") or "mweb",
        "validity_period": validity_s,
        "additional_info": json.dumps({"description": order.description}, separators=(",", ":")),
    }
    return _call("create_path", "/v3/merchant-host/order/create", message, account)


def read_created(order: Order, answer: Answer, account: MerchantAccount) -> Checkout:  # noqa: ARG001 - the contract's shape
    """The address to send the payer to. Raises RefusedError; BUSY for -1, -2 and what is no answer."""
    message = answered(answer)
    match _number(message, "errcode"):
        case 0:
            pass
        case -1 | -2:
            raise RefusedError(Refused.BUSY, "errcode")
        case _:
            raise RefusedError(Refused.BAD_FIELD, "errcode")
    url = message.get("redirect_url_http")
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]{3,2000}", url):
        raise RefusedError(Refused.BAD_FIELD, "redirect_url_http")
    return Checkout(url=url)


def read_return(query: bytes, account: MerchantAccount) -> Outcome:  # noqa: ARG001 - the contract's shape
    """PENDING: nothing that the browser brings is signed."""
    return Outcome.PENDING


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed check of a payment. RefusedError(BUSY) if the account is incomplete."""
    return _check(query.request_id, query.merchant_reference, _PAYMENT, query.amount_vnd, account)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the notification, but provisional; none when there is no such transaction.

    Raises RefusedError; BUSY when ShopeePay could not answer this time.
    """
    found = _checked(answer, query.merchant_reference, account)
    if found is None:
        return ()
    if "amount" not in found and _outcome(found)[0] is not Outcome.PAID:
        found = {**found, "amount": query.amount_vnd * 100}
    return (_notice(found, query.asked_at, is_provisional=True),)


def refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """A signed demand for a refund.

    Raises ValueError when it is more than was paid, RefusedError(BUSY) if the account is incomplete.
    """
    if not 1 <= order.amount_vnd <= order.paid_vnd:
        raise ValueError("amount_vnd does not fit the payment")
    message = {
        "request_id": order.request_id,
        "reference_id": order.merchant_reference,
        "transaction_type": _PAYMENT,
        "refund_reference_id": order.request_id,
        "merchant_ext_id": setting(account, "merchant_ext_id"),
        "store_ext_id": setting(account, "store_ext_id"),
        "amount": order.amount_vnd * 100,
        "currency": "VND",
        "reason": order.reason[:100],
    }
    path = "/v3/merchant-host/transaction/refund/create-new"
    return _call("refund_path", path, message, account)


def read_refund(order: RefundOrder, answer: Answer, account: MerchantAccount) -> RefundAnswer:  # noqa: ARG001 - the contract's shape
    """What ShopeePay said to the demand: never yet done. Raises RefusedError: nothing is known."""
    message = answered(answer)
    code = _number(message, "errcode")
    return RefundAnswer(
        state=RefundState.REFUSED if code in (2, 4, 304) else RefundState.PENDING,
        provider_refund_id=identity(message, "refund_sn", required=False),
        code=str(code),
    )


def ask_refund(order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
    """A signed check of the refund, under a request_id of its own for every moment of asking."""
    moment = f"{order.request_id} {order.asked_at.isoformat()}"
    request_id = hashlib.sha256(moment.encode()).hexdigest()[:32]
    return _check(request_id, order.request_id, _REFUND, order.amount_vnd, account)


def read_refund_status(
    order: RefundOrder, answer: Answer, account: MerchantAccount
) -> RefundAnswer:
    """What became of the refund. Raises RefusedError: nothing is known."""
    found = _checked(answer, order.request_id, account)
    if found is None:
        return RefundAnswer(state=RefundState.PENDING)
    # The state of a refund's own transaction is in the one table, never in that of payments.
    status = _number(found, "transaction_status" if "transaction_status" in found else "status")
    states = {Outcome.PAID: RefundState.DONE, Outcome.FAILED: RefundState.REFUSED}
    state = states.get(_TRANSACTION.get(status, Outcome.PENDING), RefundState.PENDING)
    is_this = found.get("transaction_type") == _REFUND
    is_this = is_this and found.get("amount") == order.amount_vnd * 100
    return RefundAnswer(
        state=state if is_this else RefundState.PENDING,
        provider_refund_id=identity(found, "transaction_sn", required=False),
        code=str(status),
    )


def sign(body: bytes, account: MerchantAccount) -> str:
    """X-Airpay-Req-H of a body."""
    return hmac_base64("sha256", secret(account, "secret_key"), body)


def _check(
    request_id: str, reference: str, kind: int, amount_vnd: int, account: MerchantAccount
) -> OutgoingRequest:
    message = {
        "request_id": request_id,
        "reference_id": reference,
        "transaction_type": kind,
        "merchant_ext_id": setting(account, "merchant_ext_id"),
        "store_ext_id": setting(account, "store_ext_id"),
        "amount": amount_vnd * 100,
    }
    return _call("check_path", "/v3/merchant-host/transaction/check", message, account)


def _call(
    path_setting: str, default: str, message: Mapping[str, object], account: MerchantAccount
) -> OutgoingRequest:
    body = json.dumps(message, separators=(",", ":")).encode()
    path = account.settings.get(path_setting, "") or default
    return OutgoingRequest(
        method="POST",
        url=setting(account, "api_url").rstrip("/") + path,
        headers={
            "content-type": "application/json",
            "x-airpay-clientid": setting(account, "client_id"),
            "x-airpay-req-h": sign(body, account),
        },
        body=body,
    )


def _checked(answer: Answer, reference: str, account: MerchantAccount) -> dict[str, Any] | None:
    """The transaction that a check found, or None."""
    message = answered(answer)
    match _number(message, "errcode"):
        case 0:
            pass
        case -1 | -2:
            raise RefusedError(Refused.BUSY, "errcode")
        case 1 | 2 | 4:  # our request, our permission, our merchant
            raise RefusedError(Refused.BAD_FIELD, "errcode")
        case _:
            return None
    found = message.get("transaction", message)
    if not isinstance(found, dict):
        raise RefusedError(Refused.BAD_FIELD, "transaction")
    if _reference(found) != reference:
        raise RefusedError(Refused.BAD_FIELD, "reference_id")
    for name in ("merchant_ext_id", "store_ext_id"):
        if identity(found, name, required=False) not in ("", setting(account, name)):
            raise RefusedError(Refused.WRONG_MERCHANT, name)
    return found


def _reference(message: Mapping[str, Any]) -> str:
    other = identity(message, "payment_reference_id", required=False)
    return identity(message, "reference_id", required=not other) or other


def _number(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    if value is None:
        raise RefusedError(Refused.MISSING_FIELD, name)
    if type(value) is not int or abs(value) > 10**6:
        raise RefusedError(Refused.BAD_FIELD, name)
    return value


def _outcome(message: Mapping[str, Any]) -> tuple[Outcome, str]:
    """What the message says, and the word that no table has."""
    kind = _number(message, "transaction_type") if "transaction_type" in message else _PAYMENT
    if kind == _REFUND:
        return Outcome.OUTGOING, ""
    if kind != _PAYMENT:
        return Outcome.PENDING, f"transaction_type {kind}"
    tables = {
        "status": _TRANSACTION,
        "transaction_status": _TRANSACTION,
        "payment_status": _PAYMENT_STATUS,
    }
    states = {name: _number(message, name) for name in tables if name in message}
    strange = [f"{name} {value}" for name, value in states.items() if value not in tables[name]]
    if strange or not states:
        return Outcome.PENDING, strange[0] if strange else "no status"
    outcomes = {tables[name][value] for name, value in states.items()}
    return (outcomes.pop() if len(outcomes) == 1 else Outcome.PENDING), ""


def _notice(
    message: Mapping[str, Any], heard_at: datetime, *, is_provisional: bool = False
) -> Notice:
    outcome, unmapped = _outcome(message)
    reference = _reference(message)
    is_paid = outcome is Outcome.PAID
    number = identity(message, "transaction_sn", required=is_paid) or "0"
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", number) or len(reference) > 60:
        raise RefusedError(Refused.BAD_FIELD, "transaction_sn")
    amount = message.get("amount")
    if amount is None:
        raise RefusedError(Refused.MISSING_FIELD, "amount")
    if type(amount) is not int or not 100 <= amount <= MAX_AMOUNT_VND * 100 or amount % 100:
        raise RefusedError(Refused.BAD_FIELD, "amount")
    return Notice(
        transaction_id=f"{reference}.{number}" if is_paid else f"{reference}.{number}.{outcome}",
        outcome=outcome,
        amount_vnd=amount // 100,
        paid_at=heard_at,
        merchant_reference=reference,
        is_provisional=is_provisional,
        unmapped_status=unmapped,
    )
