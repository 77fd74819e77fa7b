"""Nights that run between a day's files and notices leave no trace: the last one comes to the same."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import bring, pay
from support.cut_statements import EVE, Line, cuts, lines_of_a_day, may_stay_open, written
from support.factories import DAY, make_world
from support.reconciliation_school import OPENING_VND, fresh_engine
from support.statement_files import Entry, mb_csv

from core.kit.database import transaction
from core.ledger.queries import disagreements
from gateway import embedded
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.proof import Proof

# what is where in the end; in which parts it came there says only what came first
STANDS = """
SELECT d.kind, c.kind, i.reference, sum(t.amount_vnd)::bigint
  FROM transfer t
  JOIN ledger_account d ON d.school_id = t.school_id AND d.id = t.debit_account_id
  JOIN ledger_account c ON c.school_id = t.school_id AND c.id = t.credit_account_id
  LEFT JOIN invoice i ON i.school_id = t.school_id AND i.id = t.invoice_id
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Way:
    """Steps in their order: a notice's number, "file" for the next file, "night"; then the last night."""

    files: tuple[tuple[int, int, bool], ...]
    steps: tuple[int | str, ...]


def told(lines: list[Line]) -> list[int]:
    """Lines that a notice tells of, by what another telling of the same money can be known."""
    return [
        index
        for index, line in enumerate(lines)
        if line.has_notice and line.amount_vnd > 0 and (line.has_id or line.invoice is not None)
    ]


@st.composite
def ways(draw: st.DrawFn, lines: list[Line]) -> Way:
    files = draw(cuts(len(lines)))
    nights = draw(st.integers(1, 3))
    steps = [*told(lines), *(["file"] * len(files)), *(["night"] * nights)]
    return Way(tuple(files), tuple(draw(st.permutations(steps))))


async def live(
    engine: AsyncEngine, lines: list[Line], way: Way
) -> tuple[str, tuple[Proof, ...], list[tuple[object, ...]]]:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 100_000, 50_000])
    await bring(engine, world, mb_csv(world.bank_number, OPENING_VND - 7, [Entry(EVE, 7, "lai")]))
    texts = [invoice.reference for invoice in world.invoices]
    files = iter(written(world.bank_number, lines, texts, list(way.files)))
    for step in way.steps:
        if step == "file":
            await bring(engine, world, next(files))
        elif step == "night":
            await reconcile(engine, world.school_id, DAY)
        else:
            line = lines[int(step)]
            text = "khong ro" if line.invoice is None else texts[line.invoice]
            bank_id = f"FT{step}" if line.has_id else ""
            await pay(engine, world, f"N{step}", line.amount_vnd, text, bank_transaction_id=bank_id)
    result = await reconcile(engine, world.school_id, DAY)
    async with transaction(engine) as db:
        assert await disagreements(db, world.school_id) == []
        stands = [tuple(row) for row in await db.raw.fetch(STANDS)]
    return result.result_hash, result.proofs, stands


NIGHT_BEFORE_IPN = Way(((0, 1, False),), ("file", "night", 0))
LATER_FILE_FIRST = Way(((1, 2, False), (0, 1, False)), ("file", "night", "file"))
FILE_AFTER_MISSING = Way(((1, 2, False), (0, 1, False)), (0, "file", "night", "file"))
LAST_NOTICE_FIRST = Way(((0, 2, False),), (1, "file", "night", 0))


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        pytest.param([Line(0, 100_000, True, False)], NIGHT_BEFORE_IPN, id="healed, then told"),
        pytest.param(
            [Line(None, 50_000, True, True)], NIGHT_BEFORE_IPN, id="healed, then told by number"
        ),
        pytest.param(
            [Line(0, 100_000, True, False), Line(1, 100_000, False, False)],
            FILE_AFTER_MISSING,
            id="missed, then shown",
        ),
        pytest.param(
            [Line(0, 50_000, False, False), Line(0, 100_000, False, False)],
            LATER_FILE_FIRST,
            id="either may be too much",
        ),
        pytest.param([Line(0, 100_000, True, True)] * 2, LAST_NOTICE_FIRST, id="paid twice"),
    ],
)
async def test_who_told_first_leaves_no_trace(
    pg_server: embedded.Server,
    template_database: str,
    worker_id: str,
    lines: list[Line],
    way: Way,
) -> None:
    await comes_to_the_same(pg_server, template_database, worker_id, lines, way)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), lines=lines_of_a_day)
async def test_nights_in_between_leave_no_trace(
    pg_server: embedded.Server,
    template_database: str,
    worker_id: str,
    data: st.DataObject,
    lines: list[Line],
) -> None:
    way = data.draw(ways(lines))
    assume(len(way.files) == 1 or len(set(written("1", lines, "ABC", list(way.files)))) > 1)
    await comes_to_the_same(pg_server, template_database, worker_id, lines, way)


async def comes_to_the_same(
    server: embedded.Server, template: str, worker_id: str, lines: list[Line], way: Way
) -> None:
    """As one file after all notices, and one night."""
    plain = Way(((0, len(lines), False),), (*told(lines), "file"))
    outcomes = []
    for one in (plain, way):
        async with fresh_engine(server, template, f"{worker_id}_between") as engine:
            outcomes.append(await live(engine, lines, one))
    undisturbed, other = outcomes
    assert undisturbed[1][0].is_closed
    if other[1][0].is_closed or not may_stay_open(lines, list(way.files)):
        assert other == undisturbed
