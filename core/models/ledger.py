"""The ledger: one row is an amount above zero from a credit account to a debit account.

Double entry holds by construction; the database forbids UPDATE, DELETE and TRUNCATE of transfers.
Balances are sums; no running balance is stored.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    metadata,
    money,
    of_school,
    school_column,
    tenant_key,
)

# kinds: receivable, student_credit, suspense, opening (of the books), bank (per bank account),
# clearing (per merchant account), income, on_behalf and prepaid (per fee item), state_receivable (the
# State's part of concessions), provider_fee and provider_vat, bank_fee, in_transit (between own accounts)
ledger_account = Table(
    "ledger_account",
    metadata,
    school_column(),
    id_column(),
    Column("kind", Text, nullable=False),
    Column("bank_account_id", BigInteger, nullable=True),
    Column("merchant_account_id", BigInteger, nullable=True),
    Column("fee_item_id", BigInteger, nullable=True),
    tenant_key(),
    of_school(),
    belongs_to("bank_account"),
    belongs_to("merchant_account"),
    belongs_to("fee_item"),
    UniqueConstraint(
        "school_id",
        "kind",
        "bank_account_id",
        "merchant_account_id",
        "fee_item_id",
        name="uq_ledger_account_identity",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint(
        "kind IN ('receivable', 'student_credit', 'suspense', 'opening', 'bank', 'clearing',"
        " 'income', 'on_behalf', 'prepaid', 'state_receivable', 'provider_fee', 'provider_vat',"
        " 'bank_fee', 'in_transit')",
        name="kind_known",
    ),
)

journal_number = Sequence("journal_number_seq", metadata=metadata, start=1)

# kind: what happened (core.ledger.postings.Event); journal_id: what belongs together
transfer = Table(
    "transfer",
    metadata,
    school_column(),
    id_column(),
    Column("journal_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("debit_account_id", BigInteger, nullable=False),
    Column("credit_account_id", BigInteger, nullable=False),
    money("amount_vnd"),
    Column("business_date", Date, nullable=False),
    Column("student_id", BigInteger, nullable=True),
    Column("invoice_id", BigInteger, nullable=True),
    Column("payment_id", BigInteger, nullable=True),
    Column("reverses_id", BigInteger, nullable=True),
    Column("memo", Text, nullable=False, server_default=""),
    created_at(),
    tenant_key(),
    # student_id repeats the invoice's and has no foreign key of its own: each key costs every payment
    belongs_to("ledger_account", "debit_account_id"),
    belongs_to("ledger_account", "credit_account_id"),
    belongs_to("invoice"),
    belongs_to("payment"),
    belongs_to("transfer", "reverses_id"),
    # a transfer is reversed at most once
    Index(
        "uq_transfer_reverses",
        "school_id",
        "reverses_id",
        unique=True,
        postgresql_where=text("reverses_id IS NOT NULL"),
    ),
    Index("ix_transfer_debit_day", "school_id", "debit_account_id", "business_date"),
    Index("ix_transfer_credit_day", "school_id", "credit_account_id", "business_date"),
    Index(
        "ix_transfer_invoice",
        "school_id",
        "invoice_id",
        postgresql_where=text("invoice_id IS NOT NULL"),
    ),
    Index(
        "ix_transfer_payment",
        "school_id",
        "payment_id",
        postgresql_where=text("payment_id IS NOT NULL"),
    ),
    CheckConstraint("amount_vnd > 0", name="amount_positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
)
