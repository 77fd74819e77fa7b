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
