"""What screens show of a school as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True)
class SchoolSummary:
    """A school's name, and how many exceptions wait for a person there."""

    name: str
    open_exception_count: int


SUMMARY = Query(
    SchoolSummary,
    """
SELECT s.name, (SELECT count(*) FROM exception e
                 WHERE e.school_id = $1 AND e.resolved_at IS NULL) AS open_exception_count
  FROM school s WHERE s.id = $1
""",
)
REGIME = Query(str, "SELECT accounting_regime FROM school WHERE id = $1")


async def summary_of(db: Driver, school_id: int) -> SchoolSummary:
    """The school of somebody who is signed in; a foreign key holds it."""
    return await db.fetch_only(SUMMARY, school_id)


async def regime_of(db: Driver, school_id: int) -> str:
    """The accounting regime of a school that exists: a key of the dated charts, e.g. "TT24/2024"."""
    return await db.fetch_only(REGIME, school_id)
