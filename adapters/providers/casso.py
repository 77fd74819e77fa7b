"""Casso, webhook version 2: a push for every movement on a bank account that the school has linked.

One POST of JSON is one movement. `X-Casso-Signature: t=<unix ms>,v1=<hex>` is HMAC-SHA512 over "{t}."
and the whole body with its keys sorted at every depth, without spaces. Nothing else proves anything:
version 1 with its `secure-token` header is refused.

Source: github.com/CassoHQ/casso-webhook-v2-verify-signature.

Choices where the protocol leaves one:
- Casso's own samples differ in letters beyond ASCII and in "/": JavaScript leaves them, Python
  escapes the first, PHP both. All three are tried, JavaScript's first; all need the key.
- Numbers are signed as they stand in the body, and read exactly: 15000.0 is 15000, 15000.5 is refused.
- A message is fresh for `window_s` before and after; whether a repetition is signed anew is
  unpublished. A replay within it has no second effect.
- A negative amount is money that left.
- Id 0 or the documented test reference is Casso's test: acknowledged, never booked.
- `accountNumber` received the money; `virtualAccountNumber` is named instead only where the merchant
  account lists that one and not the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from adapters.canonical import compact, signable, tokens
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
    vietnam_time,
)

NAME: str = "casso"
SECRETS: Final[Mapping[str, str]] = {"checksum_key": "the key that signs webhooks (version 2)"}
SETTINGS: Final[Mapping[str, str]] = {
    "window_s": 'how long a signature is fresh, in seconds: "300" by default, "86400" at most'
}

TEST_REFERENCE: Final = "MA_GIAO_DICH_THU_NGHIEM"

callbacks = always(Callback(NOTICES))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"checksum_key"})


def read(request: Request, account: MerchantAccount) -> Notices:
    """One movement. See IpnAdapter.read."""
    if request.method != "POST" or request.path:
        raise RefusedError(Refused.NOT_FOUND)
    expect_bounded(request.body)
    _expect_signature(request, account)
    expect_json(request)
    message = json_object(request.body)
    if identity(message, "error") != "0":
        raise RefusedError(Refused.BAD_FIELD, "error")
    data = message.get("data")
    if not isinstance(data, dict):
        raise RefusedError(Refused.BAD_FIELD, "data")
    return Notices((_notice(data, account),))


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
    """An HTTP status above 299."""
    return json_reply(refusal_status(error), {"success": False, "message": str(error.reason)})


def signatures(checksum_key: str, timestamp_ms: str, body: bytes) -> Iterator[str]:
    """The `v1` of a raw body as each of Casso's samples computes it; the likeliest first.

    Raises RefusedError(MALFORMED) for a body that is not one JSON object.
    """
    message = tokens(body)
    escaped = compact(message, ascii_only=True)
    for text in (compact(message), escaped, escaped.replace("/", "\\/")):
        yield hmac_hex("sha512", checksum_key, signable(f"{timestamp_ms}.{text}"))


def _expect_signature(request: Request, account: MerchantAccount) -> None:
    key = secret(account, "checksum_key")
    window_s = account.settings.get("window_s", "") or "300"
    if not re.fullmatch(r"[1-9][0-9]{0,4}", window_s) or int(window_s) > 86_400:
        raise RefusedError(Refused.BUSY, "window_s")
    header = request.headers.get("x-casso-signature", "")
    parts = re.fullmatch(r"t=([0-9]{1,15}), ?v1=([0-9A-Fa-f]{128})", header)
    if parts is None:
        raise RefusedError(Refused.BAD_SIGNATURE, "x-casso-signature")
    timestamp_ms, given = parts[1], parts[2].lower()
    if not any(same(given, made) for made in signatures(key, timestamp_ms, request.body)):
        raise RefusedError(Refused.BAD_SIGNATURE, "x-casso-signature")
    if abs(request.received_at.timestamp() - int(timestamp_ms) / 1000) > int(window_s):
        raise RefusedError(Refused.STALE, "x-casso-signature")


def _notice(data: Mapping[str, Any], account: MerchantAccount) -> Notice:
    number, reference = identity(data, "id"), identity(data, "reference", required=False)
    outcome, paid_vnd = _movement(data)
    when = identity(data, "transactionDateTime")
    is_test = number == "0" or reference == TEST_REFERENCE
    return Notice(
        # tests share one id and need not say the same
        transaction_id=f"test.{number}.{when}.{paid_vnd}" if is_test else number,
        outcome=Outcome.TEST if is_test else outcome,
        amount_vnd=paid_vnd,
        paid_at=vietnam_time(when, "%Y-%m-%d %H:%M:%S", "transactionDateTime"),
        content=free_text(data, "description"),
        payee_account=receiving_account(data, account, "accountNumber", "virtualAccountNumber"),
        bank_transaction_id=reference,
    )


def _movement(data: Mapping[str, Any]) -> tuple[Outcome, int]:
    """Which way, and how much in VND."""
    value = data.get("amount")
    if type(value) is int and value < 0:
        return Outcome.OUTGOING, amount_vnd({"amount": -value}, "amount")
    if type(value) is Decimal and value < 0:
        return Outcome.OUTGOING, amount_vnd({"amount": value.copy_negate()}, "amount")
    return Outcome.PAID, amount_vnd(data, "amount")
