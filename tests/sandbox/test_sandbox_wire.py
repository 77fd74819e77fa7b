"""The sandbox against the service: pushes, retries and mishaps through the real doors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support import factories
from support.serving import BASE_URL, gateway_client, running, settings_for_tests

import sandbox.servers
from core.kit.database import transaction
from gateway.app import create_app
from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, Bank, BankAccount
from sandbox.courier import NO_MISHAP, Answer, Mishap, deliver
from sandbox.pages import ROUTES, Sandbox, movement_of
from sandbox.provider import Merchant, Movement, notify
from sandbox.providers import NOTIFIERS, open_servers

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
            found: int = await db.raw.fetchval(
                "SELECT paid_vnd FROM invoice WHERE id = $1", self.world.invoices[index].id
            )
        return found

    async def count(self, table: str) -> int:
        async with transaction(self.engine) as db:
            found: int = await db.raw.fetchval(f"SELECT count(*) FROM {table}")
        return found

    async def settle(self) -> None:
        """Wait for what the sandbox is still sending."""
        await asyncio.gather(*self.sandbox.servers._sending)

    def merchant(self, provider: str) -> Merchant:
        """The school's account with a bank feed, as the sandbox knows it."""
        return next(m for m in self.sandbox.notified.values() if m.provider == provider)

    def came_in(self, merchant: Merchant, amount_vnd: int, content: str) -> Movement:
        """Book money at the bank; what is told of it."""
        entry = self.sandbox.bank.book(merchant.account_number, amount_vnd, content, NOW)
        return movement_of(entry)

    async def notify(
        self, merchant: Merchant, movement: Movement, mishap: Mishap = NO_MISHAP
    ) -> list[Answer]:
        notifier = NOTIFIERS[merchant.provider]
        return await notify(self.client, notifier, movement, merchant, mishap, compression=1e6)


def merchant_of(world: factories.World, provider: str, account_number: str) -> Merchant:
    return Merchant(
        provider=provider,
        ipn_url=f"{BASE_URL}/ipn/{provider}/{world.merchants[provider][1]}",
        account_number=account_number,
        settings=factories.SETTINGS[provider],
        secrets=factories.SECRETS[provider],
    )


@pytest.fixture
async def scene(
    engine: AsyncEngine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    async with transaction(engine) as db:
        world = await factories.make_world(db, [986_000, 250_000])
        await db.raw.execute(
            "UPDATE merchant_account SET settings = settings || jsonb_build_object('pay_url', $1::text)"
            " WHERE adapter = 'vnpay'",
            f"{BASE_URL}/sandbox/vnpay/pay",
        )
    settings = settings_for_tests(home=tmp_path, base_url=BASE_URL, sandbox=True)
    app = create_app(settings, database_url, ROUTES)
    app.state.sandbox = Sandbox(
        bank=Bank(
            [
                BankAccount(
                    bin=VIETCOMBANK_BIN,
                    number=world.bank_number,
                    holder="TRUONG",
                    va_prefix=factories.SETTINGS["mb"]["va_prefix"],
                ),
                BankAccount(bin=MB_BIN, number=world.other_bank_number, holder="TRUONG"),
            ]
        ),
        notified={
            world.bank_number: merchant_of(world, "sepay", world.bank_number),
            world.other_bank_number: merchant_of(world, "vietqrvn", world.other_bank_number),
        },
        servers=open_servers([merchant_of(world, "vnpay", world.bank_number)]),
    )

    def same_process() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)

    monkeypatch.setattr(sandbox.servers, "wire_client", same_process)
    async with running(app) as client:
        yield Scene(world, client, app.state.sandbox, engine)


async def test_a_push_pays_the_invoice_and_its_copies_do_not(scene: Scene) -> None:
    invoice, merchant = scene.world.invoices[0], scene.merchant("sepay")
    movement = scene.came_in(merchant, invoice.total_vnd, f"CK {invoice.reference}")
    answers = await scene.notify(merchant, movement, Mishap(copies=3))
    assert [(answer.status, answer.is_final) for answer in answers] == [(200, True)] * 4
    assert (await scene.paid_vnd(), await scene.count("payment")) == (invoice.total_vnd, 1)


@pytest.mark.parametrize("provider", ["sepay", "vietqrvn"])
async def test_a_tampered_push_is_refused_and_the_retry_taken(scene: Scene, provider: str) -> None:
    merchant = scene.merchant(provider)
    movement = scene.came_in(merchant, 1_000, "khong ma")
    answers = await scene.notify(merchant, movement, Mishap(is_tampered=True))
    assert [answer.status for answer in answers] == [401, 200]
    async with transaction(scene.engine) as db:
        assert [row[0] for row in await db.raw.fetch("SELECT amount_vnd FROM payment")] == [1_000]


async def test_a_contradiction_is_kept_as_a_conflict(scene: Scene) -> None:
    merchant = scene.merchant("vietqrvn")
    movement = scene.came_in(merchant, 1_000, "khong ma")
    await scene.notify(merchant, movement)
    answers = await scene.notify(merchant, replace(movement, amount_vnd=2_000))
    assert [answer.status for answer in answers] == [400]
    assert (await scene.count("notice_conflict"), await scene.count("payment")) == (1, 1)


