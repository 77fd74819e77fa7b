"""Group commit at the door: requests wait in a bounded queue, one task records what is there together.

A verdict is handed out only after the commit. When the queue is full or the database is away the
caller hears it at once (`IngestBusyError`) and asks the provider to try again. One recorder per
process; any number of processes are safe, because the database decides what is first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import Verdict, VerdictKind
from core.kit.database import Driver, borrowed
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import Recorded, ingest_notices

log = structlog.get_logger(__name__)

PAID_CHANNEL = "hocphi_paid"
# what PostgreSQL allows a notification to carry, with room to spare
NOTIFY_BYTES = 7_000
# one commits while the other gathers: measured faster than one, and no better with more
TASKS = 2
# the database is away or overtaken: asking it once more for each message would only take longer
AWAY = (
    OSError,
    SQLAlchemyError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
LOCKED = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
LOCK_PATIENCE = "2s"
COMMIT_TIMEOUT_S = 30.0


class IngestBusyError(Exception):
    """Nothing was recorded for this caller: the queue is full or the database is away."""


Waiting = tuple[Sequence[InboundNotice], "asyncio.Future[tuple[Verdict, ...]]"]


class GroupCommit:
    """The bounded queue and its tasks; `start` and `stop` follow the application's life."""

    def __init__(self, engine: AsyncEngine, *, queue_size: int, batch_size: int) -> None:
        self._engine = engine
        self._batch_size = batch_size
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(queue_size)
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

    async def record(self, items: Sequence[InboundNotice]) -> tuple[Verdict, ...]:
        """Record the notices of one message; returns after they are committed.

        Raises IngestBusyError: nothing of this message may be acknowledged.
        """
        if not self._tasks:
            raise IngestBusyError("not running")
        if not items:  # a ping that says nothing
            return ()
        future: asyncio.Future[tuple[Verdict, ...]] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((items, future))
        except asyncio.QueueFull as error:
            raise IngestBusyError("queue full") from error
        return await future

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

    async def _record_group(self, group: Sequence[Waiting]) -> None:
        items = [item for message, _ in group for item in message]
        try:
            recorded = await commit_notices(self._engine, items)
        except AWAY as error:
            _fail(group, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the recorder lives on
            parts = _parts(group, by_school=isinstance(error, LOCKED))
            if len(parts) == 1:
                _fail(group, error)
            else:  # one bad apple must not turn its neighbours away
                for part in parts:
                    await self._record_group(part)
            return
        except BaseException as error:
            _fail(group, error)
            raise
        verdicts = iter(recorded.verdicts)
        for message, future in group:
            answer = tuple(next(verdicts) for _ in message)
            if not future.done():  # the sender may have hung up; the money is recorded all the same
                future.set_result(answer)


def _parts(group: Sequence[Waiting], *, by_school: bool) -> list[list[Waiting]]:
    """What to try apart: message by message, or school by school where one of them holds a lock."""
    if not by_school:
        return [[one] for one in group]
    schools: dict[int, list[Waiting]] = {}
    for one in group:
        schools.setdefault(one[0][0].merchant.school_id if one[0] else 0, []).append(one)
    return list(schools.values())


def _fail(group: Sequence[Waiting], error: BaseException) -> None:
    """Tell every caller that nothing was recorded. The error's text may hold values: only its type is logged."""
    log.error("recorder.commit_failed", error=type(error).__name__, messages=len(group))
    for _, future in group:
        if not future.done():
            future.set_exception(IngestBusyError(type(error).__name__))


async def commit_notices(engine: AsyncEngine, items: Sequence[InboundNotice]) -> Recorded:
    """Record notices in a transaction of their own and tell the pages which invoices were paid."""
    async with asyncio.timeout(COMMIT_TIMEOUT_S), borrowed(engine) as db:
        async with db.transaction():
            await db.raw.execute(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'")
            recorded = await ingest_notices(db, items)
        if recorded.paid:
            await announce_paid(db, recorded.paid)
    return recorded


def log_unmapped(items: Sequence[InboundNotice], verdicts: Sequence[Verdict]) -> None:
    """Log states that no protocol defines, once per recorded notice: the provider's word and no more."""
    for item, verdict in zip(items, verdicts, strict=True):
        status = item.notice.unmapped_status
        if status and not verdict.duplicate and verdict.kind is not VerdictKind.CONFLICT:
            log.warning("notice.unmapped_status", adapter=item.merchant.adapter, status=status)


async def announce_paid(db: Driver, paid: frozenset[tuple[int, int]]) -> None:
    """Wake the pages that wait for these invoices (school id, invoice id).

    After the commit and best effort: inside it, NOTIFY would make all commits queue for one lock.
    """
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        for payload in _payloads(sorted(paid)):
            await db.raw.execute("SELECT pg_notify($1, $2)", PAID_CHANNEL, payload)


def _payloads(paid: Sequence[tuple[int, int]]) -> list[str]:
    """JSON lists of [school id, invoice id], each small enough for one notification."""
    per_payload = NOTIFY_BYTES // 44  # two 19-digit numbers and their punctuation
    return [
        json.dumps([list(pair) for pair in paid[start : start + per_payload]])
        for start in range(0, len(paid), per_payload)
    ]
