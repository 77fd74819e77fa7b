"""The schema's history. A migration that has landed is never edited; a change is a new one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(url: str) -> Config:
    """Alembic's configuration for the database at `url` (postgresql+asyncpg://…)."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision`, in one transaction: all of it or nothing.

    Runs its own event loop: call it from a thread when one is running already.
    """
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to `revision` (`base`: to nothing). Loses data; for checks only."""
    command.downgrade(alembic_config(url), revision)
