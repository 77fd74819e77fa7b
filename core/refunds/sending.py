"""Demanding refunds of providers, each once, and asking until the answer is final.

The demand's own id and time are committed before the call, so a crash at any moment leaves either
nothing sent or an id to ask about. A timeout, HTML, an error or an unreadable answer means "unknown":
it is asked about after five minutes, then at doubling intervals, and after three days a person sees it;
it is never given up. The same demand goes out again, under the same id, only when the provider says
that it has never seen it (`RefundState.UNSEEN`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg
import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import REFUND
from adapters.contract import RefundAnswer, RefundOrder, RefundState, RefusedError
from core.exceptions.reasons import Reason
from core.exceptions.sql import opening
from core.identity.audit import audit
from core.kit.clock import business_date
from core.kit.database import Driver, borrowed, transaction
from core.kit.seal import Keys
from core.kit.text import unaccent
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send
from core.payments.ingest.group_commit import announce_paid
from core.refunds.booking import Settled, book_refunds
from core.refunds.service import IS_DISPUTED, WORKER, Status, close, doubt_identity

log = structlog.get_logger(__name__)

BATCH = 8  # two rounds of a question and a demand end long before FIRST_WAIT
AT_ONCE = 4
FIRST_WAIT = timedelta(minutes=5)
ALARM_AFTER = timedelta(days=3)
MAX_DOUBLINGS = 8  # 21 hours

# Taken by one worker at a time. Before the first call the demand gets its id; the next question is set
# before this one is asked. Nothing is demanded while the payment is in dispute.
TAKE_DUE = f"""
WITH due AS (
  SELECT r.school_id, r.id, r.request_id IS NULL AS is_first, p.merchant_account_id, m.adapter
    FROM refund r
    JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
    JOIN merchant_account m ON m.school_id = p.school_id AND m.id = p.merchant_account_id
   WHERE r.next_ask_at <= $1 AND r.method = 'provider' AND r.status IN ('approved', 'sent')
     AND m.adapter = ANY($2::text[]) AND (r.request_id IS NOT NULL OR NOT {IS_DISPUTED})
   ORDER BY r.next_ask_at LIMIT $5 FOR UPDATE OF r SKIP LOCKED
), taken AS (
  UPDATE refund r
     SET request_id = coalesce(r.request_id, substr(replace(gen_random_uuid()::text, '-', ''), 1, 20)),
         demanded_at = coalesce(r.demanded_at, $1), ask_count = r.ask_count + 1,
         next_ask_at = $1 + $3::interval * power(2, least(r.ask_count, $4))
    FROM due WHERE r.school_id = due.school_id AND r.id = due.id
  RETURNING r.*, due.is_first, due.merchant_account_id, due.adapter
)
SELECT t.school_id, t.id, t.number, t.approved_at, t.request_id, t.demanded_at, t.amount_vnd, t.reason, t.requested_by,
       t.is_first, t.merchant_account_id, t.adapter, n.merchant_reference, n.transaction_id,
       n.amount_vnd AS paid_vnd, n.paid_at, coalesce(c.provider_reference, '') AS provider_reference,
       coalesce(c.created_at, n.paid_at) AS ordered_at
  FROM taken t
  JOIN notice n ON n.school_id = t.school_id AND n.id = t.payment_id
  LEFT JOIN checkout c ON c.school_id = n.school_id AND c.merchant_account_id = n.merchant_account_id
                      AND c.merchant_reference = n.merchant_reference
"""

ALARM = opening(
    Reason.REFUND_UNMATCHED,
    "FROM refund r WHERE r.school_id = $1 AND r.id = $2",
    school_id="r.school_id",
    identity="$3",
    amount_vnd="r.amount_vnd",
    business_date="$4",
    payment_id="r.payment_id",
    detail="jsonb_build_object('refund_id', r.id)",
)


# Some providers speak of an order's last refund, whichever it is (VNPAY's querydr): a number that another
# refund of the payment has says nothing about this one.
IS_ANOTHERS = """
SELECT EXISTS (SELECT FROM refund r
                 JOIN refund o ON o.school_id = r.school_id AND o.payment_id = r.payment_id AND o.id <> r.id
                WHERE r.school_id = $1 AND r.id = $2 AND o.provider_refund_id = $3 AND $3 <> '')
