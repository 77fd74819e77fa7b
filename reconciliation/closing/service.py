"""Closing and reopening the books of a school: the reconciliation proves, a person closes.

Closing a day covers everything up to it and locks the books through it; reopening the latest close
takes two persons. Every step is a signed record (`reconciliation.closing.records`). It must never close over a
difference, and never unlock what another close still covers. Design: docs/adr/0005.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.income_recognition import release_income
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query, borrowed, transaction
from core.kit.locks import lock_reconciliation, unless_busy
from core.kit.seal import Keys
from core.payments.ingest.group_commit import announce_paid
from reconciliation.closing.blockers import CloseBlocker, close_blockers
from reconciliation.closing.close_body import close_body
from reconciliation.closing.errors import (
    CloseActorMissingError,
    DayClosedError,
    DayNotProvedError,
    FutureCloseError,
    NotLatestCloseError,
    ReopeningNotRequestedError,
    ReopeningPendingError,
    ReopeningReasonMissingError,
    SameReopenerError,
)
from reconciliation.closing.records import (
    SCHOOL_NAME,
    DayClose,
    RecordKind,
    append,
    effective_closes,
    headings_of,
    pending_request,
    records_of,
)
from reconciliation.matching.pairing import no_progress
from reconciliation.matching.reconcile import ALLOW_LONG_STATEMENTS, reconcile_until
from reconciliation.proof.day import proof_body, prove_day


@dataclass(frozen=True, slots=True)
class DraftProof:
    """A proof of a day that is not closed yet."""

    body: Mapping[str, Any]
    result_hash: str


# in the order of locks of everybody else: the reconciliation, the school, rows; fees wait, payments do not
LOCK_SCHOOL = Command("SELECT FROM school WHERE id = $1 FOR NO KEY UPDATE")
# whoever posts holds the school's row FOR KEY SHARE
BLOCK_POSTINGS = Command("SELECT FROM school WHERE id = $1 FOR UPDATE")
# the database's clock: what was posted before this was posted before the record
NOW = Query(datetime, "SELECT clock_timestamp() AS now")
LOCK_BOOKS = Command("UPDATE school SET books_locked_until = $2 WHERE id = $1")
DRAFT_PROOFS = Query(
    DraftProof,
    """
SELECT body, result_hash FROM daily_proof WHERE school_id = $1 AND business_date = $2
 ORDER BY body->>'account', ledger_account_id
