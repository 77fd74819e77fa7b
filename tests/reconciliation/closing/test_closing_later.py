"""Whatever comes after a close, the closed days stay as they were and every open day still proves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring_day, pay, proof_of
from support.closing_school import checked, close, reopen, transfers
from support.errors import status_of
from support.factories import KEYS, World, make_world
from support.refund_school import approved, refund_request
from support.statement_files import Entry

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.ledger.queries import disagreements
from core.refunds.manual import confirm_refund
from core.refunds.refund_transfers import make_transfer_list
from reconciliation.closing.verification import VerifiedCloses
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.review.allocations import allocate_exception
from reconciliation.review.debit_booking import book_bank_fees, undo_debit
from reconciliation.review.undo import undo_decision

TODAY = business_date(now_utc())
EVE = TODAY - timedelta(1)
_codes = itertools.count()


@dataclass(frozen=True)
class Late:
    """An IPN of `days_ago`; its text names an invoice or nobody."""

    days_ago: int
    invoice: int | None
    amount_vnd: int


@dataclass(frozen=True)
class Decide:
    """A person takes up the n-th exception: places, undoes, books a bank's fee or takes that back."""

    what: str
    nth: int
    invoice: int


@dataclass(frozen=True)
class Refund:
    """The n-th payment is given back by payout, today."""

    nth: int


@dataclass(frozen=True)
class Night:
    """The night of today, in between."""


events = st.lists(
    st.one_of(
        st.builds(
            Late,
            st.integers(0, 2),
            st.sampled_from([None, 0, 1, 2]),
            st.sampled_from([10_000, 100_000, 250_000]),
        ),
        st.builds(
            Decide,
            st.sampled_from(["place", "undo", "fee", "unfee"]),
            st.integers(0, 3),
            st.integers(0, 2),
        ),
        st.builds(Refund, st.integers(0, 3)),
        st.just(Night()),
    ),
    max_size=4,
)
statements = st.lists(
    st.tuples(st.sampled_from([-11_000, 30_000, 250_000]), st.sampled_from([None, 0, 1])),
    min_size=1,
    max_size=3,
)


def refused(problem: DomainError) -> None:
    """What the house may say no to, and no failure of its own."""
    assert status_of(problem) in {404, 409, 422}


async def live(engine: AsyncEngine, world: World, event: Late | Decide | Refund | Night) -> None:
    """One thing happens; what the house refuses has not happened."""
    match event:
        case Late():
            text = "khong ro" if event.invoice is None else world.invoices[event.invoice].reference
            day = TODAY - timedelta(event.days_ago)
            await pay(engine, world, f"E{next(_codes)}", event.amount_vnd, text, day=day)
        case Decide():
            try:
                await _decide(engine, world, event)
            except DomainError as problem:
                refused(problem)
        case Refund():
            await _refund(engine, world, event.nth)
        case Night():
            await reconcile(engine, world.school_id, TODAY)


async def _decide(engine: AsyncEngine, world: World, event: Decide) -> None:
    async with transaction(engine) as db:
        found = await db.raw.fetch(
            "SELECT id FROM exception WHERE school_id = $1 ORDER BY id", world.school_id
        )
        if len(found) <= event.nth:
            return
        exception_id = found[event.nth][0]
        school = (db, world.school_id)
        match event.what:
            case "place":
                invoice_id = world.invoices[event.invoice].id
                await allocate_exception(*school, exception_id, invoice_id, actor="an", note="đúng")
            case "undo":
                await undo_decision(*school, exception_id, actor="an", reason="nhầm")
            case "fee":
                await book_bank_fees(*school, [exception_id], actor="an", note="phí")
            case "unfee":
                await undo_debit(*school, exception_id, actor="an", reason="nhầm")


async def _refund(engine: AsyncEngine, world: World, nth: int) -> None:
    async with transaction(engine) as db:
        found = await db.raw.fetch(
            "SELECT id FROM payment WHERE school_id = $1 ORDER BY id", world.school_id
        )
    if len(found) <= nth:
        return
    try:
        made = await approved(engine, world, found[nth][0], refund_request(5_000))
        async with transaction(engine) as db:
            await make_transfer_list(
                db, KEYS, world.school_id, world.bank_account_id, extension="csv", actor="ketoan"
            )
        async with transaction(engine) as db:
            await confirm_refund(
                db, world.school_id, made.id, on=TODAY, bank_transaction_id="", actor="ketoan"
            )
    except DomainError as problem:
        refused(problem)


async def proves(engine: AsyncEngine, world: World) -> None:
    """The night of today is whole, and the same again."""
    night = await reconcile(engine, world.school_id, TODAY)
    proof = proof_of(night, world.bank_number)
    assert proof.difference_vnd == 0, proof
    assert (await reconcile(engine, world.school_id, TODAY)).result_hash == night.result_hash
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=events, between=events, after=events, shown=statements)
async def test_closed_days_stay_and_open_days_prove(
    engine: AsyncEngine,
    before: list[Late | Decide | Refund | Night],
    between: list[Late | Decide | Refund | Night],
    after: list[Late | Decide | Refund | Night],
    shown: list[tuple[int, int | None]],
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 250_000, 300_000], code=f"CL{next(_codes)}")
    first = Entry(EVE, 100_000, world.invoices[0].reference, "FT-0")
    await bring_day(engine, world, [first])
    for event in before:
        await live(engine, world, event)
    await close(engine, world, EVE)
    closed = await transfers(engine, world, EVE)

    for event in between:
        await live(engine, world, event)
    lines = [
        Entry(
            TODAY,
            net_vnd,
            "khong ro" if invoice is None else world.invoices[invoice].reference,
            f"FT-{place}",
        )
        for place, (net_vnd, invoice) in enumerate(shown, 1)
    ]
    await bring_day(engine, world, lines, OPENING_VND + 100_000)
    await proves(engine, world)
    assert await transfers(engine, world, EVE) == closed
    await close(engine, world, TODAY)
    closed_today = await transfers(engine, world, TODAY)

    for event in after:
        await live(engine, world, event)
    assert await transfers(engine, world, TODAY) == closed_today
    assert (await checked(engine, world)) == VerifiedCloses(records=2, faults=())
    await reopen(engine, world, TODAY)
    await proves(engine, world)
    assert await transfers(engine, world, EVE) == closed
    await reopen(engine, world, EVE)
    night = await reconcile(engine, world.school_id, EVE)
    assert proof_of(night, world.bank_number).difference_vnd == 0
    await close(engine, world, TODAY)
    assert (await checked(engine, world)).faults == ()
