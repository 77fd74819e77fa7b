"""A school whose payments are refunded, for tests: money by a bank push or by MoMo's sandbox, and its books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, SECRETS, SETTINGS, World

from adapters.contract import Notice, Notices, Outcome, Request
from adapters.providers import momo
from core.identity.audit import verify_chain
from core.kit.clock import now_utc
from core.kit.database import transaction
from core.ledger.queries import disagreements
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.refunds.payee import RefundPayee
from core.refunds.queries import RefundRow, find_refund
from core.refunds.sending import poll_refunds
from core.refunds.service import RefundRequest, Requested, approve_refund, request_refund
from core.refunds.states import Method
from sandbox.momo import Momo, Order, message
from sandbox.provider import Merchant
from sandbox.providers import open_servers
from sandbox.servers import ProviderServers

PAYEE = RefundPayee("970436", "0071001234567", "NGUYEN VAN A")


async def receive(
    engine: AsyncEngine,
    world: World,
    amount_vnd: int,
    content: str,
    *,
    at: datetime | None = None,
    adapter: str = "sepay",
    **more: object,
) -> int:
    """Money arrives at the school's bank and a channel tells of it; the id of its notice."""
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, adapter, world.merchants[adapter][1])
        count = await db.raw.fetchval("SELECT count(*) FROM notice")
    assert merchant is not None
    notice = Notice(
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=at or now_utc(),
        content=content,
        **{
            "transaction_id": f"T{count}",
            "payee_account": world.bank_number,
            "bank_transaction_id": f"FT{count}",
            **more,
        },
    )
    recorded = await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])
    return int(recorded.verdicts[0].record_id)


@dataclass
class Wallet:
    """MoMo's sandbox and a way to it over HTTP."""

    server: Momo
    servers: ProviderServers
    http: httpx.AsyncClient

    async def pay(self, engine: AsyncEngine, world: World, index: int = 0) -> int:
        """The invoice is paid by MoMo; the id of the payment."""
        invoice = world.invoices[index]
        reference = f"{invoice.reference}00"
        merchant = self.server.merchants[0]
        asked = {
            "partnerCode": merchant.settings["partner_code"],
            "orderId": reference,
            "orderInfo": "Hoc phi",
            "redirectUrl": "http://school.test/",
        }
        now = datetime.now(UTC)
        order = Order(
            merchant=merchant,
            asked=asked,
            amount_vnd=invoice.total_vnd,
            expires_at=now + timedelta(minutes=15),
        )
        self.server.orders[order.key] = order
        decided = self.server.decide(order.key, is_paid=True, at=now)
        notified = await message(self.http, decided.movement, merchant)
        async with transaction(engine) as db:
            await db.raw.execute(
                "INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference,"
                " amount_vnd, expires_at) VALUES ($1, $2, $3, $4, $5, now())",
                world.school_id, world.merchants["momo"][0], invoice.id, reference, invoice.total_vnd,
            )  # fmt: skip
            found = await find_merchant(db, KEYS, "momo", world.merchants["momo"][1])
        assert found is not None
        request = Request(
            method="POST",
            path="",
            query=b"",
            headers=dict(notified.headers),
            body=notified.body,
            received_at=now,
        )
        notices = momo.read(request, found.account)
        assert isinstance(notices, Notices)
        recorded = await commit_notices(
            engine, [InboundNotice(found, notices.items[0], notified.body)]
        )
        return int(recorded.verdicts[0].record_id)

    async def poll(self, engine: AsyncEngine, later: timedelta = timedelta()) -> int:
        """The worker's round, `later` than now."""
        return await poll_refunds(engine, KEYS, self.http, at=now_utc() + later)

    @property
    def refunded_vnd(self) -> int:
        """What MoMo's own books gave back or are about to."""
        return sum(refund.amount_vnd for refund in self.server.refunds.values())


@asynccontextmanager
async def wallet(world: World) -> AsyncIterator[Wallet]:
    """MoMo's sandbox for the world's school."""
    merchant = Merchant(
        provider="momo",
        ipn_url="http://school.test/ipn",
        account_number=world.bank_number,
        settings=SETTINGS["momo"],
        secrets=SECRETS["momo"],
    )
    servers = open_servers([merchant])
    server = servers.servers["momo"]
    assert isinstance(server, Momo)
    transport = httpx.ASGITransport(servers)
    async with httpx.AsyncClient(transport=transport) as http:
        yield Wallet(server, servers, http)


def refund_request(
    amount_vnd: int, method: Method = Method.TRANSFER, **more: object
) -> RefundRequest:
    """A refund as an accountant asks for it."""
    return RefundRequest(
        amount_vnd=amount_vnd,
        reason="Nộp trùng",
        method=method,
        payee=PAYEE if method is Method.TRANSFER else None,
        **more,
    )


async def ask_for(
    engine: AsyncEngine,
    world: World,
    payment_id: int,
    asked: RefundRequest,
    *,
    actor: str = "ketoan",
) -> Requested:
    """Ask in a transaction of its own."""
    async with transaction(engine) as db:
        return await request_refund(db, KEYS, world.school_id, payment_id, asked, actor=actor)


async def approve(
    engine: AsyncEngine, world: World, refund_id: int, *, actor: str = "hieutruong"
) -> None:
    """Approve in a transaction of its own."""
    async with transaction(engine) as db:
        await approve_refund(db, world.school_id, refund_id, actor=actor)


async def approved(
    engine: AsyncEngine, world: World, payment_id: int, asked: RefundRequest
) -> Requested:
    """Asked for and approved."""
    made = await ask_for(engine, world, payment_id, asked)
    await approve(engine, world, made.id)
    return made


async def shown(engine: AsyncEngine, world: World, refund_id: int) -> RefundRow:
    """The refund as the console shows it."""
    async with transaction(engine) as db:
        return await find_refund(db, KEYS, world.school_id, refund_id)


async def sound(engine: AsyncEngine, world: World) -> list[int]:
    """What is paid on each invoice; the books and the audit chain must hold."""
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        assert (await verify_chain(db, world.school_id)).broken_at is None
        more = await db.raw.fetch(
            """
            SELECT p.id FROM payment p JOIN transfer t ON t.school_id = p.school_id AND t.payment_id = p.id
             WHERE t.kind = 'refund' GROUP BY p.id, p.amount_vnd HAVING sum(t.amount_vnd) > p.amount_vnd
            """
        )
        assert more == []
        rows = await db.raw.fetch(
            "SELECT paid_vnd FROM invoice WHERE school_id = $1 ORDER BY id", world.school_id
        )
        return [row["paid_vnd"] for row in rows]


async def actions(engine: AsyncEngine, refund_id: int) -> list[tuple[str, str]]:
    """The refund's steps in the audit chain: (action, actor)."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT action, actor FROM audit_entry WHERE subject = $1 ORDER BY id",
            f"refund:{refund_id}",
        )
        return [(row["action"], row["actor"]) for row in rows]


async def at_once(*jobs: object) -> list[object]:
    """All jobs side by side; what each returned or raised."""
    return await asyncio.gather(*jobs, return_exceptions=True)
