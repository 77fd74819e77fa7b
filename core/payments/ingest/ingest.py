"""Recording notices: many at once, in the caller's transaction, each counted exactly once.

A handful of set-based statements whatever the number of notices: insert the notices (the database
decides who is first), set aside what another channel told before (`confirming`), lock the invoices they point at, decide by the pure rules of `placing`, then
write payments, transfers, invoice totals and exceptions together. Design: docs/adr/0003.
It must never acknowledge anything: that happens after the caller's commit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters import LOOKUP
from adapters.contract import Notice, Outcome, Verdict, VerdictKind
from core.kit.clock import business_date
from core.kit.database import Driver
from core.kit.reference import find_references, is_reference
from core.payments.ingest.allocate import (
    Allocation,
    InboundMoney,
    InvoiceTarget,
    OpenInvoice,
    StudentTarget,
    Target,
    allocate,
)
from core.payments.ingest.deduplicate import ChannelReport, PriorPayment, find_prior
from core.payments.ingest.inbound import InboundNotice, NewNotice, columns, likely_verdict
from core.payments.ingest.write import clear_provisional, write_conflicts, write_decisions


@dataclass(frozen=True, slots=True)
class Recorded:
    """Verdicts in the order of the input, and the invoices that received money (school, invoice).

    `confirmed`: record id -> the payment that another channel had booked before.
    """

    verdicts: tuple[Verdict, ...]
    paid: frozenset[tuple[int, int]]
    confirmed: Mapping[str, int]


async def ingest_notices(db: Driver, arrived: Sequence[InboundNotice]) -> Recorded:
    """Record every notice once and say what became of each.

    The caller opened a transaction on `db` and commits it before it answers anyone.
    """
    first: dict[tuple[int, int, str], InboundNotice] = {}
    for inbound in arrived:
        first.setdefault(inbound.identity, inbound)
    ids = await _insert_notices(db, [first[key] for key in sorted(first)])
    new = [_read_references(first[key], *ids[key]) for key in sorted(ids)]
    prior: dict[int, PriorPayment] = {}
    allocations_by_notice: dict[int, Allocation] = {}
    reports = {one.notice_id: report for one in new if (report := _report(one))}
    waiting = new
    while waiting:  # nearly always once: the second channel of one transfer waits for the first
        now, waiting = _apart(waiting, reports)
        prior |= await find_prior(
            db, [reports[one.notice_id] for one in now if one.notice_id in reports]
        )
        new_notices = [one for one in now if one.notice_id not in prior]
        decided = await _place(db, new_notices)
        await write_decisions(db, new_notices, decided)
        allocations_by_notice |= decided

    stored = await _stored(db, [key for key in first if key not in ids])
    for one in new:
        before = prior.get(one.notice_id)
        verdict = before.verdict if before else allocations_by_notice[one.notice_id].verdict
        stored[one.inbound.identity] = (
            one.notice_id,
            one.inbound.notice.fingerprint(),
            verdict,
        )
    verdicts, conflicts = _judge(arrived, set(ids), stored)
    await write_conflicts(db, conflicts)
    await clear_provisional(
        db,
        [
            (inbound.merchant.school_id, int(verdict.record_id))
            for inbound, verdict in zip(arrived, verdicts, strict=True)
            if verdict.duplicate
            and inbound.notice.outcome is Outcome.PAID
            and not inbound.notice.is_provisional
        ],
    )
    paid = frozenset(
        (one.inbound.merchant.school_id, allocation.invoice_id)
        for one in new
        if one.notice_id in allocations_by_notice
        for allocation in allocations_by_notice[one.notice_id].allocations
    )
    confirmed = {str(notice_id): before.payment_id for notice_id, before in prior.items()}
    return Recorded(tuple(verdicts), paid, confirmed)


def _judge(
    arrived: Sequence[InboundNotice],
    unanswered: set[tuple[int, int, str]],
    stored: dict[tuple[int, int, str], tuple[int, bytes, str]],
) -> tuple[list[Verdict], list[tuple[InboundNotice, int]]]:
    """Same transaction, same content: the same answer. Same transaction, other content: a conflict.

    The first of the notices that this batch inserted (`unanswered`) is the one that is no duplicate.
    """
    verdicts: list[Verdict] = []
    conflicts: list[tuple[InboundNotice, int]] = []
    for inbound in arrived:
        key = inbound.identity
        notice_id, fingerprint, verdict = stored[key]
        notice = inbound.notice
        if fingerprint != notice.fingerprint() and not _was_reported(fingerprint, notice):
            conflicts.append((inbound, notice_id))
            verdicts.append(Verdict(kind=VerdictKind.CONFLICT, record_id=str(notice_id)))
            continue
        verdicts.append(
            Verdict(
                kind=VerdictKind(verdict),
                record_id=str(notice_id),
                duplicate=key not in unanswered,
            )
        )
        unanswered.discard(key)
    return verdicts, conflicts


def _was_reported(fingerprint: bytes, notice: Notice) -> bool:
    """Whether what is stored is this notice as a settlement file reported it, before it came."""
    return fingerprint == dataclasses.replace(notice, is_reported=True).fingerprint()


INSERT_NOTICES = """
INSERT INTO notice (school_id, merchant_account_id, transaction_id, outcome, amount_vnd, paid_at,
                    business_date, content, merchant_reference, payee_account, bank_transaction_id,
                    fingerprint, raw, verdict, unmapped_status, is_provisional)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[],
                     $6::timestamptz[], $7::date[], $8::text[], $9::text[], $10::text[], $11::text[],
                     $12::bytea[], $13::bytea[], $14::text[], $15::text[], $16::boolean[])
