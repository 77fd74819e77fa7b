"""Carrying out the plan: payers pay, the sandbox notifies the gateway over HTTP, banks write statements.

Sixteen connections, as many messages under way; answers are counted, never trusted. Money received is
written down here as the sandbox knows it. It must never touch the gateway's database: everything goes
through the addresses that providers and parents use.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import httpx

from adapters.messages import msg
from core.kit.clock import now_utc
from demo.errors import DemoFailedError
from demo.plan import (
    SEED,
    Plan,
    PlannedCheckout,
    PlannedTransfer,
    PlannedVisit,
    out_of_order,
)
from demo.world import DemoMerchant, World
from sandbox import dvcqg
from sandbox.bank import Entry
from sandbox.courier import Answer, wire_client
from sandbox.pages import Sandbox, movement_of
from sandbox.payer import LostPayerError, arrive
from sandbox.provider import Movement, notify
from sandbox.providers import COUNTERS, NOTIFIERS
from sandbox.statements import statement_file_name, statement_xlsx

CONNECTIONS: Final = 16
LOOKING_PAYERS: Final = 5
"""Payers whose pages are fetched too; all others would meet the pages' limit per address."""
COMPRESSION: Final = 600.0  # a provider's minute takes a tenth of a second
FIRST_AT_A_COUNTER: Final = 900_001
"""The numbers of what counters took, apart from the bank's own entries."""
TEXTS: Final = {"payos": "PAYOS", "sepaypg": "SEPAY PG", "dvcqg": "CONG DVCQG"}


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that reached the school, as the sandbox knows it.

    held_by: the bank account's number, or the provider that holds it until it pays out.
    """

    held_by: str
    reference: str
    amount_vnd: int


@dataclass(slots=True)
class Traffic:
    """What went over the wire: payments by provider, messages sent, answers that refused.

    held: what each provider with a page of its own took and keeps until it settles.
    """

    by_provider: Counter[str] = field(default_factory=Counter)
    received: list[Credit] = field(default_factory=list)
    held: dict[str, list[Movement]] = field(default_factory=lambda: defaultdict(list))
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


async def live_through(plan: Plan, world: World, sandbox: Sandbox, base_url: str) -> Traffic:
    """The whole day. Raises DemoFailedError where a page or a checkout does not work as it must."""
    traffic = Traffic()
    connections = asyncio.Semaphore(CONNECTIONS)
    entries = {
        id(one): sandbox.bank.book(one.account_number, one.amount_vnd, one.content, one.at)
        for one in plan.transfers
        if one.notifier != "bvbank"  # collects at its own bank and pays out later
    }
    async with wire_client(CONNECTIONS) as client:
        payers = _Payers(client, world, sandbox, traffic, base_url)

        async def transfer(one: PlannedTransfer) -> None:
            async with connections:
                await payers.transfer(one, entries.get(id(one)))

        async def check_out(one: PlannedCheckout, *, looks: bool) -> None:
            async with connections:
                await payers.check_out(one, looks=looks)

        async def visit(one: PlannedVisit, number: int) -> None:
            async with connections:
                await payers.visit(one, FIRST_AT_A_COUNTER + number)

        rng = random.Random(SEED)  # noqa: S311 - a demo's day, not a secret
        tasks = [transfer(one) for one in out_of_order(plan.transfers, rng)]
        tasks += [visit(one, number) for number, one in enumerate(plan.visits)]
        every = max(1, len(tasks) // max(1, len(plan.checkouts)))
        for position, checkout in enumerate(plan.checkouts):  # spread over the day
            task = check_out(checkout, looks=position < LOOKING_PAYERS)
            tasks.insert(position * (every + 1), task)
        await asyncio.gather(*tasks)
    return traffic


def write_statements(sandbox: Sandbox, day: date, folder: Path) -> dict[str, Path]:
    """The day's statement files that the banks give out; account number -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for number in sandbox.bank.accounts:
        written[number] = folder / statement_file_name(sandbox.bank, number, day)
        written[number].write_bytes(statement_xlsx(sandbox.bank, number, day))
    return written


