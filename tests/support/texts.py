"""A message as a test compares it: in both languages."""

from __future__ import annotations

from adapters.messages import Message
from core.kit.texts import en_of, vi_of


def in_both(message: Message) -> tuple[str, str]:
    """Vietnamese and English."""
    return vi_of(message), en_of(message)
