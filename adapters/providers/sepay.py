"""SePay: a push for every movement on a bank account that the school has linked.

One POST of JSON is one movement. It is authenticated by an API key, or signed by HMAC-SHA256 over
"{timestamp}.{raw body}"; which one is the account's setting `auth`. The form and multipart bodies
that SePay's dashboard also offers are refused: only JSON carries amounts without ambiguity.

Sources: docs.sepay.vn/tich-hop-webhooks.html, developer.sepay.vn (webhooks, HMAC).

Choices where the protocol leaves one:
- Whatever was committed is acknowledged with success, a conflict too: SePay has no word for
  "the same id with another amount", asking again would bring the same, and the alarm is ours.
- The hosted checkout (SePay PG) has other credentials, another message and another way of proof:
  it is the adapter `sepaypg`.
- `code` (the payment code SePay thinks it saw) is ignored: it may be cut short, and our own reading
  of the full text corrects errors.
- `accountNumber` received the money; the virtual `subAccount` is named instead only where the
  merchant account lists that one and not the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.contract import (
    NOTICES,
    Callback,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    always,
)
from adapters.wire import (
    amount_vnd,
    expect_bounded,
    expect_json,
    free_text,
    hmac_hex,
    identity,
    json_object,
    json_reply,
    receiving_account,
    refusal_status,
    same,
    secret,
    setting,
    vietnam_time,
)

NAME: str = "sepay"
SECRETS: Final[Mapping[str, str]] = {
    "api_key": 'the key in "Authorization: Apikey <key>" (auth = apikey)',
    "hmac_secret": "the secret that signs the body (auth = hmac)",
}
SETTINGS: Final[Mapping[str, str]] = {"auth": '"apikey" or "hmac"'}

WINDOW_S: Final = 300  # a signed push is fresh for five minutes, before and after
_OUTCOMES: Final = {"in": Outcome.PAID, "out": Outcome.OUTGOING}

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"auth", "hmac_secret" if settings.get("auth") == "hmac" else "api_key"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """One movement. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    match setting(account, "auth"):
        case "apikey":
            _expect_key(request, secret(account, "api_key"))
        case "hmac":
            _expect_signature(request, secret(account, "hmac_secret"))
        case _:
            raise RefusedError(Refused.BUSY, "auth")
    expect_json(request)
    return Notices((_notice(json_object(request.body), account),))


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],  # noqa: ARG001
) -> Reply:
    """Success for everything that was committed, whatever the verdict."""
    return json_reply(200, {"success": True})


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """An HTTP status above 299: SePay asks again up to seven times within five hours."""
    return json_reply(refusal_status(error), {"success": False, "message": str(error.reason)})


def sign(hmac_secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-SePay-Signature for a raw body; `timestamp` is unix seconds in digits."""
    return "sha256=" + hmac_hex("sha256", hmac_secret, timestamp.encode() + b"." + body)


def _expect_key(request: Request, api_key: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if not same(given, api_key) or scheme.lower() != "apikey":
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")


def _expect_signature(request: Request, hmac_secret: str) -> None:
    timestamp = request.headers.get("x-sepay-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise RefusedError(Refused.BAD_SIGNATURE, "x-sepay-timestamp")
    given = request.headers.get("x-sepay-signature", "").lower()
    if not same(given, sign(hmac_secret, timestamp, request.body)):
        raise RefusedError(Refused.BAD_SIGNATURE, "x-sepay-signature")
    if abs(request.received_at.timestamp() - int(timestamp)) > WINDOW_S:
        raise RefusedError(Refused.STALE, "x-sepay-timestamp")


def _notice(message: Mapping[str, Any], account: MerchantAccount) -> Notice:
    outcome = _OUTCOMES.get(identity(message, "transferType"))
    if outcome is None:
        raise RefusedError(Refused.BAD_FIELD, "transferType")
    when = identity(message, "transactionDate")
    return Notice(
        transaction_id=identity(message, "id"),
        outcome=outcome,
        amount_vnd=amount_vnd(message, "transferAmount"),
        paid_at=vietnam_time(when, "%Y-%m-%d %H:%M:%S", "transactionDate"),
        content=free_text(message, "content"),
        payee_account=receiving_account(message, account, "accountNumber", "subAccount"),
        bank_transaction_id=identity(message, "referenceCode", required=False),
    )