async def test_a_lost_push_is_never_sent(scene: Scene) -> None:
    merchant = scene.merchant("sepay")
    sent = await scene.notify(merchant, scene.came_in(merchant, 1_000, "x"), Mishap(is_lost=True))
    assert (sent, await scene.count("notice")) == ([], 0)


async def test_money_that_went_out_is_notified_to_nobody(scene: Scene) -> None:
    with pytest.raises(ValueError, match="came in"):
        scene.came_in(scene.merchant("sepay"), -11_000, "phi")


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


@pytest.mark.parametrize("provider", ["sepay", "vietqrvn", "vnpay", "momo"])
async def test_a_provider_keeps_to_its_own_schedule_in_compressed_time(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []

    async def pass_over(seconds: float) -> None:
        waits_s.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pass_over)
    merchant = Merchant(
        provider=provider,
        ipn_url="http://school.test/ipn",
        account_number="001",
        settings=factories.SETTINGS[provider],
        secrets=factories.SECRETS[provider],
    )
    away = httpx.MockTransport(lambda _: httpx.Response(503))
    movement = Movement(sequence=1, amount_vnd=1_000, at=NOW, account_number="001")
    async with httpx.AsyncClient(transport=away) as client:
        answers = await notify(
            client, NOTIFIERS[provider], movement, merchant, Mishap(delay_s=7.0), compression=60.0
        )
    schedule_s = NOTIFIERS[provider].DELAYS_S
    assert waits_s == [7.0, *(delay_s / 60.0 for delay_s in schedule_s)]
    assert [answer.status for answer in answers] == [503] * (1 + len(schedule_s))


@pytest.mark.parametrize("is_virtual", [True, False], ids=["virtual", "plain"])
async def test_the_button_on_the_parents_page_pays_it(scene: Scene, is_virtual: bool) -> None:
    invoice, number = scene.world.invoices[0], scene.world.bank_number
    if is_virtual:  # every invoice has an account of its own, of which its bank tells
        scene.sandbox.notified = {number: merchant_of(scene.world, "mb", number)}
        async with transaction(scene.engine) as db:
            await db.raw.execute(
                "UPDATE merchant_account SET bank_account_id = $1 WHERE adapter = 'mb'",
                scene.world.bank_account_id,
            )
    page = (await scene.client.get(f"/pay/{invoice.token}")).text
    form = page[page.index('action="/sandbox/bank/pay') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    own = f"{factories.SETTINGS['mb']['va_prefix']}{invoice.reference}"
    assert fields["account"] == (own if is_virtual else number)
    back = await scene.client.post("/sandbox/bank/pay", data=fields)
    await scene.settle()
    assert (back.status_code, back.headers["location"]) == (303, f"/pay/{invoice.token}")
    assert await scene.paid_vnd() == invoice.total_vnd
    assert [entry.account_number for entry in scene.sandbox.bank.entries] == [number]


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
    answer = await scene.client.post("/sandbox/bank/pay", data=form | changes)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert scene.sandbox.bank.entries == []


@pytest.mark.parametrize(("choice", "is_paid"), [("pay", True), ("cancel", False)])
async def test_checkout_to_vnpay_and_back(scene: Scene, choice: str, is_paid: bool) -> None:
    invoice = scene.world.invoices[0]
    leave = await scene.client.post(f"/pay/{invoice.token}/checkout/vnpay")
    address = leave.headers["location"]
    assert address.startswith(f"{BASE_URL}/sandbox/vnpay/pay?")
    page = await scene.client.get(address)
    assert (page.status_code, "986.000 đ" in page.text) == (200, True)
    [order] = re.findall(r'name="order" value="([^"]+)"', page.text)
    form = {"order": unescape(order), "decision": choice}
    pressed = await scene.client.post("/sandbox/vnpay/decide", data=form)
    await scene.settle()
    back = await scene.client.get(pressed.headers["location"], follow_redirects=True)
    assert (pressed.status_code, back.status_code) == (303, 200)
    paid_vnd = invoice.total_vnd if is_paid else 0
    assert await scene.paid_vnd() == paid_vnd
    assert sum(m.amount_vnd for m in scene.sandbox.servers.servers["vnpay"].movements) == paid_vnd


async def test_vnpay_page_refuses_an_unsigned_order(scene: Scene) -> None:
    invoice = scene.world.invoices[0]
    leave = await scene.client.post(f"/pay/{invoice.token}/checkout/vnpay")
    query = urlsplit(leave.headers["location"]).query
    page = await scene.client.get(
        f"/sandbox/vnpay/pay?{query.replace('vnp_Amount=9', 'vnp_Amount=1')}"
    )
    order = f"HOCPHI01.{parse_qs(query)['vnp_TxnRef'][0]}"
    form = {"order": order, "decision": "pay"}
    pressed = await scene.client.post("/sandbox/vnpay/decide", data=form)
    assert (page.status_code, pressed.status_code) == (400, 400)
    assert "chữ ký" in page.text
    assert scene.sandbox.servers.servers["vnpay"].movements == []


async def test_without_the_setting_there_is_no_sandbox(database_url: str, tmp_path: Path) -> None:
    settings = settings_for_tests(home=tmp_path, sandbox=False)
    async with gateway_client(database_url, settings) as client:
        assert (await client.get("/sandbox/vnpay/pay")).status_code == 404
        assert (await client.post("/sandbox/bank/pay", data={"token": "a"})).status_code == 404
