"""However a day's lines are cut into files, overlapping, in any order, the night comes to the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from factories import DAY, make_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owner_sql import psql
from sqlalchemy.ext.asyncio import AsyncEngine
from statementfiles import Entry, mb_csv
from test_night import OPENING_VND, bring, pay

from gateway import embedded
from gateway.kit.database import create_engine, transaction
from reconciliation.run import DayResult, reconcile

EVE = DAY - timedelta(1)


@dataclass(frozen=True)
class Line:
    """A line to be: for an invoice (its index) or from an unknown payer; below zero: money going out."""

    invoice: int | None
    amount_vnd: int
    has_notice: bool
    has_id: bool


lines_of_a_day = st.lists(
    st.builds(
        Line,
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([-50_000, 50_000, 100_000]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[tuple[int, int, bool]]:
    """Files as (from, to, newest first) that together hold every line, perhaps twice, in any order."""
    inner = draw(st.lists(st.integers(0, length), max_size=2))
    files = [
        (draw(st.integers(0, start)), end, draw(st.booleans()))
        for start, end in pairwise(sorted({0, length, *inner}))
    ]
    return draw(st.permutations(files))


def have_twins_without_id(lines: list[Line]) -> bool:
    """Lines without a bank's number that lead to the same balance in the same words.

    In one file they are told apart; in two files they may as well be one line that both hold. Then the
    day may stay open, which a person sees; it must never close on a line too few.
    """
    balance_vnd = 0
    seen: set[tuple[int | None, int, int]] = set()
    for line in lines:
        balance_vnd += line.amount_vnd
        mark = (line.invoice, line.amount_vnd, balance_vnd)
        if not line.has_id and mark in seen:
            return True
        if not line.has_id:
            seen.add(mark)
    return False


@asynccontextmanager
async def fresh_engine(
    server: embedded.Server, template: str, name: str
) -> AsyncIterator[AsyncEngine]:
    """A database in which the same steps give the same numbers, so that nights can be compared."""
    psql(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    engine = create_engine(embedded.url_of(server, name))
    try:
        yield engine
    finally:
        await engine.dispose()
        psql(server, f"DROP DATABASE {name} WITH (FORCE)")


async def live(
    engine: AsyncEngine, lines: list[Line], files: list[tuple[int, int, bool]]
) -> DayResult:
    """A fresh school lives through the day, its lines coming in these files."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 100_000, 50_000])
    await bring(engine, world, mb_csv(world.bank_number, OPENING_VND - 7, [Entry(EVE, 7, "lai")]))
    entries = []
    for index, line in enumerate(lines):
        text = "khong ro" if line.invoice is None else world.invoices[line.invoice].reference
        bank_id = f"FT{index}" if line.has_id else ""
        entries.append(Entry(DAY, line.amount_vnd, text, bank_id))
        if line.has_notice and line.amount_vnd > 0:
            await pay(
                engine, world, f"N{index}", line.amount_vnd, text, bank_transaction_id=bank_id
            )
    for start, end, newest_first in files:
        opening_vnd = OPENING_VND + sum(entry.net_vnd for entry in entries[:start])
        data = mb_csv(world.bank_number, opening_vnd, entries[start:end], newest_first=newest_first)
        await bring(engine, world, data)
    result = await reconcile(engine, world.school_id, DAY)
    again = await reconcile(engine, world.school_id, DAY)
    assert (again.result_hash, again.created) == (result.result_hash, 0)
    return result


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), lines=lines_of_a_day)
async def test_any_cut_of_a_day_gives_the_same_night(
    pg_server: embedded.Server,
    template_database: str,
    worker_id: str,
    data: st.DataObject,
    lines: list[Line],
) -> None:
    files = data.draw(cuts(len(lines)))
    nights = []
    for way in ([(0, len(lines), False)], files):
        name = f"{worker_id}_cut"
        async with fresh_engine(pg_server, template_database, name) as engine:
            nights.append(await live(engine, lines, way))
    whole, cut = nights
    assert whole.proofs[0].is_closed
    if cut.proofs[0].is_closed or not have_twins_without_id(lines):
        assert cut.result_hash == whole.result_hash
        assert cut.proofs == whole.proofs
