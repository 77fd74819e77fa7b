"""What a schedule comes to: asked of families, borne by the school, owed by the State. Reads only.

What is issued counts as it was written; what is not counts as issuing now would write it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.fees.service import LINEAR
from core.invoices.charges import CHARGES
from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTotals:
    """A schedule's full price in its three parts, VND."""

    asked_vnd: int
    by_school_vnd: int
    by_state_vnd: int

    @property
    def full_vnd(self) -> int:
        """What it would be without a concession."""
        return self.asked_vnd + self.by_school_vnd + self.by_state_vnd


# What was cancelled is left out: it is charged no more.
SCHEDULE_TOTALS = Query(
    ScheduleTotals,
    f"""
{CHARGES}, part AS (
  SELECT 'asked' AS bearer, unit_price_vnd * quantity - conceded_vnd AS amount_vnd FROM charge
  UNION ALL
  SELECT share.borne_by, share.conceded_vnd FROM share JOIN charge USING (student_id, fee_item_id)
  UNION ALL
  SELECT 'asked', total_vnd FROM invoice
   WHERE school_id = $1 AND fee_schedule_id = $2 AND cancelled_at IS NULL
  UNION ALL
  SELECT c.borne_by, d.conceded_vnd
    FROM conceded_charge d JOIN concession c ON c.school_id = d.school_id AND c.id = d.concession_id
   WHERE d.school_id = $1 AND d.fee_schedule_id = $2 AND d.cancelled_at IS NULL
)
SELECT coalesce(sum(amount_vnd) FILTER (WHERE bearer = 'asked'), 0)::bigint AS asked_vnd,
       coalesce(sum(amount_vnd) FILTER (WHERE bearer = 'school'), 0)::bigint AS by_school_vnd,
       coalesce(sum(amount_vnd) FILTER (WHERE bearer = 'state'), 0)::bigint AS by_state_vnd
  FROM part
""",  # noqa: S608 - a constant of this package
)


async def total_schedule(
    db: Driver, school_id: int, schedule_id: int, school_year: str
) -> ScheduleTotals:
    """What a roster schedule of `school_year` comes to, issued or not.

    The rest of the transaction plans without nested loops (`LINEAR`).
    """
    await db.execute(LINEAR)
    return await db.fetch_only(SCHEDULE_TOTALS, school_id, schedule_id, school_year)
