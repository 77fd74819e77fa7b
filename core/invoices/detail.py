"""One invoice as the school's own staff see it: lines, payments with their state, every transfer.

Full names and bank texts stand here: only pages behind a login may show them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from core.invoices.errors import InvoiceNotFoundError
from core.invoices.payment_states import PAYMENT_STATE, PaymentState
from core.invoices.selects import InvoiceStatus, status_of
from core.invoices.virtual import VA_PREFIX, virtual_or
from core.kit.database import Driver, Query

MAX_ROWS = 500
"""Lines, payments or transfers shown of one invoice; a school's invoice has a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One charge, VND."""

    description: str
    unit: str
    unit_price_vnd: int
    quantity: int
    conceded_vnd: int
    amount_vnd: int
    period_months: int
    first_month: date
    nature: str

    @property
    def last_month(self) -> date:
        """The last month that it is for, by its first day."""
        months = self.first_month.month - 1 + self.period_months - 1
        return date(self.first_month.year + months // 12, months % 12 + 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcededPart:
    """What a concession took off a line, VND, and by which decision; `borne_by`: "school" or "state"."""

    description: str
    percent: int
    borne_by: str
    decision_no: str
    legal_basis: str
    conceded_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePayment:
    """A payment that touched the invoice; `settled_vnd` is what of it stands on the invoice today."""

    payment_id: int
    token: str
    channel: str
    amount_vnd: int
    settled_vnd: int
    paid_at: datetime
    content: str
    bank_transaction_id: str
    is_corrected: bool
    state: PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTransfer:
    """A transfer in the books that names the invoice. Accounts as (kind, what it belongs to)."""

    id: int
    journal_id: int
    kind: str
    debit: tuple[str, str]
    credit: tuple[str, str]
    amount_vnd: int
    business_date: date
    memo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceHead:
    """An invoice without its parts. Amounts in VND; `class_name` is "" for an application."""

    id: int
    reference: str
    token: str
    total_vnd: int
    paid_vnd: int
    issued_on: date
    due_on: date
    cancelled_at: datetime | None
    student_code: str
    full_name: str
    class_name: str
    schedule_name: str
    guardian_name: str
    guardian_phone: str
    bank_name: str
    bank_number: str
    student_reference: str
    va_prefix: str | None
    credit_vnd: int

    @property
    def virtual_accounts(self) -> tuple[str, str] | None:
        """The invoice's and the pupil's virtual account; None where the bank gave no prefix."""
        if not self.va_prefix:
            return None
        own, pupils = (
            virtual_or(self.va_prefix, reference, "")
            for reference in (self.reference, self.student_reference)
        )
        return own, pupils

    @property
    def status(self) -> InvoiceStatus:
        """Where it stands."""
        return status_of(
            total_vnd=self.total_vnd,
            paid_vnd=self.paid_vnd,
            is_cancelled=self.cancelled_at is not None,
        )

    @property
    def open_vnd(self) -> int:
        """What is still owed, VND; nothing once it is cancelled."""
        return 0 if self.cancelled_at else self.total_vnd - self.paid_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDetail(InvoiceHead):
    """Everything about one invoice."""

    lines: tuple[InvoiceLine, ...]
    concessions: tuple[ConcededPart, ...]
    payments: tuple[InvoicePayment, ...]
    entries: tuple[InvoiceTransfer, ...]


HEAD = Query(
    InvoiceHead,
    f"""
SELECT i.id, i.reference, i.token, i.total_vnd, i.paid_vnd, i.issued_on, i.due_on, i.cancelled_at,
       s.code AS student_code, s.full_name, CASE c.kind WHEN 'class' THEN c.name ELSE '' END AS class_name,
       f.name AS schedule_name,
       coalesce(g.full_name, '') AS guardian_name, coalesce(g.phone, '') AS guardian_phone,
       coalesce(nullif(b.label, ''), b.holder) AS bank_name, b.number AS bank_number,
       s.reference AS student_reference, {VA_PREFIX} AS va_prefix,
       (SELECT coalesce(sum(CASE WHEN t.credit_account_id = a.id THEN t.amount_vnd ELSE -t.amount_vnd END), 0)::bigint
          FROM transfer t JOIN ledger_account a ON a.school_id = t.school_id AND a.kind = 'student_credit'
                           AND a.id IN (t.credit_account_id, t.debit_account_id)
         WHERE t.school_id = i.school_id AND t.student_id = i.student_id) AS credit_vnd
  FROM invoice i
  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN bank_account b ON b.school_id = i.school_id AND b.id = i.bank_account_id
  LEFT JOIN guardian g ON g.school_id = i.school_id AND g.student_id = i.student_id
 WHERE i.school_id = $1 AND i.id = $2
""",  # noqa: S608 - constants of this package
)

LINES = Query(
    InvoiceLine,
    """
SELECT l.description, l.unit, l.unit_price_vnd, l.quantity, l.conceded_vnd, l.amount_vnd, l.period_months,
       s.month AS first_month, f.nature
  FROM invoice_line l JOIN fee_item f ON f.school_id = l.school_id AND f.id = l.fee_item_id
  JOIN invoice i ON i.school_id = l.school_id AND i.id = l.invoice_id
  JOIN fee_schedule s ON s.school_id = i.school_id AND s.id = i.fee_schedule_id
 WHERE l.school_id = $1 AND l.invoice_id = $2 ORDER BY l.line_no LIMIT $3
""",
)

CONCESSIONS = Query(
    ConcededPart,
    """
SELECT l.description, c.percent, c.borne_by, c.decision_no, c.legal_basis, d.conceded_vnd
  FROM invoice i
  JOIN invoice_line l ON l.school_id = i.school_id AND l.invoice_id = i.id
  JOIN conceded_charge d ON d.school_id = i.school_id AND d.fee_schedule_id = i.fee_schedule_id
   AND d.student_id = i.student_id AND d.fee_item_id = l.fee_item_id
  JOIN concession c ON c.school_id = d.school_id AND c.id = d.concession_id
 WHERE i.school_id = $1 AND i.id = $2 ORDER BY l.line_no, c.borne_by DESC, c.id LIMIT $3
""",
)

PAYMENTS = Query(
    InvoicePayment,
    f"""
SELECT p.id AS payment_id, p.token, p.channel, p.amount_vnd, settled.amount_vnd AS settled_vnd,
       p.paid_at, p.content, p.bank_transaction_id, p.is_corrected, {PAYMENT_STATE} AS state
  FROM (SELECT t.payment_id,
               sum(CASE WHEN t.credit_account_id = r.id THEN t.amount_vnd
                        WHEN t.debit_account_id = r.id THEN -t.amount_vnd ELSE 0 END)::bigint AS amount_vnd
          FROM transfer t JOIN ledger_account r ON r.school_id = t.school_id AND r.kind = 'receivable'
         WHERE t.school_id = $1 AND t.invoice_id = $2 AND t.payment_id IS NOT NULL
         GROUP BY t.payment_id) settled
  JOIN payment p ON p.school_id = $1 AND p.id = settled.payment_id
 ORDER BY p.paid_at, p.id LIMIT $3
""",  # noqa: S608 - constants of this package
)

TRANSFERS = Query(
    InvoiceTransfer,
    """
WITH named AS (
  SELECT a.id, a.kind, coalesce(b.number, m.adapter, f.name, '') AS name
    FROM ledger_account a
    LEFT JOIN bank_account b ON b.school_id = a.school_id AND b.id = a.bank_account_id
    LEFT JOIN merchant_account m ON m.school_id = a.school_id AND m.id = a.merchant_account_id
    LEFT JOIN fee_item f ON f.school_id = a.school_id AND f.id = a.fee_item_id
   WHERE a.school_id = $1
)
SELECT t.id, t.journal_id, t.kind, ARRAY[d.kind, d.name] AS debit, ARRAY[c.kind, c.name] AS credit,
       t.amount_vnd, t.business_date, t.memo
  FROM transfer t JOIN named d ON d.id = t.debit_account_id JOIN named c ON c.id = t.credit_account_id
 WHERE t.school_id = $1 AND t.invoice_id = $2 ORDER BY t.id LIMIT $3
""",
)


async def invoice_detail(db: Driver, school_id: int, invoice_id: int) -> InvoiceDetail:
    """One invoice of the school. Raises InvoiceNotFoundError."""
    head = await db.fetch_one(HEAD, school_id, invoice_id)
    if head is None:
        raise InvoiceNotFoundError
    return InvoiceDetail(
        **asdict(head),
        lines=tuple(await db.fetch(LINES, school_id, invoice_id, MAX_ROWS)),
        concessions=tuple(await db.fetch(CONCESSIONS, school_id, invoice_id, MAX_ROWS)),
        payments=tuple(await db.fetch(PAYMENTS, school_id, invoice_id, MAX_ROWS)),
        entries=tuple(await db.fetch(TRANSFERS, school_id, invoice_id, MAX_ROWS)),
    )
