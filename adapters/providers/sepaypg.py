"""SePay's payment gateway: its hosted checkout, the IPN it sends, the question, the cancel.

Apart from `sepay`, since nothing is shared but the name: other credentials, another message, another
proof. The form that opens the checkout is signed, HMAC-SHA256 in base64 over "k=v,k=v". The IPN is not
signed: it carries a secret in `X-Secret-Key`, and whoever knows that is believed, as with an API key.
It names no account, so the money belongs to the merchant account's own. Answers to questions are
unsigned too; they come over the connection that we opened. The browser's return says nothing.

Sources: npm sepay-pg-node 1.0.0 (dist/checkout.js, client.js, order.js; its README prints other
hosts), developer.sepay.vn/vi/cong-thanh-toan (IPN, chi tiết đơn hàng, huỷ đơn hàng).

Choices where the protocol leaves one:
- Identity. `{order_invoice_number}.{transaction.id}`, which both IPN and answer print. What is no
  payment has the outcome for the transaction.
- The amount is the transaction's; the order's stands only for an order that nobody has paid.
- Paid means a captured order with an approved payment. A void, any other type and any unknown word
  are pending and shown to a person: money may have gone back.
- An order is asked about by our own number, as SePay's code does; its page says "order_id".
- `X-Secret-Key` may be the merchant's secret or one of its own: `ipn_secret`, else `secret_key`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

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
    always,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    amount_vnd,
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
    vietnam_time,
)

NAME: str = "sepaypg"
SECRETS: Final[Mapping[str, str]] = {
    "secret_key": "the merchant's secret key, which signs the checkout",
    "ipn_secret": "X-Secret-Key of the IPN where it is another one; the secret key by default",
}
SETTINGS: Final[Mapping[str, str]] = {
    "merchant_id": "the merchant",
    "checkout_url": "https://pay.sepay.vn/v1/checkout/init (pay-sandbox.sepay.vn to try)",
    "api_url": "https://pgapi.sepay.vn/v1 (pgapi-sandbox.sepay.vn to try)",
    "payment_method": '"BANK_TRANSFER" (default), "NAPAS_BANK_TRANSFER" or "CARD"',
}

FIRST_ASK: timedelta = timedelta(minutes=5)
SIGNED_FIELDS: Final = (  # in this order
    "merchant",
    "env",
    "operation",
    "payment_method",
    "order_amount",
    "currency",
    "order_invoice_number",
    "order_description",
    "customer_id",
    "agreement_id",
    "agreement_name",
    "agreement_type",
    "agreement_payment_frequency",
    "agreement_amount_per_payment",
    "success_url",
    "error_url",
    "cancel_url",
    "order_id",
)
_PAID: Final = frozenset({"ORDER_PAID", "RENEWAL_ORDER_PAID"})
_METHODS: Final = frozenset({"BANK_TRANSFER", "NAPAS_BANK_TRANSFER", "CARD"})
_OPEN: Final = frozenset({"CAPTURED", "AUTHENTICATION_NOT_NEEDED"})

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"secret_key", "merchant_id", "checkout_url", "api_url"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """What became of an order. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    expected = account.secrets.get("ipn_secret", "") or secret(account, "secret_key")
    if not same(request.headers.get("x-secret-key", ""), expected):
        raise RefusedError(Refused.UNAUTHENTICATED, "x-secret-key")
    expect_json(request)
    message = json_object(request.body)
    order, transaction = _object(message, "order"), _object(message, "transaction")
    kind = identity(message, "notification_type")
    if kind in _PAID and _is_payment(order, transaction):
        return Notices((_payment(order, transaction),))
    word = "" if kind in _PAID else kind
    return Notices((_unpaid(order, request.received_at, word),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],  # noqa: ARG001
) -> Reply:
    """HTTP 200 for everything that was committed, whatever the verdict."""
    return json_reply(200, {"success": True})


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """An HTTP status above 299."""
    return json_reply(refusal_status(error), {"success": False, "message": str(error.reason)})


def checkout(order: Order, account: MerchantAccount) -> Checkout:
    """The signed form of the payment page.

    Raises ValueError when the order does not fit ("," separates what is signed), RefusedError(BUSY)
    if the account is incomplete.
    """
    rules = {
        "merchant_reference": (r"[0-9A-Za-z_-]{1,100}", order.merchant_reference),
        "description": (r"[0-9A-Za-z .:/_-]{1,255}", order.description),
        "return_url": (r"https?://[^,\s]{1,2000}", order.return_url),
    }
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit SePay's field")
    if not 1 <= order.amount_vnd <= MAX_AMOUNT_VND:
        raise ValueError("amount_vnd does not fit SePay's field")
    method = account.settings.get("payment_method", "") or "BANK_TRANSFER"
    if method not in _METHODS:
        raise RefusedError(Refused.BUSY, "payment_method")
    fields = {
        "merchant": setting(account, "merchant_id"),
        "operation": "PURCHASE",
        "payment_method": method,
        "order_amount": str(order.amount_vnd),
        "currency": "VND",
        "order_invoice_number": order.merchant_reference,
        "order_description": order.description,
        "success_url": order.return_url,
        "error_url": order.return_url,
        "cancel_url": order.return_url,
    }
    signature = sign_fields(secret(account, "secret_key"), fields)
    return Checkout(url=setting(account, "checkout_url"), fields=fields | {"signature": signature})


