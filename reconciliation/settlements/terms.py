"""What the contract with a provider says, from which day on; and what it owes the school beyond its days.

New terms leave those of earlier days as they were; a correction is in the audit chain. Late money is an
alert on an open expectation and must never become a state of a payment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.identity.audit import audit
from core.kit.database import Command, Driver, Query
from reconciliation.settlements.errors import SettlementChannelNotFoundError, TermsOutOfBoundsError


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementTerms:
    """A contract from a day on: hundredths of a percent and VND of each payment, VAT percent of the fee.

    `settled_within_days`: from the payment to the bank. `tolerance_vnd`: by how much a batch's fee or VAT
    may differ before an exception is opened.
    """

    valid_from: date
    fee_basis_points: int
    fixed_vnd: int = 0
    vat_percent: int = 10
    settled_within_days: int = 2
    tolerance_vnd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSettlement:
    """What a provider owes beyond its days. VND; `since`: the day of the oldest.

    `unpaid`: payments that no booked batch has, older than the contract allows; `unseen`: batches that were
    reported and that the bank has not shown.
    """

    merchant_account_id: int
    adapter: str
    unpaid_count: int
    unpaid_vnd: int
    unpaid_since: date | None
    unseen_count: int
    unseen_vnd: int
    unseen_since: date | None


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """Terms of a channel, as they are stored."""

    merchant_account_id: int
    valid_from: date
    fee_basis_points: int
    fixed_vnd: int
    vat_percent: int
    settled_within_days: int
    tolerance_vnd: int

    def terms(self) -> SettlementTerms:
        """Without the channel."""
        return SettlementTerms(
            valid_from=self.valid_from,
            fee_basis_points=self.fee_basis_points,
            fixed_vnd=self.fixed_vnd,
            vat_percent=self.vat_percent,
            settled_within_days=self.settled_within_days,
            tolerance_vnd=self.tolerance_vnd,
        )


SETTLEMENT_OF = Query(
    str, "SELECT settlement FROM merchant_account WHERE school_id = $1 AND id = $2"
)
TERMS = Query(
    ChannelTerms,
    """
SELECT merchant_account_id, valid_from, fee_basis_points, fixed_vnd, vat_percent, settled_within_days,
       tolerance_vnd
  FROM settlement_terms WHERE school_id = $1 ORDER BY merchant_account_id, valid_from DESC
""",
)
SET_TERMS = Command("""
INSERT INTO settlement_terms (school_id, merchant_account_id, valid_from, fee_basis_points, fixed_vnd,
                              vat_percent, settled_within_days, tolerance_vnd, set_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (school_id, merchant_account_id, valid_from) DO UPDATE
   SET fee_basis_points = excluded.fee_basis_points, fixed_vnd = excluded.fixed_vnd,
       vat_percent = excluded.vat_percent, settled_within_days = excluded.settled_within_days,
       tolerance_vnd = excluded.tolerance_vnd, set_by = excluded.set_by
""")
# A provider is late with payments that no booked batch has, and with batches that no bank line has paid out.
LATE = Query(
    LateSettlement,
    """
WITH account AS (
  SELECT school_id, id, adapter FROM merchant_account WHERE school_id = $1 AND settlement = 'batch'
), unpaid AS (
  SELECT a.school_id, a.id, count(*) AS count, sum(p.amount_vnd - back.vnd)::bigint AS vnd,
         min(p.business_date) AS since
    FROM payment p
    JOIN account a ON a.school_id = p.school_id AND a.id = p.merchant_account_id
    JOIN LATERAL (
      SELECT settled_within_days FROM settlement_terms t
       WHERE t.school_id = a.school_id AND t.merchant_account_id = a.id AND t.valid_from <= p.business_date
       ORDER BY t.valid_from DESC LIMIT 1
    ) AS t ON p.business_date + t.settled_within_days < $2
    LEFT JOIN settlement_line l ON l.school_id = p.school_id AND l.payment_id = p.id
    LEFT JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(r.amount_vnd), 0) AS vnd FROM refund r
       WHERE r.school_id = p.school_id AND r.payment_id = p.id AND r.done_on <= $2 AND r.bank_account_id IS NULL
    ) AS back
   WHERE p.school_id = $1 AND p.bank_account_id IS NULL AND (b.booked_on IS NULL OR b.booked_on > $2)
     AND p.amount_vnd > back.vnd
   GROUP BY a.school_id, a.id
), unseen AS (
  SELECT school_id, id, count(*) AS count, sum(vnd)::bigint AS vnd, min(settled_on) AS since
    FROM (SELECT b.school_id, b.merchant_account_id AS id, b.id AS batch_id, sum(l.net_vnd) AS vnd,
                 max(l.settled_on) AS settled_on
            FROM settlement_batch b
            JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
           WHERE b.school_id = $1 AND (b.booked_on IS NULL OR b.booked_on > $2)
           GROUP BY 1, 2, 3 HAVING max(l.settled_on) < $2 AND sum(l.net_vnd) <> 0) AS open
   GROUP BY school_id, id
)
SELECT a.id AS merchant_account_id, a.adapter, coalesce(u.count, 0) AS unpaid_count,
       coalesce(u.vnd, 0) AS unpaid_vnd, u.since AS unpaid_since, coalesce(s.count, 0) AS unseen_count,
       coalesce(s.vnd, 0) AS unseen_vnd, s.since AS unseen_since
  FROM account a
  LEFT JOIN unpaid u ON u.school_id = a.school_id AND u.id = a.id
  LEFT JOIN unseen s ON s.school_id = a.school_id AND s.id = a.id
 WHERE u.id IS NOT NULL OR s.id IS NOT NULL
 ORDER BY a.adapter, a.id
