"""Check that no circle runs through our files, however long (design: arrows point one way).

import-linter compares packages; two packages may know each other here as long as their files do not.
"""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import grimp

ROOTS = ("gateway", "adapters", "reconciliation", "sandbox", "migrations")


def main() -> int:
    """Print the first circle; the exit status."""
    graph = grimp.build_graph(*ROOTS)
    sorter = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    try:
        sorter.prepare()
    except CycleError as circle:
        print("a circle of imports:", " <- ".join(circle.args[1]))
        return 1
    print(f"{len(graph.modules)} files, no circle")
    return 0


if __name__ == "__main__":
    sys.exit(main())
