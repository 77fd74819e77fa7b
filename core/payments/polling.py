"""Asking providers what became of a checkout; the answer is recorded the same way as an IPN.

A checkout whose end is not known is asked about first when its provider advises, then at doubling
intervals for three days. A timeout or an unreadable answer means "unknown": it is asked again. A race
with the IPN is harmless, since both are the same notice. An order that is still open at its provider
while its invoice is settled is withdrawn, so that nobody pays twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import CANCEL, QUERY
from adapters.contract import (
    Answer,
    CancelAdapter,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Refused,
    RefusedError,
)
from core.kit.columns import Columns
from core.kit.database import Command, Driver, Query, transaction
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send
from core.payments.ingest.group_commit import commit_notices, log_unmapped
from core.payments.ingest.inbound import InboundNotice

log = structlog.get_logger(__name__)

T = TypeVar("T")
S = TypeVar("S")

BATCH: Final = 50
AT_ONCE: Final = 8
GIVE_UP_AFTER: Final = timedelta(days=3)
ASK_AGAIN_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A checkout as its provider knows it, in VND; its end is not known here."""

    school_id: int
    checkout_id: int
    merchant_account_id: int
    merchant_reference: str
    provider_reference: str
    amount_vnd: int
    ordered_at: datetime

    @property
    def merchant_key(self) -> tuple[int, int]:
        """(school, merchant account)."""
        return self.school_id, self.merchant_account_id


_ORDER: Final = (
    "c.school_id, c.id AS checkout_id, c.merchant_account_id, c.merchant_reference, c.provider_reference,"
    " c.amount_vnd, c.created_at AS ordered_at"
)

# Who takes orders has them alone until the commit: locked here and not row by row, since rows of all
# schools can be skipped on one server only.
LOCK_ROUND = Command("SELECT pg_advisory_xact_lock(hashtextextended('hocphi.polling', 0))")

# what an IPN has already ended needs no question
CLOSE_ENDED = Command("""
UPDATE checkout c SET next_ask_at = NULL
 WHERE c.next_ask_at <= $1
   AND EXISTS (SELECT FROM notice n
                WHERE n.school_id = c.school_id AND n.merchant_account_id = c.merchant_account_id
                  AND n.merchant_reference = c.merchant_reference AND n.merchant_reference <> ''
               HAVING sum(n.amount_vnd) FILTER (WHERE n.outcome = 'paid') >= c.amount_vnd
                   OR bool_or(n.outcome = 'failed'))
""")

# the next question is set before this one is asked
TAKE_DUE = Query(
    OpenOrder,
    f"""
UPDATE checkout c
   SET ask_count = c.ask_count + 1,
       next_ask_at = CASE WHEN c.created_at < $4 THEN NULL ELSE due.next_ask_at END
  FROM (SELECT d.school_id, d.id,
               $1::timestamptz + a.first_ask * power(2, least(d.ask_count, 8)) AS next_ask_at
          FROM checkout d
          JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
          JOIN unnest($2::text[], $3::interval[]) AS a(adapter, first_ask) ON a.adapter = m.adapter
         WHERE d.next_ask_at <= $1
         ORDER BY d.next_ask_at LIMIT $5) AS due
 WHERE c.school_id = due.school_id AND c.id = due.id
RETURNING {_ORDER}
""",  # noqa: S608 - columns named above
)

# settled otherwise, cancelled or out of time, while the order can still be paid
TAKE_OVERTAKEN = Query(
    OpenOrder,
    f"""
UPDATE checkout c SET withdrawn_at = $1
  FROM (SELECT d.school_id, d.id
          FROM checkout d
          JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
          JOIN invoice i ON i.school_id = d.school_id AND i.id = d.invoice_id
         WHERE d.next_ask_at IS NOT NULL AND d.withdrawn_at IS NULL AND m.adapter = ANY($2::text[])
           AND (i.paid_vnd = i.total_vnd OR i.cancelled_at IS NOT NULL OR d.expires_at < $1)
         ORDER BY d.next_ask_at LIMIT $3) AS overtaken
 WHERE c.school_id = overtaken.school_id AND c.id = overtaken.id
RETURNING {_ORDER}
""",  # noqa: S608 - columns named above
)

# an answer that could not be kept: not lost, and not asked for ever
ASK_AGAIN = Command("""
UPDATE checkout SET next_ask_at = coalesce(next_ask_at, $3)
 WHERE school_id = $1 AND id = $2 AND created_at > $4
""")

CHECKOUT_ID: Final = Columns[OpenOrder](
    ("school_id", "bigint", lambda order: order.school_id),
    ("id", "bigint", lambda order: order.checkout_id),
)
ASK_NO_MORE = Command(
    "UPDATE checkout SET next_ask_at = NULL"  # noqa: S608 - composed of constants of the tree
    f" WHERE (school_id, id) IN (SELECT * FROM {CHECKOUT_ID.unnest()})"  # noqa: S608 - columns declared above
)
WITHDRAW_AGAIN = Command(
    "UPDATE checkout SET withdrawn_at = NULL"  # noqa: S608 - composed of constants of the tree
    f" WHERE (school_id, id) IN (SELECT * FROM {CHECKOUT_ID.unnest()})"  # noqa: S608 - columns declared above
)


