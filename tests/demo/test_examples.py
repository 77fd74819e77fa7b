"""The example files are what their generator makes, and what the importers take without a fault."""

from __future__ import annotations

import runpy
from datetime import date
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from adapters.tabular.workbook import read_sheets
from core.fees.concession_file import read_concessions
from core.fees.schedule import read_schedule
from core.portal.forms import ServiceLine, price_forms, read_forms
from core.students.roster import read_roster

EXAMPLES = REPOSITORY / "examples"


@pytest.mark.parametrize(
    "name",
    ["roster.xlsx", "fees.xlsx", "concessions.xlsx", "service.xlsx", "applications.xlsx"],
)
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
    assert [line.item_code for line in schedule.lines if line.period_months == 3] == ["SLL"]


def test_the_concessions_are_read_without_a_fault() -> None:
    name = "concessions.xlsx"
    file = read_concessions((EXAMPLES / name).read_bytes(), name)
    assert file.faults == ()
    assert {(row.percent, row.borne_by) for row in file.rows} == {
        *((50, "state"), (100, "state"), (50, "school"), (100, "school")),
    }
    pupils = read_roster(
        (EXAMPLES / "roster.xlsx").read_bytes(), "roster.xlsx", today=date(2026, 11, 21)
    )
    assert {row.student_code for row in file.rows} <= {pupil.code for pupil in pupils.rows}


def test_the_applications_are_read_for_the_service_without_a_fault() -> None:
    service = read_schedule((EXAMPLES / "service.xlsx").read_bytes(), "service.xlsx")
    assert (service.faults, service.kind) == ((), "application")
    assert {line.procedure.service_code for line in service.lines} == {"9.900001.01"}
    lines = [
        ServiceLine(
            item_code=line.item_code,
            name=line.name,
            unit=line.unit,
            unit_price_vnd=line.unit_price_vnd,
            quantity=line.quantity,
            is_optional=line.is_optional,
        )
        for line in service.lines
    ]
    file = read_forms((EXAMPLES / "applications.xlsx").read_bytes(), "applications.xlsx", lines)
    wanted, faults = price_forms(file.forms, lines)
    assert (file.faults, faults, file.ignored_columns) == ((), (), ("STT", "Ghi chú"))
    assert len(wanted) == 24
    assert {one.quantities.get("BS") for one in wanted} == {None, 1, 2}
