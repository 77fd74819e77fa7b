"""A school, the bank accounts that are its own, and its merchant accounts with providers."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
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
    metadata,
    of_school,
    school_column,
    tenant_key,
)

school = Table(
    "school",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("province", Text, nullable=False, server_default=""),
    # which chart of accounts applies: a key of the dated chart data, e.g. "TT24/2024"
    Column("accounting_regime", Text, nullable=False),
    # a refund above this needs a second person; 0: every one does
    Column("refund_approval_above_vnd", BigInteger, nullable=False, server_default="0"),
    # the hour in Vietnam at which its reconciliation begins; NULL: the installation's own
    Column("reconciliation_hour", SmallInteger, nullable=True),
    # the last business date that is closed: nothing is posted on it or before; NULL: none is
    Column("books_locked_until", Date, nullable=True),
    created_at(),
    CheckConstraint("reconciliation_hour BETWEEN 0 AND 23", name="reconciliation_hour_of_a_day"),
)

bank_account = Table(
    "bank_account",
    metadata,
    school_column(),
    id_column(),
    Column("bin", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    # the account that receives fee items which name no payee of their own
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "number"),
    CheckConstraint("bin ~ '^[0-9]{6}$'", name="bin_shape"),
)

# settlement: "direct" = the provider reports what arrived at the bank account itself;
# "batch" = the provider pays out later, one sum for many payments; until then the money is in clearing
merchant_account = Table(
    "merchant_account",
    metadata,
    school_column(),
    id_column(),
    Column("adapter", Text, nullable=False),
    Column("account_key", Text, nullable=False),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("settlement", Text, nullable=False),
    Column("sealed_secrets", LargeBinary, nullable=False),
    Column("settings", JSONB, nullable=False, server_default="{}"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    created_at(),
    tenant_key(),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "account_key"),
    # the key alone stands in the IPN's URL
    Index("ix_merchant_account_account_key", "account_key"),
    CheckConstraint("settlement IN ('direct', 'batch')", name="settlement_known"),
)
