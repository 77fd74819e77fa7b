"""VietQR.VN: the bank's push, brought by VietQR.VN to two addresses that the merchant opens.

`/api/token_generate` gives a token for Basic credentials that we issued; `/bank/api/transaction-sync`
takes one movement under that token. Nothing in the body is signed (`sign` is an opaque echo), so
the token is the whole of the proof: it is bound to the merchant account and lives five minutes.

Sources: api.vietqr.vn (merchant callback: get token, transaction-sync) and the open server,
github.com/duchieupham/vietqr_server.

Choices where the protocol leaves one:
- A replay gets success with the same `reftransactionid`, not 006: it is the same fact.
- The same transactionid with other content is refused with 006 (duplicated transactionid) on HTTP
  400, which VietQR.VN takes as final.
- A message that is broken gets 400 as well, since it would come back as broken; our own failure
  gets 503 and missing credentials 401, both of which it retries, up to ten times.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import jwt

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
    VerdictKind,
    always,
)
from adapters.messages import msg
from adapters.wire import (
    amount_vnd,
    expect_bounded,
    expect_json,
    free_text,
    identity,
    json_object,
    json_reply,
    plausible,
    same,
    secret,
)

NAME: str = "vietqrvn"
SECRETS: Final[Mapping[str, str]] = {
    "username": "Basic user that VietQR.VN was given",
    "password": "Basic password that VietQR.VN was given",
    "jwt_secret": "signs our tokens: at least 32 random bytes, this account's alone",
}
SETTINGS: Final[Mapping[str, str]] = {}

TOKEN_PATH: Final = "/api/token_generate"  # noqa: S105 - a path
SYNC_PATH: Final = "/bank/api/transaction-sync"
TOKEN_LIFE_S: Final = 300
_MAX_TOKEN: Final = 1024  # characters; ours are about 200
_OUTCOMES: Final = {"C": Outcome.PAID, "D": Outcome.OUTGOING}
_STATUS: Final = {
    Refused.BAD_SIGNATURE: 401,
    Refused.UNAUTHENTICATED: 401,
    Refused.STALE: 401,
    Refused.TOO_LARGE: 413,
    Refused.NOT_FOUND: 404,
    Refused.BUSY: 503,
}
_REASONS: Final = {  # errorReason of VietQR.VN's own endpoint, by field
    "amount": "002",
    "transType": "003",
    "transactiontime": "004",
    "transactionid": "007",
    "referencenumber": "008",
    "content": "009",
    "bankaccount": "010",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

callbacks = always(Callback(msg("Lấy mã truy cập"), TOKEN_PATH), Callback(NOTICES, SYNC_PATH))


def needed(settings: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG001 - the contract's shape
    """The names of the secrets and settings that must be given, beside these settings."""
    return frozenset({"username", "password", "jwt_secret"})


def read(request: Request, account: MerchantAccount) -> Notices | Reply:
    """A token (a Reply) or one movement. See IpnAdapter.read."""
    expect_bounded(request.body)
    if (request.method, request.path) == ("POST", TOKEN_PATH):
        return grant_token(request, account)
    if (request.method, request.path) == ("POST", SYNC_PATH):
        expect_token(request, account)
        expect_json(request)
        return Notices((movement(json_object(request.body)),))
    raise RefusedError(Refused.NOT_FOUND)


def acknowledge(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount,  # noqa: ARG001
    verdicts: Sequence[Verdict],
) -> Reply:
    """Success with our record's identity, the same one for a replay; 006 for a conflict."""
    if not verdicts:
        return _error(503, "005", "no verdict")
    if verdicts[0].kind is VerdictKind.CONFLICT:
        return _error(400, "006", "duplicated transactionid")
    return json_reply(
        200,
        {
            "error": False,
            "errorReason": "000",
            "toastMessage": "",
            "object": {"reftransactionid": verdicts[0].record_id},
        },
    )


