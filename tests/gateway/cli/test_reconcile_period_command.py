"""`hocphi reconcile` as an operator types it: a day, a period, several schools; the same again is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY
from support.reconciliation_school import books_and_proofs, bring_lines, hashes, schools

from core.kit.database import transaction
from gateway.cli.reconcile import reconcile_days
from gateway.settings import settings

FROM, TO = (DAY - timedelta(1)).isoformat(), (DAY + timedelta(1)).isoformat()


@pytest.fixture
def operator(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An operator, with the settings pointing at the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


async def reconcile(*words: str) -> Result:
    """Run the command in a thread of its own: it brings its own event loop."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.wrap_future(
            thread.submit(CliRunner().invoke, reconcile_days, list(words), catch_exceptions=False)
        )


@pytest.mark.usefixtures("operator")
async def test_a_period_of_several_schools_and_the_same_again(engine: AsyncEngine) -> None:
    for world in await schools(engine, 3):
        await bring_lines(engine, world)
    words = ("--from", FROM, "--to", TO, "--school", "TH02", "--school", "TH01", "--json")
    done = await reconcile(*words)
    first = json.loads(done.stdout)
    assert done.exit_code == 2  # nobody brought a statement of the days around
    assert [school["code"] for school in first["schools"]] == ["TH01", "TH02"]
    days = [[day["date"] for day in school["days"]] for school in first["schools"]]
    assert days == [[FROM, DAY.isoformat(), TO]] * 2
    assert [school["days"][1]["created"] for school in first["schools"]] == [4, 4]
    told = await hashes(engine)
    assert len(told) == 6
    assert told["TH01", DAY] == first["schools"][0]["days"][1]["result_hash"]
    before = await books_and_proofs(engine)

    again = json.loads((await reconcile(*words)).stdout)
    assert again["result_hash"] == first["result_hash"]
    assert [day["created"] for school in again["schools"] for day in school["days"]] == [0] * 6
    assert await books_and_proofs(engine) == before

    everyone = await reconcile("--date", DAY.isoformat(), "--all-schools")
    assert [code in everyone.stdout for code in ("TH01", "TH02", "TH03")] == [True] * 3
    assert told["TH01", DAY] in everyone.stdout
    assert "\r" not in everyone.stderr  # no bar where nobody looks


@pytest.mark.usefixtures("operator")
async def test_a_refused_night_ends_its_school_and_not_the_others(engine: AsyncEngine) -> None:
    ill, well = await schools(engine, 2)
    for world in (ill, well):
        await bring_lines(engine, world)
    async with transaction(engine) as db:  # no door by which lost money could be recorded
        await db.raw.execute(
            "UPDATE merchant_account SET adapter = 'casso', account_key = 'x' WHERE school_id = $1 AND adapter = 'statement'",
            ill.school_id,
        )
    done = await reconcile("--from", FROM, "--to", TO, "--all-schools", "--json")
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)["schools"]
    assert (len(first["days"]), first["problem"]) == (1, "no_statement_door")
    assert (len(second["days"]), second["problem"]) == (3, None)
    assert "TH01: " in done.stderr


@pytest.mark.usefixtures("operator")
async def test_what_is_asked_must_be_clear(engine: AsyncEngine) -> None:
    await schools(engine, 2)
    day = DAY.isoformat()
    for words in (
        (),
        ("--date", day, "--from", day, "--to", day),
        ("--from", day),
        ("--from", TO, "--to", FROM),
        ("--from", "2020-01-01", "--to", day),
        ("--date", day, "--school", "TH01", "--all-schools"),
    ):
        done = await reconcile(*words)
        assert (words, done.exit_code) == (words, 2)
    for words in (("--date", day), ("--date", day, "--school", "TH01", "--school", "TH99")):
        done = await reconcile(*words)
        assert (words, done.exit_code) == (words, 1)
    assert "TH99" in done.stderr
