"""The sandbox against the service: pushes, retries and mishaps through the real doors."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import factories
import httpx
import pytest
from serving import BASE_URL, gateway_client, running, settings_for_tests
from sqlalchemy.ext.asyncio import AsyncEngine

import sandbox.pages
from gateway.app import create_app
from gateway.kit.database import transaction
from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, Bank, BankAccount
from sandbox.courier import Answer, Mishap, deliver
from sandbox.pages import Sandbox
from sandbox.pushes import Subscriber, push
from sandbox.vnpay import Terminal, Vnpay

NOW = datetime.now(UTC)


@dataclass
class Scene:
    """A served school with the sandbox on the other side."""

    world: factories.World
    client: httpx.AsyncClient
    sandbox: Sandbox
    engine: AsyncEngine

    async def paid_vnd(self, index: int = 0) -> int:
        async with transaction(self.engine) as db:
            found: int = await db.fetchval(
                "SELECT paid_vnd FROM invoice WHERE id = $1", self.world.invoices[index].id
            )
        return found

    async def count(self, table: str) -> int:
        async with transaction(self.engine) as db:
            found: int = await db.fetchval(f"SELECT count(*) FROM {table}")
        return found

    async def settle(self) -> None:
        """Wait for what the sandbox is still sending."""
        for task in list(self.sandbox._sending):
            await task


@pytest.fixture
async def scene(
    engine: AsyncEngine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    async with transaction(engine) as db:
        world = await factories.make_world(db, [986_000, 250_000])
        await db.execute(
            "UPDATE merchant_account SET settings = settings || jsonb_build_object('pay_url', $1::text)"
            " WHERE adapter = 'vnpay'",
            f"{BASE_URL}/sandbox/vnpay/pay",
        )
    settings = settings_for_tests(home=tmp_path, base_url=BASE_URL, sandbox=True)
    app = create_app(settings, database_url)
    keys = {name: key for name, (_, key) in world.merchants.items()}
    app.state.sandbox = Sandbox(
        bank=Bank(
            [
                BankAccount(bin=VIETCOMBANK_BIN, number=world.bank_number, holder="TRUONG"),
                BankAccount(bin=MB_BIN, number=world.other_bank_number, holder="TRUONG"),
            ]
        ),
        subscribers=[
            Subscriber(
                provider=provider,
                account_number=number,
                ipn_url=f"{BASE_URL}/ipn/{provider}/{keys[provider]}",
                secrets=factories.SECRETS[provider],
            )
            for provider, number in (
                ("sepay", world.bank_number),
                ("vietqrvn", world.other_bank_number),
            )
        ],
        vnpay=Vnpay(
            [
                Terminal(
                    tmn_code="HOCPHI01",
                    ipn_url=f"{BASE_URL}/ipn/vnpay/{keys['vnpay']}",
                    hash_secret=factories.SECRETS["vnpay"]["hash_secret"],
                )
            ]
        ),
    )

    def same_process() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)

    monkeypatch.setattr(sandbox.pages, "wire_client", same_process)
    async with running(app) as client:
        yield Scene(world, client, app.state.sandbox, engine)


async def test_a_push_pays_the_invoice_and_its_copies_do_not(scene: Scene) -> None:
    invoice = scene.world.invoices[0]
    bank = scene.sandbox.bank
    entry = bank.book(scene.world.bank_number, invoice.total_vnd, f"CK {invoice.reference}", NOW)
    answers = await push(
        scene.client, bank, entry, scene.sandbox.subscribers[0], Mishap(copies=3), compression=1e6
    )
    assert [(answer.status, answer.is_final) for answer in answers] == [(200, True)] * 4
    assert (await scene.paid_vnd(), await scene.count("payment")) == (invoice.total_vnd, 1)


@pytest.mark.parametrize("index", [0, 1], ids=["sepay", "vietqrvn"])
async def test_a_tampered_push_is_refused_and_the_retry_taken(scene: Scene, index: int) -> None:
    subscriber = scene.sandbox.subscribers[index]
    bank = scene.sandbox.bank
    entry = bank.book(subscriber.account_number, 1_000, "khong ma", NOW)
    answers = await push(
        scene.client, bank, entry, subscriber, Mishap(is_tampered=True), compression=1e6
    )
    assert [answer.status for answer in answers] == [401, 200]
    async with transaction(scene.engine) as db:
        assert [row[0] for row in await db.fetch("SELECT amount_vnd FROM payment")] == [1_000]


async def test_a_contradiction_is_kept_as_a_conflict(scene: Scene) -> None:
    subscriber = scene.sandbox.subscribers[1]
    bank = scene.sandbox.bank
    entry = bank.book(subscriber.account_number, 1_000, "khong ma", NOW)
    await push(scene.client, bank, entry, subscriber)
    answers = await push(scene.client, bank, entry, subscriber, claimed_vnd=2_000)
    assert [answer.status for answer in answers] == [400]
    assert (await scene.count("notice_conflict"), await scene.count("payment")) == (1, 1)


async def test_a_lost_push_is_never_sent(scene: Scene) -> None:
    entry = scene.sandbox.bank.book(scene.world.bank_number, 1_000, "x", NOW)
    subscriber = scene.sandbox.subscribers[0]
    sent = await push(scene.client, scene.sandbox.bank, entry, subscriber, Mishap(is_lost=True))
    assert (sent, await scene.count("notice")) == ([], 0)


async def test_a_provider_insists_until_it_is_heard() -> None:
    tried: list[bool] = []

    async def attempt(is_tampered: bool) -> Answer:
        tried.append(is_tampered)
        if len(tried) < 3:
            raise httpx.ConnectError("away")
        return Answer(200, b"", is_final=True)

    answers = await deliver(attempt, (60.0, 60.0, 60.0), Mishap(is_tampered=True), 1e6)
    assert [answer.status for answer in answers] == [0, 0, 200]
    assert tried == [True, False, False]


async def test_a_provider_gives_up_after_its_schedule() -> None:
    async def attempt(is_tampered: bool) -> Answer:
        return Answer(503, b"", is_final=False)

    assert len(await deliver(attempt, (60.0,) * 7, Mishap(), 1e6)) == 8


async def test_the_button_on_the_parents_page_pays_it(scene: Scene) -> None:
    invoice = scene.world.invoices[0]
    page = (await scene.client.get(f"/pay/{invoice.token}")).text
    form = page[page.index('action="/sandbox/bank/pay') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    back = await scene.client.post("/sandbox/bank/pay", data=fields)
    await scene.settle()
    assert (back.status_code, back.headers["location"]) == (303, f"/pay/{invoice.token}")
    assert await scene.paid_vnd() == invoice.total_vnd


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "999"},
        {"amount_vnd": "0"},
        {"amount_vnd": "1.5"},
        {"amount_vnd": "9999999999999"},
        {"token": "../console"},
        {"token": ""},
        {"content": "a\x00b"},
    ],
)
async def test_the_bank_refuses_a_form_that_was_tampered_with(
    scene: Scene, changes: dict[str, str]
) -> None:
    form = {
        "token": scene.world.invoices[0].token,
        "account": scene.world.bank_number,
        "amount_vnd": "1000",
        "content": "x",
    }
    assert (await scene.client.post("/sandbox/bank/pay", data=form | changes)).status_code == 400
    assert scene.sandbox.bank.entries == []


@pytest.mark.parametrize(("choice", "is_paid"), [("pay", True), ("cancel", False)])
async def test_checkout_to_vnpay_and_back(scene: Scene, choice: str, is_paid: bool) -> None:
    invoice = scene.world.invoices[0]
    leave = await scene.client.post(f"/pay/{invoice.token}/checkout/vnpay")
    address = leave.headers["location"]
    assert address.startswith(f"{BASE_URL}/sandbox/vnpay/pay?")
    page = await scene.client.get(address)
    assert (page.status_code, "986.000 đ" in page.text) == (200, True)
    query = unescape(re.search(r'name="query" value="([^"]*)"', page.text)[1])  # type: ignore[index]  # it is there, or the test fails
    form = {"query": query, "choice": choice}
    pressed = await scene.client.post("/sandbox/vnpay/pay", data=form)
    await scene.settle()
    back = await scene.client.get(pressed.headers["location"], follow_redirects=True)
    assert (pressed.status_code, back.status_code) == (303, 200)
    assert await scene.paid_vnd() == (invoice.total_vnd if is_paid else 0)
    assert (scene.sandbox.vnpay.collected_vnd() > 0) is is_paid


async def test_vnpay_page_refuses_an_unsigned_order(scene: Scene) -> None:
    invoice = scene.world.invoices[0]
    leave = await scene.client.post(f"/pay/{invoice.token}/checkout/vnpay")
    query = urlsplit(leave.headers["location"]).query.replace("vnp_Amount=9", "vnp_Amount=1")
    page = await scene.client.get(f"/sandbox/vnpay/pay?{query}")
    form = {"query": query, "choice": "pay"}
    pressed = await scene.client.post("/sandbox/vnpay/pay", data=form)
    assert (page.status_code, pressed.status_code) == (400, 400)
    assert "chữ ký" in page.text
    assert scene.sandbox.vnpay.transactions == {}


async def test_without_the_setting_there_is_no_sandbox(database_url: str, tmp_path: Path) -> None:
    settings = settings_for_tests(home=tmp_path, sandbox=False)
    async with gateway_client(database_url, settings) as client:
        assert (await client.get("/sandbox/vnpay/pay")).status_code == 404
        assert (await client.post("/sandbox/bank/pay", data={"token": "a"})).status_code == 404
