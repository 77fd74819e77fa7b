"""The queue of nights: procrastinate's own objects, and how each night stands.

The library's schema is kept beside the migrations, as its version 3.10 ships it (MIT licence), so that
this migration says the same for ever; a later schema of the library is a later migration.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LIBRARY = Path(__file__).parent.parent / "sql" / "procrastinate_3_10.sql"

DROP_LIBRARY = r"""
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
    """Add the queue and what the nights say of themselves."""
    # many statements at once: only the driver itself takes them
    connection = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(LIBRARY.read_text()))  # type: ignore[union-attr] # SQLAlchemy's asyncpg adapter
    op.create_table(
        "night_run",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result_hash", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed')",
            name=op.f("ck_night_run_state_known"),
        ),
        sa.CheckConstraint(
            "(state = 'done') <= (result_hash IS NOT NULL AND finished_at IS NOT NULL)",
            name=op.f("ck_night_run_done_whole"),
        ),
        sa.CheckConstraint(
            "(state = 'failed') <= (error_code IS NOT NULL AND finished_at IS NOT NULL)",
            name=op.f("ck_night_run_failed_whole"),
        ),
        sa.ForeignKeyConstraint(["school_id"], ["school.id"], name=op.f("fk_night_run_school_id")),
        sa.PrimaryKeyConstraint("school_id", "business_date", name=op.f("pk_night_run")),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("night_run")
    op.execute(DROP_LIBRARY)
