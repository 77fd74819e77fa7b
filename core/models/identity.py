"""People and machines that may enter: users, sessions, API keys; the audit chain of what they did."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    instant,
    metadata,
    of_school,
    school_column,
    tenant_key,
)

# role: "accountant" works, "approver" also approves schedules drafted by others
app_user = Table(
    "app_user",
    metadata,
    school_column(),
    id_column(),
    Column("username", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "username"),
    # people sign in by name alone, so a name belongs to one person in the whole database
    Index("uq_app_user_username", "username", unique=True),
    CheckConstraint("role IN ('accountant', 'approver')", name="role_known"),
)

# only a hash of the cookie's token is stored
session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    school_column(),
    Column("user_id", BigInteger, nullable=False),
    instant("expires_at"),
    created_at(),
    belongs_to("app_user", "user_id"),
)

login_attempt = Table(
    "login_attempt",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("username", Text, nullable=False),
    Column("remote_ip", Text, nullable=False),
    created_at(),
    Index("ix_login_attempt_recent", "created_at"),
)

api_key = Table(
    "api_key",
    metadata,
    school_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    instant("revoked_at", nullable=True),
    created_at(),
    tenant_key(),
    of_school(),
    Index("uq_api_key_key_hash", "key_hash", unique=True),
)

# each entry's hash covers the one before it: a removed or altered entry shows
audit_entry = Table(
    "audit_entry",
    metadata,
    school_column(),
    id_column(),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    instant("acted_at"),
    tenant_key(),
    of_school(),
)

# a file that was uploaded and previewed, and waits to be accepted
import_batch = Table(
    "import_batch",
    metadata,
    school_column(),
    id_column(),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    # what was chosen beside the file, e.g. the bank account of a statement
    Column("parameters", JSONB, nullable=False, server_default="{}"),
    Column("uploaded_by", Text, nullable=False),
    instant("accepted_at", nullable=True),
    created_at(),
    tenant_key(),
    of_school(),
    CheckConstraint(
        "kind IN ('roster', 'fees', 'applications', 'statement', 'settlement', 'concessions')",
        name="kind_known",
    ),
)
