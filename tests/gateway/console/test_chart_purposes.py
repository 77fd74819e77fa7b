"""Every purpose that a circular knows can be given an account of the school's own on screen."""

from __future__ import annotations

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire

from core.accounting.charts import PURPOSES, charts
from core.kit.database import transaction


async def test_every_purpose_is_offered(engine: AsyncEngine, database_url: str) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [])
    await hire(engine, world, "hieutruong", "approver")
    async with gateway_client(database_url) as client:
        page = await signed_in_page(client)
    for purpose, name in PURPOSES.items():
        assert f'value="{purpose}"' in page
        assert str(name) in page


async def signed_in_page(client: httpx.AsyncClient) -> str:
    console = ConsoleSession(client)
    await console.sign_in("hieutruong")
    return (await console.get("/console/chart-accounts")).text


def test_every_circular_has_an_account_for_every_purpose() -> None:
    for chart in charts():
        assert set(chart.accounts) == set(PURPOSES), chart.regime
        assert all(chart.name_of(account) for account in chart.accounts.values()), chart.regime
