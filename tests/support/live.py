"""The whole gateway under uvicorn, in a thread with a loop of its own, for clients outside this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from litestar import Litestar


@dataclass(frozen=True)
class LiveServer:
    """`url` without a final slash."""

    url: str


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket on a port the system chose, and its address, before anything is served there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def served(app: Litestar, listener: socket.socket) -> Iterator[None]:
    """Serve while the block runs."""
    config = uvicorn.Config(
        app, http="httptools", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    yield
    server.should_exit = True
    thread.join()
