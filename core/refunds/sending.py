"""Demanding refunds of providers, each once, and asking until the answer is final.

The demand's own id and time are committed before the call, so a crash at any moment leaves either
nothing sent or an id to ask about. A timeout, HTML, an error or an unreadable answer means "unknown":
it is asked about after five minutes, then at doubling intervals, and after three days a person sees it;
it is never given up. The same demand goes out again, under the same id, only when the provider answers
that it has never seen it (`RefundState.UNSEEN`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import REFUND
from adapters.contract import RefundAnswer, RefundOrder, RefundState, RefusedError
from core.exceptions.reasons import Reason
from core.exceptions.sql import opening
from core.identity.audit import AuditEvent, audit_all
from core.kit.clock import business_date
from core.kit.database import Command, Driver, Query, borrowed, transaction
from core.kit.seal import Keys
from core.kit.text import unaccent
from core.merchants.directory import Merchant, merchants_by_id
from core.merchants.provider_client import UnansweredError, send
from core.payments.ingest.group_commit import announce_paid
from core.refunds.booking import CompletedRefund, book_refunds
from core.refunds.refundable import IS_DISPUTED
from core.refunds.states import (
    LOCK,
    WORKER,
    LockedRefund,
    Status,
    audit_step,
    close_refund,
    doubt_identity,
)

log = structlog.get_logger(__name__)

BATCH = 8  # two rounds of a question and a demand end long before FIRST_WAIT
AT_ONCE = 4
FIRST_WAIT = timedelta(minutes=5)
ALARM_AFTER = timedelta(days=3)
MAX_DOUBLINGS = 8  # 21 hours


@dataclass(frozen=True, slots=True)
class SchoolShare:
    """How many of the refunds that are due longest are a school's."""

    school_id: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRefund:
    """A refund taken to be demanded (`is_first`) or asked about, and the order that it gives back. VND."""

    school_id: int
    id: int
    number: int
    approved_at: datetime
    request_id: str
    demanded_at: datetime
    amount_vnd: int
    reason: str
    requested_by: str
    is_first: bool
    merchant_account_id: int
    adapter: str
    merchant_reference: str
    transaction_id: str
    paid_vnd: int
    paid_at: datetime
    provider_reference: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """What one round of calls came to. `was_demanded`: the demand has left us, now or before.

    answer None: nothing is known.
    """

    answer: RefundAnswer | None
    was_demanded: bool
    was_repeated: bool = False


# `r` is a refund, `p` its payment, `m` their merchant account. Nothing is demanded while the payment is
# in dispute. By ix_refund_due.
_IS_DUE = f"""
r.method = 'provider' AND r.status IN ('approved', 'sent')
AND (r.request_id IS NOT NULL OR NOT {IS_DISPUTED})
"""
_DUE = f"""
  FROM refund r
  JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
  JOIN merchant_account m ON m.school_id = p.school_id AND m.id = p.merchant_account_id
 WHERE r.next_ask_at <= $1 AND m.adapter = ANY($2::text[]) AND {_IS_DUE}
"""

# which schools have refunds due: locks are taken school by school, below
DUE_BY_SCHOOL = Query(
    SchoolShare,
    f"""
SELECT d.school_id, count(*) AS count
  FROM (SELECT r.school_id {_DUE} ORDER BY r.next_ask_at LIMIT $3) d
 GROUP BY d.school_id ORDER BY d.school_id
""",  # noqa: S608 - composed of constants of the tree
)

# Taken by one worker at a time. Before the first call the demand gets its id; the next question is set
# before this one is asked.
TAKE_DUE = Query(
    DueRefund,
    f"""
WITH due AS (
  SELECT r.school_id, r.id, r.request_id IS NULL AS is_first, p.merchant_account_id, m.adapter,
         substr(replace(gen_random_uuid()::text, '-', ''), 1, 20) AS fresh_id
         {_DUE} AND r.school_id = $6
   ORDER BY r.next_ask_at LIMIT $5 FOR UPDATE OF r SKIP LOCKED
), taken AS (
  UPDATE refund r
     SET request_id = coalesce(r.request_id, due.fresh_id),
         demanded_at = coalesce(r.demanded_at, $1), ask_count = r.ask_count + 1,
         next_ask_at = $1 + $3::interval * power(2, least(r.ask_count, $4))
    FROM due WHERE r.school_id = due.school_id AND r.id = due.id
  RETURNING r.*, due.is_first, due.merchant_account_id, due.adapter
)
SELECT t.school_id, t.id, t.number, t.approved_at, t.request_id, t.demanded_at, t.amount_vnd, t.reason,
       t.requested_by, t.is_first, t.merchant_account_id, t.adapter, n.merchant_reference, n.transaction_id,
       n.amount_vnd AS paid_vnd, n.paid_at, coalesce(c.provider_reference, '') AS provider_reference,
       coalesce(c.created_at, n.paid_at) AS ordered_at
  FROM taken t
  JOIN notice n ON n.school_id = t.school_id AND n.id = t.payment_id
  LEFT JOIN checkout c ON c.school_id = n.school_id AND c.merchant_account_id = n.merchant_account_id
                      AND c.merchant_reference = n.merchant_reference
""",  # noqa: S608 - composed of constants of the tree
)

