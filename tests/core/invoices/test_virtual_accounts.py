"""Virtual accounts: shown where a bank gave a prefix, paid to without a memo, for an invoice or a pupil."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS, SETTINGS, World, make_world
from support.serving import gateway_client

from adapters.vietqr import decode
from core.identity.service import create_api_key
from core.kit.database import transaction
from sandbox import vietinbank
from sandbox.provider import Merchant, Movement, send

TOTAL_VND = 300_000
PREFIX = SETTINGS["mb"]["va_prefix"]


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """One pupil with two invoices, both payable to the account that has virtual ones."""
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND, TOTAL_VND], per_student=2)
        await db.raw.execute("UPDATE invoice SET bank_account_id = $1", world.other_bank_account_id)
    return world


async def test_the_code_and_the_interface_name_the_virtual_account(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    invoice = world.invoices[0]
    payload = (await client.get(f"/pay/{invoice.token}/payload.txt")).text
    assert decode(payload).account == PREFIX + invoice.reference
    async with transaction(engine) as db:
        key = await create_api_key(db, world.school_id, "test")
    answer = await client.get(
        f"/api/v1/invoices/{invoice.reference}", headers={"authorization": f"Bearer {key}"}
    )
    notified = answer.json()["invoice"]
    assert notified["account_number"] == world.other_bank_number
    assert notified["virtual_account"] == PREFIX + invoice.reference
    state = world.student_references[invoice.student_id]
    assert notified["student_virtual_account"] == PREFIX + state


async def test_without_a_prefix_there_is_none(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine
) -> None:
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE merchant_account SET enabled = settings->>'va_prefix' IS NULL")
        key = await create_api_key(db, world.school_id, "test")
    invoice = world.invoices[0]
    payload = (await client.get(f"/pay/{invoice.token}/payload.txt")).text
    assert decode(payload).account == world.other_bank_number
    answer = await client.get(
        f"/api/v1/invoices/{invoice.reference}", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.json()["invoice"]["virtual_account"] is None


@pytest.mark.parametrize(("of_pupil", "paid"), [(False, [0, TOTAL_VND]), (True, [TOTAL_VND, 0])])
async def test_money_on_a_virtual_account_finds_its_invoice(
    client: httpx.AsyncClient, world: World, engine: AsyncEngine, of_pupil: bool, paid: list[int]
) -> None:
    second = world.invoices[1]
    reference = world.student_references[second.student_id] if of_pupil else second.reference
    merchant = Merchant(
        provider="vietinbank",
        ipn_url=f"/ipn/vietinbank/{world.merchants['vietinbank'][1]}",
        account_number=world.other_bank_number,
        settings=SETTINGS["vietinbank"],
        secrets=SECRETS["vietinbank"],
    )
    movement = Movement(
        sequence=7,
        amount_vnd=TOTAL_VND,
        at=datetime(2026, 9, 10, 2, tzinfo=UTC),
        content="NGUYEN VAN A CK",
        virtual_account=SETTINGS["vietinbank"]["va_prefix"] + reference,
    )
    answer = await send(client, merchant, await vietinbank.message(client, movement, merchant))
    assert answer.status_code == 200, answer.text
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT paid_vnd FROM invoice ORDER BY id")
        assert [row["paid_vnd"] for row in rows] == paid
        assert await db.raw.fetchval("SELECT count(*) FROM exception") == 0
