"""Asking providers what became of a checkout; the answer goes down the same path as an IPN.

A checkout whose end is not known is asked about first when its provider advises, then at doubling
intervals for three days. A timeout or an unreadable answer means "unknown": it is asked again. A race
with the IPN is harmless, since both are the same notice. An order that is still open at its provider
while its invoice is settled is withdrawn, so that nobody pays twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg
import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import CANCEL, QUERY
from adapters.contract import (
    Answer,
    CancelAdapter,
    Notice,
    Outcome,
    OutgoingRequest,
    Query,
    Refused,
    RefusedError,
)
from core.kit.database import transaction
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send
from core.payments.ingest.group_commit import commit_notices, log_unmapped
from core.payments.ingest.inbound import InboundNotice

log = structlog.get_logger(__name__)

T = TypeVar("T")

BATCH = 50
AT_ONCE = 8
GIVE_UP_AFTER = timedelta(days=3)

# what an IPN has already ended needs no question
CLOSE_ENDED = """
UPDATE checkout c SET next_ask_at = NULL
 WHERE c.next_ask_at <= $1
   AND EXISTS (SELECT FROM notice n
                WHERE n.school_id = c.school_id AND n.merchant_account_id = c.merchant_account_id
                  AND n.merchant_reference = c.merchant_reference AND n.merchant_reference <> ''
               HAVING sum(n.amount_vnd) FILTER (WHERE n.outcome = 'paid') >= c.amount_vnd
                   OR bool_or(n.outcome = 'failed'))
"""
# taken by one worker at a time; the next question is set before this one is asked
TAKE_DUE = """
UPDATE checkout c
   SET ask_count = c.ask_count + 1,
       next_ask_at = CASE WHEN c.created_at < $1 - $4::interval THEN NULL
                          ELSE $1 + due.first_ask * power(2, least(c.ask_count, 8)) END
  FROM (SELECT d.school_id, d.id, m.adapter, a.first_ask
          FROM checkout d
          JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
          JOIN unnest($2::text[], $3::interval[]) AS a(adapter, first_ask) ON a.adapter = m.adapter
         WHERE d.next_ask_at <= $1
         ORDER BY d.next_ask_at LIMIT $5 FOR UPDATE OF d SKIP LOCKED) AS due
 WHERE c.school_id = due.school_id AND c.id = due.id
RETURNING c.school_id, c.id, c.merchant_account_id, c.merchant_reference, c.provider_reference,
          c.amount_vnd, c.created_at AS ordered_at
"""
# settled otherwise, cancelled or out of time, while the order can still be paid
TAKE_OVERTAKEN = """
UPDATE checkout c SET withdrawn_at = $1
  FROM (SELECT d.school_id, d.id
          FROM checkout d
          JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
          JOIN invoice i ON i.school_id = d.school_id AND i.id = d.invoice_id
         WHERE d.next_ask_at IS NOT NULL AND d.withdrawn_at IS NULL AND m.adapter = ANY($2::text[])
           AND (i.paid_vnd = i.total_vnd OR i.cancelled_at IS NOT NULL OR d.expires_at < $1)
         ORDER BY d.next_ask_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED) AS over
 WHERE c.school_id = over.school_id AND c.id = over.id
RETURNING c.school_id, c.id, c.merchant_account_id, c.merchant_reference, c.provider_reference,
          c.amount_vnd, c.created_at AS ordered_at
"""
# an answer that could not be kept: not lost, and not asked for ever
ASK_AGAIN = """
UPDATE checkout SET next_ask_at = coalesce(next_ask_at, $3::timestamptz + interval '1 hour')
 WHERE school_id = $1 AND id = $2 AND created_at > $3::timestamptz - 2 * $4::interval
"""


async def ask_about_checkouts(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Ask about every checkout that is due at `at`, up to `BATCH`; how many were asked about."""
    first_asks = {name: adapter.FIRST_ASK for name, adapter in QUERY.items()}
    async with transaction(engine) as db:
        await db.raw.execute(CLOSE_ENDED, at)
        due = await db.raw.fetch(
            TAKE_DUE, at, list(first_asks), list(first_asks.values()), GIVE_UP_AFTER, BATCH
        )
        merchants = await merchants_by_id(db, keys, map(_merchant_of, due))

    async def ask(row: asyncpg.Record) -> tuple[asyncpg.Record, list[InboundNotice]]:
        merchant = merchants[_merchant_of(row)]
        speaks = QUERY[merchant.adapter]
        query = query_of(row, at)
        found = await _call(
            http,
            merchant,
            lambda: speaks.ask(query, merchant.account),
            lambda answer: _told(speaks.read_answer(query, answer, merchant.account), answer),
        )
        notices, raw = found or ((), b"")
        return row, [InboundNotice(merchant, notice, raw) for notice in notices]

    answered = [(row, told) for row, told in await _all(ask, due) if told]
    if answered:
        await _keep(engine, answered, at)
    return len(due)


