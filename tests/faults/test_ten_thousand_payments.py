"""Ten thousand payments by every door on a bad day: each is recorded once, to the đồng.

A twentieth of the messages never arrives and a twentieth of all requests or of their answers is lost on
the road; a fifth is sent twice; all come in any order. What the providers' own tries do not mend is
mended by asking them and by the bank's statement.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS
from support.paths import REPOSITORY
from support.serving import BASE_URL, running, settings_for_tests

from adapters import CREATE, IPN, QUERY, REDIRECT
from core.fees.service import approve_schedule, draft_schedule
from core.kit.clock import VN, business_date, now_utc
from core.kit.database import transaction
from core.ledger.queries import balances, disagreements
from core.merchants.service import add_bank_account, add_merchant_account
from core.payments.polling import ask_about_checkouts
from core.portal.applications import submit
from core.portal.forms import Form
from core.schools.service import create_school
from demo.merchants import merchants_of
from gateway.app import create_app
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement
from sandbox.bank import VIETINBANK_BIN, Bank, BankAccount
from sandbox.courier import Mishap
from sandbox.pages import movement_of
from sandbox.payer import arrive
from sandbox.provider import Merchant, Movement, notify
from sandbox.providers import COUNTERS, NOTIFIERS, open_servers
from sandbox.servers import ProviderServers
from sandbox.statements import statement_xlsx

PAYMENTS = 10_000
BY_EACH_PAGE = 200
DROPPED, DUPLICATED, LEAKY = 0.05, 0.20, 0.05
AT_ONCE = 32
ACCOUNT = "00002026000333"
PREFIX = "HSEN"
DAY = business_date(now_utc()) - timedelta(days=1)
SERVICE = REPOSITORY / "examples" / "service.xlsx"
PAGES = sorted({*REDIRECT, *CREATE})
OTHERS = sorted(IPN.keys() - set(PAGES))


@dataclass
class Town:
    """A school with an account at every provider, its gateway, and what the sandbox knows."""

    school_id: int
    bank_account_id: int
    merchants: dict[str, Merchant]
    direct: set[str]
    client: httpx.AsyncClient
    provider: httpx.AsyncClient
    servers: ProviderServers
    rng: random.Random
    bank: Bank = field(
        default_factory=lambda: Bank(
            [BankAccount(bin=VIETINBANK_BIN, number=ACCOUNT, holder="TRUONG", va_prefix=PREFIX)]
        )
    )
    moved: Counter[tuple[str, str, int]] = field(default_factory=Counter)


class Leaky(httpx.AsyncBaseTransport):
    """A road on which some requests are lost, and some answers: the sender cannot tell which."""

    def __init__(self, inner: httpx.AsyncBaseTransport, rng: random.Random) -> None:
        self.inner, self.rng, self.lost = inner, rng, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fate = self.rng.random()
        if fate < LEAKY / 2:
            self.lost += 1
            raise httpx.ConnectError("lost on the way", request=request)
        answer = await self.inner.handle_async_request(request)
        if fate < LEAKY:
            await answer.aread()
            self.lost += 1
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return answer


@dataclass(frozen=True)
class Bill:
    reference: str
    token: str
    total_vnd: int
    code: str


async def settle_down(engine: AsyncEngine) -> tuple[int, int, dict[str, Merchant], set[str]]:
    """The school and its contracts, made by the services that everybody's are made by."""
    async with transaction(engine) as db:
        school_id = await create_school(
            db, code="TEN", name="Trường", address="", province="", accounting_regime="TT24/2024"
        )
        account_id = await add_bank_account(
            db, school_id, bin=VIETINBANK_BIN, number=ACCOUNT, holder="TRUONG", is_default=True
        )
        merchants, direct = {}, set()
        for contract in merchants_of(BASE_URL, (ACCOUNT, ACCOUNT, ACCOUNT), PREFIX):
            if contract.adapter in merchants:  # the portal's second one
                continue
            made = await add_merchant_account(
                db,
                KEYS,
                school_id,
                adapter=contract.adapter,
                bank_account_id=account_id,
                settlement=contract.settlement,
                secrets=contract.secrets,
                settings=contract.settings,
            )
            if contract.settlement == "direct":
                direct.add(contract.adapter)
            merchants[contract.adapter] = Merchant(
                provider=contract.adapter,
                ipn_url=f"{BASE_URL}/ipn/{contract.adapter}/{made.account_key}",
                account_number=ACCOUNT,
                settings=contract.settings,
                secrets=contract.secrets,
            )
    return school_id, account_id, merchants, direct


