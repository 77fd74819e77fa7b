"""Living through the plan: payers pay, the sandbox tells the gateway over HTTP, both banks write statements.

Sixteen connections, as many messages under way; answers are counted, never trusted. It must never
touch the gateway's database: everything goes through the doors that providers and parents use.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from gateway.demo.plan import SEED, Plan, PlannedCheckout, PlannedTransfer, out_of_order
from gateway.kit.clock import now_utc
from gateway.kit.problem import Problem
from sandbox.bank import Entry
from sandbox.courier import Answer, wire_client
from sandbox.pages import Sandbox
from sandbox.pushes import push
from sandbox.statements import statement_file_name, statement_xlsx
from sandbox.vnpay import OrderRefusedError

CONNECTIONS = 16
LOOKING_PAYERS = 5
"""Payers at VNPAY whose pages are fetched too; all others would meet the pages' limit per address."""
COMPRESSION = 600.0  # a provider's minute takes a tenth of a second


def failed(vi: str, en: str) -> Problem:
    """The gateway did not do what the demo shows it doing."""
    return Problem(
        "demo_failed", vi=f"Bản demo không đạt: {vi}.", en=f"Demo failed: {en}.", status=500
    )


@dataclass(slots=True)
class Traffic:
    """What went over the wire: payments by provider, messages sent, answers that refused."""

    by_provider: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    duplicates: int = 0
    refused: int = 0
    lost: int = 0
    conflicting: int = 0
    cancelled: int = 0
    unanswered: int = 0

    def count(self, answers: Iterable[Answer]) -> None:
        """Count answers; one that is not final made the provider try again."""
        for answer in answers:
            self.messages += 1
            self.refused += not answer.is_final
            self.unanswered += answer.status == 0


async def live_through(plan: Plan, sandbox: Sandbox, base_url: str) -> Traffic:
    """The whole day. Raises Problem where a page or a checkout does not work as it must."""
    traffic = Traffic()
    room = asyncio.Semaphore(CONNECTIONS)
    entries = {
        id(one): sandbox.bank.book(one.account_number, one.amount_vnd, one.content, one.at)
        for one in plan.transfers
    }
    async with wire_client(CONNECTIONS) as client:

        async def tell(one: PlannedTransfer) -> None:
            async with room:
                await _push(client, sandbox, one, entries[id(one)], traffic)

        async def visit(one: PlannedCheckout, *, looks: bool) -> None:
            async with room:
                await _check_out(client, sandbox, one, base_url, traffic, looks=looks)

        rng = random.Random(SEED)  # noqa: S311 - a demo's day, not a secret
        errands = [tell(one) for one in out_of_order(plan.transfers, rng)]
        every = max(1, len(errands) // max(1, len(plan.checkouts)))
        for position, checkout in enumerate(plan.checkouts):  # spread over the day
            errand = visit(checkout, looks=position < LOOKING_PAYERS)
            errands.insert(position * (every + 1), errand)
        await asyncio.gather(*errands)
    return traffic


def write_statements(sandbox: Sandbox, plan: Plan, folder: Path) -> dict[str, Path]:
    """The day's statement files that both banks give out; account number -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for number in sandbox.bank.accounts:
        written[number] = folder / statement_file_name(sandbox.bank, number, plan.day)
        written[number].write_bytes(statement_xlsx(sandbox.bank, number, plan.day))
    return written


async def _push(
    client: httpx.AsyncClient,
    sandbox: Sandbox,
    one: PlannedTransfer,
    entry: Entry,
    traffic: Traffic,
) -> None:
    subscriber = sandbox.subscriber_of(one.account_number)
    if subscriber is None:
        raise failed("tài khoản chưa nối với ngân hàng thử", "nobody is told about an account")
    if one.amount_vnd > 0:
        traffic.by_provider[subscriber.provider] += 1
    if one.mishap.is_lost:
        traffic.lost += 1
        return
    bank = sandbox.bank
    traffic.duplicates += one.mishap.copies
    traffic.count(await push(client, bank, entry, subscriber, one.mishap, compression=COMPRESSION))
    if one.contradiction_vnd is not None:
        traffic.conflicting += 1
        answers = await push(
            client, bank, entry, subscriber,
            compression=COMPRESSION, claimed_vnd=one.contradiction_vnd,
        )  # fmt: skip
        traffic.count(answers)


async def _check_out(
    client: httpx.AsyncClient,
    sandbox: Sandbox,
    one: PlannedCheckout,
    base_url: str,
    traffic: Traffic,
    *,
    looks: bool,
) -> None:
    """From the parent's page to VNPAY, a button there, the IPN, and back."""
    page_url = f"{base_url}/pay/{one.bill.token}"
    if looks:
        _expect(await client.get(page_url), 200, "the parent's page")
    leave = await client.post(f"{page_url}/checkout/vnpay")
    _expect(leave, 303, "the checkout")
    try:
        order = sandbox.vnpay.open_order(urlsplit(leave.headers["location"]).query, now_utc())
    except OrderRefusedError as refused:
        raise failed(f"VNPAY từ chối: {refused.vi}", "VNPAY refuses the order") from refused
    transaction = sandbox.vnpay.finish(order, one.at, is_paid=one.is_paid)
    traffic.by_provider["vnpay"] += one.is_paid
    traffic.cancelled += not one.is_paid
    traffic.duplicates += one.mishap.copies
    traffic.count(
        await sandbox.vnpay.notify(client, transaction, one.mishap, compression=COMPRESSION)
    )
    if looks:
        back = await client.get(sandbox.vnpay.return_url(transaction), follow_redirects=True)
        _expect(back, 200, "the return page")


def _expect(reply: httpx.Response, status: int, what: str) -> None:
    if reply.status_code != status:
        raise failed(
            f"{what} trả lời {reply.status_code}",
            f"{what} answered {reply.status_code}, not {status}",
        )