def read_return(query: bytes, account: MerchantAccount) -> Outcome:  # noqa: ARG001 - the contract's
    """Always PENDING: nothing that comes back is signed."""
    return Outcome.PENDING


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """GET {api_url}/order/detail/{our number}."""
    return _call("GET", f"/order/detail/{quote(query.merchant_reference, safe='')}", account)


def read_answer(
    query: OrderQuery,
    answer: Answer,
    account: MerchantAccount,  # noqa: ARG001 - the contract's shape; nothing is signed
) -> tuple[Notice, ...]:
    """The same notice as the IPN of the same transaction; none when SePay has no such order.

    Raises RefusedError; BUSY when SePay could not answer this time.
    """
    message = _answered(answer)
    if answer.status == 404:
        return ()
    if answer.status != 200:
        raise RefusedError(Refused.UNAUTHENTICATED if answer.status == 401 else Refused.BUSY)
    order = _object(message, "data")
    if identity(order, "order_invoice_number") != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "order_invoice_number")
    transactions = order.get("transactions") or []
    if not isinstance(transactions, list) or not all(isinstance(one, dict) for one in transactions):
        raise RefusedError(Refused.BAD_FIELD, "transactions")
    payments = [_payment(order, one) for one in transactions if _is_payment(order, one)]
    return tuple(dict.fromkeys(payments)) or (_unpaid(order, query.asked_at),)


def cancel(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """POST {api_url}/order/cancel. Bank transfers only: SePay refuses it for cards."""
    body = {"order_invoice_number": query.merchant_reference}
    return _call("POST", "/order/cancel", account, body)


def read_cancelled(
    query: OrderQuery,  # noqa: ARG001 - the contract's shape
    answer: Answer,
    account: MerchantAccount,  # noqa: ARG001
) -> bool:
    """Whether SePay has cancelled it. Raises RefusedError(BUSY) when it could not answer."""
    _answered(answer)
    return answer.status == 200


def sign_fields(secret_key: str, fields: Mapping[str, object]) -> str:
    """The signature of a checkout form: base64 over "k=v,k=v" of the fields there are."""
    text = ",".join(f"{name}={fields[name]}" for name in SIGNED_FIELDS if name in fields)
    return hmac_base64("sha256", secret_key, text.encode())


def _call(
    method: str, path: str, account: MerchantAccount, body: Mapping[str, str] | None = None
) -> OutgoingRequest:
    pair = f"{setting(account, 'merchant_id')}:{secret(account, 'secret_key')}"
    return OutgoingRequest(
        method=method,
        url=setting(account, "api_url").rstrip("/") + path,
        headers={
            "authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii"),
            "content-type": "application/json",
        },
        body=json.dumps(body, separators=(",", ":")).encode() if body is not None else b"",
    )


def _answered(answer: Answer) -> dict[str, Any]:
    """An answer that SePay meant. Raises RefusedError(BUSY) for errors, HTML and nothing."""
    expect_bounded(answer.body)
    if answer.status >= 500 or answer.status in (408, 429):
        raise RefusedError(Refused.BUSY)
    try:
        return json_object(answer.body)
    except RefusedError:
        raise RefusedError(Refused.BUSY) from None


def _object(message: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = message.get(field)
    if value is None:
        raise RefusedError(Refused.MISSING_FIELD, field)
    if not isinstance(value, dict):
        raise RefusedError(Refused.BAD_FIELD, field)
    return value


def _is_payment(order: Mapping[str, Any], transaction: Mapping[str, Any]) -> bool:
    return (
        identity(order, "order_status") == "CAPTURED"
        and identity(transaction, "transaction_status") == "APPROVED"
        and identity(transaction, "transaction_type", required=False) in ("", "PAYMENT")
    )


def _payment(order: Mapping[str, Any], transaction: Mapping[str, Any]) -> Notice:
    reference = identity(order, "order_invoice_number")
    when = identity(transaction, "transaction_date")
    return Notice(
        transaction_id=f"{reference}.{identity(transaction, 'id')}",
        outcome=Outcome.PAID,
        amount_vnd=_amount_vnd(transaction, "transaction_amount", "transaction_currency"),
        paid_at=vietnam_time(when, "%Y-%m-%d %H:%M:%S", "transaction_date"),
        merchant_reference=reference,
    )


def _unpaid(order: Mapping[str, Any], at: datetime, word: str = "") -> Notice:
    """An order without a payment. `word`: what the message calls it, unknown to the protocol."""
    reference = identity(order, "order_invoice_number")
    status = identity(order, "order_status")
    outcome = Outcome.FAILED if status == "CANCELLED" and not word else Outcome.PENDING
    if not word and outcome is Outcome.PENDING and status not in _OPEN:
        word = status
    return Notice(
        transaction_id=f"{reference}.{outcome}" + (f".{word[:32]}" if word else ""),
        outcome=outcome,
        amount_vnd=_amount_vnd(order, "order_amount", "order_currency"),
        paid_at=at,
        merchant_reference=reference,
        unmapped_status=word[:32],
    )


def _amount_vnd(message: Mapping[str, Any], field: str, currency_field: str) -> int:
    """ "50000.00", "50000" or a JSON number, in VND."""
    if identity(message, currency_field) != "VND":
        raise RefusedError(Refused.BAD_FIELD, currency_field)
    value = message.get(field)
    if not isinstance(value, str):
        return amount_vnd(message, field)
    if not re.fullmatch(r"[0-9]{1,13}(\.0{1,2})?", value):
        raise RefusedError(Refused.BAD_FIELD, field)
    return amount_vnd({field: int(value.partition(".")[0])}, field)
