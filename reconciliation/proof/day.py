"""The proof of one school and one day: what its accounts come to, hashed and kept.

The same books give the same hash, whatever the order in which files, notices and runs came: it covers
what every line is and what is left to explain, not which source reported it first. Neither ids nor the
clock must ever be in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from core.exceptions.resolutions import Resolution
from core.kit.clock import business_date, now_utc
from core.kit.database import Command, Driver, Query
from reconciliation.matching.findings import count_by_reason
from reconciliation.matching.pairing import Progress
from reconciliation.matching.refund_debits import REFUND_RULE
from reconciliation.proof.balances import bank_days
from reconciliation.proof.clearing import clearing_days
from reconciliation.proof.errors import FutureDayError
from reconciliation.proof.openings import first_days, open_accounts
from reconciliation.proof.proof import Proof, prove_bank, prove_clearing

FORMAT: Final = "hocphi night 3"
"""Part of what is hashed: another way to write the result gets another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What a reconciliation came to. `matches` by rule and `exceptions` by reason are those of the day itself.

    `created`: payments that this run made of lines no notice had reported. `result_hash`: SHA-256.
    """

    day: date
    proofs: tuple[Proof, ...]
    matches: Mapping[str, int]
    exceptions: Mapping[str, int]
    created: int
    result_hash: str

    @property
    def is_closed(self) -> bool:
        """Whether every account of the day closes to the đồng."""
        return all(proof.is_closed for proof in self.proofs)


# A family's money is named by the reference that it came for: whether an IPN or the line itself reported it
# first is chance, and so is which of two equal payments the line took.
MATCHES_OF_DAY = f"""
SELECT b.number, s.identity, 'payment:' || coalesce(p.reference, '') AS name, m.rule
  FROM statement_line s
  JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
 WHERE s.school_id = $1 AND s.posted_on = $2
UNION ALL
SELECT b.number, s.identity, 'refund:' || r.number, '{REFUND_RULE}'
  FROM statement_line s
  JOIN refund r ON r.school_id = s.school_id AND r.statement_line_id = s.id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
 WHERE s.school_id = $1 AND s.posted_on = $2
UNION ALL
SELECT b.number, s.identity, j.evidence->>'name', j.rule
  FROM statement_line s
  JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
 WHERE s.school_id = $1 AND s.posted_on = $2
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True, slots=True)
class Digest:
    """How many matches a rule made. Of all rules together (None): also the SHA-256 over them, in hex."""

    rule: str | None
    count: int
    digest: str | None


# A million matches are digested where they are: SHA-256 of each, then of all, sorted. The row of all has
# no rule.
DIGESTS_OF_DAY = Query(
    Digest,
    f"""
WITH digested AS MATERIALIZED (
  SELECT rule, sha256(convert_to(json_build_array(number, identity, name)::text, 'UTF8')) AS digest
    FROM ({MATCHES_OF_DAY}) AS matched
)
SELECT rule, count, digest
  FROM (SELECT rule, count(*) AS count, NULL AS digest FROM digested GROUP BY rule
        UNION ALL
        SELECT NULL, count(*), encode(sha256(coalesce(string_agg(digest, NULL ORDER BY digest), '')), 'hex')
          FROM digested) AS counted
 ORDER BY rule COLLATE "C" NULLS FIRST
""",  # noqa: S608 - composed of constants
)


@dataclass(frozen=True, slots=True)
class ExceptionOfDay:
    """An exception as it is hashed: VND; `subject` names what it is about without ids of this database."""

    reason: str
    amount_vnd: int
    subject: str


# What was withdrawn, or which of several payments for one invoice was too much, depends only on what came
# first; what the bank had not shown by the day is looked up, for it may have been shown before any run
# missed it. An exception of money that a line shows is named by the line.
EXCEPTIONS_OF_DAY = Query(
    ExceptionOfDay,
    f"""
SELECT e.reason, e.amount_vnd,
       regexp_replace(e.identity, '^(notice|payment):[0-9]+',
                      coalesce('line:' || s.identity, a.adapter || ':' || n.transaction_id, '')) AS subject
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN merchant_account a ON a.school_id = n.school_id AND a.id = n.merchant_account_id
  LEFT JOIN match m ON m.school_id = e.school_id AND m.payment_id = e.payment_id
  LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
 WHERE e.school_id = $1 AND e.business_date = $2 AND e.resolution IS DISTINCT FROM '{Resolution.MATCHED_LATER}'
   AND e.reason <> 'missing_in_statement'
   AND NOT (e.reason = 'refund_unmatched' AND e.identity ~ '^refund:[^:]+$')
   AND NOT (e.reason IN ('duplicate_payment', 'amount_mismatch') AND starts_with(e.identity, 'notice:'))
UNION ALL
SELECT reason, amount_vnd, subject
  FROM (SELECT 'missing_in_statement' AS reason, p.bank_account_id, p.amount_vnd,
               'payment:' || coalesce(p.reference, '') AS subject, m.statement_line_id
          FROM payment p
          LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
         WHERE p.school_id = $1 AND p.business_date = $2
        UNION ALL
        SELECT 'refund_unmatched', bank_account_id, amount_vnd, 'refund:' || number, statement_line_id
          FROM refund WHERE school_id = $1 AND done_on = $2) AS booked
 WHERE NOT EXISTS (SELECT FROM statement_line s
                    WHERE s.school_id = $1 AND s.id = booked.statement_line_id AND s.posted_on <= $2)
   AND EXISTS (SELECT FROM statement f
                WHERE f.school_id = $1 AND f.bank_account_id = booked.bank_account_id
                  AND $2 BETWEEN f.from_date AND f.to_date)
""",  # noqa: S608 - composed of constants
)

