"""Errors that a person or a program outside must understand, in Vietnamese and English.

One type, raised by services, turned into RFC 9457 JSON for the API, a message on pages, a line on
the terminal. It must never carry a secret or a child's data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input: where it stands and what to do. `row` counts from 1, 0 = none."""

    code: str
    vi: str
    en: str
    row: int = 0
    column: str = ""
    value: str = ""


class Problem(Exception):  # noqa: N818  # RFC 9457's own word
    """A refusal with a stable `code`, an HTTP `status` and the faults that explain it."""

    def __init__(
        self, code: str, *, vi: str, en: str, status: int = 400, faults: tuple[Fault, ...] = ()
    ) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.vi = vi
        self.en = en
        self.status = status
        self.faults = faults


def not_found(what_vi: str, what_en: str) -> Problem:
    """404: it does not exist, or not for this caller."""
    return Problem(
        "not_found", vi=f"Không tìm thấy {what_vi}.", en=f"No such {what_en}.", status=404
    )
