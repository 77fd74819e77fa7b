"""A refund's money has gone: its state, its postings and what it reopens, in the caller's one transaction.

The money is taken from where it stands at that moment. Any number of refunds is booked by the same few
statements. Locks are taken in one order: refunds (by the caller), exceptions, payments, invoices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.exceptions.sql import resolving
from core.identity.audit import audit
from core.kit.database import Driver
from core.ledger.positions import GivenBack, Part, give_back, payment_positions, take
from core.ledger.postings import Posting
from core.ledger.service import lock_invoices, post, sync_invoice_totals
from core.refunds.codes import code_of
from core.refunds.service import PAID_BACK, answer_doubts


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A refund whose money has gone. `on`: the business date; `actor`: who says so, for the audit chain.

    statement_line_id: the bank's line that shows it. Texts are kept where they say something.
    """

    refund_id: int
    on: date
    actor: str
    statement_line_id: int | None = None
    bank_transaction_id: str = ""
    provider_refund_id: str = ""
    provider_code: str = ""


REFUNDS = """
SELECT r.id, r.number, r.payment_id, r.method, r.amount_vnd, r.reason, r.from_invoice_id,
       l.id AS bank_ledger_id, nextval('journal_number_seq') AS journal_id
  FROM refund r
  LEFT JOIN ledger_account l ON l.school_id = r.school_id AND l.kind = 'bank'
                            AND l.bank_account_id = r.bank_account_id
 WHERE r.school_id = $1 AND r.id = ANY($2::bigint[]) ORDER BY r.number
"""

# a provider's refund of money that stands at a bank leaves that bank
FINISH = """
UPDATE refund r
   SET status = 'done', done_on = s.done_on, journal_id = s.journal_id, closed_by = s.actor, closed_at = now(),
       booked_on = nullif(greatest(s.done_on, b.books_locked_until + 1), s.done_on), next_ask_at = NULL, statement_line_id = coalesce(s.statement_line_id, r.statement_line_id),
       bank_transaction_id = coalesce(nullif(s.bank_transaction_id, ''), r.bank_transaction_id),
       provider_refund_id = coalesce(nullif(s.provider_refund_id, ''), r.provider_refund_id),
       provider_code = coalesce(nullif(s.provider_code, ''), r.provider_code),
       bank_account_id = coalesce(r.bank_account_id, (SELECT a.bank_account_id FROM ledger_account a
                                  WHERE a.school_id = r.school_id AND a.id = s.paid_from_id))
  FROM unnest($2::bigint[], $3::date[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[],
              $9::text[], $10::bigint[])
       AS s(id, done_on, journal_id, actor, statement_line_id, bank_transaction_id, provider_refund_id,
            provider_code, paid_from_id), school b
 WHERE r.school_id = $1 AND r.id = s.id AND b.id = r.school_id
"""

# nothing of these is in suspense any more: there is nothing left to place
_RESOLVED = resolving(
    "e.school_id = $1 AND e.payment_id IN (SELECT id FROM released) AND e.statement_line_id IS NULL"
    " AND e.reason <> 'refund_unmatched'",
    resolution="$3",
    actor="$4",
)
RELEASE = f"""
WITH released AS (
  UPDATE payment SET suspense_reason = NULL
   WHERE school_id = $1 AND id = ANY($2::bigint[]) AND suspense_reason IS NOT NULL RETURNING id
)
{_RESOLVED}
"""


async def book_refunds(
    db: Driver, school_id: int, settled: Sequence[Settled]
) -> frozenset[tuple[int, int]]:
    """Book refunds, locked by the caller and not final yet, as given back; the invoices touched.

    The caller announces them after its commit (`core.payments.ingest.group_commit.announce_paid`).
    """
    if not settled:
        return frozenset()
    said = {one.refund_id: one for one in settled}
    rows = await db.raw.fetch(REFUNDS, school_id, list(said))
    payment_ids = sorted({row["payment_id"] for row in rows})
    await db.raw.execute(
        "SELECT id FROM exception WHERE school_id = $1 AND payment_id = ANY($2::bigint[])"
        " ORDER BY id FOR UPDATE",
        school_id,
        payment_ids,
    )
    await db.raw.execute(
        "SELECT id FROM payment WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE",
        school_id,
        payment_ids,
    )
    found = await payment_positions(db, school_id, payment_ids)
    postings: list[Posting] = []
    finished: list[tuple[object, ...]] = []
    for row in rows:
        standing = found[row["payment_id"]]
        taken = take(standing.parts, row["amount_vnd"], row["from_invoice_id"])
        found[row["payment_id"]] = replace(standing, parts=_without(standing.parts, taken))
        paid_from_id = row["bank_ledger_id"] or standing.held_by_id
        if paid_from_id is None:
            raise ValueError("a payment with money has an account that holds it")
        one = said[row["id"]]
        postings += give_back(
            GivenBack(
                school_id=school_id,
                journal_id=row["journal_id"],
                payment_id=row["payment_id"],
                paid_from_id=paid_from_id,
                business_date=one.on,
                memo=f"{code_of(row['number'])} {row['reason']}",
            ),
            taken,
        )
        finished.append(
            (
                row["id"], one.on, row["journal_id"], one.actor, one.statement_line_id,
                one.bank_transaction_id, one.provider_refund_id, one.provider_code, paid_from_id,
            )
        )  # fmt: skip
    invoice_ids = sorted({p.invoice_id for p in postings if p.invoice_id is not None})
    await lock_invoices(db, school_id, invoice_ids)
    await post(db, postings)
    await sync_invoice_totals(db, school_id, invoice_ids)
    await db.raw.execute(FINISH, school_id, *map(list, zip(*finished, strict=True)))
    emptied = [
        payment_id
        for payment_id, standing in found.items()
        if not any(part.kind == "suspense" for part in standing.parts)
    ]
    actor = settled[0].actor
    await db.raw.execute(RELEASE, school_id, emptied, PAID_BACK, actor)
    await answer_doubts(db, school_id, [row["number"] for row in rows], PAID_BACK, actor)
    for row in rows:  # the chain takes one entry after the other
        await audit(
            db,
            school_id,
            actor=said[row["id"]].actor,
            action="refund.done",
            subject=f"refund:{row['id']}",
            detail={
                "amount_vnd": row["amount_vnd"],
                "journal_id": row["journal_id"],
                "on": said[row["id"]].on.isoformat(),
            },
        )
    return frozenset((school_id, invoice_id) for invoice_id in invoice_ids)


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
