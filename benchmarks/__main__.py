"""`make bench`: every benchmark, one after the other, and a table of their ratios."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

NAMES = ("qr", "issue", "reconcile", "ipn", "memos")


def main() -> None:
    """Run all, or those named on the command line; print figures as they come and the ratios last."""
    chosen = sys.argv[1:] or NAMES
    ratios: dict[str, float] = {}
    for name in chosen:
        began = time.perf_counter()
        figures = import_module(f"benchmarks.{name}").run()
        ratios[name] = figures["ratio"]
        print(f"{name} ({time.perf_counter() - began:.0f} s)\n{json.dumps(figures, indent=2)}\n")
    for name, ratio in ratios.items():
        print(f"{name:10} ratio {ratio}")


if __name__ == "__main__":
    main()
