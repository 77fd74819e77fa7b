"""Check that the lock files name no address but the public registries.

A lock made behind a company's mirror would carry that mirror to everybody who clones this tree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

ALLOWED: Mapping[str, frozenset[str]] = {
    "uv.lock": frozenset({"pypi.org", "files.pythonhosted.org"}),
    "package-lock.json": frozenset({"registry.npmjs.org"}),
}
# npm's lock repeats each package's `funding` link, which nothing is ever fetched from.
FUNDING = re.compile(r'"funding":\s*(\{[^{}]*\}|\[[^\[\]]*\]|"[^"]*")')
ADDRESS = re.compile(r"\b(?:https?|git\+\w+|ssh|file)://([^/\"'\s]*)")


def strangers(text: str, allowed: frozenset[str]) -> list[str]:
    """Hosts in a lock file that are not allowed, sorted; `` stands for a path on this machine."""
    return sorted(set(ADDRESS.findall(FUNDING.sub("", text))) - allowed)


def main(root: Path) -> int:
    """Print each lock file's verdict; the exit status. uv.lock must exist."""
    locks = {path: allowed for name, allowed in ALLOWED.items() for path in _find(root, name)}
    if root / "uv.lock" not in locks:
        print("uv.lock is missing")
        return 1
    bad = 0
    for path, allowed in locks.items():
        found = strangers(path.read_text(encoding="utf-8"), allowed)
        bad += bool(found)
        print(
            f"{path.relative_to(root)}: {'foreign hosts: ' + ', '.join(found) if found else 'ok'}"
        )
    return 1 if bad else 0


def _find(root: Path, name: str) -> list[Path]:
    skipped = {".venv", ".tools", "node_modules", "var", ".git"}
    return [p for p in sorted(root.rglob(name)) if not skipped & set(p.relative_to(root).parts)]


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
