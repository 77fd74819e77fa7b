"""Reading the books: balances as sums over transfers. Debit minus credit, in VND."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver, Query


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What a ledger account holds, in VND."""

    account_id: int
    balance_vnd: int


BALANCES = Query(
    AccountBalance,
    """
SELECT a.id AS account_id, coalesce(d.amount_vnd, 0) - coalesce(c.amount_vnd, 0) AS balance_vnd
  FROM ledger_account a
  LEFT JOIN (SELECT debit_account_id AS id, sum(amount_vnd)::bigint AS amount_vnd FROM transfer
              WHERE school_id = $1 AND business_date <= $2 GROUP BY 1) d ON d.id = a.id
  LEFT JOIN (SELECT credit_account_id AS id, sum(amount_vnd)::bigint AS amount_vnd FROM transfer
              WHERE school_id = $1 AND business_date <= $2 GROUP BY 1) c ON c.id = a.id
 WHERE a.school_id = $1 ORDER BY a.id
""",
)


async def balances(db: Driver, school_id: int, until: date) -> dict[int, int]:
    """Balance in VND of every ledger account of a school at the end of business date `until`."""
    rows = await db.fetch(BALANCES, school_id, until)
    assert sum(row.balance_vnd for row in rows) == 0, "what one account has, others lack"
    return {row.account_id: row.balance_vnd for row in rows}


DISAGREEMENTS = Query(
    int,
    """
SELECT i.id FROM invoice i
  LEFT JOIN (SELECT t.invoice_id,
               sum(CASE WHEN t.debit_account_id = r.id THEN t.amount_vnd
                        WHEN t.credit_account_id = r.id THEN -t.amount_vnd ELSE 0 END) AS open_vnd
          FROM transfer t
          JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
         WHERE t.school_id = $1 AND t.invoice_id IS NOT NULL GROUP BY t.invoice_id) l
    ON l.invoice_id = i.id
 WHERE i.school_id = $1 AND i.cancelled_at IS NULL
   AND coalesce(l.open_vnd, 0) <> i.total_vnd - i.paid_vnd
 ORDER BY i.id
""",
)


async def disagreements(db: Driver, school_id: int) -> list[int]:
    """Invoices whose `paid_vnd` is not what the ledger says; empty when all is well."""
    return await db.fetch(DISAGREEMENTS, school_id)
