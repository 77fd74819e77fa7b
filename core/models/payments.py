"""Facts about money as they came (notices), the payments made of them, and checkouts under way."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    school_column,
    tenant_key,
)

checkout = Table(
    "checkout",
    metadata,
    school_column(),
    id_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("merchant_reference", Text, nullable=False),
    # the provider's own name of the order, given when it was created; "" where it gave none
    Column("provider_reference", Text, nullable=False, server_default=""),
    money("amount_vnd"),
    instant("expires_at"),
    # when the provider is asked next what became of it; NULL once its end is known or given up
    instant("next_ask_at", nullable=True),
    Column("ask_count", Integer, nullable=False, server_default="0"),
    # when the order was cancelled at the provider, so that nobody can pay it any more
    instant("withdrawn_at", nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("merchant_account"),
    belongs_to("invoice"),
    UniqueConstraint("school_id", "merchant_account_id", "merchant_reference"),
    # what the worker asks about next, over all schools
    Index("ix_checkout_due", "next_ask_at", postgresql_where=text("next_ask_at IS NOT NULL")),
    # what is being asked about, channel by channel
    Index(
        "ix_checkout_asked",
        "school_id",
        "merchant_account_id",
        "created_at",
        postgresql_where=text("next_ask_at IS NOT NULL"),
    ),
)

# The identity of a fact is (merchant account, provider transaction): whoever inserts it first wins.
notice = Table(
    "notice",
    metadata,
    school_column(),
    id_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    money("amount_vnd"),
    instant("paid_at"),
    Column("business_date", Date, nullable=False),
    Column("content", Text, nullable=False),
    Column("merchant_reference", Text, nullable=False),
    Column("payee_account", Text, nullable=False),
    Column("bank_transaction_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("verdict", Text, nullable=False),
    # the provider's code of a state that its protocol does not define
    Column("unmapped_status", Text, nullable=False, server_default=""),
    # its content is not signed: it confirms no other channel's payment
    Column("is_provisional", Boolean, nullable=False, server_default=text("false")),
    # the payment that another channel had booked before: this notice reports the same money
    Column("confirms_payment_id", BigInteger, nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("merchant_account"),
    UniqueConstraint("school_id", "merchant_account_id", "transaction_id"),
    Index(
        "ix_notice_confirms",
        "school_id",
        "confirms_payment_id",
        postgresql_where=text("confirms_payment_id IS NOT NULL"),
    ),
    # whether a checkout has ended
    Index(
        "ix_notice_merchant_reference",
        "school_id",
        "merchant_account_id",
        "merchant_reference",
        postgresql_where=text("merchant_reference <> ''"),
    ),
    # the newest notice of a channel
    Index("ix_notice_channel", "school_id", "merchant_account_id", "id"),
    # what the console shows of states that no protocol defines
    Index(
        "ix_notice_unmapped",
        "school_id",
        "merchant_account_id",
        postgresql_where=text("unmapped_status <> ''"),
    ),
)

# same transaction, other content: refused, kept here once per content
notice_conflict = Table(
    "notice_conflict",
    metadata,
    school_column(),
    id_column(),
    Column("notice_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    money("amount_vnd"),
    Column("raw", LargeBinary, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("notice"),
    UniqueConstraint("school_id", "notice_id", "fingerprint"),
)

# a query of what a code owes, by a bank's counter or the portal: kept by a keyed hash of the code
lookup = Table(
    "lookup",
    metadata,
    school_column(),
    id_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("is_known", Boolean, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("merchant_account"),
    Index("ix_lookup_recent", "school_id", "merchant_account_id", "created_at"),
)

# A payment is a notice of money that arrived: it has the same id. What it paid stands in `transfer`.
# suspense_reason: NULL once (or as soon as) it is allocated.
payment = Table(
    "payment",
    metadata,
    school_column(),
    Column("id", BigInteger, nullable=False),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("bank_account_id", BigInteger, nullable=True),  # NULL: money not at a bank of ours yet
    Column("student_id", BigInteger, nullable=True),
    Column(
        "token",
        Text,
        nullable=False,
        server_default=text("replace(gen_random_uuid()::text, '-', '')"),
    ),
    Column("channel", Text, nullable=False),
    money("amount_vnd"),
    instant("paid_at"),
    Column("business_date", Date, nullable=False),
    # its day in the books, where its own was closed before it came
    Column("booked_on", Date, nullable=True),
    Column("content", Text, nullable=False),
    Column("bank_transaction_id", Text, nullable=False),
    Column("reference", Text, nullable=True),
    Column("is_corrected", Boolean, nullable=False, server_default=text("false")),
    Column("suspense_reason", Text, nullable=True),
    # the provider does not sign the amount: no voucher before a statement or another channel confirms
    Column("is_provisional", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    tenant_key(),
    # merchant_account_id and student_id repeat the notice's and the transfers': no foreign keys of their own
    belongs_to("notice", "id"),
    belongs_to("bank_account"),
    Index("ix_payment_token", "token"),
    Index("ix_payment_bank_day", "school_id", "bank_account_id", "business_date"),
    Index("ix_payment_student", "school_id", "student_id"),
    # the same money reported by another channel: by the bank's number, else by a reference that a line carries too
    Index(
        "ix_payment_bank_transaction",
        "school_id",
        "bank_account_id",
        "bank_transaction_id",
        postgresql_where=text("bank_transaction_id <> ''"),
    ),
    Index(
        "ix_payment_reference",
        "school_id",
        "reference",
        postgresql_where=text("reference IS NOT NULL"),
    ),
    # what may still wait for its confirmation
    Index(
        "ix_payment_provisional",
        "school_id",
        "business_date",
        postgresql_where=text("is_provisional"),
    ),
    CheckConstraint("amount_vnd > 0", name="amount_positive"),
)