ON CONFLICT (school_id, merchant_account_id, transaction_id) DO NOTHING
RETURNING school_id, merchant_account_id, transaction_id, id, nextval('journal_number_seq') AS journal_id
"""


async def _insert_notices(
    db: Driver, sorted_items: Sequence[InboundNotice]
) -> dict[tuple[int, int, str], tuple[int, int]]:
    """Insert what is not there yet; identity -> (notice id, journal number) of those that were first.

    Sorted by identity, so that two batches with the same notices wait for each other, never both.
    """
    rows = await db.raw.fetch(
        INSERT_NOTICES,
        *columns(
            (
                item.merchant.school_id,
                item.merchant.merchant_account_id,
                item.notice.transaction_id,
                item.notice.outcome,
                item.notice.amount_vnd,
                item.notice.paid_at,
                business_date(item.notice.paid_at),
                item.notice.content,
                item.notice.merchant_reference,
                item.notice.payee_account,
                item.notice.bank_transaction_id,
                item.notice.fingerprint(),
                item.raw,
                likely_verdict(item.notice),
                item.notice.unmapped_status,
                item.notice.is_provisional,
            )
            for item in sorted_items
        ),
    )
    return {
        (row["school_id"], row["merchant_account_id"], row["transaction_id"]): (
            row["id"],
            row["journal_id"],
        )
        for row in rows
    }


def _read_references(inbound: InboundNotice, notice_id: int, journal_id: int) -> NewNotice:
    """What we gave the provider speaks first; the transfer text only where that is silent."""
    for text in (inbound.notice.merchant_reference, inbound.notice.content):
        found = find_references(text)
        if found:
            exact = tuple(dict.fromkeys(f.reference for f in found if not f.corrected))
            corrected = tuple(dict.fromkeys(f.reference for f in found if f.corrected))
            return NewNotice(inbound, notice_id, journal_id, exact, corrected)
    return NewNotice(inbound, notice_id, journal_id, (), ())


def _apart(
    new_notices: Sequence[NewNotice], reports: Mapping[int, ChannelReport]
) -> tuple[list[NewNotice], list[NewNotice]]:
    """Those that may be recorded together, and those whose money another channel tells of among them."""
    reported_by: dict[tuple[int, str], int] = {}
    now: list[NewNotice] = []
    later: list[NewNotice] = []
    for one in new_notices:
        report = reports.get(one.notice_id)
        marks = [(report.bank_account_id, mark) for mark in report.marks] if report else []
        merchant_account_id = one.inbound.merchant.merchant_account_id
        is_first = all(
            reported_by.setdefault(mark, merchant_account_id) == merchant_account_id
            for mark in marks
        )
        (now if is_first else later).append(one)
    return now, later


def _report(one: NewNotice) -> ChannelReport | None:
    """What another channel may have told before: money on a bank account of the school, nothing else."""
    notice, merchant = one.inbound.notice, one.inbound.merchant
    bank_account_id, _ = merchant.where(notice.payee_account)
    if (
        notice.outcome is not Outcome.PAID
        or merchant.settlement != "direct"
        or bank_account_id is None
    ):
        return None
    return ChannelReport(
        notice_id=one.notice_id,
        school_id=merchant.school_id,
        bank_account_id=bank_account_id,
        merchant_account_id=merchant.merchant_account_id,
        is_statement=merchant.adapter == "statement",
        amount_vnd=notice.amount_vnd,
        day=business_date(notice.paid_at),
        bank_transaction_id=notice.bank_transaction_id,
        reference=one.exact[0] if one.exact else "",
    )


STORED = """
SELECT n.school_id, n.merchant_account_id, n.transaction_id, n.id, n.fingerprint, n.verdict
  FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k(school_id, merchant_account_id, transaction_id)
  JOIN notice n USING (school_id, merchant_account_id, transaction_id)
