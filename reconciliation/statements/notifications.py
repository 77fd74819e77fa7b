"""camt.054: a bank reports what came in before its statement proves it. Ingested like a push, never as a statement.

A notification states no balance, so it can prove no day and must never become statement lines. Its credits
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
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.locks import lock_reconciliation
from core.kit.text import compact
from core.kit.texts import msg
from core.merchants.directory import Merchant, notification_merchants
from core.merchants.service import open_notifications
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import Recorded, ingest_notices
from reconciliation.statements.errors import (
    RefusedNotificationError,
    UnreadableNotificationError,
)
from reconciliation.statements.imports import bank_account_number
from reconciliation.statements.reading import future_date

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
class ImportedNotifications:
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
    """Read a camt.054 and report what it would do; nothing is written.

    Raises BankAccountNotFoundError or UnreadableNotificationError.
    """
    number = await bank_account_number(db, school_id, bank_account_id)
    try:
        statements = read_document(data)
    except FileError as error:
        raise UnreadableNotificationError.unreadable(error) from error
    lines = [line for statement in statements for line in statement.lines]
    credits_in = [line for line in lines if line.credit_vnd]
    # a number that occurs twice in a file is of a batch, not of one transfer
    numbers = Counter(compact(line.bank_transaction_id) for line in credits_in)
    identified = tuple(
        line
        for line in credits_in
        if (own := compact(line.bank_transaction_id)) and numbers[own] == 1
    )
    return NotificationPreview(
        account_number=number,
        credits=identified,
        credit_vnd=sum(line.credit_vnd for line in identified),
        without_id=len(credits_in) - len(identified),
        debits=len(lines) - len(credits_in),
        unreadable=sum(len(statement.unreadable) for statement in statements),
        faults=_faults(statements, number, identified),
    )


def _faults(
    statements: tuple[Statement, ...], number: str, credits_in: tuple[StatementLine, ...]
) -> tuple[Fault, ...]:
    faults = [
        fault(
            "other_account",
            msg(
                "Tệp báo có là của tài khoản {found}, không phải {number}.",
                found=found,
                number=number,
            ),
            value=found,
        )
        for statement in statements
        if (found := compact(statement.account_number)) not in {"", compact(number)}
    ]
    today = business_date(now_utc())
    faults += [future_date(line) for line in credits_in if line.posted_on > today]
    return tuple(faults)


async def import_notifications(
    db: Driver, school_id: int, bank_account_id: int, data: bytes, *, actor: str
) -> ImportedNotifications:
    """Record the credits of a camt.054 as notices; the same file again changes nothing.

    Raises what `preview_notifications` does, and RefusedNotificationError with every fault.
    """
    await lock_reconciliation(db, school_id)
    read = await preview_notifications(db, school_id, bank_account_id, data)
    if read.faults:
        raise RefusedNotificationError.with_faults(read.faults)
    await open_notifications(db, school_id, bank_account_id)
    merchant = (await notification_merchants(db, school_id))[bank_account_id]
    notices = [_inbound(line, merchant, read.account_number) for line in read.credits]
    recorded = await ingest_notices(db, notices) if notices else _NOTHING
    conflicts = sum(verdict.kind == "conflict" for verdict in recorded.verdicts)
    known = sum(verdict.duplicate for verdict in recorded.verdicts)
    imported = ImportedNotifications(
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
            "new": imported.new,
            "confirmed": imported.confirmed,
            "known": imported.known,
            "conflicts": imported.conflicts,
            "left": imported.left,
        },
    )
    return imported


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
