"""One process with the public SDKs for each worker of a test run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from judge import HERE, NODE, Judge, installed


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """The public SDKs, ready to be asked."""
    command = [NODE, HERE / "judge.mjs", installed()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as node:
        yield Judge(node)
