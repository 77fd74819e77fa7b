"""Recording notices: many at once, in the caller's transaction, each counted exactly once.

A handful of set-based statements whatever the number of notices: insert them (the database decides who
is first), set aside what another channel reported before (`deduplicate`), lock the invoices they point
at, decide by the pure rules of `allocate`, then `write` payments, transfers, invoice totals and
exceptions together. Design: docs/adr/0003. It must never acknowledge anything: that happens after the
caller's commit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from adapters import LOOKUP
from adapters.contract import Verdict, VerdictKind
from core.kit.columns import Columns, first_parameters
from core.kit.database import Driver, Query
from core.kit.reference import is_reference
from core.ledger.postings import JOURNAL_NUMBERS
from core.payments.ingest.allocate import (
    Allocation,
    InboundMoney,
    InvoiceTarget,
    OpenInvoice,
    StudentTarget,
    Target,
    allocate,
)
from core.payments.ingest.deduplicate import Confirmation, deduplicate
from core.payments.ingest.inbound import Identity, InboundNotice, NewNotice
from core.payments.ingest.write import (
    Conflict,
    Decision,
    clear_provisional,
    write_conflicts,
    write_decisions,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Verdicts in the order of the input, and the invoices that received money (school, invoice).

    `confirmed`: record id -> the payment that another channel had booked before.
    """

    verdicts: tuple[Verdict, ...]
    paid: frozenset[tuple[int, int]]
    confirmed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """What the database holds of a transaction."""

    school_id: int
    merchant_account_id: int
    transaction_id: str
    notice_id: int
    fingerprint: bytes
    verdict: VerdictKind

    @property
    def identity(self) -> Identity:
        """What makes the transaction the same one."""
        return (self.school_id, self.merchant_account_id, self.transaction_id)


async def ingest_notices(
    db: Driver, arrived: Sequence[InboundNotice], journals: Sequence[int] = ()
) -> Recorded:
    """Record every notice once and say what became of each.

    The caller opened a transaction on `db` and commits it before it answers anyone. `journals`: a new
    number for each, where the caller has taken them already.
    """
    first: dict[Identity, InboundNotice] = {}
    for inbound in arrived:
        first.setdefault(inbound.identity, inbound)
    decisions: list[Decision] = []
    confirmations: list[Confirmation] = []
    in_order = [first[identity] for identity in sorted(first)]
    numbers = journals or await db.fetch(JOURNAL_NUMBERS, len(in_order))
    async for undecided, confirming in deduplicate(db, in_order, numbers):
        decided = await _decide(db, undecided)
        await write_decisions(db, decided)
        decisions += decided
        confirmations += confirming

    stored = _stored_now(decisions, confirmations)
    new = set(stored)
    for known in await _read_stored(db, [identity for identity in first if identity not in new]):
        stored[known.identity] = known
    assert stored.keys() == first.keys(), "every transaction is in the database by now"
    verdicts, conflicts = _judge(arrived, stored, new)
    assert len(verdicts) == len(arrived), "every notice has a verdict"
    if conflicts:
        await write_conflicts(db, conflicts)
    signed_again = [
        (inbound.merchant.school_id, int(verdict.record_id))
        for inbound, verdict in zip(arrived, verdicts, strict=True)
        if verdict.duplicate and inbound.is_paid and not inbound.notice.is_provisional
    ]
    if signed_again:
        await clear_provisional(db, signed_again)
    return Recorded(
        verdicts=tuple(verdicts),
        paid=frozenset(
            (decision.new.inbound.merchant.school_id, line.invoice_id)
            for decision in decisions
            for line in decision.allocation.lines
        ),
        confirmed={str(one.new.notice_id): one.payment_id for one in confirmations},
    )


def _stored_now(
    decisions: Sequence[Decision], confirmations: Sequence[Confirmation]
) -> dict[Identity, StoredNotice]:
    """What this batch has stored, by transaction."""
    verdicts = [(one.new, one.allocation.verdict) for one in decisions]
    verdicts += [(one.new, one.verdict) for one in confirmations]
    return {
        new.inbound.identity: StoredNotice(
            *new.inbound.identity, new.notice_id, new.inbound.fingerprint, verdict
        )
        for new, verdict in verdicts
    }


def _judge(
    arrived: Sequence[InboundNotice],
    stored: Mapping[Identity, StoredNotice],
    unanswered: set[Identity],
) -> tuple[list[Verdict], list[Conflict]]:
    """Same transaction, same content: the same answer. Same transaction, other content: a conflict.

    The first of the notices that this batch inserted (`unanswered`) is the one that is no duplicate.
    """
    verdicts: list[Verdict] = []
    conflicts: list[Conflict] = []
    for inbound in arrived:
        known = stored[inbound.identity]
        if not _is_repeated(inbound, known.fingerprint):
            conflicts.append(Conflict(inbound, known.notice_id))
            verdicts.append(Verdict(kind=VerdictKind.CONFLICT, record_id=str(known.notice_id)))
            continue
        verdicts.append(
            Verdict(
                kind=known.verdict,
                record_id=str(known.notice_id),
                duplicate=inbound.identity not in unanswered,
            )
        )
        unanswered.discard(inbound.identity)
    return verdicts, conflicts


