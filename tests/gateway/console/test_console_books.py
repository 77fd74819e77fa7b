"""The books at the console: trial balance and detail ledger handed out, own accounts for approvers only."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire, receive

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction

TOTAL_VND = 1_250_000
SEE_OTHER = 303


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND])
    await hire(engine, world, "ketoan")
    await hire(engine, world, "hieutruong", "approver")
    return world


async def signed_in(client: httpx.AsyncClient, username: str) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in(username)
    await console.get("/console/exports")
    return console


def sheet_of(content: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


def asked_for(book: str, account: str = "") -> str:
    today = business_date(now_utc()).isoformat()
    return f"/console/exports/book?book={book}&since=2026-08-01&until={today}&account={account}"


async def test_the_books_of_a_period_download(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    console = await signed_in(client, "ketoan")
    balance = await console.get(asked_for("trial-balance"))
    assert balance.headers["content-disposition"].startswith("attachment")
    assert [row[0] for row in sheet_of(balance.content)[5:8]] == ["112", "131", "531"]
    ledger = await console.get(asked_for("detail-ledger", "112"))
    assert sheet_of(ledger.content)[-1][10] == TOTAL_VND
    assert (await console.get(asked_for("detail-ledger", "999"))).status_code == 404
    refused = await console.get("/console/exports/book?book=trial-balance&since=x&until=")
    assert refused.status_code == 400
    assert "Hãy chọn ngày đầu" in refused.text
    assert '<option value="112">' in (await console.get("/console/exports")).text


async def test_an_approver_chooses_an_account_and_nobody_else(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    tomorrow = (business_date(now_utc()) + timedelta(days=1)).isoformat()
    wish = {"purpose": "bank", "account": " 1121.a ", "valid_from": tomorrow}
    console = await signed_in(client, "ketoan")
    page = await console.get("/console/chart-accounts")
    assert "Thông tư 24/2024" in page.text
    assert 'name="account"' not in page.text
    assert (await console.send("/console/chart-accounts", **wish)).status_code == 403
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM account_override") == 0
    client.cookies.clear()
    console = await signed_in(client, "hieutruong")
    assert 'name="account"' in (await console.get("/console/chart-accounts")).text
    done = await console.send("/console/chart-accounts", **wish)
    assert (done.status_code, done.headers["location"]) == (
        SEE_OTHER,
        "/console/chart-accounts?done=account_chosen",
    )
    page = await console.get("/console/chart-accounts?done=account_chosen")
    assert "1121.A" in page.text
    assert "hieutruong" in page.text
    wrong = {**wish, "account": "tien"}
    assert (await console.send("/console/chart-accounts", **wrong)).status_code == 422
    wrong = {**wish, "valid_from": "mai"}
    assert (await console.send("/console/chart-accounts", **wrong)).status_code == 400
