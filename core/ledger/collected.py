"""Which transfers are money of payers: one definition for every figure that says "collected".

Money counts as collected where a transfer takes it from a payer's account (an invoice's debt, a
pupil's credit, suspense) to an account of money, and as given back the other way, on the business
date of the transfer. So what was reversed or refunded does not count, a settlement between two
accounts of money changes nothing, and a provider's fee is no payer's money.

Cashless is whatever came through a channel. Cash is the channel `cash`: none is recorded yet; a
payment of that channel, on a ledger account of kind `cash`, counts as money that was not cashless.
"""

from __future__ import annotations

from typing import Final

MONEY: Final = "('bank', 'clearing', 'cash')"
"""Kinds of ledger accounts that hold money."""
PAYERS: Final = "('receivable', 'student_credit', 'suspense')"
"""Kinds of ledger accounts from which a payer's money comes, as the books see it."""
CASH_CHANNEL: Final = "cash"

# $1..$2: business dates, both included; {schools}: which schools, over `m`
_SIDE = """
SELECT t.school_id, t.payment_id, t.business_date, {received} AS received_vnd, {returned} AS returned_vnd
  FROM ledger_account m
  JOIN transfer t ON t.school_id = m.school_id AND t.{money_side}_account_id = m.id
                 AND t.business_date BETWEEN $1 AND $2
  JOIN ledger_account o ON o.school_id = t.school_id AND o.id = t.{other_side}_account_id
 WHERE m.kind IN {money} AND o.kind IN {payers}{schools}
"""


def moved(*, of_one_school: bool) -> str:
    """SQL: school_id, payment_id, business_date, received_vnd, returned_vnd of payers' money.

    Parameters: $1 and $2 are the first and last business date; $3 the school, where `of_one_school`.
    """
    sides = (("debit", "credit", "t.amount_vnd", "0::bigint"),
             ("credit", "debit", "0::bigint", "t.amount_vnd"))  # fmt: skip
    return " UNION ALL ".join(
        _SIDE.format(
            money_side=money_side,
            other_side=other_side,
            received=received,
            returned=returned,
            money=MONEY,
            payers=PAYERS,
            schools=" AND m.school_id = $3" if of_one_school else "",
        )
        for money_side, other_side, received, returned in sides
    )
