"""However a day's lines are cut into files, overlapping, in any order, the night comes to the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring, proof_of, world_of
from support.cut_statements import (
    AROUND,
    BACK,
    A,
    B,
    C,
    D,
    Line,
    cuts,
    lines_of_a_day,
    live,
    may_stay_open,
    written,
)
from support.factories import DAY
from support.reconciliation_school import fresh_engine
from support.statement_files import Entry, mb_csv

from gateway import embedded
from reconciliation.jobs.reconcile_day import reconcile


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
