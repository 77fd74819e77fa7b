"""Fields of forms as values: what browsers send is text, and what cannot be read is never an exception here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from litestar.datastructures import UploadFile

from gateway.console.errors import BadAmountError, FileMissingError

CENTURY: Final = range(2000, 2101)
"""The years that a day of these books can be in."""
MAX_FILE_NAME: Final = 120
MAX_NOTE: Final = 500


@dataclass(frozen=True, slots=True)
class NoteForm:
    """Why something is done."""

    note: str = ""


def number_or_none(text: str) -> int | None:
    """A field of a form as a row's number; None for anything that cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def typed(text: str, limit: int) -> str:
    """What a person typed, at most `limit` characters, without what cannot be seen or stored."""
    return "".join(c for c in text if c.isprintable() or c == "\n")[:limit]


def date_or_none(text: str, years: range = range(1, 10_000)) -> date | None:
    """A date field, such as 2026-09-10; None for anything that is no day of `years`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in years else None


def amount_of(text: str) -> int | None:
    """An amount in VND as people write it, such as 1.250.000 đ; None for an empty field.

    Raises BadAmountError.
    """
    digits = re.sub(r"[.,\sđ]", "", text)
    if not digits:
        return None
    amount_vnd = number_or_none(digits)
    if amount_vnd is None:
        raise BadAmountError
    return amount_vnd


async def file_of(sent: object) -> tuple[bytes, str]:
    """The bytes and the name of an upload. Raises FileMissingError."""
    content = await sent.read() if isinstance(sent, UploadFile) else b""
    if not isinstance(sent, UploadFile) or not content:
        raise FileMissingError
    name = "".join(c for c in sent.filename if c.isprintable()).strip()[-MAX_FILE_NAME:]
    return content, name or "file"
