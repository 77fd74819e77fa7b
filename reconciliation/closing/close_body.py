"""What a close covers, gathered as the body of its record: proofs, files, books and open exceptions.

Cumulative like the proofs: everything up to the day. A day that is proved and not closed yet is
gathered in the same way, for a draft. It must never hold an id of this database, or a name of a payer or
pupil; its keys are part of what is signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from core.kit.database import Driver, Query
from reconciliation.closing.records import DayClose


@dataclass(frozen=True, slots=True)
class ClosedStatement:
    """A statement file that a close names, VND."""

    account: str
    file: str
    sha256: str
    layout: str
    from_date: date
    to_date: date
    lines: int
    opening_vnd: int
    closing_vnd: int

    def as_body(self) -> dict[str, object]:
        """As it is signed."""
        return {
            "account": self.account,
            "file": self.file,
            "sha256": self.sha256,
            "layout": self.layout,
            "from": self.from_date.isoformat(),
            "to": self.to_date.isoformat(),
            "lines": self.lines,
            "opening_vnd": self.opening_vnd,
            "closing_vnd": self.closing_vnd,
        }


@dataclass(frozen=True, slots=True)
class ClosedSettlement:
    """A settlement file that a close names."""

    account: str
    file: str
    sha256: str
    layout: str
    lines: int


@dataclass(frozen=True, slots=True)
class ProvedDay:
    """The hash of a day's last proof; `date` as yyyy-mm-dd."""

    date: str
    result_hash: str


@dataclass(frozen=True, slots=True)
class OpenException:
    """An exception that a close leaves open, VND; `date` as yyyy-mm-dd."""

    date: str
    reason: str
    amount_vnd: int
    account: str


@dataclass(frozen=True, slots=True)
class TransferSum:
    """How many transfers of a kind there are, and their sum in VND."""

    kind: str
    count: int
    sum_vnd: int


# files that cover days after the close before, and older ones that it did not name
STATEMENTS = Query(
    ClosedStatement,
    """
SELECT b.number AS account, s.file_name AS file, s.sha256, s.layout, s.from_date, s.to_date,
       s.line_count AS lines, s.opening_vnd, s.closing_vnd
  FROM statement s
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
 WHERE s.school_id = $1 AND s.from_date <= $2
   AND ($3::date IS NULL OR s.to_date > $3
        OR (b.number, s.sha256) NOT IN (SELECT * FROM unnest($4::text[], $5::text[])))
 ORDER BY b.number, s.from_date, s.to_date, s.sha256
""",
)
SETTLEMENTS = Query(
    ClosedSettlement,
    """
SELECT m.adapter || ':' || b.number AS account, s.file_name AS file, s.sha256, s.layout, s.line_count AS lines
  FROM settlement s
  JOIN merchant_account m ON m.school_id = s.school_id AND m.id = s.merchant_account_id
  JOIN bank_account b ON b.school_id = m.school_id AND b.id = m.bank_account_id
 WHERE s.school_id = $1
   AND (m.adapter || ':' || b.number, s.sha256) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
 ORDER BY 1, s.sha256
""",
)
PROVED_DAYS = Query(
    ProvedDay,
    """
SELECT business_date::text AS date, (array_agg(result_hash ORDER BY created_at DESC))[1] AS result_hash
  FROM daily_proof WHERE school_id = $1 AND business_date <= $2 AND ($3::date IS NULL OR business_date > $3)
 GROUP BY business_date ORDER BY business_date
""",
)
OPEN_EXCEPTIONS = Query(
    OpenException,
    """
SELECT e.business_date::text AS date, e.reason, e.amount_vnd, coalesce(b.number, n.payee_account, '') AS account
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  LEFT JOIN bank_account b ON b.school_id = e.school_id
       AND b.id = coalesce(p.bank_account_id, s.bank_account_id, (e.detail->>'bank_account_id')::bigint)
 WHERE e.school_id = $1 AND e.business_date <= $2 AND e.resolved_at IS NULL
 ORDER BY e.business_date, e.reason, account, e.amount_vnd, e.identity
""",
)
TRANSFER_SUMS = Query(
    TransferSum,
    """
SELECT kind, count(*) AS count, sum(amount_vnd)::bigint AS sum_vnd FROM transfer
 WHERE school_id = $1 AND business_date <= $2 GROUP BY kind ORDER BY kind COLLATE "C"
""",
)


async def close_body(
    db: Driver,
    school_id: int,
    day: date,
    *,
    proofs: Sequence[Mapping[str, Any]],
    result_hash: str,
    matches: Mapping[str, int],
    exceptions: Mapping[str, int],
    closes: Sequence[DayClose],
) -> dict[str, Any]:
    """The body of a close of `day` as it would be made now, VND; `closes`: those in force before it.

    `proofs`, `matches` by rule and `exceptions` by reason are of that day's reconciliation.
    """
    since = closes[-1].day if closes else None
    listed = await db.fetch(OPEN_EXCEPTIONS, school_id, day)
    sums = {
        reason: [one.amount_vnd for one in listed if one.reason == reason]
        for reason in sorted({one.reason for one in listed})
    }
    statements = await db.fetch(STATEMENTS, school_id, day, since, *_named(closes, "statements"))
    settlements = await db.fetch(SETTLEMENTS, school_id, *_named(closes, "settlements"))
    return {
        "since": since.isoformat() if since else None,
        "proofs": list(proofs),
        "result_hash": result_hash,
        "matches": dict(matches),
        "exceptions": dict(exceptions),
        "nights": [asdict(one) for one in await db.fetch(PROVED_DAYS, school_id, day, since)],
        "statements": [one.as_body() for one in statements],
        "settlements": [asdict(one) for one in settlements],
        "transfers": await transfers_until(db, school_id, day),
        "open_exceptions": [
            {"reason": reason, "count": len(amounts), "sum_vnd": sum(amounts)}
            for reason, amounts in sums.items()
        ],
        "open_exception_list": [asdict(one) for one in listed],
    }


async def transfers_until(db: Driver, school_id: int, day: date) -> list[dict[str, Any]]:
    """How many transfers the books hold up to `day`, and their sum in VND, by kind."""
    return [asdict(one) for one in await db.fetch(TRANSFER_SUMS, school_id, day)]


def _named(closes: Sequence[DayClose], files: str) -> tuple[list[str], list[str]]:
    """Accounts and hashes of the files that closes named before."""
    named = [file for record in closes for file in record.body[files]]
    return [file["account"] for file in named], [file["sha256"] for file in named]