"""


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """What one round of calls came to. `was_demanded`: the demand has left us, now or before.

    answer None: nothing is known.
    """

    answer: RefundAnswer | None
    was_demanded: bool
    was_repeated: bool = False


async def poll_refunds(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Demand or ask about every refund that is due at `at`, up to `BATCH`; how many there were."""
    async with transaction(engine) as db:
        due = await db.raw.fetch(TAKE_DUE, at, list(REFUND), FIRST_WAIT, MAX_DOUBLINGS, BATCH)
        merchants = await merchants_by_id(
            db, keys, ((row["school_id"], row["merchant_account_id"]) for row in due)
        )
        for row in due:
            if row["is_first"]:
                await _audit(db, row, "demanded", {"request_id": row["request_id"]})
    gate = asyncio.Semaphore(AT_ONCE)

    async def follow_one(row: asyncpg.Record) -> None:
        async with gate:
            merchant = merchants[row["school_id"], row["merchant_account_id"]]
            await _conclude(engine, row, await _call(http, merchant, row, at), at)

    ends = await asyncio.gather(*(follow_one(row) for row in due), return_exceptions=True)
    for end in ends:  # one refund's trouble is raised after the others are written down
        if isinstance(end, BaseException):
            raise end
    return len(due)


async def _call(
    http: httpx.AsyncClient, merchant: Merchant, row: asyncpg.Record, at: datetime
) -> ProviderResult:
    order = _order(row, at)
    if row["is_first"]:
        return await _demand(http, merchant, order)
    speaks = REFUND[merchant.adapter]
    try:
        reply = await send(http, speaks.ask_refund(order, merchant.account))
        answer = speaks.read_refund_status(order, reply, merchant.account)
    except (UnansweredError, RefusedError, ValueError) as error:
        _say_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=True)
    if answer.state is RefundState.UNSEEN:
        again = await _demand(http, merchant, order)
        return ProviderResult(again.answer, was_demanded=True, was_repeated=True)
    return ProviderResult(answer, was_demanded=True)


async def _demand(
    http: httpx.AsyncClient, merchant: Merchant, order: RefundOrder
) -> ProviderResult:
    speaks = REFUND[merchant.adapter]
    try:
        request = speaks.refund(order, merchant.account)
    except ValueError:  # it can never be said in the provider's fields
        refusal = RefundAnswer(state=RefundState.REFUSED, code="unsendable")
        return ProviderResult(refusal, was_demanded=False)
    except RefusedError as error:  # the account is incomplete: nothing left us
        _say_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=False)
    try:
        answer = await send(http, request)
        return ProviderResult(
            speaks.read_refund(order, answer, merchant.account), was_demanded=True
        )
    except (UnansweredError, RefusedError) as error:
        _say_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=True)


def _say_unanswered(merchant: Merchant, error: Exception) -> None:
    log.warning("refund.unanswered", adapter=merchant.adapter, error=type(error).__name__)


def _order(row: asyncpg.Record, at: datetime) -> RefundOrder:
    return RefundOrder(
        request_id=row["request_id"],
        merchant_reference=row["merchant_reference"],
        provider_reference=row["provider_reference"],
        transaction_id=row["transaction_id"],
        paid_vnd=row["paid_vnd"],
        amount_vnd=row["amount_vnd"],
        reason=_plain(row["reason"]),
        requested_by=_plain(row["requested_by"]),
        ordered_at=row["ordered_at"],
        paid_at=row["paid_at"],
        requested_at=row["demanded_at"],
        asked_at=at,
        client_ip="127.0.0.1",
    )


