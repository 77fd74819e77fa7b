"""Check that no circle runs through our files, nor through our folders, however long (arrows point one way).

A folder's arrow is any import from a file below it to a file outside it; a file that stands beside
folders counts as a folder of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

import grimp

ROOTS = ("adapters", "core", "reconciliation", "migrations", "gateway", "sandbox", "demo")


def folder_arrows(imports: Mapping[str, Set[str]], depth: int) -> dict[str, set[str]]:
    """The imports between modules, seen from the folders at `depth` (1: the top packages)."""
    arrows: dict[str, set[str]] = {}
    for module, imported in imports.items():
        here = ".".join(module.split(".")[:depth])
        there = {".".join(one.split(".")[:depth]) for one in imported}
        # a package's own `__init__` is no folder beside the folders in it
        arrows.setdefault(here, set()).update(
            one
            for one in there
            if not f"{here}.".startswith(f"{one}.") and not one.startswith(f"{here}.")
        )
    return arrows


def circle_in(arrows: Mapping[str, Set[str]]) -> list[str]:
    """The first circle of these arrows, its first name repeated at the end; empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as circle:
        return [str(name) for name in circle.args[1]]
    return []


def main() -> int:
    """Print the first circle of files or of folders; the exit status."""
    graph = grimp.build_graph(*ROOTS)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    deepest = max(module.count(".") for module in imports) + 1
    for depth in range(1, deepest + 1):
        circle = circle_in(folder_arrows(imports, depth))
        if circle:
            print("a circle of imports:", " <- ".join(circle))
            return 1
    print(f"{len(imports)} files, no circle of files or folders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