async def charge(engine: AsyncEngine, school_id: int) -> list[Bill]:
    """Ten thousand applications, each with an invoice."""
    async with transaction(engine) as db:
        drafted = await draft_schedule(
            db, school_id, SERVICE.read_bytes(), SERVICE.name, actor="an"
        )
        await approve_schedule(db, school_id, drafted.schedule_id, actor="binh")
        forms = [
            Form(
                row=n + 1,
                file_code=f"G22-{n:06d}",
                full_name="Nguyễn Minh Anh",
                quantities={"NV": n % 5 + 1},
            )
            for n in range(PAYMENTS)
        ]
        await submit(db, KEYS, school_id, drafted.schedule_id, forms, on=DAY, actor="an")
    async with transaction(engine) as db:
        await db.raw.execute("ANALYZE")
        rows = await db.raw.fetch(
            "SELECT i.reference, i.token, i.total_vnd, s.code FROM invoice i"
            "  JOIN student s ON s.school_id = i.school_id AND s.id = i.student_id ORDER BY i.id"
        )
    return [Bill(*row) for row in rows]


@asynccontextmanager
async def town(database_url: str, engine: AsyncEngine, rng: random.Random) -> AsyncIterator[Town]:
    school_id, account_id, merchants, direct = await settle_down(engine)
    servers = open_servers(list(merchants.values()))
    servers.notifies = False
    settings = settings_for_tests(sandbox=True, base_url=BASE_URL, trusted_proxies=1)
    app = create_app(settings, database_url)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(servers), base_url=BASE_URL) as provider,
        running(app),
    ):
        app.state.context = dataclasses.replace(app.state.context, http=provider)
        road = Leaky(httpx.ASGITransport(app), rng)
        async with httpx.AsyncClient(transport=road, base_url=BASE_URL) as client:
            yield Town(school_id, account_id, merchants, direct, client, provider, servers, rng)
            assert road.lost > PAYMENTS * LEAKY / 2


def moment(rng: random.Random) -> datetime:
    return datetime.combine(DAY, time(), VN) + timedelta(seconds=rng.randrange(86_000))


async def insist(town: Town, method: str, url: str, **more: object) -> httpx.Response:
    """A parent taps again where the page did not come."""
    while True:
        try:
            return await town.client.request(method, url, **more)  # type: ignore[arg-type]
        except httpx.TransportError:
            continue


