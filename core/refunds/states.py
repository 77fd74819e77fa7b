"""How far a refund has come: its states, its lock, and its end without money having moved.

A refund holds its amount back from the request until it ends. Its row is locked before its exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.exceptions.errors import NoteRequiredError
from core.exceptions.notes import write_notes
from core.exceptions.resolutions import Resolution
from core.exceptions.service import reopen
from core.exceptions.sql import resolving
from core.identity.audit import Detail, audit
from core.kit.database import Command, Driver, Query
from core.refunds.codes import code_of
from core.refunds.errors import RefundMovedOnError, UnknownRefundError

MAX_REASON = 200
WORKER = "worker"
"""Who acts in the audit chain when nobody does."""


class Method(StrEnum):
    """How the money goes back."""

    PROVIDER = "provider"  # the provider that took it gives it back on demand
    TRANSFER = "payout"  # the school's bank transfers it, by a list


class Status(StrEnum):
    """How far a refund has come."""

    REQUESTED = "requested"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    APPROVED = "approved"
    SENT = "sent"  # demanded of the provider: accepted or in doubt, and asked about
    LISTED = "listed"  # in a transfer list
    DONE = "done"
    REFUSED = "refused"  # the provider or the bank would not: no money moved


UNDER_WAY = (Status.REQUESTED, Status.APPROVED, Status.SENT, Status.LISTED)
"""Those that hold their amount back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRefund:
    """A refund whose row this transaction holds. Amount in VND."""

    id: int
    number: int
    payment_id: int
    method: Method
    status: Status
    amount_vnd: int
    requested_by: str
    request_id: str | None
    created_at: datetime


LOCK = Query(
    LockedRefund,
    """
SELECT id, number, payment_id, method, status, amount_vnd, requested_by, request_id, created_at
  FROM refund WHERE school_id = $1 AND id = $2 FOR UPDATE
""",
)

CLOSE = Command("""
UPDATE refund
   SET status = $3, note = $4, closed_by = $5, closed_at = now(), next_ask_at = NULL,
       provider_code = coalesce(nullif($6, ''), provider_code)
 WHERE school_id = $1 AND id = $2
""")

# the exceptions that were closed because their money was to go back
CLOSED_FOR = Query(
    int,
    """
SELECT e.id FROM refund r
  JOIN exception e ON e.school_id = r.school_id AND e.payment_id = r.payment_id
 WHERE r.school_id = $1 AND r.id = $2 AND e.resolution = 'refunded'
   AND (e.detail->>'refund_id')::bigint = r.id FOR UPDATE OF e
""",
)

ANSWER_DOUBTS = Command(
    resolving(
        "e.school_id = $1 AND e.reason = 'refund_unmatched' AND e.identity = ANY($2::text[])",
        resolution="$3",
        actor="$4",
    )
)


def tidy(text: str) -> str:
    """What a person typed, on one line, without what cannot be seen or stored."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


async def lock_refund(db: Driver, school_id: int, refund_id: int, *wanted: Status) -> LockedRefund:
    """Lock a refund in one of these states. Raises UnknownRefundError, RefundMovedOnError."""
    refund = await db.fetch_one(LOCK, school_id, refund_id)
    if refund is None:
        raise UnknownRefundError
    if refund.status not in wanted:
        raise RefundMovedOnError
    return refund


async def close_refund(
    db: Driver,
    school_id: int,
    refund: LockedRefund,
    status: Status,
    *,
    actor: str,
    note: str,
    provider_code: str = "",
) -> None:
    """End a locked refund without money having moved; its amount is free again.

    Raises NoteRequiredError without a reason.
    """
    assert status in {Status.REJECTED, Status.CANCELLED, Status.REFUSED}, "money has not moved"
    assert refund.status in UNDER_WAY, "what has ended does not end again"
    why = tidy(note)[:MAX_REASON]
    if not why:
        raise NoteRequiredError
    closed = await db.execute(CLOSE, school_id, refund.id, status, why, actor, provider_code)
    assert closed == 1, "a locked refund is there"
    await answer_doubts(db, school_id, [refund.number], Resolution.NOT_PAID_BACK, actor)
    await _reopen_return(db, school_id, refund.id, actor, f"{code_of(refund.number)}: {why}")
    await audit_step(db, school_id, refund.id, actor, status, {"note": why})


async def _reopen_return(db: Driver, school_id: int, refund_id: int, actor: str, note: str) -> None:
    """Open the exception again that was closed because its money was to go back: it has not gone."""
    closed = await db.fetch(CLOSED_FOR, school_id, refund_id)
    await reopen(db, school_id, closed, note=note, dropping=["refund_id"])
    await write_notes(db, school_id, closed, author=actor, text=note)


def doubt_identity(number: int) -> str:
    """The identity of the exception that the school's refund `number` is in doubt for too long."""
    return f"refund:{number}:in_doubt"


async def answer_doubts(
    db: Driver, school_id: int, numbers: Sequence[int], resolution: Resolution, actor: str
) -> None:
    """Close the exceptions that were open because these refunds were in doubt."""
    identities = [doubt_identity(number) for number in numbers]
    await db.execute(ANSWER_DOUBTS, school_id, identities, resolution, actor)


async def audit_step(
    db: Driver, school_id: int, refund_id: int, actor: str, step: str, detail: Detail
) -> None:
    """A step of a refund in the audit chain."""
    await audit(
        db,
        school_id,
        actor=actor,
        action=f"refund.{step}",
        subject=f"refund:{refund_id}",
        detail=detail,
    )
