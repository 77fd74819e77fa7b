"""Which invoice a payment in suspense may be for: proposals with their reasons, ranked.

Evidence is read in the text (a damaged reference, the pupil's code, a name however cut or misspelt, the
class) or is the payer's own history. The amount and the class only rank: a whole school pays the same
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

from core.exceptions.errors import NoSuchExceptionError
from core.kit.database import Driver, Query
from core.kit.reference import find_references
from core.kit.text import compact, unaccent
from reconciliation.review.text_matching import name_alike, names_code

MOST = 10
MOST_PUPILS = 40_000
"""Pupils that are compared; the largest school of the country has about a tenth of it."""
MOST_NAMED = 30
"""Pupils of one text that only their name proposes, the most alike first."""
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
        """Something names this pupil or invoice and nobody else: what may be allocated with many others.

        A code of digits alone may be an amount or a date: the name must agree.
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
class PupilReading:
    """What a text names of one pupil. `alike`: of 100, how well the name is found."""

    is_coded: bool = False
    alike: int = 0
    is_payer: bool = False


@dataclass(frozen=True, slots=True)
class SuspendedText:
    """The payment behind an exception, what its payer and the bank wrote, and the school's own accounts."""

    id: int
    amount_vnd: int
    content: str
    own_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwingPupil:
    """A pupil or applicant that owes something."""

    id: int
    code: str
    search_name: str
    reference: str


@dataclass(frozen=True, slots=True)
class KnownPayer:
    """A number in the texts of earlier payments, and a pupil whom one of them was for."""

    number: str
    student_id: int


@dataclass(frozen=True, slots=True)
class OpenInvoiceOfPupil:
    """An invoice that owes something, and its pupil. VND."""

    id: int
    reference: str
    due_on: date
    total_vnd: int
    open_vnd: int
    student_id: int
    student_code: str
    student_name: str
    student_reference: str
    class_name: str

    @property
    def references(self) -> frozenset[str]:
        """Its own and its pupil's."""
        return frozenset({self.reference, self.student_reference})


EXISTS = Query(int, "SELECT id FROM exception WHERE school_id = $1 AND id = $2")
SUSPENDED = Query(
    SuspendedText,
    """
SELECT e.id, p.amount_vnd, p.content || ' ' || coalesce(string_agg(s.content, ' '), '') AS content,
       (SELECT coalesce(array_agg(number), '{}') FROM bank_account b WHERE b.school_id = $1) AS own_numbers
  FROM exception e
  JOIN payment p ON p.school_id = e.school_id AND p.id = e.payment_id
  LEFT JOIN match m ON m.school_id = p.school_id AND m.payment_id = p.id
  LEFT JOIN statement_line s ON s.school_id = m.school_id AND s.id = m.statement_line_id
 WHERE e.school_id = $1 AND e.id = ANY($2::bigint[])
 GROUP BY e.id, p.amount_vnd, p.content
""",
)
# read once and compared in memory
PUPILS = Query(
    OwingPupil,
    """
SELECT s.id, s.code, s.search_name, s.reference FROM student s
 WHERE s.school_id = $1 AND EXISTS (SELECT FROM invoice i
       WHERE i.school_id = s.school_id AND i.student_id = s.id AND i.cancelled_at IS NULL
         AND i.paid_vnd < i.total_vnd)
 ORDER BY s.id LIMIT $2
""",
)
PAYERS = Query(
    KnownPayer,
    """
SELECT DISTINCT n.number, p.student_id FROM unnest($2::text[]) AS n(number)
  JOIN payment p ON p.school_id = $1 AND p.student_id IS NOT NULL
                AND p.content LIKE '%' || n.number || '%'
""",
)
INVOICES = Query(
    OpenInvoiceOfPupil,
    """
SELECT i.id, i.reference, i.due_on, i.total_vnd, i.total_vnd - i.paid_vnd AS open_vnd,
       s.id AS student_id, s.code AS student_code, s.full_name AS student_name,
       s.reference AS student_reference, CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name
  FROM invoice i
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE i.school_id = $1 AND i.cancelled_at IS NULL AND i.paid_vnd < i.total_vnd
   AND (i.student_id = ANY($2::bigint[]) OR i.reference = ANY($3::text[]))
""",
)


async def proposals_for(db: Driver, school_id: int, exception_id: int) -> tuple[Proposal, ...]:
    """Open invoices that the payment behind an exception may be for, the likeliest first; at most 10.

    Empty when nothing but the amount fits, or when there is no payment behind it. Raises
    NoSuchExceptionError.
    """
    if not await db.fetch(EXISTS, school_id, exception_id):
        raise NoSuchExceptionError
    found = await proposals_of(db, school_id, [exception_id])
    return found.get(exception_id, ())


