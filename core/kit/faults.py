"""A fault: one thing wrong with an input, with its place in it and a text in both languages.

Previews list faults, and errors carry them (`DomainError.faults`). They quote the input to whoever sent
it; a fault must never carry a secret and never reach a log.
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
