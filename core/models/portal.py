"""The National Public Service Portal: applications under a file code, and its e-receipts."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    instant,
    metadata,
    school_column,
    tenant_key,
)

# One file of one applicant for one service (a schedule of kind 'application'). The applicant is a
# student row with the file code as its code and no enrolment; quantities: item code -> how many.
application = Table(
    "application",
    metadata,
    school_column(),
    id_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("file_code", Text, nullable=False),
    Column("student_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("quantities", JSONB, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("fee_schedule"),
    belongs_to("student"),
    belongs_to("invoice"),
    UniqueConstraint("school_id", "file_code"),
    # whether a pupil's code is an applicant's, and the list of a service in the order of arrival
    UniqueConstraint("school_id", "student_id"),
    Index("ix_application_service", "school_id", "fee_schedule_id", "id"),
    CheckConstraint("file_code ~ '^[0-9A-Z./-]{4,50}$'", name="file_code_shape"),
)

# The receipt that a provider itself issues for a payment: asked for until it is there, then kept as it came.
official_receipt = Table(
    "official_receipt",
    metadata,
    school_column(),
    Column("payment_id", BigInteger, nullable=False),
    # the provider's own notice of that money: another channel may have booked the payment before
    Column("notice_id", BigInteger, nullable=False),
    Column("merchant_account_id", BigInteger, nullable=False),
    Column("merchant_reference", Text, nullable=False),
    Column("content", LargeBinary, nullable=True),
    Column("content_type", Text, nullable=True),
    Column("sha256", LargeBinary, nullable=True),
    # when the provider is asked next; NULL once the receipt is there or was given up
    Column("next_ask_at", DateTime(timezone=True), nullable=True),
    Column("ask_count", Integer, nullable=False, server_default="0"),
    instant("fetched_at", nullable=True),
    created_at(),
    tenant_key("payment_id"),
    belongs_to("payment"),
    belongs_to("notice"),
    belongs_to("merchant_account"),
    UniqueConstraint("school_id", "notice_id"),
    # what the worker asks for next, over all schools
    Index(
        "ix_official_receipt_due", "next_ask_at", postgresql_where=text("next_ask_at IS NOT NULL")
    ),
    CheckConstraint(
        "num_nulls(content, content_type, sha256, fetched_at) IN (0, 4)", name="whole_or_nothing"
    ),
    CheckConstraint("content IS NULL OR next_ask_at IS NULL", name="asked_until_there"),
    CheckConstraint("octet_length(content) BETWEEN 1 AND 10485760", name="content_bounded"),
)
