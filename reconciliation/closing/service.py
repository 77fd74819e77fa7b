"""Closing and reopening the books of a school: the night proves, a person closes.

Closing a day vouches for everything up to it and locks the books through it; reopening the latest close
takes two persons. Every step is a signed record (`reconciliation.closing.records`). It must never close over a
difference, and never unlock what another close still vouches for. Design: docs/adr/0005.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from core.fees.income_recognition import release_income
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, borrowed, transaction
from core.kit.errors import Problem
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation, unless_busy
from core.kit.money import format_vnd
from core.kit.seal import Keys
from core.payments.ingest.group_commit import announce_paid
from reconciliation.closing.close_body import close_body
from reconciliation.closing.records import (
    DayClose,
    RecordKind,
    append,
    headings_of,
    records_of,
    standing_closes,
    waiting_request,
)
from reconciliation.matching.reconcile import TIMEOUT_S, reconcile_until, say_nothing
from reconciliation.proof.day import proof_body, prove_day


class Obstacle(StrEnum):
    """Why an account stands in the way of a close."""

    NO_STATEMENT = "no_statement"  # no statement speaks of the day
    NOT_PROVED = "not_proved"  # its statements do not say a closing balance, or no night has run
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBlocker:
    """An account that stands in the way. `difference_vnd`: what is not explained, None if not proved."""

    account: str
    why: Obstacle
    difference_vnd: int | None = None


OBSTACLE_WORDS: Final[Mapping[Obstacle, tuple[str, str]]] = {
    Obstacle.NO_STATEMENT: ("chưa có sao kê của ngày này", "no statement speaks of this day"),
    Obstacle.NOT_PROVED: (
        "chưa chứng minh được số dư cuối ngày",
        "its closing balance is not proved",
    ),
    Obstacle.DIFFERENCE: ("còn lệch", "differs by"),
}

# An account that never had a statement and never moved does not stand in the way.
ACCOUNTS = """
SELECT l.id, l.kind, coalesce(m.adapter || ':', '') || b.number AS account,
       EXISTS (SELECT FROM statement s WHERE s.school_id = l.school_id AND s.bank_account_id = l.bank_account_id
                  AND $2 BETWEEN s.from_date AND s.to_date) AS is_covered
  FROM ledger_account l
  LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
  JOIN bank_account b ON b.school_id = l.school_id AND b.id = coalesce(l.bank_account_id, m.bank_account_id)
 WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing')
   AND (EXISTS (SELECT FROM statement s WHERE s.school_id = l.school_id AND s.bank_account_id = l.bank_account_id
                   AND s.from_date <= $2)
        OR EXISTS (SELECT FROM transfer t WHERE t.school_id = l.school_id AND t.debit_account_id = l.id
                      AND t.business_date <= $2)
        OR EXISTS (SELECT FROM transfer t WHERE t.school_id = l.school_id AND t.credit_account_id = l.id
                      AND t.business_date <= $2))
 ORDER BY l.kind, account, l.id