async def withdraw_overtaken(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Tell providers which open orders nobody shall pay any more; how many were told of.

    A provider that did not answer is told again in the next round; one that said no is not.
    """
    async with transaction(engine) as db:
        over = await db.raw.fetch(TAKE_OVERTAKEN, at, list(CANCEL), BATCH)
        merchants = await merchants_by_id(db, keys, map(_merchant_of, over))

    async def withdraw(row: asyncpg.Record) -> tuple[asyncpg.Record, bool]:
        merchant = merchants[_merchant_of(row)]
        speaks = CANCEL[merchant.adapter]
        query = query_of(row, at)
        done = await _call(
            http,
            merchant,
            lambda: speaks.cancel(query, merchant.account),
            lambda answer: _heard(speaks, query, answer, merchant),
        )
        return row, bool(done)

    told = await _all(withdraw, over)
    unheard = [row for row, done in told if not done]
    if unheard:
        async with transaction(engine) as db:
            await db.raw.execute(
                "UPDATE checkout SET withdrawn_at = NULL"
                " WHERE (school_id, id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
                [row["school_id"] for row in unheard],
                [row["id"] for row in unheard],
            )
    return len(over)


async def _keep(
    engine: AsyncEngine,
    answered: Sequence[tuple[asyncpg.Record, list[InboundNotice]]],
    at: datetime,
) -> None:
    """Record what was told: together, and if that fails one by one, so that nobody waits for another.

    What fails alone is asked about again, even where this was to be the last time.
    """
    inbound = [one for _, told in answered for one in told]
    try:
        recorded = await commit_notices(engine, inbound)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are recorded
        if len(answered) > 1:
            for one in answered:
                await _keep(engine, [one], at)
            return
        log.error("provider.answer_not_kept", error=type(error).__name__)  # noqa: TRY400 - the text may hold values
        row = answered[0][0]
        async with transaction(engine) as db:
            await db.raw.execute(ASK_AGAIN, row["school_id"], row["id"], at, GIVE_UP_AFTER)
        return
    log_unmapped(inbound, recorded.verdicts)
    await _end(engine, [row for row, told in answered if _is_ended(row, told)])


async def _all(
    work: Callable[[asyncpg.Record], Any], rows: Sequence[asyncpg.Record]
) -> list[tuple[asyncpg.Record, Any]]:
    """The work on each row, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: asyncpg.Record) -> tuple[asyncpg.Record, Any]:
        async with gate:
            result: tuple[asyncpg.Record, Any] = await work(row)
            return result

    return await asyncio.gather(*(one(row) for row in rows))


def _merchant_of(row: asyncpg.Record) -> tuple[int, int]:
    return row["school_id"], row["merchant_account_id"]


def query_of(row: asyncpg.Record, at: datetime) -> Query:
    """A new question at `at` about the order in `row`: its names, its amount and when it was told."""
    return Query(
        request_id=secrets.token_hex(16),
        merchant_reference=row["merchant_reference"],
        provider_reference=row["provider_reference"],
        amount_vnd=row["amount_vnd"],
        ordered_at=row["ordered_at"],
        asked_at=at,
        client_ip="127.0.0.1",
    )


def _heard(speaks: CancelAdapter, query: Query, answer: Answer, merchant: Merchant) -> bool:
    """Whether the provider has decided, whichever way. Raises RefusedError(BUSY): it has not."""
    try:
        speaks.read_cancelled(query, answer, merchant.account)
    except RefusedError as error:
        if error.reason is Refused.BUSY:
            raise
    return True


def _told(notices: tuple[Notice, ...], answer: Answer) -> tuple[tuple[Notice, ...], bytes]:
    return notices, answer.body


def _is_ended(row: asyncpg.Record, told: Sequence[InboundNotice]) -> bool:
    """Failed, or paid whole: one order may be paid in several parts."""
    notices = [inbound.notice for inbound in told]
    paid_vnd = sum(notice.amount_vnd for notice in notices if notice.outcome is Outcome.PAID)
    is_failed = any(notice.outcome is Outcome.FAILED for notice in notices)
    return is_failed or paid_vnd >= row["amount_vnd"]


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


async def _end(engine: AsyncEngine, rows: Sequence[asyncpg.Record]) -> None:
    """Ask no more about these checkouts."""
    async with transaction(engine) as db:
        await db.raw.execute(
            "UPDATE checkout SET next_ask_at = NULL"
            " WHERE (school_id, id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
            [row["school_id"] for row in rows],
            [row["id"] for row in rows],
        )
