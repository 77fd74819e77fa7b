"""`hocphi import-statement`, `reconcile`, `export` as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.command_school import add_row, hocphi, is_zip, world_with_file
from support.factories import BATCH, DAY
from support.message_files import camt
from support.statement_files import Entry

from core.kit.database import transaction
from gateway.settings import settings


@pytest.fixture
def operator(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's folder, with the settings pointing at the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


async def test_a_night_by_hand(engine: AsyncEngine, operator: Path) -> None:
    world, path = await world_with_file(engine, operator)
    done = await hocphi("import-statement", path, "--account", world.bank_number, "--json")
    assert json.loads(done.stdout)["new_lines"] == 1

    done = await hocphi("reconcile", "--date", DAY.isoformat(), "--json")
    assert done.exit_code == 0
    night = json.loads(done.stdout)
    assert night["created"] == 1
    assert {proof["account"]: proof["difference_vnd"] for proof in night["proof"]} == {
        world.bank_number: 0,
        **{f"{provider}:{world.bank_number}": 0 for provider in BATCH},
    }

    done = await hocphi("export", "--format", "misa-receipts", "--json")
    exported = json.loads(done.stdout)
    assert exported["vouchers"] == 1
    assert is_zip(Path(exported["file"]))
    done = await hocphi("export", "--format", "misa-receipts", "--json")
    assert json.loads(done.stdout)["file"] is None


async def test_the_books_of_a_period_by_hand(engine: AsyncEngine, operator: Path) -> None:
    await world_with_file(engine, operator)
    period = ("--from", "2026-09-01", "--to", "2026-09-30", "--json")
    for book in (("trial-balance",), ("detail-ledger", "--account", "131")):
        done = await hocphi("export", "--format", *book, *period)
        assert done.exit_code == 0
        assert is_zip(Path(json.loads(done.stdout)["file"]))
    done = await hocphi("export", "--format", "detail-ledger", *period)
    assert (done.exit_code, "--account" in done.stderr) == (2, True)
    done = await hocphi("export", "--format", "journal-csv", *period)
    assert done.exit_code == 2
    done = await hocphi("export", "--format", "detail-ledger", "--account", "999", *period)
    assert done.exit_code == 1


async def test_refusals_are_said_plainly(engine: AsyncEngine, operator: Path) -> None:
    world, path = await world_with_file(engine, operator)
    add_row(Path(path), "10/09/2026,10/09/2026,,,5,7,x\n")  # 7 is not the balance
    done = await hocphi("import-statement", path, "--account", world.bank_number)
    assert done.exit_code == 1
    assert "dòng 5" in done.stderr
    done = await hocphi("import-statement", path, "--account", "404")
    assert done.exit_code == 1
    done = await hocphi(
        "import-statement", path, "--account", world.bank_number, "--column", "when=Ngày"
    )
    assert "bad_mapping" not in done.stderr
    assert "--column" in done.stderr
    done = await hocphi("reconcile", "--date", "2999-01-01")
    assert done.exit_code == 1


async def test_columns_said_once_read_the_next_file(engine: AsyncEngine, operator: Path) -> None:
    world, _ = await world_with_file(engine, operator)
    account = ("--account", world.bank_number)
    words = ("date=Lúc", "content=Ghi chú", "amount=Số", "balance=Còn")
    columns = [part for word in words for part in ("--column", word)]
    first, second = operator / "a.csv", operator / "b.csv"
    first.write_text(f"Lúc,Ghi chú,Số,Còn\n{DAY:%d/%m/%Y},A,5000,6000\n")
    second.write_text(f"Lúc,Ghi chú,Số,Còn\n{DAY:%d/%m/%Y},B,1000,7000\n")
    assert (await hocphi("import-statement", str(second), *account)).exit_code == 1
    assert (await hocphi("import-statement", str(first), *account, "--save")).exit_code == 2
    done = await hocphi("import-statement", str(first), *account, *columns, "--save")
    assert done.exit_code == 0, done.stderr
    done = await hocphi("import-statement", str(second), *account)
    assert done.exit_code == 0, done.stderr


async def test_a_notification_is_told_apart_from_a_statement(
    engine: AsyncEngine, operator: Path
) -> None:
    world, _ = await world_with_file(engine, operator)
    entries = [Entry(DAY, 100_000, world.invoices[0].reference, "FT1")]
    file = operator / "bao-co.xml"
    file.write_text(camt(world.bank_number, entries, opening_vnd=None))
    done = await hocphi("import-statement", str(file), "--account", world.bank_number, "--json")
    assert json.loads(done.stdout)["new"] == 1
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT sum(paid_vnd) FROM invoice") == 100_000


async def test_a_day_that_does_not_close_ends_with_two(engine: AsyncEngine, operator: Path) -> None:
    await world_with_file(engine, operator)
    done = await hocphi("reconcile", "--date", DAY.isoformat())
    assert done.exit_code == 2
    assert "chưa có sao kê" in done.stdout
    assert "\r" not in done.stderr  # no bar where nobody looks
