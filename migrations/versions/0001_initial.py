"""The schema as it begins: each noun's tables, indexes and triggers stand in a file of SQL text.

`sql/0001/` belongs to this revision and is never edited once a version is released: a change is a revision
of its own. Tables of the job queue's library come from a copy of its schema, also kept as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import context, op
from sqlalchemy.engine import AdaptedConnection

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL: Final = Path(__file__).parent.parent / "sql"
LIBRARY: Final = SQL / "procrastinate_3_10.sql"

# File -> the tables it makes, each after those that it refers to.
NOUNS: Final = {
    "00_append_only": (),
    "01_schools": ("school", "bank_account"),
    "02_identity": (
        "app_user",
        "session",
        "login_attempt",
        "api_key",
        "audit_entry",
        "import_batch",
    ),
    "03_students": ("school_class", "student", "enrolment", "guardian"),
    "04_fees": (
        "fee_item",
        "fee_schedule",
        "fee_schedule_line",
        "fee_registration",
        "concession",
        "conceded_charge",
        "income_release",
    ),
    "05_invoices": ("invoice", "invoice_line"),
    "06_merchants": ("merchant_account", "settlement_terms"),
    "07_payments": ("checkout", "notice", "notice_conflict", "lookup", "payment"),
    "08_ledger": ("ledger_account", "transfer"),
    "09_portal": ("application", "official_receipt"),
    "10_reconciliation": (
        "statement",
        "statement_line",
        "match",
        "exception",
        "exception_note",
        "line_journal",
        "file_mapping",
    ),
    "11_refunds": ("transfer_list", "refund"),
    "12_settlements": ("settlement", "settlement_batch", "settlement_line"),
    "13_closing": ("daily_proof", "day_close"),
    "14_accounting": ("account_override", "voucher_export", "voucher"),
    "15_jobs": ("reconciliation_run",),
}

DROP_LIBRARY: Final = r"""
DO $$
DECLARE what text;
BEGIN
    DROP TABLE procrastinate_periodic_defers, procrastinate_events, procrastinate_jobs,
               procrastinate_workers CASCADE;
    FOR what IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'procrastinate\_%' LOOP
        EXECUTE 'DROP FUNCTION ' || what;
    END LOOP;
    DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
END;
$$
"""


def upgrade() -> None:
    """Create everything."""
    for noun in NOUNS:
        _run(SQL / "0001" / f"{noun}.sql")
    _run(LIBRARY)


def downgrade() -> None:
    """Drop everything, in reverse; triggers and indexes go with their tables."""
    op.execute(DROP_LIBRARY)
    for tables in reversed(NOUNS.values()):
        for table in reversed(tables):
            op.drop_table(table)
    op.execute("DROP FUNCTION forbid_posting_on_closed_days()")
    op.execute("DROP SEQUENCE journal_number_seq, reference_number_seq")
    op.execute("DROP FUNCTION forbid_change()")


def _run(script: Path) -> None:
    """Run the statements of a file: only the driver itself takes several at once."""
    statements = script.read_text(encoding="utf-8")
    if context.is_offline_mode():
        op.get_context().impl.static_output(statements)
        return
    connection: object = op.get_bind().connection.dbapi_connection
    assert isinstance(connection, AdaptedConnection)  # narrows the type: the driver is asyncpg
    connection.run_async(lambda driver: driver.execute(statements))
