"""Giving a payment back: where its money is in the books, what a refund takes, and the postings.

A payment's money is in parts (settled invoices, the pupil's credit, suspense), each held by an account
where it arrived. A refund mirrors what brought it in: debit the part, credit the account that
pays. Where it takes back a whole transfer, its posting names that transfer as reversed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Final

from core.kit.database import Driver, Query
from core.ledger.postings import Event, Posting

OF_PAYERS: Final = {"student_credit": 0, "suspense": 1, "receivable": 2}
"""The accounts that hold payers' money, in the order of giving back: first what costs nobody anything."""
_OF_MONEY: Final = frozenset({"bank", "clearing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Money of one payment in one ledger account, in VND; below zero in an account that was debited.

    `invoice_id`: the invoice it settles; None for credit and suspense. `newest_id`: the last transfer
    that touched it. `whole_id`: the transfer that alone made it, `paid_to_id` the account that one
    debited; None where several did.
    """

    payment_id: int
    account_id: int
    kind: str
    invoice_id: int | None
    student_id: int | None
    amount_vnd: int
    newest_id: int
    whole_id: int | None = None
    paid_to_id: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentPosition:
    """A payment in the books: its parts of a payer, and the account that holds the money, None once it
    holds none."""

    parts: tuple[Part, ...]
    held_by_id: int | None

    @property
    def total_vnd(self) -> int:
        """What of the payment is still with the school, VND."""
        return sum(part.amount_vnd for part in self.parts)

    def of_invoice(self, invoice_id: int) -> int:
        """What of the payment settles this invoice, VND."""
        return sum(part.amount_vnd for part in self.parts if part.invoice_id == invoice_id)


NOTHING = PaymentPosition((), None)

POSITIONS = Query(
    Part,
    """
WITH side AS (
  SELECT payment_id, id, amount_vnd, credit_account_id AS account_id, debit_account_id AS other_id,
         invoice_id, student_id
    FROM transfer WHERE school_id = $1 AND payment_id = ANY($2::bigint[])
  UNION ALL
  SELECT payment_id, id, -amount_vnd, debit_account_id, credit_account_id, invoice_id, student_id
    FROM transfer WHERE school_id = $1 AND payment_id = ANY($2::bigint[])
)
SELECT s.payment_id, a.id AS account_id, a.kind,
       CASE WHEN a.kind = 'receivable' THEN s.invoice_id END AS invoice_id,
       CASE WHEN a.kind IN ('receivable', 'student_credit') THEN s.student_id END AS student_id,
       sum(s.amount_vnd)::bigint AS amount_vnd, max(s.id) AS newest_id,
       CASE WHEN count(*) = 1 THEN min(s.id) END AS whole_id,
       CASE WHEN count(*) = 1 THEN min(s.other_id) END AS paid_to_id
  FROM side s JOIN ledger_account a ON a.school_id = $1 AND a.id = s.account_id
 GROUP BY 1, 2, 3, 4, 5 HAVING sum(s.amount_vnd) <> 0
 ORDER BY 1, amount_vnd, newest_id
""",
)


async def payment_positions(
    db: Driver, school_id: int, payment_ids: Sequence[int]
) -> dict[int, PaymentPosition]:
    """Where the money of these payments is now; a payment without any is left out."""
    found = await db.fetch(POSITIONS, school_id, list(payment_ids))
    return {
        payment_id: _position(list(parts))
        for payment_id, parts in groupby(found, key=lambda part: part.payment_id)
    }


def _position(parts: Sequence[Part]) -> PaymentPosition:
    assert sum(part.amount_vnd for part in parts) == 0, "what one account has, another lacks"
    # an account of money is debited: the one that holds most comes first
    held = [part.account_id for part in parts if part.kind in _OF_MONEY]
    return PaymentPosition(
        tuple(part for part in parts if part.kind in OF_PAYERS and part.amount_vnd > 0),
        held[0] if held else None,
    )


def take(
    parts: Iterable[Part], amount_vnd: int, from_invoice_id: int | None = None
) -> tuple[Part, ...]:
    """What a refund of `amount_vnd` takes: the chosen invoice, then credit, suspense, the newest settled.

    Each part returned has the amount taken; one that is not taken whole has no `whole_id`. Raises
    ValueError when there is less.
    """
    ordered = sorted(
        parts,
        key=lambda part: (
            from_invoice_id is None or part.invoice_id != from_invoice_id,
            OF_PAYERS[part.kind],
            -part.newest_id,
        ),
    )
    taken: list[Part] = []
    left_vnd = amount_vnd
    for part in ordered:
        if left_vnd >= part.amount_vnd:
            taken.append(part)
        elif left_vnd:
            taken.append(replace(part, amount_vnd=left_vnd, whole_id=None))
        left_vnd -= min(left_vnd, part.amount_vnd)
    if left_vnd:
        raise ValueError("a refund takes no more than there is")
    assert sum(part.amount_vnd for part in taken) == amount_vnd, "a refund takes what it gives back"
    return tuple(taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """A refund as the books see it. `paid_from_id`: the bank or clearing account that the money left."""

    school_id: int
    journal_id: int
    payment_id: int
    paid_from_id: int
    business_date: date
    memo: str


def give_back(given: GivenBack, taken: Iterable[Part]) -> tuple[Posting, ...]:
    """The postings of a refund that takes these parts."""
    return tuple(
        Posting(
            school_id=given.school_id,
            journal_id=given.journal_id,
            kind=Event.REFUND,
            debit_account_id=part.account_id,
            credit_account_id=given.paid_from_id,
            amount_vnd=part.amount_vnd,
            business_date=given.business_date,
            student_id=part.student_id,
            invoice_id=part.invoice_id,
            payment_id=given.payment_id,
            reverses_id=part.whole_id if part.paid_to_id == given.paid_from_id else None,
            memo=given.memo,
        )
        for part in taken
    )
