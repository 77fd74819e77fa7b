"""Two sets of books side by side: what the sandbox knows happened, what the gateway recorded.

Bank by bank and transaction by transaction, to the đồng. The sandbox's side is never derived from the
gateway's answers, so agreement means that nothing was lost and nothing counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver, Query
from core.ledger.queries import balances, disagreements
from demo.day import Credit
from demo.world import World
from sandbox.pages import Sandbox

ASKED_AHEAD: Final = timedelta(hours=1)
"""How far ahead of the clock providers are asked: what they answer in the evening is dated tomorrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One account in both books. `differing`: payments that only one side has, by reference and amount.

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


@dataclass(frozen=True, slots=True)
class MoneyAccount:
    """A ledger account of money: of a bank account (`adapter` is "") or of a provider (`bank_account_id` 0)."""

    id: int
    bank_account_id: int
    adapter: str


MONEY_ACCOUNTS = Query(
    MoneyAccount,
    """
    SELECT l.id, coalesce(l.bank_account_id, 0) AS bank_account_id, coalesce(m.adapter, '') AS adapter
      FROM ledger_account l
      LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id
     WHERE l.school_id = $1 AND l.kind IN ('bank', 'clearing')
    """,
)


@dataclass(frozen=True, slots=True)
class BookedPayment:
    """A payment as the gateway booked it, VND; `bank_account_id` 0: at its provider."""

    bank_account_id: int
    channel: str
    reference: str
    amount_vnd: int


PAYMENTS = Query(
    BookedPayment,
    """
    SELECT coalesce(bank_account_id, 0) AS bank_account_id, channel,
           coalesce(reference, '') AS reference, amount_vnd
      FROM payment WHERE school_id = $1
    """,
)


@dataclass(frozen=True, slots=True)
class UnpostedDebits:
    """What left a bank account and stands in no journal yet, VND."""

    bank_account_id: int
    debit_vnd: int


UNPOSTED_DEBITS = Query(
    UnpostedDebits,
    """
    SELECT s.bank_account_id, sum(s.debit_vnd)::bigint AS debit_vnd FROM statement_line s
     WHERE s.school_id = $1 AND s.debit_vnd > 0
       AND NOT EXISTS (SELECT FROM line_journal j
                        WHERE j.school_id = s.school_id AND j.statement_line_id = s.id)
     GROUP BY 1
    """,
)


async def compare_books(
    db: Driver, sandbox: Sandbox, world: World, received: Sequence[Credit], left: Mapping[str, int]
) -> list[Comparison]:
    """Every bank account, and every provider that holds money until it settles, as they are now.

    `left`: VND that a provider holds no more.
    """
    # what providers without a time of their own are asked an hour ahead may be of tomorrow
    tomorrow = business_date(now_utc()) + timedelta(days=1)
    ledger = await balances(db, world.school_id, tomorrow)
    number_of = {id_: number for number, id_ in world.bank_account_ids.items()}
    balance_vnd: Counter[str] = Counter()
    for account in await db.fetch(MONEY_ACCOUNTS, world.school_id):
        holder = account.adapter or number_of[account.bank_account_id]
        balance_vnd[holder] += ledger.get(account.id, 0)
    debit_vnd = {
        number_of[one.bank_account_id]: one.debit_vnd
        for one in await db.fetch(UNPOSTED_DEBITS, world.school_id)
    }
    ours: dict[str, Counter[tuple[str, int]]] = {}
    for payment in await db.fetch(PAYMENTS, world.school_id):
        holder = number_of.get(payment.bank_account_id) or payment.channel
        ours.setdefault(holder, Counter())[payment.reference, payment.amount_vnd] += 1
    theirs: dict[str, Counter[tuple[str, int]]] = {}
    for one in received:
        theirs.setdefault(one.held_by, Counter())[one.reference, one.amount_vnd] += 1
    return [
        Comparison(
            account=holder,
            sandbox_payments=theirs.get(holder, Counter()).total(),
            gateway_payments=ours.get(holder, Counter()).total(),
            sandbox_vnd=sandbox.bank.balance_vnd(holder, tomorrow)
            if holder in sandbox.bank.accounts
            else sum(one.amount_vnd for one in received if one.held_by == holder)
            - left.get(holder, 0),
            gateway_vnd=balance_vnd[holder],
            unposted_vnd=debit_vnd.get(holder, 0),
            differing=_differing(theirs.get(holder, Counter()), ours.get(holder, Counter())),
        )
        for holder in (
            *world.bank_account_ids,
            *sorted(theirs.keys() - world.bank_account_ids.keys()),
        )
    ]


async def invoices_off(db: Driver, school_id: int) -> int:
    """How many invoices differ from the ledger: 0 where the books are sound."""
    return len(await disagreements(db, school_id))


def _differing(theirs: Counter[tuple[str, int]], ours: Counter[tuple[str, int]]) -> int:
    return ((theirs - ours) + (ours - theirs)).total()
