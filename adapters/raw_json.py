"""JSON whose own text was signed: the members of an object as they came, byte for byte.

For documents that `wire.json_object` has read before: what is well formed is only cut up here, and
nothing is decided about it.
"""

from __future__ import annotations

import json
from typing import Final

from adapters.contract import Refused, RefusedError

_DECODER: Final = json.JSONDecoder()


def raw_members(text: str) -> dict[str, str]:
    """The raw text of each member of a JSON object. Raises RefusedError(MALFORMED) for deep nesting."""
    found: dict[str, str] = {}
    at = _past(text, 0, "{")
    try:
        while text[at] != "}":
            name, end = _DECODER.raw_decode(text, at)
            at = _past(text, end, ":")
            _, end = _DECODER.raw_decode(text, at)
            found[name] = text[at:end]
            at = _past(text, end, ",")
    except RecursionError:
        raise RefusedError(Refused.MALFORMED) from None
    return found


def spellings(raw: str) -> tuple[str, ...]:
    """A raw value as it came and, where that differs, as JavaScript prints it; "" stays alone."""
    try:
        printed = compact(json.loads(raw)) if raw else ""
    except RecursionError:
        raise RefusedError(Refused.MALFORMED) from None
    return (raw, printed) if printed != raw else (raw,)


def compact(value: object) -> str:
    """JSON without spaces, keys in their order, as JSON.stringify prints it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _past(text: str, at: int, mark: str) -> int:
    """Past white space and `mark`, to the next token."""
    while text[at] in " \t\n\r" or text[at] == mark:
        at += 1
    return at
