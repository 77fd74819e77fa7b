"""`hocphi worker`: what has no caller. It asks providers about checkouts, sends refunds and runs each night.

Any number of workers may run: a checkout is taken by one of them, and a school's day is guarded by a
lock in the database and changes nothing when it is run again.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import click
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.commands.context import run
from gateway.house import keys_of
from gateway.kit.clock import VN, business_date, now_utc
from gateway.kit.database import transaction
from gateway.kit.logs import configure_logs
from gateway.kit.problem import Problem
from gateway.kit.seal import Keys
from gateway.payments.calling import provider_client
from gateway.payments.polling import BATCH, ask_about_checkouts, withdraw_overtaken
from gateway.portal.receipts import fetch_receipts
from gateway.refunds.sending import follow_refunds
from gateway.settings import settings
from reconciliation.run import reconcile

log = structlog.get_logger(__name__)

EVERY_S = 60.0


@click.command("worker")
def worker() -> None:
    """Chạy việc nền. / Poll checkouts, follow refunds and run the nights until interrupted."""
    chosen = settings()
    configure_logs(chosen.log_level)
    keys = keys_of(chosen)
    run(lambda engine: work(engine, keys, chosen.night_hour, is_sandbox=chosen.sandbox))


async def work(
    engine: AsyncEngine, keys: Keys, night_hour: int, *, is_sandbox: bool = False
) -> None:
    """Until SIGINT or SIGTERM: one round a minute."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    done: set[tuple[int, date]] = set()
    async with provider_client() as http:
        while not stop.is_set():
            with carries_on("worker.asking_failed"):
                # a full round means that more are due; whoever was asked is due much later
                while (
                    await ask_about_checkouts(engine, keys, http, at=now_utc()) == BATCH
                    and not stop.is_set()
                ):
                    continue
            with carries_on("worker.withdrawing_failed"):
                await withdraw_overtaken(engine, keys, http, at=now_utc())
            with carries_on("worker.receipts_failed"):
                await fetch_receipts(engine, keys, http, at=now_utc(), is_sandbox=is_sandbox)
            with carries_on("worker.refunding_failed"):
                await follow_refunds(engine, keys, http, at=now_utc())
            with carries_on("worker.nights_failed"):
                await run_nights(engine, night_due(now_utc(), night_hour), done)
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue


def night_due(at: datetime, night_hour: int) -> date:
    """The last business day whose night has begun at `at` (aware)."""
    day = business_date(at) - timedelta(days=1)
    return day if at.astimezone(VN).hour >= night_hour else day - timedelta(days=1)


async def run_nights(engine: AsyncEngine, day: date, done: set[tuple[int, date]]) -> None:
    """Reconcile `day` for every school that this worker has not done yet; one school's trouble is its own."""
    async with transaction(engine) as db:
        rows = await db.fetch("SELECT id FROM school ORDER BY id")
    for school_id in (row["id"] for row in rows):
        if (school_id, day) in done:
            continue
        with carries_on("night.failed", school=school_id, day=str(day)):
            result = await reconcile(engine, school_id, day)
            log.info("night.done", school=school_id, day=str(day), result=result.result_hash)
            done.add((school_id, day))


@contextmanager
def carries_on(event: str, **about: object) -> Iterator[None]:
    """Log whatever goes wrong, without its text, and go on: the next round tries again."""
    try:
        yield
    except Problem as problem:
        log.warning(event, code=problem.code, **about)
    except Exception as error:  # noqa: BLE001 - one school's trouble must not stop the others
        log.error(event, error=type(error).__name__, **about)  # noqa: TRY400 - the text may hold names
