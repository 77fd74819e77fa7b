"""A school with debits on its statement."""

from __future__ import annotations

import itertools
from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import bring_day, pay, proof_of
from support.factories import DAY, World, make_world
from support.statement_files import Entry

from core.kit.database import Driver, transaction
from core.ledger.postings import Event, Posting
from core.ledger.service import next_journal, open_books, post
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.day import DayResult
from reconciliation.review.debits import (
    on_behalf_of,
    open_debits,
)

INSURANCE_VND = 563_220


_codes = itertools.count()


async def debited(engine: AsyncEngine, *amounts_vnd: int) -> World:
    """A night that found these debits, and an insurance of 563,220 that one pupil has paid."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000], code=f"D{next(_codes)}")
        await insure(db, world)
    await pay(engine, world, "S1", 100_000 + INSURANCE_VND, world.invoices[0].reference)
    entries = [Entry(DAY, 100_000 + INSURANCE_VND, world.invoices[0].reference, "FT1")]
    entries += [
        Entry(DAY, -vnd, f"chi {place}", f"FD{place}") for place, vnd in enumerate(amounts_vnd)
    ]
    await bring_day(engine, world, entries)
    await reconcile(engine, world.school_id, DAY)
    return world


async def insure(db: Driver, world: World) -> None:
    """Put an insurance, collected on behalf, onto the first invoice."""
    invoice = world.invoices[0]
    item_id = await db.raw.fetchval(
        "INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)"
        " VALUES ($1, 'BHYT', 'Bảo hiểm y tế', 'on_behalf', 'năm', $2, false) RETURNING id",
        world.school_id,
        world.bank_account_id,
    )
    await open_books(db, world.school_id)
    await db.raw.execute(
        "INSERT INTO invoice_line (school_id, invoice_id, line_no, fee_item_id, description, unit,"
        " unit_price_vnd, quantity, amount_vnd) VALUES ($1, $2, 2, $3, 'Bảo hiểm y tế', 'năm', $4, 1, $4)",
        world.school_id,
        invoice.id,
        item_id,
        INSURANCE_VND,
    )
    await db.raw.execute(
        "UPDATE invoice SET total_vnd = total_vnd + $3 WHERE school_id = $1 AND id = $2",
        world.school_id,
        invoice.id,
        INSURANCE_VND,
    )
    rows = await db.raw.fetch(
        "SELECT kind, id FROM ledger_account WHERE school_id = $1 AND kind IN ('receivable', 'on_behalf')",
        world.school_id,
    )
    accounts = {row["kind"]: row["id"] for row in rows}
    posting = Posting(
        school_id=world.school_id,
        journal_id=await next_journal(db),
        kind=Event.INVOICE_ISSUED,
        debit_account_id=accounts["receivable"],
        credit_account_id=accounts["on_behalf"],
        amount_vnd=INSURANCE_VND,
        business_date=date(2026, 9, 1),
        student_id=invoice.student_id,
        invoice_id=invoice.id,
    )
    await post(db, [posting])


async def found(engine: AsyncEngine, world: World) -> list[int]:
    async with transaction(engine) as db:
        return [line.exception_id for line in await open_debits(db, world.school_id)]


async def items_of(
    engine: AsyncEngine, world: World, day: date = DAY
) -> dict[str, tuple[int, int]]:
    """The proof's items after another night; its difference must be 0."""
    result: DayResult = await reconcile(engine, world.school_id, day)
    proof = proof_of(result, world.bank_number)
    assert proof.difference_vnd == 0
    return {item.kind: (item.amount_vnd, item.count) for item in proof.items}


async def insurance_id(engine: AsyncEngine, world: World) -> int:
    async with transaction(engine) as db:
        (item,) = await on_behalf_of(db, world.school_id)
    return item.fee_item_id
