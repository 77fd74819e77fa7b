"""`hocphi statistics`: the sector's figures as an operator gets them, and nobody's name in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, make_world

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.merchants.directory import find_merchant
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from gateway.cli.main import main
from gateway.settings import settings


@pytest.fixture
async def schools(engine: AsyncEngine) -> None:
    """Two schools in two provinces; the first one received 120,000 VND in September."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000], code="TH01")
        await make_world(db, [100_000], code="TH02")
        await db.raw.execute(
            "UPDATE school SET province = CASE code WHEN 'TH01' THEN 'Huế' ELSE '' END"
        )
        merchant = await find_merchant(db, KEYS, "sepay", world.merchants["sepay"][1])
        assert merchant is not None
        notice = Notice(
            transaction_id="T1",
            outcome=Outcome.PAID,
            amount_vnd=120_000,
            paid_at=datetime(2026, 9, 30, 16, 59, tzinfo=UTC),
            content=world.invoices[0].reference,
            payee_account=world.bank_number,
        )
        await ingest_notices(db, [InboundNotice(merchant, notice, b"{}")])


@pytest.fixture
def terminal(
    database_url: str, schools: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A terminal on the test's database; the folder for files."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path / "var"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def run(*words: str, fails: bool = False) -> Result:
    result = CliRunner().invoke(main, ["statistics", *words])
    assert (result.exit_code != 0) is fails, result.output
    return result


def test_the_month_of_all_schools(terminal: Path) -> None:
    file = terminal / "thang-9.xlsx"
    answer = run("--month", "2026-09", "--json", "--xlsx", str(file))
    printed = json.loads(answer.stdout)
    september = {
        "total_vnd": 120_000,
        "cashless_vnd": 120_000,
        "amount_permille": 1000,
        "total_count": 1,
        "cashless_count": 1,
        "count_permille": 1000,
    }
    nothing = dict.fromkeys(september, 0) | {"amount_permille": None, "count_permille": None}
    assert printed["total"] == {"schools": 2, **september}
    assert printed["provinces"] == [
        {"province": "", "schools": 1, **nothing},
        {"province": "Huế", "schools": 1, **september},
    ]
    assert [one["code"] for one in printed["schools"]] == ["TH02", "TH01"]
    assert "Minh Anh" not in answer.stdout

    book = CalamineWorkbook.from_filelike(BytesIO(file.read_bytes()))
    assert book.sheet_names == ["Theo tỉnh, thành phố", "Theo trường"]
    rows = book.get_sheet_by_name("Theo tỉnh, thành phố").to_python()
    assert ["Huế", 1, 120_000, 120_000, 1, 1, 1, 1] in rows
    assert rows[-1] == ["Cộng", 2, 120_000, 120_000, 1, 1, 1, 1]
    assert "Minh Anh" not in str(book.get_sheet_by_name("Theo trường").to_python())


def test_a_person_reads_it_too_and_a_bad_month_is_said(terminal: Path) -> None:
    assert "Huế: 1 trường, 120.000 đ (1 khoản), không tiền mặt 100,0%" in run(
        "--month", "2026-09"
    ).output.replace("\xa0", " ")
    assert "Cộng: 2 trường, 0 đ" in run("--month", "2026-10").output.replace("\xa0", " ")
    assert "2026-09, không phải «tháng 9»" in run("--month", "tháng 9", fails=True).stderr
