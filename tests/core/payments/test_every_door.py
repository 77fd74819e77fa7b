"""From the parent's tap to "paid", by every provider that has a page of its own, over HTTP on both sides.

The provider is the sandbox's server; whatever goes wrong at it, the parent sees a page and no money is
lost or counted twice.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world
from support.serving import BASE_URL, running, settings_for_tests

from adapters import CREATE, QUERY, REDIRECT
from core.kit.database import transaction
from core.ledger.queries import disagreements
from core.merchants import provider_client as calling
from core.payments.polling import ask_about_checkouts
from gateway.app import create_app
from sandbox import payer
from sandbox.provider import Merchant, send
from sandbox.providers import NOTIFIERS, open_servers
from sandbox.servers import ProviderServers, Receive, Scope, Send, Trouble

TOTAL_VND = 1_250_000
PAGES = sorted({*REDIRECT, *CREATE})
AT_SERVER = "http://sandbox.test"
"""Where every address of the factories' settings is taken to; other hosts are the real providers'."""


@dataclass
class Street:
    """A school, its gateway and the providers' servers, joined by HTTP in one process."""

    world: World
    gateway: httpx.AsyncClient
    provider: httpx.AsyncClient
    servers: ProviderServers


def merchants_of(world: World) -> list[Merchant]:
    return [
        Merchant(
            provider=adapter,
            ipn_url=f"{BASE_URL}/ipn/{adapter}/{world.merchants[adapter][1]}",
            account_number=world.bank_number,
            settings=SETTINGS[adapter],
            secrets=SECRETS[adapter],
        )
        for adapter in PAGES
    ]


@pytest.fixture
async def street(database_url: str, engine: AsyncEngine) -> AsyncIterator[Street]:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND, TOTAL_VND])
    async with opened(database_url, world) as street:
        yield street


@asynccontextmanager
async def opened(database_url: str, world: World) -> AsyncIterator[Street]:
    servers = open_servers(merchants_of(world))
    servers.notifies = False  # the tests carry the messages themselves
    app = create_app(settings_for_tests(sandbox=True, base_url=BASE_URL), database_url)

    async def town(scope: Scope, receive: Receive, send: Send) -> None:
        """VNPAY's own host is played by its server; everybody else's settings name the sandbox."""
        if dict(scope["headers"])[b"host"] == b"sandbox.vnpayment.vn":
            scope = {**scope, "path": f"/sandbox/vnpay{scope['path']}"}
        await servers(scope, receive, send)

    transport = httpx.ASGITransport(town)
    async with (
        httpx.AsyncClient(transport=transport, base_url=AT_SERVER) as provider,
        running(app) as gateway,
    ):
        app.state.context = dataclasses.replace(app.state.context, http=provider)
        yield Street(world, gateway, provider, servers)


async def choose(street: Street, adapter: str) -> httpx.Response:
    """The parent taps the provider's button."""
    token = street.world.invoices[0].token
    return await street.gateway.post(f"/pay/{token}/checkout/{adapter}")


async def arrive(street: Street, adapter: str, chosen: httpx.Response) -> str:
    """The parent follows to the provider's page; the name of the order there."""
    arrived = await payer.arrive(street.provider, chosen, lambda url: at_server(adapter, url))
    assert "1.250.000" in arrived.page.text
    return arrived.order_id


def at_server(adapter: str, url: str) -> str:
    """The address at the server: the real providers' hosts are played by it too."""
    parts = urlsplit(url)
    path = parts.path if parts.path.startswith("/sandbox/") else f"/sandbox/{adapter}/pay"
    return f"{AT_SERVER}{path}" + (f"?{parts.query}" if parts.query else "")


async def pay(street: Street, adapter: str, *, is_paid: bool = True, notifies: int = 1) -> str:
    """The whole way; the message is brought `tells` times. The address the browser goes back to."""
    order = await arrive(street, adapter, await choose(street, adapter))
    decided = street.servers.servers[adapter].decide(order, is_paid=is_paid, at=datetime.now(UTC))
    for _ in range(notifies):
        message = await NOTIFIERS[adapter].message(
            street.gateway, decided.movement, decided.merchant
        )
        answer = await send(street.gateway, decided.merchant, message)
        assert NOTIFIERS[adapter].is_final(answer), answer.text
    return decided.return_url


async def paid(engine: AsyncEngine, street: Street) -> tuple[int, int]:
    """(what is paid on the invoice, how many payments there are)."""
    async with transaction(engine) as db:
        assert await disagreements(db, street.world.school_id) == []
        return (
            await db.raw.fetchval(
                "SELECT paid_vnd FROM invoice WHERE id = $1", street.world.invoices[0].id
            ),
            await db.raw.fetchval("SELECT count(*) FROM payment"),
        )


async def ask(engine: AsyncEngine, street: Street, later: timedelta) -> int:
    return await ask_about_checkouts(engine, KEYS, street.provider, at=datetime.now(UTC) + later)


