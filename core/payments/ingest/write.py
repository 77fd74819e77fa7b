"""Writing what the rules decided: payments, transfers, invoice totals, verdicts and exceptions together.

One statement for a whole batch, in the caller's transaction. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.exceptions.reasons import RAISED_BY_INGEST, Reason
from core.exceptions.sql import EXCEPTION, NewException, opening, opening_given
from core.kit.columns import Columns, first_parameters
from core.kit.database import Command, Driver
from core.ledger.postings import (
    POSTING,
    AllocationLine,
    Posting,
    Receipt,
    insert_transfers,
    lock_books,
    receive,
)
from core.payments.ingest.allocate import Allocation
from core.payments.ingest.inbound import InboundNotice, NewNotice


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the money of a new notice goes."""

    new: NewNotice
    allocation: Allocation


@dataclass(frozen=True, slots=True)
class Conflict:
    """A notice that contradicts the recorded one of its transaction."""

    inbound: InboundNotice
    notice_id: int


PAYMENT: Final = Columns[Decision](
    ("school_id", "bigint", lambda one: one.new.inbound.merchant.school_id),
    ("id", "bigint", lambda one: one.new.notice_id),
    ("merchant_account_id", "bigint", lambda one: one.new.inbound.merchant.merchant_account_id),
    ("bank_account_id", "bigint", lambda one: _bank_account_of(one.new.inbound)),
    ("student_id", "bigint", lambda one: one.allocation.student_id),
    ("channel", "text", lambda one: one.new.inbound.merchant.adapter),
    ("amount_vnd", "bigint", lambda one: one.new.inbound.notice.amount_vnd),
    ("paid_at", "timestamptz", lambda one: one.new.inbound.notice.paid_at),
    ("business_date", "date", lambda one: one.new.inbound.business_date),
    ("content", "text", lambda one: one.new.inbound.notice.content),
    ("bank_transaction_id", "text", lambda one: one.new.inbound.notice.bank_transaction_id),
    ("reference", "text", lambda one: one.allocation.reference),
    ("is_corrected", "boolean", lambda one: one.allocation.is_corrected),
    ("suspense_reason", "text", lambda one: one.allocation.suspense_reason),
    ("is_provisional", "boolean", lambda one: one.new.inbound.notice.is_provisional),
)
INVOICE_PAID: Final = Columns[tuple[int, AllocationLine]](
    ("school_id", "bigint", lambda paid: paid[0]),
    ("invoice_id", "bigint", lambda paid: paid[1].invoice_id),
    ("amount_vnd", "bigint", lambda paid: paid[1].amount_vnd),
)
VERDICT: Final = Columns[Decision](
    ("school_id", "bigint", lambda one: one.new.inbound.merchant.school_id),
    ("id", "bigint", lambda one: one.new.notice_id),
    ("verdict", "text", lambda one: one.allocation.verdict),
)
_PAYMENTS_AT, _POSTINGS_AT, _PAID_AT, _VERDICTS_AT, _EXCEPTIONS_AT = first_parameters(
    PAYMENT, POSTING, INVOICE_PAID, VERDICT
)

# a payment keeps its own day; `booked_on` says where in the books it stands, if that one was closed
WRITE = Command(
    f"""
WITH {lock_books(_PAYMENTS_AT)}, new_payment AS (
  INSERT INTO payment ({PAYMENT.names}, booked_on)
  SELECT p.*, nullif(greatest(p.business_date, b.books_locked_until + 1), p.business_date)
    FROM {PAYMENT.rows("p", _PAYMENTS_AT)}
    JOIN books b ON b.school_id = p.school_id
), new_transfer AS (
  {insert_transfers(_POSTINGS_AT)}
), paid AS (
  UPDATE invoice SET paid_vnd = paid_vnd + p.amount_vnd
    FROM (SELECT school_id, invoice_id, sum(amount_vnd)::bigint AS amount_vnd
            FROM {INVOICE_PAID.rows("a", _PAID_AT)}
           GROUP BY 1, 2) AS p
   WHERE invoice.school_id = p.school_id AND invoice.id = p.invoice_id
), judged AS (
  UPDATE notice SET verdict = v.verdict
    FROM {VERDICT.rows("v", _VERDICTS_AT)}
   WHERE notice.school_id = v.school_id AND notice.id = v.id
)
{opening_given(_EXCEPTIONS_AT)}
"""  # noqa: S608 - columns declared above, and those of the ledger and of exceptions
)


