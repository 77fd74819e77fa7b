"""payOS: a payment link on its page, a webhook for every bank transfer to it, the question, the cancel.

A link's own bank account (virtual or the school's) receives the money directly; payOS only tells. Of a
webhook and of an answer `data` is signed, HMAC-SHA256 over "k=v&k=v" of its keys sorted, values raw as
their JSON tokens stand; `code`, `desc` and `success` beside it are not, and are not read. An order is
signed over five of its fields. The browser's return is unsigned: it says nothing.

Sources: payos.vn/docs (webhook, payment-requests), github.com/payOSHQ/payos-lib-python and
payos-lib-golang (signatures, fields, limits), npm @payos/node 2.0.5.

Choices where the protocol leaves one:
- Identity. `{paymentLinkId}.{reference}`: one link may be paid by several transfers, each is told by
  itself. What is no transfer (an expired link, an open one) has the outcome for the reference.
- The text is left out of the notice: webhook and answer print it from two places, and both must be
  one fact. The order's number carries our reference.
- `accountNumber` received the money; `virtualAccountNumber` is named instead only where the merchant
  account lists that one and not the other.
- The text on the transfer is cut to `description_limit`. payOS takes 25 characters, but 9 for a bank
  that it reads without virtual accounts, so 9 is the default. Where the bill's reference fits, it is
  the whole text: then a lost webhook is found by the statement.
- Errors are unsigned and their table is unpublished. 20 stands for "wrong parameters" and for an
  internal error alike, so it means "try again"; 101 and HTTP 404 mean that the order is unknown.
- Signed values that contain "&name=" are refused: the raw join would give one signature two readings.
  The payer's own text may, where no field has that name: the other reading differs only in what is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from adapters.canonical import compact, signable, tokens
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
    hmac_hex,
    identity,
    json_object,
    json_reply,
    plausible,
    receiving_account,
    refusal_status,
    same,
    secret,
    setting,
    vietnam_time,
)

NAME: str = "payos"
SECRETS: Final[Mapping[str, str]] = {
    "api_key": "x-api-key of the payment channel",
    "checksum_key": "the checksum key, which signs orders, webhooks and answers",
}
SETTINGS: Final[Mapping[str, str]] = {
    "client_id": "x-client-id of the payment channel",
    "api_url": "https://api-merchant.payos.vn",
    "description_limit": (
        'longest text on a transfer: "9" (default), or "25" where payOS gives the account'
        " virtual accounts"
    ),
    "partner_code": "x-partner-code; none by default",
}

FIRST_ASK: timedelta = timedelta(minutes=3)
_STATUSES: Final = {  # of a link to which nobody has transferred anything
    "PENDING": Outcome.PENDING,
    "PROCESSING": Outcome.PENDING,
    "UNDERPAID": Outcome.PENDING,
    "PAID": Outcome.PENDING,
    "CANCELLED": Outcome.FAILED,
    "EXPIRED": Outcome.FAILED,
    "FAILED": Outcome.FAILED,
}
_TEST: Final = (123, 3000, "VQRIO123")  # what confirm-webhook sends, signed, to a new address
# every field that payOS's documents put beside a signature, webhook and answer
_FIELDS: Final = frozenset(
    (
        *("accountName", "accountNumber", "amount", "amountPaid", "amountRemaining", "bin"),
        *("canceledAt", "cancellationReason", "checkoutUrl", "code", "counterAccountBankId"),
        *("counterAccountBankName", "counterAccountName", "counterAccountNumber", "createdAt"),
        *("currency", "desc", "description", "expiredAt", "id", "orderCode", "paymentLinkId"),
        *("qrCode", "reference", "status", "transactionDateTime", "transactions"),
        *("virtualAccountName", "virtualAccountNumber"),
    )
)
_CLOSED: Final = frozenset({"PAID", "CANCELLED", "EXPIRED", "FAILED"})

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"api_key", "checksum_key", "client_id", "api_url"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """One transfer to a link, or payOS's own test. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    data = _signed_data(request.body, account)
    expect_json(request)
    if identity(data, "currency", required=False) not in ("", "VND"):
        raise RefusedError(Refused.BAD_FIELD, "currency")
    link = identity(data, "paymentLinkId")
    code = identity(data, "code")
    if code != "00":
        reference = identity(data, "reference", required=False)
        return Notices((_unpaid(data, f"{link}.{reference}", code, request.received_at),))
    is_test = (data.get("orderCode"), data.get("amount"), data.get("description")) == _TEST
    return Notices((_transfer(data, link, identity(data, "orderCode"), account, is_test=is_test),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],  # noqa: ARG001
) -> Reply:
    """Success for everything that was committed, whatever the verdict: payOS has no other word."""
    return json_reply(200, {"success": True})


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """An HTTP status above 299."""
    return json_reply(refusal_status(error), {"success": False, "message": str(error.reason)})


