"""Documents as PDF, set by Typst with the fonts it carries: no network, no font files, no clock.

The same words give the same document. A template `templates/{name}` finds them as `said`.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from importlib import resources

import typst

_ONE_AT_A_TIME = threading.Lock()


def set_pdf(template: str, said: Mapping[str, object], *, at: datetime) -> bytes:
    """The PDF of a template, dated `at`; about 10 ms once the fonts are loaded. Call it in a thread."""
    # JSON inside a string: both languages escape quote and backslash alike, and the inner text is ASCII
    words = json.dumps(json.dumps(said))
    source = f"#let said = json(bytes({words}))\n{_template(template)}"
    with _ONE_AT_A_TIME:
        document = _compiler().compile(
            input=source.encode(), format="pdf", timestamp=int(at.timestamp())
        )
    if not isinstance(document, bytes):
        raise TypeError("a template is one document")
    return document


@functools.cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(font_paths=fonts, ignore_system_fonts=True)


@functools.cache
def _template(name: str) -> str:
    templates = resources.files("gateway.pages").joinpath("templates")
    return templates.joinpath(name).read_text(encoding="utf-8")
