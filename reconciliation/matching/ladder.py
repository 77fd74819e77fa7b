"""The match ladder: pure rules from statement lines and payments to who belongs to whom.

One line is one payment. From the surest rule to the weakest, each line and payment is taken
at most once; account and amount must always agree, but never suffice alone. Inputs are sorted by day
and identity first and never changed, so that the order in which things arrived decides nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from core.kit.text import compact

# How far the bank's day may lie from ours. After the cut-off hour a transfer is posted on the next
# day; over a week-end or holiday a bank's own number is still the same transaction.
REFERENCE_SHIFTS = (0, 1, -1)
BANK_ID_SHIFTS = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
MIN_CONTAINED = 8
"""Characters of a compacted text below which being part of another proves nothing."""


class Rule(StrEnum):
    """Why a line and a payment are the same money; stored with each match."""

    BANK_TRANSACTION_ID = "bank_transaction_id"
    EXACT_REFERENCE = "exact_reference"
    CORRECTED_REFERENCE = "corrected_reference"
    SAME_CONTENT = "same_content"
    CONTAINED_CONTENT = "contained_content"
    CREATED_FROM_STATEMENT = "created_from_statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A credit line or a payment, as the rules see it. Amount in VND, `day` the business date.

    `identity` orders facts and is the same on every machine; `id` is only carried along.
    """

    id: int
    identity: str
    bank_account_id: int
    day: date
    amount_vnd: int
    content: str
    bank_transaction_id: str
    exact: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A line and its payment, the rule, and what the rule saw in both.

    `alternatives`: how many other payments and lines show the same within the rule's days.
    """

    line: Fact
    payment: Fact
    rule: Rule
    evidence: str
    alternatives: int = 0


KeysOf = Callable[[Fact], Iterable[str]]
"""What a fact shows that another may share."""


def _bank_id(fact: Fact) -> Iterable[str]:
    identity = compact(fact.bank_transaction_id)
    return (identity,) if identity else ()


def _exact(fact: Fact) -> Iterable[str]:
    return fact.exact


def _any_reading(fact: Fact) -> Iterable[str]:
    return (*fact.exact, *fact.corrected)


def _text(fact: Fact) -> Iterable[str]:
    text = compact(fact.content)
    return (text,) if text else ()


LADDER: tuple[tuple[Rule, KeysOf, Sequence[int]], ...] = (
    (Rule.BANK_TRANSACTION_ID, _bank_id, BANK_ID_SHIFTS),
    (Rule.EXACT_REFERENCE, _exact, REFERENCE_SHIFTS),
    (Rule.CORRECTED_REFERENCE, _any_reading, REFERENCE_SHIFTS),
    (Rule.SAME_CONTENT, _text, (0,)),
)


def propose_matches(lines: Iterable[Fact], payments: Iterable[Fact]) -> tuple[Match, ...]:
    """Match credit lines with payments of the same bank account and amount, in the ladder's order."""
    open_lines = sorted(lines, key=_order)
    open_payments = sorted(payments, key=_order)
    matches: list[Match] = []
    for rule, keys, shifts in LADDER:
        found = _pair(rule, keys, shifts, open_lines, open_payments)
        matches += found
        open_lines, open_payments = _left(found, open_lines, open_payments)
    matches += _contained(open_lines, open_payments)
    return tuple(matches)


def amount_conflicts(
    lines: Iterable[Fact], payments: Iterable[Fact]
) -> tuple[tuple[Fact, Fact], ...]:
    """Lines and payments left over that carry the same bank transaction with different amounts."""
    waiting: dict[tuple[int, date, str], list[Fact]] = defaultdict(list)
    for payment in sorted(payments, key=_order, reverse=True):
        for key in _bank_id(payment):
            waiting[payment.bank_account_id, payment.day, key].append(payment)
    found: list[tuple[Fact, Fact]] = []
    for line in sorted(lines, key=_order):
        rivals = [
            rivals
            for key in _bank_id(line)
            for shift in BANK_ID_SHIFTS
            if (rivals := waiting.get((line.bank_account_id, line.day + timedelta(shift), key)))
        ]
        if rivals:
            found.append((line, rivals[0].pop()))
    return tuple(found)


