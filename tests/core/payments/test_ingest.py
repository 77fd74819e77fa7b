"""Recording notices: each counts once, goes where its reference says, and nothing falls on the floor."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import make_world
from support.ingest_school import (
    AT,
    balance,
    inbound,
    mistyped,
    paid,
    paid_of,
    reasons,
    record,
    told,
    world_of,
)

from adapters.contract import Notice, Outcome, VerdictKind
from core.kit.database import transaction
from core.ledger.postings import Books
from core.payments.ingest.group_commit import GroupCommit, IngestBusyError, commit_notices
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices


async def test_an_exact_reference_pays_its_invoice_once(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    invoice = world.invoices[0]
    notice = paid("T1", 500_000, f"MBVCB.1.{invoice.reference}.CT tu 0123")

    first = await record(engine, world, notice)
    again = await record(engine, world, notice, notice)

    assert first[0].kind is VerdictKind.RECORDED
    assert not first[0].duplicate
    assert [v.duplicate for v in again] == [True, True]
    assert {v.record_id for v in (*first, *again)} == {first[0].record_id}
    assert await paid_of(engine, invoice.id) == 500_000
    assert await balance(engine, world, "bank") == 500_000
    assert await balance(engine, world, "receivable") == 0
    assert await reasons(engine, world) == []


async def test_other_content_under_the_same_transaction_is_refused_and_alarmed_once(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    await record(engine, world, paid("T1", 500_000, reference))

    verdicts = await record(
        engine, world, paid("T1", 900_000, reference), paid("T1", 900_000, reference)
    )

    assert [v.kind for v in verdicts] == [VerdictKind.CONFLICT] * 2
    assert await balance(engine, world, "bank") == 500_000
    assert await reasons(engine, world) == ["conflicting_duplicate"]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM notice_conflict") == 1


async def test_two_contents_in_one_batch_keep_the_first(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    verdicts = await record(
        engine, world, paid("T1", 500_000, reference), paid("T1", 400_000, reference)
    )
    assert [v.kind for v in verdicts] == [VerdictKind.RECORDED, VerdictKind.CONFLICT]
    assert await paid_of(engine, world.invoices[0].id) == 500_000


async def test_what_cannot_be_placed_goes_to_suspense_with_its_reason(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    verdicts = await record(
        engine,
        world,
        paid("T1", 500_000, "nop tien hoc"),
        paid("T2", 70_000, world.invoices[0].reference, payee_account="9999999999"),
    )
    assert [v.kind for v in verdicts] == [VerdictKind.UNKNOWN_REFERENCE, VerdictKind.WRONG_ACCOUNT]
    assert await balance(engine, world, "suspense") == -570_000
    assert await balance(engine, world, "bank") == 500_000
    assert await balance(engine, world, "clearing") == 70_000
    assert await reasons(engine, world) == ["unknown_reference", "wrong_account"]


async def test_too_much_is_the_students_credit_and_too_little_is_a_part(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000, 300_000])
    over, under = world.invoices
    verdicts = await record(
        engine, world, paid("T1", 520_000, over.reference), paid("T2", 100_000, under.reference)
    )
    assert [v.kind for v in verdicts] == [VerdictKind.AMOUNT_DIFFERS] * 2
    assert await paid_of(engine, over.id) == 500_000
    assert await paid_of(engine, under.id) == 100_000
    assert await balance(engine, world, "student_credit") == -20_000
    assert await reasons(engine, world) == ["amount_mismatch", "amount_mismatch"]

    rest = await record(engine, world, paid("T3", 200_000, under.reference))
    assert rest[0].kind is VerdictKind.RECORDED
    assert await balance(engine, world, "receivable") == 0


async def test_paying_twice_is_credit_and_an_exception(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    verdicts = await record(
        engine, world, paid("T1", 500_000, reference), paid("T2", 500_000, reference)
    )
    assert [v.kind for v in verdicts] == [VerdictKind.RECORDED, VerdictKind.ALREADY_PAID]
    assert await balance(engine, world, "student_credit") == -500_000
    assert await reasons(engine, world) == ["duplicate_payment"]


async def test_a_student_reference_pays_the_oldest_due_invoice_first(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000], per_student=2)
    student_reference = world.student_references[world.invoices[0].student_id]
    verdicts = await record(engine, world, paid("T1", 150_000, student_reference))
    assert verdicts[0].kind is VerdictKind.RECORDED
    assert [await paid_of(engine, i.id) for i in world.invoices] == [100_000, 50_000]


async def test_several_references_pay_only_when_the_sum_is_exact(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    both = " ".join(i.reference for i in world.invoices)
    verdicts = await record(engine, world, paid("T1", 250_000, both), paid("T2", 300_000, both))
    assert [v.kind for v in verdicts] == [VerdictKind.AMOUNT_DIFFERS, VerdictKind.RECORDED]
    assert await balance(engine, world, "suspense") == -250_000
    assert await balance(engine, world, "receivable") == 0


async def test_a_corrected_reference_counts_only_when_amount_and_account_agree(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000, 500_000])
    near, far = world.invoices
    verdicts = await record(
        engine,
        world,
        paid("T1", 500_000, mistyped(near.reference)),
        paid("T2", 499_000, mistyped(far.reference)),
        paid("T3", 500_000, mistyped(far.reference), payee_account=world.other_bank_number),
    )
    assert [v.kind for v in verdicts] == [
        VerdictKind.RECORDED,
        VerdictKind.UNKNOWN_REFERENCE,
        VerdictKind.UNKNOWN_REFERENCE,
    ]
    assert await paid_of(engine, near.id) == 500_000
    assert await paid_of(engine, far.id) == 0


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.PENDING, Outcome.OUTGOING, Outcome.TEST]
)
async def test_only_paid_notices_reach_the_ledger(engine: AsyncEngine, outcome: Outcome) -> None:
    world = await world_of(engine, [500_000])
    notice = Notice(
        transaction_id="T1",
        outcome=outcome,
        amount_vnd=500_000,
        paid_at=AT,
        content=world.invoices[0].reference,
    )
    verdicts = await record(engine, world, notice, notice)
    assert [(v.kind, v.duplicate) for v in verdicts] == [
        (VerdictKind.NOTED, False),
        (VerdictKind.NOTED, True),
    ]
    assert await balance(engine, world, "bank") == 0
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 0


async def test_platform_money_stands_in_clearing_until_it_is_settled(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    await record(engine, world, paid("R.1", 500_000, merchant_reference=reference), adapter="vnpay")
    assert await balance(engine, world, "clearing") == 500_000
    assert await balance(engine, world, "bank") == 0
    assert await balance(engine, world, "receivable") == 0


async def test_a_checkout_is_measured_by_what_it_asked_for(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    invoice = world.invoices[0]
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO checkout (school_id, merchant_account_id, invoice_id, merchant_reference, amount_vnd, expires_at)"
            " VALUES ($1, $2, $3, $4, 400000, now())",
            world.school_id, world.merchants["vnpay"][0], invoice.id, f"{invoice.reference}01",
        )  # fmt: skip
    asked = f"{invoice.reference}01"
    verdicts = await record(
        engine, world, paid("R.1", 400_000, merchant_reference=asked), adapter="vnpay"
    )
    assert verdicts[0].kind is VerdictKind.RECORDED
    assert await paid_of(engine, invoice.id) == 400_000


async def test_a_reference_of_another_school_is_unknown_here(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    async with transaction(engine) as db:
        other = await make_world(db, [500_000], code="TH02")
    verdicts = await record(engine, world, paid("T1", 500_000, other.invoices[0].reference))
    assert verdicts[0].kind is VerdictKind.UNKNOWN_REFERENCE
    assert await paid_of(engine, other.invoices[0].id) == 0


async def test_fifty_concurrent_copies_have_one_effect(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    item = await inbound(engine, world, paid("T1", 500_000, world.invoices[0].reference))
    answers = await asyncio.gather(*(commit_notices(engine, [item]) for _ in range(50)))
    verdicts = [a.verdicts[0] for a in answers]
    assert sum(not v.duplicate for v in verdicts) == 1
    assert {(v.kind, v.record_id) for v in verdicts} == {
        (VerdictKind.RECORDED, verdicts[0].record_id)
    }
    assert await balance(engine, world, "bank") == 500_000


async def test_concurrent_payers_of_one_invoice_never_overfill_it(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    items = [await inbound(engine, world, paid(f"T{n}", 200_000, reference)) for n in range(8)]
    await asyncio.gather(*(commit_notices(engine, [item]) for item in items))
    assert await paid_of(engine, world.invoices[0].id) == 500_000
    assert await balance(engine, world, "student_credit") == -1_100_000
    assert await balance(engine, world, "bank") == 1_600_000


async def test_the_recorder_groups_and_gives_each_its_own_verdict(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000] * 20)
    recorder = GroupCommit(engine, queue_size=100, batch_size=50)
    recorder.start()
    items = [
        await inbound(engine, world, paid(f"T{n}", 100_000, invoice.reference))
        for n, invoice in enumerate(world.invoices)
    ]
    stranger = await inbound(engine, world, paid("TX", 1_000, "khong ro"))
    verdicts = await asyncio.gather(
        *(recorder.record([item]) for item in [*items, stranger, items[0]])
    )
    await recorder.stop()
    assert [v[0].kind for v in verdicts[:20]] == [VerdictKind.RECORDED] * 20
    assert verdicts[20][0].kind is VerdictKind.UNKNOWN_REFERENCE
    assert verdicts[21][0].duplicate
    assert verdicts[21][0].record_id == verdicts[0][0].record_id


async def test_a_full_queue_and_a_stopped_recorder_say_so_at_once(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    item = await inbound(engine, world, paid("T1", 100_000, world.invoices[0].reference))
    recorder = GroupCommit(engine, queue_size=1, batch_size=1)
    with pytest.raises(IngestBusyError):
        await recorder.record([item])
    recorder.start()
    answers = await asyncio.gather(
        *(recorder.record([item]) for _ in range(10)), return_exceptions=True
    )
    await recorder.stop()
    assert any(isinstance(a, IngestBusyError) for a in answers)
    assert any(isinstance(a, tuple) for a in answers)
    assert await balance(engine, world, "bank") == 100_000


async def test_nothing_is_kept_when_the_caller_does_not_commit(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    item = await inbound(engine, world, paid("T1", 100_000, world.invoices[0].reference))

    class GaveUpError(Exception):
        pass

    async def record_and_give_up() -> None:
        async with transaction(engine) as db:
            await ingest_notices(db, [item])
            raise GaveUpError

    with pytest.raises(GaveUpError):
        await record_and_give_up()
    verdicts = await record(engine, world, item.notice)
    assert not verdicts[0].duplicate


async def test_two_providers_that_watch_one_account_tell_of_one_payment(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    first = await record(engine, world, told("S1", 500_000, reference, "FT1"))
    second = await record(engine, world, told("V1", 500_000, reference, "FT1"), adapter="vietqrvn")
    again = await record(engine, world, told("V1", 500_000, reference, "FT1"), adapter="vietqrvn")

    assert [v[0].kind for v in (first, second, again)] == [VerdictKind.RECORDED] * 3
    assert [v[0].duplicate for v in (first, second, again)] == [False, False, True]
    assert second[0].record_id == again[0].record_id != first[0].record_id
    assert await balance(engine, world, "bank") == 500_000
    assert await reasons(engine, world) == []


async def test_both_providers_at_the_same_moment_make_one_payment(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    items = [
        await inbound(engine, world, told(f"{adapter}1", 500_000, reference, "FT1"), adapter)
        for adapter in ("sepay", "vietqrvn", "statement")
    ]
    await asyncio.gather(*(commit_notices(engine, [item]) for item in items))
    assert await balance(engine, world, "bank") == 500_000
    async with transaction(engine) as db:
        assert (
            await db.raw.fetchval(
                "SELECT count(*) FROM notice WHERE confirms_payment_id IS NOT NULL"
            )
            == 2
        )


async def test_a_push_that_comes_after_the_night_confirms_what_the_statement_made(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    await record(engine, world, told("L1", 500_000, reference, "5389.82579"), adapter="statement")
    late = await record(engine, world, told("S1", 500_000, f"MBVCB.{reference}", "FT99"))
    assert late[0].kind is VerdictKind.RECORDED
    assert await balance(engine, world, "bank") == 500_000

    # the same family pays once more: that is another payment
    more = await record(engine, world, told("S2", 500_000, reference, "FT100"))
    assert more[0].kind is VerdictKind.ALREADY_PAID
    assert await balance(engine, world, "bank") == 1_000_000


@pytest.mark.parametrize(
    "other",
    [
        told("V1", 500_001, "nop tien", "FT1"),  # another amount
        told("V1", 500_000, "nop tien", "FT2"),  # another transfer
        told("V1", 500_000, "nop tien", "FT1", 20),  # a number that came round again
        told("V1", 500_000, "nop tien", ""),  # nothing but the amount agrees
    ],
)
async def test_what_does_not_agree_is_another_payment(engine: AsyncEngine, other: Notice) -> None:
    world = await world_of(engine, [500_000])
    await record(engine, world, told("S1", 500_000, "nop tien", "FT1"))
    await record(engine, world, other, adapter="vietqrvn")
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 2


async def test_one_provider_may_repeat_the_banks_number(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    await record(engine, world, told("S1", 500_000, "a", "FT1"), told("S2", 500_000, "a", "FT1"))
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM payment") == 2


async def test_a_message_that_cannot_be_recorded_turns_away_itself_alone(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000] * 4)
    good = [
        await inbound(engine, world, paid(f"T{n}", 100_000, invoice.reference))
        for n, invoice in enumerate(world.invoices)
    ]
    merchant = good[0].merchant
    nowhere = dataclasses.replace(
        merchant, books=Books(0, 0, 0, 0)
    )  # a bug of ours, as it would look
    bad = [
        InboundNotice(nowhere, paid("B1", 100_000), b"raw"),
        InboundNotice(merchant, paid("B2", 2**70), b"raw"),
    ]
    recorder = GroupCommit(engine, queue_size=100, batch_size=50)
    recorder.start()
    for _ in range(3):  # every task has met them, and still works
        answers = await asyncio.gather(
            *(recorder.record([item]) for item in (*good, *bad)), return_exceptions=True
        )
        assert all(isinstance(answer, tuple) for answer in answers[:4])
        assert all(isinstance(answer, IngestBusyError) for answer in answers[4:])
    await recorder.stop()
    assert await balance(engine, world, "bank") == 400_000


async def test_two_channels_in_one_batch_make_one_payment(engine: AsyncEngine) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    items = [
        await inbound(engine, world, told(f"{adapter}1", 500_000, reference, "FT1"), adapter)
        for adapter in ("sepay", "vietqrvn", "statement")
    ]
    recorded = await commit_notices(engine, items)
    assert [v.kind for v in recorded.verdicts] == [VerdictKind.RECORDED] * 3
    assert len(recorded.confirmed) == 2
    assert await balance(engine, world, "bank") == 500_000
    assert await reasons(engine, world) == []


async def test_a_line_whose_push_came_while_the_night_looked_away_confirms_it(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [500_000])
    reference = world.invoices[0].reference
    await record(engine, world, told("S1", 500_000, reference, "FT99"))
    await record(engine, world, told("L1", 500_000, reference, "5389.82579"), adapter="statement")
    assert await balance(engine, world, "bank") == 500_000


async def test_broken_connections_are_replaced(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000] * 3)
    items = [
        await inbound(engine, world, paid(f"T{n}", 100_000, invoice.reference))
        for n, invoice in enumerate(world.invoices)
    ]
    await asyncio.gather(*(commit_notices(engine, [item]) for item in items[:2]))
    async with transaction(engine) as db:
        await db.raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    for _ in range(50):  # whoever is under way when it breaks is told to come again
        answers = await asyncio.gather(
            *(commit_notices(engine, [item]) for item in items), return_exceptions=True
        )
        if not any(isinstance(answer, Exception) for answer in answers):
            break
        await asyncio.sleep(0.02)
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert await balance(engine, world, "bank") == 300_000


async def test_a_school_whose_invoice_is_held_does_not_hold_up_the_others(
    engine: AsyncEngine,
) -> None:
    async with transaction(engine) as db:
        held = await make_world(db, [100_000], code="HELD")
        free = await make_world(db, [100_000], code="FREE")
    items = [
        await inbound(engine, world, paid("T1", 100_000, world.invoices[0].reference))
        for world in (held, free)
    ]
    recorder = GroupCommit(engine, queue_size=10, batch_size=10)
    async with transaction(engine) as db:
        await db.raw.execute("SELECT id FROM invoice WHERE id = $1 FOR UPDATE", held.invoices[0].id)
        recorder.start()
        answers = await asyncio.gather(
            *(recorder.record([item]) for item in items), return_exceptions=True
        )
    assert isinstance(answers[0], IngestBusyError)
    assert isinstance(answers[1], tuple)
    again = await recorder.record([items[0]])
    await recorder.stop()
    assert not again[0].duplicate


@pytest.mark.parametrize("together", [True, False])
async def test_a_signed_notice_after_an_unsigned_answer_lifts_the_reserve(
    engine: AsyncEngine, together: bool
) -> None:
    """Asked first, told later: nothing else would ever confirm a payment that a wallet settles in school."""
    world = await world_of(engine, [500_000])
    signed = paid("O1.1", 500_000, merchant_reference=world.invoices[0].reference)
    answer = dataclasses.replace(signed, is_provisional=True)
    other = dataclasses.replace(signed, amount_vnd=1_000)
    asked = [[answer, answer], [other]]
    for notices in asked if not together else [[answer, other, signed]]:
        await record(engine, world, *notices, adapter="shopeepay")
    async with transaction(engine) as db:
        reserved = await db.raw.fetchval("SELECT is_provisional FROM payment")
    assert reserved is not together
    verdicts = await record(engine, world, signed, adapter="shopeepay")
    assert verdicts[0].duplicate
    await record(engine, world, answer, adapter="shopeepay")  # and it does not come back
    async with transaction(engine) as db:
        rows = await db.raw.fetch("SELECT is_provisional, amount_vnd FROM payment")
    assert [tuple(row) for row in rows] == [(False, 500_000)]
