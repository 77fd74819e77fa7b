"""The night: settlements, journals of lines, notes, closes, mappings, concessions, months paid ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "kind IN ('receivable', 'student_credit', 'suspense', 'opening', 'bank', 'clearing',"
    " 'income', 'on_behalf')"
)
KINDS = (
    f"{KINDS_BEFORE[:-1]}, 'prepaid', 'state_receivable', 'provider_fee', 'provider_vat',"
    " 'bank_fee', 'in_transit')"
)
APPEND_ONLY = ("exception_note", "close_record")

# The row lock makes postings and a close wait for one another: who waited sees what the other wrote.
FORBID_POSTING_ON_CLOSED_DAYS = """
CREATE FUNCTION forbid_posting_on_closed_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT p.first_day, s.books_locked_until
      FROM school s
      JOIN (SELECT school_id, min(business_date) AS first_day FROM posted GROUP BY school_id) AS p
        ON p.school_id = s.id
       FOR KEY SHARE OF s
  LOOP
    IF one.first_day <= one.books_locked_until THEN
      RAISE EXCEPTION 'the books are closed until %: nothing is posted on %', one.books_locked_until, one.first_day
        USING ERRCODE = 'check_violation';
    END IF;
  END LOOP;
  RETURN NULL;
END $$
"""


VOUCHER_EXPORT_DAYS = ("first_on", "last_on", "locked_until")
DAYS_OF_EXPORTS = """
UPDATE voucher_export e SET first_on = d.first_on, last_on = d.last_on
  FROM (SELECT v.school_id, v.voucher_export_id, min(t.business_date) AS first_on, max(t.business_date) AS last_on
          FROM voucher v JOIN transfer t ON t.school_id = v.school_id AND t.id = v.transfer_id
         GROUP BY 1, 2) AS d
 WHERE d.school_id = e.school_id AND d.voucher_export_id = e.id
"""
# only the acknowledgement may be added to an export
EXPORTS_ARE_KEPT = """
CREATE TRIGGER voucher_export_is_kept
BEFORE UPDATE OF school_id, id, number, format, file_name, content, sha256, voucher_count, total_vnd,
                 exported_by, first_on, last_on, locked_until, created_at OR DELETE OR TRUNCATE
    ON voucher_export FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()
