"""Which invoice a payment in suspense may be for: proposals with their reasons, ranked.

Evidence is a reading of the text (a damaged reference, the pupil's code, a name however cut or misspelt,
the class) or the payer's own history. The amount and the class only rank: a whole school pays the same
amount on the same day. A proposal is never applied by itself.

The pupils that owe something are read once and compared in memory, so that one exception costs as many
queries as a hundred.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from rapidfuzz import fuzz

from core.kit.database import Driver
from core.kit.errors import not_found
from core.kit.reference import find_references
from core.kit.text import compact, unaccent

MOST = 10
MOST_PUPILS = 40_000
"""Pupils that are compared; the largest school of the country has about a tenth of it."""
MOST_NAMED = 30
"""Pupils of one text that only the name speaks for, the most alike first."""
NAME_FROM = 80
"""Of 100: how alike a name and its place in the text must be: two or three letters off, or cut."""
TOGETHER_FROM = 90
"""The same where the spaces are gone, and with them where a word begins."""
MIN_NAME = 6
"""Letters of a name below which it is found in any text."""
MIN_CODE = 4
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
    CLASS = "class"
    SAME_AMOUNT = "same_amount"


WEIGHTS = {
    Evidence.REFERENCE: 100,
    Evidence.CORRECTED_REFERENCE: 80,
    Evidence.STUDENT_CODE: 70,
    Evidence.NAME: 40,  # for the whole name; less when it is cut or misspelt
    Evidence.PAYER_HISTORY: 40,
    Evidence.SAME_AMOUNT: 30,
    Evidence.CLASS: 15,
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

    @property
    def is_supported(self) -> bool:
        """Something names this pupil or invoice and nobody else: what may be placed with many others.

        A code of digits alone may be an amount or a date: the name must say the same.
        """
        if Evidence.REFERENCE in self.evidence:
            return True
        return Evidence.STUDENT_CODE in self.evidence and (
            Evidence.NAME in self.evidence or not self.student_code.isdigit()
        )


@dataclass(frozen=True, slots=True)
class _Text:
    """What was written with a payment, as it is searched."""

    amount_vnd: int
    plain: str  # unaccented, lower case
    code: str  # compacted
    words: frozenset[str]
    exact: frozenset[str]
    corrected: frozenset[str]
    payer_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a text says of one pupil. `alike`: of 100, how well the name is found."""

    is_coded: bool = False
    alike: int = 0
    is_payer: bool = False


SUSPENDED = """
SELECT e.id, p.amount_vnd, p.content || ' ' || coalesce(string_agg(s.content, ' '), '') AS content,
       (SELECT array_agg(number) FROM bank_account b WHERE b.school_id = $1) AS own_numbers
  FROM exception e
  JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
  LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
 WHERE e.school_id = $1 AND e.id = ANY($2::bigint[])
 GROUP BY e.id, p.amount_vnd, p.content
"""
# pupils and applicants that owe something
PUPILS = """
SELECT s.id, s.code, s.search_name, s.reference FROM student s
 WHERE s.school_id = $1 AND EXISTS (SELECT FROM invoice i
       WHERE i.school_id = s.school_id AND i.student_id = s.id AND i.cancelled_at IS NULL
         AND i.paid_vnd < i.total_vnd)
 ORDER BY s.id LIMIT $2
"""
PAYERS = """
SELECT DISTINCT n.number, p.student_id FROM unnest($2::text[]) AS n(number)
  JOIN payment p ON p.school_id = $1 AND p.student_id IS NOT NULL
                AND p.content LIKE '%' || n.number || '%'
"""
INVOICES = """
SELECT i.id, i.reference, i.due_on, i.total_vnd, i.total_vnd - i.paid_vnd AS open_vnd,
       s.id AS student_id, s.code, s.full_name, s.reference AS standing,
       CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name
  FROM invoice i
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE i.school_id = $1 AND i.cancelled_at IS NULL AND i.paid_vnd < i.total_vnd
   AND (i.student_id = ANY($2::bigint[]) OR i.reference = ANY($3::text[]))
"""


async def proposals_for(db: Driver, school_id: int, exception_id: int) -> tuple[Proposal, ...]:
    """Open invoices that the payment behind an exception may be for, the likeliest first; at most 10.

    Empty when nothing but the amount speaks, or when there is no payment behind it. Raises Problem
    (404) for an unknown exception.
    """
    known = await db.raw.fetchval(
        "SELECT true FROM exception WHERE school_id = $1 AND id = $2", school_id, exception_id
    )
    if not known:
        raise not_found("ngoại lệ này", "exception")
    found = await proposals_of(db, school_id, [exception_id])
    return found.get(exception_id, ())


