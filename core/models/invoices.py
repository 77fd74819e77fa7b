"""Invoices and their lines. `paid_vnd` repeats the ledger for speed and is proved against it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
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
    instant,
    metadata,
    money,
    school_column,
    tenant_key,
)

# the one number space of invoices and students, from which references are made
reference_number = Sequence("reference_number_seq", metadata=metadata, start=1)

# one invoice per pupil, schedule and payee account: one QR pays one account
invoice = Table(
    "invoice",
    metadata,
    school_column(),
    id_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("student_id", BigInteger, nullable=False),
    Column("class_id", BigInteger, nullable=False),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("token", Text, nullable=False),
    money("total_vnd"),
    Column("paid_vnd", BigInteger, nullable=False, server_default="0"),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    instant("cancelled_at", nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("fee_schedule"),
    belongs_to("student"),
    belongs_to("school_class", "class_id"),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "fee_schedule_id", "student_id", "bank_account_id"),
    UniqueConstraint("school_id", "reference"),
    UniqueConstraint("school_id", "token"),
    # the parent's link carries the token alone
    Index("ix_invoice_token", "token"),
    # a student's oldest open invoice first
    Index("ix_invoice_student_due", "school_id", "student_id", "due_on"),
    CheckConstraint("total_vnd > 0", name="total_positive"),
    CheckConstraint("paid_vnd BETWEEN 0 AND total_vnd", name="paid_within_total"),
    # space on each page for the payment's update to stay there and touch no index
    postgresql_with={"fillfactor": 85},
)

invoice_line = Table(
    "invoice_line",
    metadata,
    school_column(),
    Column("invoice_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("fee_item_id", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("unit", Text, nullable=False),
    money("unit_price_vnd"),
    Column("quantity", Integer, nullable=False),
    # what a concession takes off; `amount_vnd` is what the family is asked for
    Column("conceded_vnd", BigInteger, nullable=False, server_default="0"),
    money("amount_vnd"),
    # months that the line is for, from its schedule's month on
    Column("period_months", Integer, nullable=False, server_default="1"),
    tenant_key("invoice_id", "line_no"),
    belongs_to("invoice"),
    belongs_to("fee_item"),
    CheckConstraint(
        "amount_vnd = unit_price_vnd * quantity - conceded_vnd", name="amount_is_product"
    ),
    CheckConstraint("conceded_vnd >= 0 AND amount_vnd >= 0", name="conceded_within"),
    # income recognition reads daily the few that were charged ahead
    Index(
        "ix_invoice_line_ahead",
        "school_id",
        "invoice_id",
        postgresql_where=text("period_months > 1"),
    ),
)
