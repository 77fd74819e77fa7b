"""Two sets of books side by side: what the sandbox knows happened, what the gateway recorded.

Bank by bank and transaction by transaction, to the đồng. The sandbox's side is never derived from the
gateway's answers, so agreement means that nothing was lost and nothing counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.kit.database import Driver
from gateway.ledger.queries import balances, disagreements
from sandbox.pages import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One account in both books. `differing`: transactions that only one side has, or not alike.

    `unposted_vnd`: debits on the statement that wait for a person, which no ledger holds yet.
    """

    account: str
    sandbox_payments: int
    gateway_payments: int
    sandbox_vnd: int
    gateway_vnd: int
    unposted_vnd: int
    differing: int

    @property
    def difference_vnd(self) -> int:
        """What the gateway's balance is beyond the sandbox's, once unposted debits are set apart."""
        return self.gateway_vnd - self.unposted_vnd - self.sandbox_vnd

    @property
    def agrees(self) -> bool:
        """Same money, same transactions."""
        return self.difference_vnd == 0 and self.differing == 0


async def compare_books(
    db: Driver, sandbox: Sandbox, school_id: int, bank_account_ids: Mapping[str, int], day: date
) -> list[Comparison]:
    """Every bank account and VNPAY's clearing account at the end of `day`."""
    ledger = await balances(db, school_id, day)
    accounts = await db.fetch(
        "SELECT l.id, l.kind, l.bank_account_id, m.adapter FROM ledger_account l"
        " LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id"
        " WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing')",
        school_id,
    )
    of_bank = {row["bank_account_id"]: row["id"] for row in accounts if row["kind"] == "bank"}
    clearing = next(row["id"] for row in accounts if row["adapter"] == "vnpay")
    payments = await db.fetch(
        "SELECT bank_account_id, channel, bank_transaction_id, amount_vnd FROM payment"
        " WHERE school_id = $1 AND business_date = $2",
        school_id,
        day,
    )
    unposted = await db.fetch(
        "SELECT s.bank_account_id, sum(s.debit_vnd)::bigint AS debit_vnd FROM statement_line s"
        " WHERE s.school_id = $1 AND s.posted_on = $2 AND s.debit_vnd > 0 GROUP BY 1",
        school_id,
        day,
    )
    debits = {row["bank_account_id"]: row["debit_vnd"] for row in unposted}
    made: list[Comparison] = []
    for number, bank_account_id in bank_account_ids.items():
        theirs = Counter(
            (entry.transaction_id, entry.amount_vnd)
            for entry in sandbox.bank.entries_of(number, day)
            if entry.amount_vnd > 0
        )
        ours = Counter(
            (row["bank_transaction_id"], row["amount_vnd"])
            for row in payments
            if row["bank_account_id"] == bank_account_id
        )
        made.append(
            Comparison(
                account=number,
                sandbox_payments=theirs.total(),
                gateway_payments=ours.total(),
                sandbox_vnd=sandbox.bank.balance_vnd(number, day + timedelta(days=1)),
                gateway_vnd=ledger[of_bank[bank_account_id]],
                unposted_vnd=debits.get(bank_account_id, 0),
                differing=_differing(theirs, ours),
            )
        )
    theirs = Counter(
        (f"VNP{transaction.number}", transaction.order.amount_vnd)
        for transaction in sandbox.vnpay.transactions.values()
        if transaction.is_paid
    )
    ours = Counter(
        (row["bank_transaction_id"], row["amount_vnd"])
        for row in payments
        if row["channel"] == "vnpay"
    )
    made.append(
        Comparison(
            account="vnpay",
            sandbox_payments=theirs.total(),
            gateway_payments=ours.total(),
            sandbox_vnd=sandbox.vnpay.collected_vnd(),
            gateway_vnd=ledger[clearing],
            unposted_vnd=0,
            differing=_differing(theirs, ours),
        )
    )
    return made


async def invoices_off(db: Driver, school_id: int) -> int:
    """How many invoices say something else than the ledger: 0 in a sound house."""
    return len(await disagreements(db, school_id))


def _differing(theirs: Counter[tuple[str, int]], ours: Counter[tuple[str, int]]) -> int:
    return ((theirs - ours) + (ours - theirs)).total()
