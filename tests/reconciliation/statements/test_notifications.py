"""camt.054 comes before, after and beside the statement: the money counts once, whatever the order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import bring_day, everything, exceptions, paid_vnd, pay, proof_of, world_of
from support.errors import status_of
from support.factories import DAY, World
from support.message_files import camt
from support.statement_files import Entry

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.notifications import (
    ImportedNotifications,
    import_notifications,
    is_notification,
    preview_notifications,
)


def advice(
    world: World, entries: Sequence[Entry], account: str = "", *, batches: bool = False
) -> bytes:
    return camt(account or world.bank_number, entries, opening_vnd=None, batches=batches).encode()


async def notify(engine: AsyncEngine, world: World, data: bytes) -> ImportedNotifications:
    async with transaction(engine) as db:
        return await import_notifications(
            db, world.school_id, world.bank_account_id, data, actor="an"
        )


def entries_of(world: World) -> list[Entry]:
    return [
        Entry(DAY, 100_000, f"hoc phi {world.invoices[0].reference}", "FT1"),
        Entry(DAY, 55_000, "khong ro cua ai", "FT2"),
        Entry(DAY, -11_000, "phi", "FT3"),
    ]


@pytest.mark.parametrize("order", ["before", "after", "after the night"])
async def test_a_notification_and_the_statement_count_once_in_every_order(
    engine: AsyncEngine, order: str
) -> None:
    world = await world_of(engine, [100_000])
    entries = entries_of(world)
    if order == "before":
        assert await notify(engine, world, advice(world, entries)) == ImportedNotifications(
            new=2, confirmed=0, known=0, conflicts=0, left=1
        )
        assert await paid_vnd(engine, world) == [100_000]
    await bring_day(engine, world, entries)
    if order == "after":
        assert (await notify(engine, world, advice(world, entries))).new == 2
    result = await reconcile(engine, world.school_id, DAY)
    if order == "after the night":
        assert await notify(engine, world, advice(world, entries)) == ImportedNotifications(
            new=0, confirmed=2, known=0, conflicts=0, left=1
        )
        result = await reconcile(engine, world.school_id, DAY)
    assert await paid_vnd(engine, world) == [100_000]
    assert proof_of(result, world.bank_number).difference_vnd == 0
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 2
        assert await db.raw.fetchval("SELECT count(*) FROM match") == 2
    assert "missing_in_statement" not in {
        reason for reason, _, _ in await exceptions(engine, world)
    }


async def test_the_same_notification_again_changes_nothing(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    data = advice(world, entries_of(world))
    await notify(engine, world, data)
    before = {k: v for k, v in (await everything(engine)).items() if k != "audit_entry"}
    assert await notify(engine, world, data) == ImportedNotifications(
        new=0, confirmed=0, known=2, conflicts=0, left=1
    )
    assert {k: v for k, v in (await everything(engine)).items() if k != "audit_entry"} == before


async def test_a_providers_push_of_the_same_money_is_only_confirmed(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    reference = world.invoices[0].reference
    await pay(engine, world, "S1", 100_000, reference, bank_transaction_id="FT1")
    told = await notify(engine, world, advice(world, entries_of(world)[:1]))
    assert (told.new, told.confirmed) == (0, 1)
    assert await paid_vnd(engine, world) == [100_000]


async def test_the_same_number_with_another_amount_is_refused_and_listed(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000])
    await notify(engine, world, advice(world, [Entry(DAY, 60_000, "A", "FT9")]))
    told = await notify(engine, world, advice(world, [Entry(DAY, 70_000, "A", "FT9")]))
    assert (told.new, told.conflicts) == (0, 1)
    assert ("conflicting_duplicate", 70_000, None) in await exceptions(engine, world)


async def test_what_has_no_number_of_its_own_waits_for_the_statement(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    bare = [Entry(DAY, 100_000, world.invoices[0].reference, "")]
    told = await notify(engine, world, advice(world, bare))
    assert told == ImportedNotifications(new=0, confirmed=0, known=0, conflicts=0, left=1)
    shared = [Entry(DAY, 40_000, "A", "LO1"), Entry(DAY, 40_000, "B", "LO1")]
    told = await notify(engine, world, advice(world, shared, batches=True))
    assert (told.new, told.left) == (0, 2)
    await bring_day(engine, world, bare)
    await reconcile(engine, world.school_id, DAY)
    assert await paid_vnd(engine, world) == [100_000]


async def test_another_account_and_a_day_to_come_are_refused_whole(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    entries = entries_of(world)
    tomorrow = business_date(now_utc()).replace(year=business_date(now_utc()).year + 1)
    for data, code in (
        (advice(world, entries, world.other_bank_number), "other_account"),
        (advice(world, [*entries, Entry(tomorrow, 1_000, "x", "FT4")]), "future_date"),
    ):
        before = await everything(engine)
        with pytest.raises(DomainError) as caught:
            await notify(engine, world, data)
        assert (caught.value.code, status_of(caught.value)) == (code, 422)
        assert await everything(engine) == before


async def test_a_look_writes_nothing_and_a_statement_is_no_notification(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000])
    data = advice(world, entries_of(world))
    assert is_notification(data)
    assert not is_notification(camt(world.bank_number, entries_of(world), opening_vnd=0).encode())
    assert not is_notification(b"PK\x03\x04")
    before = await everything(engine)
    async with transaction(engine) as db:
        seen = await preview_notifications(db, world.school_id, world.bank_account_id, data)
    assert (len(seen.credits), seen.credit_vnd, seen.debits) == (2, 155_000, 1)
    assert await everything(engine) == before
