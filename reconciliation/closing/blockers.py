"""The accounts that keep a day from being closed, by the proofs that its last reconciliation kept.

An account that never had a statement and no transfers blocks nothing. It must never be called closed
for want of a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.kit.database import Driver, Query
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.texts import msg


class BlockReason(StrEnum):
    """Why an account keeps a day from being closed."""

    NO_STATEMENT = "no_statement"  # no statement covers the day
    NOT_PROVED = (
        "not_proved"  # its statements state no closing balance, or the day was never reconciled
    )
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBlocker:
    """An account that blocks a close. `difference_vnd`: what is not explained, None if not proved."""

    account: str
    why: BlockReason
    difference_vnd: int | None = None

    def as_fault(self) -> Fault:
        """What to show of it."""
        match self.why:
            case BlockReason.NO_STATEMENT:
                text = msg("{account}: chưa có sao kê của ngày này", account=self.account)
            case BlockReason.NOT_PROVED:
                text = msg("{account}: chưa chứng minh được số dư cuối ngày", account=self.account)
            case BlockReason.DIFFERENCE:
                text = msg(
                    "{account}: còn lệch {difference:vnd}",
                    account=self.account,
                    difference=self.difference_vnd,
                )
        return fault(self.why, text, value=self.account)


@dataclass(frozen=True, slots=True)
class AccountOfDay:
    """An account to be proved. `difference_vnd` None: no proof of the day was kept."""

    kind: str
    account: str
    is_covered: bool
    difference_vnd: int | None


ACCOUNTS = Query(
    AccountOfDay,
    """
SELECT l.kind, coalesce(m.adapter || ':', '') || b.number AS account,
       EXISTS (SELECT FROM statement s WHERE s.school_id = l.school_id AND s.bank_account_id = l.bank_account_id
                  AND $2 BETWEEN s.from_date AND s.to_date) AS is_covered,
       p.difference_vnd
  FROM ledger_account l
  LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
  JOIN bank_account b ON b.school_id = l.school_id AND b.id = coalesce(l.bank_account_id, m.bank_account_id)
  LEFT JOIN daily_proof p ON p.school_id = l.school_id AND p.ledger_account_id = l.id AND p.business_date = $2
 WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing')
   AND (EXISTS (SELECT FROM statement s WHERE s.school_id = l.school_id AND s.bank_account_id = l.bank_account_id
                   AND s.from_date <= $2)
        OR EXISTS (SELECT FROM transfer t WHERE t.school_id = l.school_id AND t.debit_account_id = l.id
                      AND t.business_date <= $2)
        OR EXISTS (SELECT FROM transfer t WHERE t.school_id = l.school_id AND t.credit_account_id = l.id
                      AND t.business_date <= $2))
 ORDER BY l.kind, account, l.id
""",
)


async def close_blockers(db: Driver, school_id: int, day: date) -> tuple[CloseBlocker, ...]:
    """The accounts that keep `day` from being closed."""
    return tuple(
        CloseBlocker(account=one.account, why=_why(one), difference_vnd=one.difference_vnd)
        for one in await db.fetch(ACCOUNTS, school_id, day)
        if one.difference_vnd != 0
    )


def _why(account: AccountOfDay) -> BlockReason:
    if account.difference_vnd is not None:
        return BlockReason.DIFFERENCE
    if account.kind == "bank" and not account.is_covered:
        return BlockReason.NO_STATEMENT
    return BlockReason.NOT_PROVED
