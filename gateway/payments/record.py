"""Recording notices: many at once, in the caller's transaction, each counted exactly once.

A handful of set-based statements whatever the number of notices: insert the notices (the database
decides who is first), lock the invoices they point at, decide by the pure rules of `placing`, then
write payments, transfers, invoice totals and exceptions together. Design: docs/adr/0003.
It must never acknowledge anything: that happens after the caller's commit.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.contract import Notice, Outcome, Verdict, VerdictKind
from gateway.kit.clock import business_date
from gateway.kit.database import Driver
from gateway.kit.reference import find_references
from gateway.ledger.postings import Posting, Receipt, receive
from gateway.ledger.service import POSTING_COLUMNS, posting_arguments, posting_unnest
from gateway.payments.merchants import Merchant
from gateway.payments.placing import (
    Arrival,
    InvoiceTarget,
    OpenInvoice,
    Placement,
    Reason,
    StudentTarget,
    Target,
    place,
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A notice on its way in, with the bytes it was read from."""

    merchant: Merchant
    notice: Notice
    raw: bytes

    @property
    def identity(self) -> tuple[int, int, str]:
        """What makes the transaction the same one: owner, merchant account, provider transaction."""
        merchant = self.merchant
        return (merchant.school_id, merchant.merchant_account_id, self.notice.transaction_id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Verdicts in the order of the input, and the invoices that received money (school, invoice)."""

    verdicts: tuple[Verdict, ...]
    paid: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A notice that was first, with the ids the database gave it and what its texts point at."""

    incoming: Incoming
    notice_id: int
    journal_id: int
    exact: tuple[str, ...]
    corrected: tuple[str, ...]


async def record_notices(db: Driver, arrived: Sequence[Incoming]) -> Recorded:
    """Record every notice once and say what became of each.

    The caller opened a transaction on `db` and commits it before it answers anyone.
    """
    first: dict[tuple[int, int, str], Incoming] = {}
    for incoming in arrived:
        first.setdefault(incoming.identity, incoming)
    ids = await _insert_notices(db, [first[key] for key in sorted(first)])
    fresh = [_read_references(first[key], *ids[key]) for key in sorted(ids)]
    placements = await _place(db, fresh)
    await _write(db, fresh, placements)

    stored = await _stored(db, [key for key in first if key not in ids])
    for one in fresh:
        stored[one.incoming.identity] = (
            one.notice_id,
            one.incoming.notice.fingerprint(),
            placements[one.notice_id].verdict,
        )
    verdicts, conflicts = _judge(arrived, set(ids), stored)
    await _write_conflicts(db, conflicts)
    paid = frozenset(
        (one.incoming.merchant.school_id, allocation.invoice_id)
        for one in fresh
        for allocation in placements[one.notice_id].allocations
    )
    return Recorded(tuple(verdicts), paid)


def _judge(
    arrived: Sequence[Incoming],
    unanswered: set[tuple[int, int, str]],
    stored: dict[tuple[int, int, str], tuple[int, bytes, str]],
) -> tuple[list[Verdict], list[tuple[Incoming, int]]]:
    """Same transaction, same content: the same answer. Same transaction, other content: a conflict.

    The first of the notices that this batch inserted (`unanswered`) is the one that is no duplicate.
    """
    verdicts: list[Verdict] = []
    conflicts: list[tuple[Incoming, int]] = []
    for incoming in arrived:
        key = incoming.identity
        notice_id, fingerprint, verdict = stored[key]
        if fingerprint != incoming.notice.fingerprint():
            conflicts.append((incoming, notice_id))
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


INSERT_NOTICES = """
INSERT INTO notice (school_id, merchant_account_id, transaction_id, outcome, amount_vnd, paid_at,
                    business_date, content, merchant_reference, payee_account, bank_transaction_id,
                    fingerprint, raw, verdict)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[],
                     $6::timestamptz[], $7::date[], $8::text[], $9::text[], $10::text[], $11::text[],
                     $12::bytea[], $13::bytea[], $14::text[])
ON CONFLICT (school_id, merchant_account_id, transaction_id) DO NOTHING
RETURNING school_id, merchant_account_id, transaction_id, id, nextval('journal_number_seq') AS journal_id
"""


async def _insert_notices(
    db: Driver, sorted_items: Sequence[Incoming]
) -> dict[tuple[int, int, str], tuple[int, int]]:
    """Insert what is not there yet; identity -> (notice id, journal number) of those that were first.

    Sorted by identity, so that two batches with the same notices wait for each other, never both.
    """
    rows = await db.fetch(
        INSERT_NOTICES,
        *_columns(
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
                _likely_verdict(item.notice),
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


def _likely_verdict(notice: Notice) -> str:
    """What nearly every notice comes to; the few others are updated once the rules have spoken."""
    return VerdictKind.RECORDED if notice.outcome is Outcome.PAID else VerdictKind.NOTED


def _read_references(incoming: Incoming, notice_id: int, journal_id: int) -> _Fresh:
    """What we gave the provider speaks first; the transfer text only where that is silent."""
    for text in (incoming.notice.merchant_reference, incoming.notice.content):
        found = find_references(text)
        if found:
            exact = tuple(dict.fromkeys(f.reference for f in found if not f.corrected))
            corrected = tuple(dict.fromkeys(f.reference for f in found if f.corrected))
            return _Fresh(incoming, notice_id, journal_id, exact, corrected)
    return _Fresh(incoming, notice_id, journal_id, (), ())


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
    rows = await db.fetch(STORED, *_columns(keys))
    return {
        (row["school_id"], row["merchant_account_id"], row["transaction_id"]): (
            row["id"],
            row["fingerprint"],
            row["verdict"],
        )
        for row in rows
    }


# Invoices behind references, checkouts and standing student references, locked in id order. A key
# with no invoice (a student who owes nothing) still answers, with NULLs.
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
), locked AS (
  SELECT i.* FROM invoice i
   WHERE (i.school_id, i.id) IN (SELECT school_id, invoice_id FROM pointer)
   ORDER BY i.school_id, i.id FOR UPDATE
)
SELECT p.school_id, p.reference, p.student_id AS standing_student_id, p.asked_vnd,
       i.id, i.student_id, i.bank_account_id, i.total_vnd, i.paid_vnd, i.due_on, i.cancelled_at
  FROM pointer p LEFT JOIN locked i ON i.school_id = p.school_id AND i.id = p.invoice_id
 ORDER BY p.school_id, p.reference, i.id
"""


async def _place(db: Driver, fresh: Sequence[_Fresh]) -> dict[int, Placement]:
    """Decide for every fresh notice, one after the other, over the locked invoices."""
    wanted = {
        (one.incoming.merchant.school_id, reference)
        for one in fresh
        for reference in (*one.exact, *one.corrected)
    }
    asked = {
        (one.incoming.merchant.school_id, one.incoming.merchant.merchant_account_id, reference)
        for one in fresh
        if (reference := one.incoming.notice.merchant_reference)
    }
    rows: list[Any] = []
    if wanted or asked:
        rows = await db.fetch(
            LOCK_INVOICES, *_columns(sorted(wanted), 2), *_columns(sorted(asked), 3)
        )
    invoices = {row["id"]: _open_invoice(row) for row in rows if row["id"] is not None}
    pointed: dict[tuple[int, str], list[Any]] = {}
    for row in rows:
        pointed.setdefault((row["school_id"], row["reference"]), []).append(row)
    placements: dict[int, Placement] = {}
    for one in fresh:
        placement = _decide(one, _targets(one, pointed, invoices))
        placements[one.notice_id] = placement
        if one.incoming.notice.outcome is Outcome.PAID:
            for part in placement.allocations:
                known = invoices[part.invoice_id]
                invoices[part.invoice_id] = dataclasses.replace(
                    known, open_vnd=known.open_vnd - part.amount_vnd
                )
    return placements


def _open_invoice(row: Any) -> OpenInvoice:
    return OpenInvoice(
        invoice_id=row["id"],
        student_id=row["student_id"],
        bank_account_id=row["bank_account_id"],
        total_vnd=row["total_vnd"],
        open_vnd=row["total_vnd"] - row["paid_vnd"],
        due_on=row["due_on"],
        is_cancelled=row["cancelled_at"] is not None,
    )


def _decide(one: _Fresh, targets: Mapping[str, Target]) -> Placement:
    notice, merchant = one.incoming.notice, one.incoming.merchant
    exact = one.exact
    if notice.merchant_reference in targets:  # what we gave the provider names the invoice itself
        exact = (notice.merchant_reference,)
    placement = place(
        Arrival(
            amount_vnd=notice.amount_vnd,
            bank_account_id=merchant.where(notice.payee_account)[0],
            exact=exact,
            corrected=one.corrected,
        ),
        targets,
    )
    if notice.outcome is Outcome.PAID:
        return placement
    # no money in it: some protocols still want to hear that the order or its amount is not ours
    telling = {VerdictKind.UNKNOWN_REFERENCE, VerdictKind.AMOUNT_DIFFERS}
    if notice.merchant_reference and placement.verdict in telling:
        return Placement(verdict=placement.verdict)
    return Placement(verdict=VerdictKind.NOTED)


def _targets(
    one: _Fresh,
    pointed: Mapping[tuple[int, str], Sequence[Any]],
    invoices: Mapping[int, OpenInvoice],
) -> dict[str, Target]:
    """What each reference of a notice points at in its own school, as the invoices stand by now."""
    targets: dict[str, Target] = {}
    for reference in (*one.exact, *one.corrected, one.incoming.notice.merchant_reference):
        for row in pointed.get((one.incoming.merchant.school_id, reference), ()):
            if row["standing_student_id"] is not None:
                before = targets.get(reference)
                listed = before.invoices if isinstance(before, StudentTarget) else ()
                more = (invoices[row["id"]],) if row["id"] is not None else ()
                targets[reference] = StudentTarget(row["standing_student_id"], (*listed, *more))
            elif row["asked_vnd"] is not None or reference not in targets:
                targets[reference] = InvoiceTarget(invoices[row["id"]], row["asked_vnd"])
    return targets


WRITE = f"""
WITH new_payment AS (
  INSERT INTO payment (school_id, id, merchant_account_id, bank_account_id, student_id, channel,
                       amount_vnd, paid_at, business_date, content, bank_transaction_id, reference,
                       is_corrected, suspense_reason)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
                       $7::bigint[], $8::timestamptz[], $9::date[], $10::text[], $11::text[], $12::text[],
                       $13::boolean[], $14::text[])
), new_transfer AS (
  INSERT INTO transfer ({POSTING_COLUMNS}) SELECT * FROM {posting_unnest(15)}
), paid AS (
  UPDATE invoice SET paid_vnd = paid_vnd + p.amount_vnd
    FROM (SELECT school_id, invoice_id, sum(amount_vnd)::bigint AS amount_vnd
            FROM unnest($27::bigint[], $28::bigint[], $29::bigint[]) AS a(school_id, invoice_id, amount_vnd)
           GROUP BY 1, 2) AS p
   WHERE invoice.school_id = p.school_id AND invoice.id = p.invoice_id
), judged AS (
  UPDATE notice SET verdict = v.verdict
    FROM unnest($30::bigint[], $31::bigint[], $32::text[]) AS v(school_id, id, verdict)
   WHERE notice.school_id = v.school_id AND notice.id = v.id
)
INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, notice_id, payment_id,
                       invoice_id, detail)
