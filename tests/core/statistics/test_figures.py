"""The figures that staff read, against the facts they were made of."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world

from adapters.contract import Notice, Outcome
from core.invoices.payment_states import PaymentState, StateFigures, state_figures
from core.kit.database import transaction
from core.merchants.directory import find_merchant
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices
from core.statistics.queries import (
    ClassFigures,
    class_figures,
    day_figures,
    issued_schedules,
    recent_payments,
)
from gateway.console.books.chart import HEIGHT, WIDTH, draw

NOON = datetime(2026, 9, 10, 5, 0, tzinfo=UTC)


async def receive(engine: AsyncEngine, world: World, payments: list[tuple[int, str]]) -> None:
    async with transaction(engine) as db:
        merchant = await find_merchant(db, KEYS, "sepay", world.merchants["sepay"][1])
        assert merchant is not None
        await ingest_notices(
            db,
            [
                InboundNotice(
                    merchant,
                    Notice(
                        transaction_id=f"T{index}",
                        outcome=Outcome.PAID,
                        amount_vnd=amount_vnd,
                        paid_at=NOON,
                        content=content,
                        payee_account=world.bank_number,
                    ),
                    b"{}",
                )
                for index, (amount_vnd, content) in enumerate(payments)
            ],
        )


async def test_the_day_the_schedule_and_the_class_add_up(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000, 300_000])
    first, second, _ = world.invoices
    await receive(
        engine, world, [(100_000, first.reference), (250_000, second.reference), (70_000, "?")]
    )
    async with transaction(engine) as db:
        day = await day_figures(db, world.school_id, DAY)
        assert (day.collected_vnd, day.payment_count) == (420_000, 3)
        assert (day.suspense_vnd, day.student_credit_vnd) == (70_000, 50_000)
        assert day.open_exception_count == 2
        schedules = await issued_schedules(db, world.school_id)
        assert sum(one.billed_vnd for one in schedules) == 600_000
        assert sum(one.collected_vnd for one in schedules) == 300_000
        assert sum(one.outstanding_vnd for one in schedules) == 300_000
        assert [one.paid_count for one in schedules] == [0, 1, 1]  # newest first
        figures = await class_figures(db, world.school_id, schedules[1].schedule_id)
        assert [(one.name, one.billed_vnd, one.collected_vnd) for one in figures] == [
            ("3A", 200_000, 200_000)
        ]
        names = [one.full_name for one in await recent_payments(db, world.school_id, limit=2)]
        assert names == ["", "Nguyễn Minh Anh"]


async def test_a_payment_waits_until_the_statement_speaks(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
    await receive(engine, world, [(100_000, world.invoices[0].reference), (70_000, "?")])
    async with transaction(engine) as db:
        states = await state_figures(db, world.school_id, DAY)
        assert states[PaymentState.RECEIVED_UNCONFIRMED] == StateFigures(2, 170_000)
        await db.raw.execute(
            "INSERT INTO statement (school_id, bank_account_id, file_name, sha256, layout, from_date, to_date,"
            " opening_vnd, closing_vnd, line_count, imported_by) VALUES ($1, $2, 'a', 'b', 'mb', $3, $3, 0, 0, 0, 'an')",
            world.school_id,
            world.bank_account_id,
            DAY,
        )
        states = await state_figures(db, world.school_id, DAY)
    assert states[PaymentState.NOT_RECEIVED_CONFIRMED] == StateFigures(1, 100_000)
    # what is in suspense is on no invoice, so nothing was confirmed
    assert states[PaymentState.RECEIVED_UNCONFIRMED] == StateFigures(1, 70_000)


amounts = st.integers(min_value=0, max_value=10**12)


@given(st.lists(st.tuples(amounts, amounts), max_size=80))
def test_every_bar_stands_inside_the_drawing(pairs: list[tuple[int, int]]) -> None:
    classes = [
        ClassFigures(
            class_id=index,
            name=str(index),
            billed_vnd=max(pair),
            collected_vnd=min(pair),
            invoice_count=1,
            paid_count=0,
        )
        for index, pair in enumerate(pairs)
    ]
    chart = draw(classes)
    if not any(figures.billed_vnd for figures in classes):
        assert chart is None
        return
    assert chart is not None
    for bar in chart.bars:
        assert bar.x >= chart.left
        assert bar.x + bar.width <= WIDTH + 0.01
        assert 0 <= bar.due_y <= bar.paid_y + 0.01
        assert bar.paid_y + bar.paid_height <= HEIGHT
        assert abs(bar.due_y + bar.due_height - chart.base_y) < 0.02
        assert 0 <= bar.percent <= 100
