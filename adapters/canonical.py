"""JSON as some providers sign it: the document rewritten with its keys sorted and its spaces gone.

Numbers stay as they were written, since languages disagree on how to print 15000.0. A document that
could be read in two ways (a key twice, NaN) is refused before anything is computed over it.
"""

from __future__ import annotations

import json
from typing import Any

from adapters.contract import Refused, RefusedError
from adapters.wire import json_object


class Token(str):
    """A JSON number as it was written."""

    __slots__ = ()


def tokens(data: bytes) -> dict[str, Any]:
    """Parse one JSON object, numbers as `Token`. Raises RefusedError(MALFORMED)."""
    return json_object(data, whole=Token, fraction=Token)


def compact(value: object, *, ascii_only: bool = False) -> str:
    """JSON with the keys of every object sorted, without spaces, numbers as their tokens stand.

    ascii_only: other letters as \\uXXXX, as PHP and Python print them; else as JavaScript does.
    Raises RefusedError(MALFORMED) for nesting that no stack holds.
    """
    try:
        return _text(value, ascii_only)
    except RecursionError:
        raise RefusedError(Refused.MALFORMED) from None


def signable(text: str) -> bytes:
    """UTF-8; a lone surrogate as JavaScript prints it in JSON."""
    return text.encode("utf-8", "backslashreplace")


def _text(value: object, ascii_only: bool) -> str:
    match value:
        case Token():
            return str(value)
        case dict():
            pairs = (
                f"{json.dumps(name, ensure_ascii=ascii_only)}:{_text(inner, ascii_only)}"
                for name, inner in sorted(value.items())
            )
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(_text(inner, ascii_only) for inner in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=ascii_only)
