"""Settlement by a person's word: a lump whose text says nothing, one that is none, and taking either back.

The amount must still agree to the đồng: a person says which line a batch is, never how much. Money that
was taken for a family's payment and waits in suspense may turn out to be a lump. Undoing is a reversal;
what a person took apart, no night puts together again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from core.exceptions.reasons import Reason
from core.exceptions.resolutions import MATCHED_LATER
from core.exceptions.service import open_denied, reopen, resolve
from core.exceptions.sql import NewException
from core.identity.audit import audit
from core.kit.database import Driver, Query
from core.kit.errors import Problem, not_found
from core.kit.locks import lock_reconciliation
from core.ledger.positions import payment_positions
from core.ledger.service import next_journal, open_day, post, reverse_journal
from core.refunds.booking import Settled, book_refunds
from core.suspense.service import refuse_under_way
from reconciliation.review.notes import said
from reconciliation.settlements.line_matching import open_line, payments_named
from reconciliation.settlements.payout_matching import (
    SETTLEMENT_RULE,
    BankLine,
    Batch,
    Pair,
    evidence_of,
    postings_of,
)
from reconciliation.settlements.payouts import costs_of, open_batches, write_booking

SETTLED: Final = "settled"
"""Resolution of what turned out to be a lump."""
NO_SETTLEMENT: Final = "no_settlement"
"""Resolution of a line that speaks of a payout and is none: the next night takes it for a payment."""
BY_PROVIDER: Final = "provider"
"""Who approved a refund that the provider had made before anybody asked."""

LINE = """
SELECT s.id, s.identity, s.bank_account_id, s.posted_on AS day, s.credit_vnd - s.debit_vnd AS net_vnd, s.content,
       p.id AS payment_id, p.suspense_reason,
       j.journal_id IS NOT NULL OR r.id IS NOT NULL OR (m.payment_id IS NOT NULL AND p.suspense_reason IS NULL)
         AS is_taken
  FROM statement_line s
  LEFT JOIN match m ON m.school_id = s.school_id AND m.statement_line_id = s.id
  LEFT JOIN payment p ON p.school_id = m.school_id AND p.id = m.payment_id
  LEFT JOIN refund r ON r.school_id = s.school_id AND r.statement_line_id = s.id
  LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
 WHERE s.school_id = $1 AND s.id = $2
"""


EXPLAINED_BY_BATCH = Query(
    int,
    """
SELECT id FROM exception
 WHERE school_id = $1 AND resolved_at IS NULL
   AND ((statement_line_id = $2 AND reason IN ('batch_total_mismatch', 'unexplained_debit'))
        OR (payment_id = $3 AND reason = $4))
 ORDER BY id FOR UPDATE
