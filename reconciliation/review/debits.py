"""The debit desk: a line of money that left a bank account, booked by a person as what it was.

A fee of the bank, money collected on behalf of others and paid on to them, or a transfer to another
account of the school. Each booking is a journal of its own on the line's day, kept with the line, so
that the day's proof stays whole; taking it back is the journal's reversal. Neither text nor amount
ever books a line by itself. Amounts in VND.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from core.exceptions.service import reopen, resolve
from core.identity.audit import audit
from core.kit.database import Driver
from core.kit.errors import Problem, not_found
from core.kit.locks import lock_reconciliation
from core.ledger.postings import Event, Posting
from core.ledger.service import account_of, open_day, post, reverse_journal
from reconciliation.review.notes import said

BOOKED: Final = "booked"
"""The resolution of an exception whose line or money is in the books by a person's word."""

BOOKING: Final = ("journal_id", "rule")
"""What an exception's detail keeps of its booking."""

BANK_FEE: Final = "bank_fee"
PAID_ON: Final = "paid_on"
OWN_TRANSFER: Final = "own_transfer"
RULES: Final = (BANK_FEE, PAID_ON, OWN_TRANSFER)
EVENTS: Final[Mapping[str, Event]] = {
    BANK_FEE: Event.BANK_FEE,
    PAID_ON: Event.PAID_ON,
    OWN_TRANSFER: Event.OWN_TRANSFER,
}
MAX_TOGETHER: Final = 500
"""Lines booked as bank fees at once, at most: what a person still looks through."""
MAX_MEMO: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitLine:
    """A debit line behind an exception. `rule`: how it is booked, None while it is not."""

    exception_id: int
    line_id: int
    identity: str
    account: str
    ledger_account_id: int
    posted_on: date
    amount_vnd: int
    content: str
    is_open: bool
    is_refund: bool
    rule: str | None
    journal_id: int | None
    booked_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalf:
    """A fee item collected on behalf of others: what pupils have paid of it and what was paid on, VND."""

    fee_item_id: int
    ledger_account_id: int
    code: str
    name: str
    collected_vnd: int
    paid_on_vnd: int

    @property
    def standing_vnd(self) -> int:
        """What is still to be paid on; below zero where more was paid on than came in."""
        return self.collected_vnd - self.paid_on_vnd


LINES = """
SELECT e.id AS exception_id, s.id AS line_id, s.identity, b.number AS account, l.id AS ledger_account_id,
       s.posted_on, s.debit_vnd AS amount_vnd, s.content, e.resolved_at IS NULL AS is_open,
       EXISTS (SELECT FROM refund r WHERE r.school_id = s.school_id AND r.statement_line_id = s.id)
         AS is_refund,
       j.rule, j.journal_id, j.booked_on
  FROM exception e
  JOIN statement_line s ON s.school_id = e.school_id AND s.id = e.statement_line_id
  JOIN bank_account b ON b.school_id = s.school_id AND b.id = s.bank_account_id
  JOIN ledger_account l ON l.school_id = s.school_id AND l.kind = 'bank'
                       AND l.bank_account_id = s.bank_account_id
  LEFT JOIN line_journal j ON j.school_id = s.school_id AND j.statement_line_id = s.id
 WHERE e.school_id = $1 AND e.reason = 'unexplained_debit' AND s.debit_vnd > 0
   AND ($2::bigint[] IS NULL OR e.id = ANY($2)) AND ($2 IS NOT NULL OR e.resolved_at IS NULL)
 ORDER BY s.posted_on, s.id LIMIT $3
"""

# Of an invoice paid in part the lines are settled in their order, as in the report of what was collected.
ON_BEHALF = """
WITH item AS (
  SELECT f.id AS fee_item_id, a.id AS ledger_account_id, f.code, f.name
    FROM fee_item f
    JOIN ledger_account a ON a.school_id = f.school_id AND a.kind = 'on_behalf' AND a.fee_item_id = f.id
   WHERE f.school_id = $1
), line AS (
  SELECT l.fee_item_id, l.amount_vnd, i.paid_vnd,
         sum(l.amount_vnd) OVER (PARTITION BY l.invoice_id ORDER BY l.line_no) - l.amount_vnd AS below_vnd
    FROM invoice_line l
    JOIN invoice i ON i.school_id = l.school_id AND i.id = l.invoice_id
   WHERE l.school_id = $1 AND i.cancelled_at IS NULL AND i.paid_vnd > 0
), collected AS (
  SELECT fee_item_id, sum(greatest(0, least(amount_vnd, paid_vnd - below_vnd)))::bigint AS vnd
    FROM line GROUP BY 1
), given AS (
  SELECT t.debit_account_id AS ledger_account_id, sum(t.amount_vnd)::bigint AS vnd
    FROM transfer t
   WHERE t.school_id = $1 AND t.kind = 'paid_on'
     AND NOT EXISTS (SELECT FROM transfer r WHERE r.school_id = t.school_id AND r.reverses_id = t.id)
   GROUP BY 1
)
SELECT item.*, coalesce(c.vnd, 0) AS collected_vnd, coalesce(g.vnd, 0) AS paid_on_vnd
  FROM item LEFT JOIN collected c USING (fee_item_id) LEFT JOIN given g USING (ledger_account_id)
 ORDER BY item.code
"""