async def by_page(town: Town, adapter: str, bill: Bill, number: int) -> None:
    """A parent pays on a provider's page, whose message may never come."""
    parent = {"x-forwarded-for": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
    leave = await insist(town, "POST", f"/pay/{bill.token}/checkout/{adapter}", headers=parent)
    arrived = await arrive(town.provider, leave)
    server = town.servers.servers[adapter]
    decided = server.decide(arrived.order_id, is_paid=True, at=moment(town.rng))
    movement = decided.movement
    if adapter in town.direct:
        text = f"{adapter} {bill.reference} THU HO"
        entry = town.bank.book(ACCOUNT, movement.amount_vnd, text, movement.at)
        if adapter == "payos":
            movement = dataclasses.replace(movement, bank_transaction_id=entry.transaction_id)
    await news(town, adapter, bill, movement, is_lost=town.rng.random() < DROPPED)


async def by_push(town: Town, adapter: str, bill: Bill, number: int) -> None:
    """A transfer, or money over a counter; lost for good only where a statement tells of it too."""
    at = moment(town.rng)
    if adapter in COUNTERS or adapter not in town.direct:
        movement = Movement(
            sequence=500_000 + number,
            amount_vnd=bill.total_vnd,
            at=at,
            merchant_reference=bill.reference,
            content=f"NOP {bill.reference}",
            account_number=ACCOUNT,
            bank_transaction_id=f"BVB{number:08d}",
        )
        if adapter in town.direct:
            town.bank.book(ACCOUNT, bill.total_vnd, f"THU HO {bill.reference}", at)
        await news(town, adapter, bill, movement, is_lost=False)
        return
    virtual_account = PREFIX + bill.reference if adapter == "vietinbank" else ""
    text = "NOP PHI" if virtual_account else f"CK {bill.reference} nop phi"
    entry = town.bank.book(ACCOUNT, bill.total_vnd, text, at)
    is_lost = not virtual_account and town.rng.random() < DROPPED
    await news(town, adapter, bill, movement_of(entry, virtual_account), is_lost=is_lost)


async def news(town: Town, adapter: str, bill: Bill, movement: Movement, *, is_lost: bool) -> None:
    town.moved["direct" if adapter in town.direct else adapter, bill.reference, bill.total_vnd] += 1
    mishap = Mishap(
        copies=int(town.rng.random() < DUPLICATED),
        delay_s=town.rng.random() * 0.02,
        is_lost=is_lost,
    )
    merchant = town.merchants[adapter]
    await notify(town.client, NOTIFIERS[adapter], movement, merchant, mishap, compression=1e7)


def errands(town: Town, bills: Sequence[Bill]) -> list[object]:
    """Who pays by which door, in any order."""
    doors = [adapter for adapter in PAGES for _ in range(BY_EACH_PAGE)]
    doors += [OTHERS[n % len(OTHERS)] for n in range(len(bills) - len(doors))]
    made: list[object] = [
        (by_page if adapter in PAGES else by_push)(town, adapter, bill, number)
        for number, (adapter, bill) in enumerate(zip(doors, bills, strict=True))
    ]
    town.rng.shuffle(made)
    return made


async def test_every_payment_is_recorded_once(database_url: str, engine: AsyncEngine) -> None:
    rng = random.Random(20_261_122)
    async with town(database_url, engine, rng) as place:
        bills = await charge(engine, place.school_id)
        assert len(bills) == PAYMENTS
        room = asyncio.Semaphore(AT_ONCE)

        async def run(errand: object) -> None:
            async with room:
                await errand  # type: ignore[misc]

        await asyncio.gather(*(run(errand) for errand in errands(place, bills)))
        notified = await count_payments(engine)
        assert notified < PAYMENTS  # some were lost, or this shows nothing
        later = now_utc() + timedelta(hours=1)
        while await ask_about_checkouts(engine, KEYS, place.provider, at=later):
            continue
        healed = await count_payments(engine) - notified
        assert healed > len(PAGES)
        async with transaction(engine) as db:
            await import_statement(
                db,
                place.school_id,
                place.bank_account_id,
                statement_xlsx(place.bank, ACCOUNT, DAY),
                "statement.xlsx",
                actor="an",
            )
        result = await reconcile(engine, place.school_id, DAY)
        assert dict(result.exceptions) == {}
        assert all(proof.difference_vnd == 0 for proof in result.proofs)
        await expect_the_same_books(engine, place)


async def count_payments(engine: AsyncEngine) -> int:
    async with transaction(engine) as db:
        count: int = await db.raw.fetchval("SELECT count(*) FROM payment")
        return count


async def expect_the_same_books(engine: AsyncEngine, place: Town) -> None:
    """Payment by payment, account by account, invoice by invoice."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT CASE WHEN bank_account_id IS NULL THEN channel ELSE 'direct' END AS place,"
            " reference, amount_vnd FROM payment"
        )
        assert (
            Counter((row["place"], row["reference"], row["amount_vnd"]) for row in rows)
            == place.moved
        )
        assert len(rows) == PAYMENTS
        assert await disagreements(db, place.school_id) == []
        assert (
            await db.raw.fetchval("SELECT count(*) FROM invoice WHERE paid_vnd <> total_vnd") == 0
        )
        assert await db.raw.fetchval("SELECT count(*) FROM notice_conflict") == 0
        assert await db.raw.fetchval("SELECT count(*) FROM transfer WHERE kind = 'suspense'") == 0
        accounts = await db.raw.fetch(
            "SELECT l.id, coalesce(m.adapter, 'direct') AS place FROM ledger_account l"
            "  LEFT JOIN merchant_account m ON m.school_id = l.school_id AND m.id = l.merchant_account_id"
            " WHERE l.kind IN ('bank', 'clearing')"
        )
        ledger = await balances(db, place.school_id, date.max)
    ours: Counter[str] = Counter()
    for row in accounts:
        ours[row["place"]] += ledger.get(row["id"], 0)
    theirs: Counter[str] = Counter()
    for (door, _, amount_vnd), count in place.moved.items():
        theirs[door] += amount_vnd * count
    assert +ours == theirs
    assert theirs["direct"] == place.bank.balance_vnd(ACCOUNT, DAY + timedelta(days=1))
    assert set(theirs) == {"direct"} | (IPN.keys() - place.direct)
    assert set(QUERY) <= set(PAGES)
