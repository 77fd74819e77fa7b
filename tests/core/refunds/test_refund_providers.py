"""Every provider that takes refunds, through the whole gateway and its own sandbox server, row by row."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, SECRETS, SETTINGS, World, make_world
from support.refund_school import actions, approved, refund_request, shown, sound
from support.review_school import ORDER

from adapters import CREATE, IPN, REDIRECT, REFUND
from adapters.contract import Notices, Request
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.merchants import provider_client as calling
from core.merchants.directory import find_merchant
from core.merchants.provider_client import send
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.refunds.manual import confirm_refund
from core.refunds.sending import poll_refunds
from core.refunds.service import Method, Status, refundable
from reconciliation.jobs.reconcile_day import reconcile
from sandbox.provider import Call, Merchant
from sandbox.providers import open_servers
from sandbox.servers import ProviderServers, Trouble

TOTAL_VND = 1_000_000
ROUNDS = [timedelta(minutes=minutes) for minutes in (0, 6, 20, 60, 180, 600)]
URLS = {"vnpay": {"query_url": "http://sandbox.test/sandbox/vnpay/query"}}


def _forget_orders(server: Any) -> None:
    """No payment of that order: given back by another way, or never made."""
    for order in server.orders.values():
        order.movement = None


def _forget_held(server: Any) -> None:
    server.held.clear()


def _close_store(server: Any) -> None:
    server.merchants = [
        replace(m, settings={**m.settings, "store_ext_id": "x"}) for m in server.merchants
    ]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A provider. `gave_vnd`: what its books gave back. `refuse`: make it refuse, with `refusal`.

    when_lost, when_unseen: where a refund stands once the provider is well again, after its answer
    was lost, and after the demand never reached it. SENT: only a person can say, after three days.
    """

    name: str
    gave_vnd: Callable[[Any], int]
    refuse: Callable[[Any], None]
    refusal: str
    gives_parts: bool = True
    when_lost: Status = Status.DONE
    when_unseen: Status = Status.DONE


