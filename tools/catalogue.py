"""The English catalogue as files: any number of .po files, merged into one compiled .mo.

Only Babel is needed, so that the build of a wheel can use it too. Two files must never give one text
two English ones, and what is written must not depend on the day or the machine.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

FOLDER: Final = Path("core", "kit", "locale", "en", "LC_MESSAGES")
COMPILED: Final = "hocphi.mo"
_HEADER: Final = (
    "# English texts; the Vietnamese text is the message id. Sorted; made by python -m tools.texts.\n"
    'msgid ""\nmsgstr ""\n'
    '"Language: en\\n"\n"MIME-Version: 1.0\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
)


class Key(NamedTuple):
    """What a text is found by: its context, mostly "", and its Vietnamese."""

    context: str
    vi: str


class TwoEnglishError(ValueError):
    """One text has two English ones, in one file or in two."""


class PluralError(ValueError):
    """A text of the catalogue has plural forms, which Vietnamese and these texts do not know."""


def read_texts(po: Path) -> dict[Key, str]:
    """The English of every text in a .po file. Raises TwoEnglishError, PluralError."""
    with po.open("rb") as file:
        catalog = read_po(file, locale="en", abort_invalid=True)
    found: dict[Key, str] = {}
    for message in catalog:
        if not message.id:
            continue
        if not isinstance(message.id, str) or not isinstance(message.string, str):
            raise PluralError(f"{po.name}: plural forms are not used: {message.id!r}")
        _put(found, Key(message.context or "", message.id), message.string, po)
    return found


def merge(files: Iterable[Path]) -> dict[Key, str]:
    """The texts of all files together. Raises TwoEnglishError."""
    merged: dict[Key, str] = {}
    for po in sorted(files):
        for key, english in read_texts(po).items():
            _put(merged, key, english, po)
    return merged


def write_texts(po: Path, texts: Mapping[Key, str]) -> None:
    """Write a .po file, sorted by Vietnamese and context."""
    written = io.BytesIO()
    write_po(written, _catalog(texts), width=0, omit_header=True)
    po.parent.mkdir(parents=True, exist_ok=True)
    po.write_bytes(_HEADER.encode() + written.getvalue())


def compile_texts(folder: Path) -> Path:
    """Merge all .po files of a folder into its .mo file and return it. Raises TwoEnglishError.

    The file is replaced at once, so that readers and other writers never see half of it.
    """
    texts = {key: english for key, english in merge(folder.glob("*.po")).items() if english}
    target = folder / COMPILED
    handle, path = tempfile.mkstemp(dir=folder, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        write_mo(file, _catalog(texts))
    Path(path).chmod(0o644)
    Path(path).replace(target)
    return target


def _catalog(texts: Mapping[Key, str]) -> Catalog:
    epoch = datetime(2026, 1, 1, tzinfo=UTC)  # a build must give the same bytes on every day
    catalog = Catalog(
        locale="en", project="hocphi", version="1", creation_date=epoch, revision_date=epoch
    )
    for key, english in sorted(texts.items(), key=lambda item: (item[0].vi, item[0].context)):
        catalog.add(key.vi, english, context=key.context or None)
    return catalog


def _put(texts: dict[Key, str], key: Key, english: str, po: Path) -> None:
    if texts.setdefault(key, english) != english:
        raise TwoEnglishError(
            f"{po.name}: {key.vi!r} ({key.context or 'no context'}) is {english!r}"
            f" here and {texts[key]!r} elsewhere"
        )
