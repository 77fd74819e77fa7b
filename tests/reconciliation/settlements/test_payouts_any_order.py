"""Files, bank lines, IPNs and nights in any order: the same result, proof 0, books that balance."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY
from support.reconciliation_school import fresh_engine
from support.settlement_school import NEXT, SettlementSchool, payout_line, settlement_school

from gateway import embedded
from reconciliation.proof.day import DayResult
from sandbox.settlements import Payout, Returned

AMOUNTS = [510_000, 420_000, 330_000, 240_000]
LAST = 3  # the payment that comes in the second payout, and goes back in the third


def payouts_of(school: SettlementSchool) -> list[Payout]:
    """Two payouts of payments and one that takes money back; the sum of each is its own."""
    paid = [school.movement(index) for index in range(len(AMOUNTS))]
    back = Returned(movement=paid[LAST], number="990001", amount_vnd=240_000, at=paid[LAST].at)
    return [
        Payout(batch_id="B20260901", settled_on=NEXT, paid=paid[:2]),
        Payout(batch_id="B20260902", settled_on=NEXT, paid=paid[2:]),
        Payout(batch_id="B20260903", settled_on=NEXT, paid=[], returned=[back]),
    ]


def files_of(school: SettlementSchool) -> list[bytes]:
    """The whole, and the same cut in two that overlap."""
    first, second, third = payouts_of(school)
    half = replace(first, paid=first.paid[:1])
    return [
        school.file(first, second, third),
        school.file(half, second),
        school.file(replace(first, paid=first.paid[1:]), third),
    ]


TOLD = tuple(f"ipn {index}" for index in range(len(AMOUNTS)))
STEPS = ("file 0", "file 1", "file 2", "lines", *TOLD, "night", "night of the eve")


async def take(school: SettlementSchool, step: str) -> None:
    kind, _, number = step.partition(" ")
    if kind == "file":
        await school.bring_file(files_of(school)[int(number)], f"{number}.csv")
    elif kind == "ipn":
        verdict = await school.notify(school.movement(int(number)))
        assert verdict.kind == "recorded"
    elif kind == "lines":
        texts = (
            "MOMO QUYET TOAN",
            "MOMO DOI SOAT LO B20260902",
            "MOMO TAT TOAN thu hoi",
        )
        payouts = payouts_of(school)
        await school.bring_lines(
            [payout_line(payout, text) for payout, text in zip(payouts, texts, strict=True)]
        )
    else:
        await school.reconcile(NEXT if step == "night" else DAY)


async def live(engine: AsyncEngine, steps: list[str]) -> list[DayResult]:
    """A school's life in these steps, and then everything that is missing; its last two nights."""
    school = await settlement_school(engine, AMOUNTS)
    for step in steps:
        await take(school, step)
    for step in ("file 1", "file 2", "lines"):
        if step not in steps:
            await take(school, step)
    # the first night posts the opening balance of the bank account on the eve
    results = [await school.reconcile(day) for day in (NEXT, DAY, NEXT)][1:]
    assert await school.count("payment") == len(AMOUNTS)
    assert await school.balance_of("suspense") == 0
    assert await school.count("notice_conflict") == 0
    # what the bank shows is booked once, and the refund that is not ours stays itemised
    assert await school.balance_of("clearing") == 240_000
    return results


PLAIN: list[DayResult] = []
"""The nights of the school that was told everything in good order; lived once."""


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from(STEPS), max_size=9, unique=True))
async def test_any_order_of_files_lines_notices_and_nights_is_the_same(
    pg_server: embedded.Server, template_database: str, worker_id: str, steps: list[str]
) -> None:
    if not PLAIN:
        async with fresh_engine(pg_server, template_database, f"{worker_id}_payouts") as engine:
            PLAIN.extend(await live(engine, [*TOLD, "file 0", "lines"]))
    async with fresh_engine(pg_server, template_database, f"{worker_id}_payouts") as engine:
        other = await live(engine, steps)
    assert [result.result_hash for result in other] == [result.result_hash for result in PLAIN]
    assert [result.proofs for result in other] == [result.proofs for result in PLAIN]