ROWS = (
    Row(
        name="momo",
        gave_vnd=lambda server: sum(r.amount_vnd for r in server.refunds.values()),
        refuse=_forget_orders,
        refusal="42",
    ),
    Row(
        name="zalopay",
        gave_vnd=lambda server: sum(r.amount_vnd for r in server.refunds.values()),
        refuse=_forget_orders,
        refusal="-8",
    ),
    Row(
        name="shopeepay",
        gave_vnd=lambda server: sum(r.asked["amount"] // 100 for r in server.refunds.values()),
        refuse=_close_store,
        refusal="4",
        when_unseen=Status.SENT,  # its status for "no such refund" may also mean "not yet"
    ),
    Row(
        name="viettelmoney",
        gave_vnd=lambda server: sum(
            o.movement.amount_vnd for o in server.orders.values() if o.is_refunded
        ),
        refuse=_forget_orders,
        refusal="KG3",
        gives_parts=False,
        when_lost=Status.SENT,  # it answers a repetition by "refunded before", whoever asked for it
    ),
    Row(
        name="vnpay",
        gave_vnd=lambda server: sum(r.amount_vnd for h in server.held.values() for r in h.refunds),
        refuse=_forget_held,
        refusal="91",
        when_unseen=Status.SENT,  # its querydr answers about the order, never of a demand
    ),
)
BY_NAME = {row.name: row for row in ROWS}


@dataclass
class Counter:
    """A provider's server, and a way to it over HTTP."""

    row: Row
    server: Any
    servers: ProviderServers
    http: httpx.AsyncClient
    engine: AsyncEngine
    world: World
    ahead: timedelta = timedelta()

    def __post_init__(self) -> None:
        answer = self.server.answer  # the provider's clock runs with ours
        self.server.answer = lambda call, at: answer(call, at + self.ahead)

    @property
    def gave_vnd(self) -> int:
        """What the provider's own books gave back."""
        return self.row.gave_vnd(self.server)

    async def pay(self) -> int:
        """A parent pays the first invoice at the provider's page; the id of the payment."""
        name, world = self.row.name, self.world
        invoice = world.invoices[0]
        now = datetime.now(UTC).replace(microsecond=0)
        async with transaction(self.engine) as db:
            found = await find_merchant(db, KEYS, name, world.merchants[name][1])
        assert found is not None
        order = replace(
            ORDER,
            merchant_reference=f"{invoice.reference}00",
            amount_vnd=invoice.total_vnd,
            created_at=now,
            expires_at=now + timedelta(minutes=15),
        )
        if name in REDIRECT:
            checkout = REDIRECT[name].checkout(order, found.account)
        else:
            answer = await send(self.http, CREATE[name].create(order, found.account))
            checkout = CREATE[name].read_created(order, answer, found.account)
        parts = urlsplit(checkout.url)
        path = "/" + parts.path.partition(f"/sandbox/{name}/")[2]
        call = Call(method="GET", path=path, query=parts.query, headers={}, body=b"")
        page = self.server.open_order(call, now)
        decided = self.server.decide(page.order_id, is_paid=True, at=now)
        async with transaction(self.engine) as db:
            await db.raw.execute(
                "INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference,"
                " amount_vnd, provider_reference, created_at, expires_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                world.school_id, world.merchants[name][0], invoice.id, order.merchant_reference,
                invoice.total_vnd, checkout.provider_reference, now, order.expires_at,
            )  # fmt: skip
        notified = await self.servers.notifiers[name].message(
            self.http, decided.movement, decided.merchant
        )
        notices = IPN[name].read(
            Request(
                method=notified.method,
                path=notified.path,
                query=notified.query.encode(),
                headers={key.lower(): value for key, value in notified.headers},
                body=notified.body,
                received_at=now,
                remote_ip="127.0.0.1",
            ),
            found.account,
        )
        assert isinstance(notices, Notices)
        recorded = await commit_notices(
            self.engine, [InboundNotice(found, notices.items[0], notified.body)]
        )
        return int(recorded.verdicts[0].record_id)

    async def poll(self, *later: timedelta) -> None:
        """The worker's rounds, each `later` than now."""
        for wait in later:
            self.ahead = wait
            await poll_refunds(self.engine, KEYS, self.http, at=now_utc() + wait)

    async def begun(self, amount_vnd: int = TOTAL_VND) -> int:
        """An approved refund of the payment, not sent yet."""
        payment_id = await self.pay()
        asked = refund_request(amount_vnd, Method.PROVIDER)
        return (await approved(self.engine, self.world, payment_id, asked)).id


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        made = await make_world(db, [TOTAL_VND, 700_000])
        for name, changed in URLS.items():
            await db.raw.execute(
                "UPDATE merchant_account SET settings = settings || $2::text::jsonb WHERE id = $1",
                made.merchants[name][0],
                json.dumps(changed),
            )
        return made


@asynccontextmanager
async def counter_of(engine: AsyncEngine, world: World, row: Row) -> AsyncIterator[Counter]:
    merchant = Merchant(
        provider=row.name,
        ipn_url="http://school.test/ipn",
        account_number=world.bank_number,
        settings=SETTINGS[row.name] | URLS.get(row.name, {}),
        secrets=SECRETS[row.name],
    )
    servers = open_servers([merchant])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(servers)) as http:
        yield Counter(row, servers.servers[row.name], servers, http, engine, world)


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
async def counter(
    engine: AsyncEngine, world: World, request: pytest.FixtureRequest
) -> AsyncIterator[Counter]:
    async with counter_of(engine, world, request.param) as found:
        yield found


@pytest.fixture
async def vnpay(engine: AsyncEngine, world: World) -> AsyncIterator[Counter]:
    async with counter_of(engine, world, BY_NAME["vnpay"]) as found:
        yield found


def test_every_provider_that_takes_refunds_has_its_row() -> None:
    assert set(BY_NAME) == set(REFUND)


