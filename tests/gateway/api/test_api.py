"""The API as a school's software sees it: its key, its pages, its uploads, and every refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.api_client import LIST, XLSX, ApiClient, pay_by_sepay, problem, workbook, zip_bomb
from support.factories import DAY, make_world
from support.fee_school import LUNCH, fee_file, make_school
from support.serving import gateway_client, settings_for_tests

from core.identity.service import create_api_key, revoke_api_key
from core.kit.database import transaction


@pytest.fixture
async def api(engine: AsyncEngine, database_url: str, tmp_path: Path) -> AsyncIterator[ApiClient]:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000, 400_000, 500_000])
        other = await make_world(db, [900_000], code="TH02")
        key = await create_api_key(db, world.school_id, "SMAS")
    settings = settings_for_tests(
        home=tmp_path, base_url="https://hocphi.example", upload_limit=1024 * 1024
    )
    async with gateway_client(database_url, settings) as http:
        yield ApiClient(http, engine, world, other, key)


async def test_without_a_key_nothing_is_told(api: ApiClient) -> None:
    for header in (None, "", "Bearer", "Bearer ", "Bearer hpk_x", "Basic abc", "Bearer é"):
        headers = {} if header is None else {"authorization": header.encode()}
        for method, path in (
            ("GET", "/invoices"),
            ("POST", "/roster-imports"),
            ("GET", "/exceptions"),
        ):
            answer = await api.http.request(method, f"/api/v1{path}", headers=headers)
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_opens_nothing(api: ApiClient) -> None:
    async with transaction(api.engine) as db:
        await revoke_api_key(db, api.world.school_id, "SMAS")
    problem(await api.get("/invoices"), 401, "unauthenticated")


async def test_a_key_sees_its_school_only(api: ApiClient) -> None:
    theirs = api.other.invoices[0].reference
    problem(await api.get(f"/invoices/{theirs}"), 404, "not_found")
    listed = (await api.get("/invoices")).json()["items"]
    assert [one["reference"] for one in listed] == [x.reference for x in api.world.invoices]


async def test_a_roster_is_previewed_then_accepted_then_unchanged(api: ApiClient) -> None:
    before = await api.count("student")
    answer = await api.send("/roster-imports", LIST.encode(), school_year="2026-2027")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["accepted"], body["created"], body["new_classes"]) == (False, 2, ["3B"])
    assert await api.count("student") == before
    body = (
        await api.send("/roster-imports", LIST.encode(), school_year="2026-2027", accept="true")
    ).json()
    assert (body["accepted"], body["created"], body["faults"]) == (True, 2, [])
    assert await api.count("student") == before + 2
    again = await api.send("/roster-imports", LIST.encode(), school_year="2026-2027", accept="true")
    assert (again.json()["created"], again.json()["unchanged"]) == (0, 2)
    async with transaction(api.engine) as db:
        entry = await db.raw.fetchrow("SELECT * FROM audit_entry WHERE action = 'roster_accepted'")
    assert entry["actor"] == "api:SMAS"


async def test_a_roster_comes_as_a_form_too(api: ApiClient) -> None:
    table = [line.split(",") for line in LIST.splitlines()]
    answer = await api.http.post(
        "/api/v1/roster-imports",
        files={"file": ("Lớp 3.xlsx", workbook(table), XLSX)},
        headers=api.headers(),
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["created"] == 2


async def test_every_fault_of_a_roster_is_told_and_nothing_written(api: ApiClient) -> None:
    bad = LIST + "A001,Trùng,10/09/2099,Chuyên,,12\n"
    preview = (await api.send("/roster-imports", bad.encode())).json()
    assert {(fault["row"], fault["code"]) for fault in preview["faults"]} == {
        (4, "duplicate_student"),
        (4, "date_in_future"),
        (4, "unknown_class"),
        (4, "bad_phone"),
    }
    before = await api.count("student")
    refused = problem(
        await api.send("/roster-imports", bad.encode(), accept="true"), 422, "roster_has_faults"
    )
    assert refused["faults"] == preview["faults"]
    assert await api.count("student") == before


async def test_a_formula_cell_is_named(api: ApiClient) -> None:
    table = [line.split(",") for line in LIST.splitlines()]
    table[1][1] = '=CONCATENATE("a","b")'
    body = (await api.send("/roster-imports", workbook(table), XLSX)).json()
    assert [(f["code"], f["row"], f["column"]) for f in body["faults"]] == [
        ("formula", 2, "Họ và tên (B)")
    ]


@pytest.mark.parametrize("path", ["/roster-imports", "/fee-schedules"])
async def test_a_file_that_cannot_be_read(api: ApiClient, path: str) -> None:
    whole = workbook([line.split(",") for line in LIST.splitlines()])
    for body, kind, code in (
        (whole[:-100], XLSX, "truncated"),
        (zip_bomb(), XLSX, "zip_bomb"),
        (b"M\xc3\xa3,\xe1\xbb\n\xff", "text/csv", "bad_encoding"),
        (b"%PDF-1.7", "application/octet-stream", "not_a_spreadsheet"),
        (b"", "text/csv", "no_file"),
    ):
        problem(await api.send(path, body, kind, accept="true"), 422, code)


@pytest.mark.parametrize("path", ["/roster-imports", "/fee-schedules"])
async def test_fifty_megabytes_are_turned_away(api: ApiClient, path: str) -> None:
    problem(await api.send(path, bytes(50 * 1024 * 1024)), 413, "body_too_large")

    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(1024 * 1024)

    # without a Content-Length: the bytes themselves are counted
    problem(await api.send(path, in_chunks()), 413, "body_too_large")
    form = await api.http.post(
        f"/api/v1{path}", files={"file": ("a.csv", bytes(2 * 1024 * 1024))}, headers=api.headers()
    )
    problem(form, 413, "body_too_large")


async def test_a_body_of_another_kind(api: ApiClient) -> None:
    problem(
        await api.send("/roster-imports", b"{}", "application/json"), 415, "unsupported_media_type"
    )
    problem(await api.send("/roster-imports", b"x", "multipart/form-data"), 400, "bad_request")
    two = [("a", ("a.csv", b"1")), ("b", ("b.csv", b"2"))]
    answer = await api.http.post("/api/v1/roster-imports", files=two, headers=api.headers())
    problem(answer, 422, "no_file")
    broken = await api.send("/roster-imports", b"--x\r\ngarbage", "multipart/form-data; boundary=x")
    assert broken.status_code in {400, 422}
    assert broken.headers["content-type"].startswith("application/problem+json")


async def test_a_fee_file_becomes_invoices_by_two_keys(api: ApiClient) -> None:
    async with transaction(api.engine) as db:
        school = await make_school(db, {"3A": 2, "3B": 3}, code="TH03")
        keys = [await create_api_key(db, school.id, name) for name in ("drafts", "approves")]
    api.key = keys[0]
    file = fee_file([LUNCH], [])
    preview = (await api.send("/fee-schedules", file, XLSX)).json()
    assert (preview["accepted"], preview["faults"], preview["schedule_id"]) == (False, [], None)
    assert preview["forecast_invoices"] == 5
    drafted = (await api.send("/fee-schedules", file, XLSX, accept="true")).json()
    assert drafted["is_new"]
    address = f"/fee-schedules/{drafted['schedule_id']}"
    problem(await api.send(f"{address}/issue", b""), 409, "not_approved")
    assert (await api.send(f"{address}/approve", b"")).status_code == 403
    api.key = keys[1]
    assert (await api.send(f"{address}/approve", b"")).json()["status"] == "approved"
    issued = (await api.send(f"{address}/issue", b"")).json()
    assert (issued["invoices"], issued["total_vnd"]) == (5, preview["forecast_total_vnd"])
    again = (await api.send(f"{address}/issue", b"")).json()
    assert (again["invoices"], again["already"]) == (0, 5)
    assert len((await api.get("/invoices")).json()["items"]) == 5


async def test_invoices_page_by_page(api: ApiClient) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for expected in (2, 2, 1):
        body = (await api.get("/invoices", limit=2, **cursor)).json()
        assert len(body["items"]) == expected
        seen += [one["reference"] for one in body["items"]]
        cursor = {"cursor": body["next_cursor"]}
    assert cursor == {"cursor": None}
    assert seen == [one.reference for one in api.world.invoices]


async def test_one_invoice_in_full(api: ApiClient) -> None:
    invoice = api.world.invoices[1]
    body = (await api.get(f"/invoices/{invoice.reference}")).json()
    assert body["invoice"]["pay_url"] == f"https://hocphi.example/pay/{invoice.token}"
    assert (body["invoice"]["total_vnd"], body["invoice"]["open_vnd"]) == (200_000, 200_000)
    assert body["invoice"]["status"] == "unpaid"
    assert sum(line["amount_vnd"] for line in body["lines"]) == 200_000
    assert body["payments"] == []
    problem(await api.get("/invoices/HP0000000000"), 404, "not_found")


async def test_invoices_by_status_class_and_pupil(api: ApiClient) -> None:
    async with transaction(api.engine) as db:
        first, second = api.world.invoices[:2]
        await db.raw.execute("UPDATE invoice SET due_on = $1", date(2020, 1, 1))
        await db.raw.execute("UPDATE invoice SET cancelled_at = now() WHERE id = $1", first.id)
        code = await db.raw.fetchval("SELECT code FROM student WHERE id = $1", second.student_id)
    listed = (await api.get("/invoices", status="cancelled")).json()["items"]
    assert [one["reference"] for one in listed] == [first.reference]
    assert listed[0]["open_vnd"] == 0
    assert len((await api.get("/invoices", status="overdue")).json()["items"]) == 4
    assert len((await api.get("/invoices", class_name="3A")).json()["items"]) == 5
    assert (await api.get("/invoices", class_name="9Z")).json() == {
        "items": [],
        "next_cursor": None,
    }
    found = await api.send(
        "/invoices/search", json.dumps({"student_code": code.lower()}).encode(), "application/json"
    )
    assert [one["reference"] for one in found.json()["items"]] == [second.reference]


async def test_a_payment_shows_where_it_went(api: ApiClient) -> None:
    world, invoice = api.world, api.world.invoices[0]
    body = json.dumps(
        {
            "id": 1, "gateway": "Vietcombank", "transactionDate": "2026-09-10 10:00:00",
            "accountNumber": world.bank_number, "code": None, "content": f"CT {invoice.reference}",
            "transferType": "in", "transferAmount": 150_000, "accumulated": 0, "subAccount": None,
            "referenceCode": "FT1", "description": "",
        }
    ).encode()  # fmt: skip
    await pay_by_sepay(api, body)
    paid = (await api.get("/payments")).json()["items"]
    assert len(paid) == 1
    assert (paid[0]["amount_vnd"], paid[0]["reference"]) == (150_000, invoice.reference)
    assert paid[0]["allocations"] == [
        {"invoice_reference": invoice.reference, "amount_vnd": 100_000}
    ]
    assert (await api.get("/payments", since="2026-09-11")).json()["items"] == []
    detail = (await api.get(f"/invoices/{invoice.reference}")).json()
    assert (detail["invoice"]["status"], detail["payments"][0]["amount_vnd"]) == ("paid", 100_000)


async def test_exceptions_open_and_resolved(api: ApiClient) -> None:
    async with transaction(api.engine) as db:
        await db.raw.execute(
            "INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, resolution,"
            " resolved_by, resolved_at) VALUES ($1, 'wrong_account', 'a', 5, $2, NULL, NULL, NULL),"
            " ($1, 'amount_mismatch', 'b', 7, $2, 'accepted', 'lan', now()),"
            " ($3, 'wrong_account', 'c', 9, $2, NULL, NULL, NULL)",
            api.world.school_id,
            DAY,
            api.other.school_id,
        )
    assert [one["amount_vnd"] for one in (await api.get("/exceptions")).json()["items"]] == [5]
    resolved = (await api.get("/exceptions", is_open="false")).json()["items"]
    assert [(one["reason"], one["resolved_by"]) for one in resolved] == [("amount_mismatch", "lan")]
    assert (await api.get("/exceptions", reason="fee_variance")).json()["items"] == []


async def test_addresses_methods_and_fields_that_do_not_fit(api: ApiClient) -> None:
    problem(await api.get("/nothing"), 404, "not_found")
    problem(await api.http.get("/api/"), 404, "not_found")
    problem(await api.http.delete("/api/v1/invoices"), 405, "method_not_allowed")
    refusal = problem(await api.get("/invoices", limit="many"), 400, "bad_request")
    assert [fault["column"] for fault in refusal["faults"]] == ["limit"]
    problem(await api.get("/invoices", status="lost"), 400, "bad_request")
    problem(await api.get("/invoices", limit=201), 422, "bad_limit")
    problem(await api.get("/invoices", limit=0), 422, "bad_limit")
    problem(await api.get("/payments", since="hôm qua"), 400, "bad_request")
    for cursor in ("x", "MTox\u00e9", "MTotMQ", "2:5", ""):
        problem(await api.get("/invoices", cursor=cursor), 422, "bad_cursor")
    for body in (b"{", b'{"limit": 0}', b'{"who": 1}', b"[]", b"\xff"):
        answer = await api.send("/invoices/search", body, "application/json")
        problem(answer, 400, "bad_request")
    problem(await api.send("/roster-imports", b"a", school_year="2026"), 422, "bad_school_year")
    problem(await api.send("/fee-schedules/999/approve", b""), 404, "not_found")
    problem(await api.send("/fee-schedules/999/issue", b""), 404, "not_found")


async def test_a_failure_inside_is_told_without_its_cause(api: ApiClient) -> None:
    async with transaction(api.engine) as db:
        await db.raw.execute("ALTER TABLE payment RENAME TO moved_away")
    answer = await api.get("/payments")
    problem(answer, 500, "internal_error")
    assert "moved_away" not in answer.text
    assert "payment" not in answer.text.replace("urn:hocphi:problem", "")


async def test_the_interface_describes_itself(api: ApiClient) -> None:
    schema = (await api.http.get("/schema/openapi.json")).json()
    upload = schema["paths"]["/api/v1/roster-imports"]["post"]
    assert "multipart/form-data" in upload["requestBody"]["content"]
    assert upload["security"] == [{"bearer": []}]
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
