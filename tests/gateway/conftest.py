"""For the tests of pages: a real server on a free port, and a real Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright
from support.live import LiveServer, listening, served
from support.paths import REPOSITORY
from support.serving import settings_for_tests

from gateway.app import create_app

FOUND_BY_SETUP = REPOSITORY / ".tools" / "chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture
def live_server(database_url: str) -> Iterator[LiveServer]:
    """The whole gateway under uvicorn on a port the system chose."""
    with listening() as (listener, url):
        app = create_app(settings_for_tests(base_url=url), database_url)
        with served(app, listener):
            yield LiveServer(url)


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
