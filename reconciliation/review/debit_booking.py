"""Booking a line of money that left a bank account as what it was, by a person.

A fee of the bank, money collected on behalf of others and paid on to them, or a transfer to another
account of the school. Each booking is a journal of its own on the line's day, kept with the line, so
that the day's proof stays whole; taking it back is the journal's reversal. Neither text nor amount
ever books a line by itself. Amounts in VND.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from core.exceptions.details import ExceptionDetail
from core.exceptions.resolutions import Resolution
from core.exceptions.service import reopen, resolve
from core.identity.audit import audit
from core.kit.database import Command, Driver
from core.kit.locks import lock_reconciliation
from core.ledger.postings import Event, Posting
from core.ledger.service import account_of, next_journals, open_day, post, reverse_journal
from reconciliation.review.debits import (
    MAX_TOGETHER,
    DebitLine,
    OnBehalf,
    debit_of,
    debits_of,
    on_behalf_of,
)
from reconciliation.review.errors import (
    BeyondCollectedError,
    DebitNotBookedError,
    DebitResolvedError,
    DebitSelectionSizeError,
    NoPartsError,
    NoSuchDebitError,
    PartsDifferError,
)
from reconciliation.review.locking import LOCK_EXCEPTIONS
from reconciliation.review.notes import require_note

MAX_MEMO: Final = 200
BOOKING: Final = ("journal_id", "rule")
"""What an exception's detail keeps of its booking, until it is taken back."""


class DebitRule(StrEnum):
    """What a debit can be booked as."""

    BANK_FEE = "bank_fee"
    PAID_ON = "paid_on"
    OWN_TRANSFER = "own_transfer"


