"""Quyết toán: a file from upload to a booked batch over HTTP, by hand and undone, and as a browser shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY
from support.live import LiveServer
from support.serving import BASE_URL, gateway_client, settings_for_tests
from support.settlement_school import NEXT, TERMS, SettlementSchool, payout_line, settlement_school
from support.staff import PASSWORD, ConsoleSession, hire

from core.kit.database import transaction
from sandbox.settlements import Payout, Returned, payout_vnd

LIST = "/console/settlements"


@pytest.fixture
async def school(engine: AsyncEngine) -> SettlementSchool:
    school = await settlement_school(engine, [500_000, 300_000])
    await hire(engine, school.world, "ketoan")
    return school


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url, settings_for_tests(base_url=BASE_URL)) as client:
        yield client


@pytest.fixture
async def console(school: SettlementSchool, client: httpx.AsyncClient) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    return console


def payout_of(school: SettlementSchool) -> Payout:
    paid = [school.movement(0), school.movement(1)]
    back = Returned(movement=paid[1], number="990001", amount_vnd=50_000, at=paid[1].at)
    return Payout(batch_id="B20260910", settled_on=NEXT, paid=paid, returned=[back])


async def upload(console: ConsoleSession, school: SettlementSchool, data: bytes) -> httpx.Response:
    await console.get(LIST)
    return await console.client.post(
        LIST,
        data={"_csrf_token": console.token, "channel": str(school.merchant_id)},
        files={"file": ("momo.csv", data)},
    )


async def test_a_file_goes_from_upload_to_a_batch_that_is_booked_by_hand(
    school: SettlementSchool, console: ConsoleSession
) -> None:
    payout = payout_of(school)
    for movement in payout.paid:
        await school.notify(movement)
    held = await upload(console, school, school.file(payout))
    assert held.status_code == 303
    preview = await console.get(held.headers["location"])
    assert "B20260910" in preview.text
    assert await school.count("settlement_line") == 0
    path = held.headers["location"].partition("?")[0]
    accepted = await console.send(f"{path}/accept")
    assert accepted.status_code == 303
    assert await school.count("settlement_line") == 3

    await school.bring_lines([payout_line(payout, "CHUYEN KHOAN")])
    await school.reconcile()
    async with transaction(school.engine) as db:
        batch_id = await db.raw.fetchval("SELECT id FROM settlement_batch")
        line_id = await db.raw.fetchval("SELECT id FROM statement_line")
        stray_id = await db.raw.fetchval("SELECT id FROM settlement_line WHERE kind = 'refund'")
    page = await console.get(f"{LIST}/{batch_id}")
    assert "CHUYEN KHOAN" in page.text
    refused = await console.send(f"{LIST}/{batch_id}/settle", line=str(line_id), note="")
    assert refused.status_code == 422
    settled = await console.send(f"{LIST}/{batch_id}/settle", line=str(line_id), note="hỏi MoMo")
    assert settled.status_code == 303
    assert await school.balance_of("suspense") == 0
    taken = await console.send(f"{LIST}/{batch_id}/lines/{stray_id}/taken-back", note="hoàn ở MoMo")
    assert taken.status_code == 303
    await school.reconcile()
    assert await school.balance_of("clearing") == 0
    undone = await console.send(f"{LIST}/{batch_id}/undo", note="nhầm")
    assert undone.status_code == 303
    assert await school.balance_of("suspense") == -payout_vnd(payout, TERMS)


async def test_a_held_line_is_said_to_be_no_settlement_on_its_exception(
    school: SettlementSchool, console: ConsoleSession
) -> None:
    await school.bring_lines([payout_line(payout_of(school), "MOMO QUYET TOAN")])
    await school.reconcile()
    async with transaction(school.engine) as db:
        exception_id = await db.raw.fetchval("SELECT id FROM exception")
    await school.bring_file(
        school.file(Payout(batch_id="B7", settled_on=NEXT, paid=[school.movement(0)]))
    )
    page = await console.get(f"/console/exceptions/{exception_id}")
    assert "momo:B7" in page.text
    answer = await console.send(f"{LIST}/held/{exception_id}/none", note="nhà tài trợ")
    assert answer.status_code == 303
    assert (await school.exceptions())[0][2] == "no_settlement"


async def test_a_file_that_does_not_add_up_is_shown_with_its_rows(
    school: SettlementSchool, console: ConsoleSession
) -> None:
    data = school.file(payout_of(school)).decode().replace(",500000,", ",500001,").encode()
    held = await upload(console, school, data)
    page = await console.get(held.headers["location"])
    path = held.headers["location"].partition("?")[0]
    assert f"{path}/accept" not in page.text
    refused = await console.send(f"{path}/accept")
    assert refused.status_code == 422
    assert await school.count("settlement") == 0


async def test_terms_are_recorded_and_missing_ones_are_told(
    school: SettlementSchool, console: ConsoleSession
) -> None:
    assert "Chưa có điều khoản" in (await console.get(LIST)).text
    form = {"channel": str(school.merchant_id), "valid_from": "2026-09-01", "fee_percent": "1,1"}
    refused = await console.send(f"{LIST}/terms", **{**form, "fee_percent": "nhiều"})
    assert refused.status_code == 422
    assert (await console.send(f"{LIST}/terms", **form)).status_code == 303
    page = await console.get(LIST)
    assert "1,10 %" in page.text
    await school.notify(school.movement(0))
    assert "quá hạn quyết toán" in (await console.get(LIST)).text


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_screens_fit(
    school: SettlementSchool, live_server: LiveServer, browser: Browser, width: int
) -> None:
    payout = payout_of(school)
    await school.set_terms()
    for movement in payout.paid:
        await school.notify(movement)
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, "CHUYEN KHOAN 10092026 CONG TY ABC")])
    await school.reconcile(DAY)
    async with transaction(school.engine) as db:
        batch_id = await db.raw.fetchval("SELECT id FROM settlement_batch")
    page = await browser.new_page(viewport={"width": width, "height": 900})
    await page.goto(f"{live_server.url}/console/login")
    await page.fill("[name=username]", "ketoan")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button")
    for path in (LIST, f"{LIST}/{batch_id}"):
        await page.goto(f"{live_server.url}{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for control in await page.query_selector_all("input:not([type=hidden]), textarea, select"):
            assert await control.evaluate("e => e.labels.length > 0")
    await page.close()
