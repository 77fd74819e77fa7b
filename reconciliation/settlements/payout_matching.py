"""A provider's payout as plain values: which bank line pays out which batch, and what its booking writes.

Pure. A batch is booked by a line only where the amount agrees to the đồng, the text names the batch or
names the provider's payout, and neither has another candidate. Amount alone must never book.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from adapters.settlements.payouts import POSTED_WITHIN_DAYS, names_batch, providers_in
from core.ledger.postings import Event, Posting

_DAY: Final = re.compile(r"20[0-9]{2}\W?[01][0-9]\W?[0-3][0-9](?: [+][0-9]+)?")

SETTLEMENT_RULE: Final = "settlement"
"""`line_journal.rule` of a line that pays out a batch, whoever paired them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """A bank line that nothing explains yet. `net_vnd` above zero came in.

    `denied`: batches from which a person took this line away.
    """

    id: int
    identity: str
    bank_account_id: int
    day: date
    net_vnd: int
    content: str
    denied: frozenset[str] = frozenset()

    @property
    def providers(self) -> frozenset[str]:
        """The providers whose payout the text names."""
        return providers_in(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch that is not booked: the sums of its lines in VND, and the accounts of its booking.

    `settled_on`: the last day that its lines name. `mark` distinguishes the provider's accounts ("" or "#2").
    """

    id: int
    name: str
    provider: str
    mark: str
    merchant_account_id: int
    bank_account_id: int
    bank_ledger_id: int
    clearing_id: int
    settled_on: date
    lines: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int
    net_vnd: int

    @property
    def title(self) -> str:
        """What the batch is called outside our database: "momo:B20260910"."""
        return f"{self.provider}{self.mark}:{self.name}"

    def is_named_by(self, line: BankLine) -> bool:
        """Whether the text names this batch. A day is also what payers write: it needs the provider beside it."""
        is_day = bool(_DAY.fullmatch(self.name))
        return names_batch(line.content, self.name) and (
            not is_day or self.provider in line.providers
        )

    def may_be_paid_by(self, line: BankLine) -> bool:
        """Whether account, amount, direction and day allow it, whatever the text."""
        return (
            line.bank_account_id == self.bank_account_id
            and line.net_vnd == self.net_vnd
            and self.settled_on <= line.day <= self.settled_on + timedelta(POSTED_WITHIN_DAYS)
            and self.title not in line.denied
        )


@dataclass(frozen=True, slots=True)
class PayoutPair:
    """A line and the batch that it pays out; `agreed` are the codes of what agreed."""

    line: BankLine
    batch: OpenBatch
    agreed: tuple[str, ...]


def pair_by_day(lines: Iterable[BankLine], batches: Sequence[OpenBatch]) -> tuple[PayoutPair, ...]:
    """What a reconciliation after each day would have been sure of, so that it does not matter when they ran."""
    sums = {(batch.bank_account_id, batch.net_vnd) for batch in batches}
    lines = [line for line in lines if (line.bank_account_id, line.net_vnd) in sums]
    pairs: list[PayoutPair] = []
    for day in sorted({line.day for line in lines} | {batch.settled_on for batch in batches}):
        lines_taken = {pair.line.id for pair in pairs}
        batches_taken = {pair.batch.id for pair in pairs}
        pairs += pair_payouts(
            [one for one in lines if one.day <= day and one.id not in lines_taken],
            [one for one in batches if one.settled_on <= day and one.id not in batches_taken],
        )
    return tuple(pairs)


def pair_payouts(lines: Iterable[BankLine], batches: Sequence[OpenBatch]) -> tuple[PayoutPair, ...]:
    """Lines and batches that are each other's only candidate, those that name their batch first."""
    by_sum: dict[tuple[int, int], list[OpenBatch]] = {}
    for batch in batches:
        by_sum.setdefault((batch.bank_account_id, batch.net_vnd), []).append(batch)
    named: list[PayoutPair] = []
    by_provider: list[PayoutPair] = []
    for line in sorted(lines, key=lambda line: (line.day, line.identity)):
        near = by_sum.get((line.bank_account_id, line.net_vnd), [])
        found = [batch for batch in near if batch.may_be_paid_by(line)]
        its = [batch for batch in found if batch.is_named_by(line)]
        named += [PayoutPair(line, batch, ("amount", "batch_name")) for batch in its]
        if not its:
            by_provider += [
                PayoutPair(line, batch, ("amount", "provider"))
                for batch in found
                if batch.provider in line.providers
            ]
    sure = _only(named)
    lines_taken = {pair.line.id for pair in sure}
    batches_taken = {pair.batch.id for pair in sure}
    left = [
        pair
        for pair in by_provider
        if pair.line.id not in lines_taken and pair.batch.id not in batches_taken
    ]
    return (*sure, *_only(left))


def _only(pairs: Sequence[PayoutPair]) -> tuple[PayoutPair, ...]:
    """Pairs of which neither side is in another."""
    lines = Counter(pair.line.id for pair in pairs)
    batches = Counter(pair.batch.id for pair in pairs)
    return tuple(pair for pair in pairs if lines[pair.line.id] == 1 and batches[pair.batch.id] == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The accounts that take what the provider kept."""

    provider_fee_id: int
    provider_vat_id: int


def postings_of(
    batch: OpenBatch,
    costs: Costs,
    *,
    school_id: int,
    journal_id: int,
    on: date,
    paid_into_id: int | None = None,
    payment_id: int | None = None,
) -> tuple[Posting, ...]:
    """What books a batch: its net to the bank, its fee and VAT to their accounts, all out of clearing.

    A sum below zero goes the other way, a sum of 0 nowhere. `paid_into_id`: the account of the net when it
    is not the bank account (suspense, with the `payment_id` that the bank line was taken for).
    """
    parts = (
        (Event.SETTLEMENT, paid_into_id or batch.bank_ledger_id, batch.net_vnd, payment_id),
        (Event.PROVIDER_FEE, costs.provider_fee_id, batch.fee_vnd, None),
        (Event.PROVIDER_FEE, costs.provider_vat_id, batch.vat_vnd, None),
    )
    return tuple(
        Posting(
            school_id=school_id,
            journal_id=journal_id,
            kind=kind,
            debit_account_id=account_id if vnd > 0 else batch.clearing_id,
            credit_account_id=batch.clearing_id if vnd > 0 else account_id,
            amount_vnd=abs(vnd),
            business_date=on,
            payment_id=of_payment,
            memo=batch.title,
        )
        for kind, account_id, vnd, of_payment in parts
        if vnd
    )


def evidence_of(batch: OpenBatch, agreed: Sequence[str]) -> dict[str, object]:
    """What is kept of a booking: the batch, its sums, and what agreed."""
    return {
        "name": batch.title,
        "gross_vnd": batch.gross_vnd,
        "fee_vnd": batch.fee_vnd,
        "vat_vnd": batch.vat_vnd,
        "net_vnd": batch.net_vnd,
        "lines": batch.lines,
        "agreed": list(agreed),
    }