async def proposals_of(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> Mapping[int, tuple[Proposal, ...]]:
    """The same for several exceptions in four queries; one without a payment or a proposal is left out."""
    rows = await db.raw.fetch(SUSPENDED, school_id, list(exception_ids))
    if not rows:
        return {}
    texts = {row["id"]: _text(row) for row in rows}
    pupils = await db.raw.fetch(PUPILS, school_id, MOST_PUPILS)
    payers = await _payers(db, school_id, texts.values())
    readings = {
        exception_id: _readings(text, pupils, payers) for exception_id, text in texts.items()
    }
    references = {one for text in texts.values() for one in text.exact | text.corrected}
    student_ids = {student_id for read in readings.values() for student_id in read}
    student_ids |= {row["id"] for row in pupils if row["reference"] in references}
    by_student: dict[int, list[Any]] = defaultdict(list)
    by_reference: dict[str, list[Any]] = defaultdict(list)
    for row in await db.raw.fetch(INVOICES, school_id, sorted(student_ids), sorted(references)):
        by_student[row["student_id"]].append(row)
        for reference in {row["reference"], row["standing"]} & references:
            by_reference[reference].append(row)
    return {
        exception_id: proposals
        for exception_id, text in texts.items()
        if (proposals := _ranked(text, readings[exception_id], by_student, by_reference))
    }


def _text(row: Any) -> _Text:
    content: str = row["content"]
    plain = unaccent(content).lower()
    found = find_references(content)
    own = {compact(number) for number in row["own_numbers"] or ()}
    return _Text(
        amount_vnd=row["amount_vnd"],
        plain=plain,
        code=compact(content),
        words=frozenset(_WORD.findall(plain)),
        exact=frozenset(f.reference for f in found if not f.corrected),
        corrected=frozenset(f.reference for f in found if f.corrected),
        payer_numbers=tuple(sorted(set(_NUMBER.findall(content)) - own)),
    )


async def _payers(db: Driver, school_id: int, texts: Iterable[_Text]) -> Mapping[str, set[int]]:
    """payer's number -> the pupils for whom a payment with this number in its text was placed before."""
    numbers = sorted({number for text in texts for number in text.payer_numbers})
    found: dict[str, set[int]] = defaultdict(set)
    for row in await db.raw.fetch(PAYERS, school_id, numbers) if numbers else ():
        found[row["number"]].add(row["student_id"])
    return found


def _readings(
    text: _Text, pupils: Sequence[Any], payers: Mapping[str, set[int]]
) -> Mapping[int, _Reading]:
    """The pupils that a text speaks of."""
    known = {student_id for number in text.payer_numbers for student_id in payers.get(number, ())}
    coded = {row["id"] for row in pupils if names_code(text.plain, text.code, row["code"])}
    alike = {
        row["id"]: score
        for row in pupils
        if (score := name_alike(row["search_name"], text.plain, text.words))
    }
    named = sorted(alike, key=lambda student_id: (-alike[student_id], student_id))[:MOST_NAMED]
    return {
        student_id: _Reading(
            is_coded=student_id in coded,
            alike=alike.get(student_id, 0),
            is_payer=student_id in known,
        )
        for student_id in {*coded, *named, *(known & {row["id"] for row in pupils})}
    }


def names_code(plain: str, code_text: str, code: str) -> bool:
    """Whether a text, unaccented and compacted, names a pupil's or an application's code.

    What a code is written with (dots, dashes, spaces) may be lost or added; a code within a longer
    number or word is none.
    """
    bare = compact(code)
    if len(bare) < MIN_CODE or bare not in code_text:
        return False
    before = "(?<![0-9])" if bare[0].isdigit() else "(?<![a-z])"
    after = "(?![0-9])" if bare[-1].isdigit() else "(?![a-z])"
    spelt = "[^0-9a-z]*".join(bare.lower())
    return re.search(f"{before}{spelt}{after}", plain) is not None


def name_alike(search_name: str, plain: str, words: frozenset[str]) -> int:
    """Of 100, how well a name is found in an unaccented text; 0 where it is not.

    Cut at its end, run together or misspelt it still counts, if nearly all of it is there; else most
    of its words must stand in the text, the given name (the last) among them.
    """
    if len(search_name) < MIN_NAME:
        return 0
    score = fuzz.partial_ratio(search_name, plain, score_cutoff=NAME_FROM)
    if score:
        return int(score)
    own = search_name.split()
    present = sum(word in words for word in own)
    if own[-1] in words and 3 * present >= 2 * len(own):
        return 100 * present // len(own)
    together = search_name.replace(" ", "")
    return int(fuzz.partial_ratio(together, plain.replace(" ", ""), score_cutoff=TOGETHER_FROM))


def _ranked(
    text: _Text,
    readings: Mapping[int, _Reading],
    by_student: Mapping[int, Sequence[Any]],
    by_reference: Mapping[str, Sequence[Any]],
) -> tuple[Proposal, ...]:
    rows = {row["id"]: row for student_id in readings for row in by_student.get(student_id, ())}
    for reference in text.exact | text.corrected:
        rows |= {row["id"]: row for row in by_reference.get(reference, ())}
    found = [
        _proposal(row, text, readings.get(row["student_id"], _Reading())) for row in rows.values()
    ]
    found.sort(key=lambda one: (-one.score, one.due_on, one.reference))
    return tuple(found[:MOST])


def _proposal(row: Any, text: _Text, reading: _Reading) -> Proposal:
    evidence = _evidence(row, text, reading)
    score = sum(WEIGHTS[one] for one in evidence)
    if Evidence.NAME in evidence:
        score -= WEIGHTS[Evidence.NAME] * (100 - reading.alike) // 50
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


def _evidence(row: Any, text: _Text, reading: _Reading) -> Sequence[Evidence]:
    own = {row["reference"], row["standing"]}
    class_word = compact(row["class_name"]).lower()
    signs = (
        (Evidence.REFERENCE, bool(own & text.exact)),
        (Evidence.CORRECTED_REFERENCE, bool(own & text.corrected)),
        (Evidence.STUDENT_CODE, reading.is_coded),
        (Evidence.NAME, reading.alike > 0),
        (Evidence.PAYER_HISTORY, reading.is_payer),
        (Evidence.CLASS, bool(class_word) and class_word in text.words),
        (Evidence.SAME_AMOUNT, row["open_vnd"] == text.amount_vnd),
    )
    return [sign for sign, stands in signs if stands]
