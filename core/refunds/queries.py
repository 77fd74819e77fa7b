"""Refunds as the console and the API show them. Accounts of payers are masked before they leave here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from core.kit.database import Driver, Query
from core.kit.seal import Keys
from core.refunds.codes import code_of, transfer_text
from core.refunds.errors import UnknownPaymentError, UnknownRefundError
from core.refunds.payee import unseal_payee
from core.refunds.states import Method, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRow:
    """A refund. Amount in VND; `payee` is masked, "" where the provider gives the money back.

    pupil and class_name: of the invoice or the pupil that the payment is for, "" while unallocated.
    is_in_doubt: the provider has answered nothing final for too long, whatever became of the exception.
    is_on_statement: the bank's line is found.
    """

    id: int
    number: int
    payment_id: int
    method: Method
    status: Status
    amount_vnd: int
    reason: str
    channel: str
    pupil: str = field(repr=False)
    class_name: str
    invoice_id: int | None
    payment_vnd: int
    paid_at: datetime
    payee: str
    payee_holder: str = field(repr=False)
    sealed_payee: bytes | None = field(repr=False)
    bank_account: str
    bank_account_id: int | None
    transfer_list_number: int | None
    requested_by: str
    created_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    note: str
    request_id: str | None
    demanded_at: datetime | None
    next_ask_at: datetime | None
    ask_count: int
    provider_refund_id: str
    provider_code: str
    bank_transaction_id: str
    is_on_statement: bool
    is_in_doubt: bool
    done_on: date | None

    @property
    def code(self) -> str:
        """What the bank's text carries."""
        return code_of(self.number)

    @property
    def transfer_text(self) -> str:
        """The whole text that the bank is asked to carry."""
        return transfer_text(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferListRow:
    """A transfer list as the console lists it; `open_count` of its transfers have not ended yet."""

    id: int
    number: int
    file_name: str
    bank_account: str
    refund_count: int
    open_count: int
    total_vnd: int
    made_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TransfersWaiting:
    """Approved transfers that no list holds yet, by the bank account that pays them. VND."""

    bank_account_id: int
    bank_account: str
    count: int
    total_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts:
    """A payment as the form of a refund shows it. VND."""

    id: int
    channel: str
    amount_vnd: int
    paid_at: datetime
    content: str = field(repr=False)
    bank_transaction_id: str
    pupil: str = field(repr=False)
    class_name: str


@dataclass(frozen=True, slots=True)
class _InvoiceName:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class _StatusCount:
    status: Status
    count: int


# $2..$6: status, refund, payment, the page before and after; NULL: all. The first invoice that the
# payment touched names the pupil, by ix_transfer_payment.
_LIST = """
SELECT r.id, r.number, r.payment_id, r.method, r.status, r.amount_vnd, r.reason, p.channel,
       coalesce(s.full_name, '') AS pupil, coalesce(c.name, '') AS class_name, i.id AS invoice_id,
       p.amount_vnd AS payment_vnd, p.paid_at, '' AS payee, '' AS payee_holder, r.sealed_payee,
       coalesce(b.number, '') AS bank_account,
       r.bank_account_id, l.number AS transfer_list_number, r.requested_by, r.created_at, r.approved_by,
       r.approved_at, r.closed_by, r.closed_at, r.note, r.request_id, r.demanded_at, r.next_ask_at,
       r.ask_count, r.provider_refund_id, r.provider_code, r.bank_transaction_id,
       r.statement_line_id IS NOT NULL AS is_on_statement,
       r.status = 'sent' AND EXISTS (SELECT FROM exception e
                WHERE e.school_id = r.school_id AND e.reason = 'refund_unmatched'
                  AND e.identity = 'refund:' || r.number || ':in_doubt') AS is_in_doubt,
       r.done_on
  FROM refund r
  JOIN payment p ON p.school_id = r.school_id AND p.id = r.payment_id
  LEFT JOIN LATERAL (SELECT t.invoice_id FROM transfer t
        WHERE t.school_id = p.school_id AND t.payment_id = p.id AND t.invoice_id IS NOT NULL
        ORDER BY t.id LIMIT 1) first ON TRUE
  LEFT JOIN invoice i ON i.school_id = r.school_id AND i.id = coalesce(r.from_invoice_id, first.invoice_id)
  LEFT JOIN student s ON s.school_id = r.school_id AND s.id = coalesce(i.student_id, p.student_id)
  LEFT JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  LEFT JOIN bank_account b ON b.school_id = r.school_id AND b.id = r.bank_account_id
  LEFT JOIN transfer_list l ON l.school_id = r.school_id AND l.id = r.transfer_list_id
 WHERE r.school_id = $1
   AND ($2::text[] IS NULL OR r.status = ANY($2))
   AND ($3::bigint IS NULL OR r.id = $3)
   AND ($4::bigint IS NULL OR r.payment_id = $4)
   AND ($5::bigint IS NULL OR r.id < $5) AND ($6::bigint IS NULL OR r.id > $6)
"""
NEWEST = Query(RefundRow, f"{_LIST} ORDER BY r.id DESC LIMIT $7")
OLDEST = Query(RefundRow, f"{_LIST} ORDER BY r.id LIMIT $7")
ONE = Query(RefundRow, _LIST)

PAYMENT = Query(
    PaymentFacts,
    """
SELECT p.id, p.channel, p.amount_vnd, p.paid_at, p.content, p.bank_transaction_id,
       coalesce(s.full_name, '') AS pupil, coalesce(c.name, '') AS class_name
  FROM payment p
  LEFT JOIN LATERAL (SELECT t.invoice_id FROM transfer t
        WHERE t.school_id = p.school_id AND t.payment_id = p.id AND t.invoice_id IS NOT NULL
        ORDER BY t.id LIMIT 1) first ON TRUE
  LEFT JOIN invoice i ON i.school_id = p.school_id AND i.id = first.invoice_id
  LEFT JOIN student s ON s.school_id = p.school_id AND s.id = coalesce(i.student_id, p.student_id)
  LEFT JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE p.school_id = $1 AND p.id = $2
""",
)

INVOICE_NAMES = Query(
    _InvoiceName,
    """
SELECT i.id, f.name || ' · ' || i.reference AS name
  FROM invoice i JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
 WHERE i.school_id = $1 AND i.id = ANY($2::bigint[])
""",
)

COUNTS = Query(
    _StatusCount,
    "SELECT status, count(*) AS count FROM refund WHERE school_id = $1 GROUP BY status",
)

WAITING = Query(
    TransfersWaiting,
    """
SELECT r.bank_account_id, b.number AS bank_account, count(*) AS count,
       sum(r.amount_vnd)::bigint AS total_vnd
  FROM refund r JOIN bank_account b ON b.school_id = r.school_id AND b.id = r.bank_account_id
 WHERE r.school_id = $1 AND r.method = 'payout' AND r.status = 'approved'
 GROUP BY 1, 2 ORDER BY 2
""",
)

LISTS = Query(
    TransferListRow,
    """
SELECT l.id, l.number, l.file_name, b.number AS bank_account, l.refund_count,
       (SELECT count(*) FROM refund r WHERE r.school_id = l.school_id AND r.transfer_list_id = l.id
                                        AND r.status = 'listed') AS open_count,
       l.total_vnd, l.made_by, l.created_at
  FROM transfer_list l
  JOIN bank_account b ON b.school_id = l.school_id AND b.id = l.bank_account_id
 WHERE l.school_id = $1 ORDER BY l.number DESC LIMIT $2
""",
)


async def list_refunds(
    db: Driver,
    keys: Keys,
    school_id: int,
    *,
    statuses: tuple[Status, ...] | None = None,
    payment_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> tuple[RefundRow, ...]:
    """The newest refunds first; `before_id` is the last one of the page before."""
    wanted = list(statuses) if statuses is not None else None
    rows = await db.fetch(NEWEST, school_id, wanted, None, payment_id, before_id, None, limit)
    return tuple(_masked(row, keys) for row in rows)


async def page_of_refunds(
    db: Driver, keys: Keys, school_id: int, *, after_id: int, limit: int
) -> tuple[RefundRow, ...]:
    """Refunds in the order of their requests, for a reader that goes on from where it was."""
    rows = await db.fetch(OLDEST, school_id, None, None, None, None, after_id, limit)
    return tuple(_masked(row, keys) for row in rows)


async def find_refund(db: Driver, keys: Keys, school_id: int, refund_id: int) -> RefundRow:
    """One refund of the school. Raises UnknownRefundError."""
    row = await db.fetch_one(ONE, school_id, None, refund_id, None, None, None)
    if row is None:
        raise UnknownRefundError
    return _masked(row, keys)


def _masked(row: RefundRow, keys: Keys) -> RefundRow:
    if row.sealed_payee is None:
        return row
    payee = unseal_payee(keys, row.sealed_payee)
    return replace(row, payee=payee.masked, payee_holder=payee.holder, sealed_payee=None)


async def payment_facts(db: Driver, school_id: int, payment_id: int) -> PaymentFacts:
    """One payment of the school. Raises UnknownPaymentError."""
    payment = await db.fetch_one(PAYMENT, school_id, payment_id)
    if payment is None:
        raise UnknownPaymentError
    return payment


async def names_of_invoices(
    db: Driver, school_id: int, invoice_ids: Sequence[int]
) -> Mapping[int, str]:
    """Invoice id -> its schedule and reference."""
    rows = await db.fetch(INVOICE_NAMES, school_id, list(invoice_ids))
    return {row.id: row.name for row in rows}


async def counts_by_status(db: Driver, school_id: int) -> Mapping[Status, int]:
    """How many refunds are in each state."""
    return {row.status: row.count for row in await db.fetch(COUNTS, school_id)}


async def transfers_waiting(db: Driver, school_id: int) -> tuple[TransfersWaiting, ...]:
    """What the next transfer list of each bank account would hold."""
    return tuple(await db.fetch(WAITING, school_id))


async def transfer_lists(
    db: Driver, school_id: int, limit: int = 50
) -> tuple[TransferListRow, ...]:
    """The lists made, the newest first."""
    return tuple(await db.fetch(LISTS, school_id, limit))
