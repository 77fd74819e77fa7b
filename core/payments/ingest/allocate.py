"""Where money goes: pure rules from what arrived and what its references point at to an allocation.

A reference read exactly allocates by itself. A corrected one does so only for an open invoice, at the
account that received the money, for exactly this amount. Several in one text allocate only where what
they name adds up to the amount. Everything else goes to suspense with its reason. Amount alone never
confirms anything: a whole school pays the same amount on the same day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.contract import VerdictKind
from core.exceptions.reasons import Reason
from core.ledger.postings import AllocationLine


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
class InboundMoney:
    """Money that arrived. `bank_account_id` is None where the account named is not the school's."""

    amount_vnd: int
    bank_account_id: int | None
    exact: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The decision: lines + credit + suspense = the amount. `reasons` become exceptions."""

    verdict: VerdictKind
    lines: tuple[AllocationLine, ...] = ()
    student_id: int | None = None
    credit_vnd: int = 0
    suspense_vnd: int = 0
    suspense_reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    reference: str | None = None
    is_corrected: bool = False


def allocate(money: InboundMoney, targets: Mapping[str, Target]) -> Allocation:
    """Decide where money goes. `targets` maps each reference known to the school to its target."""
    allocation = _by_references(money, targets)
    _require_whole(allocation, money.amount_vnd)
    return allocation


def _require_whole(allocation: Allocation, amount_vnd: int) -> None:
    """What no rule may break: the parts are the whole, and each has one place and one owner."""
    lines = allocation.lines
    parts_vnd = sum(line.amount_vnd for line in lines)
    parts_vnd += allocation.credit_vnd + allocation.suspense_vnd
    # a failed order may say any amount: none of it is ever booked
    assert parts_vnd == amount_vnd or amount_vnd < 0, "an allocation is the whole amount"
    assert all(line.amount_vnd > 0 for line in lines), "a line is money"
    assert len({line.invoice_id for line in lines}) == len(lines), "an invoice receives one line"
    assert allocation.student_id is not None or not allocation.credit_vnd, "credit is a pupil's"
    assert allocation.suspense_vnd in {0, amount_vnd}, "suspense takes all of it or nothing"
    assert allocation.suspense_reason or not allocation.suspense_vnd, "suspense has a reason"


def _by_references(money: InboundMoney, targets: Mapping[str, Target]) -> Allocation:
    if money.bank_account_id is None:
        return _suspend(money, Reason.WRONG_ACCOUNT, VerdictKind.WRONG_ACCOUNT)
    known = [reference for reference in money.exact if reference in targets]
    near = [reference for reference in money.corrected if reference in targets]
    if near:
        return _with_corrected(money, known, near, targets)
    if len(known) == 1:
        return _to_target(money, known[0], targets[known[0]])
    if known:
        return _to_several(money, [targets[reference] for reference in known])
    return _suspend(money, Reason.UNKNOWN_REFERENCE, VerdictKind.UNKNOWN_REFERENCE)


def expected_vnd(target: InvoiceTarget) -> int:
    """What was asked for: the checkout's amount, else what is open, else the invoice's total."""
    return target.asked_vnd or target.invoice.open_vnd or target.invoice.total_vnd


def _with_corrected(
    money: InboundMoney, known: Sequence[str], near: Sequence[str], targets: Mapping[str, Target]
) -> Allocation:
    """Beside a corrected reading everything must agree: then it counts as much as the exact ones.

    Where it does not, the exact readings alone may still name precisely this amount.
    """
    named = [targets[reference] for reference in (*known, *near)]
    if all(isinstance(targets[reference], InvoiceTarget) for reference in near):
        for invoices in _readings(named):
            if _adds_up(money, invoices):
                alone = near[0] if len(named) == 1 else None
                return _in_full(money, invoices, reference=alone, is_corrected=True)
    exact = _open_invoices([targets[reference] for reference in known])
    if _adds_up(money, exact):
        return _in_full(money, exact, reference=known[0] if len(known) == 1 else None)
    if known:
        return _suspend(money, Reason.AMOUNT_MISMATCH, VerdictKind.AMOUNT_DIFFERS)
    return _suspend(money, Reason.UNKNOWN_REFERENCE, VerdictKind.UNKNOWN_REFERENCE)


def _open_invoices(targets: Sequence[Target]) -> list[OpenInvoice]:
    """What these targets still owe, each invoice once: those named by themselves before a pupil's rest."""
    by_itself = [target.invoice for target in targets if isinstance(target, InvoiceTarget)]
    of_pupils = [
        invoice
        for target in targets
        if isinstance(target, StudentTarget)
        for invoice in target.invoices
    ]
    invoices = {invoice.invoice_id: invoice for invoice in (*by_itself, *of_pupils)}
    return [one for one in invoices.values() if not one.is_cancelled and one.open_vnd > 0]


def _readings(targets: Sequence[Target]) -> Iterator[list[OpenInvoice]]:
    """What several references may mean: the invoices named by themselves, or these and all else that is owed.

    The first only where the text names no other pupil who owes something too.
    """
    named = [target for target in targets if isinstance(target, InvoiceTarget)]
    owners = {target.invoice.student_id for target in named}
    others = [
        target
        for target in targets
        if isinstance(target, StudentTarget) and target.student_id not in owners
    ]
    if not _open_invoices(others):
        yield _open_invoices(named)
    yield _open_invoices(targets)


def _adds_up(money: InboundMoney, invoices: Sequence[OpenInvoice]) -> bool:
    """Whether these invoices, all of the account that received the money, come to exactly its amount."""
    return sum(invoice.open_vnd for invoice in invoices) == money.amount_vnd and all(
        invoice.bank_account_id == money.bank_account_id for invoice in invoices
    )