""",
)


async def close_day(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str
) -> DayClose:
    """Reconcile `day`, and close the books through it.

    Raises CloseActorMissingError, FutureCloseError, DayClosedError, DayNotProvedError (each account in the way
    is a fault), or SchoolBusyError; nothing is written then.
    """
    person = require_actor(actor)
    with unless_busy():
        async with transaction(engine) as db:
            _require_open(day, effective_closes(await headings_of(db, school_id)))
            await release_income(db, school_id, day)
    async with _locked(engine, school_id) as db:
        closes = effective_closes(await records_of(db, school_id))
        _require_open(day, closes)
        reconciled = await reconcile_until(db, school_id, day, no_progress)
        await db.execute(BLOCK_POSTINGS, school_id)
        result = await prove_day(db, school_id, day, reconciled.created, no_progress)
        _require_proved(day, await close_blockers(db, school_id, day))
        assert not any(proof.difference_vnd for proof in result.proofs), "never over a difference"
        body = await close_body(
            db,
            school_id,
            day,
            proofs=[proof_body(proof) for proof in result.proofs],
            result_hash=result.result_hash,
            matches=result.matches,
            exceptions=result.exceptions,
            closes=closes,
        )
        record = await append(
            db,
            keys,
            school_id,
            RecordKind.CLOSED,
            day,
            {**body, "reopened_number": await _reopened_before(db, school_id)},
            actor=person,
            at=await db.fetch_only(NOW),
        )
        await db.execute(LOCK_BOOKS, school_id, day)
    if reconciled.touched:
        async with borrowed(engine) as db:
            await announce_paid(db, reconciled.touched)
    return record


async def request_reopening(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str, reason: str
) -> DayClose:
    """Request that the latest close be reopened; another person approves it.

    Raises CloseActorMissingError, ReopeningReasonMissingError, NotLatestCloseError, ReopeningPendingError or
    SchoolBusyError.
    """
    person, why = require_actor(actor), _require_reason(reason)
    async with _locked(engine, school_id) as db:
        records = await headings_of(db, school_id)
        close = _latest(records, day)
        if pending_request(records) is not None:
            raise ReopeningPendingError
        content = {"closed_number": close.number}
        return await append(
            db, keys, school_id, RecordKind.REOPEN_REQUESTED, day, content,
            actor=person, reason=why, at=await db.fetch_only(NOW),
        )  # fmt: skip


async def reopen_day(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str
) -> DayClose:
    """Approve the request to reopen `day`: the books are locked through the close before it.

    Raises CloseActorMissingError, NotLatestCloseError, ReopeningNotRequestedError, SameReopenerError when
    `actor` made the request, or SchoolBusyError.
    """
    person = require_actor(actor)
    async with _locked(engine, school_id) as db:
        records = await headings_of(db, school_id)
        close = _latest(records, day)
        request = pending_request(records)
        if request is None:
            raise ReopeningNotRequestedError
        if person.casefold() == request.actor.casefold():
            raise SameReopenerError
        before = effective_closes(records)[:-1]
        until = before[-1].day if before else None
        assert until is None or until < day, "a close before it covers earlier days alone"
        await db.execute(BLOCK_POSTINGS, school_id)
        content = {
            "closed_number": close.number,
            "request_number": request.number,
            "requested_by": request.actor,
            "locked_until": until.isoformat() if until else None,
        }
        record = await append(
            db, keys, school_id, RecordKind.REOPENED, day, content,
            actor=person, reason=request.reason, at=await db.fetch_only(NOW),
        )  # fmt: skip
        await db.execute(LOCK_BOOKS, school_id, until)
        return record


async def draft_of(db: Driver, school_id: int, day: date) -> dict[str, Any] | None:
    """What a close of `day` would cover by the proofs kept now; None when the day was never proved.

    Raises FutureCloseError, or DayClosedError for a day that is closed.
    """
    closes = effective_closes(await records_of(db, school_id))
    _require_open(day, closes)
    kept = await db.fetch(DRAFT_PROOFS, school_id, day)
    if not kept:
        return None
    body = await close_body(
        db,
        school_id,
        day,
        proofs=[one.body for one in kept],
        result_hash=kept[0].result_hash,
        matches={},
        exceptions={},
        closes=closes,
    )
    school = await db.fetch_only(SCHOOL_NAME, school_id)
    return {**body, "date": day.isoformat(), "school": asdict(school)}


@asynccontextmanager
async def _locked(engine: AsyncEngine, school_id: int) -> AsyncIterator[Driver]:
    """A transaction in which nothing else is imported or reconciled, and no fees are issued or cancelled.

    Raises SchoolBusyError or ReconciliationUnderWayError when somebody else holds a lock for too long.
    """
    with unless_busy():
        async with transaction(engine) as db:
            await db.execute(ALLOW_LONG_STATEMENTS)
            await lock_reconciliation(db, school_id)
            await db.execute(LOCK_SCHOOL, school_id)
            yield db


async def _reopened_before(db: Driver, school_id: int) -> int | None:
    """The close that was reopened last, where no other was made since."""
    for record in reversed(await headings_of(db, school_id)):
        if record.kind is RecordKind.REOPENED:
            return record.about
        if record.kind is RecordKind.CLOSED:
            return None
    return None


def _require_open(day: date, closes: Sequence[DayClose]) -> None:
    if day > business_date(now_utc()):
        raise FutureCloseError(day=day)
    if closes and day <= closes[-1].day:
        raise DayClosedError(until=closes[-1].day)


def _require_proved(day: date, blockers: Sequence[CloseBlocker]) -> None:
    if blockers:
        faults = tuple(one.as_fault() for one in blockers)
        raise DayNotProvedError(day=day, count=len(blockers), faults=faults)


def _latest(records: Sequence[DayClose], day: date) -> DayClose:
    closes = effective_closes(records)
    if not closes or closes[-1].day != day:
        raise NotLatestCloseError
    return closes[-1]


def require_actor(actor: str) -> str:
    """The name of whoever acts, tidied. Raises CloseActorMissingError."""
    tidy = " ".join(unicodedata.normalize("NFC", actor).split())
    if not tidy:
        raise CloseActorMissingError
    return tidy


def _require_reason(reason: str) -> str:
    tidy = reason.strip()
    if not tidy:
        raise ReopeningReasonMissingError
    return tidy
