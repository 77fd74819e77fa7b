"""Several references in one transfer, as the books see it: placed where all agree, else left with proposals."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World
from support.ingest_school import balance, paid, paid_of, reasons, record, world_of

from adapters.contract import VerdictKind
from core.kit.database import transaction
from reconciliation.review.proposals import proposals_for


def mistyped(code: str) -> str:
    return code[:6] + ("2" if code[6] != "2" else "3") + code[7:]


async def owed(engine: AsyncEngine, world: World) -> list[int]:
    return [await paid_of(engine, invoice.id) for invoice in world.invoices]


async def test_siblings_in_one_transfer_are_both_paid_though_one_code_is_mistyped(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 230_000])
    a, b = (invoice.reference for invoice in world.invoices)
    verdicts = await record(engine, world, paid("T1", 330_000, f"{a} va {mistyped(b)}"))
    assert verdicts[0].kind is VerdictKind.RECORDED
    assert await owed(engine, world) == [100_000, 230_000]
    assert await balance(engine, world, "suspense") == 0
    assert await reasons(engine, world) == []
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT is_corrected FROM payment")


async def test_one_paid_before_leaves_the_rest_to_agree_to_the_dong(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 230_000])
    a, b = (invoice.reference for invoice in world.invoices)
    await record(engine, world, paid("T1", 100_000, a))
    await record(engine, world, paid("T2", 330_000, f"{a} {b}"))
    assert await owed(engine, world) == [100_000, 0]
    assert await reasons(engine, world) == ["amount_mismatch"]
    await record(engine, world, paid("T3", 230_000, f"{a} {b}"))
    assert await owed(engine, world) == [100_000, 230_000]
    assert await balance(engine, world, "suspense") == -330_000


async def test_amounts_that_disagree_wait_with_both_invoices_proposed(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 230_000, 70_000])
    a, b = (invoice.reference for invoice in world.invoices[:2])
    for number, content in (("T1", f"{a} {b}"), ("T2", f"{a} {mistyped(b)}")):
        await record(engine, world, paid(number, 300_000, content))
    assert await owed(engine, world) == [0, 0, 0]
    assert await reasons(engine, world) == ["amount_mismatch"] * 2
    assert await balance(engine, world, "suspense") == -600_000
    async with transaction(engine) as db:
        for row in await db.raw.fetch("SELECT id FROM exception"):
            proposed = await proposals_for(db, world.school_id, row["id"])
            assert {one.reference for one in proposed} == {a, b}


async def test_a_standing_reference_and_an_invoice_of_the_same_pupil(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 230_000], per_student=2)
    standing = world.student_references[world.invoices[0].student_id]
    second = world.invoices[1].reference
    await record(engine, world, paid("T1", 230_000, f"{standing} {second}"))
    assert await owed(engine, world) == [0, 230_000]
    await record(engine, world, paid("T2", 40_000, f"{second} {standing}"))
    assert await owed(engine, world) == [40_000, 230_000]
    assert await reasons(engine, world) == []


async def test_a_standing_reference_beside_another_pupils_invoice_waits(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 230_000])
    standing = world.student_references[world.invoices[0].student_id]
    other = world.invoices[1].reference
    await record(engine, world, paid("T1", 230_000, f"{standing} {other}"))
    assert await owed(engine, world) == [0, 0]
    assert await reasons(engine, world) == ["amount_mismatch"]
    await record(engine, world, paid("T2", 330_000, f"{standing} {other}"))
    assert await owed(engine, world) == [100_000, 230_000]
