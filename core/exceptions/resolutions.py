"""How an exception ends, and who ends it where no person does."""

from __future__ import annotations

from typing import Final

from core.exceptions.sql import resolving

MATCHED_LATER: Final = "matched_later"
"""The night withdrew its own finding: what was missing has come."""
NIGHT: Final = "night"
"""The actor of what the night resolves by itself."""


def withdrawing(condition: str, source: str = "") -> str:
    """An UPDATE by which the night withdraws the findings `e` of `condition`: see `resolving`."""
    return resolving(condition, resolution=f"'{MATCHED_LATER}'", actor=f"'{NIGHT}'", source=source)
