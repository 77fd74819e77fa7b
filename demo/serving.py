"""The gateway served inside this process, so that the demo can talk to it over real HTTP.

It listens on 127.0.0.1 only, and it never lets a signal end the process before the database is stopped.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar import Litestar

from adapters.messages import msg
from demo.errors import DemoFailedError, PortTakenError

HOST = "127.0.0.1"
GRACE_S = 2  # open live streams do not hold the end up for longer


def bind(port: int) -> socket.socket:
    """A socket of our own on `port` (0: any free one). Raises PortTakenError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(port) from error
    return bound


class _Server(uvicorn.Server):
    """uvicorn, but signals are ours: it would raise them again and kill the process half-way."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Litestar, bound: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve `app` on the socket while the block runs; gives the server's task.

    Raises DemoFailedError when the application does not start.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if task.done():
                await task
                raise DemoFailedError(msg("cổng không khởi động, xem gateway.log"))
            await asyncio.sleep(0.01)
        yield task
    finally:
        server.should_exit = True
        await task


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, instead of ending the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