def _in_full(
    money: InboundMoney,
    invoices: Sequence[OpenInvoice],
    *,
    reference: str | None = None,
    is_corrected: bool = False,
) -> Allocation:
    """Invoices that come to the amount, each settled in full."""
    students = {invoice.student_id for invoice in invoices}
    astray = any(invoice.bank_account_id != money.bank_account_id for invoice in invoices)
    return Allocation(
        verdict=VerdictKind.RECORDED,
        lines=_filled(invoices, money.amount_vnd),
        student_id=students.pop() if len(students) == 1 else None,
        reasons=(Reason.WRONG_ACCOUNT,) if astray else (),
        reference=reference,
        is_corrected=is_corrected,
    )


def _suspend(
    money: InboundMoney, reason: Reason, verdict: VerdictKind, reference: str | None = None
) -> Allocation:
    return Allocation(
        verdict=verdict,
        suspense_vnd=money.amount_vnd,
        suspense_reason=reason,
        reasons=(reason,),
        reference=reference,
    )


def _to_target(money: InboundMoney, reference: str, target: Target) -> Allocation:
    if isinstance(target, InvoiceTarget):
        return _to_invoice(money, reference, target)
    return _to_student(money, reference, target)


def _to_invoice(money: InboundMoney, reference: str, target: InvoiceTarget) -> Allocation:
    invoice = target.invoice
    if invoice.is_cancelled:
        return _suspend(money, Reason.CLOSED_INVOICE, VerdictKind.UNKNOWN_REFERENCE, reference)
    settled_vnd = min(invoice.open_vnd, money.amount_vnd)
    differs = money.amount_vnd != expected_vnd(target)
    reasons: list[Reason] = []
    if invoice.open_vnd == 0:
        reasons.append(Reason.DUPLICATE_PAYMENT)
    elif differs or settled_vnd < money.amount_vnd:
        reasons.append(Reason.AMOUNT_MISMATCH)
    if invoice.bank_account_id != money.bank_account_id:
        reasons.append(Reason.WRONG_ACCOUNT)
    if differs:
        verdict = VerdictKind.AMOUNT_DIFFERS
    elif invoice.open_vnd == 0:
        verdict = VerdictKind.ALREADY_PAID
    else:
        verdict = VerdictKind.RECORDED
    return Allocation(
        verdict=verdict,
        lines=_filled([invoice], money.amount_vnd),
        student_id=invoice.student_id,
        credit_vnd=money.amount_vnd - settled_vnd,
        reasons=tuple(reasons),
        reference=reference,
    )


def _to_student(
    money: InboundMoney, reference: str | None, target: StudentTarget, *, first: Sequence[int] = ()
) -> Allocation:
    """Oldest due first, but what is payable to the account that received the money before the rest.

    `first`: invoices that the text named besides; they go before all others.
    """
    due = sorted(
        (i for i in target.invoices if not i.is_cancelled and i.open_vnd > 0),
        key=lambda i: (
            i.invoice_id not in first,
            i.bank_account_id != money.bank_account_id,
            i.due_on,
            i.invoice_id,
        ),
    )
    lines = _filled(due, money.amount_vnd)
    credit_vnd = money.amount_vnd - sum(line.amount_vnd for line in lines)
    reasons: tuple[Reason, ...] = ()
    settled = due[: len(lines)]
    if not due:
        reasons = (Reason.DUPLICATE_PAYMENT,)
    elif credit_vnd:
        reasons = (Reason.AMOUNT_MISMATCH,)
    if any(invoice.bank_account_id != money.bank_account_id for invoice in settled):
        reasons = (*reasons, Reason.WRONG_ACCOUNT)
    return Allocation(
        verdict=VerdictKind.RECORDED if due else VerdictKind.ALREADY_PAID,
        lines=lines,
        student_id=target.student_id,
        credit_vnd=credit_vnd,
        reasons=reasons,
        reference=reference,
    )


def _to_several(money: InboundMoney, targets: Sequence[Target]) -> Allocation:
    """Several references in one text: only where open amounts sum exactly to what arrived.

    The invoices named by themselves, else these and all that the named pupils owe. What was paid or
    cancelled before owes nothing. One pupil's standing reference beside invoices of the same pupil
    leaves no doubt whose money it is: it then fills those invoices first, and the rest as ever.
    """
    for invoices in _readings(targets):
        if sum(invoice.open_vnd for invoice in invoices) == money.amount_vnd:
            return _in_full(money, invoices)
    named = [target.invoice for target in targets if isinstance(target, InvoiceTarget)]
    pupils = [target for target in targets if isinstance(target, StudentTarget)]
    if len(pupils) == 1 and {invoice.student_id for invoice in named} == {pupils[0].student_id}:
        return _to_student(money, None, pupils[0], first=[one.invoice_id for one in named])
    return _suspend(money, Reason.AMOUNT_MISMATCH, VerdictKind.AMOUNT_DIFFERS)


def _filled(invoices: Sequence[OpenInvoice], amount_vnd: int) -> tuple[AllocationLine, ...]:
    """Fill invoices in the order given, none beyond what is open."""
    left_vnd = amount_vnd
    made: list[AllocationLine] = []
    for invoice in invoices:
        part_vnd = min(left_vnd, invoice.open_vnd)
        if part_vnd > 0:
            made.append(AllocationLine(invoice.invoice_id, invoice.student_id, part_vnd))
            left_vnd -= part_vnd
    return tuple(made)