""",
)
CLOSED_WITH = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND id = ANY($2::bigint[]) AND resolution = $3"
    " ORDER BY id FOR UPDATE",
)
WITHDRAWN_DEBITS = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND statement_line_id = $2"
    " AND reason = 'unexplained_debit' AND resolution = $3 ORDER BY id FOR UPDATE",
)
ABOUT_SETTLEMENT_LINE = Query(
    int,
    "SELECT id FROM exception WHERE school_id = $1 AND reason = 'refund_unmatched' AND resolved_at IS NULL"
    " AND (detail->>'settlement_line_id')::bigint = $2 ORDER BY id FOR UPDATE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lump:
    """A batch that a line of this amount could be. VND."""

    id: int
    title: str
    settled_on: date
    net_vnd: int
    gross_vnd: int
    fee_vnd: int
    vat_vnd: int


async def candidate_batches(db: Driver, school_id: int, statement_line_id: int) -> tuple[Lump, ...]:
    """Open batches of the line's account, those of the line's amount first, then the nearest sums."""
    line = await db.raw.fetchrow(LINE, school_id, statement_line_id)
    if line is None:
        raise not_found("dòng sao kê này", "statement line")
    batches = [
        batch
        for batch in await open_batches(db, school_id, date.max)
        if batch.bank_account_id == line["bank_account_id"]
    ]
    batches.sort(key=lambda batch: (abs(batch.net_vnd - line["net_vnd"]), batch.settled_on))
    return tuple(
        Lump(
            id=batch.id,
            title=batch.title,
            settled_on=batch.settled_on,
            net_vnd=batch.net_vnd,
            gross_vnd=batch.gross_vnd,
            fee_vnd=batch.fee_vnd,
            vat_vnd=batch.vat_vnd,
        )
        for batch in batches
    )


async def line_of_exception(db: Driver, school_id: int, exception_id: int) -> int:
    """The bank line that an exception is about, itself or through its payment. Raises Problem (404)."""
    found: int | None = await db.raw.fetchval(
        """
        SELECT coalesce(e.statement_line_id, m.statement_line_id)
          FROM exception e
          LEFT JOIN match m ON m.school_id = e.school_id AND m.payment_id = e.payment_id
         WHERE e.school_id = $1 AND e.id = $2
        """,
        school_id,
        exception_id,
    )
    if found is None:
        raise not_found("dòng sao kê của ngoại lệ này", "statement line of this exception")
    return found


async def match_payout(
    db: Driver,
    school_id: int,
    settlement_batch_id: int,
    statement_line_id: int,
    *,
    actor: str,
    note: str,
) -> int:
    """Book a batch against a bank line of the same amount; returns the journal.

    Raises Problem: 404 unknown batch or line, 409 when either is booked, 422 without a note or where
    account or amount do not agree.
    """
    why = said(note)
    await lock_reconciliation(db, school_id)
    batch = await _open_batch(db, school_id, settlement_batch_id)
    matched = await db.raw.fetch(
        "SELECT payment_id FROM match WHERE school_id = $1 AND statement_line_id = $2",
        school_id,
        statement_line_id,
    )
    await _hold_payments(db, school_id, [found["payment_id"] for found in matched])
    row = await db.raw.fetchrow(LINE, school_id, statement_line_id)
    if row is None:
        raise not_found("dòng sao kê này", "statement line")
    await _check(db, school_id, batch, row)
    line = BankLine(**{name: row[name] for name in _BANK_LINE})
    journal_id, on = await next_journal(db), await open_day(db, school_id, line.day)
    suspense_id: int | None = None
    if row["payment_id"] is not None:
        suspense_id = await db.raw.fetchval(
            "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = 'suspense'", school_id
        )
    await post(
        db,
        postings_of(
            batch,
            await costs_of(db, school_id),
            school_id=school_id,
            journal_id=journal_id,
            on=on,
            paid_into_id=suspense_id,
            payment_id=row["payment_id"],
        ),
    )
    evidence = evidence_of(batch, ("amount", "by_hand")) | {"note": why}
    if row["payment_id"] is not None:
        evidence |= {"payment_id": row["payment_id"], "suspense_reason": row["suspense_reason"]}
        await db.raw.execute(
            "UPDATE payment SET suspense_reason = NULL WHERE school_id = $1 AND id = $2",
            school_id,
            row["payment_id"],
        )
    explained = await db.fetch(
        EXPLAINED_BY_BATCH, school_id, line.id, row["payment_id"], row["suspense_reason"] or ""
    )
    await resolve(db, school_id, explained, SETTLED, actor=actor, note=why)
    evidence |= {"exceptions": explained}
    await write_booking(
        db,
        school_id,
        [(Pair(line, batch, ("amount", "by_hand")), journal_id, on, evidence)],
        actor=actor,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.booked",
        subject=f"settlement_batch:{batch.id}",
        detail={
            "before": "open",
            "journal_id": journal_id,
            "statement_line_id": line.id,
            "net_vnd": batch.net_vnd,
            "on": on.isoformat(),
        },
    )
    return journal_id


_BANK_LINE: Final = ("id", "identity", "bank_account_id", "day", "net_vnd", "content")


async def _open_batch(db: Driver, school_id: int, batch_id: int) -> Batch:
    """The batch, locked. Raises Problem: 404, 409 when it is booked."""
    row = await db.raw.fetchrow(
        "SELECT booked_on FROM settlement_batch WHERE school_id = $1 AND id = $2 FOR UPDATE",
        school_id,
        batch_id,
    )
    if row is None:
        raise not_found("lô quyết toán này", "settlement batch")
    if row["booked_on"] is not None:
        raise Problem(
            "batch_booked",
            vi=f"Lô này đã ghi sổ ngày {row['booked_on']:%d/%m/%Y}.",
            en=f"The batch was booked on {row['booked_on'].isoformat()}.",
            status=409,
        )
    (batch,) = await open_batches(db, school_id, date.max, batch_id)
    return batch


async def _hold_payments(db: Driver, school_id: int, payment_ids: Sequence[int]) -> None:
    """Lock payments, their exceptions first as every desk does. Raises Problem (409): one is being given back."""
    for query in (
        "SELECT id FROM exception WHERE school_id = $1 AND payment_id = ANY($2::bigint[])",
        "SELECT id FROM payment WHERE school_id = $1 AND id = ANY($2::bigint[])",
    ):
        await db.raw.execute(f"{query} ORDER BY id FOR UPDATE", school_id, list(payment_ids))
    await refuse_under_way(db, school_id, payment_ids)


async def _check(db: Driver, school_id: int, batch: Batch, row: Any) -> None:
    if row["is_taken"]:
        raise Problem(
            "line_booked",
            vi="Dòng sao kê này đã có bút toán khác.",
            en="This statement line is booked as something else.",
            status=409,
        )
    if row["bank_account_id"] != batch.bank_account_id or row["net_vnd"] != batch.net_vnd:
        raise Problem(
            "lump_differs",
            vi="Lô và dòng sao kê phải cùng tài khoản và khớp đến từng đồng.",
            en="Batch and line must be of one account and agree to the đồng.",
            status=422,
        )
    if row["payment_id"] is not None:
        standing = (await payment_positions(db, school_id, [row["payment_id"]])).get(
            row["payment_id"]
        )
        waits_vnd = (
            sum(p.amount_vnd for p in standing.parts if p.kind == "suspense") if standing else 0
        )
        if waits_vnd != batch.net_vnd:
            raise Problem(
                "not_in_suspense",
                vi="Khoản tiền này không còn nằm trọn ở tài khoản chờ xử lý.",
                en="Not all of this money waits in suspense any more.",
                status=409,
            )


async def undo_settlement(
    db: Driver, school_id: int, settlement_batch_id: int, *, actor: str, reason: str
) -> None:
    """Take a batch and its bank line apart again: its journal is reversed, both are open.

    The line stays held back, with the batch that it is not. Raises Problem: 404 unknown batch, 409 when it
    is not booked by a line, 422 without a reason.
    """
    why = said(reason)
    await lock_reconciliation(db, school_id)
    row = await db.raw.fetchrow(
        """
        SELECT b.journal_id, b.booked_on, j.statement_line_id, j.evidence::text AS evidence, s.identity,
               s.credit_vnd, s.debit_vnd, s.posted_on
          FROM settlement_batch b
          LEFT JOIN line_journal j ON j.school_id = b.school_id AND j.journal_id = b.journal_id AND j.rule = $3
          LEFT JOIN statement_line s ON s.school_id = j.school_id AND s.id = j.statement_line_id
         WHERE b.school_id = $1 AND b.id = $2 FOR UPDATE OF b
        """,
        school_id,
        settlement_batch_id,
        SETTLEMENT_RULE,
    )
    if row is None:
        raise not_found("lô quyết toán này", "settlement batch")
    if row["statement_line_id"] is None:
        raise Problem(
            "batch_not_booked",
            vi="Lô này chưa ghi sổ theo dòng sao kê nào.",
            en="No bank line books this batch.",
            status=409,
        )
    evidence = json.loads(row["evidence"])
    on = await open_day(db, school_id, row["booked_on"])
    reversal_id = await reverse_journal(db, school_id, row["journal_id"], on, why)
    await db.raw.execute(
        "DELETE FROM line_journal WHERE school_id = $1 AND statement_line_id = $2",
        school_id,
        row["statement_line_id"],
    )
    await db.raw.execute(
        "UPDATE settlement_batch SET journal_id = NULL, booked_on = NULL WHERE school_id = $1 AND id = $2",
        school_id,
        settlement_batch_id,
    )
    closed = await db.fetch(CLOSED_WITH, school_id, evidence.get("exceptions", []), SETTLED)
    await reopen(db, school_id, closed, note=why)
    # a debit that the night had withdrawn with the booking waits for its desk again
    await reopen(
        db,
        school_id,
        await db.fetch(WITHDRAWN_DEBITS, school_id, row["statement_line_id"], MATCHED_LATER),
    )
    if payment_id := evidence.get("payment_id"):
        await db.raw.execute(
            "UPDATE payment SET suspense_reason = $3 WHERE school_id = $1 AND id = $2",
            school_id,
            payment_id,
            evidence["suspense_reason"],
        )
    else:
        await _hold_back(db, school_id, row, evidence["name"])
    await audit(
        db,
        school_id,
        actor=actor,
        action="settlement.undone",
        subject=f"settlement_batch:{settlement_batch_id}",
        detail={
            "before": evidence["name"],
            "journal_id": row["journal_id"],
            "reversal_id": reversal_id,
            "statement_line_id": row["statement_line_id"],
        },
    )


async def _hold_back(db: Driver, school_id: int, row: Any, title: str) -> None:
    """The line waits for a person, and remembers the batch that it is not."""
    await open_denied(
        db,
        NewException(
            school_id=school_id,
            reason=Reason.BATCH_TOTAL_MISMATCH,
            identity=f"line:{row['identity']}",
            amount_vnd=row["credit_vnd"] or row["debit_vnd"],
            business_date=row["posted_on"],
            statement_line_id=row["statement_line_id"],
            detail={"denied": [title]},
        ),
    )


async def say_no_settlement(
    db: Driver, school_id: int, exception_id: int, *, actor: str, note: str
) -> None:
    """A held line is no provider's payout: the next night takes it for a payment like any other.

    Raises Problem: 404 unknown or no held line, 409 when it is resolved, 422 without a note.
    """
    why = said(note)
    await lock_reconciliation(db, school_id)
    row = await db.raw.fetchrow(
        "SELECT resolution FROM exception WHERE school_id = $1 AND id = $2"
        " AND reason = 'batch_total_mismatch' AND statement_line_id IS NOT NULL FOR UPDATE",
        school_id,
        exception_id,
    )
    if row is None:
        raise not_found(
            "dòng tiền đang chờ tệp đối soát này", "line that waits for its settlement file"
        )
    if row["resolution"] is not None:
        raise Problem(
            "already_resolved",
            vi="Ngoại lệ này đã được xử lý.",
            en="This exception is resolved already.",
            status=409,
        )
    await resolve(db, school_id, [exception_id], NO_SETTLEMENT, actor=actor, note=why)
    await audit(
        db,
        school_id,
        actor=actor,
        action="exception.resolved",
        subject=f"exception:{exception_id}",
        detail={"resolution_before": None, "resolution": NO_SETTLEMENT},
    )


async def record_taken_back(
    db: Driver, school_id: int, settlement_line_id: int, *, actor: str, note: str
) -> frozenset[tuple[int, int]]:
    """Book a refund or chargeback that the provider made by itself, against the payment that its line names.

    The invoices that are open again; the caller announces them. Raises Problem: 404 unknown or explained
    line, 422 without a note, 409 where the line names no payment of ours, less is left of it or a refund of it
    is under way.
    """
    why = said(note)
    await lock_reconciliation(db, school_id)
    line = await open_line(db, school_id, settlement_line_id)
    if line is None or line.gross_vnd >= 0:
        raise not_found("dòng hoàn tiền chưa khớp này", "unexplained refund line")
    named = (await payments_named(db, school_id, [line])).get(line.id, [])
    payments = {payment_id for _, payment_id, _ in named}
    if len(payments) != 1:
        raise Problem(
            "payment_not_named",
            vi="Dòng này không chỉ đúng một khoản thu của trường.",
            en="This line names no single payment of the school.",
            status=409,
        )
    (payment_id,) = payments
    await _hold_payments(db, school_id, [payment_id])
    standing = (await payment_positions(db, school_id, [payment_id])).get(payment_id)
    amount_vnd = -line.gross_vnd
    if standing is None or standing.total_vnd < amount_vnd:
        raise Problem(
            "too_little_left",
            vi="Khoản thu này không còn đủ tiền để trừ.",
            en="Less than that is left of this payment.",
            status=409,
        )
    refund_id: int = await db.raw.fetchval(
        """
        INSERT INTO refund (school_id, number, payment_id, method, amount_vnd, reason, status, requested_by,
                            limit_vnd, approved_by, approved_at, provider_refund_id)
        VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM refund WHERE school_id = $1), $2, 'provider', $3,
                $4, 'approved', $5, 0, $6, now(), $7)
        RETURNING id
        """,
        school_id,
        payment_id,
        amount_vnd,
        why,
        actor,
        BY_PROVIDER,
        line.number,
    )
    touched = await book_refunds(
        db, school_id, [Settled(refund_id=refund_id, on=line.settled_on, actor=actor)]
    )
    await db.raw.execute(
        "UPDATE settlement_line SET refund_id = $3 WHERE school_id = $1 AND id = $2",
        school_id,
        line.id,
        refund_id,
    )
    explained = await db.fetch(ABOUT_SETTLEMENT_LINE, school_id, line.id)
    await resolve(db, school_id, explained, SETTLED, actor=actor, note=why)
    return touched
