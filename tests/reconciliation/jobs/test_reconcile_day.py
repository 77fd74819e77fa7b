"""The night against a real database: matched once, healed, listed, proved; the same again is nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import (
    OPENING_VND,
    bring,
    bring_day,
    everything,
    exceptions,
    paid_vnd,
    pay,
    proof_of,
    world_of,
)
from support.factories import DAY, make_world
from support.statement_files import Entry, mb_csv

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.jobs.reconcile_day import reconcile


async def test_a_day_is_matched_by_every_rule_and_closes(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000, 300_000, 400_000])
    a, b, c, d = (invoice.reference for invoice in world.invoices)
    wrong = b[:-1] + ("0" if b[-1] != "0" else "1")
    await pay(engine, world, "S1", 100_000, a, bank_transaction_id="FT.001")
    await pay(engine, world, "S2", 200_000, wrong)
    await pay(engine, world, "S3", 300_000, f"TT {c} lop 3A")
    await pay(engine, world, "S4", 70_000, "nop tien an cho chau Anh")
    await pay(engine, world, "S5", 80_000, "ung ho quy lop")
    await bring_day(
        engine,
        world,
        [
            Entry(DAY, 100_000, "khong co ma", "FT001"),
            Entry(DAY, 200_000, f"MBVCB.77.{wrong}.CT tu 011 NGUYEN VAN A"),
            Entry(DAY, 300_000, f"MBVCB.78.{c.lower()} 3A", "FT003"),
            Entry(DAY, 70_000, "NOP TIEN AN CHO CHAU ANH", "FT004"),
            Entry(DAY, 80_000, "MBVCB.79.ung ho quy lop.CT tu 012 TRAN THI B", "FT005"),
            Entry(DAY, 400_000, f"{d} thang 9", "FT006"),
            Entry(DAY, -11_000, "Phi quan ly tai khoan", "FT007"),
        ],
    )

    result = await reconcile(engine, world.school_id, DAY)

    assert result.matches == {
        "bank_transaction_id": 1,
        "corrected_reference": 1,
        "exact_reference": 1,
        "same_content": 1,
        "contained_content": 1,
        "created_from_statement": 1,
    }
    assert result.created == 1
    assert await paid_vnd(engine, world) == [100_000, 200_000, 300_000, 400_000]
    proof = proof_of(result, world.bank_number)
    assert (proof.opening_vnd, proof.closing_vnd, proof.difference_vnd) == (
        OPENING_VND,
        OPENING_VND + 1_150_000 - 11_000,
        0,
    )
    assert {item.kind: (item.amount_vnd, item.count) for item in proof.items} == {
        "matched": (1_150_000, 6),
        "unposted": (-11_000, 1),
        "ledger_closing": (OPENING_VND + 1_150_000, 0),
    }
    assert result.exceptions == {"unexplained_debit": 1, "unknown_reference": 2}
    assert not proof_of(result, world.other_bank_number).is_closed  # it has no statement
    assert proof_of(result, world.other_bank_number).difference_vnd is None


async def test_the_same_night_again_changes_nothing(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    await pay(engine, world, "S1", 100_000, world.invoices[0].reference)
    await pay(engine, world, "S2", 55_000, "chua thay tren sao ke")
    await bring_day(
        engine,
        world,
        [
            Entry(DAY, 100_000, world.invoices[0].reference),
            Entry(DAY, 200_000, world.invoices[1].reference),
            Entry(DAY, 10_000, "lai tien gui"),
            Entry(DAY, -5_000, "phi"),
        ],
    )
    first = await reconcile(engine, world.school_id, DAY)
    before = await everything(engine)
    again = await reconcile(engine, world.school_id, DAY)

    assert again.result_hash == first.result_hash
    assert again.proofs == first.proofs
    assert again.created == 0
    assert await everything(engine) == before
    assert first.exceptions == {
        "missing_in_statement": 1,
        "unexplained_debit": 1,
        "unknown_reference": 2,
    }
    assert proof_of(first, world.bank_number).is_closed


async def test_a_payment_that_the_bank_posts_a_day_later_is_missing_for_one_night(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000])
    late, soon = (invoice.reference for invoice in world.invoices)
    await pay(engine, world, "S1", 100_000, late)
    await pay(engine, world, "S2", 200_000, soon)
    next_day = DAY + timedelta(1)
    await bring_day(engine, world, [Entry(DAY, 200_000, soon)])
    first = await reconcile(engine, world.school_id, DAY)
    assert await exceptions(engine, world) == [("missing_in_statement", 100_000, None)]
    assert proof_of(first, world.bank_number).is_closed

    await bring_day(engine, world, [Entry(next_day, 100_000, late)], OPENING_VND + 200_000)
    second = await reconcile(engine, world.school_id, next_day)

    assert await exceptions(engine, world) == [("missing_in_statement", 100_000, "matched_later")]
    proof = proof_of(second, world.bank_number)
    assert (proof.opening_vnd, proof.closing_vnd) == (OPENING_VND + 200_000, OPENING_VND + 300_000)
    assert proof.is_closed
    assert (await reconcile(engine, world.school_id, DAY)).result_hash == first.result_hash


async def test_the_bank_saying_another_amount_makes_no_second_payment(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    await pay(engine, world, "S1", 500_000, reference, bank_transaction_id="FT9")
    await bring_day(engine, world, [Entry(DAY, 50_000, reference, "FT9")])

    result = await reconcile(engine, world.school_id, DAY)

    assert result.created == 0
    assert await exceptions(engine, world) == [("amount_mismatch", 50_000, None)]
    assert proof_of(result, world.bank_number).is_closed  # both amounts stand in the proof
    assert (await reconcile(engine, world.school_id, DAY)).result_hash == result.result_hash


async def test_overlapping_files_count_once_and_identical_transfers_both(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000])
    twin = Entry(DAY, 50_000, "HOC PHI THANG 9")
    entries = [
        Entry(DAY, 100_000, world.invoices[0].reference),
        twin,
        twin,
        Entry(DAY, -9_000, "phi"),
    ]
    await bring_day(engine, world, entries[:2])
    overlapping = await bring(
        engine, world, mb_csv(world.bank_number, OPENING_VND, entries, newest_first=True)
    )
    assert (overlapping.lines, overlapping.new_lines) == (4, 2)

    result = await reconcile(engine, world.school_id, DAY)

    assert result.created == 3
    assert proof_of(result, world.bank_number).closing_vnd == OPENING_VND + 191_000
    assert proof_of(result, world.bank_number).is_closed


async def test_a_day_missing_between_two_statements_is_a_difference(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    a, b = (invoice.reference for invoice in world.invoices)
    after = DAY + timedelta(2)
    await bring_day(engine, world, [Entry(DAY, 100_000, a)])
    assert proof_of(await reconcile(engine, world.school_id, DAY), world.bank_number).is_closed
    await bring_day(engine, world, [Entry(after, 200_000, b)], OPENING_VND + 100_000 + 33_000)

    result = await reconcile(engine, world.school_id, after)

    proof = proof_of(result, world.bank_number)
    assert proof.difference_vnd == 33_000
    assert not result.is_closed
    assert ("gap_before", 33_000) in {(item.kind, item.amount_vnd) for item in proof.items}
    # the statement of the day between heals it
    between = DAY + timedelta(1)
    await bring_day(engine, world, [Entry(between, 33_000, "lai")], OPENING_VND + 100_000)
    assert proof_of(await reconcile(engine, world.school_id, after), world.bank_number).is_closed


async def test_an_earlier_statement_moves_the_opening_of_the_books(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    a, b = (invoice.reference for invoice in world.invoices)
    before = DAY - timedelta(1)
    await pay(engine, world, "S1", 100_000, a, day=before)
    await bring_day(engine, world, [Entry(DAY, 200_000, b)])
    assert proof_of(await reconcile(engine, world.school_id, DAY), world.bank_number).is_closed

    await bring_day(engine, world, [Entry(before, 100_000, a)], OPENING_VND - 100_000)

    for day, closing_vnd in ((before, OPENING_VND), (DAY, OPENING_VND + 200_000)):
        proof = proof_of(await reconcile(engine, world.school_id, day), world.bank_number)
        assert (proof.closing_vnd, proof.difference_vnd) == (closing_vnd, 0)


async def test_a_payment_before_the_first_statement_belongs_to_its_opening(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000])
    a, b = (invoice.reference for invoice in world.invoices)
    await pay(engine, world, "S1", 100_000, a, day=DAY - timedelta(30))
    await pay(engine, world, "S2", 200_000, b, day=DAY - timedelta(1))
    await bring_day(engine, world, [Entry(DAY, 200_000, b)])
    result = await reconcile(engine, world.school_id, DAY)
    assert result.matches == {"exact_reference": 1}
    assert proof_of(result, world.bank_number).is_closed
    assert await exceptions(engine, world) == []
    # one more of that time, told of late
    await pay(engine, world, "S3", 60_000, "nop muon", day=DAY - timedelta(20))
    assert proof_of(await reconcile(engine, world.school_id, DAY), world.bank_number).is_closed


async def test_an_overdrawn_account_opens_with_the_mirror(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    await bring_day(engine, world, [Entry(DAY, 100_000, world.invoices[0].reference)], -40_000)
    proof = proof_of(await reconcile(engine, world.school_id, DAY), world.bank_number)
    assert (proof.opening_vnd, proof.closing_vnd, proof.difference_vnd) == (-40_000, 60_000, 0)


async def test_clearing_accounts_are_itemised(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    await pay(engine, world, "V1", 100_000, world.invoices[0].reference, adapter="vnpay")
    yesterday = DAY - timedelta(1)
    await pay(
        engine, world, "V2", 200_000, world.invoices[1].reference, adapter="vnpay", day=yesterday
    )
    proof = proof_of(await reconcile(engine, world.school_id, DAY), f"vnpay:{world.bank_number}")
    assert (proof.opening_vnd, proof.closing_vnd, proof.difference_vnd) == (200_000, 300_000, 0)
    assert {item.kind: (item.amount_vnd, item.count) for item in proof.items} == {
        "received": (100_000, 0),
        "settled": (0, 0),
        "unsettled": (300_000, 2),
    }


async def test_a_quiet_day_inside_a_statement_closes_and_one_outside_does_not(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000])
    a, b = (invoice.reference for invoice in world.invoices)
    entries = [Entry(DAY, 100_000, a), Entry(DAY + timedelta(2), 200_000, b)]
    await bring_day(engine, world, entries)
    await reconcile(engine, world.school_id, DAY)
    quiet = proof_of(
        await reconcile(engine, world.school_id, DAY + timedelta(1)), world.bank_number
    )
    assert (quiet.opening_vnd, quiet.closing_vnd, quiet.difference_vnd) == (
        OPENING_VND + 100_000,
        OPENING_VND + 100_000,
        0,
    )
    outside = proof_of(
        await reconcile(engine, world.school_id, DAY + timedelta(5)), world.bank_number
    )
    assert (outside.closing_vnd, outside.difference_vnd, outside.is_closed) == (None, None, False)


async def test_an_unreadable_row_is_listed_with_what_the_balances_say(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    a, b = (invoice.reference for invoice in world.invoices)
    entries = [Entry(DAY, 100_000, a), Entry(DAY, 70_000, "x"), Entry(DAY, 200_000, b)]
    imported = await bring(
        engine, world, mb_csv(world.bank_number, OPENING_VND, entries, spoil={1: "bảy mươi"})
    )
    assert (imported.lines, imported.unreadable, imported.gaps) == (2, 1, 1)
    result = await reconcile(engine, world.school_id, DAY)
    proof = proof_of(result, world.bank_number)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + 370_000, 0)
    assert ("unreadable", 70_000, 1) in {(i.kind, i.amount_vnd, i.count) for i in proof.items}
    assert await exceptions(engine, world) == [("unreadable_line", 70_000, None)]


async def test_a_day_in_the_future_is_refused(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    with pytest.raises(DomainError, match="future_day"):
        await reconcile(engine, world.school_id, business_date(now_utc()) + timedelta(1))


@pytest.mark.parametrize("bank_id", ["FT1", "MBVCB.3278907687"])
async def test_a_notice_after_the_night_confirms_and_changes_nothing(
    engine: AsyncEngine, bank_id: str
) -> None:
    world = await world_of(engine, [100_000])
    reference = world.invoices[0].reference
    await bring_day(engine, world, [Entry(DAY, 100_000, reference, "FT1")])
    before = await reconcile(engine, world.school_id, DAY)
    await pay(engine, world, "S1", 100_000, reference, bank_transaction_id=bank_id)  # at last

    after = await reconcile(engine, world.school_id, DAY)

    assert after.result_hash == before.result_hash
    assert after.exceptions == {}
    assert await paid_vnd(engine, world) == [100_000]


@pytest.mark.parametrize(
    ("is_coded", "bank_id", "reason"),
    [(True, "", "duplicate_payment"), (False, "FT1", "unknown_reference")],
)
async def test_a_late_notice_that_nothing_ties_to_its_line_is_shown_as_a_twin(
    engine: AsyncEngine, is_coded: bool, bank_id: str, reason: str
) -> None:
    world = await world_of(engine, [100_000])
    reference = world.invoices[0].reference
    await bring_day(engine, world, [Entry(DAY, 100_000, reference, "FT1")])
    await reconcile(engine, world.school_id, DAY)
    for transaction_id in ("S1", "S2"):  # the second one finds its line confirmed already
        content = reference if is_coded else "nop tien"
        await pay(engine, world, transaction_id, 100_000, content, bank_transaction_id=bank_id)

    result = await reconcile(engine, world.school_id, DAY)

    assert result.exceptions == {reason: 1, "missing_in_statement": 1}
    assert proof_of(result, world.bank_number).is_closed
    async with transaction(engine) as db:
        twin = await db.raw.fetchval(
            "SELECT (detail->>'twin_payment_id')::bigint FROM exception WHERE reason = 'missing_in_statement'"
        )
        assert twin == await db.raw.fetchval("SELECT id FROM payment WHERE channel = 'statement'")


async def test_schools_do_not_see_each_other(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        ours = await make_world(db, [100_000], code="A")
        theirs = await make_world(db, [100_000], code="B")
    for world in (ours, theirs):
        await bring_day(engine, world, [Entry(DAY, 100_000, world.invoices[0].reference, "FT1")])
    assert (await reconcile(engine, ours.school_id, DAY)).created == 1
    assert await paid_vnd(engine, ours) == [100_000]
    assert await paid_vnd(engine, theirs) == [0]