"""


def upgrade() -> None:
    """Add what the night and its books write down."""
    op.create_table(
        "close_record",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind = 'closed' OR reason <> ''", name=op.f("ck_close_record_reason_said")
        ),
        sa.CheckConstraint(
            "kind IN ('closed', 'reopen_requested', 'reopened')",
            name=op.f("ck_close_record_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_close_record_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_close_record")),
        sa.UniqueConstraint("school_id", "number", name=op.f("uq_close_record_school_id_number")),
    )
    op.create_table(
        "concession",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("borne_by", sa.Text(), nullable=False),
        sa.Column("decision_no", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), server_default="", nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "borne_by IN ('school', 'state')", name=op.f("ck_concession_borne_by_known")
        ),
        sa.CheckConstraint("from_date <= until_date", name=op.f("ck_concession_dates_in_order")),
        sa.CheckConstraint("percent BETWEEN 1 AND 100", name=op.f("ck_concession_percent_of_all")),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_concession_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_concession_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_concession")),
        sa.UniqueConstraint(
            "school_id",
            "student_id",
            "fee_item_id",
            "decision_no",
            "from_date",
            name="uq_concession_identity",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "file_mapping",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bank_account_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=True),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'statement' AND bank_account_id IS NOT NULL AND merchant_account_id IS NULL) OR (kind = 'settlement' AND merchant_account_id IS NOT NULL AND bank_account_id IS NULL)",
            name=op.f("ck_file_mapping_of_one_account"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "bank_account_id"],
            ["bank_account.school_id", "bank_account.id"],
            name=op.f("fk_file_mapping_school_id_bank_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_file_mapping_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_file_mapping")),
        sa.UniqueConstraint(
            "school_id",
            "kind",
            "bank_account_id",
            "merchant_account_id",
            name="uq_file_mapping_of",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "income_release",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount_vnd", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_vnd > 0", name=op.f("ck_income_release_amount_positive")),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_income_release_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_income_release_school_id_fee_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_income_release_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id",
            "fee_schedule_id",
            "student_id",
            "fee_item_id",
            "month",
            name=op.f("pk_income_release"),
        ),
    )
    op.create_table(
        "settlement",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_settlement_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_settlement")),
        sa.UniqueConstraint(
            "school_id",
            "merchant_account_id",
            "sha256",
            name=op.f("uq_settlement_school_id_merchant_account_id_sha256"),
        ),
    )
    op.create_table(
        "settlement_batch",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(journal_id IS NULL) = (booked_on IS NULL)",
            name=op.f("ck_settlement_batch_booked_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_settlement_batch_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_settlement_batch")),
        sa.UniqueConstraint(
            "school_id",
            "merchant_account_id",
            "name",
            name=op.f("uq_settlement_batch_school_id_merchant_account_id_name"),
        ),
    )
    op.create_table(
        "settlement_terms",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("fee_basis_points", sa.Integer(), nullable=False),
        sa.Column("fixed_vnd", sa.BigInteger(), nullable=False),
        sa.Column("vat_percent", sa.Integer(), nullable=False),
        sa.Column("settled_within_days", sa.Integer(), nullable=False),
        sa.Column("tolerance_vnd", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "fee_basis_points BETWEEN 0 AND 10000 AND fixed_vnd >= 0 AND vat_percent BETWEEN 0 AND 100",
            name=op.f("ck_settlement_terms_rates_readable"),
        ),
        sa.CheckConstraint(
            "settled_within_days BETWEEN 0 AND 60 AND tolerance_vnd >= 0",
            name=op.f("ck_settlement_terms_bounded"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_settlement_terms_school_id_merchant_account_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "merchant_account_id", "valid_from", name=op.f("pk_settlement_terms")
        ),
    )
    op.create_table(
        "conceded_charge",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("fee_item_id", sa.BigInteger(), nullable=False),
        sa.Column("concession_id", sa.BigInteger(), nullable=False),
        sa.Column("full_vnd", sa.BigInteger(), nullable=False),
        sa.Column("conceded_vnd", sa.BigInteger(), nullable=False),
        sa.Column("period_months", sa.Integer(), server_default="1", nullable=False),
        sa.Column("charged_on", sa.Date(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "conceded_vnd > 0 AND conceded_vnd <= full_vnd",
            name=op.f("ck_conceded_charge_conceded_within"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "concession_id"],
            ["concession.school_id", "concession.id"],
            name=op.f("fk_conceded_charge_school_id_concession_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_item_id"],
            ["fee_item.school_id", "fee_item.id"],
            name=op.f("fk_conceded_charge_school_id_fee_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "fee_schedule_id"],
            ["fee_schedule.school_id", "fee_schedule.id"],
            name=op.f("fk_conceded_charge_school_id_fee_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "student_id"],
            ["student.school_id", "student.id"],
            name=op.f("fk_conceded_charge_school_id_student_id"),
        ),
        sa.PrimaryKeyConstraint(
            "school_id",
            "fee_schedule_id",
            "student_id",
            "fee_item_id",
            "concession_id",
            name=op.f("pk_conceded_charge"),
        ),
    )
    op.create_table(
        "line_journal",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("statement_line_id", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), server_default="{}", nullable=False),
        sa.Column("booked_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "statement_line_id"],
            ["statement_line.school_id", "statement_line.id"],
            name=op.f("fk_line_journal_school_id_statement_line_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "statement_line_id", name=op.f("pk_line_journal")),
    )
    op.create_table(
        "exception_note",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("exception_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("addressee", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'question') = (addressee IS NOT NULL)",
            name=op.f("ck_exception_note_question_to_someone"),
        ),
        sa.CheckConstraint(
            "kind IN ('note', 'question', 'answer')", name=op.f("ck_exception_note_kind_known")
        ),
        sa.CheckConstraint("text <> ''", name=op.f("ck_exception_note_text_said")),
        sa.ForeignKeyConstraint(
            ["school_id", "exception_id"],
            ["exception.school_id", "exception.id"],
            name=op.f("fk_exception_note_school_id_exception_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_exception_note")),
    )
    op.create_index(
        "ix_exception_note_exception", "exception_note", ["school_id", "exception_id"], unique=False
    )
    op.create_table(
        "settlement_line",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("settlement_id", sa.BigInteger(), nullable=False),
        sa.Column("settlement_batch_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider_transaction_id", sa.Text(), nullable=False),
        sa.Column("merchant_reference", sa.Text(), nullable=False),
        sa.Column("original_reference", sa.Text(), nullable=False),
        sa.Column("gross_vnd", sa.BigInteger(), nullable=False),
        sa.Column("fee_vnd", sa.BigInteger(), nullable=False),
        sa.Column("vat_vnd", sa.BigInteger(), nullable=False),
        sa.Column("net_vnd", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_on", sa.Date(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('pay', 'refund', 'fee', 'chargeback', 'adjustment')",
            name=op.f("ck_settlement_line_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "merchant_account_id"],
            ["merchant_account.school_id", "merchant_account.id"],
            name=op.f("fk_settlement_line_school_id_merchant_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "payment_id"],
            ["payment.school_id", "payment.id"],
            name=op.f("fk_settlement_line_school_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "refund_id"],
            ["refund.school_id", "refund.id"],
            name=op.f("fk_settlement_line_school_id_refund_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "settlement_batch_id"],
            ["settlement_batch.school_id", "settlement_batch.id"],
            name=op.f("fk_settlement_line_school_id_settlement_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id", "settlement_id"],
            ["settlement.school_id", "settlement.id"],
            name=op.f("fk_settlement_line_school_id_settlement_id"),
        ),
        sa.PrimaryKeyConstraint("school_id", "id", name=op.f("pk_settlement_line")),
        sa.UniqueConstraint(
            "school_id",
            "merchant_account_id",
            "identity",
            name=op.f("uq_settlement_line_school_id_merchant_account_id_identity"),
        ),
    )
    op.create_index(
        "ix_settlement_line_batch",
        "settlement_line",
        ["school_id", "settlement_batch_id"],
        unique=False,
    )
    op.create_index(
        "uq_settlement_line_payment",
        "settlement_line",
        ["school_id", "payment_id"],
        unique=True,
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_index(
        "uq_settlement_line_refund",
        "settlement_line",
        ["school_id", "refund_id"],
        unique=True,
        postgresql_where=sa.text("refund_id IS NOT NULL"),
    )
    op.add_column(
        "notice",
        sa.Column("is_provisional", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    # which of the old ones vouch for nothing: those that made a payment still waiting for another
    op.execute(
        "UPDATE notice n SET is_provisional = true FROM payment p"
        " WHERE p.school_id = n.school_id AND p.id = n.id AND p.is_provisional"
    )
    op.add_column("exception", sa.Column("assigned_to", sa.Text(), nullable=True))
    op.add_column(
        "fee_schedule_line",
        sa.Column("period_months", sa.Integer(), server_default="1", nullable=False),
    )
    op.add_column(
        "invoice_line",
        sa.Column("conceded_vnd", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "invoice_line", sa.Column("period_months", sa.Integer(), server_default="1", nullable=False)
    )
    op.create_index(
        "ix_invoice_line_ahead",
        "invoice_line",
        ["school_id", "invoice_id"],
        unique=False,
        postgresql_where=sa.text("period_months > 1"),
    )
    op.add_column("school", sa.Column("night_hour", sa.SmallInteger(), nullable=True))
    op.add_column("school", sa.Column("books_locked_until", sa.Date(), nullable=True))
    op.add_column("payment", sa.Column("booked_on", sa.Date(), nullable=True))
    op.add_column("refund", sa.Column("booked_on", sa.Date(), nullable=True))
    op.add_column(
        "voucher_export", sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("voucher_export", sa.Column("acknowledged_by", sa.Text(), nullable=True))
    for day in VOUCHER_EXPORT_DAYS:
        op.add_column("voucher_export", sa.Column(day, sa.Date(), nullable=True))
    op.execute(DAYS_OF_EXPORTS)
    op.execute(EXPORTS_ARE_KEPT)
    op.drop_constraint(op.f("ck_ledger_account_kind_known"), "ledger_account")
    op.create_check_constraint(op.f("ck_ledger_account_kind_known"), "ledger_account", KINDS)
    op.drop_constraint(op.f("ck_import_batch_kind_known"), "import_batch")
    op.create_check_constraint(
        op.f("ck_import_batch_kind_known"),
        "import_batch",
        "kind IN ('roster', 'fees', 'applications', 'statement', 'settlement', 'concessions')",
    )
    op.drop_constraint(op.f("ck_invoice_line_amount_is_product"), "invoice_line")
    op.create_check_constraint(
        op.f("ck_invoice_line_amount_is_product"),
        "invoice_line",
        "amount_vnd = unit_price_vnd * quantity - conceded_vnd",
    )
    op.create_check_constraint(
        op.f("ck_invoice_line_conceded_within"),
        "invoice_line",
        "conceded_vnd >= 0 AND amount_vnd >= 0",
    )
    op.create_check_constraint(
        op.f("ck_fee_schedule_line_period_within_a_year"),
        "fee_schedule_line",
        "period_months BETWEEN 1 AND 12",
    )
    op.create_check_constraint(
        op.f("ck_school_night_hour_of_a_day"), "school", "night_hour BETWEEN 0 AND 23"
    )
    op.create_check_constraint(
        op.f("ck_voucher_export_acknowledged_whole"),
        "voucher_export",
        "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)",
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        )
    op.execute(FORBID_POSTING_ON_CLOSED_DAYS)
    op.execute(
        "CREATE TRIGGER transfer_on_open_days AFTER INSERT ON transfer REFERENCING NEW TABLE AS posted"
        " FOR EACH STATEMENT EXECUTE FUNCTION forbid_posting_on_closed_days()"
    )


def downgrade() -> None:
    """Take it away again."""
    op.execute("DROP TRIGGER transfer_on_open_days ON transfer")
    op.execute("DROP FUNCTION forbid_posting_on_closed_days()")
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
    op.drop_constraint(op.f("ck_voucher_export_acknowledged_whole"), "voucher_export")
    op.drop_constraint(op.f("ck_school_night_hour_of_a_day"), "school")
    op.drop_constraint(op.f("ck_fee_schedule_line_period_within_a_year"), "fee_schedule_line")
    op.drop_constraint(op.f("ck_invoice_line_conceded_within"), "invoice_line")
    op.drop_constraint(op.f("ck_invoice_line_amount_is_product"), "invoice_line")
    op.create_check_constraint(
        op.f("ck_invoice_line_amount_is_product"),
        "invoice_line",
        "amount_vnd = unit_price_vnd * quantity",
    )
    op.drop_constraint(op.f("ck_import_batch_kind_known"), "import_batch")
    op.create_check_constraint(
        op.f("ck_import_batch_kind_known"),
        "import_batch",
        "kind IN ('roster', 'fees', 'applications', 'statement')",
    )
    op.drop_constraint(op.f("ck_ledger_account_kind_known"), "ledger_account")
    op.create_check_constraint(op.f("ck_ledger_account_kind_known"), "ledger_account", KINDS_BEFORE)
    op.execute("DROP TRIGGER voucher_export_is_kept ON voucher_export")
    for day in VOUCHER_EXPORT_DAYS:
        op.drop_column("voucher_export", day)
    op.drop_column("voucher_export", "acknowledged_by")
    op.drop_column("voucher_export", "acknowledged_at")
    op.drop_column("refund", "booked_on")
    op.drop_column("payment", "booked_on")
    op.drop_column("school", "books_locked_until")
    op.drop_column("school", "night_hour")
    op.drop_index(
        "ix_invoice_line_ahead",
        table_name="invoice_line",
        postgresql_where=sa.text("period_months > 1"),
    )
    op.drop_column("invoice_line", "period_months")
    op.drop_column("invoice_line", "conceded_vnd")
    op.drop_column("fee_schedule_line", "period_months")
    op.drop_column("notice", "is_provisional")
    op.drop_column("exception", "assigned_to")
    op.drop_index(
        "uq_settlement_line_refund",
        table_name="settlement_line",
        postgresql_where=sa.text("refund_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_settlement_line_payment",
        table_name="settlement_line",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.drop_index("ix_settlement_line_batch", table_name="settlement_line")
    op.drop_table("settlement_line")
    op.drop_index("ix_exception_note_exception", table_name="exception_note")
    op.drop_table("exception_note")
    op.drop_table("line_journal")
    op.drop_table("conceded_charge")
    op.drop_table("settlement_terms")
    op.drop_table("settlement_batch")
    op.drop_table("settlement")
    op.drop_table("income_release")
    op.drop_table("file_mapping")
    op.drop_table("concession")
    op.drop_table("close_record")
