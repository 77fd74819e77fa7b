"""Settlement files of providers: their lines, and the batches that are one bank line each."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
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

settlement = Table(
    "settlement",
    metadata,
    school_column(),
    id_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("layout", Text, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("imported_by", Text, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("merchant_account"),
    UniqueConstraint("school_id", "merchant_account_id", "sha256"),
)

# `name`: the provider's own, else the day of settlement. Its amount is the sum of its lines; booked
# once the bank shows it (`line_journal` has the line), or at once where nothing is paid out.
settlement_batch = Table(
    "settlement_batch",
    metadata,
    school_column(),
    id_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("journal_id", BigInteger, nullable=True),
    Column("booked_on", Date, nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("merchant_account"),
    UniqueConstraint("school_id", "merchant_account_id", "name"),
    CheckConstraint("(journal_id IS NULL) = (booked_on IS NULL)", name="booked_whole"),
)

# Amounts as the school sees them: a refund's gross is below zero, a fee that it pays above zero.
# identity: a hash of the line's content and its ordinal, so that a line of two files counts once.
settlement_line = Table(
    "settlement_line",
    metadata,
    school_column(),
    id_column(),
    Column("settlement_id", BigInteger, nullable=False),
    Column("settlement_batch_id", BigInteger, nullable=False),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("row", Integer, nullable=False),
    Column("sheet", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),
    Column("provider_transaction_id", Text, nullable=False),
    Column("merchant_reference", Text, nullable=False),
    Column("original_reference", Text, nullable=False),
    money("gross_vnd"),
    money("fee_vnd"),
    money("vat_vnd"),
    money("net_vnd"),
    instant("paid_at", nullable=True),
    Column("settled_on", Date, nullable=False),
    Column("identity", Text, nullable=False),
    # the payment or refund that the line settles
    Column("payment_id", BigInteger, nullable=True),
    Column("refund_id", BigInteger, nullable=True),
    tenant_key(),
    belongs_to("settlement"),
    belongs_to("settlement_batch"),
    belongs_to("merchant_account"),
    belongs_to("payment"),
    belongs_to("refund"),
    UniqueConstraint("school_id", "merchant_account_id", "identity"),
    Index("ix_settlement_line_batch", "school_id", "settlement_batch_id"),
    # a payment or refund is settled once
    Index(
        "uq_settlement_line_payment",
        "school_id",
        "payment_id",
        unique=True,
        postgresql_where=text("payment_id IS NOT NULL"),
    ),
    Index(
        "uq_settlement_line_refund",
        "school_id",
        "refund_id",
        unique=True,
        postgresql_where=text("refund_id IS NOT NULL"),
    ),
    CheckConstraint(
        "kind IN ('pay', 'refund', 'fee', 'chargeback', 'adjustment')", name="kind_known"
    ),
)

# The contract's terms from a date on: the provider's fee in hundredths of a percent and a fixed part per
# payment, VAT on the fee in percent, days until the money is at the bank; and how far a batch's fee may
# differ from them before a person has to look.
settlement_terms = Table(
    "settlement_terms",
    metadata,
    school_column(),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("fee_basis_points", Integer, nullable=False),
    money("fixed_vnd"),
    Column("vat_percent", Integer, nullable=False),
    Column("settled_within_days", Integer, nullable=False),
    Column("tolerance_vnd", BigInteger, nullable=False, server_default="0"),
    Column("set_by", Text, nullable=False),
    created_at(),
    tenant_key("merchant_account_id", "valid_from"),
    belongs_to("merchant_account"),
    CheckConstraint(
        "fee_basis_points BETWEEN 0 AND 10000 AND fixed_vnd >= 0 AND vat_percent BETWEEN 0 AND 100",
        name="rates_readable",
    ),
    CheckConstraint("settled_within_days BETWEEN 0 AND 60 AND tolerance_vnd >= 0", name="bounded"),
)
