"""The first schema: tables, sequences, and the triggers that keep the books append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FORBID_CHANGE = """
CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is forbidden: it is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""
APPEND_ONLY = ("transfer", "audit_entry", "notice_conflict", "voucher")


def upgrade() -> None:
    """Create everything."""
    op.execute("CREATE SEQUENCE reference_number_seq")
    op.execute("CREATE SEQUENCE journal_number_seq")
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("remote_ip", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_recent", "login_attempt", ["created_at"], unique=False)
    op.create_table(
        "school",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("province", sa.Text(), server_default="", nullable=False),
        sa.Column("accounting_regime", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_school")),
        sa.UniqueConstraint("code", name=op.f("uq_school_code")),
    )
    op.create_table(
        "api_key",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["school_id"], ["school.id"], name=op.f("fk_api_key_school_id")),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_api_key")),
    )
    op.create_index("uq_api_key_key_hash", "api_key", ["key_hash"], unique=True)
    op.create_table(
        "app_user",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role IN ('accountant', 'approver')", name=op.f("ck_app_user_role_known")
        ),
        sa.ForeignKeyConstraint(["school_id"], ["school.id"], name=op.f("fk_app_user_school_id")),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("school_id", "username", name=op.f("uq_app_user_school_id_username")),
    )
    op.create_index("uq_app_user_username", "app_user", ["username"], unique=True)
    op.create_table(
        "audit_entry",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_audit_entry_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_audit_entry")),
    )
    op.create_table(
        "bank_account",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("bin ~ '^[0-9]{6}$'", name=op.f("ck_bank_account_bin_shape")),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_bank_account_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_bank_account")),
        sa.UniqueConstraint("school_id", "number", name=op.f("uq_bank_account_school_id_number")),
    )
    op.create_table(
        "fee_schedule",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("school_year", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("status", sa.Text(), server_default="drafted", nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('drafted', 'approved', 'issued')", name=op.f("ck_fee_schedule_status_known")
        ),
        sa.CheckConstraint(
            "approved_by IS NULL OR approved_by <> drafted_by",
            name=op.f("ck_fee_schedule_two_persons"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_fee_schedule_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_fee_schedule")),
        sa.UniqueConstraint(
            "school_id", "content_hash", name=op.f("uq_fee_schedule_school_id_content_hash")
        ),
    )
    op.create_table(
        "import_batch",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('roster', 'fees', 'statement')", name=op.f("ck_import_batch_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_import_batch_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_import_batch")),
    )
    op.create_table(
        "school_class",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_year", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_school_class_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_school_class")),
        sa.UniqueConstraint(
            "school_id",
            "school_year",
            "name",
            name=op.f("uq_school_class_school_id_school_year_name"),
        ),
    )
    op.create_table(
        "student",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("personal_id_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("personal_id_hash", sa.LargeBinary(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["school_id"], ["school.id"], name=op.f("fk_student_school_id")),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_student")),
        sa.UniqueConstraint("school_id", "code", name=op.f("uq_student_school_id_code")),
        sa.UniqueConstraint("school_id", "reference", name=op.f("uq_student_school_id_reference")),
    )
    op.create_index(
        "ix_student_personal_id_hash", "student", ["school_id", "personal_id_hash"], unique=False
    )
    op.create_table(
        "voucher_export",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("voucher_count", sa.Integer(), nullable=False),
        sa.Column("total_vnd", sa.BigInteger(), nullable=False),
        sa.Column("exported_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_voucher_export_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_voucher_export")),
        sa.UniqueConstraint(
            "school_id", "format", "number", name=op.f("uq_voucher_export_school_id_format_number")
        ),
    )
    op.create_table(
        "enrolment",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("school_year", sa.Text(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id", "class_id"],
            ["school_class.school_id", "school_class.id"],
            name=op.f("fk_enrolment_school_id_class_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_enrolment_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "student_id", "school_year", name=op.f("pk_enrolment")
        ),
    )
    op.create_index("ix_enrolment_class", "enrolment", ["school_id", "class_id"], unique=False)
    op.create_table(
        "fee_item",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nature", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("is_optional", sa.Boolean(), nullable=False),
        sa.Column("legal_basis", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "nature IN ('tuition', 'service', 'on_behalf')", name=op.f("ck_fee_item_nature_known")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_fee_item_school_id_bank_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_fee_item")),
        sa.UniqueConstraint("school_id", "code", name=op.f("uq_fee_item_school_id_code")),
    )
    op.create_table(
        "guardian",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_guardian_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "student_id", name=op.f("pk_guardian")),
    )
    op.create_table(
        "invoice",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("total_vnd", sa.BigInteger(), nullable=False),
        sa.Column("paid_vnd", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "paid_vnd BETWEEN 0 AND total_vnd", name=op.f("ck_invoice_paid_within_total")
        ),
        sa.CheckConstraint("total_vnd > 0", name=op.f("ck_invoice_total_positive")),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_invoice_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "class_id"],
            ["school_class.school_id", "school_class.id"],
            name=op.f("fk_invoice_school_id_class_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_invoice_school_id_fee_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_invoice_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_invoice")),
        sa.UniqueConstraint(
            "school_id",
            "fee_schedule_id",
            "student_id",
            "bank_account_id",
            name=op.f("uq_invoice_school_id_fee_schedule_id_student_id_bank_account_id"),
        ),
        sa.UniqueConstraint("school_id", "reference", name=op.f("uq_invoice_school_id_reference")),
        sa.UniqueConstraint("school_id", "token", name=op.f("uq_invoice_school_id_token")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index(
        "ix_invoice_student_due", "invoice", ["school_id", "student_id", "due_on"], unique=False
    )
    op.create_index("ix_invoice_token", "invoice", ["token"], unique=False)
    op.create_table(
        "merchant_account",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("account_key", sa.Text(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("settlement", sa.Text(), nullable=False),
        sa.Column("sealed_secrets", sa.LargeBinary(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "settlement IN ('direct', 'batch')", name=op.f("ck_merchant_account_settlement_known")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_merchant_account_school_id_bank_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_merchant_account")),
        sa.UniqueConstraint(
            "school_id", "account_key", name=op.f("uq_merchant_account_school_id_account_key")
        ),
    )
    op.create_index(
        "ix_merchant_account_account_key", "merchant_account", ["account_key"], unique=False
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "user_id"],
            ["app_user.school_id", "app_user.id"],
            name=op.f("fk_session_school_id_user_id"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_table(
        "statement",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=False),
        sa.Column("opening_vnd", sa.BigInteger(), nullable=False),
        sa.Column("closing_vnd", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_statement_school_id_bank_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_statement")),
        sa.UniqueConstraint(
            "school_id",
            "bank_account_id",
            "sha256",
            name=op.f("uq_statement_school_id_bank_account_id_sha256"),
        ),
    )
    op.create_table(
        "checkout",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_reference", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "next_ask_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '15 minutes'"),
            nullable=True,
        ),
        sa.Column("ask_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_checkout_school_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_checkout_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_checkout")),
        sa.UniqueConstraint(
            "school_id",
            "merchant_account_id",
            "merchant_reference",
            name=op.f("uq_checkout_school_id_merchant_account_id_merchant_reference"),
        ),
    )
    op.create_index(
        "ix_checkout_due",
        "checkout",
        ["next_ask_at"],
        unique=False,
        postgresql_where=sa.text("next_ask_at IS NOT NULL"),
    )
    op.create_table(
        "fee_registration",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_fee_registration_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_fee_registration_school_id_fee_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_fee_registration_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id",
            "fee_schedule_id",
            "student_id",
            "fee_item_id",
            name=op.f("pk_fee_registration"),
        ),
    )
    op.create_table(
        "fee_schedule_line",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("unit_price_vnd", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "unit_price_vnd * quantity <= 1000000000000", name=op.f("ck_fee_schedule_line_bounded")
        ),
        sa.CheckConstraint(
            "unit_price_vnd > 0 AND quantity > 0", name=op.f("ck_fee_schedule_line_positive")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_fee_schedule_line_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_fee_schedule_line_school_id_fee_schedule_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "fee_schedule_id", "line_no", name=op.f("pk_fee_schedule_line")
        ),
    )
    op.create_table(
        "invoice_line",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price_vnd", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_vnd = unit_price_vnd * quantity", name=op.f("ck_invoice_line_amount_is_product")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_invoice_line_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_invoice_line_school_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "invoice_id", "line_no", name=op.f("pk_invoice_line")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=True),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('receivable', 'student_credit', 'suspense', 'opening', 'bank', 'clearing', 'income', 'on_behalf')",
            name=op.f("ck_ledger_account_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_ledger_account_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_ledger_account_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_ledger_account_school_id_merchant_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_ledger_account_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint(
            "school_id",
            "kind",
            "bank_account_id",
            "merchant_account_id",
            "fee_item_id",
            name="uq_ledger_account_identity",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "notice",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("merchant_reference", sa.Text(), nullable=False),
        sa.Column("payee_account", sa.Text(), nullable=False),
        sa.Column("bank_transaction_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("confirms_payment_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_notice_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "school_id",
            "merchant_account_id",
            "transaction_id",
            name=op.f("uq_notice_school_id_merchant_account_id_transaction_id"),
        ),
    )
    op.create_index(
        "ix_notice_confirms",
        "notice",
        ["school_id", "confirms_payment_id"],
        unique=False,
        postgresql_where=sa.text("confirms_payment_id IS NOT NULL"),
    )
    op.create_index(
        "ix_notice_merchant_reference",
        "notice",
        ["school_id", "merchant_account_id", "merchant_reference"],
        unique=False,
        postgresql_where=sa.text("merchant_reference <> ''"),
    )
    op.create_table(
        "statement_line",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("statement_id", sa.BigInteger(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("credit_vnd", sa.BigInteger(), nullable=False),
        sa.Column("debit_vnd", sa.BigInteger(), nullable=False),
        sa.Column("balance_vnd", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("bank_transaction_id", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("is_corrected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(credit_vnd > 0 AND debit_vnd = 0) OR (credit_vnd = 0 AND debit_vnd > 0)",
            name=op.f("ck_statement_line_one_side"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_statement_line_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "statement_id"],
            ["statement.school_id", "statement.id"],
            name=op.f("fk_statement_line_school_id_statement_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_statement_line")),
        sa.UniqueConstraint(
            "school_id",
            "bank_account_id",
            "identity",
            name=op.f("uq_statement_line_school_id_bank_account_id_identity"),
        ),
    )
    op.create_index(
        "ix_statement_line_day",
        "statement_line",
        ["school_id", "bank_account_id", "posted_on"],
        unique=False,
    )
    op.create_table(
        "day_close",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("ledger_account_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("opening_vnd", sa.BigInteger(), nullable=False),
        sa.Column("closing_vnd", sa.BigInteger(), nullable=False),
        sa.Column("difference_vnd", sa.BigInteger(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("result_hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "ledger_account_id"],
            ["ledger_account.school_id", "ledger_account.id"],
            name=op.f("fk_day_close_school_id_ledger_account_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "ledger_account_id", "business_date", name=op.f("pk_day_close")
        ),
    )
    op.create_table(
        "notice_conflict",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "notice_id"],
            ["notice.school_id", "notice.id"],
            name=op.f("fk_notice_conflict_school_id_notice_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_notice_conflict")),
        sa.UniqueConstraint(
            "school_id",
            "notice_id",
            "fingerprint",
            name=op.f("uq_notice_conflict_school_id_notice_id_fingerprint"),
        ),
    )
    op.create_table(
        "payment",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=True),
        sa.Column("student_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "token",
            sa.Text(),
            server_default=sa.text("replace(gen_random_uuid()::text, '-', '')"),
            nullable=False,
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("bank_transaction_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("is_corrected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("suspense_reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_payment_amount_positive")),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_payment_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "id"],
            ["notice.school_id", "notice.id"],
            name=op.f("fk_payment_school_id_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_payment")),
    )
    op.create_index(
        "ix_payment_bank_day",
        "payment",
        ["school_id", "bank_account_id", "business_date"],
        unique=False,
    )
    op.create_index(
        "ix_payment_bank_transaction",
        "payment",
        ["school_id", "bank_account_id", "bank_transaction_id"],
        unique=False,
        postgresql_where=sa.text("bank_transaction_id <> ''"),
    )
    op.create_index(
        "ix_payment_reference",
        "payment",
        ["school_id", "reference"],
        unique=False,
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.create_index("ix_payment_student", "payment", ["school_id", "student_id"], unique=False)
    op.create_index("ix_payment_token", "payment", ["token"], unique=False)
    op.create_table(
        "exception",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("notice_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("statement_line_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "reason IN ('unknown_reference', 'amount_mismatch', 'duplicate_payment', 'missing_in_statement', 'missing_notice', 'fee_variance', 'batch_total_mismatch', 'refund_unmatched', 'closed_invoice', 'wrong_account', 'conflicting_duplicate', 'unreadable_line', 'unexplained_debit')",
            name=op.f("ck_exception_reason_known"),
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL)", name=op.f("ck_exception_resolved_whole")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_exception_school_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "notice_id"],
            ["notice.school_id", "notice.id"],
            name=op.f("fk_exception_school_id_notice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_exception_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "statement_line_id"],
            ["statement_line.school_id", "statement_line.id"],
            name=op.f("fk_exception_school_id_statement_line_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_exception")),
        sa.UniqueConstraint(
            "school_id", "reason", "identity", name=op.f("uq_exception_school_id_reason_identity")
        ),
    )
    op.create_index(
        "ix_exception_open",
        "exception",
        ["school_id", "business_date"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "match",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("statement_line_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_match_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "statement_line_id"],
            ["statement_line.school_id", "statement_line.id"],
            name=op.f("fk_match_school_id_statement_line_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "statement_line_id", "payment_id", name=op.f("pk_match")
        ),
    )
    op.create_index("ix_match_payment", "match", ["school_id", "payment_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("debit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("credit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("memo", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_transfer_amount_positive")),
        sa.CheckConstraint(
            "debit_account_id <> credit_account_id", name=op.f("ck_transfer_two_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "credit_account_id"],
            ["ledger_account.school_id", "ledger_account.id"],
            name=op.f("fk_transfer_school_id_credit_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "debit_account_id"],
            ["ledger_account.school_id", "ledger_account.id"],
            name=op.f("fk_transfer_school_id_debit_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_transfer_school_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_transfer_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "reverses_id"],
            ["transfer.school_id", "transfer.id"],
            name=op.f("fk_transfer_school_id_reverses_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_transfer")),
    )
    op.create_index(
        "ix_transfer_credit_day",
        "transfer",
        ["school_id", "credit_account_id", "business_date"],
        unique=False,
    )
    op.create_index(
        "ix_transfer_debit_day",
        "transfer",
        ["school_id", "debit_account_id", "business_date"],
        unique=False,
    )
    op.create_index(
        "ix_transfer_invoice",
        "transfer",
        ["school_id", "invoice_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.create_index(
        "ix_transfer_payment",
        "transfer",
        ["school_id", "payment_id"],
        unique=False,
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        "uq_transfer_reverses",
        "transfer",
        ["school_id", "reverses_id"],
        unique=True,
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.create_table(
        "voucher",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("voucher_export_id", sa.BigInteger(), nullable=False),
        sa.Column("voucher_no", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id", "transfer_id"],
            ["transfer.school_id", "transfer.id"],
            name=op.f("fk_voucher_school_id_transfer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "voucher_export_id"],
            ["voucher_export.school_id", "voucher_export.id"],
            name=op.f("fk_voucher_school_id_voucher_export_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "format", "transfer_id", name=op.f("pk_voucher")),
    )
    op.execute(FORBID_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        )


def downgrade() -> None:
    """Drop everything."""
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
    op.execute("DROP FUNCTION forbid_change()")
    op.drop_table("voucher")
    op.drop_index(
        "uq_transfer_reverses",
        table_name="transfer",
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_transfer_payment",
        table_name="transfer",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_transfer_invoice",
        table_name="transfer",
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.drop_index("ix_transfer_debit_day", table_name="transfer")
    op.drop_index("ix_transfer_credit_day", table_name="transfer")
    op.drop_table("transfer")
    op.drop_index("ix_match_payment", table_name="match")
    op.drop_table("match")
    op.drop_index(
        "ix_exception_open", table_name="exception", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_table("exception")
    op.drop_index("ix_payment_token", table_name="payment")
    op.drop_index("ix_payment_student", table_name="payment")
    op.drop_index(
        "ix_payment_reference",
        table_name="payment",
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.drop_index(
        "ix_payment_bank_transaction",
        table_name="payment",
        postgresql_where=sa.text("bank_transaction_id <> ''"),
    )
    op.drop_index("ix_payment_bank_day", table_name="payment")
    op.drop_table("payment")
    op.drop_table("notice_conflict")
    op.drop_table("day_close")
    op.drop_index("ix_statement_line_day", table_name="statement_line")
    op.drop_table("statement_line")
    op.drop_index(
        "ix_notice_merchant_reference",
        table_name="notice",
        postgresql_where=sa.text("merchant_reference <> ''"),
    )
    op.drop_index(
        "ix_notice_confirms",
        table_name="notice",
        postgresql_where=sa.text("confirms_payment_id IS NOT NULL"),
    )
    op.drop_table("notice")
    op.drop_table("ledger_account")
    op.drop_table("invoice_line")
    op.drop_table("fee_schedule_line")
    op.drop_table("fee_registration")
    op.drop_index(
        "ix_checkout_due",
        table_name="checkout",
        postgresql_where=sa.text("next_ask_at IS NOT NULL"),
    )
    op.drop_table("checkout")
    op.drop_table("statement")
    op.drop_table("session")
    op.drop_index("ix_merchant_account_account_key", table_name="merchant_account")
    op.drop_table("merchant_account")
    op.drop_index("ix_invoice_token", table_name="invoice")
    op.drop_index("ix_invoice_student_due", table_name="invoice")
    op.drop_table("invoice")
    op.drop_table("guardian")
    op.drop_table("fee_item")
    op.drop_index("ix_enrolment_class", table_name="enrolment")
    op.drop_table("enrolment")
    op.drop_table("voucher_export")
    op.drop_index("ix_student_personal_id_hash", table_name="student")
    op.drop_table("student")
    op.drop_table("school_class")
    op.drop_table("import_batch")
    op.drop_table("fee_schedule")
    op.drop_table("bank_account")
    op.drop_table("audit_entry")
    op.drop_index("uq_app_user_username", table_name="app_user")
    op.drop_table("app_user")
    op.drop_index("uq_api_key_key_hash", table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("school")
    op.drop_index("ix_login_attempt_recent", table_name="login_attempt")
    op.drop_table("login_attempt")
    op.execute("DROP SEQUENCE journal_number_seq")
    op.execute("DROP SEQUENCE reference_number_seq")
