"""Schools with books to export, for tests: money by several doors, and files read back."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world

from adapters.contract import Notice, Outcome
from core.accounting.export import VoucherFile, export_vouchers
from core.invoices.cancel import cancel_invoice
from core.kit.clock import start_of_day
from core.kit.database import transaction
from core.ledger.postings import Event, Posting
from core.ledger.service import next_journal, open_books, post, reverse_journal
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from reconciliation.review.allocations import allocate_exception


async def pay(
    engine: AsyncEngine,
    world: World,
    transaction_id: str,
    amount_vnd: int,
    content: str,
    adapter: str = "sepay",
    day: date = DAY,
) -> None:
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, adapter, world.merchants[adapter][1])
    assert merchant
    notice = Notice(
        transaction_id=transaction_id,
        outcome=Outcome.PAID,
        amount_vnd=amount_vnd,
        paid_at=start_of_day(day) + timedelta(hours=9),
        content=content,
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"raw")])


async def export(engine: AsyncEngine, world: World, name: str) -> VoucherFile | None:
    async with transaction(engine) as db:
        return await export_vouchers(db, world.school_id, name, actor="an")


def sheet_of(content: bytes) -> list[list[object]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return book.get_sheet_by_index(0).to_python()


def journal_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def paid_world(engine: AsyncEngine, *unpaid_vnd: int) -> World:
    """One exact payment, one of too much, one unknown, one held by VNPAY; further invoices are unpaid."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000, *unpaid_vnd])
    a, b, c = (invoice.reference for invoice in world.invoices[:3])
    await pay(engine, world, "S1", 100_000, a)
    await pay(engine, world, "S2", 250_000, b)
    await pay(engine, world, "S3", 70_000, "khong ro")
    await pay(engine, world, "V1", 300_000, c, adapter="vnpay")
    return world


async def ledger_accounts(engine: AsyncEngine, world: World) -> dict[str, int]:
    """Kind -> a ledger account of the world; of the bank accounts the first."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT kind, min(id) AS id FROM ledger_account WHERE school_id = $1 GROUP BY kind",
            world.school_id,
        )
    return {row["kind"]: row["id"] for row in rows}


async def book(
    engine: AsyncEngine, world: World, kind: Event, debit_id: int, credit_id: int, amount_vnd: int,
    on: date = DAY, **about: object,
) -> None:  # fmt: skip
    """A transfer in a journal of its own."""
    async with transaction(engine) as db:
        journal_id = await next_journal(db)
        posting = Posting(
            school_id=world.school_id,
            journal_id=journal_id,
            kind=kind,
            debit_account_id=debit_id,
            credit_account_id=credit_id,
            amount_vnd=amount_vnd,
            business_date=on,
            **about,  # type: ignore[arg-type]  # the optional fields of a posting
        )
        await post(db, [posting])


async def busy_world(engine: AsyncEngine) -> World:
    """`paid_world` and everything else that can happen: released, cancelled, reversed, refunded, on behalf."""
    world = await paid_world(engine, 440_000)
    async with transaction(engine) as db:
        row = await db.raw.fetchrow("SELECT id FROM exception WHERE reason = 'unknown_reference'")
        await make_world(db, [40_000, 90_000], code="TH09")  # another school's books beside these
        await allocate_exception(
            db, world.school_id, row["id"], world.invoices[0].id, actor="an", note="mẹ gọi"
        )
        await cancel_invoice(
            db, world.school_id, world.invoices[3].id, on=DAY, actor="an", reason="chuyển trường"
        )
        await db.raw.execute(
            "INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)"
            " VALUES ($1, 'BHYT', 'Bảo hiểm y tế', 'on_behalf', 'năm', $2, false)",
            world.school_id,
            world.bank_account_id,
        )
        await open_books(db, world.school_id)
    accounts = await ledger_accounts(engine, world)
    pupil = world.invoices[1].student_id
    await book(
        engine, world, Event.INVOICE_ISSUED, accounts["receivable"], accounts["on_behalf"], 563_220,
        student_id=pupil,
    )  # fmt: skip
    await book(
        engine, world, Event.OPENING_BALANCE, accounts["bank"], accounts["opening"], 9_000_000
    )
    await book(
        engine, world, Event.REFUND, accounts["student_credit"], accounts["bank"], 50_000,
        student_id=pupil, memo="nộp thừa",
    )  # fmt: skip
    await pay(engine, world, "S4", 33_000, "lai khong ro")
    async with transaction(engine) as db:
        journal_id = await db.raw.fetchval(
            "SELECT max(journal_id) FROM transfer WHERE kind = 'suspense'"
        )
        await reverse_journal(db, world.school_id, journal_id, DAY, "ghi nhầm")
    return world