async def ask_about_checkouts(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Ask about every checkout that is due at `at`, up to `BATCH`; how many were asked about."""
    async with transaction(engine) as db:
        due = await _take_due(db, at)
        merchants = await merchants_by_id(db, keys, [order.merchant_key for order in due])

    async def ask(order: OpenOrder) -> tuple[OpenOrder, list[InboundNotice]]:
        merchant = merchants[order.merchant_key]
        adapter = QUERY[merchant.adapter]
        query = query_of(order, at)

        def read(answer: Answer) -> list[InboundNotice]:
            notices = adapter.read_answer(query, answer, merchant.account)
            return [InboundNotice(merchant, notice, answer.body) for notice in notices]

        inbound = await _call(http, merchant, lambda: adapter.ask(query, merchant.account), read)
        return order, inbound or []

    answered = [(order, inbound) for order, inbound in await _all(ask, due) if inbound]
    if answered:
        await _keep(engine, answered, at)
    return len(due)


async def _take_due(db: Driver, at: datetime) -> list[OpenOrder]:
    first_asks = {name: adapter.FIRST_ASK for name, adapter in QUERY.items()}
    await db.execute(LOCK_ROUND)
    await db.execute(CLOSE_ENDED, at)
    return await db.fetch(
        TAKE_DUE, at, list(first_asks), list(first_asks.values()), at - GIVE_UP_AFTER, BATCH
    )


async def withdraw_overtaken(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Withdraw open orders that nobody shall pay any more at their providers; how many were tried.

    A provider that did not answer is called again in the next round; one that refused is not.
    """
    async with transaction(engine) as db:
        await db.execute(LOCK_ROUND)
        overtaken = await db.fetch(TAKE_OVERTAKEN, at, list(CANCEL), BATCH)
        merchants = await merchants_by_id(db, keys, [order.merchant_key for order in overtaken])

    async def withdraw(order: OpenOrder) -> tuple[OpenOrder, bool]:
        merchant = merchants[order.merchant_key]
        adapter = CANCEL[merchant.adapter]
        query = query_of(order, at)
        is_decided = await _call(
            http,
            merchant,
            lambda: adapter.cancel(query, merchant.account),
            lambda answer: _is_decided(adapter, query, answer, merchant),
        )
        return order, bool(is_decided)

    unanswered = [order for order, is_decided in await _all(withdraw, overtaken) if not is_decided]
    if unanswered:
        async with transaction(engine) as db:
            await db.execute(WITHDRAW_AGAIN, *CHECKOUT_ID.arrays(unanswered))
    return len(overtaken)


async def _keep(
    engine: AsyncEngine,
    answered: Sequence[tuple[OpenOrder, list[InboundNotice]]],
    at: datetime,
) -> None:
    """Record the answers: together, and if that fails one by one, so that nobody waits for another.

    What fails alone is asked about again, even where this was to be the last time.
    """
    notices = [notice for _, inbound in answered for notice in inbound]
    try:
        recorded = await commit_notices(engine, notices)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are recorded
        if len(answered) > 1:
            for one in answered:
                await _keep(engine, [one], at)
            return
        log.error("provider.answer_not_kept", error=type(error).__name__)  # noqa: TRY400 - the text may hold values
        ((order, _),) = answered
        async with transaction(engine) as db:
            await db.execute(
                ASK_AGAIN,
                order.school_id,
                order.checkout_id,
                at + ASK_AGAIN_AFTER,
                at - 2 * GIVE_UP_AFTER,
            )
        return
    log_unmapped(notices, recorded.verdicts)
    ended = [order for order, inbound in answered if _is_ended(order, inbound)]
    async with transaction(engine) as db:
        await db.execute(ASK_NO_MORE, *CHECKOUT_ID.arrays(ended))


async def _all(work: Callable[[S], Awaitable[T]], items: Sequence[S]) -> list[T]:
    """The work on each item, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: S) -> T:
        async with gate:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


def query_of(order: OpenOrder, at: datetime) -> OrderQuery:
    """A new question at `at` about an order: its names, its amount and when it was made."""
    return OrderQuery(
        request_id=secrets.token_hex(16),
        merchant_reference=order.merchant_reference,
        provider_reference=order.provider_reference,
        amount_vnd=order.amount_vnd,
        ordered_at=order.ordered_at,
        asked_at=at,
        client_ip="127.0.0.1",
    )


def _is_decided(
    adapter: CancelAdapter, query: OrderQuery, answer: Answer, merchant: Merchant
) -> bool:
    """Whether the provider has decided, whichever way. Raises RefusedError(BUSY): it has not."""
    try:
        adapter.read_cancelled(query, answer, merchant.account)
    except RefusedError as error:
        if error.reason is Refused.BUSY:
            raise
    return True


def _is_ended(order: OpenOrder, inbound: Sequence[InboundNotice]) -> bool:
    """Failed, or paid whole: one order may be paid in several parts."""
    paid_vnd = sum(one.notice.amount_vnd for one in inbound if one.is_paid)
    is_failed = any(one.notice.outcome is Outcome.FAILED for one in inbound)
    return is_failed or paid_vnd >= order.amount_vnd


async def _call(
    http: httpx.AsyncClient,
    merchant: Merchant,
    build: Callable[[], OutgoingRequest],
    read: Callable[[Answer], T],
) -> T | None:
    """What the provider's answer says; None while nothing is known."""
    try:
        return read(await send(http, build()))
    except (UnansweredError, RefusedError, ValueError) as error:
        log.warning("provider.unanswered", adapter=merchant.adapter, error=type(error).__name__)
        return None