def _plain(text: str) -> str:
    """Unaccented ASCII letters, digits and spaces: what every provider takes."""
    kept = (c if c.isascii() and c.isalnum() else " " for c in unaccent(text))
    return " ".join("".join(kept).split())


async def _conclude(
    engine: AsyncEngine, row: asyncpg.Record, heard: ProviderResult, at: datetime
) -> None:
    """Write down what was heard, in a transaction of its own."""
    school_id, refund_id = row["school_id"], row["id"]
    answer = heard.answer
    touched: frozenset[tuple[int, int]] = frozenset()
    async with transaction(engine) as db:
        status = await db.raw.fetchval(
            "SELECT status FROM refund WHERE school_id = $1 AND id = $2 FOR UPDATE",
            school_id,
            refund_id,
        )
        if status not in {Status.APPROVED, Status.SENT}:
            # another worker heard the end before, or a person said no while this answer was on its way
            if status == Status.REFUSED and answer is not None and answer.state is RefundState.DONE:
                log.error("refund.paid_after_refusal", school=school_id, refund=refund_id)
                identity = f"refund:{row['number']}:paid_after_refusal"
                await db.raw.execute(ALARM, school_id, refund_id, identity, business_date(at))
            return
        if heard.was_repeated:
            await _audit(db, row, "demanded_again", {"request_id": row["request_id"]})
        if answer is not None and await db.raw.fetchval(
            IS_ANOTHERS, school_id, refund_id, answer.provider_refund_id
        ):
            log.warning("refund.answer_of_another", adapter=row["adapter"], refund=refund_id)
            heard, answer = replace(heard, answer=None), None
        if answer is not None and answer.state is RefundState.DONE:
            touched = await book_refunds(
                db,
                school_id,
                [
                    Settled(
                        refund_id=refund_id,
                        on=business_date(at),
                        actor=WORKER,
                        provider_refund_id=answer.provider_refund_id,
                        provider_code=answer.code,
                    )
                ],
            )
        elif answer is not None and answer.state is RefundState.REFUSED:
            await close(
                db,
                school_id,
                refund_id,
                Status.REFUSED,
                actor=WORKER,
                note=f"{row['adapter']}: {answer.code or 'refused'}",
                provider_code=answer.code,
            )
        else:
            await _wait(db, row, heard, at)
    if touched:
        async with borrowed(engine) as db:
            await announce_paid(db, touched)


async def _wait(db: Driver, row: asyncpg.Record, heard: ProviderResult, at: datetime) -> None:
    """Nothing final: keep what is known; what never left us may be demanded as if for the first time."""
    code = heard.answer.code if heard.answer else ""
    refund_id = heard.answer.provider_refund_id if heard.answer else ""
    await db.raw.execute(
        """
        UPDATE refund SET status = CASE WHEN $3 THEN 'sent' ELSE status END,
               request_id = CASE WHEN $3 THEN request_id END,
               demanded_at = CASE WHEN $3 THEN demanded_at END,
               provider_refund_id = coalesce(nullif($4, ''), provider_refund_id),
               provider_code = coalesce(nullif($5, ''), provider_code)
         WHERE school_id = $1 AND id = $2
        """,
        row["school_id"],
        row["id"],
        heard.was_demanded,
        refund_id,
        code,
    )
    if at - row["approved_at"] > ALARM_AFTER:
        log.error("refund.in_doubt", school=row["school_id"], refund=row["id"])
        await db.raw.execute(
            ALARM, row["school_id"], row["id"], doubt_identity(row["number"]), business_date(at)
        )


async def _audit(
    db: Driver, row: asyncpg.Record, step: str, detail: Mapping[str, str | int]
) -> None:
    await audit(
        db,
        row["school_id"],
        actor=WORKER,
        action=f"refund.{step}",
        subject=f"refund:{row['id']}",
        detail=detail,
    )
