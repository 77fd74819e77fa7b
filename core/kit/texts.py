"""Texts in the reader's language: Vietnamese stands in the code, English in the compiled catalogue.

Whoever shows a `Message` does it here. A page must never show Vietnamese for want of a catalogue, so
a process without the compiled file does not run.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from importlib import resources
from typing import Final

from adapters.messages import Lang, Message, fill, msg, pmsg

__all__ = ["Lang", "Message", "catalogue", "en_of", "msg", "pmsg", "translate", "vi_of"]

_COMPILED: Final = ("locale", "en", "LC_MESSAGES", "hocphi.mo")


def translate(message: Message, lang: Lang) -> str:
    """The text for a reader of `lang`. A text without English stays Vietnamese (a check finds it)."""
    return vi_of(message) if lang == "vi" else en_of(message)


def vi_of(message: Message) -> str:
    """The text in Vietnamese."""
    return str(message)


def en_of(message: Message) -> str:
    """The text in English."""
    found = catalogue()
    if message.context:
        text = found.pgettext(message.context, message.id)
    else:
        text = found.gettext(message.id)
    return fill(text, message.params, "en", en_of)


@cache
def catalogue() -> GNUTranslations:
    """The English texts, read once per process. Raises RuntimeError when they were not compiled."""
    try:
        with resources.files("core.kit").joinpath(*_COMPILED).open("rb") as compiled:
            return GNUTranslations(compiled)
    except FileNotFoundError:
        raise RuntimeError(
            "The English texts are not compiled. Run: python -m tools.texts compile"
        ) from None
