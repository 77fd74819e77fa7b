"""Giving a payment back: where its money stands in the books, what a refund takes, and the postings.

A payment's money stands in parts (settled invoices, the pupil's credit, suspense), each held by an
account where it arrived. A refund mirrors what brought it in: debit the part, credit the account that
pays. Where it takes back a whole transfer, its posting names that transfer as reversed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.kit.database import Driver
from core.ledger.postings import Event, Posting

_FIRST = {"student_credit": 0, "suspense": 1, "receivable": 2}
"""What costs nobody anything is given back first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Money of one payment that stands in one place, in VND above zero.

    `invoice_id`: the invoice it settles; None for credit and suspense. `newest_id`: the last transfer
    that touched it. `whole_id`: the transfer that alone made it, `paid_to_id` the account that one
    debited; None where several did.
    """

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
    """A payment in the books: its parts, and the account that holds the money (None once it holds none)."""

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

POSITIONS = """
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
"""


async def payment_positions(
    db: Driver, school_id: int, payment_ids: Sequence[int]
) -> dict[int, PaymentPosition]:
    """Where the money of these payments stands now; a payment without any is left out."""
    rows = await db.raw.fetch(POSITIONS, school_id, list(payment_ids))
    return {
        payment_id: _standing([row for row in rows if row["payment_id"] == payment_id])
        for payment_id in {row["payment_id"] for row in rows}
    }


def _standing(rows: Sequence[Any]) -> PaymentPosition:
    fields = [{name: value for name, value in row.items() if name != "payment_id"} for row in rows]
    # an account of money is debited: the one that holds most stands first
    held = [one["account_id"] for one in fields if one["kind"] in {"bank", "clearing"}]
    return PaymentPosition(
        tuple(Part(**one) for one in fields if one["kind"] in _FIRST and one["amount_vnd"] > 0),
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
            _FIRST[part.kind],
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
