"""What every adapter needs to read a provider's bytes without being fooled: strict JSON, exact
amounts, honest text, local times, constant-time comparison.

Each function either returns a value that the database can hold unchanged in meaning, or raises
RefusedError naming the field, never its value. No network, no clock, no knowledge of any provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import parse_qsl

from adapters.contract import Answer, MerchantAccount, Refused, RefusedError, Reply, Request

VIETNAM: Final = timezone(timedelta(hours=7))  # GMT+7 all year; no zone data needed
MAX_BODY_BYTES: Final = 64 * 1024
MAX_AMOUNT_VND: Final = 10**12
MAX_ID: Final = 128  # characters; identities are indexed
_STATUS: Final = {
    Refused.BAD_SIGNATURE: 401,
    Refused.UNAUTHENTICATED: 401,
    Refused.STALE: 401,
    Refused.FOREIGN_NETWORK: 403,
    Refused.WRONG_CONTENT_TYPE: 415,
    Refused.TOO_LARGE: 413,
    Refused.NOT_FOUND: 404,
    Refused.BUSY: 503,
}


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


def hmac_base64(algorithm: str, key: str, data: bytes) -> str:
    """Standard base64 of an HMAC; `algorithm` is "sha1", "sha256" or "sha512"."""
    digest = hmac.new(key.encode(), data, getattr(hashlib, algorithm)).digest()
    return base64.b64encode(digest).decode("ascii")


def digest_hex(algorithm: str, data: bytes) -> str:
    """Lower-case hex of a plain digest, "md5" or "sha256": some banks sign with no better."""
    return hashlib.new(algorithm, data).hexdigest()


def expect_network(request: Request, account: MerchantAccount) -> None:
    """Raise RefusedError(FOREIGN_NETWORK) unless the sender stands in the setting `networks`.

    `networks` are CIDR ranges joined by commas. An account without any takes from nobody: this is
    asked for only where the network is what vouches for a message.
    """
    allowed = [text.strip() for text in account.settings.get("networks", "").split(",")]
    try:
        sender = ip_address(request.remote_ip)
        if isinstance(sender, IPv6Address):  # a socket for both families shows IPv4 inside IPv6
            sender = sender.ipv4_mapped or sender
        is_allowed = any(sender in ip_network(text, strict=False) for text in allowed if text)
    except ValueError:
        is_allowed = False
    if not is_allowed:
        raise RefusedError(Refused.FOREIGN_NETWORK)


def expect_json(request: Request) -> None:
    """Raise RefusedError(WRONG_CONTENT_TYPE) unless the body is declared to be JSON."""
    declared = request.headers.get("content-type", "")
    if declared.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(Refused.WRONG_CONTENT_TYPE, "content-type")


def expect_bounded(data: bytes) -> None:
    """Raise RefusedError(TOO_LARGE) above MAX_BODY_BYTES, before anything is computed over it."""
    if len(data) > MAX_BODY_BYTES:
        raise RefusedError(Refused.TOO_LARGE)


def json_object(
    data: bytes,
    *,
    whole: Callable[[str], Any] = int,
    fraction: Callable[[str], Any] = Decimal,
) -> dict[str, Any]:
    """Parse one JSON object: UTF-8, no duplicate key, no NaN or Infinity, fractions as Decimal.

    `whole` and `fraction` make numbers of their texts. Raises RefusedError(MALFORMED).
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_int=whole,
            parse_float=fraction,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except (ValueError, InvalidOperation, RecursionError):
        raise RefusedError(Refused.MALFORMED) from None
    if not isinstance(value, dict):
        raise RefusedError(Refused.MALFORMED)
    return value


