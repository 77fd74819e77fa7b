"""What every adapter needs to read a provider's bytes without being fooled: strict JSON, exact
amounts, honest text, local times, constant-time comparison.

Each function either returns a value that the database can hold unchanged in meaning, or raises
RefusedError naming the field, never its value. No network, no clock, no knowledge of any provider.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from adapters.contract import MerchantAccount, Refused, RefusedError, Reply, Request

VIETNAM: Final = timezone(timedelta(hours=7))  # GMT+7 all year; no zone data needed
MAX_BODY_BYTES: Final = 64 * 1024
MAX_AMOUNT_VND: Final = 10**12
MAX_ID: Final = 128  # characters; identities are indexed


def secret(account: MerchantAccount, name: str) -> str:
    """A secret that must be there and not empty: an empty key would let anybody sign.

    Raises RefusedError(BUSY): the fault is ours, and the provider should come back once it is mended.
    """
    value = account.secrets.get(name, "")
    if not value:
        raise RefusedError(Refused.BUSY, name)
    return value


def setting(account: MerchantAccount, name: str) -> str:
    """A setting that must be there; raises RefusedError(BUSY) as `secret` does."""
    value = account.settings.get(name, "")
    if not value:
        raise RefusedError(Refused.BUSY, name)
    return value


def same(given: str, expected: str) -> bool:
    """Compare in constant time. An empty expectation never holds."""
    left, right = (text.encode("utf-8", "surrogatepass") for text in (given, expected))
    return bool(expected) and hmac.compare_digest(left, right)


def hmac_hex(algorithm: str, key: str, data: bytes) -> str:
    """Lower-case hex of an HMAC; `algorithm` is "sha256" or "sha512"."""
    return hmac.new(key.encode(), data, getattr(hashlib, algorithm)).hexdigest()


def expect_json(request: Request) -> None:
    """Raise RefusedError(WRONG_CONTENT_TYPE) unless the body is declared to be JSON."""
    declared = request.headers.get("content-type", "")
    if declared.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(Refused.WRONG_CONTENT_TYPE, "content-type")


def expect_bounded(data: bytes) -> None:
    """Raise RefusedError(TOO_LARGE) above MAX_BODY_BYTES, before anything is computed over it."""
    if len(data) > MAX_BODY_BYTES:
        raise RefusedError(Refused.TOO_LARGE)


def json_object(data: bytes) -> dict[str, Any]:
    """Parse one JSON object: UTF-8, no duplicate key, no NaN or Infinity, fractions as Decimal.

    Raises RefusedError(MALFORMED).
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except (ValueError, InvalidOperation, RecursionError):
        raise RefusedError(Refused.MALFORMED) from None
    if not isinstance(value, dict):
        raise RefusedError(Refused.MALFORMED)
    return value


def json_reply(status: int, value: Mapping[str, object]) -> Reply:
    """A compact JSON reply, in the order given."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Reply(status=status, body=text.encode())


def identity(message: Mapping[str, Any], field: str, *, required: bool = True) -> str:
    """A number or short text that identifies something. Absent, null or "" is "" if not required.

    Raises RefusedError: MISSING_FIELD, or BAD_FIELD for another type, unprintable or overlong text.
    """
    value = message.get(field)
    if type(value) is int:
        value = str(value)
    if value is None or value == "":
        if required:
            raise RefusedError(Refused.MISSING_FIELD, field)
        return ""
    if not isinstance(value, str) or len(value) > MAX_ID or not value.isprintable():
        raise RefusedError(Refused.BAD_FIELD, field)
    return value


def free_text(message: Mapping[str, Any], field: str) -> str:
    """A transfer text as delivered; absent or null is "".

    NUL and lone surrogates, which no database holds as text, become U+FFFD: money is not turned
    away for a garbled memo, and the raw bytes are kept anyway. Raises RefusedError(BAD_FIELD).
    """
    value = message.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedError(Refused.BAD_FIELD, field)
    return re.sub(r"[\x00\ud800-\udfff]", "�", value)


def amount_vnd(message: Mapping[str, Any], field: str) -> int:
    """A JSON number that is a whole amount of VND (25000 or 25000.0), 1 to 10**12.

    Raises RefusedError: MISSING_FIELD or BAD_FIELD.
    """
    value = message.get(field)
    if value is None:
        raise RefusedError(Refused.MISSING_FIELD, field)
    # The range is checked before anything expands an exponent such as 1e999999.
    if type(value) not in (int, Decimal) or not 1 <= value <= MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, field)
    if value != int(value):
        raise RefusedError(Refused.BAD_FIELD, field)
    return int(value)


def vietnam_time(text: str, layout: str, field: str) -> datetime:
    """Read local Vietnamese time by a strptime `layout`; returns UTC. Raises RefusedError(BAD_FIELD)."""
    try:
        when = datetime.strptime(text, layout).replace(tzinfo=VIETNAM)
    except ValueError:
        raise RefusedError(Refused.BAD_FIELD, field) from None
    if when.strftime(layout) != text:  # strptime guesses at missing digits and takes other scripts'
        raise RefusedError(Refused.BAD_FIELD, field)
    return plausible(when, field)


def plausible(when: datetime, field: str) -> datetime:
    """The instant in UTC, if it lies in this century. Raises RefusedError(BAD_FIELD)."""
    if not 2000 <= when.year < 2100:
        raise RefusedError(Refused.BAD_FIELD, field)
    return when.astimezone(UTC)


def _no_constant(word: str) -> object:
    raise ValueError(word)


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value
