"""Any split of a day's lines over files, any order of files and notices, any workers, any kill: the same night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import bring, pay
from support.cut_statements import EVE, Line, cuts, lines_of_a_day, may_stay_open, written
from support.factories import DAY, World, make_world
from support.killing import dying_at
from support.reconciliation_school import (
    DUE,
    OPENING_VND,
    books_and_proofs,
    fresh_engine,
    hashes,
    let_retries_run,
    queue_at,
    run_queue,
    waiting,
)
from support.statement_files import Entry, mb_csv

from core.kit.database import transaction
from core.ledger.queries import disagreements
from gateway import embedded


@dataclass(frozen=True)
class Way:
    """One way through: the files in their order, what comes first, how many workers, where one dies."""

    files: tuple[tuple[int, int, bool], ...]
    order: tuple[int, ...] = ()
    workers: int = 1
    fatal: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a way came to, without the numbers of one database."""

    hashes: dict[Any, str]
    books_and_proofs: tuple[list[tuple[object, ...]], ...]
    is_closed: bool


async def make_school(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 100_000, 50_000])
    await bring(engine, world, mb_csv(world.bank_number, OPENING_VND - 7, [Entry(EVE, 7, "lai")]))
    return world


async def go(engine: AsyncEngine, lines: list[Line], way: Way) -> Outcome:
    """A fresh school lives through the day in this way; its nights come from the queue."""
    world = await make_school(engine)
    texts = [invoice.reference for invoice in world.invoices]

    async def tell(index: int) -> None:
        line = lines[index]
        text = "khong ro" if line.invoice is None else texts[line.invoice]
        bank_id = f"FT{index}" if line.has_id else ""
        await pay(engine, world, f"N{index}", line.amount_vnd, text, bank_transaction_id=bank_id)

    told = [index for index, line in enumerate(lines) if line.has_notice and line.amount_vnd > 0]
    files = written(world.bank_number, lines, texts, list(way.files))
    # each number below is a place in the order: of a notice, or of the next file
    steps = [*told, *(-1 for _ in files)]
    next_file = iter(files)
    for place in way.order or range(len(steps)):
        if place >= len(steps):
            continue
        if steps[place] >= 0:
            await tell(steps[place])
        else:
            await bring(engine, world, next(next_file))

    assert await queue_at(engine, DUE) == 2
    with dying_at(way.fatal):
        await run_queue(engine, way.workers)
        for _ in range(2):  # whoever was killed comes back
            await let_retries_run(engine)
            await run_queue(engine, way.workers)
    assert await waiting(engine) == []
    return await outcome_of(engine, world)


async def outcome_of(engine: AsyncEngine, world: World) -> Outcome:
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        is_closed = await db.raw.fetchval(
            "SELECT bool_and(difference_vnd = 0) FROM daily_proof WHERE business_date = $1"
            " AND body->>'account' = $2",
            DAY,
            world.bank_number,
        )
    return Outcome(await hashes(engine), await books_and_proofs(engine), bool(is_closed))


@st.composite
def ways(draw: st.DrawFn, lines: list[Line]) -> Way:
    files = draw(cuts(len(lines)))
    told = sum(line.has_notice and line.amount_vnd > 0 for line in lines)
    return Way(
        files=tuple(files),
        order=tuple(draw(st.permutations(range(told + len(files))))),
        workers=draw(st.integers(1, 3)),
        fatal=draw(st.one_of(st.just(0), st.integers(1, 60))),
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), lines=lines_of_a_day)
async def test_any_way_through_the_night_comes_to_the_same(
    pg_server: embedded.Server,
    template_database: str,
    worker_id: str,
    data: st.DataObject,
    lines: list[Line],
) -> None:
    way = data.draw(ways(lines))
    assume(len(way.files) == 1 or len(set(written("1", lines, "ABC", list(way.files)))) > 1)
    outcomes = []
    for one in (Way(files=((0, len(lines), False),)), way):
        async with fresh_engine(pg_server, template_database, f"{worker_id}_way") as engine:
            outcomes.append(await go(engine, lines, one))
    plain, other = outcomes
    assert plain.is_closed
    if other.is_closed or not may_stay_open(lines, list(way.files)):
        assert other == plain
