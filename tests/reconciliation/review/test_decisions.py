"""Everything a person can do about an exception, each taken back again: the books are what they were."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import bring_day, pay, proof_of, world_of
from support.errors import status_of
from support.factories import DAY, KEYS, World, make_world
from support.statement_files import Entry

from core.exceptions.notes import notes_of
from core.identity.audit import verify_chain
from core.identity.service import create_user
from core.invoices.payment_states import PaymentState, state_figures, states_of_invoices
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from core.ledger.queries import balances, disagreements
from core.refunds.payee import RefundPayee
from core.refunds.service import reject_refund
from core.refunds.states import Method
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.review.actions import Action, ExceptionState, MoneyState, actions_for
from reconciliation.review.allocations import (
    InvoiceShare,
    allocate_exception,
    split_exception,
    suspend_exception,
)
from reconciliation.review.bulk_actions import confirm_bulk
from reconciliation.review.bulk_preview import BulkAction, LeftOutReason, preview_bulk
from reconciliation.review.decisions import ReturnRequest, resolve_exception, return_to_payer
from reconciliation.review.notes import add_note, ask_colleague
from reconciliation.review.queue import (
    ExceptionRow,
    Neighbours,
    asked_of,
    find_exception,
    list_exceptions,
    neighbours,
)
from reconciliation.review.undo import undo_decision

PAYEE = RefundPayee(bin="970436", number="0123456789", holder="NGUYEN VAN AN")
WHO = "an"


async def rows_of(engine: AsyncEngine, world: World) -> tuple[ExceptionRow, ...]:
    async with transaction(engine) as db:
        return await list_exceptions(db, world.school_id)


async def books(engine: AsyncEngine, world: World) -> dict[int, int]:
    """Every balance that is not zero, once the invoices are seen to agree with the ledger."""
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        found = await balances(db, world.school_id, DAY.replace(year=2100))
    assert sum(found.values()) == 0
    return {account: amount for account, amount in found.items() if amount}


async def suspense_vnd(db: Driver, world: World) -> int:
    found = await balances(db, world.school_id, DAY.replace(year=2100))
    account = await db.raw.fetchval(
        "SELECT id FROM ledger_account WHERE school_id = $1 AND kind = 'suspense'", world.school_id
    )
    return -found.get(account, 0)


async def code_of(wanted: Awaitable[object]) -> str:
    with pytest.raises(DomainError) as refused:
        await wanted
    return refused.value.code


async def do(
    engine: AsyncEngine, action: Callable[..., Awaitable[object]], *args: object, **more: object
) -> object:
    async with transaction(engine) as db:
        return await action(db, *args, **more)


def test_what_may_be_done_follows_reason_and_place() -> None:
    waiting = ExceptionState(reason="unknown_reference", money=MoneyState.SUSPENDED)
    assert actions_for(waiting)[:3] == (Action.ALLOCATE, Action.SPLIT, Action.RETURN)
    assert Action.EXPLAIN not in actions_for(waiting)
    missing = ExceptionState(
        reason="missing_in_statement", money=MoneyState.ALLOCATED, credit_vnd=5
    )
    assert {Action.SUSPEND, Action.EXPLAIN} <= set(actions_for(missing))
    assert Action.RETURN not in actions_for(missing)
    debit = ExceptionState(reason="unexplained_debit", money=MoneyState.NONE)
    assert actions_for(debit) == (Action.EXPLAIN, Action.NOTE, Action.ASK)
    elsewhere = ExceptionState(reason="amount_mismatch", money=MoneyState.SUSPENDED_ELSEWHERE)
    assert not {Action.ALLOCATE, Action.SUSPEND, Action.RETURN} & set(actions_for(elsewhere))
    for resolution in ("placed", "refunded", "matched_later"):
        done = ExceptionState(
            reason="amount_mismatch", money=MoneyState.ALLOCATED, resolution=resolution
        )
        assert actions_for(done) == (Action.NOTE,)


async def test_money_is_split_over_pupils_and_its_rest_waits_or_is_credited(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000, 300_000])
    await pay(engine, world, "S1", 450_000, "hai chau nop chung")
    (row,) = await rows_of(engine, world)
    before = await books(engine, world)
    a, b, c = (invoice.id for invoice in world.invoices)
    split = (engine, split_exception, world.school_id, row.id)
    no_one = {"credit_student_id": None, "actor": WHO, "note": "Mẹ gọi"}
    assert await code_of(do(*split, [InvoiceShare(a, 100_001)], **no_one)) == "share_too_large"
    assert await code_of(do(*split, [InvoiceShare(a, 0)], **no_one)) == "share_too_large"
    assert (
        await code_of(do(*split, [InvoiceShare(a, 1), InvoiceShare(a, 1)], **no_one))
        == "invoice_twice"
    )
    assert (
        await code_of(do(*split, [InvoiceShare(b, 200_000), InvoiceShare(c, 250_001)], **no_one))
        == "shares_exceed"
    )
    assert await code_of(do(*split, [], **no_one)) == "nothing_to_split"
    assert (
        await code_of(do(*split, [InvoiceShare(a, 1)], **{**no_one, "note": " "}))
        == "note_required"
    )
    assert (
        await code_of(do(*split, [InvoiceShare(a, 1)], **no_one, mark="x")) == "exception_changed"
    )

    await do(*split, [InvoiceShare(a, 100_000), InvoiceShare(b, 50_000)], **no_one)
    (row,) = await rows_of(engine, world)  # what is left waits, and is still open
    assert (row.money.suspense_vnd, row.money.settled_vnd) == (300_000, 150_000)
    assert {Action.ALLOCATE, Action.UNDO} <= set(row.actions)
    pupil = world.invoices[2].student_id
    await do(*split, [InvoiceShare(c, 250_000)], **{**no_one, "credit_student_id": pupil})
    assert await rows_of(engine, world) == ()
    async with transaction(engine) as db:
        done = await find_exception(db, world.school_id, row.id)
        assert (done.resolution, done.money.credit_vnd) == ("placed", 50_000)
        assert await suspense_vnd(db, world) == 0
    for _ in range(2):
        await do(engine, undo_decision, world.school_id, row.id, actor="binh", reason="nhầm")
    assert await books(engine, world) == before
    (row,) = await rows_of(engine, world)
    assert (row.money.suspense_vnd, row.can_undo) == (450_000, False)
    async with transaction(engine) as db:
        assert [one.author for one in await notes_of(db, world.school_id, row.id)] == [
            "an", "an", "binh", "binh",
        ]  # fmt: skip
        chain = await verify_chain(db, world.school_id)
    assert (chain.entries, chain.broken_at) == (4, None)


async def test_placed_money_is_written_to_suspense_and_the_proof_stays_zero(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000])
    await bring_day(engine, world, [Entry(DAY, 130_000, world.invoices[0].reference, "FT1")])
    await reconcile(engine, world.school_id, DAY)
    found = {row.reason: row for row in await rows_of(engine, world)}
    row = found["amount_mismatch"]
    assert row.money.as_detail() == {
        "suspense_vnd": 0, "credit_vnd": 30_000, "settled_vnd": 100_000,
    }  # fmt: skip
    before = await books(engine, world)
    suspend = (engine, suspend_exception, world.school_id, row.id)
    assert await code_of(do(*suspend, actor=WHO, note="")) == "note_required"
    await do(*suspend, actor=WHO, note="Phụ huynh nộp nhầm con")
    assert await code_of(do(*suspend, actor=WHO, note="x")) == "action_not_allowed"
    async with transaction(engine) as db:
        assert await suspense_vnd(db, world) == 130_000
        assert await states_of_invoices(db, world.school_id, [world.invoices[0].id]) == {}
        kinds = await db.raw.fetch(
            "SELECT DISTINCT kind, memo FROM transfer WHERE kind = 'suspended'"
        )
        assert [tuple(one) for one in kinds] == [("suspended", "Phụ huynh nộp nhầm con")]
    result = await reconcile(engine, world.school_id, DAY)
    assert proof_of(result, world.bank_number).difference_vnd == 0
    await do(
        engine,
        allocate_exception,
        world.school_id,
        row.id,
        world.invoices[1].id,
        actor=WHO,
        note="đúng",
    )
    async with transaction(engine) as db:
        states = await states_of_invoices(db, world.school_id, [one.id for one in world.invoices])
        assert states == {world.invoices[1].id: PaymentState.CONFIRMED_BY_HAND}
    for _ in range(2):
        await do(engine, undo_decision, world.school_id, row.id, actor=WHO, reason="thôi")
    assert await books(engine, world) == before
    async with transaction(engine) as db:
        states = await states_of_invoices(db, world.school_id, [world.invoices[0].id])
        assert states == {world.invoices[0].id: PaymentState.CONFIRMED_AUTOMATICALLY}
        figures = await state_figures(db, world.school_id, DAY)
        assert figures[PaymentState.CONFIRMED_AUTOMATICALLY].amount_vnd == 130_000
    result = await reconcile(engine, world.school_id, DAY)
    assert proof_of(result, world.bank_number).difference_vnd == 0


async def test_suspended_money_is_not_forgotten_when_its_line_comes(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    await pay(engine, world, "S1", 100_000, world.invoices[0].reference, bank_transaction_id="FT1")
    await bring_day(engine, world, [Entry(DAY, 5_000, "khac", "FT9")])
    await reconcile(engine, world.school_id, DAY)
    (row,) = [one for one in await rows_of(engine, world) if one.reason == "missing_in_statement"]
    assert Action.RETURN not in row.actions
    await do(engine, suspend_exception, world.school_id, row.id, actor=WHO, note="chưa về")
    late = DAY.replace(day=DAY.day + 1)
    await bring_day(
        engine, world, [Entry(late, 100_000, world.invoices[0].reference, "FT1")], 5_005_000
    )
    await reconcile(engine, world.school_id, late)
    async with transaction(engine) as db:
        row = await find_exception(db, world.school_id, row.id)
    assert (row.resolution, row.money_state) == (None, MoneyState.SUSPENDED)


async def test_money_goes_back_and_the_exception_is_open_again_where_it_did_not(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000])
    await pay(engine, world, "S1", 80_000, "khong phai truong nay")
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE payment SET is_provisional = false")
    (row,) = await rows_of(engine, world)
    before = await books(engine, world)
    wish = ReturnRequest(method=Method.TRANSFER, payee=PAYEE, key="k1")
    ask = (engine, return_to_payer, KEYS, world.school_id, row.id, wish)
    made = await do(*ask, actor=WHO, note="Chuyển nhầm")
    async with transaction(engine) as db:
        done = await find_exception(db, world.school_id, row.id)
    assert (done.resolution, done.detail["refund_id"], done.can_undo) == ("refunded", made.id, True)
    assert await code_of(do(*ask, actor=WHO, note="Lần nữa")) == "already_resolved"
    await do(engine, reject_refund, world.school_id, made.id, actor="binh", note="Chưa đủ giấy")
    (row,) = await rows_of(engine, world)
    assert row.note.endswith("Chưa đủ giấy")
    assert {Action.ALLOCATE, Action.RETURN} <= set(row.actions)

    again = ReturnRequest(method=Method.TRANSFER, payee=PAYEE, key="k2")
    await do(
        engine, return_to_payer, KEYS, world.school_id, row.id, again, actor=WHO, note="Đủ rồi"
    )
    await do(engine, undo_decision, world.school_id, row.id, actor=WHO, reason="Đã tìm ra học sinh")
    (row,) = await rows_of(engine, world)
    assert await books(engine, world) == before
    assert row.mark == "open-0-80000-0-0"


async def test_a_colleague_is_asked_sees_it_first_and_answers(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000])
    for name in ("oanh", "binh"):
        async with transaction(engine) as db:
            await create_user(
                db, world.school_id, username=name, display_name=name, password="hoa sen no thang chin",
                role="accountant",
            )  # fmt: skip
    for n in range(3):
        await pay(engine, world, f"S{n}", 10_000 + n, "khong ro")
    newest, middle, oldest = (row.id for row in await rows_of(engine, world))
    ask = (engine, ask_colleague, world.school_id, oldest)
    for colleague in ("oanh", "nobody"):
        problem = await code_of(do(*ask, actor="oanh", colleague=colleague, text="Của ai?"))
        assert problem == "no_such_colleague"
    await do(*ask, actor="oanh", colleague="binh", text="Của ai?")
    async with transaction(engine) as db:
        queue = [row.id for row in await list_exceptions(db, world.school_id, viewer="binh")]
        assert queue == [oldest, newest, middle]
        page = await list_exceptions(db, world.school_id, viewer="binh", after_id=oldest, limit=1)
        assert [row.id for row in page] == [newest]
        assert await neighbours(db, world.school_id, newest, viewer="binh") == Neighbours(
            oldest, middle
        )
        assert await neighbours(db, world.school_id, oldest, viewer="oanh") == Neighbours(
            middle, None
        )
        assert (
            await asked_of(db, world.school_id, "binh"),
            await asked_of(db, world.school_id, "oanh"),
        ) == (1, 0)
    await do(engine, add_note, world.school_id, oldest, actor="oanh", text="Gấp")
    await do(engine, add_note, world.school_id, oldest, actor="binh", text="Của lớp 3A")
    async with transaction(engine) as db:
        said = [(one.kind, one.author) for one in await notes_of(db, world.school_id, oldest)]
        assert said == [("question", "oanh"), ("note", "oanh"), ("answer", "binh")]
        assert await asked_of(db, world.school_id, "binh") == 0
        details = await db.raw.fetch(
            "SELECT detail::text FROM audit_entry WHERE action LIKE 'exception.%'"
        )
    assert not any("3A" in row["detail"] for row in details)


async def test_two_people_at_one_exception_one_wins_and_the_other_is_told(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [100_000, 200_000])
    await pay(engine, world, "S1", 100_000, "khong ro")
    (row,) = await rows_of(engine, world)

    async def place(actor: str, invoice_id: int) -> str:
        try:
            await do(
                engine, allocate_exception, world.school_id, row.id, invoice_id, actor=actor, note="x",
                mark=row.mark,
            )  # fmt: skip
        except DomainError as problem:
            return f"{status_of(problem)} {problem.code}"
        return "placed"

    outcomes = await asyncio.gather(
        place("an", world.invoices[0].id), place("binh", world.invoices[1].id)
    )
    assert sorted(outcomes) == ["409 already_resolved", "placed"]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT sum(paid_vnd)::bigint FROM invoice") == 100_000


async def test_many_are_placed_as_previewed_or_not_at_all(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000, 300_000, 400_000])
    async with transaction(engine) as db:
        for n, code in enumerate(("HS-2026.01", "HS-2026.02", "123456", "HS-2026.04")):
            await db.raw.execute(
                "UPDATE student SET code = $2 WHERE id = $1", world.invoices[n].student_id, code
            )
    await pay(engine, world, "S1", 150_000, "nop hoc phi HS 2026 01")
    await pay(engine, world, "S2", 200_000, "nop hoc phi hs202602 cam on")
    await pay(
        engine, world, "S3", 300_000, "so 123456"
    )  # digits alone: an amount or a date, perhaps
    await pay(engine, world, "S4", 10_000, "HS-2026.04 lan 1")
    await pay(engine, world, "S5", 10_000, "HS-2026.04 lan 2")
    await pay(engine, world, "S6", 100_000, "khong ro")
    chosen = [row.id for row in await rows_of(engine, world)]
    before = await books(engine, world)
    async with transaction(engine) as db:
        preview = await preview_bulk(db, world.school_id, chosen, BulkAction.ALLOCATE)
        assert (preview.settled_vnd, preview.credit_vnd) == (300_000, 50_000)
        assert len(preview.changes) == 2
        assert sorted(one.why for one in preview.left_out) == sorted(
            [
                LeftOutReason.NO_PROPOSAL,
                LeftOutReason.NO_PROPOSAL,
                LeftOutReason.SAME_INVOICE,
                LeftOutReason.SAME_INVOICE,
            ]
        )
    confirm = (engine, confirm_bulk, world.school_id, chosen, BulkAction.ALLOCATE)
    how = {"actor": WHO, "note": "có mã học sinh"}
    await pay(
        engine, world, "S7", 1_000, world.invoices[0].reference
    )  # less is open than previewed
    assert await code_of(do(*confirm, digest=preview.digest, **how)) == "preview_changed"
    async with transaction(engine) as db:
        assert await suspense_vnd(db, world) == 770_000
        preview = await preview_bulk(db, world.school_id, chosen, BulkAction.ALLOCATE)
    assert await code_of(do(*confirm, digest=preview.digest, actor=WHO, note="")) == "note_required"
    before = await books(engine, world)
    touched = await do(*confirm, digest=preview.digest, **how)
    assert touched == {(world.school_id, world.invoices[n].id) for n in (0, 1)}
    assert await code_of(do(*confirm, digest=preview.digest, **how)) == "preview_changed"
    assert {row.money.suspense_vnd for row in await rows_of(engine, world)} == {
        300_000,
        10_000,
        100_000,
        0,
    }
    for change in preview.changes:
        await do(
            engine, undo_decision, world.school_id, change.exception_id, actor=WHO, reason="thôi"
        )
    assert await books(engine, world) == before


async def test_many_are_suspended_or_explained_each_payment_once(engine: AsyncEngine) -> None:
    world = await world_of(engine, [100_000, 200_000])
    for n, invoice in enumerate(world.invoices):
        await pay(engine, world, f"S{n}", invoice.total_vnd + 10, invoice.reference)
    rows = await rows_of(engine, world)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO exception (school_id, reason, identity, amount_vnd, business_date, payment_id)"
            " VALUES ($1, 'missing_notice', 'x', 1, $2, $3)", world.school_id, DAY, rows[0].payment_id,
        )  # fmt: skip
    chosen = [row.id for row in await rows_of(engine, world)]
    async with transaction(engine) as db:
        preview = await preview_bulk(db, world.school_id, chosen, BulkAction.SUSPEND)
    assert preview.suspended_vnd == 300_020
    assert [one.why for one in preview.left_out] == [LeftOutReason.SAME_PAYMENT]
    before = await books(engine, world)
    how = {"digest": preview.digest, "actor": WHO, "note": "nhầm đợt"}
    await do(engine, confirm_bulk, world.school_id, chosen, BulkAction.SUSPEND, **how)
    async with transaction(engine) as db:
        assert await suspense_vnd(db, world) == 300_020
    for change in preview.changes:
        await do(engine, undo_decision, world.school_id, change.exception_id, actor=WHO, reason="x")
    assert await books(engine, world) == before
    async with transaction(engine) as db:
        preview = await preview_bulk(db, world.school_id, chosen, BulkAction.EXPLAIN)
    assert len(preview.changes) == 3
    how = {"digest": preview.digest, "actor": WHO, "note": "trừ kỳ sau"}
    await do(engine, confirm_bulk, world.school_id, chosen, BulkAction.EXPLAIN, **how)
    assert await rows_of(engine, world) == ()


STEP = st.tuples(
    st.sampled_from(("place", "split", "credit", "suspend", "explain", "undo")),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 120_000),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(steps=[("place", 0, 0, 1)] * 2 + [("suspend", 1, 0, 1), ("place", 2, 0, 1)])
@example(steps=[("suspend", 2, 0, 1), ("place", 0, 0, 1), ("undo", 2, 0, 1), ("undo", 0, 0, 1)])
@given(steps=st.lists(STEP, min_size=4, max_size=14))
async def test_no_sequence_of_decisions_loses_a_dong(
    engine: AsyncEngine, steps: list[tuple[str, int, int, int]]
) -> None:
    async with transaction(engine) as db:
        taken = await db.raw.fetchval("SELECT count(*) FROM school")

    async with transaction(engine) as db:
        world = await make_world(db, [60_000, 90_000, 50_000, 70_000], code=f"H{taken}")
    received = [("khong ro", 80_000), ("khong ro 2", 30_000)]
    received += [(world.invoices[0].reference, 75_000), (world.invoices[1].reference, 40_000)]
    for n, (content, amount_vnd) in enumerate(received):
        await pay(engine, world, f"S{n}", amount_vnd, content)
    rows = [row.id for row in await rows_of(engine, world)]
    start = await books(engine, world)
    refusals: set[int] = set()
    for kind, which, invoice, amount_vnd in steps:
        exception_id, target = rows[which % len(rows)], world.invoices[invoice]
        job = {
            "place": (allocate_exception, (target.id,), {"note": "x"}),
            "split": (
                split_exception,
                ([InvoiceShare(target.id, amount_vnd)],),
                {"note": "x", "credit_student_id": None},
            ),
            "credit": (
                split_exception,
                ([],),
                {"note": "x", "credit_student_id": target.student_id},
            ),
            "suspend": (suspend_exception, (), {"note": "x"}),
            "explain": (resolve_exception, (), {"note": "x", "resolution": "explained"}),
            "undo": (undo_decision, (), {"reason": "x"}),
        }[kind]
        try:
            await do(engine, job[0], world.school_id, exception_id, *job[1], actor=WHO, **job[2])
        except DomainError as refused:
            refusals.add(status_of(refused))
        await books(engine, world)
        async with transaction(engine) as db:
            waiting = await list_exceptions(db, world.school_id, is_open=True)
            assert await suspense_vnd(db, world) == sum(
                row.money.suspense_vnd for row in waiting if row.money_state is MoneyState.SUSPENDED
            )
            assert await db.raw.fetchval(
                "SELECT count(*) FROM invoice WHERE paid_vnd > total_vnd OR paid_vnd < 0"
            ) == 0  # fmt: skip
    assert refusals <= {409, 422}
    for _ in range(40):  # the last decisions first, as far as each exception's own go
        async with transaction(engine) as db:
            everything = await list_exceptions(db, world.school_id, is_open=None)
        left = [row for row in everything if row.can_undo]
        for row in left:  # one whose money was moved on waits for the round in which that is undone
            with contextlib.suppress(DomainError):
                await do(engine, undo_decision, world.school_id, row.id, actor=WHO, reason="x")
        if not left:
            break
    assert await books(engine, world) == start
