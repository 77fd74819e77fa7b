"""A real PostgreSQL for every test: one server per run, one fresh migrated database per test.

All xdist workers share the run's server and the template it holds; a test that asks for
`database_url` or `engine` gets a database of its own, copied from the template, so that no test
sees another's rows although the books forbid DELETE and TRUNCATE.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.owner_sql import psql

import migrations
from core.kit.database import check_rows, create_engine
from gateway import embedded
from tools.catalogue import FOLDER, compile_texts

# A slow machine is no bug: examples have no deadline.
hypothesis.settings.register_profile("hocphi", deadline=None, print_blob=True)
hypothesis.settings.load_profile("hocphi")

# Every row is compared with its annotations, here and in the processes that tests start.
os.environ["HOCPHI_CHECK_ROWS"] = "1"
check_rows(is_on=True)

compile_texts(Path(__file__).parents[1] / FOLDER)

TEMPLATE = "migrated"
# Nothing here outlives the run, so nothing needs to survive a power cut.
SERVER_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
_serial = itertools.count(1)


@pytest.fixture(scope="session")
def pg_server(testrun_uid: str) -> Iterator[embedded.Server]:
    """The run's PostgreSQL; `embedded.dsn_of` and `embedded.url_of` give its addresses."""
    folder = Path(tempfile.gettempdir())
    home = folder / f"hocphi-test-{testrun_uid[:12]}"
    for left_behind in folder.glob("hocphi-test-*"):  # by a run that was killed
        if left_behind != home and left_behind.stat().st_uid == os.geteuid():
            embedded.discard(left_behind)
    with embedded.running(home, settings=SERVER_SETTINGS) as server:
        yield server
    embedded.discard(home)  # only the run's last worker succeeds


@pytest.fixture(scope="session")
def template_database(pg_server: embedded.Server) -> str:
    """The name of a migrated, empty database; made by the first worker that comes."""
    with (pg_server.home / "template.lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        query = f"SELECT count(*) FROM pg_database WHERE datname = '{TEMPLATE}'"
        if psql(pg_server, query).strip() == "0":
            psql(pg_server, "DROP DATABASE IF EXISTS being_migrated")
            psql(pg_server, "CREATE DATABASE being_migrated")
            # Alembic runs an event loop of its own, which this thread may have already.
            url = embedded.url_of(pg_server, "being_migrated")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(migrations.upgrade, url).result()
            psql(pg_server, f"ALTER DATABASE being_migrated RENAME TO {TEMPLATE}")
    return TEMPLATE


@pytest.fixture
def database_url(
    pg_server: embedded.Server,
    template_database: str,
    worker_id: str,
    request: pytest.FixtureRequest,
) -> Iterator[str]:
    """SQLAlchemy's address of a fresh, migrated database; dropped after the test."""
    test = re.sub(r"\W+", "_", request.node.name.lower())[:30]
    name = f"{worker_id}_{next(_serial)}_{test}"
    copy = f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY file_copy"
    psql(pg_server, copy)
    yield embedded.url_of(pg_server, name)
    psql(pg_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine as the service makes it, on a database of this test's own."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()