def create(order: Order, account: MerchantAccount) -> OutgoingRequest:
    """POST /v2/payment-requests. Raises ValueError or RefusedError(BUSY) as RedirectAdapter.checkout.

    The order's number must be decimal digits below 2**53; nothing about the payer is sent.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,15}", order.merchant_reference):
        raise ValueError("merchant_reference is not a number")
    if int(order.merchant_reference) >= 2**53:
        raise ValueError("merchant_reference does not fit payOS's orderCode")
    if not re.fullmatch(r"https?://[^\s]{1,2000}", order.return_url):
        raise ValueError("return_url is not an address")
    if not 1 <= order.amount_vnd <= MAX_AMOUNT_VND:
        raise ValueError("amount_vnd does not fit payOS's field")
    fields = {
        "orderCode": int(order.merchant_reference),
        "amount": order.amount_vnd,
        "description": _description(order, account),
        "cancelUrl": order.return_url,
        "returnUrl": order.return_url,
    }
    signature = sign_order(secret(account, "checksum_key"), fields)
    expires = {"expiredAt": int(order.expires_at.timestamp())}
    return _call(
        "POST", "/v2/payment-requests", account, fields | expires | {"signature": signature}
    )


def read_created(order: Order, answer: Answer, account: MerchantAccount) -> Checkout:
    """The page of the new link. See CreateAdapter.read_created."""
    data = _answered(answer, account)
    if data is None:
        raise RefusedError(Refused.BUSY, "code")
    if identity(data, "orderCode") != order.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "orderCode")
    if amount_vnd(data, "amount") != order.amount_vnd:
        raise RefusedError(Refused.BAD_FIELD, "amount")
    url = data.get("checkoutUrl")
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]{1,2000}", url):
        raise RefusedError(Refused.BAD_FIELD, "checkoutUrl")
    return Checkout(url=url, provider_reference=identity(data, "paymentLinkId"))


def read_return(query: bytes, account: MerchantAccount) -> Outcome:  # noqa: ARG001 - the contract's
    """Always PENDING: code, id, cancel, status and orderCode come back unsigned."""
    return Outcome.PENDING


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """GET /v2/payment-requests/{paymentLinkId, or orderCode where that is not known}."""
    return _call("GET", f"/v2/payment-requests/{_name(query)}", account)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """A notice for each transfer, the very one of its webhook; or one that says how the link stands.

    Empty when payOS does not know the order. Raises RefusedError; BUSY: it could not answer.
    """
    link = _link(query, answer, account)
    if link is None:
        return ()
    name, order_code = identity(link, "id"), identity(link, "orderCode")
    transfers = link.get("transactions") or []
    if not isinstance(transfers, list) or not all(isinstance(one, dict) for one in transfers):
        raise RefusedError(Refused.BAD_FIELD, "transactions")
    notices = [_transfer(transfer, name, order_code, account) for transfer in transfers]
    status = identity(link, "status")
    if not notices or status not in _STATUSES:
        notices.append(_unpaid(link, name, status, query.asked_at))
    return tuple(dict.fromkeys(notices))


def cancel(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """POST /v2/payment-requests/{…}/cancel."""
    path = f"/v2/payment-requests/{_name(query)}/cancel"
    return _call("POST", path, account, {"cancellationReason": "Da thanh toan bang cach khac"})


def read_cancelled(query: OrderQuery, answer: Answer, account: MerchantAccount) -> bool:
    """Whether the link is closed: cancelled, expired, failed or paid whole. Raises RefusedError."""
    link = _link(query, answer, account)
    return link is not None and identity(link, "status") in _CLOSED


def register_webhook(url: str, account: MerchantAccount) -> OutgoingRequest:
    """POST /confirm-webhook: payOS tries `url` with its test at once, and keeps it if that got a 2xx.

    Raises RefusedError(BUSY) if the account is incomplete.
    """
    return _call("POST", "/confirm-webhook", account, {"webhookUrl": url})


def read_registered(answer: Answer, account: MerchantAccount) -> None:  # noqa: ARG001 - the contract's
    """The answer to register_webhook, of which only the code counts. See RegisterAdapter.

    No SDK asks for its signature: nothing in it is used, and our own TLS connection vouches for it.
    """
    if not _is_taken(answer) or answer.status != 200:
        raise RefusedError(Refused.BAD_FIELD, "webhookUrl")


def sign_order(checksum_key: str, order: Mapping[str, object]) -> str:
    """The signature of an order: five fields, raw. Lower-case hex."""
    names = ("amount", "cancelUrl", "description", "orderCode", "returnUrl")
    text = "&".join(f"{name}={order[name]}" for name in names)
    return hmac_hex("sha256", checksum_key, signable(text))


def sign_data(checksum_key: str, data: Mapping[str, object]) -> str:
    """The signature of a webhook's or an answer's `data`, numbers as tokens. Lower-case hex."""
    text = "&".join(f"{name}={_plain(value)}" for name, value in sorted(data.items()))
    return hmac_hex("sha256", checksum_key, signable(text))


def sign_payout(checksum_key: str, payload: Mapping[str, object]) -> str:
    """The x-signature of payOS's payout calls: sorted, names and values url-encoded. Lower-case hex."""
    texts = {
        name: compact(value) if isinstance(value, dict) else _plain(value)
        for name, value in sorted(payload.items())
    }
    text = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in texts.items())
    return hmac_hex("sha256", checksum_key, signable(text))


