"""What all tables share: one metadata, one naming rule, and the kinds of columns.

Every tenant table carries `school_id` first in its primary key and in every unique key, so that
row-level security and sharding follow from the schema. Money is BIGINT VND, instants are
`timestamptz`, business dates are DATE in Asia/Ho_Chi_Minh.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    MetaData,
    PrimaryKeyConstraint,
    func,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def school_column() -> Column[int]:
    """The tenant, first in every key."""
    return Column("school_id", BigInteger, nullable=False)


def id_column() -> Column[int]:
    """A surrogate number, unique over all schools of one database."""
    return Column("id", BigInteger, Identity(), nullable=False)


def tenant_key(*columns: str) -> PrimaryKeyConstraint:
    """The primary key of a tenant table: school first, then `columns` (the id if none are named)."""
    return PrimaryKeyConstraint("school_id", *(columns or ("id",)))


def belongs_to(table: str, column: str | None = None) -> ForeignKeyConstraint:
    """A foreign key inside one school: (school_id, column) -> table(school_id, id)."""
    return ForeignKeyConstraint(
        ["school_id", column or f"{table}_id"], [f"{table}.school_id", f"{table}.id"]
    )


def of_school() -> ForeignKeyConstraint:
    """The foreign key of a tenant table to its school."""
    return ForeignKeyConstraint(["school_id"], ["school.id"])


def money(name: str, *, nullable: bool = False) -> Column[int]:
    """An amount in VND; `name` ends in `_vnd`."""
    return Column(name, BigInteger, nullable=nullable)


def instant(name: str, *, nullable: bool = False) -> Column[object]:
    """An instant, stored in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def created_at() -> Column[object]:
    """When the row was written, by the database's clock."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())