async def test_a_refund_is_demanded_once_polled_and_booked(
    engine: AsyncEngine, world: World, counter: Counter
) -> None:
    refund_id = await counter.begun()
    assert await sound(engine, world) == [TOTAL_VND, 0]
    await counter.poll(*ROUNDS)
    row = await shown(engine, world, refund_id)
    assert row.status is Status.DONE
    assert row.provider_refund_id
    assert counter.gave_vnd == TOTAL_VND
    assert await sound(engine, world) == [0, 0]
    steps = [step for step, _ in await actions(engine, refund_id)]
    assert steps == ["refund.requested", "refund.approved", "refund.demanded", "refund.done"]
    await counter.poll(timedelta(days=9))
    assert counter.gave_vnd == TOTAL_VND
    result = await reconcile(engine, world.school_id, business_date(now_utc()))
    for proof in result.proofs:
        if proof.account.startswith(counter.row.name):
            assert (proof.closing_vnd, proof.difference_vnd) == (0, 0)


async def test_a_part_goes_back_or_is_refused_before_it_leaves(
    engine: AsyncEngine, world: World, counter: Counter
) -> None:
    refund_id = await counter.begun(400_000)
    await counter.poll(*ROUNDS)
    row = await shown(engine, world, refund_id)
    if counter.row.gives_parts:
        assert row.status is Status.DONE
        assert (counter.gave_vnd, await sound(engine, world)) == (400_000, [600_000, 0])
    else:
        assert (row.status, row.provider_code) == (Status.REFUSED, "unsendable")
        assert (counter.gave_vnd, await sound(engine, world)) == (0, [TOTAL_VND, 0])


async def test_a_refusal_moves_nothing_and_frees_the_amount(
    engine: AsyncEngine, world: World, counter: Counter
) -> None:
    refund_id = await counter.begun()
    counter.row.refuse(counter.server)
    await counter.poll(*ROUNDS)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.provider_code) == (Status.REFUSED, counter.row.refusal)
    assert row.note
    assert await sound(engine, world) == [TOTAL_VND, 0]
    async with transaction(engine) as db:
        assert (await refundable(db, world.school_id, row.payment_id)).remaining_vnd == TOTAL_VND


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_after_any_trouble_the_money_goes_back_once_or_a_person_is_asked(
    engine: AsyncEngine,
    world: World,
    counter: Counter,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calling, "PATIENCE_S", 0.2)
    refund_id = await counter.begun()
    counter.servers.trouble(counter.row.name, trouble)
    await counter.poll(ROUNDS[0])
    row = await shown(engine, world, refund_id)
    assert (row.status, row.ask_count) == (Status.SENT, 1)
    assert await sound(engine, world) == [TOTAL_VND, 0]
    await counter.poll(*ROUNDS[1:])
    was_received = trouble is Trouble.LOST_ANSWER
    expected = counter.row.when_lost if was_received else counter.row.when_unseen
    again = await shown(engine, world, refund_id)
    assert (again.status, again.request_id) == (expected, row.request_id)
    is_back = was_received or expected is Status.DONE
    assert counter.gave_vnd == (TOTAL_VND if is_back else 0)
    assert await sound(engine, world) == [0 if expected is Status.DONE else TOTAL_VND, 0]
    if expected is Status.SENT:
        await counter.poll(timedelta(days=4))
        assert (await shown(engine, world, refund_id)).is_in_doubt
        async with transaction(engine) as db:
            await confirm_refund(
                db, world.school_id, refund_id, on=business_date(now_utc()), actor="hieutruong"
            )
        assert await sound(engine, world) == [0, 0]


async def test_another_refund_of_the_same_amount_is_not_taken_for_this_one(
    engine: AsyncEngine, world: World, vnpay: Counter
) -> None:
    """VNPAY's querydr shows the last refund of an order by its kind and amount alone."""
    payment_id = await vnpay.pay()
    asked = refund_request(300_000, Method.PROVIDER)
    first = (await approved(engine, world, payment_id, asked)).id
    await vnpay.poll(*ROUNDS)
    assert (await shown(engine, world, first)).status is Status.DONE
    second = (await approved(engine, world, payment_id, asked)).id
    vnpay.servers.trouble("vnpay", Trouble.ERROR)  # the second demand never reaches VNPAY
    later = [timedelta(days=1) + wait for wait in ROUNDS]
    await vnpay.poll(*later)
    assert vnpay.gave_vnd == 300_000
    assert (await shown(engine, world, second)).status is Status.SENT
    assert await sound(engine, world) == [700_000, 0]
