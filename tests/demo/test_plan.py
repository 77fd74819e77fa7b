"""The plan of the demo's day: what it holds, and that the same seed gives the same day."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from gateway.demo.plan import Bill, make_plan
from gateway.kit.clock import business_date
from gateway.kit.reference import find_references, make_references
from sandbox.noise import Payee

DAY = date(2026, 11, 21)
PAYEES = [
    Payee(number="A", holder="TRUONG", bank="VCB"),
    Payee(number="B", holder="TRUONG", bank="MB"),
]


def bills(count: int) -> list[Bill]:
    references = make_references(range(count), b"k" * 32)
    return [
        Bill(
            reference=reference,
            token=f"token{number}",
            total_vnd=500_000 + number * 1_000,
            account_number="B" if number % 6 == 0 else "A",
        )
        for number, reference in enumerate(references)
    ]


def test_a_seed_gives_the_same_day() -> None:
    open_bills = bills(730)
    first = make_plan(open_bills, PAYEES, DAY, seed=1)
    assert make_plan(bills(730), PAYEES, DAY, seed=1) == first
    assert make_plan(open_bills, PAYEES, DAY, seed=2) != first


def test_the_day_holds_every_mishap() -> None:
    plan = make_plan(bills(730), PAYEES, DAY)
    paid_in = [one for one in plan.transfers if one.amount_vnd > 0]
    assert plan.payments == 550
    assert sum(one.mishap.is_lost for one in paid_in) == 3
    assert sum(one.mishap.is_tampered for one in paid_in) == 1
    assert sum(one.contradiction_vnd is not None for one in paid_in) == 1
    assert sum(not checkout.is_paid for checkout in plan.checkouts) == 2
    readings = [find_references(one.content) for one in paid_in]
    assert sum(not found for found in readings) == 1
    assert sum(bool(found) and all(f.corrected for f in found) for found in readings) == 12
    named = Counter(found[0].reference for found in readings if found)
    assert sorted(named.values())[-2:] == [2, 2]  # one paid twice, one paid by another's parent
    assert {one.account_number for one in paid_in} == {"A", "B"}
    assert all(business_date(one.at) == DAY for one in plan.transfers)


def test_too_few_bills_make_no_day() -> None:
    with pytest.raises(ValueError, match="too few"):
        make_plan(bills(400), PAYEES, DAY)
