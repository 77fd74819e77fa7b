"""The banks of Vietnam by BIN, the key that a VietQR and a transfer use.

The list is dated data beside this file, never code: banks merge and rename themselves. Codes and
short names differ from list to list ("BVB" is two banks), so nothing may be looked up by them.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Final

DATA: Final = "banks-2025-01.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A member of NAPAS. `transfer_supported`: its app pays a VietQR; None where no list says."""

    bin: str
    code: str
    short_name: str
    name: str
    swift: str | None
    transfer_supported: bool | None


@functools.cache
def banks() -> tuple[Bank, ...]:
    """Every bank of the list, in the order of its BIN."""
    text = resources.files("adapters").joinpath("data", DATA).read_text(encoding="utf-8")
    rows = json.loads(text)["banks"]
    return tuple(sorted((Bank(**row) for row in rows), key=lambda entry: entry.bin))


@functools.cache
def _by_bin() -> dict[str, Bank]:
    return {entry.bin: entry for entry in banks()}


def bank(bin: str) -> Bank | None:  # noqa: A002 - the word of the trade
    """The bank of a 6-digit BIN, or None where the list does not have it."""
    return _by_bin().get(bin)
