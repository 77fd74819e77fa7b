"""Does the text of a bank line name a provider's payout? Names and phrases are dated data in `data/payouts-*.json`.

Pure. What a payer writes must never count: a wallet's name alone says only where the money came from.
"""

from __future__ import annotations

import json
import re
import unicodedata
from importlib import resources
from typing import Any, Final

_FILE: Final = "payouts-2026-11.json"
_DATA: Final[dict[str, Any]] = json.loads(
    resources.files("adapters").joinpath("data", _FILE).read_text(encoding="utf-8")
)
_PHRASES: Final[tuple[str, ...]] = tuple(_DATA["phrases"])
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    provider: tuple(names) for provider, names in _DATA["names"].items()
}

POSTED_WITHIN_DAYS: Final[int] = _DATA["posted_within_days"]
"""How long after its day of settlement a batch is looked for on the statement: holidays are long."""

MIN_BATCH_NAME: Final = 6
"""A shorter name of a batch may stand in any text by chance."""


def providers_in(content: str) -> frozenset[str]:
    """The providers (names of adapters) whose payout a bank line's text names; nearly always none."""
    text = _plain(content)
    if not any(phrase in text for phrase in _PHRASES):
        return frozenset()
    return frozenset(p for p, names in _NAMES.items() if any(name in text for name in names))


def names_batch(content: str, batch: str) -> bool:
    """Whether a text has a batch's name, whatever stands between its letters; not within a longer number."""
    letters = _plain(batch)
    if len(letters) < MIN_BATCH_NAME or not any(c.isdigit() for c in letters):
        return False
    spelled = r"[^0-9A-Z]?".join(map(re.escape, letters))
    return bool(re.search(rf"(?<![0-9A-Z]){spelled}(?![0-9A-Z])", _bare(content)))


def _bare(text: str) -> str:
    """Upper case without marks; what is no letter or digit stays."""
    marks_off = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).upper())
    return "".join(c for c in marks_off if not unicodedata.combining(c)).replace("Đ", "D")


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", _bare(text))
