"""The accounts that a school uses instead of those its circular names, from a date on."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, Table, Text

from core.models.base import created_at, metadata, of_school, school_column, tenant_key

# purpose: a key of the dated chart data; account NULL: the circular's own again
account_override = Table(
    "account_override",
    metadata,
    school_column(),
    Column("purpose", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("account", Text, nullable=True),
    Column("set_by", Text, nullable=False),
    created_at(),
    tenant_key("purpose", "valid_from"),
    of_school(),
    CheckConstraint("account ~ '^[0-9]{3}[0-9A-Z.-]{0,12}$'", name="account_readable"),
)
