"""Write docs/errors.md: every type of refusal, made from the code.

    python -m tools.errors_page            write the page
    python -m tools.errors_page --check    exit 1 when the page is out of date, or a code has two titles

RFC 9457 wants one title for every problem of a type, so all types of a code share theirs; what tells them
apart stands in their `text`.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from adapters.messages import Message
from core.kit import errors as kinds
from core.kit.errors import DomainError
from core.kit.texts import catalogue
from gateway.problems import status_of_type

PAGE: Final = Path(__file__).parent.parent / "docs" / "errors.md"
PACKAGES: Final = ("adapters", "core", "reconciliation", "gateway")
HEAD: Final = """# Errors

<!-- Made from the code by `python -m tools.errors_page`: change the types, then run it. -->

Every refusal is a type with a stable code. The API answers it as RFC 9457 `application/problem+json`:
`type` is `urn:hocphi:problem:<code>`, `title` the English title of the code, `status` as below, `detail` and
`detail_en` the message in Vietnamese and English, `faults` what is wrong with the input, by row and column.
The console and the command line show the same messages. A message's fields stand in braces; a type without
a message of its own shows its title.
"""


def import_all() -> None:
    """Import every module of the product but those that run when they are imported."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)


def error_types() -> list[type[DomainError]]:
    """The types that are raised, by module and code; kinds and bases without a code are none."""
    found = {
        one
        for one in _below(DomainError)
        if one.__module__ != kinds.__name__ and one.__module__.split(".")[0] in PACKAGES
        if hasattr(one, "code")
    }
    return sorted(found, key=lambda one: (one.__module__, one.code, one.__name__))


def _below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def page_of(types: Iterable[type[DomainError]]) -> str:
    """The page: a table for each package."""
    parts = [HEAD]
    for package, members in groupby(types, key=lambda one: one.__module__.rpartition(".")[0]):
        parts.append(f"\n## `{package}`\n\n| code | status | title | message | fields | type |")
        parts.append("\n|---|---|---|---|---|---|\n")
        parts += [_row(one) for one in members]
    return "".join(parts)


def _row(one: type[DomainError]) -> str:
    module = one.__module__.rpartition(".")[2]
    cells = (
        f"`{one.code}`",
        str(status_of_type(one)),
        _both(one.title),
        _both(one.text) if one.text else "",
        ", ".join(f"`{name}`" for name in _fields(one)),
        f"`{module}.{one.__name__}`",
    )
    return f"| {' | '.join(cells)} |\n"


def _fields(one: type[DomainError]) -> list[str]:
    return [field.name for field in fields(one)] if is_dataclass(one) else []


def _both(text: Message) -> str:
    return f"{_cell(text.id)}<br>{_cell(_english(text))}"


def _english(text: Message) -> str:
    found = catalogue()
    return found.pgettext(text.context, text.id) if text.context else found.gettext(text.id)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def two_titles(types: Iterable[type[DomainError]]) -> list[str]:
    """Codes whose types have different titles, and these types."""
    by_code: dict[str, list[type[DomainError]]] = {}
    for one in types:
        by_code.setdefault(one.code, []).append(one)
    return [
        f"{code}: {', '.join(f'{one.__module__}.{one.__name__}' for one in members)}"
        for code, members in sorted(by_code.items())
        if len({one.title for one in members}) > 1
    ]


def main(arguments: list[str]) -> int:
    """Write the page, or check it; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    is_check = parser.parse_args(arguments).check
    import_all()
    types = error_types()
    faults = [f"one code, two titles: {fault}" for fault in two_titles(types)]
    page = page_of(types)
    if not is_check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        faults.append(f"{PAGE.name} is out of date: run python -m tools.errors_page")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(types)} types of errors, {len({one.code for one in types})} codes")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