@dataclass(frozen=True, slots=True)
class _Payers:
    """What payers and providers do, and the gateway's answers."""

    client: httpx.AsyncClient
    world: World
    sandbox: Sandbox
    traffic: Traffic
    base_url: str

    async def transfer(self, one: PlannedTransfer, entry: Entry | None) -> None:
        """Money that came by a transfer, and its notification; nobody is notified of debits."""
        if one.amount_vnd < 0:
            return
        account = self.world.merchant(one.notifier, one.account_number)
        merchant = account.at_provider()
        self._note(account, one.reference, one.amount_vnd)
        if entry is None:
            movement = Movement(
                sequence=FIRST_AT_A_COUNTER * 2 + len(self.traffic.received),
                amount_vnd=one.amount_vnd,
                at=one.at,
                content=one.content,
                account_number=one.account_number,
                bank_transaction_id=f"BVB{len(self.traffic.received):08d}",
            )
        else:
            movement = movement_of(entry, one.virtual_account)
        if one.mishap.is_lost:
            self.traffic.lost += 1
            return
        self.traffic.duplicates += one.mishap.copies
        notifier = NOTIFIERS[one.notifier]
        self.traffic.count(
            await notify(
                self.client, notifier, movement, merchant, one.mishap, compression=COMPRESSION
            )
        )
        if one.contradiction_vnd is not None:
            self.traffic.conflicting += 1
            other = replace(movement, amount_vnd=one.contradiction_vnd)
            self.traffic.count(
                await notify(self.client, notifier, other, merchant, compression=COMPRESSION)
            )

    async def check_out(self, one: PlannedCheckout, *, looks: bool) -> None:
        """From the parent's page to the provider's, a button there, the message, and back."""
        page_url = f"{self.base_url}/pay/{one.bill.token}"
        if looks:
            _expect(await self.client.get(page_url), 200, "the parent's page")
        leave = await self.client.post(f"{page_url}/checkout/{one.adapter}")
        try:
            arrived = await arrive(self.client, leave)
        except LostPayerError as lost:
            raise DemoFailedError(
                msg(
                    "{adapter} không mở được đơn hàng: {cause}",
                    adapter=one.adapter,
                    cause=str(lost),
                )
            ) from lost
        server = self.sandbox.servers.servers[one.adapter]
        decided = server.decide(arrived.order_id, is_paid=one.is_paid, at=one.at)
        movement = decided.movement
        if not one.is_paid:
            self.traffic.cancelled += 1
        else:
            merchant = self.world.merchant(one.adapter, one.bill.account_number)
            self._note(merchant, one.bill.reference, one.bill.total_vnd)
            if not merchant.is_direct:
                self.traffic.held[one.adapter].append(movement)
            else:  # the provider hands the money on at once
                entry = self._credit(one.adapter, one.bill.reference, movement)
                if one.adapter == "payos":  # payOS names the bank's own number
                    movement = replace(movement, bank_transaction_id=entry.transaction_id)
        if one.mishap.is_lost:
            self.traffic.lost += 1
        elif decided.is_notified:
            self.traffic.duplicates += one.mishap.copies
            self.traffic.count(
                await notify(
                    self.client, NOTIFIERS[one.adapter], movement, decided.merchant, one.mishap,
                    compression=COMPRESSION,
                )
            )  # fmt: skip
        if looks:
            back = await self.client.get(decided.return_url, follow_redirects=True)
            _expect(back, 200, "the return page")

    async def visit(self, one: PlannedVisit, number: int) -> None:
        """A payer names a code at a counter or at the portal, is shown what is owed, and pays it."""
        merchant = self.world.merchant(one.adapter, one.bill.account_number)
        notified = (
            await self._ask_portal(one, merchant)
            if one.adapter == "dvcqg"
            else await self._ask_counter(one, merchant, number)
        )
        self._note(merchant, one.bill.reference, one.bill.total_vnd)
        if merchant.is_direct:
            self._credit(one.adapter, one.bill.reference, notified)
        if one.adapter == "dvcqg":
            reply = await dvcqg.report(self.client, merchant.at_provider(), notified)
            _expect(reply, 200, "the portal's result")
            self.traffic.messages += 1
            return
        notifier = NOTIFIERS[one.adapter]
        self.traffic.count(
            await notify(
                self.client, notifier, notified, merchant.at_provider(), compression=COMPRESSION
            )
        )

    async def _ask_portal(self, one: PlannedVisit, merchant: DemoMerchant) -> Movement:
        server = self.sandbox.servers.servers["dvcqg"]
        assert isinstance(server, dvcqg.Dvcqg)
        answer = await dvcqg.look_up(self.client, merchant.at_provider(), one.code, now_utc())
        _expect(answer, 200, "the portal's look-up")
        notified = answer.json()
        if notified["error_code"] != "TT":
            raise DemoFailedError(msg("tra cứu trả lời {code}", code=notified["error_code"]))
        return server.pay_looked_up(notified["message"], merchant.at_provider(), one.at)

    async def _ask_counter(
        self, one: PlannedVisit, merchant: DemoMerchant, number: int
    ) -> Movement:
        notified = await COUNTERS[one.adapter](self.client, merchant.at_provider(), one.code)
        if str(one.bill.total_vnd) not in str(notified):
            raise DemoFailedError(msg("{adapter} không thấy khoản nợ", adapter=one.adapter))
        return Movement(
            sequence=number,
            amount_vnd=one.bill.total_vnd,
            at=one.at,
            merchant_reference=one.bill.reference,
            account_number=one.bill.account_number,
        )

    def _note(self, merchant: DemoMerchant, reference: str, amount_vnd: int) -> None:
        self.traffic.by_provider[merchant.adapter] += 1
        held_by = merchant.bank_account if merchant.is_direct else merchant.adapter
        self.traffic.received.append(Credit(held_by, reference, amount_vnd))

    def _credit(self, adapter: str, reference: str, movement: Movement) -> Entry:
        """What the school's bank books for money that a provider hands on at once."""
        text = f"{TEXTS.get(adapter, adapter.upper())} {reference} THU HO"
        return self.sandbox.bank.book(
            movement.account_number, movement.amount_vnd, text, movement.at
        )


def _expect(reply: httpx.Response, status: int, what: str) -> None:
    if reply.status_code != status:
        raise DemoFailedError(
            msg(
                "{what} trả lời {got}, không phải {wanted}",
                what=what,
                got=reply.status_code,
                wanted=status,
            )
        )
