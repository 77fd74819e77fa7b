"""The receipts that providers themselves issue (the portal's biên lai điện tử): asked for, fetched, kept.

Each payment that a provider with receipts has reported gets a row; the worker asks until the PDF is
there, at doubling intervals for three days. An answer that is an address lives a few minutes only
(the portal's: five), so it is fetched at once. What was stored is never changed. Whatever goes wrong
means "not yet"; a receipt has no part in the books.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import RECEIPT
from adapters.contract import OrderQuery, OutgoingRequest, RefusedError
from core.kit.database import Command, Driver, Query, transaction
from core.kit.seal import Keys
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send

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


@dataclass(frozen=True, slots=True)
class DueReceipt:
    """A receipt to be asked for, and the order that it belongs to. `amount_vnd`: of the provider's notice."""

    school_id: int
    payment_id: int
    merchant_account_id: int
    merchant_reference: str
    amount_vnd: int
    provider_reference: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A provider's receipt: the number of its payment, and the PDF as it came."""

    payment_id: int
    content: bytes


# Every paid notice of such an account that has no row; $1 the instant, $2 adapters with receipts. A
# transaction ends within minutes, so below the newest row that is a day old nothing can have been missed:
# each round reads one day, by the primary key.
ADD_ROWS = Command("""
INSERT INTO official_receipt (school_id, payment_id, notice_id, merchant_account_id, merchant_reference, next_ask_at)
SELECT n.school_id, p.id, n.id, n.merchant_account_id, n.merchant_reference, $1::timestamptz
  FROM merchant_account m
  LEFT JOIN LATERAL (
    SELECT r.notice_id FROM official_receipt r
     WHERE r.school_id = m.school_id AND r.created_at < $1::timestamptz - interval '1 day'
       AND r.merchant_account_id = m.id
     ORDER BY r.notice_id DESC LIMIT 1) AS complete ON true
  JOIN notice n ON n.school_id = m.school_id AND n.id > coalesce(complete.notice_id, 0)
       AND n.merchant_account_id = m.id AND n.outcome = 'paid' AND n.merchant_reference <> ''
  JOIN payment p ON p.school_id = n.school_id AND p.id = coalesce(n.confirms_payment_id, n.id)
 WHERE m.adapter = ANY($2::text[])
   AND NOT EXISTS (SELECT FROM official_receipt r WHERE r.school_id = n.school_id AND r.payment_id = p.id)
ON CONFLICT DO NOTHING
""")
# ix_official_receipt_due; rows are taken school by school, so that a lock is one school's
DUE_SCHOOLS = Query(
    int,
    """
SELECT d.school_id FROM official_receipt d
  JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
 WHERE d.next_ask_at <= $1 AND m.adapter = ANY($2::text[])
 GROUP BY d.school_id ORDER BY min(d.next_ask_at) LIMIT $3
""",
)
# Taken by one worker at a time; the next question is set before this one is asked. $1 school, $2 the
# instant, $3 given up after, $4 first and $5 longest wait, $6 adapters, $7 at most.
TAKE_DUE = Query(
    DueReceipt,
    """
WITH taken AS (
  UPDATE official_receipt r
     SET ask_count = r.ask_count + 1,
         next_ask_at = CASE WHEN r.created_at < $2::timestamptz - $3::interval THEN NULL
                            ELSE $2::timestamptz + least($4::interval * power(2, least(r.ask_count, 16)), $5::interval) END
    FROM (SELECT d.school_id, d.payment_id FROM official_receipt d
            JOIN merchant_account m ON m.school_id = d.school_id AND m.id = d.merchant_account_id
           WHERE d.school_id = $1 AND d.next_ask_at <= $2::timestamptz AND m.adapter = ANY($6::text[])
           ORDER BY d.next_ask_at LIMIT $7 FOR UPDATE OF d SKIP LOCKED) AS due
   WHERE r.school_id = due.school_id AND r.payment_id = due.payment_id
  RETURNING r.school_id, r.payment_id, r.notice_id, r.merchant_account_id, r.merchant_reference
)
SELECT t.school_id, t.payment_id, t.merchant_account_id, t.merchant_reference, n.amount_vnd,
       coalesce(c.provider_reference, '') AS provider_reference, coalesce(c.created_at, n.paid_at) AS ordered_at
  FROM taken t
  JOIN notice n ON n.school_id = t.school_id AND n.id = t.notice_id
  LEFT JOIN checkout c ON c.school_id = t.school_id AND c.merchant_account_id = t.merchant_account_id
                      AND c.merchant_reference = t.merchant_reference
""",
)
KEEP = Command("""
UPDATE official_receipt
   SET content = $3, content_type = $4, sha256 = $5, fetched_at = $6, next_ask_at = NULL
 WHERE school_id = $1 AND payment_id = $2 AND content IS NULL
""")
# ix_payment_token: the link names no school
STORED = Query(
    StoredReceipt,
    """
SELECT p.id AS payment_id, r.content FROM payment p
  JOIN official_receipt r ON r.school_id = p.school_id AND r.payment_id = p.id
 WHERE p.token = $1 AND r.content IS NOT NULL
""",
)


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
        await db.execute(ADD_ROWS, at, list(RECEIPT))
        due = await _take_due(db, at)
        merchants = await merchants_by_id(
            db, keys, ((one.school_id, one.merchant_account_id) for one in due)
        )
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch_one(one: DueReceipt) -> bool:
        async with gate:  # each is stored at once: fifty of them need not stand in memory
            merchant = merchants[one.school_id, one.merchant_account_id]
            content = await _ask(http, merchant, one, at, is_sandbox=is_sandbox)
            if content is None:
                return False
            sha256 = hashlib.sha256(content).digest()
            async with transaction(engine) as db:
                await db.execute(KEEP, one.school_id, one.payment_id, content, PDF, sha256, at)
            return True

    ends = await asyncio.gather(*(fetch_one(one) for one in due), return_exceptions=True)
    for end in ends:  # one receipt's trouble is raised after the others are stored
        if isinstance(end, BaseException):
            raise end
    return sum(end is True for end in ends)