ALARM = Command(
    opening(
        Reason.REFUND_UNMATCHED,
        "FROM refund r WHERE r.school_id = $1 AND r.id = $2",
        school_id="r.school_id",
        identity="$3",
        amount_vnd="r.amount_vnd",
        business_date="$4",
        payment_id="r.payment_id",
        detail="jsonb_build_object('refund_id', r.id)",
    )
)

# Some providers answer about an order's last refund, whichever it is (VNPAY's querydr): a number that
# another refund of the payment has is no answer about this one.
OTHER_OF_NUMBER = Query(
    int,
    """
SELECT o.id FROM refund r
  JOIN refund o ON o.school_id = r.school_id AND o.payment_id = r.payment_id AND o.id <> r.id
 WHERE r.school_id = $1 AND r.id = $2 AND o.provider_refund_id = $3 AND $3 <> ''
 LIMIT 1
""",
)

# what never left us may be demanded as if for the first time
WAIT = Command("""
UPDATE refund SET status = CASE WHEN $3 THEN 'sent' ELSE status END,
       request_id = CASE WHEN $3 THEN request_id END,
       demanded_at = CASE WHEN $3 THEN demanded_at END,
       provider_refund_id = coalesce(nullif($4, ''), provider_refund_id),
       provider_code = coalesce(nullif($5, ''), provider_code)
 WHERE school_id = $1 AND id = $2
""")


async def poll_refunds(
    engine: AsyncEngine, keys: Keys, http: httpx.AsyncClient, *, at: datetime
) -> int:
    """Demand or ask about every refund that is due at `at`, up to `BATCH`; how many there were."""
    async with borrowed(engine) as db:
        shares = await db.fetch(DUE_BY_SCHOOL, at, list(REFUND), BATCH)
    due: list[DueRefund] = []
    merchants: dict[tuple[int, int], Merchant] = {}
    for share in shares:  # a transaction each: no lock spans two schools
        async with transaction(engine) as db:
            taken = await _take(db, share, at)
            pairs = ((refund.school_id, refund.merchant_account_id) for refund in taken)
            merchants |= await merchants_by_id(db, keys, pairs)
        due += taken
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(refund: DueRefund) -> None:
        async with gate:
            merchant = merchants[refund.school_id, refund.merchant_account_id]
            await _conclude(engine, refund, await _call(http, merchant, refund, at), at)

    ends = await asyncio.gather(*(ask(refund) for refund in due), return_exceptions=True)
    for end in ends:  # one refund's trouble is raised after the others are written down
        if isinstance(end, BaseException):
            raise end
    return len(due)


async def _take(db: Driver, share: SchoolShare, at: datetime) -> list[DueRefund]:
    taken = await db.fetch(
        TAKE_DUE, at, list(REFUND), FIRST_WAIT, MAX_DOUBLINGS, share.count, share.school_id
    )
    demanded = [
        AuditEvent(
            actor=WORKER,
            action="refund.demanded",
            subject=f"refund:{refund.id}",
            detail={"request_id": refund.request_id},
        )
        for refund in taken
        if refund.is_first
    ]
    await audit_all(db, share.school_id, demanded)
    return taken


async def _call(
    http: httpx.AsyncClient, merchant: Merchant, refund: DueRefund, at: datetime
) -> ProviderResult:
    order = _order(refund, at)
    if refund.is_first:
        return await _demand(http, merchant, order)
    adapter = REFUND[merchant.adapter]
    try:
        reply = await send(http, adapter.ask_refund(order, merchant.account))
        answer = adapter.read_refund_status(order, reply, merchant.account)
    except (UnansweredError, RefusedError, ValueError) as error:
        _log_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=True)
    if answer.state is RefundState.UNSEEN:
        again = await _demand(http, merchant, order)
        return ProviderResult(again.answer, was_demanded=True, was_repeated=True)
    return ProviderResult(answer, was_demanded=True)


async def _demand(
    http: httpx.AsyncClient, merchant: Merchant, order: RefundOrder
) -> ProviderResult:
    adapter = REFUND[merchant.adapter]
    try:
        request = adapter.refund(order, merchant.account)
    except ValueError:  # the provider's fields can never hold it
        refusal = RefundAnswer(state=RefundState.REFUSED, code="unsendable")
        return ProviderResult(refusal, was_demanded=False)
    except RefusedError as error:  # the account is incomplete: nothing left us
        _log_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=False)
    try:
        reply = await send(http, request)
        answer = adapter.read_refund(order, reply, merchant.account)
    except (UnansweredError, RefusedError) as error:
        _log_unanswered(merchant, error)
        return ProviderResult(None, was_demanded=True)
    return ProviderResult(answer, was_demanded=True)