async def debit_of(db: Driver, school_id: int, exception_id: int) -> DebitLine:
    """The debit line of an exception, booked or not. Raises Problem (404) when there is none."""
    found = await _lines(db, school_id, [exception_id])
    if not found:
        raise not_found("khoản tiền ra này", "debit line")
    return found[0]


async def open_debits(db: Driver, school_id: int) -> tuple[DebitLine, ...]:
    """Debit lines that nobody has explained yet, the oldest first, MAX_TOGETHER at most."""
    return await _lines(db, school_id, None)


async def _lines(
    db: Driver, school_id: int, exception_ids: Sequence[int] | None
) -> tuple[DebitLine, ...]:
    ids = None if exception_ids is None else list(exception_ids)
    rows = await db.raw.fetch(LINES, school_id, ids, MAX_TOGETHER)
    return tuple(DebitLine(**dict(row)) for row in rows)


async def on_behalf_of(db: Driver, school_id: int) -> tuple[OnBehalf, ...]:
    """Every fee item that the school collects on behalf of others, and what stands of it."""
    rows = await db.raw.fetch(ON_BEHALF, school_id)
    return tuple(OnBehalf(**dict(row)) for row in rows)


async def book_bank_fees(
    db: Driver, school_id: int, exception_ids: Sequence[int], *, actor: str, note: str = ""
) -> int:
    """Book each of these lines as a fee of the bank, all or none; their sum in VND.

    Raises Problem: 404 for an exception that is no debit line, 409 when one is resolved, explained by
    a refund or booked, 422 for none or more than MAX_TOGETHER.
    """
    wanted = sorted(set(exception_ids))
    if not 1 <= len(wanted) <= MAX_TOGETHER:
        raise Problem(
            "bad_selection",
            vi=f"Hãy chọn từ 1 đến {MAX_TOGETHER} khoản.",
            en=f"Choose 1 to {MAX_TOGETHER} lines.",
            status=422,
        )
    lines = await _open_lines(db, school_id, wanted)
    fee_id = await account_of(db, school_id, "bank_fee")
    parts = [[(fee_id, line.amount_vnd)] for line in lines]
    await _book(db, school_id, BANK_FEE, lines, parts, "bank_fee", actor=actor, note=note)
    return sum(line.amount_vnd for line in lines)


