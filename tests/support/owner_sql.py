"""Statements run as the test server's owner: without an event loop, so that any fixture may."""

from __future__ import annotations

import subprocess

from gateway import embedded


def psql(server: embedded.Server, statement: str) -> str:
    """Run one statement and give what it prints."""
    client = str(server.bin_dir / "psql")
    command = [client, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]
    command.append(embedded.dsn_of(server, "postgres"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
