"""The endpoints for applications: the API and the command line, each with its refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS
from support.fee_school import ACCOUNT, FeeSchool, make_school
from support.portal_school import WISHES, application_file, open_wishes, service_file
from support.serving import gateway_client, settings_for_tests

from adapters.contract import Notice, Outcome
from core.identity.service import create_api_key
from core.kit.database import transaction
from core.ledger.queries import disagreements
from core.ledger.service import open_books
from core.merchants.directory import merchants_by_id
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from gateway.cli.main import main
from gateway.settings import settings

BASE = "https://hocphi.example"


@dataclass
class ApiClient:
    """The API with a key, and a service that is open."""

    http: httpx.AsyncClient
    key: str
    service_id: int

    async def send(
        self, *applications: dict[str, Any], service_id: int | None = None
    ) -> httpx.Response:
        """POST /applications."""
        return await self.http.post(
            "/api/v1/applications",
            json={"service_id": service_id or self.service_id, "applications": list(applications)},
            headers={"authorization": f"Bearer {self.key}"},
        )

    async def get(self, file_code: str) -> httpx.Response:
        """GET /applications."""
        return await self.http.get(
            "/api/v1/applications",
            params={"file_code": file_code},
            headers={"authorization": f"Bearer {self.key}"},
        )


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2})


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url, settings_for_tests(base_url=BASE)) as client:
        yield client


@pytest.fixture
async def api(engine: AsyncEngine, school: FeeSchool, client: httpx.AsyncClient) -> ApiClient:
    async with transaction(engine) as db:
        service_id = await open_wishes(db, school)
        key = await create_api_key(db, school.id, "SMAS")
    return ApiClient(client, key, service_id)


HAN = {"file_code": "g01/2026-1", "full_name": "Trần Gia Hân", "quantities": {"nv": 3}}
BINH = {"file_code": "G01/2026-2", "full_name": "Lê Bảo Bình"}


async def test_the_api_takes_many_and_answers_the_same_again(api: ApiClient) -> None:
    answer = await api.send(HAN, BINH)
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["applications"]
    assert (first["file_code"], first["total_vnd"], first["is_new"]) == ("G01/2026-1", 60_000, True)
    assert (second["quantities"], second["open_vnd"], second["status"]) == (
        {"NV": 1},
        20_000,
        "unpaid",
    )
    assert first["pay_url"].startswith(f"{BASE}/pay/")
    assert "Hân" not in answer.text
    token = first["pay_url"].rpartition("/")[2]
    shown = await api.http.get(f"/pay/{token}")
    assert "Người nộp hồ sơ" in shown.text
    assert "3 nguyện vọng" in shown.text
    assert "Lớp</dt>" not in shown.text

    again = (await api.send(HAN)).json()["applications"][0]
    assert again == {**first, "is_new": False}
    found = await api.get("g01/2026-1")
    assert found.json() == again
    assert (await api.get("G01/2026-9")).status_code == 404


async def test_the_api_names_every_fault_by_place(api: ApiClient) -> None:
    await api.send(HAN)
    for applications, status, faults in (
        (({**HAN, "quantities": {"NV": 4}},), 409, [("other_application", 1)]),
        ((BINH, {"file_code": "3A-1", "full_name": "Lê An"}), 409, [("code_of_pupil", 2)]),
        (
            ({"file_code": "ă b", "full_name": "Lê An"}, {"file_code": "A-0001", "full_name": "1"}),
            422,
            [("bad_file_code", 1), ("bad_name", 2)],
        ),
        ((BINH, BINH), 422, [("duplicate_file_code", 2)]),
        (({**BINH, "quantities": {"XX": 1}},), 422, [("unknown_item", 1)]),
    ):
        answer = await api.send(*applications)
        body = answer.json()
        assert answer.status_code == status, answer.text
        assert body["code"] == "applications_refused"
        assert [(fault["code"], fault["row"]) for fault in body["faults"]] == faults
    assert (await api.get("G01/2026-2")).status_code == 404
    assert (await api.send(BINH, service_id=999)).status_code == 404
    assert (await api.send()).status_code == 400
    assert (await api.send({**BINH, "quantities": {"NV": 1.5}})).status_code == 400


async def test_an_application_is_paid_and_has_its_receipt(
    engine: AsyncEngine, school: FeeSchool, api: ApiClient
) -> None:
    made = (await api.send(HAN)).json()["applications"][0]
    async with transaction(engine) as db:
        merchant_id = await db.raw.fetchval(
            "INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement,"
            " sealed_secrets) VALUES ($1, 'sepay', 'k1', $2, 'direct', '') RETURNING id",
            school.id,
            school.account_ids[ACCOUNT],
        )
        await open_books(db, school.id)
        merchants = await merchants_by_id(db, KEYS, [(school.id, merchant_id)])
    notice = Notice(
        transaction_id="1",
        outcome=Outcome.PAID,
        amount_vnd=60_000,
        paid_at=datetime(2026, 9, 10, 2, tzinfo=UTC),
        content=made["reference"],
        payee_account=ACCOUNT,
    )
    await commit_notices(engine, [InboundNotice(merchants[school.id, merchant_id], notice, b"{}")])
    assert (await api.get("G01/2026-1")).json()["status"] == "paid"
    async with transaction(engine) as db:
        token = await db.raw.fetchval("SELECT token FROM payment")
        assert await disagreements(db, school.id) == []
    page = await api.http.get(f"/receipts/{token}")
    assert (page.status_code, "Lớp" in page.text) == (200, False)
    assert "LỆ PHÍ DỰ TUYỂN LỚP 10" in page.text
    document = await api.http.get(f"/receipts/{token}.pdf")
    assert document.content.startswith(b"%PDF-")


async def test_another_school_sees_nothing(
    engine: AsyncEngine, api: ApiClient, client: httpx.AsyncClient
) -> None:
    await api.send(HAN)
    async with transaction(engine) as db:
        other = await make_school(db, {"3A": 1}, code="TH02")
        stranger = ApiClient(client, await create_api_key(db, other.id, "SMAS"), api.service_id)
    assert (await stranger.get("G01/2026-1")).status_code == 404
    assert (await stranger.send(BINH)).status_code == 404


@pytest.fixture
def folder(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HOCPHI_HOME", str(tmp_path / "var"))
    settings.cache_clear()
    run("create-school", "--code", "TH01", "--name", "Trường Hoa Sen")
    run(
        "add-bank-account",
        "--bin",
        "970436",
        "--number",
        "0011000001",
        "--holder",
        "Trường",
        "--default",
    )
    yield tmp_path
    settings.cache_clear()


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(main, list(words))
    assert (result.exit_code != 0) is fails, result.output
    return result.output


def test_the_command_line_imports_applications(folder: Path) -> None:
    (folder / "dv.xlsx").write_bytes(service_file(WISHES))
    shown = run("import-fees", str(folder / "dv.xlsx"))
    assert "Dịch vụ thu theo hồ sơ" in shown
    drafted = json.loads(
        run("import-fees", str(folder / "dv.xlsx"), "--yes", "--as", "an", "--json")
    )
    assert drafted["kind"] == "application"
    number = str(drafted["schedule_id"])
    file = folder / "hs.xlsx"
    file.write_bytes(
        application_file(("HS-0001", "Trần Gia Hân", 3), ("HS-0002", "Lê Bảo Bình", 1))
    )
    assert "chưa được duyệt" in run(
        "import-applications", str(file), "--service", number, fails=True
    )
    run("approve-fees", number, "--as", "binh")
    assert "chưa" in run("import-applications", str(file), "--service", number).lower()
    shown = json.loads(
        run("import-applications", str(file), "--service", number, "--yes", "--json")
    )
    assert (shown["accepted"], shown["created"], shown["total_vnd"]) == (True, 2, 80_000)
    assert [one["file_code"] for one in shown["applications"]] == ["HS-0001", "HS-0002"]
    again = json.loads(
        run("import-applications", str(file), "--service", number, "--yes", "--json")
    )
    assert (again["created"], again["unchanged"]) == (0, 2)
    file.write_bytes(application_file(("HS-0001", "Trần Gia Hân", 4)))
    printed = run("import-applications", str(file), "--service", number, "--yes", fails=True)
    assert "dòng/row 3" in printed
    assert "[HS-0001]" in printed