"""
PROVED = "SELECT ledger_account_id, difference_vnd FROM daily_proof WHERE school_id = $1 AND business_date = $2"


async def in_the_way(db: Driver, school_id: int, day: date) -> tuple[CloseBlocker, ...]:
    """The accounts that keep `day` from being closed, by the proofs that its last night kept."""
    proved = {row[0]: row[1] for row in await db.raw.fetch(PROVED, school_id, day)}
    found: list[CloseBlocker] = []
    for row in await db.raw.fetch(ACCOUNTS, school_id, day):
        difference_vnd: int | None = proved.get(row["id"])
        if difference_vnd == 0:
            continue
        if difference_vnd is not None:
            why = Obstacle.DIFFERENCE
        elif row["kind"] == "bank" and not row["is_covered"]:
            why = Obstacle.NO_STATEMENT
        else:
            why = Obstacle.NOT_PROVED
        found.append(CloseBlocker(account=row["account"], why=why, difference_vnd=difference_vnd))
    return tuple(found)


async def close_day(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str
) -> DayClose:
    """Run the night of `day`, and close the books through it.

    Raises Problem: 422 for a day to come or without an actor; 409 for a day that is closed, when
    accounts stand in the way (each a fault), or when the school is too busy; nothing is written then.
    """
    person = _person(actor)
    with unless_busy():
        async with transaction(engine) as db:
            _refuse_day(day, standing_closes(await headings_of(db, school_id)))
            await release_income(db, school_id, day)
    async with _in_turn(engine, school_id) as db:
        standing = standing_closes(await records_of(db, school_id))
        _refuse_day(day, standing)
        settled = await reconcile_until(db, school_id, day, say_nothing)
        await _hold_postings(db, school_id)
        result = await prove_day(db, school_id, day, settled.created, say_nothing)
        _refuse_obstacles(day, await in_the_way(db, school_id, day))
        body = await close_body(
            db,
            school_id,
            day,
            proofs=[proof_body(proof) for proof in result.proofs],
            result_hash=result.result_hash,
            matches=result.matches,
            exceptions=result.exceptions,
            standing=standing,
        )
        record = await append(
            db,
            keys,
            school_id,
            RecordKind.CLOSED,
            day,
            {**body, "reopened_number": await _reopened_before(db, school_id)},
            actor=person,
            at=await _now(db),
        )
        await _lock_until(db, school_id, day)
    if settled.touched:
        async with borrowed(engine) as db:
            await announce_paid(db, settled.touched)
    return record


async def ask_to_reopen(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str, reason: str
) -> DayClose:
    """Ask that the latest close be reopened; another person approves it.

    Raises Problem: 422 without a reason or an actor; 409 when `day` is not the latest close or was
    asked for before.
    """
    person, why = _person(actor), _said(reason)
    async with _in_turn(engine, school_id) as db:
        records = await headings_of(db, school_id)
        close = _latest(records, day)
        if waiting_request(records) is not None:
            raise Problem(
                "reopening_asked",
                vi="Đã có đề nghị mở lại ngày này, đang chờ người khác duyệt.",
                en="Reopening this day was asked for already and waits for another person.",
                status=409,
            )
        said = {"closed_number": close.number}
        return await append(
            db, keys, school_id, RecordKind.REOPEN_REQUESTED, day, said,
            actor=person, reason=why, at=await _now(db),
        )  # fmt: skip


async def reopen_day(
    engine: AsyncEngine, keys: Keys, school_id: int, day: date, *, actor: str
) -> DayClose:
    """Approve the request to reopen `day`: the books are locked through the close before it.

    Raises Problem: 422 without an actor; 409 when `day` is not the latest close or nobody asked; 403
    when `actor` is who asked.
    """
    person = _person(actor)
    async with _in_turn(engine, school_id) as db:
        records = await headings_of(db, school_id)
        close = _latest(records, day)
        request = waiting_request(records)
        if request is None:
            raise Problem(
                "reopening_not_asked",
                vi="Chưa có ai đề nghị mở lại ngày này.",
                en="Nobody has asked to reopen this day.",
                status=409,
            )
        if person.casefold() == request.actor.casefold():
            raise Problem(
                "same_person",
                vi="Người đề nghị không được tự duyệt mở lại; cần một người khác.",
                en="Whoever asked cannot approve the reopening; another person must.",
                status=403,
            )
        before = standing_closes(records)[:-1]
        until = before[-1].day if before else None
        await _hold_postings(db, school_id)
        said = {
            "closed_number": close.number,
            "request_number": request.number,
            "requested_by": request.actor,
            "locked_until": until.isoformat() if until else None,
        }
        record = await append(
            db, keys, school_id, RecordKind.REOPENED, day, said,
            actor=person, reason=request.reason, at=await _now(db),
        )  # fmt: skip
        await _lock_until(db, school_id, until)
        return record


async def draft_of(db: Driver, school_id: int, day: date) -> dict[str, Any] | None:
    """What a close of `day` would vouch for by the proofs kept now; None when no night has proved it.

    Raises Problem (409) for a day that is closed.
    """
    standing = standing_closes(await records_of(db, school_id))
    _refuse_day(day, standing)
    rows = await db.raw.fetch(
        "SELECT body::text AS body, result_hash FROM daily_proof WHERE school_id = $1 AND business_date = $2"
        " ORDER BY body->>'account', ledger_account_id",
        school_id,
        day,
    )
    if not rows:
        return None
    school = await db.raw.fetchrow("SELECT code, name FROM school WHERE id = $1", school_id)
    body = await close_body(
        db,
        school_id,
        day,
        proofs=[_parsed(row["body"]) for row in rows],
        result_hash=rows[0]["result_hash"],
        matches={},
        exceptions={},
        standing=standing,
    )
    return {**body, "date": day.isoformat(), "school": dict(school)}


@asynccontextmanager
async def _in_turn(engine: AsyncEngine, school_id: int) -> AsyncIterator[Driver]:
    """A transaction in the school's turn, in which no fees are issued, approved or cancelled.

    Locks in the order of all others: the turn, the school, rows of the night. Raises Problem (409) when
    somebody else holds one for too long.
    """
    with unless_busy():
        async with transaction(engine) as db:
            await db.raw.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
            await lock_reconciliation(db, school_id)
            await db.raw.execute("SELECT FROM school WHERE id = $1 FOR NO KEY UPDATE", school_id)
            yield db


async def _hold_postings(db: Driver, school_id: int) -> None:
    """Let whoever posts finish, and keep others waiting until the caller's transaction ends."""
    await db.raw.execute("SELECT FROM school WHERE id = $1 FOR UPDATE", school_id)