"""


async def _stored(
    db: Driver, keys: Sequence[tuple[int, int, str]]
) -> dict[tuple[int, int, str], tuple[int, bytes, str]]:
    if not keys:
        return {}
    rows = await db.raw.fetch(STORED, *columns(keys))
    return {
        (row["school_id"], row["merchant_account_id"], row["transaction_id"]): (
            row["id"],
            row["fingerprint"],
            row["verdict"],
        )
        for row in rows
    }


# Invoices behind references, checkouts, standing student references and, where a bank's counter asked
# for them, the school's own codes of pupils; locked in id order. A key with no invoice (a student who
# owes nothing) still answers, with NULLs.
LOCK_INVOICES = """
WITH pointer AS (
  SELECT w.school_id, w.reference, NULL::bigint AS student_id, i.id AS invoice_id, NULL::bigint AS asked_vnd
    FROM unnest($1::bigint[], $2::text[]) AS w(school_id, reference)
    JOIN invoice i USING (school_id, reference)
  UNION ALL
  SELECT w.school_id, w.reference, s.id, i.id, NULL
    FROM unnest($1::bigint[], $2::text[]) AS w(school_id, reference)
    JOIN student s USING (school_id, reference)
    LEFT JOIN invoice i ON i.school_id = s.school_id AND i.student_id = s.id
                       AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
  UNION ALL
  SELECT c.school_id, c.merchant_reference, NULL, c.invoice_id, c.amount_vnd
    FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS a(school_id, merchant_account_id, merchant_reference)
    JOIN checkout c USING (school_id, merchant_account_id, merchant_reference)
  UNION ALL
  SELECT w.school_id, w.code, s.id, i.id, NULL
    FROM unnest($6::bigint[], $7::text[]) AS w(school_id, code)
    JOIN student s USING (school_id, code)
    LEFT JOIN invoice i ON i.school_id = s.school_id AND i.student_id = s.id
                       AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
), locked AS (
  SELECT i.* FROM invoice i
   WHERE (i.school_id, i.id) IN (SELECT school_id, invoice_id FROM pointer)
   ORDER BY i.school_id, i.id FOR UPDATE
)
SELECT p.school_id, p.reference, p.student_id AS standing_student_id, p.asked_vnd,
       i.id, i.reference AS invoice_reference, i.student_id, i.bank_account_id, i.total_vnd, i.paid_vnd,
       i.due_on, i.cancelled_at
  FROM pointer p LEFT JOIN locked i ON i.school_id = p.school_id AND i.id = p.invoice_id
 ORDER BY p.school_id, p.reference, i.id