SELECT school_id, reason, identity, amount_vnd, business_date, notice_id, payment_id, invoice_id,
       detail::jsonb
  FROM unnest($33::bigint[], $34::text[], $35::text[], $36::bigint[], $37::date[], $38::bigint[],
              $39::bigint[], $40::bigint[], $41::text[])
       AS e(school_id, reason, identity, amount_vnd, business_date, notice_id, payment_id, invoice_id, detail)
ON CONFLICT DO NOTHING
"""


async def _write(db: Driver, fresh: Sequence[_Fresh], placements: dict[int, Placement]) -> None:
    """Everything the decisions come to, in one statement."""
    payments: list[tuple[object, ...]] = []
    postings: list[Posting] = []
    exceptions: list[tuple[object, ...]] = []
    paid: list[tuple[int, int, int]] = []
    judged: list[tuple[object, ...]] = []
    for one in fresh:
        placement = placements[one.notice_id]
        notice, school_id = one.incoming.notice, one.incoming.merchant.school_id
        if placement.verdict != _likely_verdict(notice):
            judged.append((school_id, one.notice_id, placement.verdict))
        if notice.outcome is not Outcome.PAID:
            continue
        payments.append(_payment_row(one, placement))
        postings += receive(_receipt(one, placement), one.incoming.merchant.books)
        paid += [(school_id, a.invoice_id, a.amount_vnd) for a in placement.allocations]
        exceptions += [_exception_row(one, placement, reason) for reason in placement.reasons]
    if payments or judged:
        await db.execute(
            WRITE,
            *_columns(payments, 14),
            *posting_arguments(postings),
            *_columns(paid, 3),
            *_columns(judged, 3),
            *_columns(exceptions, 9),
        )


def _payment_row(one: _Fresh, placement: Placement) -> tuple[object, ...]:
    notice, merchant = one.incoming.notice, one.incoming.merchant
    bank_account_id, _ = merchant.where(notice.payee_account)
    return (
        merchant.school_id,
        one.notice_id,
        merchant.merchant_account_id,
        bank_account_id if merchant.settlement == "direct" else None,
        placement.student_id,
        merchant.adapter,
        notice.amount_vnd,
        notice.paid_at,
        business_date(notice.paid_at),
        notice.content,
        notice.bank_transaction_id,
        placement.reference,
        placement.is_corrected,
        placement.suspense_reason,
    )


def _receipt(one: _Fresh, placement: Placement) -> Receipt:
    notice, merchant = one.incoming.notice, one.incoming.merchant
    return Receipt(
        school_id=merchant.school_id,
        journal_id=one.journal_id,
        payment_id=one.notice_id,
        asset_account_id=merchant.where(notice.payee_account)[1],
        amount_vnd=notice.amount_vnd,
        business_date=business_date(notice.paid_at),
        allocations=placement.allocations,
        credit_vnd=placement.credit_vnd,
        credit_student_id=placement.student_id,
        suspense_vnd=placement.suspense_vnd,
    )


def _exception_row(one: _Fresh, placement: Placement, reason: Reason) -> tuple[object, ...]:
    invoice_id = placement.allocations[0].invoice_id if placement.allocations else None
    return (
        one.incoming.merchant.school_id,
        reason,
        f"notice:{one.notice_id}",
        one.incoming.notice.amount_vnd,
        business_date(one.incoming.notice.paid_at),
        one.notice_id,
        one.notice_id,
        invoice_id,
        json.dumps({"corrected": list(one.corrected), "credit_vnd": placement.credit_vnd}),
    )


WRITE_CONFLICTS = """
WITH kept AS (
  INSERT INTO notice_conflict (school_id, notice_id, fingerprint, amount_vnd, raw)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[])
  ON CONFLICT (school_id, notice_id, fingerprint) DO NOTHING
)
INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, notice_id)
SELECT c.school_id, 'conflicting_duplicate', 'notice:' || c.notice_id || ':' || encode(c.fingerprint, 'hex'),
       c.amount_vnd, n.business_date, c.notice_id
  FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[]) AS c(school_id, notice_id, fingerprint, amount_vnd)
  JOIN notice n ON n.school_id = c.school_id AND n.id = c.notice_id
ON CONFLICT DO NOTHING
"""


async def _write_conflicts(db: Driver, conflicts: Sequence[tuple[Incoming, int]]) -> None:
    if conflicts:
        await db.execute(
            WRITE_CONFLICTS,
            *_columns(
                (
                    incoming.merchant.school_id,
                    notice_id,
                    incoming.notice.fingerprint(),
                    incoming.notice.amount_vnd,
                    incoming.raw,
                )
                for incoming, notice_id in conflicts
            ),
        )


def _columns(rows: Iterable[Sequence[object]], width: int = 0) -> list[list[object]]:
    """Rows turned into one list per column; `width` lists where there may be no row."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]
