"""Pupils, their classes and guardians. Personal numbers are sealed; search goes by a keyed hash."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    metadata,
    of_school,
    school_column,
    tenant_key,
)

school_class = Table(
    "school_class",
    metadata,
    school_column(),
    id_column(),
    Column("school_year", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("grade", SmallInteger, nullable=False),
    # "class", or "applicants": who applied for the service of that name; nobody is enrolled there
    Column("kind", Text, nullable=False, server_default="class"),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "school_year", "kind", "name"),
    CheckConstraint("kind IN ('class', 'applicants')", name="kind_known"),
)

student = Table(
    "student",
    metadata,
    school_column(),
    id_column(),
    Column("code", Text, nullable=False),
    Column("full_name", Text, nullable=False),
    # unaccented, lower case: what the console searches
    Column("search_name", Text, nullable=False),
    Column("birth_date", Date, nullable=True),
    Column("personal_id_sealed", LargeBinary, nullable=True),
    Column("personal_id_hash", LargeBinary, nullable=True),
    # the pupil's own reference, valid at any time: pays the oldest due invoice first
    Column("reference", Text, nullable=False),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "code"),
    UniqueConstraint("school_id", "reference"),
    Index("ix_student_personal_id_hash", "school_id", "personal_id_hash"),
)

enrolment = Table(
    "enrolment",
    metadata,
    school_column(),
    Column("student_id", BigInteger, nullable=False),
    Column("school_year", Text, nullable=False),
    Column("class_id", BigInteger, nullable=False),
    tenant_key("student_id", "school_year"),
    belongs_to("student"),
    belongs_to("school_class", "class_id"),
    Index("ix_enrolment_class", "school_id", "class_id"),
)

guardian = Table(
    "guardian",
    metadata,
    school_column(),
    Column("student_id", BigInteger, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("phone", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    tenant_key("student_id"),
    belongs_to("student"),
)