async def book_own_transfer(
    db: Driver, school_id: int, exception_id: int, *, actor: str, note: str = ""
) -> None:
    """Book a line as money on its way to another account of the school, treasury included.

    Raises Problem as `book_bank_fees` does.
    """
    lines = await _open_lines(db, school_id, [exception_id])
    transit_id = await account_of(db, school_id, "in_transit")
    parts = [[(transit_id, line.amount_vnd)] for line in lines]
    await _book(db, school_id, OWN_TRANSFER, lines, parts, "own_transfer", actor=actor, note=note)


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

    `amounts_vnd`: fee item -> its part, VND; the parts are the line's amount. `is_beyond`: a person says,
    with a note, that more of an item is paid on than pupils have paid. Raises Problem: 422 for a wrong
    sum, an item not collected on behalf or a missing note, 409 for more than stands; and as
    `book_bank_fees` does.
    """
    lines = await _open_lines(db, school_id, [exception_id])
    given = {item: amount_vnd for item, amount_vnd in amounts_vnd.items() if amount_vnd}
    items = {one.fee_item_id: one for one in await on_behalf_of(db, school_id)}
    if not given or given.keys() - items.keys() or min(given.values()) < 0:
        raise Problem(
            "bad_parts",
            vi="Hãy ghi số tiền cho ít nhất một khoản thu hộ.",
            en="Give an amount to at least one item collected on behalf.",
            status=422,
        )
    if sum(given.values()) != lines[0].amount_vnd:
        raise Problem(
            "parts_differ",
            vi="Các phần phải cộng đúng bằng khoản tiền ra.",
            en="The parts must add up to the line's amount.",
            status=422,
        )
    beyond = [
        items[item].code
        for item, amount_vnd in sorted(given.items())
        if amount_vnd > items[item].standing_vnd
    ]
    if beyond and not (is_beyond and note.strip()):
        raise Problem(
            "beyond_collected",
            vi=f"Chi nhiều hơn số đang thu hộ ({', '.join(beyond)}). Nếu đúng là vậy, hãy đánh dấu và ghi lý do.",
            en=f"More than stands collected on behalf ({', '.join(beyond)}). If it is so, tick it and say why.",
            status=409,
        )
    parts = [
        (items[item].ledger_account_id, amount_vnd) for item, amount_vnd in sorted(given.items())
    ]
    name = "paid_on:" + ";".join(
        sorted(f"{items[item].code}={amount_vnd}" for item, amount_vnd in given.items())
    )
    await _book(db, school_id, PAID_ON, lines, [parts], name, actor=actor, note=note, beyond=beyond)


async def undo_debit(
    db: Driver, school_id: int, exception_id: int, *, actor: str, reason: str
) -> None:
    """Take a booking back: its journal is reversed on its day, the line is unexplained again.

    Where that day is closed, the reversal stands on the first open one. Raises Problem: 422 without a
    reason, 404 for no debit line, 409 when no person booked it.
    """
    why = said(reason)
    await lock_reconciliation(db, school_id)
    line = await debit_of(db, school_id, exception_id)
    if line.rule not in RULES or line.journal_id is None or line.booked_on is None or line.is_open:
        raise Problem(
            "not_booked",
            vi="Khoản tiền ra này chưa được ghi sổ ở đây.",
            en="This line was not booked here.",
            status=409,
        )
    await reverse_journal(db, school_id, line.journal_id, line.booked_on, why)
    await db.raw.execute(
        "DELETE FROM line_journal WHERE school_id = $1 AND statement_line_id = $2",
        school_id,
        line.line_id,
    )
    await reopen(db, school_id, [exception_id], note=why, dropping=BOOKING)
    await audit(
        db,
        school_id,
        actor=actor,
        action="debit.undone",
        subject=f"exception:{exception_id}",
        detail={"before": line.rule, "after": None, "journal_id": line.journal_id},
    )


def booking_detail(journal_id: int, rule: str) -> Mapping[str, object]:
    """What the detail of an exception keeps of a booking."""
    return dict(zip(BOOKING, (journal_id, rule), strict=True))


async def _open_lines(
    db: Driver, school_id: int, exception_ids: Sequence[int]
) -> tuple[DebitLine, ...]:
    """These lines, free to be booked; the night and other desks wait until the caller's end."""
    await lock_reconciliation(db, school_id)
    await db.raw.execute(
        "SELECT id FROM exception WHERE school_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE",
        school_id,
        list(exception_ids),
    )
    lines = await _lines(db, school_id, exception_ids)
    if len(lines) != len(exception_ids):
        raise not_found("khoản tiền ra này", "debit line")
    if any(not line.is_open or line.is_refund or line.rule for line in lines):
        raise Problem(
            "already_resolved",
            vi="Có khoản đã được xử lý; hãy tải lại trang.",
            en="A line is resolved already; load the page again.",
            status=409,
        )
    return lines


async def _book(
    db: Driver,
    school_id: int,
    rule: str,
    lines: Sequence[DebitLine],
    parts: Sequence[Sequence[tuple[int, int]]],
    name: str,
    *,
    actor: str,
    note: str,
    beyond: Sequence[str] = (),
) -> None:
    """A journal per line: `parts` of it are (account debited, VND). `name` stands in the night's hash."""
    first_open = await open_day(db, school_id, date.min)
    numbers: list[Any] = await db.raw.fetch(
        "SELECT nextval('journal_number_seq') AS id FROM generate_series(1, $1)", len(lines)
    )
    journals = {
        line.line_id: (row["id"], max(line.posted_on, first_open))
        for line, row in zip(lines, numbers, strict=True)
    }
    await post(
        db,
        [
            Posting(
                school_id=school_id,
                journal_id=journals[line.line_id][0],
                kind=EVENTS[rule],
                debit_account_id=account_id,
                credit_account_id=line.ledger_account_id,
                amount_vnd=amount_vnd,
                business_date=journals[line.line_id][1],
                memo=note.strip()[:MAX_MEMO] or line.content[:MAX_MEMO],
            )
            for line, of_line in zip(lines, parts, strict=True)
            for account_id, amount_vnd in of_line
        ],
    )
    await db.raw.execute(
        """
        INSERT INTO line_journal (school_id, statement_line_id, journal_id, booked_on, rule, evidence, booked_by)
        SELECT $1, *, $5, $6::jsonb, $7 FROM unnest($2::bigint[], $3::bigint[], $4::date[])
        """,
        school_id,
        list(journals),
        [journal_id for journal_id, _ in journals.values()],
        [day for _, day in journals.values()],
        rule,
        json.dumps({"name": name, "beyond": list(beyond)}),
        actor,
    )
    await resolve(
        db,
        school_id,
        [line.exception_id for line in lines],
        BOOKED,
        actor=actor,
        note=note.strip(),
        details={
            line.exception_id: booking_detail(journals[line.line_id][0], rule) for line in lines
        },
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="debit.booked",
        subject=f"exception:{lines[0].exception_id}" if len(lines) == 1 else "exceptions",
        detail={
            "before": None,
            "after": name,
            "exceptions": [str(line.exception_id) for line in lines],
            "journals": [str(journal_id) for journal_id, _ in journals.values()],
            "amount_vnd": sum(line.amount_vnd for line in lines),
            "beyond_collected": list(beyond),
        },
    )
