"""Own accounts: what a school uses instead of its circular's accounts, from a date on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the accounts that schools choose."""
    op.create_table(
        "account_override",
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "account ~ '^[0-9]{3}[0-9A-Z.-]{0,12}$'",
            name=op.f("ck_account_override_account_readable"),
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name=op.f("fk_account_override_school_id")
        ),
        sa.PrimaryKeyConstraint(
            "school_id", "purpose", "valid_from", name=op.f("pk_account_override")
        ),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("account_override")
