"""What a school charges: fee items, schedules (drafted, approved, issued) and who opted in."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from core.models.base import (
    belongs_to,
    created_at,
    id_column,
    instant,
    metadata,
    money,
    of_school,
    school_column,
    tenant_key,
)

# nature: "tuition", "service" (both are the school's income) or "on_behalf" (thu hộ)
fee_item = Table(
    "fee_item",
    metadata,
    school_column(),
    id_column(),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("nature", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("is_optional", Boolean, nullable=False),
    Column("legal_basis", Text, nullable=False, server_default=""),
    # the administrative procedure on the National Public Service Portal (MaTTHC, MaDVC); "" if none
    Column("procedure_code", Text, nullable=False, server_default=""),
    Column("procedure_name", Text, nullable=False, server_default=""),
    Column("service_code", Text, nullable=False, server_default=""),
    Column("service_name", Text, nullable=False, server_default=""),
    tenant_key(),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "code"),
    CheckConstraint("nature IN ('tuition', 'service', 'on_behalf')", name="nature_known"),
)

# status: drafted by one person -> approved by another -> issued
fee_schedule = Table(
    "fee_schedule",
    metadata,
    school_column(),
    id_column(),
    # "roster": charged to the pupils enrolled; "application": a service, charged to who applies for it
    Column("kind", Text, nullable=False, server_default="roster"),
    Column("name", Text, nullable=False),
    Column("school_year", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("status", Text, nullable=False, server_default="drafted"),
    # identity of the content: importing the same file again finds this schedule
    Column("content_hash", Text, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("approved_by", Text, nullable=True),
    instant("approved_at", nullable=True),
    instant("issued_at", nullable=True),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "content_hash"),
    CheckConstraint("status IN ('drafted', 'approved', 'issued')", name="status_known"),
    CheckConstraint("kind IN ('roster', 'application')", name="kind_known"),
    CheckConstraint("approved_by IS NULL OR approved_by <> drafted_by", name="two_persons"),
)

# scope: "all", "grade:3" or "class:3A"; of a service "application"
fee_schedule_line = Table(
    "fee_schedule_line",
    metadata,
    school_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("fee_item_id", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    money("unit_price_vnd"),
    Column("quantity", Integer, nullable=False),
    # months that the charge is for, from the schedule's month on: more than one is paid ahead
    Column("period_months", Integer, nullable=False, server_default="1"),
    tenant_key("fee_schedule_id", "line_no"),
    belongs_to("fee_schedule"),
    belongs_to("fee_item"),
    CheckConstraint("unit_price_vnd > 0 AND quantity > 0", name="positive"),
    CheckConstraint("unit_price_vnd * quantity <= 1000000000000", name="bounded"),
    CheckConstraint("period_months BETWEEN 1 AND 12", name="period_within_a_year"),
)

# an optional item is charged only to those who asked for it, in this schedule: who is charged what is
# approved with it and stays as it was when next month's list differs
fee_registration = Table(
    "fee_registration",
    metadata,
    school_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("student_id", BigInteger, nullable=False),
    Column("fee_item_id", BigInteger, nullable=False),
    tenant_key("fee_schedule_id", "student_id", "fee_item_id"),
    belongs_to("fee_schedule"),
    belongs_to("student"),
    belongs_to("fee_item"),
)

# what a pupil need not pay: `percent` of an item (fee_item_id NULL: of all tuition), borne by the school
# itself or paid by the State; a schedule applies it when its month lies within the dates
concession = Table(
    "concession",
    metadata,
    school_column(),
    id_column(),
    Column("student_id", BigInteger, nullable=False),
    Column("fee_item_id", BigInteger, nullable=True),
    Column("percent", Integer, nullable=False),
    Column("borne_by", Text, nullable=False),
    Column("decision_no", Text, nullable=False),
    Column("legal_basis", Text, nullable=False, server_default=""),
    Column("from_date", Date, nullable=False),
    Column("until_date", Date, nullable=False),
    Column("granted_by", Text, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("student"),
    belongs_to("fee_item"),
    UniqueConstraint(
        "school_id",
        "student_id",
        "fee_item_id",
        "decision_no",
        "from_date",
        name="uq_concession_identity",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("percent BETWEEN 1 AND 100", name="percent_of_all"),
    CheckConstraint("borne_by IN ('school', 'state')", name="borne_by_known"),
    CheckConstraint("from_date <= until_date", name="dates_in_order"),
)

# what a concession took off a pupil's charge when a schedule was issued, whether or not an invoice was
# left to make; journal_id: the State's part. A cancelled one may be charged, and conceded, again.
conceded_charge = Table(
    "conceded_charge",
    metadata,
    school_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("student_id", BigInteger, nullable=False),
    Column("fee_item_id", BigInteger, nullable=False),
    Column("concession_id", BigInteger, nullable=False),
    money("full_vnd"),
    money("conceded_vnd"),
    Column("period_months", Integer, nullable=False, server_default="1"),
    Column("charged_on", Date, nullable=False),
    Column("journal_id", BigInteger, nullable=True),
    instant("cancelled_at", nullable=True),
    created_at(),
    tenant_key("fee_schedule_id", "student_id", "fee_item_id", "concession_id"),
    belongs_to("fee_schedule"),
    belongs_to("student"),
    belongs_to("fee_item"),
    belongs_to("concession"),
    CheckConstraint("conceded_vnd > 0 AND conceded_vnd <= full_vnd", name="conceded_within"),
)

# a month's part of what was charged ahead (the family's and the State's), once it has become income
income_release = Table(
    "income_release",
    metadata,
    school_column(),
    Column("fee_schedule_id", BigInteger, nullable=False),
    Column("student_id", BigInteger, nullable=False),
    Column("fee_item_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False),
    money("amount_vnd"),
    Column("journal_id", BigInteger, nullable=False),
    created_at(),
    tenant_key("fee_schedule_id", "student_id", "fee_item_id", "month"),
    belongs_to("fee_schedule"),
    belongs_to("student"),
    belongs_to("fee_item"),
    CheckConstraint("amount_vnd > 0", name="amount_positive"),
)
