"""How much waits for a person, by reason, and the facts behind one exception. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.exceptions.reasons import Reason
from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSum:
    """The open exceptions of one reason: how many, and their sum in VND."""

    reason: Reason
    number: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionFacts:
    """What is known of the money behind an exception. Amounts in VND; None where it does not apply.

    `recorded_vnd`: what the transaction was first recorded with, where it came again otherwise.
    """

    paid_at: datetime | None
    bank_transaction_id: str
    recorded_vnd: int | None
    invoice_id: int | None
    invoice_reference: str
    full_name: str
    class_name: str
    invoice_total_vnd: int | None
    invoice_paid_vnd: int | None


# by ix_exception_open
OPEN_BY_REASON = Query(
    OpenSum,
    "SELECT reason, count(*) AS number, sum(amount_vnd)::bigint AS amount_vnd FROM exception"
    " WHERE school_id = $1 AND resolved_at IS NULL GROUP BY reason ORDER BY number DESC, reason",
)
FACTS = Query(
    ExceptionFacts,
    """
SELECT n.paid_at, coalesce(nullif(n.bank_transaction_id, ''), s.bank_transaction_id, '') AS bank_transaction_id,
       CASE WHEN e.reason = 'conflicting_duplicate' THEN n.amount_vnd END AS recorded_vnd,
       i.id AS invoice_id, coalesce(i.reference, '') AS invoice_reference,
       coalesce(t.full_name, '') AS full_name,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name,
       i.total_vnd AS invoice_total_vnd, i.paid_vnd AS invoice_paid_vnd
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  LEFT JOIN invoice i ON i.school_id = e.school_id AND i.id = e.invoice_id
  LEFT JOIN student t ON t.school_id = i.school_id AND t.id = i.student_id
  LEFT JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE e.school_id = $1 AND e.id = $2
""",
)


async def open_by_reason(db: Driver, school_id: int) -> Mapping[Reason, OpenSum]:
    """The reasons that have open exceptions, the most frequent first."""
    return {one.reason: one for one in await db.fetch(OPEN_BY_REASON, school_id)}


async def facts_of(db: Driver, school_id: int, exception_id: int) -> ExceptionFacts | None:
    """The money behind an exception and the invoice that it names; None when there is no such exception."""
    return await db.fetch_one(FACTS, school_id, exception_id)
