"""A real worker is killed in the middle of a night, wherever that is, and another one takes it up."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.reconciliation_school import (
    HOUR,
    books_and_proofs,
    fresh_engine,
    hashes,
    last_due_day,
)
from support.statement_files import Entry, mb_csv

from core.kit.clock import now_utc
from core.kit.database import transaction
from gateway import embedded
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement

LINES = 600
PATIENCE_S = 60
BLOCKED = """
SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = $1::regclass
"""


async def live_through(engine: AsyncEngine, day: date) -> World:
    """A school whose statement brings many lines that no notice told of."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 50_000])
        entries = [
            Entry(
                day, 10_000 + index, f"{world.invoices[index % 2].reference} {index}", f"FT{index}"
            )
            for index in range(LINES)
        ]
        data = mb_csv(world.bank_number, 5_000_000, entries)
        await import_statement(
            db, world.school_id, world.bank_account_id, data, "mb.csv", actor="an"
        )
    return world


# Imports once, then forks: each "start" is a new worker process, "wait" tells how it ended.
NURSERY = """
import os, sys
from gateway.cli.worker import worker
for line in sys.stdin:
    if line.strip() == "wait":
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    elif pid := os.fork():
        print(pid, flush=True)
    else:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        worker()
"""


@dataclass
class Nursery:
    """Where workers come from: `start` and `end` one at a time."""

    process: asyncio.subprocess.Process

    async def ask(self, word: str) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{word}\n".encode())
        return int(await self.process.stdout.readline())

    async def end(self, pid: int, sign: int) -> int:
        """Send the worker a signal; its exit status, or minus the signal."""
        os.kill(pid, sign)
        return await self.ask("wait")


@asynccontextmanager
async def nursery(engine: AsyncEngine, home: Path) -> AsyncIterator[Nursery]:
    """`hocphi worker` as processes of their own, on this database."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        NURSERY,
        env={
            **os.environ,
            "DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "HOCPHI_HOME": str(home),
            "HOCPHI_RECONCILIATION_HOUR": str(HOUR),
            "HOCPHI_WORKER_HEARTBEAT_TIMEOUT_S": "1",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Nursery(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with a worker that a failed test left
        await process.wait()


async def until(engine: AsyncEngine, question: str, *args: object) -> None:
    """Wait until the database answers yes."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with transaction(engine) as db:
                if await db.raw.fetchval(question, *args):
                    return
            await asyncio.sleep(0.01)


async def payments(engine: AsyncEngine) -> int:
    async with transaction(engine) as db:
        return await db.raw.fetchval("SELECT count(*) FROM payment")


async def test_a_worker_killed_at_any_point_is_followed_by_another(
    pg_server: embedded.Server, template_database: str, worker_id: str, tmp_path: Path
) -> None:
    day = last_due_day(now_utc(), HOUR)
    async with fresh_engine(pg_server, template_database, f"{worker_id}_undisturbed") as engine:
        world = await live_through(engine, day)
        undisturbed = await reconcile(engine, world.school_id, day)
        expected = await books_and_proofs(engine)
    assert undisturbed.created == LINES

    async with fresh_engine(pg_server, template_database, f"{worker_id}_killed") as engine:
        world = await live_through(engine, day)
        async with nursery(engine, tmp_path) as workers:
            # at its first look at matches; when all is written, just before the commit
            for table in ("match", "daily_proof"):
                async with transaction(engine) as db:
                    await db.raw.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                    pid = await workers.ask("start")
                    await until(engine, BLOCKED, table)
                    await workers.end(pid, signal.SIGKILL)
                assert await payments(engine) == 0
            # after the commit, before anybody was told
            async with transaction(engine) as told:
                async with transaction(engine) as db:
                    await db.raw.execute("LOCK TABLE daily_proof IN EXCLUSIVE MODE")
                    pid = await workers.ask("start")
                    await until(engine, BLOCKED, "daily_proof")
                    await told.raw.execute("LOCK TABLE reconciliation_run IN EXCLUSIVE MODE")
                await until(engine, "SELECT count(*) > 0 FROM daily_proof")
                await workers.end(pid, signal.SIGKILL)
            assert await payments(engine) == LINES
            # somewhere
            async with transaction(engine) as db:
                attempts = await db.raw.fetchval("SELECT attempts FROM reconciliation_run")
            pid = await workers.ask("start")
            await until(engine, "SELECT attempts > $1 FROM reconciliation_run", attempts)
            await asyncio.sleep(random.uniform(0, 0.5))
            await workers.end(pid, signal.SIGKILL)

            async with transaction(engine) as db:
                before = await db.raw.fetchval("SELECT max(id) FROM procrastinate_workers")
            pid = await workers.ask("start")
            await until(engine, "SELECT max(id) > $1 FROM procrastinate_workers", before)
            await until(engine, "SELECT state = 'done' FROM reconciliation_run")
            await until(engine, "SELECT count(*) = 0 FROM procrastinate_jobs")
            assert await workers.end(pid, signal.SIGTERM) == 0
        assert (await hashes(engine))["TH01", day] == undisturbed.result_hash
        assert await books_and_proofs(engine) == expected
