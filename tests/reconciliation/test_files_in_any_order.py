"""However a day's lines are cut into files, overlapping, in any order, the night comes to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, pairwise

import pytest
from factories import DAY, make_world
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from nightworld import fresh_engine
from sqlalchemy.ext.asyncio import AsyncEngine
from statementfiles import Entry, mb_csv
from test_night import OPENING_VND, bring, pay, proof_of, world_of

from gateway import embedded
from gateway.kit.database import transaction
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


def written(
    account: str, lines: list[Line], texts: Sequence[str], files: list[tuple[int, int, bool]]
) -> list[bytes]:
    """The files of a day; `texts`: the references of the invoices, by their index."""
    entries = [
        Entry(
            DAY,
            line.amount_vnd,
            "khong ro" if line.invoice is None else texts[line.invoice],
            f"FT{index}" if line.has_id else "",
        )
        for index, line in enumerate(lines)
    ]
    return [
        mb_csv(
            account,
            OPENING_VND + sum(entry.net_vnd for entry in entries[:start]),
            entries[start:end],
            newest_first=newest_first,
        )
        for start, end, newest_first in files
    ]


def may_stay_open(lines: list[Line], files: list[tuple[int, int, bool]]) -> bool:
    """Whether a line in one file may be a line of another file or may be another one.

    So it may be where the balance comes back, and a line has no bank's number, and no single file
    holds the day. Then the day may stay open, which a person sees; it must never close on a line
    too few.
    """
    balances_vnd = list(accumulate((line.amount_vnd for line in lines), initial=0))
    comes_back = len(set(balances_vnd)) < len(balances_vnd)
    return len(files) > 1 and comes_back and not all(line.has_id for line in lines)


async def live(
    engine: AsyncEngine, lines: list[Line], files: list[tuple[int, int, bool]]
) -> DayResult:
    """A fresh school lives through the day, its lines coming in these files."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 100_000, 50_000])
    await bring(engine, world, mb_csv(world.bank_number, OPENING_VND - 7, [Entry(EVE, 7, "lai")]))
    texts = [invoice.reference for invoice in world.invoices]
    for index, line in enumerate(lines):
        if line.has_notice and line.amount_vnd > 0:
            text = "khong ro" if line.invoice is None else texts[line.invoice]
            bank_id = f"FT{index}" if line.has_id else ""
            await pay(
                engine, world, f"N{index}", line.amount_vnd, text, bank_transaction_id=bank_id
            )
    for data in written(world.bank_number, lines, texts, files):
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
    # stretches that make one and the same file are that file, however often it is brought
    assume(len(files) == 1 or len(set(written("1", lines, "ABC", files))) > 1)
    nights = []
    for way in ([(0, len(lines), False)], files):
        name = f"{worker_id}_cut"
        async with fresh_engine(pg_server, template_database, name) as engine:
            nights.append(await live(engine, lines, way))
    whole, cut = nights
    assert whole.proofs[0].is_closed
    if cut.proofs[0].is_closed or not may_stay_open(lines, files):
        assert cut.result_hash == whole.result_hash
        assert cut.proofs == whole.proofs


AROUND = (Entry(EVE, 7, "lai"), Entry(DAY + timedelta(1), 9, "lai"))
A, B, C, D = (
    Entry(DAY, net_vnd, text)
    for net_vnd, text in ((-50_000, "A"), (-50_000, "B"), (100_000, "C"), (30_000, "D"))
)
BACK = Entry(DAY, 50_000, "tra lai")


@pytest.mark.parametrize(
    ("entries", "files"),
    [
        pytest.param(
            [A, B, C, A], [(0, 3), (1, 4)], id="the same text where the balance was before"
        ),
        pytest.param(
            [A, B, C, A], [(0, 3), (3, 4)], id="a file of one line, which another file has"
        ),
        pytest.param([D, A, BACK, A, BACK, B], [(0, 3), (3, 6)], id="two lines come to nothing"),
        pytest.param([D, A, BACK, A, BACK, B], [(0, 3), (1, 3), (3, 6)], id="three files"),
    ],
)
@pytest.mark.parametrize("is_backwards", [False, True])
async def test_a_line_that_may_be_one_seen_before_leaves_the_day_open(
    engine: AsyncEngine, entries: list[Entry], files: list[tuple[int, int]], is_backwards: bool
) -> None:
    """Until a file comes that goes on beyond the day on both sides: it holds the whole day."""
    world = await world_of(engine, [])
    eve, after = AROUND
    account = world.bank_number
    await bring(engine, world, mb_csv(account, OPENING_VND - 7, [eve]))
    for start, end in reversed(files) if is_backwards else files:
        opening_vnd = OPENING_VND + sum(entry.net_vnd for entry in entries[:start])
        await bring(engine, world, mb_csv(account, opening_vnd, entries[start:end]))

    proof = proof_of(await reconcile(engine, world.school_id, DAY), account)
    assert not proof.is_closed
    assert "broken_balance" in {item.kind for item in proof.items}

    await bring(engine, world, mb_csv(account, OPENING_VND - 7, [eve, *entries, after]))
    proof = proof_of(await reconcile(engine, world.school_id, DAY), account)
    assert (proof.opening_vnd, proof.closing_vnd, proof.difference_vnd) == (
        OPENING_VND,
        OPENING_VND + sum(entry.net_vnd for entry in entries),
        0,
    )
    assert sum(item.count for item in proof.items) == len(entries)
    # the lines of the day after are counted where they belong
    assert proof_of(await reconcile(engine, world.school_id, after.day), account).is_closed


@pytest.mark.parametrize(
    "files", [[(0, 4), (0, 6)], [(1, 7), (4, 7)], [(0, 7)], [(1, 3), (0, 7)]], ids=str
)
async def test_a_balance_that_comes_back_closes_where_one_file_holds_the_day(
    engine: AsyncEngine, files: list[tuple[int, int]]
) -> None:
    """Files that all begin before the day, or all end after it, lie within the longest of them."""
    world = await world_of(engine, [])
    eve, after = AROUND
    entries = [eve, A, BACK, A, BACK, D, after]
    for start, end in files:
        opening_vnd = OPENING_VND - 7 + sum(entry.net_vnd for entry in entries[:start])
        await bring(engine, world, mb_csv(world.bank_number, opening_vnd, entries[start:end]))
    proof = proof_of(await reconcile(engine, world.school_id, DAY), world.bank_number)
    assert proof.is_closed
    assert proof.closing_vnd == OPENING_VND + D.net_vnd
