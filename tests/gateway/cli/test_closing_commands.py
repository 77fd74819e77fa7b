"""`hocphi close-day`, `reopen-day` and what `doctor` says of closed days, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from support.command_school import hocphi, world_with_file
from support.factories import DAY
from test_reconcile_day_command import operator

from core.kit.database import transaction

__all__ = ["operator"]  # the fixture
WHOSE = ("--date", str(DAY), "--school", "TH01")


async def test_a_day_is_closed_checked_and_reopened_by_two(
    engine: AsyncEngine, operator: Path
) -> None:
    world, path = await world_with_file(engine, operator)
    brought = await hocphi("import-statement", path, "--account", world.bank_number)
    assert brought.exit_code == 0

    closed = await hocphi("close-day", *WHOSE, "--as", "Ke toan", "--json")
    record = json.loads(closed.stdout)
    assert (record["number"], record["kind"], record["actor"]) == (1, "closed", "Ke toan")
    again = await hocphi("close-day", *WHOSE, "--as", "Ke toan")
    assert (again.exit_code, "Sổ đã chốt" in again.stderr) == (1, True)
    asked_nothing = await hocphi("reopen-day", *WHOSE, "--as", "Ke toan")
    assert asked_nothing.exit_code == 1
    asked = await hocphi("reopen-day", *WHOSE, "--as", "Ke toan", "--reason", "Sai")
    assert "Đã đề nghị mở lại" in asked.stdout
    alone = await hocphi("reopen-day", *WHOSE, "--as", "ke toan", "--approve")
    assert (alone.exit_code, "cần một người khác" in alone.stderr) == (1, True)

    findings = json.loads((await hocphi("doctor", "--json")).stdout)["findings"]
    (of_days,) = [one for one in findings if one["check"] == "closed days of TH01"]
    assert of_days == {"check": "closed days of TH01", "ok": True, "detail": "2 records"}

    opened = await hocphi("reopen-day", *WHOSE, "--as", "Hieu truong", "--approve", "--json")
    assert json.loads(opened.stdout)["kind"] == "reopened"
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT books_locked_until FROM school") is None
        await db.raw.execute("UPDATE school SET books_locked_until = $1", DAY)
    broken = await hocphi("doctor", "--json")
    found = {one["check"]: one["ok"] for one in json.loads(broken.stdout)["findings"]}
    assert (broken.exit_code, found["closed days of TH01"]) == (1, False)
