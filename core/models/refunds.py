"""Money sent back to payers, and the transfer lists by which a school's bank sends it.

A refund belongs to a payment. What it took from where is in the transfers of its journal; here is
how far it has come. The rules that one row can show are the database's own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    instant,
    metadata,
    money,
    of_school,
    school_column,
    tenant_key,
)

# the file that goes to the bank, sealed: it names accounts of payers
transfer_list = Table(
    "transfer_list",
    metadata,
    school_column(),
    id_column(),
    Column("number", Integer, nullable=False),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("refund_count", Integer, nullable=False),
    money("total_vnd"),
    Column("made_by", Text, nullable=False),
    created_at(),
    tenant_key(),
    of_school(),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "number"),
)

# status: requested -> approved | rejected | cancelled; by the provider: approved -> sent -> done |
# refused; by transfer: approved -> listed -> done | refused
refund = Table(
    "refund",
    metadata,
    school_column(),
    id_column(),
    # counts within the school: the code that the bank's line carries is made of it
    Column("number", Integer, nullable=False),
    Column("payment_id", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    money("amount_vnd"),
    Column("reason", Text, nullable=False),
    # the invoice whose settled part is given back; NULL: credit first, then suspense, then the newest
    Column("from_invoice_id", BigInteger, nullable=True),
    # a form or a caller that sends its request twice means one refund
    Column("form_key", Text, nullable=True),
    Column("status", Text, nullable=False, server_default="requested"),
    Column("requested_by", Text, nullable=False),
    # the school's limit when it was asked for: up to it nobody else need approve
    money("limit_vnd"),
    Column("approved_by", Text, nullable=True),
    instant("approved_at", nullable=True),
    Column("closed_by", Text, nullable=True),
    instant("closed_at", nullable=True),
    Column("note", Text, nullable=False, server_default=""),
    # the request to the provider: its id is stored before the first call and never changes
    Column("request_id", Text, nullable=True),
    instant("demanded_at", nullable=True),
    instant("next_ask_at", nullable=True),
    Column("ask_count", Integer, nullable=False, server_default="0"),
    Column("provider_refund_id", Text, nullable=False, server_default=""),
    Column("provider_code", Text, nullable=False, server_default=""),
    # the transfer: to whom (sealed), from which of the school's accounts, in which list
    Column("sealed_payee", LargeBinary, nullable=True),
    Column("bank_account_id", BigInteger, nullable=True),
    Column("transfer_list_id", BigInteger, nullable=True),
    Column("bank_transaction_id", Text, nullable=False, server_default=""),
    # the debit line of the bank that shows it
    Column("statement_line_id", BigInteger, nullable=True),
    # the business date on which the money went, and its postings
    Column("done_on", Date, nullable=True),
    # the day of those in the books, where that one was closed before
    Column("booked_on", Date, nullable=True),
    Column("journal_id", BigInteger, nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("payment"),
    belongs_to("invoice", "from_invoice_id"),
    belongs_to("bank_account"),
    belongs_to("transfer_list"),
    belongs_to("statement_line"),
    UniqueConstraint("school_id", "number"),
    UniqueConstraint("school_id", "form_key"),
    UniqueConstraint("request_id"),
    UniqueConstraint("school_id", "statement_line_id"),
    Index("ix_refund_payment", "school_id", "payment_id"),
    # what the worker sends or asks about next, over all schools
    Index("ix_refund_due", "next_ask_at", postgresql_where=text("next_ask_at IS NOT NULL")),
    CheckConstraint("amount_vnd > 0", name="amount_positive"),
    CheckConstraint("reason <> ''", name="reason_given"),
    CheckConstraint("method IN ('provider', 'payout')", name="method_known"),
    CheckConstraint(
        "status IN ('requested', 'rejected', 'cancelled', 'approved', 'sent', 'listed', 'done', 'refused')",
        name="status_known",
    ),
    CheckConstraint("approved_by <> requested_by", name="two_persons"),
    CheckConstraint(
        "status IN ('requested', 'rejected', 'cancelled') OR (approved_at IS NOT NULL"
        " AND (approved_by IS NOT NULL OR amount_vnd <= limit_vnd))",
        name="approved_first",
    ),
    CheckConstraint("(method = 'payout') = (sealed_payee IS NOT NULL)", name="payee_of_transfer"),
    CheckConstraint("method = 'provider' OR bank_account_id IS NOT NULL", name="payer_of_transfer"),
    CheckConstraint("status <> 'listed' OR transfer_list_id IS NOT NULL", name="listed_somewhere"),
    CheckConstraint("status <> 'sent' OR request_id IS NOT NULL", name="sent_under_an_id"),
    CheckConstraint("(request_id IS NULL) = (demanded_at IS NULL)", name="demanded_whole"),
    CheckConstraint(
        "(status = 'done') = (journal_id IS NOT NULL) AND (journal_id IS NULL) = (done_on IS NULL)",
        name="done_is_posted",
    ),
)
