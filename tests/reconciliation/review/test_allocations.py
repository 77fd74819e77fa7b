"""A person places, explains and takes back; the books follow by postings and reversals only."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import exceptions, paid_vnd, pay, world_of
from support.exception_queue import balance_of, name_students, the_exception
from support.factories import make_world

from core.identity.audit import verify_chain
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.review.allocations import allocate_exception
from reconciliation.review.decisions import resolve_exception
from reconciliation.review.proposals import Evidence, proposals_for
from reconciliation.review.queue import find_exception, list_exceptions
from reconciliation.review.undo import undo_decision


async def test_placing_moves_the_money_and_undoing_brings_it_back(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    await pay(engine, world, "S1", 150_000, "tien an thang 9")
    found = await the_exception(engine, world)
    assert (found.reason, found.can_allocate, found.can_undo) == ("unknown_reference", True, False)
    assert found.account == world.bank_number

    async with transaction(engine) as db:
        placed = await allocate_exception(
            db, world.school_id, found.id, world.invoices[0].id, actor="an", note="phụ huynh gọi"
        )
    assert (placed.settled_vnd, placed.credit_vnd) == (100_000, 50_000)
    assert await paid_vnd(engine, world) == [100_000, 0]
    assert await balance_of(engine, world, "suspense") == 0
    assert await balance_of(engine, world, "student_credit") == -50_000
    async with transaction(engine) as db:
        row = await find_exception(db, world.school_id, found.id)
        assert (row.resolution, row.note, row.resolved_by) == ("placed", "phụ huynh gọi", "an")
        assert (row.invoice_id, row.can_allocate, row.can_undo) == (
            world.invoices[0].id,
            False,
            True,
        )
        assert await list_exceptions(db, world.school_id) == ()

    with pytest.raises(DomainError, match="already_resolved"):
        async with transaction(engine) as db:
            await allocate_exception(
                db, world.school_id, found.id, world.invoices[1].id, actor="an", note="x"
            )
    with pytest.raises(DomainError, match="note_required"):
        async with transaction(engine) as db:
            await undo_decision(db, world.school_id, found.id, actor="an", reason=" ")

    async with transaction(engine) as db:
        await undo_decision(db, world.school_id, found.id, actor="binh", reason="nhầm học sinh")
    assert await paid_vnd(engine, world) == [0, 0]
    assert await balance_of(engine, world, "suspense") == -150_000
    assert await balance_of(engine, world, "student_credit") == 0
    assert (await the_exception(engine, world)).can_allocate

    async with transaction(engine) as db:
        placed = await allocate_exception(
            db, world.school_id, found.id, world.invoices[1].id, actor="an", note="x"
        )
    assert placed.credit_vnd == 0
    assert await paid_vnd(engine, world) == [0, 150_000]
    async with transaction(engine) as db:
        chain = await verify_chain(db, world.school_id)
    assert (chain.entries, chain.broken_at) == (3, None)


async def test_what_cannot_be_placed_is_refused_and_leaves_nothing(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    reference = world.invoices[0].reference
    await pay(engine, world, "S1", 120_000, reference)  # too much: credit, nothing in suspense
    found = await the_exception(engine, world)
    assert (found.reason, found.can_allocate) == ("amount_mismatch", False)
    with pytest.raises(DomainError, match="not_in_suspense"):
        async with transaction(engine) as db:
            await allocate_exception(
                db, world.school_id, found.id, world.invoices[1].id, actor="an", note="x"
            )
    async with transaction(engine) as db:
        await resolve_exception(
            db, world.school_id, found.id, resolution="accepted", actor="an", note="trừ tháng sau"
        )
    await pay(engine, world, "S2", 10_000, "khong ro")
    unknown = await the_exception(engine, world)
    for invoice_id in (0, 10**12):
        with pytest.raises(DomainError, match="not_found"):
            async with transaction(engine) as db:
                await allocate_exception(
                    db, world.school_id, unknown.id, invoice_id, actor="an", note="x"
                )
    with pytest.raises(DomainError, match="not_found"):
        async with transaction(engine) as db:
            await allocate_exception(
                db, world.school_id, 10**12, world.invoices[1].id, actor="an", note="x"
            )
    with pytest.raises(DomainError, match="nothing_to_undo"):
        async with transaction(engine) as db:
            await undo_decision(db, world.school_id, unknown.id, actor="an", reason="thử")
    with pytest.raises(DomainError, match="note_required"):
        async with transaction(engine) as db:
            await resolve_exception(
                db, world.school_id, unknown.id, resolution="explained", actor="an", note=""
            )
    with pytest.raises(DomainError, match="unknown_resolution"):
        async with transaction(engine) as db:
            await resolve_exception(
                db, world.school_id, unknown.id, resolution="placed", actor="an", note="x"
            )
    assert await exceptions(engine, world) == [
        ("amount_mismatch", 120_000, "accepted"),
        ("unknown_reference", 10_000, None),
    ]
    assert await paid_vnd(engine, world) == [100_000, 0]


async def test_another_school_can_neither_see_nor_place(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        ours = await make_world(db, [100_000], code="A")
        theirs = await make_world(db, [100_000], code="B")
    await pay(engine, ours, "S1", 100_000, "khong ro")
    found = await the_exception(engine, ours)
    async with transaction(engine) as db:
        assert await list_exceptions(db, theirs.school_id) == ()
        with pytest.raises(DomainError, match="not_found"):
            await proposals_for(db, theirs.school_id, found.id)
    for school, invoice in ((theirs, theirs.invoices[0]), (ours, theirs.invoices[0])):
        with pytest.raises(DomainError, match="not_found"):
            async with transaction(engine) as db:
                await allocate_exception(
                    db, school.school_id, found.id, invoice.id, actor="an", note="x"
                )


async def test_proposals_rank_by_what_the_text_says_never_by_amount_alone(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 100_000, 100_000, 100_000])
    await name_students(
        engine, world, ["nguyen minh anh", "tran bao chau", "le gia huy", "pham bao chau"]
    )
    await pay(engine, world, "S1", 100_000, "CT tu 0123456789 TRẦN BẢO CHÂU lop 3A tien an")
    async with transaction(engine) as db:
        found = await proposals_for(db, world.school_id, (await the_exception(engine, world)).id)
    assert [one.invoice_id for one in found] == [world.invoices[1].id, world.invoices[3].id]
    assert found[0].evidence == (Evidence.NAME, Evidence.CLASS, Evidence.SAME_AMOUNT)
    assert found[0].score > found[1].score


async def test_a_damaged_reference_and_the_payers_history_are_proposed(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000, 300_000])
    await name_students(engine, world, ["nguyen an", "tran binh", "le chi"])
    await pay(engine, world, "S1", 100_000, f"{world.invoices[0].reference} tu 0123456789")
    reference = world.invoices[1].reference
    damaged = reference[:-1] + ("0" if reference[-1] != "0" else "1")
    await pay(engine, world, "S2", 123_000, damaged)  # not the open amount: a person decides
    found = await the_exception(engine, world)
    async with transaction(engine) as db:
        (proposal,) = await proposals_for(db, world.school_id, found.id)
    assert proposal.invoice_id == world.invoices[1].id
    assert proposal.evidence == (Evidence.CORRECTED_REFERENCE,)

    await pay(engine, world, "S3", 40_000, "tien an tu 0123456789")
    async with transaction(engine) as db:
        newest = (await list_exceptions(db, world.school_id))[0]
        assert await proposals_for(db, world.school_id, newest.id) == ()  # that pupil owes nothing
        page = await list_exceptions(db, world.school_id, after_id=newest.id, limit=1)
    assert [row.id for row in page] == [found.id]
