"""The proof of one school and one day: what its accounts come to, hashed and kept.

The same books give the same hash, whatever the order in which files, notices and nights came: it says
what every line is and what is left to explain, not who told of it first. Neither ids nor the clock are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from core.exceptions.resolutions import Resolution
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem
from reconciliation.matching.findings import count_by_reason
from reconciliation.matching.pairing import Progress
from reconciliation.matching.refund_debits import REFUND_RULE
from reconciliation.proof.balances import bank_days, first_days, open_accounts
from reconciliation.proof.clearing import clearing_days
from reconciliation.proof.proof import Proof, prove_bank, prove_clearing

FORMAT = "hocphi night 3"
"""Part of what is hashed: another way to write the result gets another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What a night came to. `matches` by rule and `exceptions` by reason are those of the day itself.

    `created`: payments that this run made of lines no notice had told of. `result_hash`: SHA-256.
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


async def prove_day(
    db: Driver, school_id: int, day: date, created: int, tell: Progress
) -> DayResult:
    """Prove business date `day` as it stands, hash the result and keep the proofs."""
    proofs = await _prove(db, school_id, day)
    tell("prove", len(proofs), len(proofs))
    result = await _conclude(db, school_id, day, proofs, created)
    await _keep_proofs(db, school_id, result)
    return result


def refuse_future(day: date) -> None:
    """Raise Problem (422) unless business date `day` has come."""
    if day > business_date(now_utc()):
        raise Problem(
            "future_day",
            vi=f"Ngày {day:%d/%m/%Y} chưa đến: chưa đối soát được.",
            en=f"{day.isoformat()} has not come yet: it cannot be reconciled.",
            status=422,
        )


async def _prove(db: Driver, school_id: int, day: date) -> tuple[Proof, ...]:
    # an opening stands on the eve of the first statement: a night of the eve must not run before it
    begun = await first_days(db, school_id, date.max)
    await open_accounts(db, school_id, begun)
    first = {account: begin for account, begin in begun.items() if begin.day <= day}
    banks = await bank_days(db, school_id, day, first)
    clearings = await clearing_days(db, school_id, day)
    return (*map(prove_bank, banks), *map(prove_clearing, clearings))


# A family's money is named by the reference that it came for: whether an IPN or the line itself told of it
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
"""

# A million matches are digested where they are: SHA-256 of each, then of all, sorted. The row of all has
# no rule.
DIGESTS_OF_DAY = f"""
WITH digested AS MATERIALIZED (
  SELECT rule, sha256(convert_to(json_build_array(number, identity, name)::text, 'UTF8')) AS digest
    FROM ({MATCHES_OF_DAY}) AS matched
)
SELECT rule, n, digest
  FROM (SELECT rule, count(*) AS n, NULL AS digest FROM digested GROUP BY rule
        UNION ALL
        SELECT NULL, count(*), encode(sha256(coalesce(string_agg(digest, NULL ORDER BY digest), '')), 'hex')
          FROM digested) AS counted
 ORDER BY rule COLLATE "C" NULLS FIRST
"""

# What a night withdrew, or which of several payments for one invoice was too much, says only what came
# first; what the bank had not shown by the day is looked up, for it may have been shown before any night
# missed it. An exception of money that a line shows is named by the line.
EXCEPTIONS_OF_DAY = f"""
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
"""


async def _conclude(
    db: Driver, school_id: int, day: date, proofs: tuple[Proof, ...], created: int
) -> DayResult:
    """Put the result together and hash it."""
    (_, count, digest), *by_rule = await db.raw.fetch(DIGESTS_OF_DAY, school_id, day)
    exceptions = [tuple(row) for row in await db.raw.fetch(EXCEPTIONS_OF_DAY, school_id, day)]
    return DayResult(
        day=day,
        proofs=proofs,
        matches={row["rule"]: row["n"] for row in by_rule},
        exceptions=await count_by_reason(db, school_id, day),
        created=created,
        result_hash=result_hash(day, (count, digest), exceptions, proofs),
    )


def result_hash(
    day: date,
    matches: tuple[int, str],
    exceptions: Sequence[tuple[Any, ...]],
    proofs: Sequence[Proof],
) -> str:
    """SHA-256, in hex, over the canonical JSON of a night's result; the order of the input is nothing.

    `matches`: how many, and the SHA-256 of the sorted SHA-256s of (account, line, what it is).
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
    """Keep the proofs that could be made and no others; a row that says the same already is left alone."""
    stated = [
        proof
        for proof in result.proofs
        if proof.opening_vnd is not None
        and proof.closing_vnd is not None
        and proof.difference_vnd is not None
    ]
    await db.raw.execute(
        "DELETE FROM daily_proof WHERE school_id = $1 AND business_date = $2"
        " AND ledger_account_id <> ALL($3::bigint[])",
        school_id,
        result.day,
        [proof.ledger_account_id for proof in stated],
    )
    await db.raw.execute(
        """
        INSERT INTO daily_proof (school_id, business_date, result_hash, ledger_account_id, opening_vnd,
                               closing_vnd, difference_vnd, body)
        SELECT $1, $2, $3, * FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[])
        ON CONFLICT (school_id, ledger_account_id, business_date) DO UPDATE
           SET result_hash = excluded.result_hash, opening_vnd = excluded.opening_vnd,
               closing_vnd = excluded.closing_vnd, difference_vnd = excluded.difference_vnd,
               body = excluded.body, created_at = now()
         WHERE (daily_proof.result_hash, daily_proof.body) IS DISTINCT FROM (excluded.result_hash, excluded.body)
        """,
        school_id,
        result.day,
        result.result_hash,
        [proof.ledger_account_id for proof in stated],
        [proof.opening_vnd for proof in stated],
        [proof.closing_vnd for proof in stated],
        [proof.difference_vnd for proof in stated],
        [json.dumps(proof_body(proof)) for proof in stated],
    )
