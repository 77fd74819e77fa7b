"""The gateway among strangers and careless providers: nothing of theirs in a header, no bomb, no hammering."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world, merchant_in
from support.serving import BASE_URL, gateway_client

from adapters.contract import OutgoingRequest
from core.kit.database import transaction
from core.merchants.provider_client import UnansweredError, provider_client
from core.merchants.provider_client import send as call
from core.payments.checkouts import open_checkout
from core.payments.ingest.group_commit import GroupCommit
from core.payments.polling import withdraw_overtaken
from gateway.parents.pages import _address
from sandbox import momo
from sandbox.provider import Merchant, Movement
from sandbox.provider import send as deliver

TOTAL_VND = 500_000


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, TOTAL_VND])


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/pay/abcdefghijklmnopqrst%0d%0aset-cookie:%20a=b/return/vnpay/vi",
        "/pay/abcdefghijklmnopqrst/return/vnpay%0d%0ax:%20y/en",
        "/pay/abcdefghijklmnopqrst%E1%BA%A1/return/vnpay/en?x=1",
        "/pay/abcdefghijklmnopqrst%3Fa/return/vnpay/vi",
        "/pay/abcdefghijklmnopqrst/return/nobody",
    ],
)
async def test_nothing_of_an_address_gets_into_a_header(
    path: str, client: httpx.AsyncClient
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_an_answer_without_content_speaks_of_none(
    world: World, client: httpx.AsyncClient
) -> None:
    merchant = Merchant(
        provider="momo",
        ipn_url=f"{BASE_URL}/ipn/momo/{world.merchants['momo'][1]}",
        account_number=world.bank_number,
        settings=SETTINGS["momo"],
        secrets=SECRETS["momo"],
    )
    movement = Movement(
        sequence=1,
        amount_vnd=TOTAL_VND,
        at=datetime(2026, 9, 10, tzinfo=UTC),
        merchant_reference=world.invoices[0].reference,
    )
    answer = await deliver(client, merchant, await momo.message(client, movement, merchant))
    assert answer.status_code == 204
    assert not {"content-type", "content-length"} & set(answer.headers)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br, gzip"])
async def test_an_answer_that_could_unfold_is_no_answer(encoding: str) -> None:
    asked: list[str] = []

    def bomb(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        stream = httpx.ByteStream(gzip.compress(bytes(50_000_000)))
        return httpx.Response(200, headers={"content-encoding": encoding}, stream=stream)

    async with provider_client() as ours:
        assert ours.follow_redirects is False
    async with httpx.AsyncClient(transport=httpx.MockTransport(bomb)) as http:
        request = OutgoingRequest(method="GET", url="https://a.vn/", headers={}, body=b"")
        with pytest.raises(UnansweredError, match="compressed"):
            await call(http, request)
    assert asked == ["identity"]


async def test_a_message_without_movements_is_taken(engine: AsyncEngine) -> None:
    recorder = GroupCommit(engine, queue_size=4, batch_size=4)
    recorder.start()
    assert await recorder.record([]) == ()
    await recorder.stop()


@pytest.mark.parametrize(
    ("caller", "known"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("fe80::1%a|b&vpc_Amount=1\r\nx: y", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unix:", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_zone_of_an_address_is_not_handed_on(caller: str, known: str) -> None:
    assert _address(caller) == known


async def open_many(engine: AsyncEngine, world: World, adapter: str, count: int) -> None:
    async with transaction(engine) as db:
        merchant = await merchant_in(db, world, adapter)
        for _ in range(count):
            await open_checkout(db, merchant, world.invoices[0].id, at=datetime.now(UTC))


async def rounds(
    engine: AsyncEngine, answer: Callable[[httpx.Request], httpx.Response], count: int
) -> list[int]:
    """How many orders were told of in each of the worker's rounds after the checkouts ran out."""
    at = datetime.now(UTC) + timedelta(minutes=20)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return [await withdraw_overtaken(engine, KEYS, http, at=at) for _ in range(count)]


@pytest.mark.parametrize("adapter", ["payos", "sepaypg"])
@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_provider_that_says_no_is_not_notified_every_minute(
    adapter: str, status: int, engine: AsyncEngine, world: World
) -> None:
    await open_many(engine, world, adapter, 3)
    said_no = httpx.Response(status, json={"code": "214", "desc": "no"})
    assert await rounds(engine, lambda _: said_no, 3) == [3, 0, 0]


@pytest.mark.parametrize("adapter", ["payos", "sepaypg"])
async def test_a_provider_that_did_not_answer_is_notified_again(
    adapter: str, engine: AsyncEngine, world: World
) -> None:
    await open_many(engine, world, adapter, 2)
    assert await rounds(engine, lambda _: httpx.Response(503), 3) == [2, 2, 2]