def _order(fact: Fact) -> tuple[date, str]:
    return fact.day, fact.identity


def _left(
    found: Sequence[Match], lines: list[Fact], payments: list[Fact]
) -> tuple[list[Fact], list[Fact]]:
    if not found:
        return lines, payments
    line_ids = {match.line.id for match in found}
    payment_ids = {match.payment.id for match in found}
    return (
        [line for line in lines if line.id not in line_ids],
        [payment for payment in payments if payment.id not in payment_ids],
    )


_Waiting = dict[tuple[int, int, str], dict[date, list[Fact]]]
_Shown = Counter[tuple[int, int, str, date]]


def _pair(
    rule: Rule, keys: KeysOf, shifts: Sequence[int], lines: Sequence[Fact], payments: Sequence[Fact]
) -> list[Match]:
    """Pair facts, both sorted, that share a key: the nearest day first, then the first in order."""
    shown = _shown(keys, lines) + _shown(keys, payments)
    waiting: _Waiting = {}
    for payment in reversed(payments):
        for key in keys(payment):
            by_day = waiting.setdefault((payment.bank_account_id, payment.amount_vnd, key), {})
            by_day.setdefault(payment.day, []).append(payment)
    open_lines = [
        (line, known)
        for line in lines
        if (
            known := [
                (key, days)
                for key in keys(line)
                if (days := waiting.get((line.bank_account_id, line.amount_vnd, key)))
            ]
        )
    ]
    taken: set[int] = set()
    matches: list[Match] = []
    for shift in shifts:
        unpaired = []
        for line, known in open_lines:
            hit = _first_free(line.day + timedelta(shift), known, taken)
            if hit is None:
                unpaired.append((line, known))
            else:
                key, payment = hit
                taken.add(payment.id)
                others = _others(shown, line, key, shifts)
                matches.append(Match(line, payment, rule, key, others))
        open_lines = unpaired
    return matches


def _shown(keys: KeysOf, facts: Iterable[Fact]) -> _Shown:
    """How many facts show each key, by account, amount and day."""
    return Counter(
        (fact.bank_account_id, fact.amount_vnd, key, fact.day)
        for fact in facts
        for key in keys(fact)
    )


def _others(shown: _Shown, line: Fact, key: str, shifts: Sequence[int]) -> int:
    """How many others than the line and its payment show the key on a day that the rule reaches from the line's."""
    return (
        sum(
            shown[line.bank_account_id, line.amount_vnd, key, line.day + timedelta(shift)]
            for shift in shifts
        )
        - 2
    )


def _first_free(
    day: date, known: Sequence[tuple[str, dict[date, list[Fact]]]], taken: set[int]
) -> tuple[str, Fact] | None:
    for key, days in known:
        queue = days.get(day)
        while queue:
            payment = queue.pop()
            if payment.id not in taken:
                return key, payment
    return None


def _contained(lines: Sequence[Fact], payments: Sequence[Fact]) -> list[Match]:
    """Banks wrap the payer's text in their own: the notice's text is part of the line's.

    Only for payments that no reference allocated: there a pair of equal money on one day is swapped at
    worst, and both stay with a person.
    """
    waiting: dict[tuple[int, int, date, str], dict[str, list[Fact]]] = {}
    for payment in reversed(payments):
        text = compact(payment.content)
        if len(text) >= MIN_CONTAINED and not payment.exact:
            found = waiting.setdefault((*_where(payment), text[:MIN_CONTAINED]), {})
            found.setdefault(text, []).append(payment)
    matches: list[Match] = []
    for line in lines if waiting else ():
        if line.exact:
            continue
        content, where = compact(line.content), _where(line)
        starts = {content[at : at + MIN_CONTAINED] for at in range(len(content))}
        rivals = [
            (text, queue)
            for start in starts
            for text, queue in waiting.get((*where, start), {}).items()
            if queue and text in content
        ]
        if rivals:
            text, queue = min(rivals, key=lambda rival: _order(rival[1][-1]))
            others = sum(len(queue) for _, queue in rivals) - 1
            matches.append(Match(line, queue.pop(), Rule.CONTAINED_CONTENT, text, others))
    return matches


def _where(fact: Fact) -> tuple[int, int, date]:
    return fact.bank_account_id, fact.amount_vnd, fact.day