def _log_unanswered(merchant: Merchant, error: Exception) -> None:
    log.warning("refund.unanswered", adapter=merchant.adapter, error=type(error).__name__)


def _order(refund: DueRefund, at: datetime) -> RefundOrder:
    return RefundOrder(
        request_id=refund.request_id,
        merchant_reference=refund.merchant_reference,
        provider_reference=refund.provider_reference,
        transaction_id=refund.transaction_id,
        paid_vnd=refund.paid_vnd,
        amount_vnd=refund.amount_vnd,
        reason=_plain(refund.reason),
        requested_by=_plain(refund.requested_by),
        ordered_at=refund.ordered_at,
        paid_at=refund.paid_at,
        requested_at=refund.demanded_at,
        asked_at=at,
        client_ip="127.0.0.1",
    )


def _plain(text: str) -> str:
    """Unaccented ASCII letters, digits and spaces: what every provider takes."""
    kept = (c if c.isascii() and c.isalnum() else " " for c in unaccent(text))
    return " ".join("".join(kept).split())


async def _conclude(
    engine: AsyncEngine, refund: DueRefund, result: ProviderResult, at: datetime
) -> None:
    """Write down what the provider answered, in a transaction of its own."""
    async with transaction(engine) as db:
        locked = await db.fetch_one(LOCK, refund.school_id, refund.id)
        assert locked is not None, "a refund is never deleted"
        if locked.status not in {Status.APPROVED, Status.SENT}:
            # another worker had the answer before, or a person failed it while this one was on its way
            if locked.status is Status.REFUSED and _is(result, RefundState.DONE):
                log.error("refund.paid_after_refusal", school=refund.school_id, refund=refund.id)
                await _alarm(db, refund, f"refund:{refund.number}:paid_after_refusal", at)
            return
        touched = await _write(db, refund, locked, result, at)
    if touched:
        async with borrowed(engine) as db:
            await announce_paid(db, touched)


async def _write(
    db: Driver, refund: DueRefund, locked: LockedRefund, result: ProviderResult, at: datetime
) -> frozenset[tuple[int, int]]:
    """Book, close or wait, as the provider answered; the invoices touched."""
    school_id = refund.school_id
    if result.was_repeated:
        detail: Mapping[str, str] = {"request_id": refund.request_id}
        await audit_step(db, school_id, refund.id, WORKER, "demanded_again", detail)
    answer = result.answer
    if answer is not None and await _is_of_another(db, refund, answer):
        log.warning("refund.answer_of_another", adapter=refund.adapter, refund=refund.id)
        result, answer = replace(result, answer=None), None
    if answer is not None and answer.state is RefundState.DONE:
        completed = CompletedRefund(
            refund_id=refund.id,
            on=business_date(at),
            actor=WORKER,
            provider_refund_id=answer.provider_refund_id,
            provider_code=answer.code,
        )
        return await book_refunds(db, school_id, [completed])
    if answer is not None and answer.state is RefundState.REFUSED:
        await close_refund(
            db,
            school_id,
            locked,
            Status.REFUSED,
            actor=WORKER,
            note=f"{refund.adapter}: {answer.code or 'refused'}",
            provider_code=answer.code,
        )
    else:
        await _wait(db, refund, result, at)
    return frozenset()


async def _is_of_another(db: Driver, refund: DueRefund, answer: RefundAnswer) -> bool:
    number = answer.provider_refund_id
    return await db.fetch_value(OTHER_OF_NUMBER, refund.school_id, refund.id, number) is not None


async def _wait(db: Driver, refund: DueRefund, result: ProviderResult, at: datetime) -> None:
    """Nothing final: keep what is known."""
    code = result.answer.code if result.answer else ""
    number = result.answer.provider_refund_id if result.answer else ""
    await db.execute(WAIT, refund.school_id, refund.id, result.was_demanded, number, code)
    if at - refund.approved_at > ALARM_AFTER:
        log.error("refund.in_doubt", school=refund.school_id, refund=refund.id)
        await _alarm(db, refund, doubt_identity(refund.number), at)


async def _alarm(db: Driver, refund: DueRefund, identity: str, at: datetime) -> None:
    """Open the exception `identity`: a refund in doubt, or paid after it was refused."""
    await db.execute(ALARM, refund.school_id, refund.id, identity, business_date(at))


def _is(result: ProviderResult, state: RefundState) -> bool:
    return result.answer is not None and result.answer.state is state
