"""For the tests of pages: a real server on a free port, and a real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright
from serving import settings_for_tests

from gateway.app import create_app

FOUND_BY_SETUP = Path(__file__).parents[2] / ".tools" / "chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@dataclass(frozen=True)
class LiveServer:
    """`url` without a final slash."""

    url: str


@pytest.fixture
def live_server(database_url: str) -> Iterator[LiveServer]:
    """The whole gateway under uvicorn, in a thread with a loop of its own, on a port the system chose."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(settings_for_tests(base_url=url), database_url)
    config = uvicorn.Config(
        app, http="httptools", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    yield LiveServer(url)
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that runs. Without one the test fails: it is never skipped."""
    candidates = [
        os.environ.get("CHROMIUM", ""),
        FOUND_BY_SETUP.read_text().strip() if FOUND_BY_SETUP.exists() else "",
        *(shutil.which(name) or "" for name in ("chromium", "chromium-browser", "google-chrome")),
    ]
    for path in filter(None, candidates):
        if (
            shutil.which(path)
            and not subprocess.run([path, "--version"], capture_output=True, check=False).returncode
        ):
            return path
    pytest.fail(
        "no Chromium found in $CHROMIUM, .tools/chromium or PATH: run `make test`, which gets one,"
        " or `bash tools/browser.sh`"
    )


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()
