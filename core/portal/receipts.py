"""The receipts that providers themselves issue (the portal's biên lai điện tử): asked for, fetched, kept.

Each payment that a provider with receipts has told of gets a row; the worker asks until the PDF is
there, at doubling intervals for three days. An answer that is an address lives a few minutes only
(the portal's: five), so it is fetched in the same breath. What was stored is never changed. Whatever
goes wrong means "not yet"; a receipt has no part in the books.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import RECEIPT
from adapters.contract import OutgoingRequest, RefusedError
from core.kit.database import Driver, transaction
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send
from core.payments.polling import query_of

log = structlog.get_logger(__name__)

BATCH: Final = 50
AT_ONCE: Final = 4
FIRST_WAIT: Final = timedelta(minutes=2)
LONGEST_WAIT: Final = timedelta(hours=6)
GIVE_UP_AFTER: Final = timedelta(days=3)
MAX_BYTES: Final = 10 * 1024 * 1024
PDF: Final = "application/pdf"
_MAGIC: Final = b"%PDF-"
# the last label begins with a letter: no notation of an IP address does
_PUBLIC_NAME: Final = re.compile(r"(?:[0-9a-z_-]+\.)+[a-z][0-9a-z-]*[0-9a-z]")
_INNER_NAMES: Final = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localhost"}
)

# Every paid notice of such an account that has no row. A transaction ends within minutes, so below the
# newest row that is a day old nothing can have been missed: each round reads one day, by the primary key.
ADD_ROWS = """
INSERT INTO official_receipt (school_id, payment_id, notice_id, merchant_account_id, merchant_reference, next_ask_at)
SELECT n.school_id, p.id, n.id, n.merchant_account_id, n.merchant_reference, $1::timestamptz
  FROM merchant_account m
  CROSS JOIN LATERAL (
    SELECT coalesce((SELECT r.notice_id FROM official_receipt r
                      WHERE r.school_id = m.school_id AND r.created_at < $1::timestamptz - interval '1 day'
                        AND r.merchant_account_id = m.id
                      ORDER BY r.notice_id DESC LIMIT 1), 0) AS notice_id) AS settled
  JOIN notice n ON n.school_id = m.school_id AND n.id > settled.notice_id AND n.merchant_account_id = m.id
       AND n.outcome = 'paid' AND n.merchant_reference <> ''
  JOIN payment p ON p.school_id = n.school_id AND p.id = coalesce(n.confirms_payment_id, n.id)
 WHERE m.adapter = ANY($2::text[])
   AND NOT EXISTS (SELECT FROM official_receipt r WHERE r.school_id = n.school_id AND r.payment_id = p.id)
ON CONFLICT DO NOTHING
"""
# taken by one worker at a time; the next question is set before this one is asked
TAKE_DUE = """
WITH taken AS (
  UPDATE official_receipt r
     SET ask_count = r.ask_count + 1,
         next_ask_at = CASE WHEN r.created_at < $1::timestamptz - $2::interval THEN NULL
                            ELSE $1::timestamptz + least($3::interval * power(2, least(r.ask_count, 16)), $4::interval) END
    FROM (SELECT d.school_id, d.payment_id FROM official_receipt d
            JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
           WHERE d.next_ask_at <= $1::timestamptz AND m.adapter = ANY($5::text[])
           ORDER BY d.next_ask_at LIMIT $6 FOR UPDATE OF d SKIP LOCKED) AS due
   WHERE r.school_id = due.school_id AND r.payment_id = due.payment_id
  RETURNING r.school_id, r.payment_id, r.notice_id, r.merchant_account_id, r.merchant_reference
)
SELECT t.school_id, t.payment_id, t.merchant_account_id, t.merchant_reference, n.amount_vnd,
       coalesce(c.provider_reference, '') AS provider_reference, coalesce(c.created_at, n.paid_at) AS ordered_at
  FROM taken t
  JOIN notice n ON n.school_id = t.school_id AND n.id = t.notice_id
  LEFT JOIN checkout c ON c.school_id = t.school_id AND c.merchant_account_id = t.merchant_account_id
                      AND c.merchant_reference = t.merchant_reference
