"""Writing what the rules decided: payments, transfers, invoice totals, verdicts and exceptions together.

One statement for a whole batch, in the caller's transaction. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.contract import Outcome
from core.exceptions.reasons import RAISED_BY_INGEST, Reason
from core.exceptions.sql import NewException, arguments, opening, opening_given
from core.kit.clock import business_date
from core.kit.database import Driver
from core.ledger.postings import Posting, Receipt, receive
from core.ledger.service import POSTING_COLUMNS, open_books_of, posting_arguments, posting_rows
from core.payments.ingest.allocate import Allocation
from core.payments.ingest.inbound import InboundNotice, NewNotice, columns, likely_verdict

PAYMENT_COLUMNS = (
    "school_id, id, merchant_account_id, bank_account_id, student_id, channel, amount_vnd, paid_at,"
    " business_date, content, bank_transaction_id, reference, is_corrected, suspense_reason, is_provisional"
)

# a payment keeps its own day; `booked_on` says where in the books it stands, if that one was closed
WRITE = f"""
WITH {open_books_of(1)}, new_payment AS (
  INSERT INTO payment ({PAYMENT_COLUMNS}, booked_on)
  SELECT p.*, nullif(greatest(p.business_date, b.books_locked_until + 1), p.business_date)
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
                $7::bigint[], $8::timestamptz[], $9::date[], $10::text[], $11::text[], $12::text[],
                $13::boolean[], $14::text[], $15::boolean[]) AS p({PAYMENT_COLUMNS})
    JOIN open_books b ON b.id = p.school_id
), new_transfer AS (
  INSERT INTO transfer ({POSTING_COLUMNS}) {posting_rows(16)}
), paid AS (
  UPDATE invoice SET paid_vnd = paid_vnd + p.amount_vnd
    FROM (SELECT school_id, invoice_id, sum(amount_vnd)::bigint AS amount_vnd
            FROM unnest($28::bigint[], $29::bigint[], $30::bigint[]) AS a(school_id, invoice_id, amount_vnd)
           GROUP BY 1, 2) AS p
   WHERE invoice.school_id = p.school_id AND invoice.id = p.invoice_id
), judged AS (
  UPDATE notice SET verdict = v.verdict
    FROM unnest($31::bigint[], $32::bigint[], $33::text[]) AS v(school_id, id, verdict)
   WHERE notice.school_id = v.school_id AND notice.id = v.id
)
{opening_given(34)}
"""


async def write_decisions(
    db: Driver, new_notices: Sequence[NewNotice], allocations_by_notice: dict[int, Allocation]
) -> None:
    """Everything the decisions come to, in one statement."""
    payments: list[tuple[object, ...]] = []
    postings: list[Posting] = []
    exceptions: list[NewException] = []
    paid: list[tuple[int, int, int]] = []
    judged: list[tuple[object, ...]] = []
    for one in new_notices:
        allocation = allocations_by_notice[one.notice_id]
        notice, school_id = one.inbound.notice, one.inbound.merchant.school_id
        if allocation.verdict != likely_verdict(notice):
            judged.append((school_id, one.notice_id, allocation.verdict))
        if notice.outcome is not Outcome.PAID:
            continue
        payments.append(_payment_row(one, allocation))
        postings += receive(_receipt(one, allocation), one.inbound.merchant.books)
        paid += [(school_id, a.invoice_id, a.amount_vnd) for a in allocation.allocations]
        exceptions += [_exception(one, allocation, reason) for reason in allocation.reasons]
    if payments or judged:
        await db.raw.execute(
            WRITE,
            *columns(payments, 15),
            *posting_arguments(postings),
            *columns(paid, 3),
            *columns(judged, 3),
            *arguments(exceptions),
        )


def _payment_row(one: NewNotice, allocation: Allocation) -> tuple[object, ...]:
    notice, merchant = one.inbound.notice, one.inbound.merchant
    bank_account_id, _ = merchant.where(notice.payee_account)
    return (
        merchant.school_id,
        one.notice_id,
        merchant.merchant_account_id,
        bank_account_id if merchant.settlement == "direct" else None,
        allocation.student_id,
        merchant.adapter,
        notice.amount_vnd,
        notice.paid_at,
        business_date(notice.paid_at),
        notice.content,
        notice.bank_transaction_id,
        allocation.reference,
        allocation.is_corrected,
        allocation.suspense_reason,
        notice.is_provisional,
    )


def _receipt(one: NewNotice, allocation: Allocation) -> Receipt:
    notice, merchant = one.inbound.notice, one.inbound.merchant
    return Receipt(
        school_id=merchant.school_id,
        journal_id=one.journal_id,
        payment_id=one.notice_id,
        asset_account_id=merchant.where(notice.payee_account)[1],
        amount_vnd=notice.amount_vnd,
        business_date=business_date(notice.paid_at),
        allocations=allocation.allocations,
        credit_vnd=allocation.credit_vnd,
        credit_student_id=allocation.student_id,
        suspense_vnd=allocation.suspense_vnd,
    )


def _exception(one: NewNotice, allocation: Allocation, reason: Reason) -> NewException:
    assert reason in RAISED_BY_INGEST, "what the statements show is not known yet"
    return NewException(
        school_id=one.inbound.merchant.school_id,
        reason=reason,
        identity=f"notice:{one.notice_id}",
        amount_vnd=one.inbound.notice.amount_vnd,
        business_date=business_date(one.inbound.notice.paid_at),
        notice_id=one.notice_id,
        payment_id=one.notice_id,
        invoice_id=allocation.allocations[0].invoice_id if allocation.allocations else None,
        detail={"corrected": list(one.corrected), "credit_vnd": allocation.credit_vnd},
    )


_CONFLICTS_FOUND = opening(
    Reason.CONFLICTING_DUPLICATE,
    """  FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[]) AS c(school_id, notice_id, fingerprint, amount_vnd)
  JOIN notice n ON n.school_id = c.school_id AND n.id = c.notice_id""",
    school_id="c.school_id",
    identity="'notice:' || c.notice_id || ':' || encode(c.fingerprint, 'hex')",
    amount_vnd="c.amount_vnd",
    business_date="n.business_date",
    notice_id="c.notice_id",
)
WRITE_CONFLICTS = f"""
WITH kept AS (
  INSERT INTO notice_conflict (school_id, notice_id, fingerprint, amount_vnd, raw)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[])
  ON CONFLICT (school_id, notice_id, fingerprint) DO NOTHING
)
{_CONFLICTS_FOUND}
"""


async def write_conflicts(db: Driver, conflicts: Sequence[tuple[InboundNotice, int]]) -> None:
    """Keep notices that contradict a recorded one, once per content, and alarm a person."""
    if conflicts:
        await db.raw.execute(
            WRITE_CONFLICTS,
            *columns(
                (
                    inbound.merchant.school_id,
                    notice_id,
                    inbound.notice.fingerprint(),
                    inbound.notice.amount_vnd,
                    inbound.raw,
                )
                for inbound, notice_id in conflicts
            ),
        )


async def clear_provisional(db: Driver, notices: Sequence[tuple[int, int]]) -> None:
    """Payments (school, notice) that were told again under a signature: they wait for no confirmation.

    A provider's answer may come unsigned before its signed notice of the very same content.
    """
    if notices:
        await db.raw.execute(
            "WITH vouched AS (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS v(school_id, id)), told AS ("
            "  UPDATE notice n SET is_provisional = false FROM vouched v"
            "   WHERE n.school_id = v.school_id AND n.id = v.id AND n.is_provisional)"
            "UPDATE payment p SET is_provisional = false FROM vouched v"
            " WHERE p.school_id = v.school_id AND p.id = v.id AND p.is_provisional",
            *columns(notices),
        )
