"""`hocphi serve` ends whole: a signal stops the server and the embedded PostgreSQL with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway import embedded


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_database(
    tmp_path: Path, with_signal: signal.Signals
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    environment |= {"HOCPHI_HOME": str(tmp_path), "HOCPHI_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "serve"],
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as served:
        try:
            patient = httpx.HTTPTransport(retries=7)  # half a second, then twice as long each time
            with httpx.Client(transport=patient) as client:
                assert client.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
            served.send_signal(with_signal)
            assert served.wait(30) == 0
        finally:
            served.kill()
    assert embedded.discard(tmp_path / "postgres")  # nobody uses it any more
