"""What a close vouches for, gathered as the body of its record: proofs, files, books and open exceptions.

Cumulative like the proofs: everything up to the day. A day that is proved and not closed yet is
gathered in the same way, for a draft on paper. No ids of this database, no names of payers or pupils.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from core.kit.database import Driver
from reconciliation.closing.records import DayClose, transfers_until

# Files that speak of days after the close before, and older ones that it did not name
STATEMENTS = """
SELECT b.number AS account, s.file_name AS file, s.sha256, s.layout, s.from_date::text AS "from",
       s.to_date::text AS "to", s.line_count AS lines, s.opening_vnd, s.closing_vnd
  FROM statement s
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
 WHERE s.school_id = $1 AND s.from_date <= $2
   AND ($3::date IS NULL OR s.to_date > $3
        OR (b.number, s.sha256) NOT IN (SELECT * FROM unnest($4::text[], $5::text[])))
 ORDER BY b.number, s.from_date, s.to_date, s.sha256
"""
SETTLEMENTS = """
SELECT m.adapter || ':' || b.number AS account, s.file_name AS file, s.sha256, s.layout, s.line_count AS lines
  FROM settlement s
  JOIN merchant_account m ON m.school_id = s.school_id AND m.id = s.merchant_account_id
  JOIN bank_account b ON b.school_id = m.school_id AND b.id = m.bank_account_id
 WHERE s.school_id = $1
   AND (m.adapter || ':' || b.number, s.sha256) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
 ORDER BY 1, s.sha256
"""
NIGHTS = """
SELECT business_date::text AS date, (array_agg(result_hash ORDER BY created_at DESC))[1] AS result_hash
  FROM daily_proof WHERE school_id = $1 AND business_date <= $2 AND ($3::date IS NULL OR business_date > $3)
 GROUP BY business_date ORDER BY business_date
"""
OPEN_EXCEPTIONS = """
SELECT e.business_date::text AS date, e.reason, e.amount_vnd, coalesce(b.number, n.payee_account, '') AS account
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  LEFT JOIN bank_account b ON b.school_id = e.school_id
       AND b.id = coalesce(p.bank_account_id, s.bank_account_id, (e.detail->>'bank_account_id')::bigint)
 WHERE e.school_id = $1 AND e.business_date <= $2 AND e.resolved_at IS NULL
 ORDER BY e.business_date, e.reason, account, e.amount_vnd, e.identity
"""


async def close_body(
    db: Driver,
    school_id: int,
    day: date,
    *,
    proofs: Sequence[Mapping[str, Any]],
    result_hash: str,
    matches: Mapping[str, int],
    exceptions: Mapping[str, int],
    standing: Sequence[DayClose],
) -> dict[str, Any]:
    """The body of a close of `day` as it would be made now, VND; `standing`: the closes before it.

    `proofs`, `matches` by rule and `exceptions` by reason are the night's of that day.
    """
    since = standing[-1].day if standing else None
    listed = [dict(row) for row in await db.raw.fetch(OPEN_EXCEPTIONS, school_id, day)]
    reasons = sorted({row["reason"] for row in listed})
    sums = {
        reason: [row["amount_vnd"] for row in listed if row["reason"] == reason]
        for reason in reasons
    }
    return {
        "since": since.isoformat() if since else None,
        "proofs": list(proofs),
        "result_hash": result_hash,
        "matches": dict(matches),
        "exceptions": dict(exceptions),
        "nights": [dict(row) for row in await db.raw.fetch(NIGHTS, school_id, day, since)],
        "statements": [
            dict(row)
            for row in await db.raw.fetch(
                STATEMENTS, school_id, day, since, *_named(standing, "statements")
            )
        ],
        "settlements": [
            dict(row)
            for row in await db.raw.fetch(SETTLEMENTS, school_id, *_named(standing, "settlements"))
        ],
        "transfers": await transfers_until(db, school_id, day),
        "open_exceptions": [
            {"reason": reason, "count": len(amounts), "sum_vnd": sum(amounts)}
            for reason, amounts in sums.items()
        ],
        "open_exception_list": listed,
    }


def _named(standing: Sequence[DayClose], files: str) -> tuple[list[str], list[str]]:
    """Accounts and hashes of the files that closes named before."""
    named = [file for record in standing for file in record.body[files]]
    return [file["account"] for file in named], [file["sha256"] for file in named]
