"""Where money goes: pure rules from an arrival and what its references point at to a placement.

A reference read exactly allocates by itself. A corrected one does so only for an open invoice, at the
account that received the money, for exactly this amount. Everything else goes to suspense with its
reason. Amount alone never confirms anything: a whole school pays the same amount on the same day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from adapters.contract import VerdictKind
from gateway.ledger.postings import Allocation


class Reason(StrEnum):
    """Why a person must look: the allow-list of typed exceptions."""

    UNKNOWN_REFERENCE = "unknown_reference"
    AMOUNT_MISMATCH = "amount_mismatch"
    DUPLICATE_PAYMENT = "duplicate_payment"
    MISSING_IN_STATEMENT = "missing_in_statement"
    MISSING_NOTICE = "missing_notice"
    FEE_VARIANCE = "fee_variance"
    BATCH_TOTAL_MISMATCH = "batch_total_mismatch"
    REFUND_UNMATCHED = "refund_unmatched"
    CLOSED_INVOICE = "closed_invoice"
    WRONG_ACCOUNT = "wrong_account"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    UNREADABLE_LINE = "unreadable_line"
    UNEXPLAINED_DEBIT = "unexplained_debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvoice:
    """An invoice as the rules see it; `open_vnd` is what is still owed."""

    invoice_id: int
    reference: str
    student_id: int
    bank_account_id: int
    total_vnd: int
    open_vnd: int
    due_on: date
    is_cancelled: bool


@dataclass(frozen=True, slots=True)
class InvoiceTarget:
    """A reference (or a checkout that asked for `asked_vnd`) that points at one invoice."""

    invoice: OpenInvoice
    asked_vnd: int | None = None


@dataclass(frozen=True, slots=True)
class StudentTarget:
    """A student's standing reference and the student's open invoices."""

    student_id: int
    invoices: tuple[OpenInvoice, ...]


Target = InvoiceTarget | StudentTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Money that arrived. `bank_account_id` is None where the account named is not the school's."""

    amount_vnd: int
    bank_account_id: int | None
    exact: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The decision: allocations + credit + suspense = the amount. `reasons` become exceptions."""

    verdict: VerdictKind
    allocations: tuple[Allocation, ...] = ()
    student_id: int | None = None
    credit_vnd: int = 0
    suspense_vnd: int = 0
    suspense_reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    reference: str | None = None
    is_corrected: bool = False


def place(arrival: Arrival, targets: Mapping[str, Target]) -> Placement:
    """Decide where an arrival goes. `targets` maps each reference known to the school to its target."""
    if arrival.bank_account_id is None:
        return _suspend(arrival, Reason.WRONG_ACCOUNT, VerdictKind.WRONG_ACCOUNT)
    known = [reference for reference in arrival.exact if reference in targets]
    if len(known) == 1:
        return _to_target(arrival, known[0], targets[known[0]])
    if known:
        return _to_several(arrival, [targets[reference] for reference in known])
    near = [reference for reference in arrival.corrected if reference in targets]
    if len(near) == 1:
        target = targets[near[0]]
        if isinstance(target, InvoiceTarget) and _agrees(arrival, target.invoice):
            placed = _to_target(arrival, near[0], target)
            return _corrected(placed)
    return _suspend(arrival, Reason.UNKNOWN_REFERENCE, VerdictKind.UNKNOWN_REFERENCE)


def expected_vnd(target: InvoiceTarget) -> int:
    """What was asked for: the checkout's amount, else what is open, else the invoice's total."""
    return target.asked_vnd or target.invoice.open_vnd or target.invoice.total_vnd


def _agrees(arrival: Arrival, invoice: OpenInvoice) -> bool:
    return (
        not invoice.is_cancelled
        and invoice.bank_account_id == arrival.bank_account_id
        and invoice.open_vnd == arrival.amount_vnd
    )


def _corrected(placement: Placement) -> Placement:
    return Placement(
        verdict=placement.verdict,
        allocations=placement.allocations,
        student_id=placement.student_id,
        reasons=placement.reasons,
        reference=placement.reference,
        is_corrected=True,
    )


def _suspend(
    arrival: Arrival, reason: Reason, verdict: VerdictKind, reference: str | None = None
) -> Placement:
    return Placement(
        verdict=verdict,
        suspense_vnd=arrival.amount_vnd,
        suspense_reason=reason,
        reasons=(reason,),
        reference=reference,
    )


def _to_target(arrival: Arrival, reference: str, target: Target) -> Placement:
    if isinstance(target, InvoiceTarget):
        return _to_invoice(arrival, reference, target)
    return _to_student(arrival, reference, target)


def _to_invoice(arrival: Arrival, reference: str, target: InvoiceTarget) -> Placement:
    invoice = target.invoice
    if invoice.is_cancelled:
        return _suspend(arrival, Reason.CLOSED_INVOICE, VerdictKind.UNKNOWN_REFERENCE, reference)
    settled_vnd = min(invoice.open_vnd, arrival.amount_vnd)
    differs = arrival.amount_vnd != expected_vnd(target)
    reasons: list[Reason] = []
    if invoice.open_vnd == 0:
        reasons.append(Reason.DUPLICATE_PAYMENT)
    elif differs or settled_vnd < arrival.amount_vnd:
        reasons.append(Reason.AMOUNT_MISMATCH)
    if invoice.bank_account_id != arrival.bank_account_id:
        reasons.append(Reason.WRONG_ACCOUNT)
    if differs:
        verdict = VerdictKind.AMOUNT_DIFFERS
    elif invoice.open_vnd == 0:
        verdict = VerdictKind.ALREADY_PAID
    else:
        verdict = VerdictKind.RECORDED
    return Placement(
        verdict=verdict,
        allocations=_allocations([invoice], arrival.amount_vnd),
        student_id=invoice.student_id,
        credit_vnd=arrival.amount_vnd - settled_vnd,
        reasons=tuple(reasons),
        reference=reference,
    )


def _to_student(arrival: Arrival, reference: str, target: StudentTarget) -> Placement:
    """Oldest due first, but what is payable to the account that received the money before the rest."""
    due = sorted(
        (i for i in target.invoices if not i.is_cancelled and i.open_vnd > 0),
        key=lambda i: (i.bank_account_id != arrival.bank_account_id, i.due_on, i.invoice_id),
    )
    allocations = _allocations(due, arrival.amount_vnd)
    credit_vnd = arrival.amount_vnd - sum(a.amount_vnd for a in allocations)
    reasons: tuple[Reason, ...] = ()
    settled = due[: len(allocations)]
    if not due:
        reasons = (Reason.DUPLICATE_PAYMENT,)
    elif credit_vnd:
        reasons = (Reason.AMOUNT_MISMATCH,)
    if any(invoice.bank_account_id != arrival.bank_account_id for invoice in settled):
        reasons = (*reasons, Reason.WRONG_ACCOUNT)
    return Placement(
        verdict=VerdictKind.RECORDED if due else VerdictKind.ALREADY_PAID,
        allocations=allocations,
        student_id=target.student_id,
        credit_vnd=credit_vnd,
        reasons=reasons,
        reference=reference,
    )


def _to_several(arrival: Arrival, targets: Sequence[Target]) -> Placement:
    """Several references in one text: only where their open amounts sum exactly to what arrived."""
    invoices = {
        invoice.invoice_id: invoice
        for target in targets
        for invoice in ((target.invoice,) if isinstance(target, InvoiceTarget) else target.invoices)
        if not invoice.is_cancelled and invoice.open_vnd > 0
    }
    if sum(invoice.open_vnd for invoice in invoices.values()) != arrival.amount_vnd:
        return _suspend(arrival, Reason.AMOUNT_MISMATCH, VerdictKind.AMOUNT_DIFFERS)
    allocations = _allocations(list(invoices.values()), arrival.amount_vnd)
    students = {allocation.student_id for allocation in allocations}
    return Placement(
        verdict=VerdictKind.RECORDED,
        allocations=allocations,
        student_id=students.pop() if len(students) == 1 else None,
    )


def _allocations(invoices: Sequence[OpenInvoice], amount_vnd: int) -> tuple[Allocation, ...]:
    """Fill invoices in the order given, none beyond what is open."""
    left_vnd = amount_vnd
    made: list[Allocation] = []
    for invoice in invoices:
        part_vnd = min(left_vnd, invoice.open_vnd)
        if part_vnd > 0:
            made.append(Allocation(invoice.invoice_id, invoice.student_id, part_vnd))
            left_vnd -= part_vnd
    return tuple(made)
