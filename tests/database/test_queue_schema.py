"""The queue's own tables are those that its library wants: a later version needs a migration of ours."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import procrastinate

import migrations

OURS = Path(migrations.__file__).parent / "sql" / "procrastinate_3_10.sql"


def test_the_library_still_wants_the_schema_that_we_migrate_to() -> None:
    theirs = Path(procrastinate.__file__).parent / "sql" / "schema.sql"
    _, ours = OURS.read_text().split("\n\n", 1)
    assert theirs.read_text() == ours


def test_the_copy_carries_the_library_s_licence_and_version() -> None:
    header, _ = OURS.read_text().split("\n\n", 1)
    said = " ".join(line.removeprefix("--").strip() for line in header.splitlines())
    library = distribution("procrastinate")
    licence = next(file for file in library.files or [] if file.name == "LICENSE.md")
    assert f"procrastinate {library.version}" in said
    assert " ".join(licence.read_text().split()) in " ".join(said.split())