def _plain(value: object) -> str:
    """A value as JavaScript puts it into a string."""
    match value:
        case None | "null" | "undefined":
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return compact(value)
        case dict():
            return "[object Object]"  # so an object in `data` is not signed; none is ever read
        case _:
            return str(value)


def _encoded(text: str) -> str:
    return quote(text, safe="!'()*-._~")  # encodeURIComponent


def _description(order: Order, account: MerchantAccount) -> str:
    limit = account.settings.get("description_limit", "") or "9"
    if not re.fullmatch(r"[1-9]|1[0-9]|2[0-5]", limit):
        raise RefusedError(Refused.BUSY, "description_limit")
    if not re.fullmatch(r"[0-9A-Za-z ]+", order.description):
        raise ValueError("description does not fit payOS's field")
    reference = order.bill.reference
    text = reference if len(reference) <= int(limit) else order.description[: int(limit)]
    return text.strip() or reference[: int(limit)]


def _call(
    method: str, path: str, account: MerchantAccount, body: Mapping[str, object] | None = None
) -> OutgoingRequest:
    headers = {
        "x-client-id": setting(account, "client_id"),
        "x-api-key": secret(account, "api_key"),
        "content-type": "application/json",
    }
    if partner_code := account.settings.get("partner_code", ""):
        headers["x-partner-code"] = partner_code
    return OutgoingRequest(
        method=method,
        url=setting(account, "api_url").rstrip("/") + path,
        headers=headers,
        body=json.dumps(body, separators=(",", ":")).encode() if body is not None else b"",
    )


def _name(query: OrderQuery) -> str:
    return quote(query.provider_reference or query.merchant_reference, safe="")


