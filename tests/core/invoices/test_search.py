"""Finding and cancelling invoices, as the console's services do it."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World, make_world

from core.invoices.cancel import cancel_invoice
from core.invoices.detail import invoice_detail
from core.invoices.search import InvoiceFilter, find_invoices
from core.invoices.selects import InvoiceStatus
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.ledger.queries import balances, disagreements
from core.ledger.service import books_of

AFTER_ALL_ARE_DUE = date(2026, 12, 1)


async def rename(db: Driver, world: World, names: dict[int, tuple[str, str]]) -> None:
    """Give pupils (by the index of their invoice) a name and its search form."""
    for index, (full_name, search_name) in names.items():
        await db.raw.execute(
            "UPDATE student SET full_name = $2, search_name = $3 WHERE id = $1",
            world.invoices[index].student_id,
            full_name,
            search_name,
        )


async def found(db: Driver, world: World, text: str) -> list[int]:
    page = await find_invoices(db, world.school_id, InvoiceFilter(text=text), today=DAY)
    return [row.id for row in page.rows]


async def test_by_name_without_marks_by_code_and_by_reference(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000])
        await rename(
            db,
            world,
            {
                0: ("Đỗ Ánh Nguyệt", "do anh nguyet"),
                1: ("Trần Bảo 100%", "tran bao 100%"),
                2: ("Lê Gia Huy", "le gia huy"),
            },
        )
        first, second, third = (invoice.id for invoice in world.invoices)
        reference = world.invoices[2].reference
        pupils_reference = world.student_references[world.invoices[1].student_id]
        for text, expected in (
            ("ánh NGUYỆT", [first]),
            ("do anh", [first]),
            ("%", [second]),  # a sign of LIKE is only a sign
            ("_", []),
            ("hs00001", [second]),
            (reference, [third]),
            (f"{reference[:6].lower()} {reference[6:].lower()}", [third]),
            (reference.replace("0", "O").replace("1", "l"), [third]),
            (pupils_reference, [second]),
            ("khong co ai", []),
            ("", [first, third, second]),  # do, le, tran
        ):
            assert await found(db, world, text) == expected, text


@pytest.mark.parametrize("limit", [1, 7, 50])
async def test_pages_hold_every_invoice_once(engine: AsyncEngine, limit: int) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000 + n for n in range(23)])
        seen: list[int] = []
        after = None
        while True:
            page = await find_invoices(
                db, world.school_id, InvoiceFilter(after=after), today=DAY, limit=limit
            )
            assert page.total_count == 23
            assert len(page.rows) <= limit
            seen += [row.id for row in page.rows]
            after = page.next_after
            if after is None:
                break
    assert sorted(seen) == [invoice.id for invoice in world.invoices]


async def test_every_status_finds_its_own(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000] * 4)
        unpaid, part, paid, cancelled = (invoice.id for invoice in world.invoices)
        await db.raw.execute("UPDATE invoice SET paid_vnd = 40000 WHERE id = $1", part)
        await db.raw.execute("UPDATE invoice SET paid_vnd = total_vnd WHERE id = $1", paid)
        await db.raw.execute("UPDATE invoice SET cancelled_at = now() WHERE id = $1", cancelled)
        expected = {
            InvoiceStatus.UNPAID: {unpaid},
            InvoiceStatus.PART: {part},
            InvoiceStatus.PAID: {paid},
            InvoiceStatus.CANCELLED: {cancelled},
            InvoiceStatus.OVERDUE: {unpaid, part},
        }
        for status, ids in expected.items():
            page = await find_invoices(
                db, world.school_id, InvoiceFilter(status=status), today=AFTER_ALL_ARE_DUE
            )
            assert {row.id for row in page.rows} == ids, status
            if status is InvoiceStatus.OVERDUE:
                assert all(row.is_overdue for row in page.rows)
            else:  # what the statement finds is what the rows say of themselves
                assert {row.status for row in page.rows} == {status}
        on_time = await find_invoices(
            db, world.school_id, InvoiceFilter(status=InvoiceStatus.OVERDUE), today=DAY
        )
        assert on_time.rows == ()


async def test_cancelling_reverses_the_issue_and_keeps_the_books_in_agreement(
    engine: AsyncEngine,
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 250_000])
        invoice = world.invoices[0]
        await cancel_invoice(
            db, world.school_id, invoice.id, on=DAY, actor="ketoan", reason="Phát hành nhầm"
        )
        books = await books_of(db, world.school_id)
        held = await balances(db, world.school_id, DAY)
        assert held[books.receivable_id] == 250_000
        assert sum(held.values()) == 0
        assert await disagreements(db, world.school_id) == []
        detail = await invoice_detail(db, world.school_id, invoice.id)
        assert detail.status is InvoiceStatus.CANCELLED
        assert detail.open_vnd == 0
        assert [entry.memo for entry in detail.entries] == ["", "Phát hành nhầm"]
        with pytest.raises(DomainError, match="already_cancelled"):
            await cancel_invoice(
                db, world.school_id, invoice.id, on=DAY, actor="ketoan", reason="again"
            )
