"""The lock's addresses: a mirror, a path or a repository must not slip in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import REPOSITORY

from tools import check_lock

PYPI = check_lock.ALLOWED["uv.lock"]
GOOD = """
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://files.pythonhosted.org/packages/a.whl", hash = "sha256:0" }]
"""


def test_this_tree_passes() -> None:
    assert check_lock.main(REPOSITORY) == 0


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ('url = "https://mirror.example.com/a.whl"', "mirror.example.com"),
        ('url = "http://pypi.org.evil.example/a.whl"', "pypi.org.evil.example"),
        ('registry = "file:///opt/wheels"', ""),
        ('source = { git = "git+ssh://git@example.com/a" }', "git@example.com"),
        ('url = "https://user:secret@pypi.org/simple"', "user:secret@pypi.org"),
    ],
)
def test_a_foreign_address_is_named(tmp_path: Path, line: str, host: str) -> None:
    assert check_lock.strangers(GOOD, PYPI) == []
    assert check_lock.strangers(GOOD + line, PYPI) == [host]
    (tmp_path / "uv.lock").write_text(GOOD + line)
    assert check_lock.main(tmp_path) == 1


def test_npm_may_only_name_its_registry(tmp_path: Path) -> None:
    lock = '{"resolved": "https://%s/a.tgz", "funding": {"url": "https://example.org/give"}}'
    (tmp_path / "uv.lock").write_text(GOOD)
    (tmp_path / "package-lock.json").write_text(lock % "registry.npmjs.org")
    assert check_lock.main(tmp_path) == 0
    (tmp_path / "package-lock.json").write_text(lock % "npm.example.com")
    assert check_lock.main(tmp_path) == 1


def test_a_missing_lock_fails(tmp_path: Path) -> None:
    assert check_lock.main(tmp_path) == 1
