"""Delete the embedded database and `var/`. Runs on a bare Python: the standard library is all it needs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from gateway import embedded


def main() -> int:
    """Refuse while a server of ours is in use; the exit status."""
    folder = Path("var")
    homes = (folder / "postgres", folder / "demo" / "postgres")
    if not all(embedded.discard(home) for home in homes):
        print("a hocphi command still uses the embedded database: end it first", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
