"""Registering our address at payOS by its own call: against the sandbox's server, whatever goes wrong there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world
from support.serving import BASE_URL, gateway_client

from adapters import REGISTER
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.merchants import provider_client as calling
from core.merchants.channel_status import switch_channel
from core.merchants.credentials import replace_credentials
from core.merchants.webhooks import register_webhook
from sandbox import payos
from sandbox.provider import Merchant, send
from sandbox.providers import open_servers
from sandbox.servers import ProviderServers, Trouble


@dataclass
class Office:
    """A school and payOS's server, joined by HTTP in one process."""

    engine: AsyncEngine
    world: World
    servers: ProviderServers
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"{BASE_URL}/ipn/payos/{self.world.merchants['payos'][1]}"

    @property
    def kept(self) -> dict[str, str]:
        """What payOS has kept: client id -> address."""
        server = self.servers.servers["payos"]
        assert isinstance(server, payos.Payos)
        return server.webhooks

    async def register(self, adapter: str = "payos", *, school_id: int = 0) -> None:
        await register_webhook(
            self.engine,
            KEYS,
            self.http,
            school_id or self.world.school_id,
            self.world.merchants[adapter][0],
            url=self.url,
            actor="operator",
        )

    async def audited(self) -> int:
        async with transaction(self.engine) as db:
            found: int = await db.raw.fetchval(
                "SELECT count(*) FROM audit_entry WHERE action = 'channel.webhook_registered'"
                " AND actor = 'operator' AND detail = '{\"adapter\": \"payos\"}'"
            )
        return found


def merchant_of(world: World) -> Merchant:
    return Merchant(
        provider="payos",
        ipn_url=f"{BASE_URL}/ipn/payos/{world.merchants['payos'][1]}",
        account_number=world.bank_number,
        settings=SETTINGS["payos"],
        secrets=SECRETS["payos"],
    )


@pytest.fixture
async def office(engine: AsyncEngine) -> AsyncIterator[Office]:
    async with transaction(engine) as db:
        world = await make_world(db, [500_000])
    servers = open_servers([merchant_of(world)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(servers)) as http:
        yield Office(engine, world, servers, http)


async def test_payos_keeps_the_address_and_its_test_is_no_money(
    office: Office, database_url: str
) -> None:
    for times in (1, 2):  # again changes nothing
        await office.register()
        assert office.kept == {SETTINGS["payos"]["client_id"]: office.url}
        assert await office.audited() == times
    merchant = replace(merchant_of(office.world), ipn_url=office.kept["hocphi-payos"])
    async with gateway_client(database_url) as client:
        answer = await send(client, merchant, payos.test_ping(merchant))
    assert payos.is_final(answer), answer.text
    async with transaction(office.engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 0


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.HTML, Trouble.NOTHING])
async def test_a_server_in_trouble_is_said_so(office: Office, trouble: Trouble) -> None:
    office.servers.trouble("payos", trouble)
    with pytest.raises(DomainError) as caught:
        await office.register()
    assert (caught.value.code, status_of(caught.value)) == ("webhook_not_registered", 502)
    assert (office.kept, await office.audited()) == ({}, 0)
    await office.register()
    assert await office.audited() == 1


async def test_a_lost_answer_is_unknown_and_asked_for_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "PATIENCE_S", 0.2)
    office.servers.trouble("payos", Trouble.LOST_ANSWER)
    with pytest.raises(DomainError, match="unanswered"):
        await office.register()
    assert await office.audited() == 0
    await office.register()
    assert await office.audited() == 1


async def test_credentials_that_payos_does_not_take(office: Office) -> None:
    async with transaction(office.engine) as db:
        await replace_credentials(
            db, KEYS, office.world.school_id, office.world.merchants["payos"][0],
            secrets={"api_key": "WRONG-KEY"}, settings={}, actor="operator",
        )  # fmt: skip
    with pytest.raises(DomainError) as caught:
        await office.register()
    assert caught.value.code == "webhook_not_registered"
    assert "không nhận thông tin kết nối" in caught.value.vi
    assert "WRONG-KEY" not in caught.value.vi + caught.value.en
    assert office.kept == {}


async def test_what_cannot_be_registered(office: Office) -> None:
    for adapter in sorted(office.world.merchants.keys() - REGISTER.keys()):
        with pytest.raises(DomainError, match="no_register_call"):
            await office.register(adapter)
    async with transaction(office.engine) as db:
        other = await make_world(db, [500_000], code="TH02")
        await switch_channel(
            db, office.world.school_id, office.world.merchants["payos"][0],
            is_enabled=False, actor="operator", reason="Thử",
        )  # fmt: skip
    with pytest.raises(DomainError, match="not_found"):
        await office.register(school_id=other.school_id)
    with pytest.raises(DomainError, match="channel_is_off"):
        await office.register()
    assert (office.kept, await office.audited()) == ({}, 0)


async def test_an_account_without_its_keys_calls_nobody(office: Office) -> None:
    async with transaction(office.engine) as db:
        await db.raw.execute(
            "UPDATE merchant_account SET sealed_secrets = '' WHERE adapter = 'payos'"
        )
    with pytest.raises(DomainError, match="account_incomplete"):
        await office.register()
    assert office.kept == {}
