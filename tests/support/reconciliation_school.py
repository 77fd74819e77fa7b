"""Schools with a day to be reconciled, workers inside this process that run their nights, databases to compare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World, make_world
from support.owner_sql import psql
from support.statement_files import Entry, mb_csv

from core.kit.clock import VN, business_date
from core.kit.database import create_engine, transaction
from gateway import embedded
from reconciliation.jobs.due import queue_due
from reconciliation.jobs.queue import drain, make_queue
from reconciliation.statements.imports import import_statement

OPENING_VND = 5_000_000
HOUR = 1
DUE = datetime(DAY.year, DAY.month, DAY.day, 18, tzinfo=UTC)
"""One o'clock in Vietnam on the day after DAY: its night begins."""


def last_due_day(at: datetime, reconciliation_hour: int) -> date:
    """The last business day that is due for reconciliation at `at` (aware)."""
    day = business_date(at) - timedelta(days=1)
    return day if at.astimezone(VN).hour >= reconciliation_hour else day - timedelta(days=1)


async def schools(engine: AsyncEngine, count: int) -> list[World]:
    """Schools TH01, TH02 … with three invoices each."""
    async with transaction(engine) as db:
        return [
            await make_world(db, [100_000, 100_000, 50_000], code=f"TH{n:02d}")
            for n in range(1, count + 1)
        ]


async def bring_lines(engine: AsyncEngine, world: World, day: date = DAY) -> None:
    """A statement of `day`: each invoice is paid, and somebody unknown pays too."""
    entries = [
        *(
            Entry(day, invoice.total_vnd, f"nop {invoice.reference}", f"FT{index}{day:%d}")
            for index, invoice in enumerate(world.invoices)
        ),
        Entry(day, 30_000, "khong ro", f"FT9{day:%d}"),
    ]
    async with transaction(engine) as db:
        await import_statement(
            db,
            world.school_id,
            world.bank_account_id,
            mb_csv(world.bank_number, OPENING_VND, entries),
            "mb.csv",
            actor="an",
        )


async def queue_at(engine: AsyncEngine, at: datetime) -> int:
    """What is due at `at` goes into the queue."""
    async with transaction(engine) as db:
        return await queue_due(db, at, HOUR)


async def run_queue(engine: AsyncEngine, workers: int = 1, at_once: int = 1) -> None:
    """So many workers run what waits in the queue, then leave."""
    url = engine.url.render_as_string(hide_password=False)

    async def one(name: str) -> None:
        queue = make_queue(engine, url, name)
        async with queue.open_async():
            await drain(queue, at_once=at_once, heartbeat_timeout_s=60)

    await asyncio.gather(*(one(f"w{n}") for n in range(workers)))


async def waiting(engine: AsyncEngine) -> list[tuple[int, str, str]]:
    """What the queue holds, in its order: (school, day, status)."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT (args->>'school_id')::bigint, args->>'day', status::text FROM procrastinate_jobs ORDER BY id"
        )
        return [tuple(row) for row in rows]


async def runs(engine: AsyncEngine) -> list[tuple[int, date, str, int]]:
    """(school, day, state, attempts) of every night there was."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT school_id, business_date, state, attempts FROM reconciliation_run ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]


async def hashes(engine: AsyncEngine) -> dict[tuple[str, date], str]:
    """The result of every night, by the school's code and day."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT s.code, r.business_date, r.result_hash FROM reconciliation_run r JOIN school s ON s.id = r.school_id"
            " WHERE r.state = 'done'"
        )
        return {(row[0], row[1]): row[2] for row in rows}


async def let_retries_run(engine: AsyncEngine) -> None:
    """Time passes: what was put off until later is due now."""
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"
        )


# what is where; in which parts it came there says only which of two payments came first
BOOKS = """
SELECT t.kind, d.kind, c.kind, t.business_date, i.reference, sum(t.amount_vnd)::bigint
  FROM transfer t
  JOIN ledger_account d ON d.school_id = t.school_id AND d.id = t.debit_account_id
  JOIN ledger_account c ON c.school_id = t.school_id AND c.id = t.credit_account_id
  LEFT JOIN invoice i ON i.school_id = t.school_id AND i.id = t.invoice_id
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
PROOFS = """
SELECT business_date, opening_vnd, closing_vnd, difference_vnd, body::text FROM daily_proof ORDER BY 1, 5
"""


async def books_and_proofs(engine: AsyncEngine) -> tuple[list[tuple[object, ...]], ...]:
    """What stands in the books and what was proved, without the numbers of one database."""
    async with transaction(engine) as db:
        books, proofs = [[tuple(row) for row in await db.raw.fetch(sql)] for sql in (BOOKS, PROOFS)]
    return books, proofs


def days_before(day: date, count: int) -> Sequence[date]:
    """The `count` days up to `day`, in order."""
    return [day - timedelta(n) for n in reversed(range(count))]


@asynccontextmanager
async def fresh_engine(
    server: embedded.Server, template: str, name: str
) -> AsyncIterator[AsyncEngine]:
    """A database in which the same steps give the same numbers, so that nights can be compared."""
    psql(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    engine = create_engine(embedded.url_of(server, name))
    try:
        yield engine
    finally:
        await engine.dispose()
        psql(server, f"DROP DATABASE {name} WITH (FORCE)")