EVENTS: Final[Mapping[DebitRule, Event]] = {
    DebitRule.BANK_FEE: Event.BANK_FEE,
    DebitRule.PAID_ON: Event.PAID_ON,
    DebitRule.OWN_TRANSFER: Event.OWN_TRANSFER,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """What a ledger account takes of a line, VND."""

    account_id: int
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _DebitBooking:
    """Lines booked as one thing. `name`: how the result's hash names it.

    parts: line -> what it is debited to. beyond: codes of the fee items of which more is paid on than was
    collected.
    """

    rule: DebitRule
    lines: Sequence[DebitLine]
    parts: Mapping[int, Sequence[_Part]]
    name: str
    actor: str
    note: str
    beyond: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        assert all(
            sum(part.amount_vnd for part in self.parts[line.line_id]) == line.amount_vnd
            for line in self.lines
        ), "a line is booked to the đồng"


async def book_bank_fees(
    db: Driver, school_id: int, exception_ids: Sequence[int], *, actor: str, note: str = ""
) -> int:
    """Book each of these lines as a fee of the bank, all or none; their sum in VND.

    Raises NoSuchDebitError, DebitResolvedError where one is resolved, explained by a refund or booked,
    DebitSelectionSizeError for none or more than MAX_TOGETHER.
    """
    wanted = sorted(set(exception_ids))
    if not 1 <= len(wanted) <= MAX_TOGETHER:
        raise DebitSelectionSizeError(MAX_TOGETHER)
    lines = await _open_lines(db, school_id, wanted)
    fee_id = await account_of(db, school_id, "bank_fee")
    booking = _DebitBooking(
        rule=DebitRule.BANK_FEE,
        lines=lines,
        parts={line.line_id: [_Part(fee_id, line.amount_vnd)] for line in lines},
        name="bank_fee",
        actor=actor,
        note=note,
    )
    await _book(db, school_id, booking)
    return sum(line.amount_vnd for line in lines)


async def book_own_transfer(
    db: Driver, school_id: int, exception_id: int, *, actor: str, note: str = ""
) -> None:
    """Book a line as money on its way to another account of the school, treasury included.

    Raises NoSuchDebitError, DebitResolvedError.
    """
    lines = await _open_lines(db, school_id, [exception_id])
    transit_id = await account_of(db, school_id, "in_transit")
    booking = _DebitBooking(
        rule=DebitRule.OWN_TRANSFER,
        lines=lines,
        parts={line.line_id: [_Part(transit_id, line.amount_vnd)] for line in lines},
        name="own_transfer",
        actor=actor,
        note=note,
    )
    await _book(db, school_id, booking)


async def book_paid_on(
    db: Driver,
    school_id: int,
    exception_id: int,
    amounts_vnd: Mapping[int, int],
    *,
    actor: str,
    note: str = "",
    is_beyond: bool = False,
) -> None:
    """Book a line as money paid on to those on whose behalf it was collected.

    `amounts_vnd`: fee item -> its part, VND; the parts are the line's amount. `is_beyond`: a person confirms,
    with a note, that more of an item is paid on than pupils have paid. Raises NoPartsError (also for an
    item not collected on behalf), PartsDifferError, BeyondCollectedError, NoSuchDebitError,
    DebitResolvedError.
    """
    lines = await _open_lines(db, school_id, [exception_id])
    given = {item: amount_vnd for item, amount_vnd in sorted(amounts_vnd.items()) if amount_vnd}
    items = {one.fee_item_id: one for one in await on_behalf_of(db, school_id)}
    _check_parts(given, items, lines[0].amount_vnd)
    beyond = [
        items[item].code
        for item, amount_vnd in given.items()
        if amount_vnd > items[item].outstanding_vnd
    ]
    if beyond and not (is_beyond and note.strip()):
        raise BeyondCollectedError(beyond)
    parts = [_Part(items[item].ledger_account_id, vnd) for item, vnd in given.items()]
    name = "paid_on:" + ";".join(sorted(f"{items[item].code}={vnd}" for item, vnd in given.items()))
    booking = _DebitBooking(
        rule=DebitRule.PAID_ON,
        lines=lines,
        parts={lines[0].line_id: parts},
        name=name,
        actor=actor,
        note=note,
        beyond=beyond,
    )
    await _book(db, school_id, booking)


def _check_parts(given: Mapping[int, int], items: Mapping[int, OnBehalf], amount_vnd: int) -> None:
    if not given or given.keys() - items.keys() or min(given.values()) < 0:
        raise NoPartsError
    if sum(given.values()) != amount_vnd:
        raise PartsDifferError


DROP_LINE_JOURNAL = Command(
    "DELETE FROM line_journal WHERE school_id = $1 AND statement_line_id = $2"
)


async def undo_debit(
    db: Driver, school_id: int, exception_id: int, *, actor: str, reason: str
) -> None:
    """Take a booking back: its journal is reversed on its day, the line is unexplained again.

    Where that day is closed, the reversal is dated the first open one. Raises as `require_note`,
    NoSuchDebitError, DebitNotBookedError.
    """
    why = require_note(reason)
    await lock_reconciliation(db, school_id)
    line = await debit_of(db, school_id, exception_id)
    if (
        line.rule not in set(DebitRule)
        or line.journal_id is None
        or line.booked_on is None
        or line.is_open
    ):
        raise DebitNotBookedError
    await reverse_journal(db, school_id, line.journal_id, line.booked_on, why)
    await db.execute(DROP_LINE_JOURNAL, school_id, line.line_id)
    await reopen(db, school_id, [exception_id], note=why, dropping=BOOKING)
    await audit(
        db,
        school_id,
        actor=actor,
        action="debit.undone",
        subject=f"exception:{exception_id}",
        detail={"before": line.rule, "after": None, "journal_id": line.journal_id},
    )


async def _open_lines(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[DebitLine, ...]:
    """These lines, free to be booked; reconciliations and other people wait for the caller's transaction."""
    await lock_reconciliation(db, school_id)
    await db.execute(LOCK_EXCEPTIONS, school_id, list(exception_ids))
    lines = await debits_of(db, school_id, exception_ids)
    if len(lines) != len(exception_ids):
        raise NoSuchDebitError
    if any(not line.is_open or line.is_refund or line.rule for line in lines):
        raise DebitResolvedError
    return lines


WRITE_LINE_JOURNALS = Command("""
INSERT INTO line_journal (school_id, statement_line_id, journal_id, booked_on, rule, evidence, booked_by)
SELECT $1, *, $5, $6::jsonb, $7 FROM unnest($2::bigint[], $3::bigint[], $4::date[])
""")


async def _book(db: Driver, school_id: int, booking: _DebitBooking) -> None:
    """Post a journal per line, keep it with the line, and close the exceptions."""
    lines, note = booking.lines, booking.note.strip()
    first_open = await open_day(db, school_id, date.min)
    days = {line.line_id: max(line.posted_on, first_open) for line in lines}
    numbers = await next_journals(db, len(lines))
    journals = {line.line_id: number for line, number in zip(lines, numbers, strict=True)}
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=journals[line.line_id],
                kind=EVENTS[booking.rule],
                debit_account_id=part.account_id,
                credit_account_id=line.ledger_account_id,
                amount_vnd=part.amount_vnd,
                business_date=days[line.line_id],
                memo=note[:MAX_MEMO] or line.content[:MAX_MEMO],
            )
            for line in lines
            for part in booking.parts[line.line_id]
        ],
    )
    await db.execute(
        WRITE_LINE_JOURNALS,
        school_id,
        list(journals),
        list(journals.values()),
        list(days.values()),
        booking.rule,
        json.dumps({"name": booking.name, "beyond": list(booking.beyond)}),
        booking.actor,
    )
    await resolve(
        db,
        school_id,
        [line.exception_id for line in lines],
        Resolution.BOOKED,
        actor=booking.actor,
        note=note,
        details={
            line.exception_id: ExceptionDetail(journal_id=journals[line.line_id], rule=booking.rule)
            for line in lines
        },
    )
    await _audit(db, school_id, booking, journals)


async def _audit(
    db: Driver, school_id: int, booking: _DebitBooking, journals: Mapping[int, int]
) -> None:
    lines = booking.lines
    await audit(
        db,
        school_id,
        actor=booking.actor,
        action="debit.booked",
        subject=f"exception:{lines[0].exception_id}" if len(lines) == 1 else "exceptions",
        detail={
            "before": None,
            "after": booking.name,
            "exceptions": [str(line.exception_id) for line in lines],
            "journals": [str(journal_id) for journal_id in journals.values()],
            "amount_vnd": sum(line.amount_vnd for line in lines),
            "beyond_collected": list(booking.beyond),
        },
    )