async def _take_due(db: Driver, at: datetime) -> Sequence[DueReceipt]:
    """Up to `BATCH` receipts that are due, of the schools that have waited longest."""
    due: list[DueReceipt] = []
    for school_id in await db.fetch(DUE_SCHOOLS, at, list(RECEIPT), BATCH):
        due += await db.fetch(
            TAKE_DUE,
            school_id,
            at,
            GIVE_UP_AFTER,
            FIRST_WAIT,
            LONGEST_WAIT,
            list(RECEIPT),
            BATCH - len(due),
        )
        if len(due) == BATCH:
            break
    assert len(due) <= BATCH, "a round is bounded"
    return due


async def _ask(
    http: httpx.AsyncClient,
    merchant: Merchant,
    one: DueReceipt,
    at: datetime,
    *,
    is_sandbox: bool,
) -> bytes | None:
    """The PDF; None while there is none, or nothing that may be kept came."""
    adapter = RECEIPT[merchant.adapter]
    query = OrderQuery(
        request_id=secrets.token_hex(16),
        merchant_reference=one.merchant_reference,
        provider_reference=one.provider_reference,
        amount_vnd=one.amount_vnd,
        ordered_at=one.ordered_at,
        asked_at=at,
        client_ip="127.0.0.1",
    )
    try:
        answer = await send(http, adapter.ask_receipt(query, merchant.account), limit=MAX_BYTES)
        found = adapter.read_receipt(query, answer, merchant.account)
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


async def receipt_of_token(db: Driver, token: str) -> StoredReceipt | None:
    """The provider's receipt of the payment with this token; None where there is none."""
    return await db.fetch_one(STORED, token)