""",
)


def basis_points(percent: str) -> int:
    """A fee as people write it, "1,1" or "1.10" percent, in hundredths of a percent. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?", percent.strip())
    if found is None:
        raise ValueError("a percentage has at most two decimals")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


async def set_terms(
    db: Driver, school_id: int, merchant_account_id: int, terms: SettlementTerms, *, actor: str
) -> None:
    """Set what holds from a day on; set again for the same day it replaces that.

    Raises SettlementChannelNotFoundError, or TermsOutOfBoundsError where the channel does not settle in batches or a figure is
    out of bounds.
    """
    settlement = await db.fetch_value(SETTLEMENT_OF, school_id, merchant_account_id)
    if settlement is None:
        raise SettlementChannelNotFoundError
    in_bounds = (
        0 <= terms.fee_basis_points <= 10_000
        and 0 <= terms.fixed_vnd <= 1_000_000_000
        and 0 <= terms.vat_percent <= 100
        and 0 <= terms.settled_within_days <= 60
        and 0 <= terms.tolerance_vnd <= 1_000_000_000
    )
    if settlement != "batch" or not in_bounds:
        raise TermsOutOfBoundsError
    before = [
        one
        for one in await terms_of(db, school_id, merchant_account_id)
        if one.valid_from == terms.valid_from
    ]
    await db.execute(
        SET_TERMS,
        school_id,
        merchant_account_id,
        terms.valid_from,
        terms.fee_basis_points,
        terms.fixed_vnd,
        terms.vat_percent,
        terms.settled_within_days,
        terms.tolerance_vnd,
        actor,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement_terms.set",
        subject=f"merchant_account:{merchant_account_id}",
        detail={
            "valid_from": terms.valid_from.isoformat(),
            "before": _figures(before[0]) if before else None,
            "after": _figures(terms),
        },
    )


async def terms_of(
    db: Driver, school_id: int, merchant_account_id: int
) -> tuple[SettlementTerms, ...]:
    """All terms of a channel's contract, the newest first."""
    return (await terms_by_channel(db, school_id)).get(merchant_account_id, ())


async def terms_by_channel(db: Driver, school_id: int) -> Mapping[int, tuple[SettlementTerms, ...]]:
    """Merchant account -> all terms of its contract, the newest first; without terms it is left out."""
    found: dict[int, tuple[SettlementTerms, ...]] = {}
    for one in await db.fetch(TERMS, school_id):
        found[one.merchant_account_id] = (*found.get(one.merchant_account_id, ()), one.terms())
    return found


async def late_settlements(db: Driver, school_id: int, on: date) -> tuple[LateSettlement, ...]:
    """Providers that are late on business date `on`; without terms no payment is late."""
    return tuple(await db.fetch(LATE, school_id, on))


def _figures(terms: SettlementTerms) -> dict[str, int]:
    return {
        "fee_basis_points": terms.fee_basis_points,
        "fixed_vnd": terms.fixed_vnd,
        "vat_percent": terms.vat_percent,
        "settled_within_days": terms.settled_within_days,
        "tolerance_vnd": terms.tolerance_vnd,
    }
