"""Every door: orders that providers name, unsigned amounts, states nobody defined, portal procedures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PROCEDURE = ("procedure_code", "procedure_name", "service_code", "service_name")


def upgrade() -> None:
    """Add what the new doors write down."""
    op.add_column(
        "checkout", sa.Column("provider_reference", sa.Text(), server_default="", nullable=False)
    )
    op.alter_column("checkout", "next_ask_at", server_default=None)
    op.add_column("checkout", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "notice", sa.Column("unmapped_status", sa.Text(), server_default="", nullable=False)
    )
    op.create_index(
        "ix_notice_unmapped",
        "notice",
        ["school_id", "merchant_account_id"],
        postgresql_where=sa.text("unmapped_status <> ''"),
    )
    op.add_column(
        "payment",
        sa.Column("is_provisional", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    _index_channels()
    for name in PROCEDURE:
        op.add_column("fee_item", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.create_table(
        "lookup",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_known", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_lookup_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_lookup")),
    )
    op.create_index(
        "ix_lookup_recent", "lookup", ["school_id", "merchant_account_id", "created_at"]
    )
    _add_applications()
    _add_official_receipts()
    _add_refunds()


def _index_channels() -> None:
    """What the console shows of each channel."""
    op.create_index("ix_notice_channel", "notice", ["school_id", "merchant_account_id", "id"])
    op.create_index(
        "ix_checkout_asked",
        "checkout",
        ["school_id", "merchant_account_id", "created_at"],
        postgresql_where=sa.text("next_ask_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_provisional",
        "payment",
        ["school_id", "business_date"],
        postgresql_where=sa.text("is_provisional"),
    )


def _add_applications() -> None:
    """Services charged to who applies for them, beside the schedules charged to the roster."""
    op.add_column(
        "fee_schedule", sa.Column("kind", sa.Text(), server_default="roster", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_fee_schedule_kind_known"), "fee_schedule", "kind IN ('roster', 'application')"
    )
    op.add_column(
        "school_class", sa.Column("kind", sa.Text(), server_default="class", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_school_class_kind_known"), "school_class", "kind IN ('class', 'applicants')"
    )
    op.drop_constraint(op.f("uq_school_class_school_id_school_year_name"), "school_class")
    op.create_unique_constraint(
        op.f("uq_school_class_school_id_school_year_kind_name"),
        "school_class",
        ["school_id", "school_year", "kind", "name"],
    )
    op.drop_constraint(op.f("ck_import_batch_kind_known"), "import_batch")
    op.create_check_constraint(
        op.f("ck_import_batch_kind_known"),
        "import_batch",
        "kind IN ('roster', 'fees', 'applications', 'statement')",
    )
    op.create_table(
        "application",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("file_code", sa.Text(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("quantities", JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "file_code ~ '^[0-9A-Z./-]{4,50}$'", name=op.f("ck_application_file_code_shape")
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_application_school_id_fee_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_application_school_id_student_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_application_school_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_application")),
        sa.UniqueConstraint(
            "school_id", "file_code", name=op.f("uq_application_school_id_file_code")
        ),
        sa.UniqueConstraint(
            "school_id", "student_id", name=op.f("uq_application_school_id_student_id")
        ),
    )
    op.create_index("ix_application_service", "application", ["school_id", "fee_schedule_id", "id"])


def _add_official_receipts() -> None:
    """A provider's own receipt of a payment; once it is there, the row never changes."""
    op.create_table(
        "official_receipt",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_reference", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("next_ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "num_nulls(content, content_type, sha256, fetched_at) IN (0, 4)",
            name=op.f("ck_official_receipt_whole_or_nothing"),
        ),
        sa.CheckConstraint(
            "content IS NULL OR next_ask_at IS NULL",
            name=op.f("ck_official_receipt_asked_until_there"),
        ),
        sa.CheckConstraint(
            "octet_length(content) BETWEEN 1 AND 10485760",
            name=op.f("ck_official_receipt_content_bounded"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_official_receipt_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "notice_id"],
            ["notice.school_id", "notice.id"],
            name=op.f("fk_official_receipt_school_id_notice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_official_receipt_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "payment_id", name=op.f("pk_official_receipt")),
        sa.UniqueConstraint(
            "school_id", "notice_id", name=op.f("uq_official_receipt_school_id_notice_id")
        ),
    )
    op.create_index(
        "ix_official_receipt_due",
        "official_receipt",
        ["next_ask_at"],
        postgresql_where=sa.text("next_ask_at IS NOT NULL"),
    )
    op.execute(
        "CREATE TRIGGER official_receipt_is_kept BEFORE UPDATE OR DELETE ON official_receipt"
        " FOR EACH ROW WHEN (OLD.content IS NOT NULL) EXECUTE FUNCTION forbid_change()"
    )


def _drop_portal() -> None:
    op.execute("DROP TRIGGER official_receipt_is_kept ON official_receipt")
    op.drop_table("official_receipt")
    op.drop_table("application")
    op.execute("DELETE FROM import_batch WHERE kind = 'applications'")
    op.drop_constraint(op.f("ck_import_batch_kind_known"), "import_batch")
    op.create_check_constraint(
        op.f("ck_import_batch_kind_known"),
        "import_batch",
        "kind IN ('roster', 'fees', 'statement')",
    )
    op.drop_constraint(op.f("uq_school_class_school_id_school_year_kind_name"), "school_class")
    op.create_unique_constraint(
        op.f("uq_school_class_school_id_school_year_name"),
        "school_class",
        ["school_id", "school_year", "name"],
    )
    op.drop_column("school_class", "kind")
    op.drop_column("fee_schedule", "kind")


def _add_refunds() -> None:
    """Refunds, the lists by which a bank sends them, and each school's limit for one person."""
    op.add_column(
        "school",
        sa.Column("refund_approval_above_vnd", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "payout_list",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("refund_count", sa.Integer(), nullable=False),
        sa.Column("total_vnd", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_payout_list_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_payout_list_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_payout_list")),
        sa.UniqueConstraint("school_id", "number", name=op.f("uq_payout_list_school_id_number")),
    )
    op.create_table(
        "refund",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("from_invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("form_key", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="requested", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("limit_vnd", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("demanded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("provider_refund_id", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_code", sa.Text(), server_default="", nullable=False),
        sa.Column("sealed_payee", sa.LargeBinary(), nullable=True),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=True),
        sa.Column("payout_list_id", sa.BigInteger(), nullable=True),
        sa.Column("bank_transaction_id", sa.Text(), server_default="", nullable=False),
        sa.Column("statement_line_id", sa.BigInteger(), nullable=True),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("journal_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(method = 'payout') = (sealed_payee IS NOT NULL)",
            name=op.f("ck_refund_payee_of_payout"),
        ),
        sa.CheckConstraint(
            "(status = 'done') = (journal_id IS NOT NULL) AND (journal_id IS NULL) = (done_on IS NULL)",
            name=op.f("ck_refund_done_is_posted"),
        ),
        sa.CheckConstraint(
            "method = 'provider' OR bank_account_id IS NOT NULL",
            name=op.f("ck_refund_payer_of_payout"),
        ),
        sa.CheckConstraint("method IN ('provider', 'payout')", name=op.f("ck_refund_method_known")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_refund_reason_said")),
        sa.CheckConstraint(
            "status <> 'listed' OR payout_list_id IS NOT NULL",
            name=op.f("ck_refund_listed_somewhere"),
        ),
        sa.CheckConstraint(
            "status <> 'sent' OR request_id IS NOT NULL", name=op.f("ck_refund_sent_under_an_id")
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'rejected', 'cancelled') OR (approved_at IS NOT NULL AND (approved_by IS NOT NULL OR amount_vnd <= limit_vnd))",
            name=op.f("ck_refund_approved_first"),
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'rejected', 'cancelled', 'approved', 'sent', 'listed', 'done', 'refused')",
            name=op.f("ck_refund_status_known"),
        ),
        sa.CheckConstraint(
            "(request_id IS NULL) = (demanded_at IS NULL)", name=op.f("ck_refund_demanded_whole")
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_refund_amount_positive")),
        sa.CheckConstraint("approved_by <> requested_by", name=op.f("ck_refund_two_persons")),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_refund_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "from_invoice_id"],
            ["invoice.school_id", "invoice.id"],
            name=op.f("fk_refund_school_id_from_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_refund_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payout_list_id"],
            ["payout_list.school_id", "payout_list.id"],
            name=op.f("fk_refund_school_id_payout_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "statement_line_id"],
            ["statement_line.school_id", "statement_line.id"],
            name=op.f("fk_refund_school_id_statement_line_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_refund")),
        sa.UniqueConstraint("request_id", name=op.f("uq_refund_request_id")),
        sa.UniqueConstraint("school_id", "form_key", name=op.f("uq_refund_school_id_form_key")),
        sa.UniqueConstraint("school_id", "number", name=op.f("uq_refund_school_id_number")),
        sa.UniqueConstraint(
            "school_id", "statement_line_id", name=op.f("uq_refund_school_id_statement_line_id")
        ),
    )
    op.create_index(
        "ix_refund_due",
        "refund",
        ["next_ask_at"],
        unique=False,
        postgresql_where=sa.text("next_ask_at IS NOT NULL"),
    )
    op.create_index("ix_refund_payment", "refund", ["school_id", "payment_id"], unique=False)


def _drop_refunds() -> None:
    op.drop_table("refund")
    op.drop_table("payout_list")
    op.drop_column("school", "refund_approval_above_vnd")


def downgrade() -> None:
    """Take it away again."""
    _drop_refunds()
    op.drop_table("lookup")
    _drop_portal()
    for name in reversed(PROCEDURE):
        op.drop_column("fee_item", name)
    op.drop_index("ix_payment_provisional", table_name="payment")
    op.drop_index("ix_checkout_asked", table_name="checkout")
    op.drop_index("ix_notice_channel", table_name="notice")
    op.drop_column("payment", "is_provisional")
    op.drop_index("ix_notice_unmapped", table_name="notice")
    op.drop_column("notice", "unmapped_status")
    op.drop_column("checkout", "withdrawn_at")
    op.alter_column(
        "checkout", "next_ask_at", server_default=sa.text("now() + interval '15 minutes'")
    )
    op.drop_column("checkout", "provider_reference")
