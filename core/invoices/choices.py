"""Invoices from which a person chooses where money belongs. For the school's own staff: full names stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceChoice:
    """An invoice that may get a share of a payment. `class_name` is "" for an application."""

    id: int
    student_id: int
    full_name: str
    student_code: str
    class_name: str
    schedule_name: str
    reference: str
    open_vnd: int


CHOICES = Query(
    InvoiceChoice,
    """
SELECT i.id, i.student_id, s.full_name, s.code AS student_code,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name, f.name AS schedule_name,
       i.reference, i.total_vnd - i.paid_vnd AS open_vnd
  FROM invoice i
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
 WHERE i.school_id = $1 AND i.id = ANY($2::bigint[]) AND i.cancelled_at IS NULL
 ORDER BY array_position($2::bigint[], i.id)
""",
)


async def invoice_choices(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> list[InvoiceChoice]:
    """These invoices in their order, without those that are cancelled or not the school's."""
    return await db.fetch(CHOICES, school_id, list(invoice_ids))
