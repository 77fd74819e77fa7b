"""camt.054: a bank says what came in before its statement proves it. Told like a push, never a statement.

A notification states no balance, so it can prove no day and never becomes statement lines. Its credits
are notices through a merchant account of their own (`core.merchants.service.open_notifications`): the
statement's line then only confirms the payment, and where the statement came first, or a provider's
push, the notification confirms that one (`core.payments.ingest.deduplicate`, by the bank's own number). An entry
without a number of its own (AcctSvcrRef) could be counted twice and is left for the statement; so is
every debit: money that left is booked from a statement only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time

from adapters.contract import FileError, Notice, Outcome, Statement, StatementLine
from adapters.statements.camt import is_camt, read_document
from adapters.wire import VIETNAM
from core.identity.audit import audit
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation
from core.kit.text import compact
from core.merchants.directory import Merchant, notification_merchants
from core.merchants.service import open_notifications
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import Recorded, ingest_notices
from reconciliation.statements.imports import number_of

LAYOUT = "camt.054"
_NOTHING = Recorded((), frozenset(), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationPreview:
    """What a camt.054 holds for one bank account. Amounts in VND.

    `credits` become notices; `without_id` and `debits` wait for the statement, as `unreadable` does.
    """

    account_number: str
    credits: tuple[StatementLine, ...]
    credit_vnd: int
    without_id: int
    debits: int
    unreadable: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """What became of a camt.054: `new` payments, `confirmed` money that was booked before, `known`
    notices seen before, `conflicts` with one of the same number, and what was left for the statement."""

    new: int
    confirmed: int
    known: int
    conflicts: int
    left: int


def is_notification(data: bytes) -> bool:
    """Whether a file is a camt.054, by its first elements."""
    if not is_camt(data):
        return False
    try:
        return read_document(data)[0].layout == LAYOUT
    except FileError:
        return False


async def preview_notifications(
    db: Driver, school_id: int, bank_account_id: int, data: bytes
) -> NotificationPreview:
    """Read a camt.054 and say what it would do; nothing is written.

    Raises Problem: 404 for an unknown bank account, 422 when the file cannot be read.
    """
    number = await number_of(db, school_id, bank_account_id)
    try:
        statements = read_document(data)
    except FileError as error:
        raise Problem(
            error.code,
            vi=f"Không đọc được tệp báo có: {error.detail}.",
            en=f"The notification cannot be read ({error.code}).",
            status=422,
        ) from error
    lines = [line for statement in statements for line in statement.lines]
    credits_in = [line for line in lines if line.credit_vnd]
    # a number that stands twice in a file is of a batch, not of one transfer
    numbers = Counter(compact(line.bank_transaction_id) for line in credits_in)
    told = tuple(
        line
        for line in credits_in
        if (own := compact(line.bank_transaction_id)) and numbers[own] == 1
    )
    return NotificationPreview(
        account_number=number,
        credits=told,
        credit_vnd=sum(line.credit_vnd for line in told),
        without_id=len(credits_in) - len(told),
        debits=len(lines) - len(credits_in),
        unreadable=sum(len(statement.unreadable) for statement in statements),
        faults=_faults(statements, number, told),
    )


def _faults(
    statements: tuple[Statement, ...], number: str, told: tuple[StatementLine, ...]
) -> tuple[Fault, ...]:
    faults = [
        Fault(
            code="other_account",
            vi=f"Tệp báo có là của tài khoản {found}, không phải {number}.",
            en=f"The notification is of account {found}, not {number}.",
            value=found,
        )
        for statement in statements
        if (found := compact(statement.account_number)) not in {"", compact(number)}
    ]
    today = business_date(now_utc())
    faults += [
        Fault(
            code="future_date",
            vi="Ngày giao dịch ở tương lai.",
            en="The transaction date lies in the future.",
            row=line.row,
            value=f"{line.posted_on:%d/%m/%Y}",
        )
        for line in told
        if line.posted_on > today
    ]
    return tuple(faults)


async def import_notifications(
    db: Driver, school_id: int, bank_account_id: int, data: bytes, *, actor: str
) -> Notified:
    """Record the credits of a camt.054 as notices; the same file again changes nothing.

    Raises Problem: as `preview_notifications`, and 422 with every fault when the file is refused.
    """
    await lock_reconciliation(db, school_id)
    read = await preview_notifications(db, school_id, bank_account_id, data)
    if read.faults:
        raise Problem(
            read.faults[0].code,
            vi=f"Tệp báo có bị từ chối: {read.faults[0].vi}",
            en=f"The notification was refused: {read.faults[0].en}",
            status=422,
            faults=read.faults,
        )
    await open_notifications(db, school_id, bank_account_id)
    merchant = (await notification_merchants(db, school_id))[bank_account_id]
    arrived = [_inbound(line, merchant, read.account_number) for line in read.credits]
    recorded = await ingest_notices(db, arrived) if arrived else _NOTHING
    conflicts = sum(verdict.kind == "conflict" for verdict in recorded.verdicts)
    known = sum(verdict.duplicate for verdict in recorded.verdicts)
    notified = Notified(
        new=len(read.credits) - conflicts - known - len(recorded.confirmed),
        confirmed=len(recorded.confirmed),
        known=known,
        conflicts=conflicts,
        left=read.without_id + read.debits + read.unreadable,
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="notification.imported",
        subject=f"bank_account:{bank_account_id}",
        detail={
            "sha256": hashlib.sha256(data).hexdigest(),
            "new": notified.new,
            "confirmed": notified.confirmed,
            "known": notified.known,
            "conflicts": notified.conflicts,
            "left": notified.left,
        },
    )
    return notified


def _inbound(line: StatementLine, merchant: Merchant, number: str) -> InboundNotice:
    """A credit as a notice, known by the bank's number. It gives a day only: noon keeps it on that day."""
    notice = Notice(
        transaction_id=f"{line.posted_on:%Y%m%d}:{compact(line.bank_transaction_id)}",
        outcome=Outcome.PAID,
        amount_vnd=line.credit_vnd,
        paid_at=_noon(line.posted_on),
        content=line.content,
        payee_account=number,
        bank_transaction_id=line.bank_transaction_id,
    )
    raw = json.dumps({"camt.054": line.cells}, ensure_ascii=False)
    return InboundNotice(merchant, notice, raw.encode())


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), VIETNAM)
