"""The operator sets how large a refund one person may give, and the doctor finds the books whole after one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, make_world
from support.refund_school import approved, receive, refund_request

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.refunds.manual import confirm_refund
from core.refunds.refund_transfers import make_transfer_list
from gateway.cli.doctor import examine
from gateway.cli.main import main
from gateway.settings import settings


@pytest.fixture
def here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path / "var"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_the_limit_is_set_and_told(here: None) -> None:
    assert run("create-school", "--code", "TH01", "--name", "Trường Hoa Sen").exit_code == 0
    said = run("set-refund-limit", "--above", "500000")
    assert "trên 500.000 đ cần người thứ hai" in said.output
    told = json.loads(run("set-refund-limit", "--above", "0", "--json").stdout)
    assert told == {"refund_approval_above_vnd": 0}
    refused = run("set-refund-limit", "--above", "-1")
    assert (refused.exit_code, "Hạn mức từ 0" in refused.stderr) == (1, True)


async def test_the_doctor_finds_the_books_whole_after_a_refund(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
    payment_id = await receive(engine, world, 150_000, world.invoices[0].reference)
    made = await approved(engine, world, payment_id, refund_request(120_000))
    async with transaction(engine) as db:
        await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
        )
        await confirm_refund(
            db, world.school_id, made.id, on=business_date(now_utc()), actor="ketoan"
        )
    findings = await examine(engine, KEYS)
    wrong = [one for one in findings if not one.ok and one.check != "durability"]
    assert wrong == []  # the tests' server does without fsync
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT paid_vnd FROM invoice") == 30_000