def _signed_data(body: bytes, account: MerchantAccount) -> dict[str, Any]:
    """`data` of an envelope, once its signature holds."""
    key = secret(account, "checksum_key")
    envelope = tokens(body)
    signed = envelope.get("data")
    if not isinstance(signed, dict):
        raise RefusedError(Refused.MISSING_FIELD, "data")
    if not same(str(envelope.get("signature", "")).lower(), sign_data(key, signed)):
        raise RefusedError(Refused.BAD_SIGNATURE, "signature")
    are_names = all(re.fullmatch(r"\w+", name) for name in signed)
    if not are_names or any(_could_be_fields(name, value) for name, value in signed.items()):
        raise RefusedError(Refused.MALFORMED, "data")
    data: dict[str, Any] = json_object(body)["data"]
    return data


def _could_be_fields(name: str, value: object) -> bool:
    """Whether a signed value holds "&name=", of a documented field where it is the payer's text."""
    if not isinstance(value, str):
        return False
    inside = re.findall(r"&(\w+)=", value)
    return not _FIELDS.isdisjoint(inside) if name == "description" else bool(inside)


def _answered(answer: Answer, account: MerchantAccount) -> dict[str, Any] | None:
    """The signed data of an answer; None where payOS does not know the order."""
    return _signed_data(answer.body, account) if _is_taken(answer) else None


def _is_taken(answer: Answer) -> bool:
    """Whether payOS did what it was asked; False where it knows no such thing. Raises RefusedError."""
    expect_bounded(answer.body)
    try:
        envelope = json_object(answer.body)
    except RefusedError:
        raise RefusedError(Refused.BUSY) from None
    code = envelope.get("code")
    if code == "00":
        return True
    if code == "101" or answer.status == 404:
        return False
    if code == "20" or answer.status in (408, 429) or answer.status >= 500:
        raise RefusedError(Refused.BUSY, "code")
    if answer.status in (401, 403) or code == "401":
        raise RefusedError(Refused.UNAUTHENTICATED, "code")
    if code == "231":
        raise RefusedError(Refused.BAD_FIELD, "orderCode")  # this number has been used before
    raise RefusedError(Refused.BAD_FIELD, "code")


def _link(query: OrderQuery, answer: Answer, account: MerchantAccount) -> dict[str, Any] | None:
    """The link that was asked about, and no other."""
    link = _answered(answer, account)
    if link is None:
        return None
    if identity(link, "orderCode") != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "orderCode")
    if query.provider_reference not in ("", identity(link, "id")):
        raise RefusedError(Refused.BAD_FIELD, "id")
    return link


def _transfer(
    transfer: Mapping[str, Any],
    link: str,
    order_code: str,
    account: MerchantAccount,
    *,
    is_test: bool = False,
) -> Notice:
    reference = identity(transfer, "reference")
    return Notice(
        transaction_id=f"{link}.{reference}",
        outcome=Outcome.TEST if is_test else Outcome.PAID,
        amount_vnd=amount_vnd(transfer, "amount"),
        paid_at=_moment(identity(transfer, "transactionDateTime")),
        merchant_reference=order_code,
        payee_account=receiving_account(transfer, account, "accountNumber", "virtualAccountNumber"),
        bank_transaction_id=reference,
    )


def _unpaid(data: Mapping[str, Any], name: str, status: str, at: datetime) -> Notice:
    """What is no transfer. An unknown status is a fact of its own, so that a person sees the word."""
    outcome = _STATUSES.get(status, Outcome.PENDING)
    unmapped = "" if status in _STATUSES else status[:32]
    return Notice(
        transaction_id=f"{name}.{outcome}" + (f".{unmapped}" if unmapped else ""),
        outcome=outcome,
        amount_vnd=amount_vnd(data, "amount"),
        paid_at=at,
        merchant_reference=identity(data, "orderCode"),
        unmapped_status=unmapped,
    )


def _moment(text: str) -> datetime:
    """A webhook has local time, an answer ISO 8601 with its offset; returns UTC."""
    if "T" not in text:
        return vietnam_time(text, "%Y-%m-%d %H:%M:%S", "transactionDateTime")
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(Refused.BAD_FIELD, "transactionDateTime") from None
    if when.utcoffset() is None:
        raise RefusedError(Refused.BAD_FIELD, "transactionDateTime")
    return plausible(when, "transactionDateTime")
