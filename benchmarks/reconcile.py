"""The night over 100,000 statement lines and a million open invoices: import, extract, match, heal, persist, prove.

`python -m benchmarks.reconcile 100000 1000000` measures these sizes and how the cost grows. Beside it, over the
same files: COPY of the very lines and results into tables with the same keys (what the database alone needs),
a plain join in polars, and a loop row by row. Each part runs in a process of its own, so that the
memory stated is that of the import and the night and of nothing else. Wrong results end it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import migrations
from benchmarks.bank_day import ACCOUNT, OPENING_VND, make_world, transfers, write_files
from benchmarks.bank_day_beside import copy_results, join_in_polars, row_by_row
from core.kit.clock import business_date, now_utc
from core.kit.database import Query, create_engine, transaction
from gateway import embedded
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.day import DayResult
from reconciliation.statements.imports import import_statement

SIZES = (100_000,)
"""Lines of a default run: two minutes, most of them for the world; a million lines take some five."""

SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
"""As a server that keeps a million invoices is set; COPY and the loop have the same."""


NOW = Query(datetime, "SELECT clock_timestamp()")


async def _make(url: str, count: int, day: date) -> None:
    engine = create_engine(url)
    await make_world(engine, count, day)
    await engine.dispose()


async def _night(url: str, files: list[Path], count: int, day: date) -> dict[str, Any]:
    engine = create_engine(url)
    async with transaction(engine) as db:
        since = await db.fetch_only(NOW)
    began = time.perf_counter()
    for path in files:
        async with transaction(engine) as db:
            await import_statement(db, 1, 1, path.read_bytes(), path.name, actor="bench")
    imported = time.perf_counter()
    result = await reconcile(engine, 1, day)
    proved = time.perf_counter()
    again = await reconcile(engine, 1, day)
    repeated = time.perf_counter()
    await engine.dispose()
    _check(result, again, count)
    return {
        "since": since,
        "import_s": imported - began,
        "reconcile_s": proved - imported,
        "total_s": proved - began,
        "repeat_s": repeated - proved,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _check(result: DayResult, again: DayResult, count: int) -> None:
    """Every line has its payment, the lost ones were healed, the day closes, again is the same."""
    lost = in_vnd = 0
    for paid in transfers(count):
        lost += not paid.is_notified
        in_vnd += paid.amount_vnd
    (bank,) = [proof for proof in result.proofs if proof.account == ACCOUNT]
    sound = (
        bank.is_closed
        and bank.difference_vnd == 0
        and bank.closing_vnd == OPENING_VND + in_vnd
        and sum(result.matches.values()) == count
        and result.created == lost
        and again.result_hash == result.result_hash
        and again.created == 0
    )
    if not sound:
        raise RuntimeError(f"the night went wrong: {result.matches} {result.exceptions} {bank}")


def _measure(count: int) -> dict[str, float]:
    """All figures of one size, seconds and megabytes."""
    day = business_date(now_utc()) - timedelta(1)
    with tempfile.TemporaryDirectory(prefix="hocphi-bench-") as folder:
        home = Path(folder) / "pg"
        try:
            with embedded.running(home, settings=SERVER) as server:
                migrations.upgrade(server.url)
                _alone(_run, _make, server.url, count, day)
                files: list[Path] = _alone(write_files, Path(folder), count, day)
                night = _alone(_run, _night, server.url, files, count, day)
                copied = _alone(_run, copy_results, server.url, night["since"])
                polars_s, joined = _alone(join_in_polars, files, count)
                loop_s = _alone(_run, row_by_row, server.url, files[0], count)
        finally:
            embedded.discard(home)
    total_s = night["total_s"]
    return {
        "lines": count,
        **{key: round(night[key], 2) for key in ("import_s", "reconcile_s", "total_s", "repeat_s")},
        "lines_per_s": round(count / total_s),
        "peak_mb": round(night["peak_mb"]),
        "copy_s": round(copied["with_keys_s"], 2),
        "copy_without_foreign_keys_s": round(copied["without_foreign_keys_s"], 2),
        "times_copy": round(total_s / copied["with_keys_s"], 2),
        "times_copy_without_foreign_keys": round(total_s / copied["without_foreign_keys_s"], 2),
        "polars_join_s": round(polars_s, 2),
        "polars_joined": joined,
        "row_by_row_s": round(loop_s, 1),
        "ratio": round(copied["with_keys_s"] / total_s, 3),
    }


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(function, *arguments).result()


def _run(function: Callable[..., Any], *arguments: Any) -> Any:
    return asyncio.run(function(*arguments))


def run(sizes: tuple[int, ...] = SIZES) -> dict[str, float]:
    """Measure each size and return the figures of the last; `ratio` is COPY's time over ours (1 = as fast).

    `row_by_row_s` is a sample, extrapolated. `growth`: cost of the last size over that of the first.
    """
    measured: list[dict[str, float]] = []
    for size in sizes:
        if measured:
            print(json.dumps(measured[-1], indent=2), flush=True)
        measured.append(_measure(size))
    if len(measured) > 1:
        measured[-1]["growth"] = round(measured[-1]["total_s"] / measured[0]["total_s"], 2)
    return measured[-1]


if __name__ == "__main__":
    print(json.dumps(run(tuple(map(int, sys.argv[1:])) or SIZES), indent=2))