# proofs that cannot be made any more
DELETE_PROOFS = Command("""
DELETE FROM daily_proof
 WHERE school_id = $1 AND business_date = $2 AND ledger_account_id <> ALL($3::bigint[])
""")
# a row that holds the same already is left alone
KEEP_PROOFS = Command("""
INSERT INTO daily_proof (school_id, business_date, result_hash, ledger_account_id, opening_vnd,
                         closing_vnd, difference_vnd, body)
SELECT $1, $2, $3, * FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[])
ON CONFLICT (school_id, ledger_account_id, business_date) DO UPDATE
   SET result_hash = excluded.result_hash, opening_vnd = excluded.opening_vnd,
       closing_vnd = excluded.closing_vnd, difference_vnd = excluded.difference_vnd,
       body = excluded.body, created_at = excluded.created_at
 WHERE (daily_proof.result_hash, daily_proof.body) IS DISTINCT FROM (excluded.result_hash, excluded.body)
""")


async def prove_day(
    db: Driver, school_id: int, day: date, created: int, on_progress: Progress
) -> DayResult:
    """Prove business date `day` by the present books, hash the result and keep the proofs."""
    proofs = await _prove(db, school_id, day)
    on_progress("prove", len(proofs), len(proofs))
    result = await _conclude(db, school_id, day, proofs, created)
    await _keep_proofs(db, school_id, result)
    return result


def require_past(day: date) -> None:
    """Raise FutureDayError unless business date `day` has come."""
    if day > business_date(now_utc()):
        raise FutureDayError(day=day)


async def _prove(db: Driver, school_id: int, day: date) -> tuple[Proof, ...]:
    # an opening is dated on the eve of the first statement: the eve must not be proved before it
    begun = await first_days(db, school_id, date.max)
    await open_accounts(db, school_id, begun)
    first = {account: begin for account, begin in begun.items() if begin.day <= day}
    banks = await bank_days(db, school_id, day, first)
    clearings = await clearing_days(db, school_id, day)
    proofs = (*map(prove_bank, banks), *map(prove_clearing, clearings))
    accounts = {proof.ledger_account_id for proof in proofs}
    assert len(accounts) == len(proofs), "an account is proved once"
    return proofs


async def _conclude(
    db: Driver, school_id: int, day: date, proofs: tuple[Proof, ...], created: int
) -> DayResult:
    """Put the result together and hash it."""
    whole, *by_rule = await db.fetch(DIGESTS_OF_DAY, school_id, day)
    assert whole.rule is None, "the row of all comes first"
    assert whole.digest is not None, "SHA-256 of nothing is one too"
    exceptions = [
        (one.reason, one.amount_vnd, one.subject)
        for one in await db.fetch(EXCEPTIONS_OF_DAY, school_id, day)
    ]
    return DayResult(
        day=day,
        proofs=proofs,
        matches={one.rule: one.count for one in by_rule if one.rule is not None},
        exceptions=await count_by_reason(db, school_id, day),
        created=created,
        result_hash=result_hash(day, (whole.count, whole.digest), exceptions, proofs),
    )


def result_hash(
    day: date,
    matches: tuple[int, str],
    exceptions: Sequence[tuple[str, int, str]],
    proofs: Sequence[Proof],
) -> str:
    """SHA-256, in hex, over the canonical JSON of a day's result; the order of the input does not matter.

    `matches`: how many, and the SHA-256 of the sorted SHA-256s of (account, line, what it is). `exceptions`:
    reason, VND and subject of each.
    """
    body = [
        FORMAT,
        day.isoformat(),
        matches,
        sorted(exceptions),
        sorted(json.dumps(proof_body(proof)) for proof in proofs),
    ]
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def proof_body(proof: Proof) -> dict[str, Any]:
    """A proof as it is stored and hashed: without ids of this database."""
    body = asdict(proof)
    del body["ledger_account_id"]
    return body


async def _keep_proofs(db: Driver, school_id: int, result: DayResult) -> None:
    """Keep the proofs that could be made and no others."""
    stated = [
        proof
        for proof in result.proofs
        if proof.opening_vnd is not None
        and proof.closing_vnd is not None
        and proof.difference_vnd is not None
    ]
    accounts = [proof.ledger_account_id for proof in stated]
    await db.execute(DELETE_PROOFS, school_id, result.day, accounts)
    await db.execute(
        KEEP_PROOFS,
        school_id,
        result.day,
        result.result_hash,
        accounts,
        [proof.opening_vnd for proof in stated],
        [proof.closing_vnd for proof in stated],
        [proof.difference_vnd for proof in stated],
        [json.dumps(proof_body(proof)) for proof in stated],
    )
