"""Which invoice a payment in suspense may be for: proposals with their reasons, ranked.

Evidence is a reading of the text (a damaged reference, the pupil's code or name) or the payer's own
history. The amount only ranks: a whole school pays the same amount on the same day. A proposal is
never applied by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from gateway.kit.database import Driver
from gateway.kit.problem import not_found
from gateway.kit.reference import find_references
from gateway.kit.text import compact, unaccent

MOST = 10
MIN_NAME_WORDS = 2
"""Words of a name that must stand in the text before a name says anything."""
_WORD = re.compile(r"[a-z0-9]+")
# a payer's account or telephone number; a shorter run of digits may be a date or an amount
_NUMBER = re.compile(r"(?<![0-9])[0-9]{8,16}(?![0-9])")


class Evidence(StrEnum):
    """Why an invoice is proposed."""

    REFERENCE = "reference"
    CORRECTED_REFERENCE = "corrected_reference"
    STUDENT_CODE = "student_code"
    NAME = "name"
    PAYER_HISTORY = "payer_history"
    SAME_AMOUNT = "same_amount"


WEIGHTS = {
    Evidence.REFERENCE: 100,
    Evidence.CORRECTED_REFERENCE: 80,
    Evidence.STUDENT_CODE: 70,
    Evidence.NAME: 40,  # for the whole name; less when words are missing
    Evidence.PAYER_HISTORY: 40,
    Evidence.SAME_AMOUNT: 30,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An open invoice that the money may be for. Amounts in VND; a higher `score` is likelier."""

    invoice_id: int
    reference: str
    student_id: int
    student_code: str
    student_name: str
    class_name: str
    due_on: date
    total_vnd: int
    open_vnd: int
    score: int
    evidence: tuple[Evidence, ...]


SUSPENDED = """
SELECT p.id, p.amount_vnd, p.bank_account_id, p.content || ' ' || coalesce(s.content, '') AS content,
       (SELECT array_agg(number) FROM bank_account b WHERE b.school_id = p.school_id) AS own_numbers
  FROM exception e
  JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
  LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
 WHERE e.school_id = $1 AND e.id = $2
"""

# Open invoices whose pupil, reference or payer the text speaks of. `words`: how many words of the
# pupil's name stand in it.
CANDIDATES = """
WITH payer AS (
  SELECT DISTINCT p.student_id FROM payment p
   WHERE p.school_id = $1 AND p.student_id IS NOT NULL AND p.content LIKE ANY($5::text[])
), read AS (
  SELECT s.id, s.code, s.full_name, s.reference AS standing,
         (SELECT count(*) FROM unnest(string_to_array(s.search_name, ' ')) AS word
           WHERE word = ANY($3::text[])) AS words,
         cardinality(string_to_array(s.search_name, ' ')) AS name_words,
         s.id IN (SELECT student_id FROM payer) AS is_payer,
         length(s.code) >= 4 AND position(upper(s.code) IN $4) > 0 AS is_coded
    FROM student s WHERE s.school_id = $1
)
SELECT i.id, i.reference, i.due_on, i.total_vnd, i.total_vnd - i.paid_vnd AS open_vnd, i.bank_account_id,
       r.id AS student_id, r.code, r.full_name, r.standing, r.words, r.name_words, r.is_payer, r.is_coded,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name
  FROM read r
  JOIN invoice i ON i.school_id = $1 AND i.student_id = r.id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE i.cancelled_at IS NULL AND i.paid_vnd < i.total_vnd
   AND (i.reference = ANY($2::text[]) OR r.standing = ANY($2::text[]) OR r.is_payer OR r.is_coded
        OR r.words >= least($6, r.name_words))
"""


async def proposals_for(db: Driver, school_id: int, exception_id: int) -> tuple[Proposal, ...]:
    """Open invoices that the payment behind an exception may be for, the likeliest first; at most 10.

    Empty when nothing but the amount speaks, or when there is no payment behind it. Raises Problem
    (404) for an unknown exception.
    """
    known = await db.fetchval(
        "SELECT true FROM exception WHERE school_id = $1 AND id = $2", school_id, exception_id
    )
    if not known:
        raise not_found("ngoại lệ này", "exception")
    payment = await db.fetchrow(SUSPENDED, school_id, exception_id)
    if payment is None:
        return ()
    content: str = payment["content"]
    exact, corrected = _readings(content)
    rows = await db.fetch(
        CANDIDATES,
        school_id,
        sorted(exact | corrected),
        _words(content),
        compact(content),
        [f"%{number}%" for number in _payer_numbers(content, payment["own_numbers"] or ())],
        MIN_NAME_WORDS,
    )
    found = [_proposal(row, payment["amount_vnd"], exact, corrected) for row in rows]
    found.sort(key=lambda one: (-one.score, one.due_on, one.reference))
    return tuple(found[:MOST])


def _readings(content: str) -> tuple[set[str], set[str]]:
    found = find_references(content)
    return (
        {f.reference for f in found if not f.corrected},
        {f.reference for f in found if f.corrected},
    )


def _words(content: str) -> list[str]:
    return sorted(set(_WORD.findall(unaccent(content).lower())))


def _payer_numbers(content: str, own_numbers: Iterable[str]) -> list[str]:
    """Numbers in the text that may be the payer's: not the school's own accounts."""
    own = {compact(number) for number in own_numbers}
    return sorted(set(_NUMBER.findall(content)) - own)


def _proposal(row: Any, amount_vnd: int, exact: set[str], corrected: set[str]) -> Proposal:
    evidence = _evidence(row, amount_vnd, exact, corrected)
    score = sum(WEIGHTS[one] for one in evidence)
    if Evidence.NAME in evidence:
        score -= WEIGHTS[Evidence.NAME] * (row["name_words"] - row["words"]) // row["name_words"]
    return Proposal(
        invoice_id=row["id"],
        reference=row["reference"],
        student_id=row["student_id"],
        student_code=row["code"],
        student_name=row["full_name"],
        class_name=row["class_name"],
        due_on=row["due_on"],
        total_vnd=row["total_vnd"],
        open_vnd=row["open_vnd"],
        score=score,
        evidence=tuple(evidence),
    )


def _evidence(
    row: Any, amount_vnd: int, exact: set[str], corrected: set[str]
) -> Sequence[Evidence]:
    own = {row["reference"], row["standing"]}
    signs = (
        (Evidence.REFERENCE, bool(own & exact)),
        (Evidence.CORRECTED_REFERENCE, bool(own & corrected)),
        (Evidence.STUDENT_CODE, row["is_coded"]),
        (Evidence.NAME, row["words"] >= min(MIN_NAME_WORDS, row["name_words"])),
        (Evidence.PAYER_HISTORY, row["is_payer"]),
        (Evidence.SAME_AMOUNT, row["open_vnd"] == amount_vnd),
    )
    return [sign for sign, stands in signs if stands]
