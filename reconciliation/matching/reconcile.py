"""Everything of a reconciliation but its proof: match, record what was lost and list what is left, up to a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.database import Command, Driver
from reconciliation.matching.findings import list_findings
from reconciliation.matching.pairing import Progress, pair_until
from reconciliation.matching.refund_debits import match_refund_debits
from reconciliation.settlements.payouts import book_payouts

# a statement over a million lines takes longer than any request's may
ALLOW_LONG_STATEMENTS = Command("SET LOCAL statement_timeout = '1800s'")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Payments made of lines, and the invoices touched (school, invoice): announced after the commit."""

    created: int
    touched: frozenset[tuple[int, int]]


async def reconcile_until(
    db: Driver, school_id: int, day: date, on_progress: Progress
) -> Reconciled:
    """Match, record and list up to business date `day`; the caller holds `lock_reconciliation`."""
    reopened = await match_refund_debits(db, school_id, day)
    settled = await book_payouts(db, school_id, day)
    paired = await pair_until(db, school_id, day, on_progress)
    await list_findings(db, school_id, day)
    return Reconciled(paired.created, paired.paid | settled.paid | reopened)