def refuse(
    request: Request,  # noqa: ARG001 - the contract's shape
    account: MerchantAccount | None,  # noqa: ARG001
    error: RefusedError,
) -> Reply:
    """400 with the errorReason of the field; 401, 404, 413 and 503 with 005."""
    status = _STATUS.get(error.reason, 400)
    if status != 400:
        return _error(status, "005", str(error.reason))
    if reason := _REASONS.get(error.field):
        return _error(400, reason, f"invalid {error.field}")
    return _error(400, "001", "invalid request body")


def issue_token(account: MerchantAccount, at: datetime) -> str:
    """A token for this merchant account, good for TOKEN_LIFE_S from `at`."""
    expires_at = int(at.timestamp()) + TOKEN_LIFE_S
    claims = {"sub": account.account_key, "exp": expires_at}
    return jwt.encode(claims, _jwt_secret(account), algorithm="HS256")


def grant_token(request: Request, account: MerchantAccount) -> Reply:
    """A new token for the Basic credentials that we issued. Raises RefusedError."""
    _expect_credentials(request, account)
    return json_reply(
        200,
        {
            "access_token": issue_token(account, request.received_at),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE_S,
        },
    )


def _jwt_secret(account: MerchantAccount) -> str:
    value = secret(account, "jwt_secret")
    if len(value.encode()) < 32:  # RFC 7518 §3.2
        raise RefusedError(Refused.BUSY, "jwt_secret")
    return value


def _credentials(request: Request, wanted: str) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != wanted:
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")
    return given.strip()


def _expect_credentials(request: Request, account: MerchantAccount) -> None:
    expected = f"{secret(account, 'username')}:{secret(account, 'password')}"
    try:
        given = base64.b64decode(_credentials(request, "basic"), validate=True).decode()
    except (binascii.Error, ValueError):
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization") from None
    if not same(given, expected):
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")


def expect_token(request: Request, account: MerchantAccount) -> None:
    """Raise RefusedError unless the request bears a token of this account that is still good."""
    token = _credentials(request, "bearer")
    key = _jwt_secret(account)
    if len(token) > _MAX_TOKEN:
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")
    try:
        # Time is the request's, never the library's clock: see below.
        claims = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            subject=account.account_key,
            options={
                "require": ["sub", "exp"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization") from None
    expires_at = claims["exp"]
    if type(expires_at) is not int or not _is_canonical(token.rpartition(".")[2]):
        raise RefusedError(Refused.UNAUTHENTICATED, "authorization")
    if request.received_at.timestamp() >= expires_at:
        raise RefusedError(Refused.STALE, "authorization")


def _is_canonical(text: str) -> bool:
    """Whether this is how base64url is written: its last character has bits that decode to nothing."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=") == text


def movement(message: Mapping[str, Any]) -> Notice:
    """What a transaction-sync says. Raises RefusedError."""
    outcome = _OUTCOMES.get(identity(message, "transType"))
    if outcome is None:
        raise RefusedError(Refused.BAD_FIELD, "transType")
    return Notice(
        transaction_id=identity(message, "transactionid"),
        outcome=outcome,
        amount_vnd=amount_vnd(message, "amount"),
        paid_at=_instant(message, "transactiontime"),
        content=free_text(message, "content"),
        merchant_reference=identity(message, "orderId", required=False),
        payee_account=identity(message, "bankaccount"),
        bank_transaction_id=identity(message, "referencenumber", required=False),
    )


def _instant(message: Mapping[str, Any], field: str) -> datetime:
    """Unix milliseconds; some senders give seconds, told apart by magnitude (year 5138 in s)."""
    value = message.get(field)
    if value is None:
        raise RefusedError(Refused.MISSING_FIELD, field)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)
    if type(value) not in (int, Decimal) or not 0 < value < 10**14 or value != int(value):
        raise RefusedError(Refused.BAD_FIELD, field)
    milliseconds = int(value) if value >= 10**11 else int(value) * 1000
    return plausible(_EPOCH + timedelta(milliseconds=milliseconds), field)


def _error(status: int, reason: str, message: str) -> Reply:
    return json_reply(
        status, {"error": True, "errorReason": reason, "toastMessage": message, "object": None}
    )
