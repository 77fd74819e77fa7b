"""How far money got: the four states that accountants know from the market leader's screen. Reads only.

Of a payment, and of an invoice by its least certain payment: received or not, by confirmed or not. A
statement's line or a booked settlement confirms automatically, a person's allocation or statement by hand.
An invoice that nothing was received for has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from core.kit.database import Driver, Query
from core.ledger.collected import moved


class PaymentState(StrEnum):
    """How far a payment got, the least certain first."""

    # booked, yet the day's statement lacks it
    NOT_RECEIVED_CONFIRMED = "not_received_confirmed"
    # reported by a notice, or allocated to no invoice yet
    RECEIVED_UNCONFIRMED = "received_unconfirmed"
    CONFIRMED_BY_HAND = "confirmed_by_hand"
    CONFIRMED_AUTOMATICALLY = "confirmed_automatically"


# `p` is a payment: the bank's line shows it, or the provider has paid it out in a batch that is booked
AT_BANK: Final = """
(EXISTS (SELECT FROM match m WHERE m.school_id = p.school_id AND m.payment_id = p.id)
 OR EXISTS (SELECT FROM settlement_line l
              JOIN settlement_batch b ON b.school_id = l.school_id AND b.id = l.settlement_batch_id
             WHERE l.school_id = p.school_id AND l.payment_id = p.id AND b.journal_id IS NOT NULL))
"""
# Held in suspense: received, not confirmed, whatever the statement has. A person allocated it, or stated
# that what the statement lacks is in order: by hand. The statement of its day is in and lacks it: the
# books have it and the bank did not receive it. No statement yet: only a notice has reported it.
PAYMENT_STATE: Final = f"""
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
"""  # noqa: S608 - constants of this module

SETTLED_VND: Final = (
    "sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd ELSE -t.amount_vnd END)::bigint"
)
"""SQL: what transfers `t` settle, VND: credits of the receivable `r`, less their reversals."""
RECEIVABLE: Final = """
JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
                     AND r.id IN (t.credit_account_id, t.debit_account_id)
"""
_SETTLING = """
SELECT paid.invoice_id, paid.amount_vnd, p.channel, {state} AS state, {at_bank} AS is_at_bank
  FROM (SELECT t.school_id, t.invoice_id, t.payment_id, {settled} AS amount_vnd
          FROM ledger_account r
          JOIN transfer t ON t.school_id = r.school_id AND r.id IN (t.credit_account_id, t.debit_account_id)
         WHERE r.school_id = {school} AND r.kind = 'receivable' AND t.payment_id IS NOT NULL
           AND t.invoice_id {invoices}
         GROUP BY t.school_id, t.invoice_id, t.payment_id
        HAVING {settled} > 0) paid
  JOIN payment p ON p.school_id = paid.school_id AND p.id = paid.payment_id
"""
_LEAST_FIRST = ", ".join(f"'{one}'" for one in PaymentState)
LEAST_CERTAIN: Final = (
    f"(array_agg(state ORDER BY array_position(ARRAY[{_LEAST_FIRST}], state)))[1]"
)
"""SQL: the state of an invoice, over what settles it."""


def payment_parts(*, school: str, invoices: str) -> str:
    """SQL: invoice_id, amount_vnd, channel, state, is_at_bank: what of each payment settles an invoice today.

    `school` is an expression; `invoices` a condition on the invoice's number, such as `= ANY($2::bigint[])`.
    """
    return _SETTLING.format(
        state=PAYMENT_STATE, at_bank=AT_BANK, settled=SETTLED_VND, school=school, invoices=invoices
    )


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """The state of the money of an invoice."""

    invoice_id: int
    state: PaymentState


STATES = Query(
    InvoiceState,
    f"""
SELECT invoice_id, {LEAST_CERTAIN} AS state
  FROM ({payment_parts(school="$1", invoices="= ANY($2::bigint[])")}) s GROUP BY invoice_id
""",  # noqa: S608 - constants of this module
)


async def states_of_invoices(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> Mapping[int, PaymentState]:
    """invoice -> its state; one that nothing was received for is left out."""
    if not invoice_ids:
        return {}
    found = await db.fetch(STATES, school_id, list(invoice_ids))
    return {one.invoice_id: one.state for one in found}


@dataclass(frozen=True, slots=True)
class StateFigures:
    """How many payments are in a state, and their sum in VND."""

    count: int
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class FiguresOfState:
    """A state with its figures."""

    state: PaymentState
    count: int
    amount_vnd: int


# $1 and $2 the business date, $3 school
FIGURES = Query(
    FiguresOfState,
    f"""
WITH moved AS ({moved(of_one_school=True)}), arrived AS (
  SELECT payment_id, sum(received_vnd) - sum(returned_vnd) AS left_vnd FROM moved
   GROUP BY payment_id HAVING sum(received_vnd) > sum(returned_vnd)
)
SELECT {PAYMENT_STATE} AS state, count(*) AS count, sum(a.left_vnd)::bigint AS amount_vnd
  FROM arrived a JOIN payment p ON p.school_id = $3 AND p.id = a.payment_id GROUP BY 1
""",  # noqa: S608 - constants of this module and of the ledger
)


async def state_figures(
    db: Driver, school_id: int, on: date
) -> Mapping[PaymentState, StateFigures]:
    """What came in on business date `on` by state, VND; every state is named, if only with zero.

    What was reversed or given back on the same day did not come in.
    """
    figures = await db.fetch(FIGURES, on, on, school_id)
    found = {one.state: StateFigures(one.count, one.amount_vnd) for one in figures}
    return {state: found.get(state, StateFigures(0, 0)) for state in PaymentState}
