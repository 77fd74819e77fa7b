"""`hocphi worker`: what nobody calls for. It polls checkouts, sends refunds and runs the nightly reconciliation.

Any number of workers may run: a checkout is taken by one of them, and so is a reconciliation, by the queue.
One that is begun twice is guarded by a lock in the database and changes nothing the second time. A failure
of one round must never end the worker.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from core.kit.clock import now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.seal import Keys
from core.merchants.provider_client import provider_client
from core.payments.polling import BATCH, ask_about_checkouts, withdraw_overtaken
from core.portal.receipts import fetch_receipts
from core.refunds.sending import poll_refunds
from gateway.cli.context import run
from gateway.context import keys_of
from gateway.logs import configure_logs
from gateway.settings import Settings, settings
from reconciliation.jobs.due import MAX_QUEUED, queue_due, take_over
from reconciliation.jobs.queue import drain, make_queue, worker_name

log = structlog.get_logger(__name__)

EVERY_S = 60.0
# for the rounds; a reconciliation takes one, and one more for its progress
CONNECTIONS = 4


@click.command("worker")
def worker() -> None:
    """Chạy việc nền. / Poll checkouts, follow refunds and run the nights until interrupted."""
    chosen = settings()
    configure_logs(chosen.log_level)
    keys = keys_of(chosen)
    run(
        lambda engine: work(engine, keys, chosen),
        pool_size=CONNECTIONS + 2 * chosen.reconciliations_at_once,
    )


async def work(engine: AsyncEngine, keys: Keys, chosen: Settings) -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with provider_client() as http, asyncio.TaskGroup() as group:
        group.create_task(call_providers(engine, keys, http, stop, is_sandbox=chosen.sandbox))
        group.create_task(queue_reconciliations(engine, chosen, stop))
        group.create_task(run_reconciliations(engine, chosen, stop))


async def call_providers(
    engine: AsyncEngine,
    keys: Keys,
    http: httpx.AsyncClient,
    stop: asyncio.Event,
    *,
    is_sandbox: bool,
) -> None:
    """One round of calls to providers a minute, until `stop`."""
    while not stop.is_set():
        with logged_failure("worker.polling_failed"):
            # a full round means that more are due; those that were polled are due much later
            while (
                await ask_about_checkouts(engine, keys, http, at=now_utc()) == BATCH
                and not stop.is_set()
            ):
                continue
        with logged_failure("worker.withdrawing_failed"):
            await withdraw_overtaken(engine, keys, http, at=now_utc())
        with logged_failure("worker.receipts_failed"):
            await fetch_receipts(engine, keys, http, at=now_utc(), is_sandbox=is_sandbox)
        with logged_failure("worker.refunding_failed"):
            await poll_refunds(engine, keys, http, at=now_utc())
        await pause(stop, EVERY_S)


async def queue_reconciliations(engine: AsyncEngine, chosen: Settings, stop: asyncio.Event) -> None:
    """Queue what is due, and what a worker that is gone left behind, until `stop`."""
    while not stop.is_set():
        with logged_failure("worker.queueing_failed"):
            async with transaction(engine) as db:
                left = await take_over(db, chosen.worker_heartbeat_timeout_s)
                due = await queue_due(db, now_utc(), chosen.reconciliation_hour)
            if due or left:
                log.info("reconciliations.queued", due=due, taken_over=left)
            if due == MAX_QUEUED:  # more are due
                continue
        await pause(stop, min(EVERY_S, chosen.worker_heartbeat_timeout_s))


async def run_reconciliations(engine: AsyncEngine, chosen: Settings, stop: asyncio.Event) -> None:
    """Run what the queue holds, until `stop`; a queue that breaks down is opened again."""
    url = engine.url.render_as_string(hide_password=False)
    while not stop.is_set():
        with logged_failure("worker.queue_failed"):
            queue = make_queue(engine, url, worker_name())
            async with queue.open_async():
                await drain(
                    queue,
                    at_once=chosen.reconciliations_at_once,
                    heartbeat_timeout_s=chosen.worker_heartbeat_timeout_s,
                    until=stop,
                )
        await pause(stop, 1)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


@contextmanager
def logged_failure(event: str, **about: object) -> Iterator[None]:
    """Log whatever goes wrong, without its text, and continue: the next round tries again."""
    try:
        yield
    except DomainError as problem:
        log.warning(event, code=problem.code, **about)
    except Exception as error:  # noqa: BLE001 - one school's trouble must not stop the others
        log.error(event, error=type(error).__name__, **about)  # noqa: TRY400 - the text may hold names
