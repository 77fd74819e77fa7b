"""One day's lines cut into files that overlap, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, pairwise

from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring, pay
from support.factories import DAY, make_world
from support.statement_files import Entry, mb_csv

from core.kit.database import transaction
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.day import DayResult

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


AROUND = (Entry(EVE, 7, "lai"), Entry(DAY + timedelta(1), 9, "lai"))


A, B, C, D = (
    Entry(DAY, net_vnd, text)
    for net_vnd, text in ((-50_000, "A"), (-50_000, "B"), (100_000, "C"), (30_000, "D"))
)


BACK = Entry(DAY, 50_000, "tra lai")