def _is_repeated(inbound: InboundNotice, fingerprint: bytes) -> bool:
    """Whether what is stored is this notice, or this notice as a settlement file reported it before."""
    if fingerprint == inbound.fingerprint:
        return True
    return fingerprint == dataclasses.replace(inbound.notice, is_reported=True).fingerprint()


IDENTITY: Final = Columns[Identity](
    ("school_id", "bigint", lambda identity: identity[0]),
    ("merchant_account_id", "bigint", lambda identity: identity[1]),
    ("transaction_id", "text", lambda identity: identity[2]),
)

STORED = Query(
    StoredNotice,
    f"""
SELECT n.school_id, n.merchant_account_id, n.transaction_id, n.id AS notice_id, n.fingerprint, n.verdict
  FROM {IDENTITY.rows("k")}
  JOIN notice n USING (school_id, merchant_account_id, transaction_id)
""",  # noqa: S608 - composed of constants of the tree
)


async def _read_stored(db: Driver, identities: Sequence[Identity]) -> list[StoredNotice]:
    """What was recorded before."""
    return await db.fetch(STORED, *IDENTITY.arrays(identities)) if identities else []


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a reference, a pupil's code or a checkout's name points at: an invoice, or a pupil's open ones.

    pupil_id: set where it is a pupil's. asked_vnd: what the checkout asked for. The invoice is None
    for a pupil who owes nothing.
    """

    school_id: int
    reference: str
    pupil_id: int | None
    asked_vnd: int | None
    invoice_id: int | None
    invoice_reference: str | None
    student_id: int | None
    bank_account_id: int | None
    total_vnd: int | None
    open_vnd: int | None
    due_on: date | None
    is_cancelled: bool

    def invoice(self) -> OpenInvoice | None:
        """The invoice that it points at, as it stands under its lock."""
        if (
            self.invoice_id is None
            or self.invoice_reference is None
            or self.student_id is None
            or self.bank_account_id is None
            or self.total_vnd is None
            or self.open_vnd is None
            or self.due_on is None
        ):  # all of them or none: the outer join found an invoice, or did not
            return None
        return OpenInvoice(
            invoice_id=self.invoice_id,
            reference=self.invoice_reference,
            student_id=self.student_id,
            bank_account_id=self.bank_account_id,
            total_vnd=self.total_vnd,
            open_vnd=self.open_vnd,
            due_on=self.due_on,
            is_cancelled=self.is_cancelled,
        )


REFERENCE: Final = Columns[tuple[int, str]](
    ("school_id", "bigint", lambda named: named[0]),
    ("reference", "text", lambda named: named[1]),
)
CHECKOUT: Final = Columns[Identity](
    ("school_id", "bigint", lambda named: named[0]),
    ("merchant_account_id", "bigint", lambda named: named[1]),
    ("merchant_reference", "text", lambda named: named[2]),
)
PUPIL_CODE: Final = Columns[tuple[int, str]](
    ("school_id", "bigint", lambda named: named[0]),
    ("code", "text", lambda named: named[1]),
)
_REFERENCES_AT, _CHECKOUTS_AT, _CODES_AT, _ = first_parameters(REFERENCE, CHECKOUT, PUPIL_CODE)

# Invoices behind references, checkouts, pupils' standing references and, where a bank's counter asked for
# them, the school's own codes of pupils; locked in id order. A pupil who owes nothing still answers.
LOCK_INVOICES = Query(
    Pointer,
    f"""
WITH pointer AS (
  SELECT i.school_id, i.reference, NULL::bigint AS pupil_id, i.id AS invoice_id, NULL::bigint AS asked_vnd
    FROM {REFERENCE.rows("r", _REFERENCES_AT)} JOIN invoice i USING (school_id, reference)
  UNION ALL
  SELECT s.school_id, s.reference, s.id, i.id, NULL::bigint
    FROM {REFERENCE.rows("r", _REFERENCES_AT)} JOIN student s USING (school_id, reference)
    LEFT JOIN invoice i ON i.school_id = s.school_id AND i.student_id = s.id
                       AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
  UNION ALL
  SELECT c.school_id, c.merchant_reference, NULL::bigint, c.invoice_id, c.amount_vnd
    FROM {CHECKOUT.rows("a", _CHECKOUTS_AT)} JOIN checkout c USING (school_id, merchant_account_id, merchant_reference)
  UNION ALL
  SELECT s.school_id, s.code, s.id, i.id, NULL::bigint
    FROM {PUPIL_CODE.rows("p", _CODES_AT)} JOIN student s USING (school_id, code)
    LEFT JOIN invoice i ON i.school_id = s.school_id AND i.student_id = s.id
                       AND i.paid_vnd < i.total_vnd AND i.cancelled_at IS NULL
), locked AS (
  SELECT i.* FROM invoice i
   WHERE (i.school_id, i.id) IN (SELECT school_id, invoice_id FROM pointer)
   ORDER BY i.school_id, i.id FOR UPDATE
)
SELECT p.school_id, p.reference, p.pupil_id, p.asked_vnd, i.id AS invoice_id, i.reference AS invoice_reference,
       i.student_id, i.bank_account_id, i.total_vnd, i.total_vnd - i.paid_vnd AS open_vnd, i.due_on,
       i.cancelled_at IS NOT NULL AS is_cancelled
  FROM pointer p LEFT JOIN locked i ON i.school_id = p.school_id AND i.id = p.invoice_id
 ORDER BY p.school_id, p.reference, i.id