"""


async def _place(db: Driver, new_notices: Sequence[NewNotice]) -> dict[int, Allocation]:
    """Decide for every fresh notice, one after the other, over the locked invoices."""
    wanted = {
        (one.inbound.merchant.school_id, reference)
        for one in new_notices
        for reference in (*one.exact, *one.corrected)
    }
    asked = {
        (one.inbound.merchant.school_id, one.inbound.merchant.merchant_account_id, reference)
        for one in new_notices
        if (reference := one.inbound.notice.merchant_reference)
    }
    coded = {
        (one.inbound.merchant.school_id, code)
        for one in new_notices
        if (code := one.inbound.notice.merchant_reference)
        and one.inbound.merchant.adapter in LOOKUP
        and not is_reference(code)
    }
    rows: list[Any] = []
    if wanted or asked:
        rows = await db.raw.fetch(
            LOCK_INVOICES,
            *columns(sorted(wanted), 2),
            *columns(sorted(asked), 3),
            *columns(sorted(coded), 2),
        )
    invoices = {row["id"]: _open_invoice(row) for row in rows if row["id"] is not None}
    pointed: dict[tuple[int, str], list[Any]] = {}
    for row in rows:
        pointed.setdefault((row["school_id"], row["reference"]), []).append(row)
    allocations_by_notice: dict[int, Allocation] = {}
    for one in new_notices:
        allocation = _decide(one, _targets(one, pointed, invoices))
        allocations_by_notice[one.notice_id] = allocation
        if one.inbound.notice.outcome is Outcome.PAID:
            for part in allocation.allocations:
                known = invoices[part.invoice_id]
                invoices[part.invoice_id] = dataclasses.replace(
                    known, open_vnd=known.open_vnd - part.amount_vnd
                )
    return allocations_by_notice


def _open_invoice(row: Any) -> OpenInvoice:
    return OpenInvoice(
        invoice_id=row["id"],
        reference=row["invoice_reference"],
        student_id=row["student_id"],
        bank_account_id=row["bank_account_id"],
        total_vnd=row["total_vnd"],
        open_vnd=row["total_vnd"] - row["paid_vnd"],
        due_on=row["due_on"],
        is_cancelled=row["cancelled_at"] is not None,
    )


def _decide(one: NewNotice, targets: Mapping[str, Target]) -> Allocation:
    notice, merchant = one.inbound.notice, one.inbound.merchant
    exact, corrected = one.exact, one.corrected
    if notice.merchant_reference in targets:  # what we gave the provider names the invoice itself
        exact, corrected = (notice.merchant_reference,), ()
    allocation = allocate(
        InboundMoney(
            amount_vnd=notice.amount_vnd,
            bank_account_id=merchant.where(notice.payee_account)[0],
            exact=exact,
            corrected=corrected,
        ),
        targets,
    )
    named = targets.get(allocation.reference or "")
    if isinstance(named, InvoiceTarget):  # an order is called by its invoice, whatever we called it
        allocation = dataclasses.replace(allocation, reference=named.invoice.reference)
    if notice.outcome is Outcome.PAID:
        return allocation
    # no money in it: some protocols still want to hear that the order or its amount is not ours
    report = {VerdictKind.UNKNOWN_REFERENCE, VerdictKind.AMOUNT_DIFFERS}
    if notice.merchant_reference and allocation.verdict in report:
        return Allocation(verdict=allocation.verdict)
    return Allocation(verdict=VerdictKind.NOTED)


def _targets(
    one: NewNotice,
    pointed: Mapping[tuple[int, str], Sequence[Any]],
    invoices: Mapping[int, OpenInvoice],
) -> dict[str, Target]:
    """What each reference of a notice points at in its own school, as the invoices stand by now."""
    targets: dict[str, Target] = {}
    for reference in (*one.exact, *one.corrected, one.inbound.notice.merchant_reference):
        for row in pointed.get((one.inbound.merchant.school_id, reference), ()):
            if row["standing_student_id"] is not None:
                before = targets.get(reference)
                listed = before.invoices if isinstance(before, StudentTarget) else ()
                more = (invoices[row["id"]],) if row["id"] is not None else ()
                targets[reference] = StudentTarget(row["standing_student_id"], (*listed, *more))
            elif row["asked_vnd"] is not None or reference not in targets:
                targets[reference] = InvoiceTarget(invoices[row["id"]], row["asked_vnd"])
    return targets
