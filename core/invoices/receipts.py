"""What a payer may keep of a payment: read by its token, the pupils' names masked.

Ours confirms that the school received the money and which invoices it settles today. A full name is masked
before it leaves this module; the transfer text a bank delivered is never read here, for payers write
names into it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from core.invoices.payment_states import RECEIVABLE, SETTLED_VND
from core.invoices.queries import CLASS_NAME, LINES, LineParts, PublicLine
from core.kit.database import Driver, Query
from core.kit.text import mask_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLink:
    """A payment that reached an invoice: where its receipt stands, and its part in this invoice.

    `has_official`: the provider's own receipt is here too.
    """

    token: str
    amount_vnd: int
    paid_at: datetime
    has_official: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPart:
    """What a payment settled of one invoice. `lines` are the invoice's charges."""

    reference: str
    title: str
    pupil: str
    class_name: str
    total_vnd: int
    amount_vnd: int
    lines: tuple[PublicLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPayment:
    """A payment as its payer sees it, VND: what arrived, when and how; `refunded_vnd` went back to the payer.

    `number` is our number of the payment. `has_official`: the provider's own receipt is here too.
    """

    school_id: int
    number: int
    token: str
    school_name: str
    school_address: str
    channel: str
    bank_transaction_id: str
    amount_vnd: int
    refunded_vnd: int
    paid_at: datetime
    business_date: date
    has_official: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicReceipt(ReceivedPayment):
    """A payment and what it settled.

    `parts` hold what still stands today, after any correction; `other_vnd` is the rest of `amount_vnd`
    (kept as the pupil's credit, or not allocated yet).
    """

    parts: tuple[ReceiptPart, ...]

    @property
    def other_vnd(self) -> int:
        """What of the payment settles no invoice and is still with the school."""
        return self.amount_vnd - self.refunded_vnd - sum(part.amount_vnd for part in self.parts)


_HAS_OFFICIAL = """
EXISTS (SELECT FROM official_receipt o WHERE o.school_id = p.school_id AND o.payment_id = p.id
           AND o.content IS NOT NULL)
"""

RECEIPTS_OF_INVOICE = Query(
    ReceiptLink,
    f"""
SELECT p.token, settled.amount_vnd, p.paid_at, {_HAS_OFFICIAL} AS has_official
  FROM (SELECT t.school_id, t.payment_id, {SETTLED_VND} AS amount_vnd
          FROM transfer t {RECEIVABLE}
         WHERE t.school_id = $1 AND t.invoice_id = $2 AND t.payment_id IS NOT NULL
         GROUP BY t.school_id, t.payment_id) settled
  JOIN payment p ON p.school_id = settled.school_id AND p.id = settled.payment_id
 WHERE settled.amount_vnd > 0
 ORDER BY p.paid_at, p.id
""",  # noqa: S608 - constants of this module
)


async def receipts_of_invoice(
    db: Driver, school_id: int, invoice_id: int
) -> tuple[ReceiptLink, ...]:
    """The payments that settle an invoice today, oldest first, each with its part in VND."""
    return tuple(await db.fetch(RECEIPTS_OF_INVOICE, school_id, invoice_id))


# the token has an index of its own (ix_payment_token): the link names no school
RECEIPT = Query(
    ReceivedPayment,
    f"""
SELECT p.school_id, p.id AS number, p.token, s.name AS school_name, s.address AS school_address, p.channel,
       p.bank_transaction_id, p.amount_vnd,
       (SELECT coalesce(sum(t.amount_vnd), 0)::bigint FROM transfer t
         WHERE t.school_id = p.school_id AND t.payment_id = p.id AND t.kind = 'refund') AS refunded_vnd,
       p.paid_at, p.business_date, {_HAS_OFFICIAL} AS has_official
  FROM payment p JOIN school s ON s.id = p.school_id
 WHERE p.token = $1
""",  # noqa: S608 - constants of this module
)


@dataclass(frozen=True, slots=True)
class SettledRecord:
    """What a payment settles of an invoice, with the pupil's full name: it never leaves this module."""

    reference: str
    title: str
    full_name: str = field(repr=False)
    class_name: str
    total_vnd: int
    amount_vnd: int
    lines: tuple[LineParts, ...]


RECEIPT_PARTS = Query(
    SettledRecord,
    f"""
SELECT i.reference, f.name AS title, p.full_name, {CLASS_NAME} AS class_name, i.total_vnd, settled.amount_vnd,
       {LINES} AS lines
  FROM (SELECT t.school_id, t.invoice_id, {SETTLED_VND} AS amount_vnd
          FROM transfer t {RECEIVABLE}
         WHERE t.school_id = $1 AND t.payment_id = $2 AND t.invoice_id IS NOT NULL
         GROUP BY t.school_id, t.invoice_id) settled
  JOIN invoice i ON i.school_id = settled.school_id AND i.id = settled.invoice_id
  JOIN fee_schedule f ON f.school_id = i.school_id AND f.id = i.fee_schedule_id
  JOIN student p ON p.school_id = i.school_id AND p.id = i.student_id
  JOIN school_class c ON c.school_id = i.school_id AND c.id = i.class_id
 WHERE settled.amount_vnd > 0
 ORDER BY i.id
""",  # noqa: S608 - constants of this module
)


async def receipt_by_token(db: Driver, token: str) -> PublicReceipt | None:
    """The payment behind a receipt's link; None when there is none, or it settles nothing (yet)."""
    payment = await db.fetch_one(RECEIPT, token)
    if payment is None:
        return None
    rows = await db.fetch(RECEIPT_PARTS, payment.school_id, payment.number)
    if not rows:
        return None
    parts = tuple(
        ReceiptPart(
            reference=row.reference,
            title=row.title,
            pupil=mask_name(row.full_name),
            class_name=row.class_name,
            total_vnd=row.total_vnd,
            amount_vnd=row.amount_vnd,
            lines=tuple(PublicLine(*line) for line in row.lines),
        )
        for row in rows
    )
    return PublicReceipt(**asdict(payment), parts=parts)
