"""A refund's money has gone: its state, its postings and what it reopens, in the caller's one transaction.

The money is taken from where the books have it at that moment. Any number of refunds is booked by the same few
statements. Locks are taken in one order: refunds (by the caller), exceptions, payments, invoices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.exceptions.resolutions import Resolution
from core.exceptions.sql import resolving
from core.identity.audit import AuditEvent, audit_all
from core.kit.database import Command, Driver, Query
from core.ledger.positions import (
    GivenBack,
    Part,
    PaymentPosition,
    give_back,
    payment_positions,
    take,
)
from core.ledger.postings import Posting
from core.ledger.service import lock_invoices, next_journals, post, sync_invoice_totals
from core.refunds.codes import code_of
from core.refunds.states import answer_doubts


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRefund:
    """A refund whose money has gone. `on`: the business date; `actor`: who states it, for the audit chain.

    statement_line_id: the bank's line that shows it. Texts are kept where they are not empty.
    """

    refund_id: int
    on: date
    actor: str
    statement_line_id: int | None = None
    bank_transaction_id: str = ""
    provider_refund_id: str = ""
    provider_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookableRefund:
    """What the postings of a refund need. Amount in VND; bank_ledger_id: of the account that pays."""

    id: int
    number: int
    payment_id: int
    amount_vnd: int
    reason: str
    from_invoice_id: int | None
    bank_ledger_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booking:
    """A refund with its journal and the ledger account that its money left."""

    refund: BookableRefund
    completed: CompletedRefund
    journal_id: int
    paid_from_id: int


BOOKABLE = Query(
    BookableRefund,
    """
SELECT r.id, r.number, r.payment_id, r.amount_vnd, r.reason, r.from_invoice_id, l.id AS bank_ledger_id
  FROM refund r
  LEFT JOIN ledger_account l ON l.school_id = r.school_id AND l.kind = 'bank'
                            AND l.bank_account_id = r.bank_account_id
 WHERE r.school_id = $1 AND r.id = ANY($2::bigint[]) ORDER BY r.number