""",  # noqa: S608 - composed of constants of the tree
)


async def _decide(db: Driver, new: Sequence[NewNotice]) -> list[Decision]:
    """Decide for every new notice, one after the other, over the locked invoices."""
    pointers = await _lock_invoices(db, new)
    invoices = {
        invoice.invoice_id: invoice for pointer in pointers if (invoice := pointer.invoice())
    }
    pointed: dict[tuple[int, str], list[Pointer]] = {}
    for pointer in pointers:
        pointed.setdefault((pointer.school_id, pointer.reference), []).append(pointer)
    decisions: list[Decision] = []
    for one in new:
        allocation = _allocation(one.inbound, _targets(one.inbound, pointed, invoices))
        decisions.append(Decision(one, allocation))
        for line in allocation.lines:
            known = invoices[line.invoice_id]
            invoices[line.invoice_id] = dataclasses.replace(
                known, open_vnd=known.open_vnd - line.amount_vnd
            )
    return decisions


async def _lock_invoices(db: Driver, new: Sequence[NewNotice]) -> list[Pointer]:
    references: set[tuple[int, str]] = set()
    checkouts: set[Identity] = set()
    codes: set[tuple[int, str]] = set()
    for one in new:
        inbound, merchant = one.inbound, one.inbound.merchant
        references |= {(merchant.school_id, text) for text in (*inbound.exact, *inbound.corrected)}
        if named := inbound.notice.merchant_reference:
            checkouts.add((merchant.school_id, merchant.merchant_account_id, named))
            if merchant.adapter in LOOKUP and not is_reference(named):
                codes.add((merchant.school_id, named))
    if not references and not checkouts:
        return []
    return await db.fetch(
        LOCK_INVOICES,
        *REFERENCE.arrays(sorted(references)),
        *CHECKOUT.arrays(sorted(checkouts)),
        *PUPIL_CODE.arrays(sorted(codes)),
    )


def _targets(
    inbound: InboundNotice,
    pointed: Mapping[tuple[int, str], Sequence[Pointer]],
    invoices: Mapping[int, OpenInvoice],
) -> dict[str, Target]:
    """What each reference of a notice points at in its own school, as the invoices stand by now."""
    targets: dict[str, Target] = {}
    for reference in (*inbound.exact, *inbound.corrected, inbound.notice.merchant_reference):
        for pointer in pointed.get((inbound.merchant.school_id, reference), ()):
            invoice = None if pointer.invoice_id is None else invoices[pointer.invoice_id]
            if pointer.pupil_id is not None:
                before = targets.get(reference)
                listed = before.invoices if isinstance(before, StudentTarget) else ()
                more = (invoice,) if invoice else ()
                targets[reference] = StudentTarget(pointer.pupil_id, (*listed, *more))
            elif pointer.asked_vnd is not None or reference not in targets:
                assert invoice is not None, "what is no pupil's points at an invoice"
                targets[reference] = InvoiceTarget(invoice, pointer.asked_vnd)
    return targets


def _allocation(inbound: InboundNotice, targets: Mapping[str, Target]) -> Allocation:
    """Where the money of a notice goes; nowhere, where there is none in it."""
    notice = inbound.notice
    exact, corrected = inbound.exact, inbound.corrected
    if notice.merchant_reference in targets:  # what we gave the provider names the invoice itself
        exact, corrected = (notice.merchant_reference,), ()
    allocation = allocate(
        InboundMoney(
            amount_vnd=notice.amount_vnd,
            bank_account_id=inbound.bank_account_id,
            exact=exact,
            corrected=corrected,
        ),
        targets,
    )
    named = targets.get(allocation.reference or "")
    if isinstance(named, InvoiceTarget) and named.invoice.reference != allocation.reference:
        # an order is called by its invoice, whatever we called it
        allocation = dataclasses.replace(allocation, reference=named.invoice.reference)
    if inbound.is_paid:
        return allocation
    # no money in it: some protocols still want to know that the order or its amount is not ours
    reported = {VerdictKind.UNKNOWN_REFERENCE, VerdictKind.AMOUNT_DIFFERS}
    if notice.merchant_reference and allocation.verdict in reported:
        return Allocation(verdict=allocation.verdict)
    return Allocation(verdict=VerdictKind.NOTED)