def json_reply(status: int, value: Mapping[str, object]) -> Reply:
    """A compact JSON reply, in the order given; a lone surrogate as JSON escapes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Reply(status=status, body=text.encode("utf-8", "backslashreplace"))


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


def receiving_account(
    message: Mapping[str, Any], account: MerchantAccount, number_field: str, virtual_field: str
) -> str:
    """The account that received the money: the real one, which must be named.

    The virtual one instead, only where the merchant account lists that one and not the other.
    Raises RefusedError as `identity` does.
    """
    number = identity(message, number_field)
    virtual = identity(message, virtual_field, required=False)
    ours = account.bank_accounts
    return virtual if virtual in ours and number not in ours else number


def refusal_status(error: RefusedError) -> int:
    """The HTTP status of a refusal where the protocol defines no words: 4xx, or 503 to try again."""
    return _STATUS.get(error.reason, 400)


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


def digits_vnd(text: str, field: str) -> int:
    """A whole amount of VND that came as text ("25000", "25000.00"), 1 to 10**12.

    Raises RefusedError(BAD_FIELD).
    """
    found = re.fullmatch(r"([1-9][0-9]{0,12})(\.0{1,2})?", text)
    if not found or int(found[1]) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, field)
    return int(found[1])


def vietnam_time(text: str, layout: str, field: str) -> datetime:
    """Read local Vietnamese time by a strptime `layout`; returns UTC. Raises RefusedError(BAD_FIELD)."""
    try:
        when = datetime.strptime(text, layout).replace(tzinfo=VIETNAM)
    except ValueError:
        raise RefusedError(Refused.BAD_FIELD, field) from None
    if when.strftime(layout) != text:  # strptime guesses at missing digits and takes other scripts'
        raise RefusedError(Refused.BAD_FIELD, field)
    return plausible(when, field)


def instant_ms(message: Mapping[str, Any], field: str) -> datetime:
    """Unix milliseconds, as a number or its digits; returns UTC.

    Raises RefusedError: MISSING_FIELD or BAD_FIELD.
    """
    text = identity(message, field)
    if not re.fullmatch(r"[0-9]{1,14}", text):
        raise RefusedError(Refused.BAD_FIELD, field)
    return plausible(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text)), field)


def unix_ms(when: datetime) -> int:
    """An aware instant as Unix milliseconds."""
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def answered(answer: Answer) -> dict[str, Any]:
    """The JSON object that a provider answered to a call of ours, with whatever status below 500.

    Raises RefusedError: BUSY for its own failure, a page for people or nothing; TOO_LARGE.
    """
    expect_bounded(answer.body)
    if answer.status >= 500:
        raise RefusedError(Refused.BUSY)
    try:
        return json_object(answer.body)
    except RefusedError:
        raise RefusedError(Refused.BUSY) from None


def unsigned_time(text: str, layout: str, request: Request) -> datetime:
    """A local time that no signature covers, in UTC: believed within three days before it arrived.

    Anything else is the time of arrival, so that nobody can move money into a closed month.
    """
    try:
        when = vietnam_time(text, layout, "")
    except RefusedError:
        return request.received_at
    age = request.received_at - when
    return when if timedelta(0) <= age <= timedelta(days=3) else request.received_at


def pairs(account: MerchantAccount, name: str) -> dict[str, str]:
    """A setting such as "a=b, c=d"; none where it is empty. Raises RefusedError(BUSY): our fault."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in account.settings.get(name, "").split(","))):
        left, _, right = (side.strip() for side in part.partition("="))
        if not left or not right or left in found:
            raise RefusedError(Refused.BUSY, name)
        found[left] = right
    return found


def counter_name(text: str) -> str:
    """A payer's name for a bank's counter: at most 40 unaccented capitals and signs."""
    bare = unicodedata.normalize("NFD", text.upper().replace("Đ", "D"))
    return "".join(symbol for symbol in bare if " " <= symbol <= "~")[:40].strip()


def query_fields(query: bytes) -> dict[str, str]:
    """The decoded fields of a query string: ASCII on the wire, UTF-8 inside, no name twice.

    Raises RefusedError: TOO_LARGE or MALFORMED.
    """
    expect_bounded(query)
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise RefusedError(Refused.MALFORMED) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RefusedError(Refused.MALFORMED)
    return fields


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
