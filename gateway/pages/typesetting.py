"""Documents as PDF, set by Typst with the fonts it carries: no network, no font files, no clock.

The same values give the same document. A template `templates/{name}` finds them as `data`, its
language as `lang`, and marks its texts by `msg("tiếng Việt")`.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Final

import typst

from adapters.messages import Lang, Message
from core.kit.texts import translate

MARKED: Final = re.compile(r'\bmsg\(\s*("(?:[^"\\]|\\.)*")\s*\)')
"""A text in a template; the first group is a JSON string."""
_ONE_AT_A_TIME = threading.Lock()


def set_pdf(template: str, data: Mapping[str, object], lang: Lang, *, at: datetime) -> bytes:
    """The PDF of a template, dated `at`; about 10 ms once the fonts are loaded. Call it in a thread."""
    body = _template(template)
    texts = {vi: translate(Message(vi), lang) for vi in map(json.loads, MARKED.findall(body))}
    source = (
        f'#let data = {_typst(data)}\n#let lang = "{lang}"\n#let texts = {_typst(texts)}\n'
        f"#let msg(vi) = texts.at(vi)\n{body}"
    )
    with _ONE_AT_A_TIME:
        document = _compiler().compile(
            input=source.encode(), format="pdf", timestamp=int(at.timestamp())
        )
    if not isinstance(document, bytes):
        raise TypeError("a template is one document")
    return document


def _typst(value: object) -> str:
    """A value for a template. JSON inside a string: both escape quote and backslash alike."""
    return f"json(bytes({json.dumps(json.dumps(value))}))"


@functools.cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(font_paths=fonts, ignore_system_fonts=True)


@functools.cache
def _template(name: str) -> str:
    templates = resources.files("gateway.pages").joinpath("templates")
    return templates.joinpath(name).read_text(encoding="utf-8")