async def _now(db: Driver) -> datetime:
    """The database's clock: what was posted before this was posted before the record."""
    at: datetime = await db.raw.fetchval("SELECT clock_timestamp()")
    return at


async def _lock_until(db: Driver, school_id: int, day: date | None) -> None:
    await db.raw.execute("UPDATE school SET books_locked_until = $2 WHERE id = $1", school_id, day)


async def _reopened_before(db: Driver, school_id: int) -> int | None:
    """The close that was reopened last, where no other was made since."""
    for record in reversed(await headings_of(db, school_id)):
        if record.kind is RecordKind.REOPENED:
            return record.about
        if record.kind is RecordKind.CLOSED:
            return None
    return None


def _refuse_day(day: date, standing: Sequence[DayClose]) -> None:
    if day > business_date(now_utc()):
        raise Problem(
            "future_day",
            vi=f"Ngày {day:%d/%m/%Y} chưa đến: chưa chốt được.",
            en=f"{day.isoformat()} has not come yet: it cannot be closed.",
            status=422,
        )
    if standing and day <= standing[-1].day:
        last = standing[-1].day
        raise Problem(
            "day_closed",
            vi=f"Sổ đã chốt đến hết ngày {last:%d/%m/%Y}.",
            en=f"The books are closed through {last.isoformat()}.",
            status=409,
        )


def _refuse_obstacles(day: date, found: Sequence[CloseBlocker]) -> None:
    if found:
        raise Problem(
            "day_not_proved",
            vi=f"Chưa chốt được ngày {day:%d/%m/%Y}: còn {len(found)} tài khoản chưa khớp.",
            en=f"{day.isoformat()} cannot be closed: {len(found)} accounts stand in the way.",
            status=409,
            faults=tuple(_fault(one) for one in found),
        )


def _fault(one: CloseBlocker) -> Fault:
    vi, en = OBSTACLE_WORDS[one.why]
    by_vi = f" {format_vnd(one.difference_vnd, 'vi')}" if one.difference_vnd else ""
    by_en = f" {format_vnd(one.difference_vnd, 'en')}" if one.difference_vnd else ""
    return Fault(
        code=one.why, vi=f"{one.account}: {vi}{by_vi}", en=f"{one.account}: {en}{by_en}",
        value=one.account,
    )  # fmt: skip


def _latest(records: Sequence[DayClose], day: date) -> DayClose:
    standing = standing_closes(records)
    if not standing or standing[-1].day != day:
        raise Problem(
            "not_the_latest_close",
            vi="Chỉ mở lại được ngày chốt gần nhất.",
            en="Only the latest close can be reopened.",
            status=409,
        )
    return standing[-1]


def _person(actor: str) -> str:
    tidy = " ".join(unicodedata.normalize("NFC", actor).split())
    if not tidy:
        raise Problem(
            "actor_missing", vi="Cần tên người thực hiện.", en="Say who acts.", status=422
        )
    return tidy


def _said(reason: str) -> str:
    tidy = reason.strip()
    if not tidy:
        raise Problem(
            "reason_missing",
            vi="Hãy ghi lý do mở lại.",
            en="Say why the day is to be reopened.",
            status=422,
        )
    return tidy


def _parsed(body: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(body)
    return parsed
