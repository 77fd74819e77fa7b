"""Applications and e-receipts under hostile input: what collides, overflows or points where it must not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS
from support.fee_school import FeeSchool, make_school, xlsx
from support.portal_school import ON, hand_in, open_exam, open_wishes
from support.serving import gateway_client

from core.identity.service import create_api_key
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.kit.faults import Fault
from core.portal.applications import accept_forms, preview_forms
from core.portal.forms import form_of_json
from core.portal.receipts import may_fetch

HEADER = ("Mã hồ sơ", "Họ và tên", "Số lượng")


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        return await make_school(db, {"3A": 2})


async def test_one_code_on_two_sheets_is_refused_by_its_row(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    """The two rows have the same number, each on its own sheet."""
    book = xlsx(
        {
            "Sáng": [HEADER, ("G01-0001", "Trần Gia Hân", 1)],
            "Chiều": [HEADER, ("G01-0001", "Lê Bảo Bình", 2)],
        }
    )
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
    async with transaction(engine) as db:
        preview = await preview_forms(db, school.id, service, book, "hs.xlsx")
        assert [fault.code for fault in preview.faults] == ["duplicate_file_code"]
    with pytest.raises(DomainError) as refused:
        async with transaction(engine) as db:
            await accept_forms(db, KEYS, school.id, service, book, "hs.xlsx", on=ON, actor="an")
    assert status_of(refused.value) == 422
    assert [fault.code for fault in refused.value.faults] == ["duplicate_file_code"]


def test_an_item_named_twice_is_a_fault_and_never_guessed() -> None:
    faults: list[Fault] = []
    form_of_json(3, "G01-0001", "Trần Gia Hân", {"bs": 1, "BS ": 200}, faults)
    assert [(fault.code, fault.row, fault.column) for fault in faults] == [
        ("duplicate_item", 3, "BS")
    ]


@pytest.mark.parametrize("number", [0, -1, 1_001, 2**31, 2**63 - 1, -(2**63)])
async def test_wishes_outside_their_range_are_refused(
    engine: AsyncEngine, school: FeeSchool, number: int
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
    faults: list[Fault] = []
    form = form_of_json(1, "G01-0001", "Trần Gia Hân", {"NV": number}, faults)
    with pytest.raises(DomainError) as refused:
        async with transaction(engine) as db:
            await hand_in(db, school, service, form)
    assert [fault.code for fault in refused.value.faults] == ["bad_quantity"]


async def test_options_alone_at_zero_leave_what_must_be_paid(
    engine: AsyncEngine, school: FeeSchool
) -> None:
    async with transaction(engine) as db:
        service = await open_exam(db, school)
        faults: list[Fault] = []
        form = form_of_json(1, "G01-0001", "Trần Gia Hân", {"BS": 0}, faults)
        made = await hand_in(db, school, service, form)
    assert [one.total_vnd for one in made.applications] == [130_000]


@pytest.fixture
async def http(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


async def test_the_api_refuses_what_no_row_can_hold(
    engine: AsyncEngine, school: FeeSchool, http: httpx.AsyncClient
) -> None:
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
        key = await create_api_key(db, school.id, "SMAS")
    headers = {"authorization": f"Bearer {key}"}
    one = {"file_code": "G01-0001", "full_name": "Trần Gia Hân"}
    for body in (
        {"service_id": 2**70, "applications": [one]},
        {"service_id": -1, "applications": [one]},
        {"service_id": service, "applications": [{**one, "quantities": {"NV": 2**70}}]},
        {"service_id": service, "applications": [{**one, "quantities": {"N\0V": 1}}]},
        {"service_id": service, "applications": [{**one, "file_code": "G01\ud800-1"}]},
    ):
        answer = await http.post(
            "/api/v1/applications",
            content=json.dumps(body).encode(),
            headers={**headers, "content-type": "application/json"},
        )
        assert answer.status_code in {400, 404, 422}, (body, answer.text)
    for code in ("G01\0-1", "x" * 5_000, "%F0%9F"):
        answer = await http.get("/api/v1/applications", params={"file_code": code}, headers=headers)
        assert answer.status_code in {400, 404}, (code, answer.text)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.pdf",
        "https://127.1/a.pdf",
        "https://2130706433/a.pdf",
        "https://0x7f.0.0.1/a.pdf",
        "https://127.0x1/a.pdf",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.5/a.pdf",
        "https://8.8.8.8/a.pdf",
        "https://[::1]/a.pdf",
        "https://[::ffff:127.0.0.1]/a.pdf",
        "https://localhost/a.pdf",
        "https://localhost./a.pdf",
        "https://db/a.pdf",
        "https://postgres.internal/a.pdf",
        "https://printer.local/a.pdf",
        "https://x.localhost/a.pdf",
        "https://dichvucong.gov.vn:5432/a.pdf",
        "https://user@dichvucong.gov.vn/a.pdf",
        "ftp://dichvucong.gov.vn/a.pdf",
        "file:///etc/passwd",
        "//dichvucong.gov.vn/a.pdf",
        "https://",
        "https://dichvucong.gov.vn:99999/a.pdf",
    ],
)
def test_no_address_leads_into_our_own_network(url: str) -> None:
    assert not may_fetch(url, is_sandbox=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://dichvucong.gov.vn/a.pdf",
        "https://thanhtoan.dichvucong.gov.vn:443/BienLai?id=1",
        "https://DVC.Example.VN./x",
    ],
)
def test_a_provider_s_own_name_may_be_fetched(url: str) -> None:
    assert may_fetch(url, is_sandbox=False)
