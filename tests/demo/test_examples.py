"""The example files are what their generator makes, and what the importers take without a fault."""

from __future__ import annotations

import runpy
from datetime import date
from pathlib import Path

import pytest

from adapters.spreadsheet import read_sheets
from gateway.fees.schedule import read_schedule
from gateway.students.roster import read_roster

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["roster.xlsx", "fees.xlsx"])
def test_the_committed_file_is_what_the_generator_makes(name: str, tmp_path: Path) -> None:
    script = tmp_path / "make_examples.py"
    script.write_bytes((EXAMPLES / "make_examples.py").read_bytes())
    runpy.run_path(str(script), run_name="__main__")
    committed = read_sheets((EXAMPLES / name).read_bytes(), name)
    assert read_sheets((tmp_path / name).read_bytes(), name) == committed


def test_the_roster_is_read_without_a_fault() -> None:
    roster = read_roster(
        (EXAMPLES / "roster.xlsx").read_bytes(), "roster.xlsx", today=date(2026, 11, 21)
    )
    assert (roster.faults, roster.warnings) == ((), ())
    assert len({row.class_name for row in roster.rows}) == 20
    assert all(row.phone.startswith("0710") and row.birth_date for row in roster.rows)
    assert all(row.personal_id.startswith("099") for row in roster.rows)


def test_the_fees_are_read_without_a_fault() -> None:
    schedule = read_schedule((EXAMPLES / "fees.xlsx").read_bytes(), "fees.xlsx")
    assert schedule.faults == ()
    assert (schedule.month, schedule.due_on) == (date(2026, 11, 1), date(2026, 11, 30))
    assert {line.nature for line in schedule.lines} == {"service", "on_behalf"}
    assert len({line.account for line in schedule.lines}) == 2
    assert len(schedule.registrations) > 300
