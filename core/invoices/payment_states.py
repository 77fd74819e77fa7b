"""How far money got: the four states that accountants know from the market leader's screen. Reads only.

Of a payment, and of an invoice by its least certain payment: received or not, by confirmed or not. A
statement's line or a booked settlement confirms automatically, a person's placement or word by hand.
An invoice that nothing was received for has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.kit.database import Driver
from core.ledger.collected import moved


class PaymentState(StrEnum):
    """How far a payment got, the least certain first."""

    # booked, yet the day's statement lacks it
    NOT_RECEIVED_CONFIRMED = "not_received_confirmed"
    # told by a notice, or placed on no invoice yet
    RECEIVED_UNCONFIRMED = "received_unconfirmed"
    CONFIRMED_BY_HAND = "confirmed_by_hand"
    CONFIRMED_AUTOMATICALLY = "confirmed_automatically"


# `p` is a payment: the bank's line shows it, or the provider has paid it out in a batch that is booked
AT_BANK = """
(EXISTS (SELECT FROM match m WHERE m.school_id = p.school_id AND m.payment_id = p.id)
 OR EXISTS (SELECT FROM settlement_line l
              JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
             WHERE l.school_id = p.school_id AND l.payment_id = p.id AND b.journal_id IS NOT NULL))
"""
# Held in suspense: received, not confirmed, whatever the statement says. A person placed it, or said
# that what the statement lacks is in order: by hand. The statement of its day is in and lacks it: the
# books ticked it off and the bank did not receive it. No statement yet: only a notice has spoken.
PAYMENT_STATE = f"""
CASE WHEN p.suspense_reason IS NOT NULL THEN 'received_unconfirmed'
     WHEN EXISTS (SELECT FROM transfer t WHERE t.school_id = p.school_id AND t.payment_id = p.id
                     AND t.kind = 'suspense_released'
                     AND NOT EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id
                                        AND r.reverses_id = t.id)) THEN 'confirmed_by_hand'
     WHEN {AT_BANK} THEN 'confirmed_automatically'
     WHEN EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.payment_id = p.id
                     AND e.reason = 'missing_in_statement'
                     AND e.resolution IN ('explained', 'accepted')) THEN 'confirmed_by_hand'
     WHEN EXISTS (SELECT FROM statement s WHERE s.school_id = p.school_id
                     AND s.bank_account_id = p.bank_account_id
                     AND p.business_date BETWEEN s.from_date AND s.to_date) THEN 'not_received_confirmed'
     ELSE 'received_unconfirmed' END
"""

# What of each payment settles an invoice today, with its state; {invoices}: which, over `t`.
_SETTLED = """
SELECT paid.invoice_id, paid.amount_vnd, p.channel, {state} AS state, {at_bank} AS is_at_bank
  FROM (SELECT t.invoice_id, t.payment_id,
               sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint
                 AS amount_vnd
          FROM ledger_account r
          JOIN transfer t ON t.school_id = r.school_id AND r.id IN (t.credit_account_id, t.debit_account_id)
         WHERE r.school_id = $1 AND r.kind = 'receivable' AND t.payment_id IS NOT NULL
           AND t.invoice_id {invoices}
         GROUP BY t.invoice_id, t.payment_id
        HAVING sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END) > 0) paid
  JOIN payment p ON p.school_id = $1 AND p.id = paid.payment_id
"""
_LEAST = "array_position(ARRAY[{}], state)".format(", ".join(f"'{one}'" for one in PaymentState))


def settled(invoices: str) -> str:
    """SQL: invoice_id, amount_vnd, channel, state, is_at_bank of what settles invoices; $1 is the school.

    `invoices` is a condition on the invoice's number, such as `= ANY($2::bigint[])`.
    """
    return _SETTLED.format(state=PAYMENT_STATE, at_bank=AT_BANK, invoices=invoices)


def invoice_states(invoices: str) -> str:
    """SQL: invoice_id, state of invoices that something was received for; parameters as `settled`."""
    return f"""
    SELECT invoice_id, (array_agg(state ORDER BY {_LEAST}))[1] AS state
      FROM ({settled(invoices)}) s GROUP BY invoice_id
    """


async def states_of_invoices(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> Mapping[int, PaymentState]:
    """invoice -> its state; one that nothing was received for is left out."""
    if not invoice_ids:
        return {}
    rows = await db.raw.fetch(invoice_states("= ANY($2::bigint[])"), school_id, list(invoice_ids))
    return {row["invoice_id"]: PaymentState(row["state"]) for row in rows}


@dataclass(frozen=True, slots=True)
class StateFigures:
    """How many payments are in a state, and their sum in VND."""

    count: int
    amount_vnd: int


async def state_figures(
    db: Driver, school_id: int, on: date
) -> Mapping[PaymentState, StateFigures]:
    """What came in on business date `on` by state, VND; every state is named, if only with zero.

    What was reversed or given back on the same day did not come in.
    """
    rows = await db.raw.fetch(
        f"""
        WITH moved AS ({moved(of_one_school=True)}), arrived AS (
          SELECT payment_id, sum(received_vnd) - sum(returned_vnd) AS left_vnd FROM moved
           GROUP BY payment_id HAVING sum(received_vnd) > sum(returned_vnd)
        )
        SELECT {PAYMENT_STATE} AS state, count(*) AS count, sum(a.left_vnd)::bigint AS amount_vnd
          FROM arrived a JOIN payment p ON p.school_id = $3 AND p.id = a.payment_id GROUP BY 1
        """,
        on,
        on,
        school_id,
    )
    found = {row["state"]: StateFigures(row["count"], row["amount_vnd"]) for row in rows}
    return {state: found.get(state, StateFigures(0, 0)) for state in PaymentState}