async def proposals_of(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> Mapping[int, tuple[Proposal, ...]]:
    """The same for several exceptions in four queries; one without a payment or a proposal is left out."""
    suspended = await db.fetch(SUSPENDED, school_id, list(exception_ids))
    if not suspended:
        return {}
    texts = {one.id: _text(one) for one in suspended}
    pupils = await db.fetch(PUPILS, school_id, MOST_PUPILS)
    payers = await _payers(db, school_id, texts.values())
    readings = {
        exception_id: _readings(text, pupils, payers) for exception_id, text in texts.items()
    }
    references = {one for text in texts.values() for one in text.exact | text.corrected}
    student_ids = {student_id for read in readings.values() for student_id in read}
    student_ids |= {pupil.id for pupil in pupils if pupil.reference in references}
    by_student: dict[int, list[OpenInvoiceOfPupil]] = defaultdict(list)
    by_reference: dict[str, list[OpenInvoiceOfPupil]] = defaultdict(list)
    for invoice in await db.fetch(INVOICES, school_id, sorted(student_ids), sorted(references)):
        by_student[invoice.student_id].append(invoice)
        for reference in invoice.references & references:
            by_reference[reference].append(invoice)
    return {
        exception_id: proposals
        for exception_id, text in texts.items()
        if (proposals := _ranked(text, readings[exception_id], by_student, by_reference))
    }


def _text(suspended: SuspendedText) -> _Text:
    plain = unaccent(suspended.content).lower()
    found = find_references(suspended.content)
    own = {compact(number) for number in suspended.own_numbers}
    return _Text(
        amount_vnd=suspended.amount_vnd,
        plain=plain,
        code=compact(suspended.content),
        words=frozenset(_WORD.findall(plain)),
        exact=frozenset(f.reference for f in found if not f.corrected),
        corrected=frozenset(f.reference for f in found if f.corrected),
        payer_numbers=tuple(sorted(set(_NUMBER.findall(suspended.content)) - own)),
    )


async def _payers(db: Driver, school_id: int, texts: Iterable[_Text]) -> Mapping[str, set[int]]:
    """A payer's number -> the pupils whose earlier payments have it in their text."""
    numbers = sorted({number for text in texts for number in text.payer_numbers})
    found: dict[str, set[int]] = defaultdict(set)
    for payer in await db.fetch(PAYERS, school_id, numbers) if numbers else ():
        found[payer.number].add(payer.student_id)
    return found


def _readings(
    text: _Text, pupils: Sequence[OwingPupil], payers: Mapping[str, set[int]]
) -> Mapping[int, PupilReading]:
    """The pupils that a text names."""
    known = {student_id for number in text.payer_numbers for student_id in payers.get(number, ())}
    coded = {pupil.id for pupil in pupils if names_code(text.plain, text.code, pupil.code)}
    alike = {
        pupil.id: score
        for pupil in pupils
        if (score := name_alike(pupil.search_name, text.plain, text.words))
    }
    named = sorted(alike, key=lambda student_id: (-alike[student_id], student_id))[:MOST_NAMED]
    return {
        student_id: PupilReading(
            is_coded=student_id in coded,
            alike=alike.get(student_id, 0),
            is_payer=student_id in known,
        )
        for student_id in {*coded, *named, *(known & {pupil.id for pupil in pupils})}
    }


def _ranked(
    text: _Text,
    readings: Mapping[int, PupilReading],
    by_student: Mapping[int, Sequence[OpenInvoiceOfPupil]],
    by_reference: Mapping[str, Sequence[OpenInvoiceOfPupil]],
) -> tuple[Proposal, ...]:
    invoices = {one.id: one for student_id in readings for one in by_student.get(student_id, ())}
    for reference in text.exact | text.corrected:
        invoices |= {one.id: one for one in by_reference.get(reference, ())}
    found = [
        _proposal(one, text, readings.get(one.student_id, PupilReading()))
        for one in invoices.values()
    ]
    found.sort(key=lambda one: (-one.score, one.due_on, one.reference))
    return tuple(found[:MOST])


def _proposal(invoice: OpenInvoiceOfPupil, text: _Text, reading: PupilReading) -> Proposal:
    evidence = _evidence(invoice, text, reading)
    score = sum(WEIGHTS[one] for one in evidence)
    if Evidence.NAME in evidence:
        score -= WEIGHTS[Evidence.NAME] * (100 - reading.alike) // 50
    return Proposal(
        invoice_id=invoice.id,
        reference=invoice.reference,
        student_id=invoice.student_id,
        student_code=invoice.student_code,
        student_name=invoice.student_name,
        class_name=invoice.class_name,
        due_on=invoice.due_on,
        total_vnd=invoice.total_vnd,
        open_vnd=invoice.open_vnd,
        score=score,
        evidence=tuple(evidence),
    )


def _evidence(
    invoice: OpenInvoiceOfPupil, text: _Text, reading: PupilReading
) -> Sequence[Evidence]:
    class_word = compact(invoice.class_name).lower()
    signs = (
        (Evidence.REFERENCE, bool(invoice.references & text.exact)),
        (Evidence.CORRECTED_REFERENCE, bool(invoice.references & text.corrected)),
        (Evidence.STUDENT_CODE, reading.is_coded),
        (Evidence.NAME, reading.alike > 0),
        (Evidence.PAYER_HISTORY, reading.is_payer),
        (Evidence.CLASS, bool(class_word) and class_word in text.words),
        (Evidence.SAME_AMOUNT, invoice.open_vnd == text.amount_vnd),
    )
    return [sign for sign, holds in signs if holds]
