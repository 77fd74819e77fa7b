"""Group commit: requests wait in a bounded queue, and what is there is recorded together.

A verdict is handed out only after the commit. When the queue is full or the database is away the
caller is refused at once (`IngestBusyError`) and asks the provider to try again. One queue per
process; any number of processes are safe, because the database decides what is first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import Verdict, VerdictKind
from core.kit.database import Command, Driver, Query, borrowed
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import Recorded, ingest_notices

log = structlog.get_logger(__name__)

PAID_CHANNEL: Final = "hocphi_paid"
# what PostgreSQL allows a notification to carry, with room to spare
NOTIFY_BYTES: Final = 7_000
# one commits while the other gathers: measured faster than one, and no better with more
TASKS: Final = 2
# the database is away or overtaken: asking it once more for each message would only take longer
AWAY: Final = (
    OSError,
    SQLAlchemyError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
LOCKED: Final = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
LOCK_PATIENCE: Final = "2s"
COMMIT_TIMEOUT_S: Final = 30.0


class IngestBusyError(Exception):
    """Nothing was recorded for this caller: the queue is full or the database is away."""


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """The notices of one message, and where their verdicts are waited for."""

    notices: Sequence[InboundNotice]
    verdicts: asyncio.Future[tuple[Verdict, ...]]


class GroupCommit:
    """The bounded queue and its tasks: started and stopped with the application."""

    def __init__(self, engine: AsyncEngine, *, queue_size: int, batch_size: int) -> None:
        self._engine = engine
        self._batch_size = batch_size
        self._queue: asyncio.Queue[WaitingMessage] = asyncio.Queue(queue_size)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to record."""
        self._tasks = [asyncio.create_task(self._run()) for _ in range(TASKS)]

    async def stop(self) -> None:
        """Record what is waiting, then end. Whoever comes later is refused."""
        tasks, self._tasks = self._tasks, []
        await self._queue.join()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def waiting(self) -> int:
        """How many messages wait for a commit."""
        return self._queue.qsize()

    async def record(self, notices: Sequence[InboundNotice]) -> tuple[Verdict, ...]:
        """Record the notices of one message; returns after they are committed.

        Raises IngestBusyError: nothing of this message may be acknowledged.
        """
        if not self._tasks:
            raise IngestBusyError("not running")
        if not notices:  # a ping that says nothing
            return ()
        message = WaitingMessage(notices, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull as error:
            raise IngestBusyError("queue full") from error
        verdicts = await message.verdicts
        log_unmapped(notices, verdicts)
        return verdicts

    async def _run(self) -> None:
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty() and len(group) < self._batch_size:
                group.append(self._queue.get_nowait())
            try:
                await self._record_group(group)
            finally:
                for _ in group:
                    self._queue.task_done()

    async def _record_group(self, group: Sequence[WaitingMessage]) -> None:
        notices = [notice for message in group for notice in message.notices]
        try:
            recorded = await commit_notices(self._engine, notices)
        except AWAY as error:
            _fail(group, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            parts = _parts(group, by_school=isinstance(error, LOCKED))
            if len(parts) == 1:
                _fail(group, error)
            else:  # a message that cannot be recorded must not have the others refused
                for part in parts:
                    await self._record_group(part)
            return
        except BaseException as error:
            _fail(group, error)
            raise
        verdicts = iter(recorded.verdicts)
        for message in group:
            answer = tuple(next(verdicts) for _ in message.notices)
            if not message.verdicts.done():  # the sender may have hung up; the money is recorded
                message.verdicts.set_result(answer)


def _parts(group: Sequence[WaitingMessage], *, by_school: bool) -> list[list[WaitingMessage]]:
    """What to try apart: message by message, or school by school where one of them holds a lock."""
    if not by_school:
        return [[message] for message in group]
    schools: dict[int, list[WaitingMessage]] = {}
    for message in group:
        schools.setdefault(message.notices[0].merchant.school_id, []).append(message)
    return list(schools.values())


def _fail(group: Sequence[WaitingMessage], error: BaseException) -> None:
    """Refuse every caller: nothing was recorded. The error's text may hold values: only its type is logged."""
    log.error("ingest.commit_failed", error=type(error).__name__, messages=len(group))
    for message in group:
        if not message.verdicts.done():
            message.verdicts.set_exception(IngestBusyError(type(error).__name__))


# a journal number for each notice and the patience of this transaction, in one exchange with the server
OPEN_BATCH = Query(
    int,
    """
SELECT nextval('journal_number_seq')
  FROM generate_series(1, $1), set_config('lock_timeout', $2, true)
""",
)


async def commit_notices(engine: AsyncEngine, notices: Sequence[InboundNotice]) -> Recorded:
    """Record notices in a transaction of their own, and wake the pages of the invoices that were paid."""
    async with asyncio.timeout(COMMIT_TIMEOUT_S), borrowed(engine) as db:
        async with db.transaction():
            journals = await db.fetch(OPEN_BATCH, len(notices), LOCK_PATIENCE)
            recorded = await ingest_notices(db, notices, journals)
        if recorded.paid:
            await announce_paid(db, recorded.paid)
    return recorded


def log_unmapped(notices: Sequence[InboundNotice], verdicts: Sequence[Verdict]) -> None:
    """Log states that no protocol defines, once per recorded notice: the provider's code and no more."""
    for inbound, verdict in zip(notices, verdicts, strict=True):
        status = inbound.notice.unmapped_status
        if status and not verdict.duplicate and verdict.kind is not VerdictKind.CONFLICT:
            log.warning("notice.unmapped_status", adapter=inbound.merchant.adapter, status=status)


NOTIFY = Command("SELECT pg_notify($1, $2)")


async def announce_paid(db: Driver, paid: frozenset[tuple[int, int]]) -> None:
    """Wake the pages that wait for these invoices (school id, invoice id).

    After the commit and best effort: inside it, NOTIFY would make all commits queue for one lock.
    """
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        for payload in _payloads(sorted(paid)):
            await db.execute(NOTIFY, PAID_CHANNEL, payload)


def _payloads(paid: Sequence[tuple[int, int]]) -> list[str]:
    """JSON lists of [school id, invoice id], each small enough for one notification."""
    per_payload = NOTIFY_BYTES // 44  # two 19-digit numbers and their punctuation
    return [
        json.dumps([list(pair) for pair in paid[start : start + per_payload]])
        for start in range(0, len(paid), per_payload)
    ]
