"""Everything of a night but its proof: match, heal and list what is left, up to a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver
from reconciliation.matching.findings import list_findings
from reconciliation.matching.pairing import Progress, pair_until
from reconciliation.matching.refund_debits import explain_debits
from reconciliation.settlements.payouts import book_payouts

TIMEOUT_S = 1800
"""One statement of a night over a million lines takes longer than any request's may."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Payments made of lines, and the invoices touched (school, invoice): announced after the commit."""

    created: int
    touched: frozenset[tuple[int, int]]


async def reconcile_until(db: Driver, school_id: int, day: date, tell: Progress) -> Reconciled:
    """Everything of a night but its proof, in the caller's turn: match, heal and list up to `day`."""
    reopened = await explain_debits(db, school_id, day)
    lumps = await book_payouts(db, school_id, day)
    paired = await pair_until(db, school_id, day, tell)
    await list_findings(db, school_id, day)
    return Reconciled(paired.created, paired.paid | lumps.paid | reopened)


def say_nothing(_step: str, _done: int, _total: int) -> None:
    """For whoever does not want to hear of the night's progress."""
