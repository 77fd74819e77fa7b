"""The school's own software pulls its vouchers: made, read page by page, read as a file, acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.api_client import ApiClient, problem
from support.factories import DAY, World, make_world
from support.serving import gateway_client, settings_for_tests

from core.accounting.export import FORMATS
from core.identity.service import create_api_key
from core.kit.database import transaction
from gateway.api.accounting import FormatName

TOTALS_VND = [100_000, 200_000, 300_000]


@pytest.fixture
async def api(engine: AsyncEngine, database_url: str, tmp_path: Path) -> AsyncIterator[ApiClient]:
    async with transaction(engine) as db:
        world = await make_world(db, TOTALS_VND)
        other = await make_world(db, [900_000], code="TH02")
        key = await create_api_key(db, world.school_id, "MISA")
    async with gateway_client(database_url, settings_for_tests(home=tmp_path)) as http:
        yield ApiClient(http, engine, world, other, key)


async def posted(api: ApiClient, path: str, body: dict[str, Any]) -> httpx.Response:
    return await api.http.post(f"/api/v1{path}", json=body, headers=api.headers())


async def made(api: ApiClient, **fields: str) -> dict[str, Any]:
    answer = await posted(api, "/voucher-exports", fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def the_other_schools(api: ApiClient, world: World) -> int:
    """An export of the other school."""
    async with transaction(api.engine) as db:
        key = await create_api_key(db, world.school_id, "other")
    answer = await api.http.post(
        "/api/v1/voucher-exports", json={}, headers={"authorization": f"Bearer {key}"}
    )
    return int(answer.json()["id"])


async def test_vouchers_are_pulled_page_by_page_and_as_the_same_file(api: ApiClient) -> None:
    export = await made(api)
    assert (export["format"], export["voucher_count"], export["total_vnd"]) == (
        "json",
        3,
        sum(TOTALS_VND),
    )
    assert (export["first_on"], export["last_on"]) == ("2026-09-01", "2026-09-01")
    read: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get(f"/voucher-exports/{export['id']}", limit=2, **cursor)).json()
        assert page["export"] == export
        read += page["vouchers"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    file = await api.get(f"/voucher-exports/{export['id']}/file")
    assert file.json() == read
    assert hashlib.sha256(file.content).hexdigest() == export["sha256"]
    assert file.headers["content-type"].startswith("application/json")
    assert [voucher["number"] for voucher in read] == [
        f"NKJ{serial:07d}/26" for serial in (1, 2, 3)
    ]
    (line,) = read[0]["lines"]
    assert line | {"id": 0} == {
        "id": 0,
        "event": "invoice_issued",
        "debit": "131",
        "credit": "531",
        "amount_vnd": 100_000,
        "object_code": "HS00000",
        "object_name": "Nguyễn Minh Anh",
        "debit_has_object": True,
        "credit_has_object": False,
        "reference": api.world.invoices[0].reference,
        "description": f"Ghi nhận phải thu: Tiền ăn bán trú, phiếu {api.world.invoices[0].reference}",
        "bank_number": "",
        "bank_name": "",
    }
    assert len({line["id"] for voucher in read for line in voucher["lines"]}) == 3


async def test_nothing_new_is_no_content(api: ApiClient) -> None:
    await made(api, format="misa-general")
    answer = await posted(api, "/voucher-exports", {"format": "misa-general"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await api.count("voucher_export") == 1
    for fields in ({"format": "pdf"}, {"formal": "json"}):
        assert (await posted(api, "/voucher-exports", fields)).status_code == 400
    page = (await api.get("/voucher-exports")).json()["items"][0]
    detail = (await api.get(f"/voucher-exports/{page['id']}")).json()
    assert (detail["vouchers"], detail["next_cursor"]) == (None, None)


async def test_an_acknowledgement_names_what_was_read_and_stands_once(api: ApiClient) -> None:
    export = await made(api)
    path = f"/voucher-exports/{export['id']}/acknowledgement"
    wrong = await posted(api, path, {"sha256": "0" * 64})
    problem(wrong, 409, "other_content")
    assert (await posted(api, path, {"sha256": "xyz"})).status_code == 400
    waiting = (await api.get("/voucher-exports", is_acknowledged="false")).json()["items"]
    assert waiting == [export]

    first = (await posted(api, path, {"sha256": export["sha256"].upper()})).json()
    assert first["acknowledged_by"] == "api:MISA"
    assert (await posted(api, path, {"sha256": export["sha256"]})).json() == first
    problem(await posted(api, path, {"sha256": "1" * 64}), 409, "other_content")
    assert (await api.get("/voucher-exports", is_acknowledged="false")).json()["items"] == []
    assert (await api.get("/voucher-exports", is_acknowledged="true")).json()["items"] == [first]
    async with transaction(api.engine) as db:
        actions = [
            row["action"]
            for row in await db.raw.fetch(
                "SELECT action FROM audit_entry WHERE school_id = $1 AND action LIKE 'vouchers.%'"
                " ORDER BY id",
                api.world.school_id,
            )
        ]
    assert actions == [
        "vouchers.exported",
        "vouchers.acknowledgement_refused",
        "vouchers.acknowledged",
        "vouchers.acknowledgement_refused",
    ]


async def test_the_list_goes_on_from_a_cursor(api: ApiClient) -> None:
    ids = [(await made(api, format=name))["id"] for name in ("json", "misa-general", "journal-csv")]
    first = (await api.get("/voucher-exports", limit=2)).json()
    rest = (await api.get("/voucher-exports", limit=2, cursor=first["next_cursor"])).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None


async def test_an_export_says_what_of_it_is_final(api: ApiClient) -> None:
    export = await made(api)
    assert (export["closed_until"], export["is_final"]) == (None, False)
    async with transaction(api.engine) as db:
        await db.raw.execute("UPDATE school SET books_locked_until = $1", DAY)
    (now,) = (await api.get("/voucher-exports")).json()["items"]
    assert (now["closed_until"], now["is_final"], now["locked_until"]) == (
        DAY.isoformat(),
        True,
        None,
    )


async def test_another_schools_export_does_not_exist(api: ApiClient) -> None:
    theirs = await the_other_schools(api, api.other)
    problem(await api.get(f"/voucher-exports/{theirs}"), 404, "not_found")
    problem(await api.get(f"/voucher-exports/{theirs}/file"), 404, "not_found")
    path = f"/voucher-exports/{theirs}/acknowledgement"
    problem(await posted(api, path, {"sha256": "0" * 64}), 404, "not_found")
    assert (await api.get("/voucher-exports")).json()["items"] == []
    assert (await api.get(f"/voucher-exports/{2**70}")).status_code in {400, 404}
    period = "since=2026-09-01&until=2026-09-30"
    for path in ("/voucher-exports", f"/books/trial-balance?{period}"):
        problem(await api.http.get(f"/api/v1{path}"), 401, "unauthenticated")


async def test_the_books_of_a_period(api: ApiClient) -> None:
    period = {"since": "2026-09-01", "until": "2026-09-30"}
    book = (await api.get("/books/trial-balance", **period)).json()
    assert {one["account"]: one["debit_vnd"] - one["credit_vnd"] for one in book["accounts"]} == {
        "131": sum(TOTALS_VND),
        "531": -sum(TOTALS_VND),
    }
    ledger = await api.get("/books/detail-ledger", account="131", **period)
    assert ledger.content[:2] == b"PK"
    assert ledger.headers["content-disposition"].endswith('.xlsx"')
    problem(await api.get("/books/detail-ledger", account="999", **period), 404, "not_found")
    problem(
        await api.get("/books/trial-balance", since="2026-09-30", until="2026-09-01"),
        422,
        "bad_period",
    )


async def test_openapi_describes_all_of_it(api: ApiClient) -> None:
    schema = (await api.http.get("/schema/openapi.json")).json()
    paths = schema["paths"]
    assert set(paths["/api/v1/voucher-exports"]["post"]["responses"]) >= {"201", "204"}
    assert "/api/v1/voucher-exports/{export_id}/acknowledgement" in paths
    assert "/api/v1/books/detail-ledger" in paths
    assert set(get_args(FormatName)) == set(FORMATS)