"""
KEEP = """
UPDATE official_receipt
   SET content = $3, content_type = $4, sha256 = $5, fetched_at = $6, next_ask_at = NULL
 WHERE school_id = $1 AND payment_id = $2 AND content IS NULL
"""


async def fetch_receipts(
    engine: AsyncEngine,
    keys: Keys,
    http: httpx.AsyncClient,
    *,
    at: datetime,
    is_sandbox: bool = False,
) -> int:
    """Ask for every receipt that is due at `at` (aware), up to `BATCH`; how many were stored.

    Addresses that a provider answers are fetched by https alone, unless `is_sandbox`.
    """
    async with transaction(engine) as db:
        await db.raw.execute(ADD_ROWS, at, list(RECEIPT))
        due = await db.raw.fetch(
            TAKE_DUE, at, GIVE_UP_AFTER, FIRST_WAIT, LONGEST_WAIT, list(RECEIPT), BATCH
        )
        merchants = await merchants_by_id(
            db, keys, ((row["school_id"], row["merchant_account_id"]) for row in due)
        )
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch_one(row: asyncpg.Record) -> bool:
        async with gate:  # each is stored at once: fifty of them need not stand in memory
            merchant = merchants[row["school_id"], row["merchant_account_id"]]
            content = await _ask(http, merchant, row, at, is_sandbox=is_sandbox)
            if content is None:
                return False
            async with transaction(engine) as db:
                await db.raw.execute(
                    KEEP,
                    row["school_id"],
                    row["payment_id"],
                    content,
                    PDF,
                    hashlib.sha256(content).digest(),
                    at,
                )
            return True

    ends = await asyncio.gather(*(fetch_one(row) for row in due), return_exceptions=True)
    for end in ends:  # one receipt's trouble is raised after the others are stored
        if isinstance(end, BaseException):
            raise end
    return sum(end is True for end in ends)


async def _ask(
    http: httpx.AsyncClient,
    merchant: Merchant,
    row: asyncpg.Record,
    at: datetime,
    *,
    is_sandbox: bool,
) -> bytes | None:
    """The PDF; None while there is none, or nothing that may be kept came."""
    speaks = RECEIPT[merchant.adapter]
    query = query_of(row, at)
    try:
        answer = await send(http, speaks.ask_receipt(query, merchant.account), limit=MAX_BYTES)
        found = speaks.read_receipt(query, answer, merchant.account)
        if isinstance(found, OutgoingRequest):
            if not may_fetch(found.url, is_sandbox=is_sandbox):
                log.warning("receipt.address_refused", adapter=merchant.adapter)
                return None
            fetched = await send(http, found, limit=MAX_BYTES)
            found = fetched.body if fetched.status == httpx.codes.OK else None
    except (UnansweredError, RefusedError, ValueError) as error:
        log.warning("receipt.unanswered", adapter=merchant.adapter, error=type(error).__name__)
        return None
    if found is not None and not found.startswith(_MAGIC):
        log.warning("receipt.not_a_pdf", adapter=merchant.adapter)
        return None
    return found


def may_fetch(url: str, *, is_sandbox: bool) -> bool:
    """Whether an address that a provider answered may be called: https, by a public name, at port 443.

    Numbers in any notation and names of one's own network are refused, so that no answer makes the
    gateway call its neighbours. The sandbox may stand anywhere.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None:
        return False
    if is_sandbox:
        return parts.scheme in {"https", "http"}
    name = parts.hostname.removesuffix(".")
    is_public = _PUBLIC_NAME.fullmatch(name) and name.rpartition(".")[2] not in _INNER_NAMES
    return parts.scheme == "https" and bool(is_public) and port in {None, 443}


async def receipt_of_token(db: Driver, token: str) -> tuple[int, bytes] | None:
    """The number of the payment with this token and its stored PDF; None where there is none."""
    row = await db.raw.fetchrow(
        """
        SELECT p.id, r.content FROM payment p
          JOIN official_receipt r ON r.school_id = p.school_id AND r.payment_id = p.id
         WHERE p.token = $1 AND r.content IS NOT NULL
        """,
        token,
    )
    return (row["id"], row["content"]) if row else None
