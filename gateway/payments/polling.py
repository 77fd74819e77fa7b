"""Asking providers what became of a checkout; the answer goes down the same path as an IPN.

A checkout whose end is not known is asked about 15 minutes after it was made, then at doubling
intervals for three days. A timeout or an unreadable answer means "unknown": it is asked again. A race
with the IPN is harmless, since both are the same notice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

import asyncpg
import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import QUERY
from adapters.contract import Notice, Outcome, OutgoingRequest, Query, RefusedError
from gateway.kit.database import transaction
from gateway.kit.seal import Keys
from gateway.payments.arriving import Incoming
from gateway.payments.merchants import Merchant, merchants_by_id
from gateway.payments.recorder import commit_notices

log = structlog.get_logger(__name__)

BATCH = 50
AT_ONCE = 8
TIMEOUT_S = 15.0
FIRST_WAIT = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(days=3)
ANSWER_LIMIT = 64 * 1024
FINAL = (Outcome.PAID, Outcome.FAILED)

# what an IPN has already ended needs no question
CLOSE_ENDED = """
UPDATE checkout c SET next_ask_at = NULL
 WHERE c.next_ask_at <= $1
   AND EXISTS (SELECT FROM notice n
                WHERE n.school_id = c.school_id AND n.merchant_account_id = c.merchant_account_id
                  AND n.merchant_reference = c.merchant_reference AND n.merchant_reference <> ''
                  AND n.outcome IN ('paid', 'failed'))
"""
# taken by one worker at a time; the next question is set before this one is asked
TAKE_DUE = """
UPDATE checkout c
   SET ask_count = c.ask_count + 1,
       next_ask_at = CASE WHEN c.created_at < $1 - $3::interval THEN NULL
                          ELSE $1 + $4::interval * power(2, least(c.ask_count, 8)) END
  FROM (SELECT d.school_id, d.id, m.adapter FROM checkout d
          JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
         WHERE d.next_ask_at <= $1 AND m.adapter = ANY($2::text[])
         ORDER BY d.next_ask_at LIMIT $5 FOR UPDATE OF d SKIP LOCKED) AS due
 WHERE c.school_id = due.school_id AND c.id = due.id
RETURNING c.school_id, c.id, c.merchant_account_id, c.merchant_reference, c.created_at, due.adapter
"""


async def ask_about_checkouts(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Ask about every checkout that is due at `at`, up to `BATCH`; how many were asked about."""
    async with transaction(engine) as db:
        await db.execute(CLOSE_ENDED, at)
        due = await db.fetch(TAKE_DUE, at, list(QUERY), GIVE_UP_AFTER, FIRST_WAIT, BATCH)
        merchants = await merchants_by_id(
            db, keys, ((row["school_id"], row["merchant_account_id"]) for row in due)
        )
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask_one(row: asyncpg.Record) -> tuple[Incoming, asyncpg.Record] | None:
        async with gate:
            merchant = merchants[row["school_id"], row["merchant_account_id"]]
            answer = await _ask(http, merchant, row, at)
            return (Incoming(merchant, answer[0], answer[1]), row) if answer else None

    answered = [one for one in await asyncio.gather(*(ask_one(row) for row in due)) if one]
    if answered:
        await commit_notices(engine, [incoming for incoming, _ in answered])
        ended = [row for incoming, row in answered if incoming.notice.outcome in FINAL]
        async with transaction(engine) as db:
            await db.execute(
                "UPDATE checkout SET next_ask_at = NULL"
                " WHERE (school_id, id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
                [row["school_id"] for row in ended],
                [row["id"] for row in ended],
            )
    return len(due)


async def _ask(
    http: httpx.AsyncClient, merchant: Merchant, row: Mapping[str, object], at: datetime
) -> tuple[Notice, bytes] | None:
    """The provider's answer as a notice with its raw bytes; None while nothing is known."""
    speaks = QUERY[merchant.adapter]
    created_at = row["created_at"]
    assert isinstance(created_at, datetime)  # noqa: S101 - timestamptz, by the schema
    query = Query(
        request_id=secrets.token_hex(16),
        merchant_reference=str(row["merchant_reference"]),
        ordered_at=created_at,
        asked_at=at,
        client_ip="127.0.0.1",
    )
    try:
        body = await _send(http, speaks.ask(query, merchant.account))
        notice = speaks.read_answer(query, body, merchant.account)
    except (httpx.HTTPError, httpx.InvalidURL, RefusedError) as error:
        log.warning("checkout.unanswered", adapter=merchant.adapter, error=type(error).__name__)
        return None
    return (notice, body) if notice else None


async def _send(http: httpx.AsyncClient, request: OutgoingRequest) -> bytes:
    answer = await http.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        content=request.body,
        timeout=TIMEOUT_S,
    )
    answer.raise_for_status()
    return answer.content[:ANSWER_LIMIT]
