"""Reconciliation: statements, their lines, matches, exceptions, proofs, day closes and exports."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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
    money,
    of_school,
    school_column,
    tenant_key,
)

statement = Table(
    "statement",
    metadata,
    school_column(),
    id_column(),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("layout", Text, nullable=False),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date, nullable=False),
    money("opening_vnd"),
    money("closing_vnd"),
    Column("line_count", Integer, nullable=False),
    Column("imported_by", Text, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "bank_account_id", "sha256"),
)

# identity: the bank's transaction id, else a hash of the content and its ordinal on the day:
# the same line in two overlapping files counts once
statement_line = Table(
    "statement_line",
    metadata,
    school_column(),
    id_column(),
    Column("statement_id", BigInteger, nullable=False),
    Column("bank_account_id", BigInteger, nullable=False),
    Column("row", Integer, nullable=False),
    Column("posted_on", Date, nullable=False),
    money("credit_vnd"),
    money("debit_vnd"),
    money("balance_vnd", nullable=True),
    Column("content", Text, nullable=False),
    Column("bank_transaction_id", Text, nullable=False),
    Column("identity", Text, nullable=False),
    # what was read from the text at ingest; several are joined with a space
    Column("reference", Text, nullable=True),
    Column("is_corrected", Boolean, nullable=False, server_default=text("false")),
    tenant_key(),
    belongs_to("statement"),
    belongs_to("bank_account"),
    UniqueConstraint("school_id", "bank_account_id", "identity"),
    Index("ix_statement_line_day", "school_id", "bank_account_id", "posted_on"),
    CheckConstraint(
        "(credit_vnd > 0 AND debit_vnd = 0) OR (credit_vnd = 0 AND debit_vnd > 0)", name="one_side"
    ),
)

match = Table(
    "match",
    metadata,
    school_column(),
    Column("statement_line_id", BigInteger, nullable=False),
    Column("payment_id", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    created_at(),
    tenant_key("statement_line_id", "payment_id"),
    belongs_to("statement_line"),
    belongs_to("payment"),
    Index("ix_match_payment", "school_id", "payment_id"),
)

# An exception in the accountant's sense: something a person must look at. `identity` lets a re-run find
# the row that it wrote before.
exception = Table(
    "exception",
    metadata,
    school_column(),
    id_column(),
    Column("reason", Text, nullable=False),
    Column("identity", Text, nullable=False),
    money("amount_vnd"),
    Column("business_date", Date, nullable=False),
    Column("notice_id", BigInteger, nullable=True),
    Column("payment_id", BigInteger, nullable=True),
    Column("statement_line_id", BigInteger, nullable=True),
    Column("invoice_id", BigInteger, nullable=True),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    # the colleague who was asked and has not answered yet
    Column("assigned_to", Text, nullable=True),
    Column("resolution", Text, nullable=True),
    Column("note", Text, nullable=False, server_default=""),
    Column("resolved_by", Text, nullable=True),
    instant("resolved_at", nullable=True),
    created_at(),
    tenant_key(),
    belongs_to("notice"),
    belongs_to("payment"),
    belongs_to("statement_line"),
    belongs_to("invoice"),
    UniqueConstraint("school_id", "reason", "identity"),
    Index(
        "ix_exception_open",
        "school_id",
        "business_date",
        postgresql_where=text("resolved_at IS NULL"),
    ),
    CheckConstraint(
        "reason IN ('unknown_reference', 'amount_mismatch', 'duplicate_payment',"
        " 'missing_in_statement', 'missing_notice', 'fee_variance', 'batch_total_mismatch',"
        " 'refund_unmatched', 'closed_invoice', 'wrong_account', 'conflicting_duplicate',"
        " 'unreadable_line', 'unexplained_debit')",
        name="reason_known",
    ),
    CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved_whole"),
)

# a line that is no family's payment, and the journal that books it: a provider's settlement, a bank's fee,
# money paid on or transferred between own accounts. `booked_on`: the day of the journal in the books.
line_journal = Table(
    "line_journal",
    metadata,
    school_column(),
    Column("statement_line_id", BigInteger, nullable=False),
    Column("journal_id", BigInteger, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("rule", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, server_default="{}"),
    Column("booked_by", Text, nullable=False),
    created_at(),
    tenant_key("statement_line_id"),
    belongs_to("statement_line"),
)

# the notes of people on an exception; append-only
exception_note = Table(
    "exception_note",
    metadata,
    school_column(),
    id_column(),
    Column("exception_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("author", Text, nullable=False),
    # of a question: who is asked
    Column("addressee", Text, nullable=True),
    Column("text", Text, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("exception"),
    Index("ix_exception_note_exception", "school_id", "exception_id"),
    CheckConstraint("kind IN ('note', 'question', 'answer')", name="kind_known"),
    CheckConstraint("text <> ''", name="text_given"),
    CheckConstraint("(kind = 'question') = (addressee IS NOT NULL)", name="question_to_someone"),
)

# how a school reads files that no layout of ours knows: role -> header, made once on screen
file_mapping = Table(
    "file_mapping",
    metadata,
    school_column(),
    id_column(),
    # "statement" of a bank account, "settlement" of a merchant account
    Column("kind", Text, nullable=False),
    Column("bank_account_id", BigInteger, nullable=True),
    Column("merchant_account_id", BigInteger, nullable=True),
    Column("headers", JSONB, nullable=False),
    Column("made_by", Text, nullable=False),
    created_at(),
    tenant_key(),
    belongs_to("bank_account"),
    belongs_to("merchant_account"),
    UniqueConstraint(
        "school_id",
        "kind",
        "bank_account_id",
        "merchant_account_id",
        name="uq_file_mapping_of",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint(
        "(kind = 'statement' AND bank_account_id IS NOT NULL AND merchant_account_id IS NULL)"
        " OR (kind = 'settlement' AND merchant_account_id IS NOT NULL AND bank_account_id IS NULL)",
        name="of_one_account",
    ),
)

# the proof of one ledger account (a bank account or a clearing account) on one day
daily_proof = Table(
    "daily_proof",
    metadata,
    school_column(),
    Column("ledger_account_id", BigInteger, nullable=False),
    Column("business_date", Date, nullable=False),
    money("opening_vnd"),
    money("closing_vnd"),
    money("difference_vnd"),
    Column("body", JSONB, nullable=False),
    Column("result_hash", Text, nullable=False),
    created_at(),
    tenant_key("ledger_account_id", "business_date"),
    belongs_to("ledger_account"),
)

# A day closed by a person, asked to be reopened, reopened by another: append-only, each record's hash covers
# the one before it, and `signature` is a keyed hash that the database alone cannot make.
day_close = Table(
    "day_close",
    metadata,
    school_column(),
    id_column(),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("body", JSONB, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "number"),
    CheckConstraint("kind IN ('closed', 'reopen_requested', 'reopened')", name="kind_known"),
    CheckConstraint("kind = 'closed' OR reason <> ''", name="reason_given"),
)

# The reconciliation of a school's day: its progress, or its last result. The jobs to be run are in the
# queue (procrastinate's tables, beside ours); this is what people see, and what need not run again.
reconciliation_run = Table(
    "reconciliation_run",
    metadata,
    school_column(),
    Column("business_date", Date, nullable=False),
    Column("state", Text, nullable=False),
    # the step it is in, and how much of it is done, of how much
    Column("step", Text, nullable=False, server_default=""),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("worker", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("result_hash", Text, nullable=True),
    Column("error_code", Text, nullable=True),
    instant("queued_at", nullable=True),
    instant("started_at", nullable=True),
    instant("heartbeat_at", nullable=True),
    instant("finished_at", nullable=True),
    tenant_key("business_date"),
    of_school(),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state_known"),
    CheckConstraint(
        "(state = 'done') <= (result_hash IS NOT NULL AND finished_at IS NOT NULL)",
        name="done_whole",
    ),
    CheckConstraint(
        "(state = 'failed') <= (error_code IS NOT NULL AND finished_at IS NOT NULL)",
        name="failed_whole",
    ),
)

voucher_export = Table(
    "voucher_export",
    metadata,
    school_column(),
    id_column(),
    Column("number", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("voucher_count", Integer, nullable=False),
    money("total_vnd"),
    Column("exported_by", Text, nullable=False),
    # the days of its vouchers, and the last day of the books that was closed when it was made
    Column("first_on", Date, nullable=True),
    Column("last_on", Date, nullable=True),
    Column("locked_until", Date, nullable=True),
    # when the school's own software acknowledged the vouchers
    instant("acknowledged_at", nullable=True),
    Column("acknowledged_by", Text, nullable=True),
    created_at(),
    tenant_key(),
    of_school(),
    UniqueConstraint("school_id", "format", "number"),
    CheckConstraint(
        "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged_whole"
    ),
)

# a transfer is exported once per format
voucher = Table(
    "voucher",
    metadata,
    school_column(),
    Column("format", Text, nullable=False),
    Column("transfer_id", BigInteger, nullable=False),
    Column("voucher_export_id", BigInteger, nullable=False),
    Column("voucher_no", Text, nullable=False),
    tenant_key("format", "transfer_id"),
    belongs_to("voucher_export"),
    belongs_to("transfer"),
)