@pytest.mark.parametrize("adapter", PAGES)
async def test_a_parent_pays_and_comes_back(
    adapter: str, street: Street, engine: AsyncEngine
) -> None:
    back = await pay(street, adapter, notifies=2)
    assert await paid(engine, street) == (TOTAL_VND, 1)
    page = await street.gateway.get(back, follow_redirects=True)
    assert page.status_code == 200
    assert "Đã thanh toán đủ" in page.text


@pytest.mark.parametrize("adapter", PAGES)
async def test_a_parent_who_cancels_can_choose_again(
    adapter: str, street: Street, engine: AsyncEngine
) -> None:
    order = await arrive(street, adapter, await choose(street, adapter))
    decided = street.servers.servers[adapter].decide(order, is_paid=False, at=datetime.now(UTC))
    page = await street.gateway.get(decided.return_url, follow_redirects=True)
    assert page.status_code == 200
    assert f"/checkout/{adapter}" in page.text
    assert await paid(engine, street) == (0, 0)
    await pay(street, adapter)
    assert await paid(engine, street) == (TOTAL_VND, 1)


@pytest.mark.parametrize("adapter", sorted(QUERY))
async def test_a_lost_message_is_healed_by_asking(
    adapter: str, street: Street, engine: AsyncEngine
) -> None:
    await pay(street, adapter, notifies=0)
    assert await paid(engine, street) == (0, 0)
    first = QUERY[adapter].FIRST_ASK
    assert await ask(engine, street, first / 2) == 0
    assert await ask(engine, street, first + timedelta(seconds=5)) == 1
    assert await paid(engine, street) == (TOTAL_VND, 1)
    assert await ask(engine, street, timedelta(days=2)) == 0


@pytest.mark.parametrize("adapter", sorted(QUERY))
async def test_asking_and_being_notified_at_once_is_one_payment(
    adapter: str, street: Street, engine: AsyncEngine
) -> None:
    order = await arrive(street, adapter, await choose(street, adapter))
    decided = street.servers.servers[adapter].decide(order, is_paid=True, at=datetime.now(UTC))
    message = await NOTIFIERS[adapter].message(street.gateway, decided.movement, decided.merchant)
    later = QUERY[adapter].FIRST_ASK + timedelta(seconds=5)
    await asyncio.gather(
        ask(engine, street, later),
        *(send(street.gateway, decided.merchant, message) for _ in range(5)),
    )
    assert await paid(engine, street) == (TOTAL_VND, 1)
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM notice_conflict") == 0
        assert await db.raw.fetchval("SELECT count(*) FROM notice") == 1


@pytest.mark.parametrize("adapter", sorted(QUERY))
@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.HTML, Trouble.NOTHING])
async def test_an_unclear_answer_to_a_question_means_unknown(
    adapter: str, trouble: Trouble, street: Street, engine: AsyncEngine
) -> None:
    await pay(street, adapter, notifies=0)
    street.servers.trouble(adapter, trouble)
    first = QUERY[adapter].FIRST_ASK
    assert await ask(engine, street, first + timedelta(seconds=5)) == 1
    assert await paid(engine, street) == (0, 0)
    assert await ask(engine, street, 3 * first + timedelta(seconds=10)) == 1
    assert await paid(engine, street) == (TOTAL_VND, 1)


@pytest.mark.parametrize("adapter", sorted(CREATE))
@pytest.mark.parametrize("trouble", list(Trouble))
async def test_a_provider_in_trouble_costs_the_parent_a_clear_page_and_a_retry(
    adapter: str,
    trouble: Trouble,
    street: Street,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calling, "PATIENCE_S", 0.2)  # silence ends sooner than for a parent
    street.servers.trouble(adapter, trouble)
    answer = await choose(street, adapter)
    assert answer.status_code == 502
    assert "chưa phản hồi" in answer.text
    assert "qr.png" in answer.text  # every other way is still there
    assert f"/checkout/{adapter}" in answer.text
    monkeypatch.undo()
    await pay(street, adapter)
    assert await paid(engine, street) == (TOTAL_VND, 1)


async def test_an_amount_beyond_a_ways_limit_is_notified_before_the_parent_leaves(
    database_url: str, engine: AsyncEngine
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [60_000_000])
    async with opened(database_url, world) as street:
        page = await street.gateway.get(f"/pay/{world.invoices[0].token}")
        assert "/checkout/momo" not in page.text
        assert "50.000.000" in page.text
        assert "/checkout/zalopay" in page.text
        refused = await choose(street, "momo")
        assert refused.status_code == 409
        assert "50.000.000" in refused.text
        assert not street.servers.servers["momo"].movements
        async with transaction(engine) as db:
            made = await db.raw.fetchval(
                "SELECT count(*) FROM checkout WHERE merchant_account_id = $1",
                world.merchants["momo"][0],
            )
        assert made == 0


async def test_what_costs_the_school_nothing_stands_first(street: Street) -> None:
    page = await street.gateway.get(f"/pay/{street.world.invoices[0].token}")
    places = {adapter: page.text.index(f"/checkout/{adapter}") for adapter in PAGES}
    assert places["dvcqg"] < places["momo"]
    assert places["payos"] < places["vnpay"]
    assert page.text.index("qr.png") < min(places.values())
