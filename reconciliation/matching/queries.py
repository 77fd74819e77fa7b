"""What is kept of matches: which line of a statement a payment is, and by which rule that was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from core.kit.database import Driver, Query


class MatchEvidence(TypedDict, total=False):
    """What agreed: the text that was seen, days between payment and line, what else would have fitted.

    Matches that were made by hand or before alternatives were kept have less of it.
    """

    seen: str
    days_apart: int
    alternatives: int | list[object]


@dataclass(frozen=True, slots=True)
class MatchedLine:
    """A payment's line on a statement: when it was posted, the rule and what agreed."""

    payment_id: int
    posted_on: date
    rule: str
    evidence: MatchEvidence


# by ix_match_payment
MATCHED_LINES = Query(
    MatchedLine,
    """
SELECT m.payment_id, s.posted_on, m.rule, m.evidence
  FROM match m
  JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
 WHERE m.school_id = $1 AND m.payment_id = ANY($2::bigint[]) ORDER BY m.statement_line_id
""",
)


async def matched_lines(
    db: Driver, school_id: int, payment_ids: Sequence[int]
) -> list[MatchedLine]:
    """The lines of these payments; those that no line shows have none."""
    return await db.fetch(MATCHED_LINES, school_id, list(payment_ids)) if payment_ids else []
