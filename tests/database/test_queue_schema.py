"""The queue's own tables are those that its library wants: a later version needs a migration of ours."""

from __future__ import annotations

from pathlib import Path

import procrastinate

import migrations


def test_the_library_still_wants_the_schema_that_we_migrate_to() -> None:
    theirs = Path(procrastinate.__file__).parent / "sql" / "schema.sql"
    ours = Path(migrations.__file__).parent / "sql" / "procrastinate_3_10.sql"
    assert theirs.read_text() == ours.read_text()