""",
)

LOCK_EXCEPTIONS = Command("""
SELECT id FROM exception WHERE school_id = $1 AND payment_id = ANY($2::bigint[]) ORDER BY id FOR UPDATE
""")
LOCK_PAYMENTS = Command("""
SELECT id FROM payment WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE
""")

# a provider's refund of money on a bank account leaves that account
FINISH = Command("""
UPDATE refund r
   SET status = 'done', done_on = s.done_on, journal_id = s.journal_id, closed_by = s.actor, closed_at = now(),
       booked_on = nullif(greatest(s.done_on, b.books_locked_until + 1), s.done_on), next_ask_at = NULL,
       statement_line_id = coalesce(s.statement_line_id, r.statement_line_id),
       bank_transaction_id = coalesce(nullif(s.bank_transaction_id, ''), r.bank_transaction_id),
       provider_refund_id = coalesce(nullif(s.provider_refund_id, ''), r.provider_refund_id),
       provider_code = coalesce(nullif(s.provider_code, ''), r.provider_code),
       bank_account_id = coalesce(r.bank_account_id, a.bank_account_id)
  FROM unnest($2::bigint[], $3::date[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[],
              $9::text[], $10::bigint[])
       AS s(id, done_on, journal_id, actor, statement_line_id, bank_transaction_id, provider_refund_id,
            provider_code, paid_from_id)
  JOIN ledger_account a ON a.school_id = $1 AND a.id = s.paid_from_id
  JOIN school b ON b.id = $1
 WHERE r.school_id = $1 AND r.id = s.id AND r.status <> 'done'
""")

# nothing of these is in suspense any more
EMPTY_SUSPENSE = Query(
    int,
    """
UPDATE payment SET suspense_reason = NULL
 WHERE school_id = $1 AND id = ANY($2::bigint[]) AND suspense_reason IS NOT NULL RETURNING id
""",
)
RESOLVE_EMPTIED = Command(
    resolving(
        "e.school_id = $1 AND e.payment_id = ANY($2::bigint[]) AND e.statement_line_id IS NULL"
        " AND e.reason <> 'refund_unmatched'",
        resolution="$3",
        actor="$4",
    )
)


async def book_refunds(
    db: Driver, school_id: int, completed: Sequence[CompletedRefund]
) -> frozenset[tuple[int, int]]:
    """Book refunds, locked by the caller and not final yet, as given back; the invoices touched.

    The caller announces them after its commit (`core.payments.ingest.group_commit.announce_paid`).
    """
    if not completed:
        return frozenset()
    by_id = {one.refund_id: one for one in completed}
    assert len(by_id) == len(completed), "a refund is booked once"
    refunds = await db.fetch(BOOKABLE, school_id, list(by_id))
    assert len(refunds) == len(by_id), "the caller holds these refunds"
    payment_ids = sorted({refund.payment_id for refund in refunds})
    await db.execute(LOCK_EXCEPTIONS, school_id, payment_ids)
    await db.execute(LOCK_PAYMENTS, school_id, payment_ids)
    positions = await payment_positions(db, school_id, payment_ids)
    journal_ids = await next_journals(db, len(refunds))
    bookings, postings, left = _postings(school_id, refunds, by_id, journal_ids, positions)
    invoice_ids = sorted({p.invoice_id for p in postings if p.invoice_id is not None})
    await lock_invoices(db, school_id, invoice_ids)
    await post(db, postings)
    await sync_invoice_totals(db, school_id, invoice_ids)
    await _finish(db, school_id, bookings)
    await _empty_suspense(db, school_id, left, completed[0].actor)
    numbers = [refund.number for refund in refunds]
    await answer_doubts(db, school_id, numbers, Resolution.PAID_BACK, completed[0].actor)
    await audit_all(
        db,
        school_id,
        [
            AuditEvent(
                actor=one.completed.actor,
                action="refund.done",
                subject=f"refund:{one.refund.id}",
                detail={
                    "amount_vnd": one.refund.amount_vnd,
                    "journal_id": one.journal_id,
                    "on": one.completed.on.isoformat(),
                },
            )
            for one in bookings
        ],
    )
    return frozenset((school_id, invoice_id) for invoice_id in invoice_ids)


def _postings(
    school_id: int,
    refunds: Sequence[BookableRefund],
    completed: Mapping[int, CompletedRefund],
    journal_ids: Sequence[int],
    positions: Mapping[int, PaymentPosition],
) -> tuple[list[_Booking], list[Posting], dict[int, PaymentPosition]]:
    """The bookings and postings of refunds, one after the other, and what they leave of the payments."""
    left = dict(positions)
    bookings: list[_Booking] = []
    postings: list[Posting] = []
    for refund, journal_id in zip(refunds, journal_ids, strict=True):
        position = left[refund.payment_id]
        taken = take(position.parts, refund.amount_vnd, refund.from_invoice_id)
        assert sum(part.amount_vnd for part in taken) == refund.amount_vnd, "taken to the đồng"
        left[refund.payment_id] = replace(position, parts=_without(position.parts, taken))
        paid_from_id = refund.bank_ledger_id or position.held_by_id
        assert paid_from_id is not None, "a payment with money has an account that holds it"
        one = completed[refund.id]
        postings += give_back(
            GivenBack(
                school_id=school_id,
                journal_id=journal_id,
                payment_id=refund.payment_id,
                paid_from_id=paid_from_id,
                business_date=one.on,
                memo=f"{code_of(refund.number)} {refund.reason}",
            ),
            taken,
        )
        bookings.append(
            _Booking(refund=refund, completed=one, journal_id=journal_id, paid_from_id=paid_from_id)
        )
    return bookings, postings, left


async def _finish(db: Driver, school_id: int, bookings: Sequence[_Booking]) -> None:
    finished = await db.execute(
        FINISH,
        school_id,
        [one.refund.id for one in bookings],
        [one.completed.on for one in bookings],
        [one.journal_id for one in bookings],
        [one.completed.actor for one in bookings],
        [one.completed.statement_line_id for one in bookings],
        [one.completed.bank_transaction_id for one in bookings],
        [one.completed.provider_refund_id for one in bookings],
        [one.completed.provider_code for one in bookings],
        [one.paid_from_id for one in bookings],
    )
    assert finished == len(bookings), "a refund that is done is not booked again"


async def _empty_suspense(
    db: Driver, school_id: int, left: Mapping[int, PaymentPosition], actor: str
) -> None:
    """Resolve what waited for a person about money that is in suspense no more."""
    emptied = [
        payment_id
        for payment_id, position in left.items()
        if not any(part.kind == "suspense" for part in position.parts)
    ]
    released = await db.fetch(EMPTY_SUSPENSE, school_id, emptied)
    if released:
        await db.execute(RESOLVE_EMPTIED, school_id, released, Resolution.PAID_BACK, actor)


def _without(parts: Sequence[Part], taken: Sequence[Part]) -> tuple[Part, ...]:
    """What is left of the parts: a part taken in part is no whole transfer any more."""
    gone = {(part.account_id, part.invoice_id, part.student_id): part.amount_vnd for part in taken}
    left = (
        (part, gone.get((part.account_id, part.invoice_id, part.student_id), 0)) for part in parts
    )
    return tuple(
        replace(
            part,
            amount_vnd=part.amount_vnd - gone_vnd,
            whole_id=None if gone_vnd else part.whole_id,
        )
        for part, gone_vnd in left
        if part.amount_vnd > gone_vnd
    )
