"""Every endpoint of refunds, applications and channels, tried by whoever must not pass: nothing is told or done."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World, make_world
from support.refund_school import ask_for, refund_request
from support.serving import gateway_client
from support.staff import ConsoleSession, hire, receive

from core.identity.service import create_api_key
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.refunds.refund_transfers import make_transfer_list
from core.refunds.service import approve_refund

TOTAL_VND = 1_250_000
COUNTS = """
SELECT (SELECT count(*) FROM refund) AS refunds, (SELECT count(*) FROM transfer_list) AS lists,
       (SELECT string_agg(status, ',' ORDER BY id) FROM refund) AS statuses,
       (SELECT count(*) FROM merchant_account WHERE NOT enabled) AS off,
       (SELECT count(*) FROM transfer) AS transfers
"""


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


async def prepared(engine: AsyncEngine, world: World) -> dict[str, int]:
    """A refund asked for, one approved and one listed, and everything else that has a number."""
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    asked, ready, listed = [
        await ask_for(engine, world, payment_id, refund_request(100_000)) for _ in range(3)
    ]
    async with transaction(engine) as db:
        await approve_refund(db, world.school_id, listed.id, actor="hieutruong")
        made = await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
        )
        await approve_refund(db, world.school_id, ready.id, actor="hieutruong")
    assert made is not None
    return {
        "payment": payment_id, "asked": asked.id, "ready": ready.id, "listed": listed.id,
        "list": made.id, "bank": world.bank_account_id, "channel": world.merchants["sepay"][0],
    }  # fmt: skip


def endpoints(ids: dict[str, int]) -> list[tuple[str, dict[str, str]]]:
    """Every form of a school's refunds and channels."""
    note, day = {"note": "x"}, {"day": business_date(now_utc()).isoformat()}
    return [
        (f"/console/payments/{ids['payment']}/refund", {
            "amount": "1", "reason": "x", "method": "payout", "bin": "970436",
            "number": "0071001234567", "holder": "A", "key": "k",
        }),
        (f"/console/refunds/{ids['asked']}/approve", {}),
        (f"/console/refunds/{ids['asked']}/reject", note),
        (f"/console/refunds/{ids['ready']}/cancel", note),
        (f"/console/refunds/{ids['listed']}/confirm", day),
        (f"/console/refunds/{ids['listed']}/fail", note),
        ("/console/refunds/lists", {"bank_account_id": str(ids["bank"]), "format": "csv"}),
        (f"/console/channels/{ids['channel']}/switch", {"to": "off", "reason": "x"}),
    ]  # fmt: skip


def pages(ids: dict[str, int]) -> list[str]:
    """Every page that bears a number."""
    return [
        f"/console/payments/{ids['payment']}/refund",
        f"/console/refunds/{ids['asked']}",
        f"/console/refunds/lists/{ids['list']}/file",
        f"/console/channels/{ids['channel']}",
        "/console/schedules/1/applications",
    ]


async def state(engine: AsyncEngine) -> tuple[object, ...]:
    async with transaction(engine) as db:
        return tuple(await db.raw.fetchrow(COUNTS))


async def test_another_school_finds_nothing_behind_any_number(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    ids = await prepared(engine, world)
    async with transaction(engine) as db:
        other = await make_world(db, [5], code="TH02")
        key = await create_api_key(db, other.school_id, "SMAS")
    await hire(engine, other, "nguoila", "approver")
    console = ConsoleSession(client)
    await console.sign_in("nguoila")
    await console.get("/console")
    before = await state(engine)
    for path in pages(ids):
        assert (await client.get(path)).status_code == 404, path
    for path, fields in endpoints(ids):
        answer = await console.send(path, **fields)
        refused = answer.status_code == 404
        nothing = answer.headers.get("location", "").endswith("done=nothing_to_list")
        assert refused or nothing, (path, answer.status_code)
    headers = {"authorization": f"Bearer {key}"}
    for number in (ids["asked"], 0, 2**63 - 1, 2**63, 2**70, -1):
        answer = await client.get(f"/api/v1/refunds/{number}", headers=headers)
        assert answer.status_code in {400, 404}, (number, answer.text)
    body = {
        "payment_id": ids["payment"], "amount_vnd": 1, "reason": "x", "method": "payout", "key": "1",
        "payee": {"bin": "970436", "number": "0071001234567", "holder": "A"},
    }  # fmt: skip
    assert (await client.post("/api/v1/refunds", json=body, headers=headers)).status_code == 404
    assert (await client.get("/api/v1/refunds", headers=headers)).json()["items"] == []
    assert await state(engine) == before


async def test_a_form_from_elsewhere_is_refused(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    ids = await prepared(engine, world)
    console = ConsoleSession(client)
    await console.sign_in("hieutruong")
    before = await state(engine)
    for path, fields in endpoints(ids):
        for token in ("", "0" * 64):
            answer = await client.post(path, data={"_csrf_token": token, **fields})
            assert answer.status_code == 403, path
    assert await state(engine) == before


async def test_nobody_signed_in_passes(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    ids = await prepared(engine, world)
    before = await state(engine)
    for path in pages(ids):
        answer = await client.get(path)
        assert answer.headers.get("location", "").startswith("/console/login"), path
    for path, fields in endpoints(ids):
        assert (await client.post(path, data=fields)).status_code in {303, 403}, path
    assert (await client.get("/api/v1/refunds/1")).status_code == 401
    assert await state(engine) == before


async def test_an_accountant_decides_and_switches_nothing(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    ids = await prepared(engine, world)
    await hire(engine, world, "thuquy")  # another person, yet no approver
    console = ConsoleSession(client)
    await console.sign_in("thuquy")
    await console.get("/console")
    before = await state(engine)
    for path, fields in endpoints(ids):
        if path.endswith(("/approve", "/reject", "/switch")):
            assert (await console.send(path, **fields)).status_code == 403, path
    assert await state(engine) == before


@pytest.mark.parametrize("amount", ["-1", "1e9", "٣", "9" * 19, "0x10", "1;2", " "])
async def test_an_amount_is_digits(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World, amount: str
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    address = f"/console/payments/{payment_id}/refund"
    await console.get(address)
    answer = await console.send(
        address, amount=amount, reason="x", method="payout", bin="970436", number="0071001234567",
        holder="A", key="k",
    )  # fmt: skip
    assert answer.status_code == 422
