"""The night of one school and one day: match, heal, list, open the books, prove, and sign the result.

One transaction: a night that fails leaves nothing. Running it again changes nothing and gives the same
hash, whatever the order in which files and notices came; neither ids nor the clock are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.kit.clock import business_date, now_utc
from gateway.kit.database import Driver, borrowed, transaction
from gateway.kit.problem import Problem
from gateway.payments.recorder import announce_paid
from reconciliation.balances import bank_days, clearing_days, first_days, open_accounts
from reconciliation.findings import count_by_reason, list_findings
from reconciliation.pairing import Paired, Progress, pair_until
from reconciliation.payouts import REFUND_RULE, explain_debits
from reconciliation.proof import Proof, prove_bank, prove_clearing
from reconciliation.turn import take_turn

FORMAT = "hocphi night 2"
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


async def reconcile(
    engine: AsyncEngine, school_id: int, day: date, *, on_progress: Progress | None = None
) -> DayResult:
    """Reconcile a school up to business date `day` and prove that day.

    Lines of earlier days that are still open are matched too. Raises Problem: 422 for a day in the
    future, 409 while another night or import of the school is under way.
    """
    if day > business_date(now_utc()):
        raise Problem(
            "future_day",
            vi=f"Ngày {day:%d/%m/%Y} chưa đến: chưa đối soát được.",
            en=f"{day.isoformat()} has not come yet: it cannot be reconciled.",
            status=422,
        )
    tell = on_progress or _say_nothing
    async with transaction(engine) as db:
        await take_turn(db, school_id)
        reopened = await explain_debits(db, school_id, day)
        paired = await pair_until(db, school_id, day, tell)
        await list_findings(db, school_id, day)
        proofs = await _prove(db, school_id, day)
        tell("prove", len(proofs), len(proofs))
        result = await _conclude(db, school_id, day, proofs, paired)
        await _close_day(db, school_id, result)
    if touched := paired.paid | reopened:
        async with borrowed(engine) as db:
            await announce_paid(db, touched)
    return result


def _say_nothing(_step: str, _done: int, _total: int) -> None:
    pass


async def _prove(db: Driver, school_id: int, day: date) -> tuple[Proof, ...]:
    first = await first_days(db, school_id, day)
    await open_accounts(db, school_id, first)
    banks = await bank_days(db, school_id, day, first)
    clearings = await clearing_days(db, school_id, day)
    return (*map(prove_bank, banks), *map(prove_clearing, clearings))


# channel:transaction is what a payment is called outside our database
MATCHES_OF_DAY = f"""
SELECT b.number, s.identity, p.channel || ':' || n.transaction_id AS payment, m.rule
  FROM statement_line s
  JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
  JOIN notice n ON n.school_id = p.school_id AND n.id = p.id
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

EXCEPTIONS_OF_DAY = """
SELECT e.reason, e.amount_vnd,
       regexp_replace(e.identity, '^(notice|payment):[0-9]+',
                      coalesce(a.adapter || ':' || n.transaction_id, '')) AS subject
  FROM exception e
  LEFT JOIN notice n ON n.school_id = e.school_id AND n.id = e.notice_id
  LEFT JOIN merchant_account a ON a.school_id = n.school_id AND a.id = n.merchant_account_id
 WHERE e.school_id = $1 AND e.business_date = $2
"""


async def _conclude(
    db: Driver, school_id: int, day: date, proofs: tuple[Proof, ...], paired: Paired
) -> DayResult:
    """Put the result together and hash it."""
    matches = [tuple(row) for row in await db.fetch(MATCHES_OF_DAY, school_id, day)]
    exceptions = [tuple(row) for row in await db.fetch(EXCEPTIONS_OF_DAY, school_id, day)]
    return DayResult(
        day=day,
        proofs=proofs,
        matches=dict(sorted(Counter(rule for *_, rule in matches).items())),
        exceptions=await count_by_reason(db, school_id, day),
        created=paired.created,
        result_hash=result_hash(day, matches, exceptions, proofs),
    )


def result_hash(
    day: date,
    matches: Sequence[tuple[str, ...]],
    exceptions: Sequence[tuple[Any, ...]],
    proofs: Sequence[Proof],
) -> str:
    """SHA-256, in hex, over the canonical JSON of a night's result; the order of the input is nothing."""
    body = [
        FORMAT,
        day.isoformat(),
        sorted(matches),
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


async def _close_day(db: Driver, school_id: int, result: DayResult) -> None:
    """Keep the proofs that could be made; a row that says the same already is left alone."""
    stated = [
        proof
        for proof in result.proofs
        if proof.opening_vnd is not None
        and proof.closing_vnd is not None
        and proof.difference_vnd is not None
    ]
    await db.execute(
        """
        INSERT INTO day_close (school_id, business_date, result_hash, ledger_account_id, opening_vnd,
                               closing_vnd, difference_vnd, body)
        SELECT $1, $2, $3, * FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[])
        ON CONFLICT (school_id, ledger_account_id, business_date) DO UPDATE
           SET result_hash = excluded.result_hash, opening_vnd = excluded.opening_vnd,
               closing_vnd = excluded.closing_vnd, difference_vnd = excluded.difference_vnd,
               body = excluded.body, created_at = now()
         WHERE (day_close.result_hash, day_close.body) IS DISTINCT FROM (excluded.result_hash, excluded.body)
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
