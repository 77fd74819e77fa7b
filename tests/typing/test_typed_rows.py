"""A fetched row is its dataclass to mypy, and what is misspelt is an error before anything runs."""

from __future__ import annotations

import re
from pathlib import Path

from mypy import api

PROGRAM = Path(__file__).with_name("rows.py")
HOME = Path(__file__).parents[2]
WANTED = re.compile(r"# (reveals|error): (.+)$")
FOUND = re.compile(r'rows\.py:(\d+): (?:note: Revealed type is "(.*)"|error: .*\[(.+)\])$')


def test_rows_are_typed_and_misuse_is_refused() -> None:
    wanted = {
        (number, match[2])
        for number, line in enumerate(PROGRAM.read_text().splitlines(), 1)
        if (match := WANTED.search(line))
    }
    settings = ["--config-file", str(HOME / "pyproject.toml"), "--no-error-summary"]
    said, failed, _ = api.run([*settings, "--hide-error-context", str(PROGRAM)])
    assert not failed
    found = {
        (int(match[1]), _plain(match[2]) if match[2] else match[3])
        for line in said.splitlines()
        if (match := FOUND.search(line))
    }
    assert found == wanted, said


def _plain(revealed: str) -> str:
    """A type by its bare names: `builtins.list[x.y.Row]` is `list[Row]`."""
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", revealed)
