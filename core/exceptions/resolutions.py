"""How an exception ends, and who ends it where no person does."""

from __future__ import annotations

from typing import Final

MATCHED_LATER: Final = "matched_later"
"""The night withdrew its own finding: what was missing has come."""
NIGHT: Final = "night"
"""The actor of what the night resolves by itself."""