async def write_decisions(db: Driver, decisions: Sequence[Decision]) -> None:
    """Everything the decisions come to, in one statement."""
    paid = [one for one in decisions if one.new.inbound.is_paid]
    judged = [one for one in decisions if one.allocation.verdict != one.new.inbound.likely_verdict]
    if not paid and not judged:
        return
    await db.execute(
        WRITE,
        *PAYMENT.arrays(paid),
        *POSTING.arrays([posting for one in paid for posting in _postings(one)]),
        *INVOICE_PAID.arrays(
            (one.new.inbound.merchant.school_id, line)
            for one in paid
            for line in one.allocation.lines
        ),
        *VERDICT.arrays(judged),
        *EXCEPTION.arrays(
            _exception(one, reason) for one in paid for reason in one.allocation.reasons
        ),
    )


def _postings(one: Decision) -> tuple[Posting, ...]:
    inbound, allocation = one.new.inbound, one.allocation
    postings = receive(
        Receipt(
            school_id=inbound.merchant.school_id,
            journal_id=one.new.journal_id,
            payment_id=one.new.notice_id,
            asset_account_id=inbound.held_on_id,
            amount_vnd=inbound.notice.amount_vnd,
            business_date=inbound.business_date,
            lines=allocation.lines,
            credit_vnd=allocation.credit_vnd,
            credit_student_id=allocation.student_id,
            suspense_vnd=allocation.suspense_vnd,
        ),
        inbound.merchant.books,
    )
    assert postings, "money that arrived is in the books"
    return postings


def _bank_account_of(inbound: InboundNotice) -> int | None:
    """The bank account that a statement will show it on; None where a provider pays it out later."""
    return inbound.bank_account_id if inbound.merchant.settlement == "direct" else None


def _exception(one: Decision, reason: Reason) -> NewException:
    assert reason in RAISED_BY_INGEST, "what the statements show is not known yet"
    inbound, allocation = one.new.inbound, one.allocation
    return NewException(
        school_id=inbound.merchant.school_id,
        reason=reason,
        identity=f"notice:{one.new.notice_id}",
        amount_vnd=inbound.notice.amount_vnd,
        business_date=inbound.business_date,
        notice_id=one.new.notice_id,
        payment_id=one.new.notice_id,
        invoice_id=allocation.lines[0].invoice_id if allocation.lines else None,
        detail={"corrected": list(inbound.corrected), "credit_vnd": allocation.credit_vnd},
    )


CONFLICT: Final = Columns[Conflict](
    ("school_id", "bigint", lambda one: one.inbound.merchant.school_id),
    ("notice_id", "bigint", lambda one: one.notice_id),
    ("fingerprint", "bytea", lambda one: one.inbound.fingerprint),
    ("amount_vnd", "bigint", lambda one: one.inbound.notice.amount_vnd),
    ("raw", "bytea", lambda one: one.inbound.raw),
)

_CONFLICTS_FOUND = opening(
    Reason.CONFLICTING_DUPLICATE,
    f"  FROM {CONFLICT.rows('c')}\n  JOIN notice n ON n.school_id = c.school_id AND n.id = c.notice_id",
    school_id="c.school_id",
    identity="'notice:' || c.notice_id || ':' || encode(c.fingerprint, 'hex')",
    amount_vnd="c.amount_vnd",
    business_date="n.business_date",
    notice_id="c.notice_id",
)
WRITE_CONFLICTS = Command(
    f"""
WITH kept AS (
  INSERT INTO notice_conflict ({CONFLICT.names}) SELECT * FROM {CONFLICT.unnest()}
  ON CONFLICT (school_id, notice_id, fingerprint) DO NOTHING
)
{_CONFLICTS_FOUND}
"""  # noqa: S608 - columns declared above
)


async def write_conflicts(db: Driver, conflicts: Sequence[Conflict]) -> None:
    """Keep notices that contradict a recorded one, once per content, and alarm a person."""
    await db.execute(WRITE_CONFLICTS, *CONFLICT.arrays(conflicts))


PAYMENT_ID: Final = Columns[tuple[int, int]](
    ("school_id", "bigint", lambda payment: payment[0]),
    ("id", "bigint", lambda payment: payment[1]),
)

CLEAR_PROVISIONAL = Command(
    f"""
WITH signed AS (SELECT * FROM {PAYMENT_ID.rows("s")}), notices AS (
  UPDATE notice n SET is_provisional = false FROM signed s
   WHERE n.school_id = s.school_id AND n.id = s.id AND n.is_provisional
)
UPDATE payment p SET is_provisional = false FROM signed s
 WHERE p.school_id = s.school_id AND p.id = s.id AND p.is_provisional
"""  # noqa: S608 - columns declared above
)


async def clear_provisional(db: Driver, payments: Sequence[tuple[int, int]]) -> None:
    """Payments (school, notice) that came again under a signature: they wait for no confirmation.

    A provider's answer may come unsigned before its signed notice of the very same content.
    """
    await db.execute(CLEAR_PROVISIONAL, *PAYMENT_ID.arrays(payments))
