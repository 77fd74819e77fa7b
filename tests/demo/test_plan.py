"""The plan of the demo's day: what it holds, and that the same seed gives the same day."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from core.kit.clock import business_date
from core.kit.reference import find_references, make_references
from demo.plan import CHECKOUTS, DemoBill, DemoChannels, Plan, make_plan
from sandbox.noise import Payee

DAY = date(2026, 11, 21)
PAYEES = [
    Payee(number="A", holder="TRUONG", bank="VCB"),
    Payee(number="B", holder="TRUONG", bank="MB"),
    Payee(number="C", holder="TRUONG", bank="VietinBank"),
]
NOTIFIERS = DemoChannels(
    notifiers={"A": ("sepay", "casso"), "B": ("vietqrvn", "mb"), "C": ("vietinbank",)},
    va_prefixes={"C": "HSEN"},
)
FILES = [
    DemoBill(
        code=f"G22-{n:04d}",
        reference=reference,
        token=f"t{n}",
        total_vnd=20_000,
        account_number="C",
    )
    for n, reference in enumerate(make_references(range(10_000, 10_024), b"k" * 32))
]


def bills(count: int) -> list[DemoBill]:
    references = make_references(range(count), b"k" * 32)
    return [
        DemoBill(
            code=f"HS{number:05d}",
            reference=reference,
            token=f"token{number}",
            total_vnd=500_000 + number * 1_000,
            account_number="B" if number % 6 == 0 else "A",
        )
        for number, reference in enumerate(references)
    ]


def planned(seed: int, count: int = 730) -> Plan:
    return make_plan(bills(count), FILES, PAYEES, NOTIFIERS, DAY, seed=seed)


def test_a_seed_gives_the_same_day() -> None:
    first = planned(1)
    assert planned(1) == first
    assert planned(2) != first


def test_the_day_goes_through_every_door() -> None:
    plan = planned(1)
    notified = Counter(one.notifier for one in plan.transfers)
    assert notified.keys() == {"", "sepay", "casso", "vietqrvn", "mb", "vietinbank", "bvbank"}
    paid = Counter(one.adapter for one in plan.checkouts if one.is_paid)
    assert paid == CHECKOUTS
    assert Counter(one.adapter for one in plan.visits) == {
        "bidv": 6,
        "agribank": 6,
        "vietcombank": 6,
        "dvcqg": 8,
    }
    named = [one.bill.reference for one in (*plan.checkouts, *plan.visits)]
    assert len(set(named)) == len(named)


def test_the_day_holds_every_mishap() -> None:
    plan = planned(20_261_121)
    paid_in = [one for one in plan.transfers if one.amount_vnd > 0 and not one.virtual_account]
    assert plan.payments == 574
    assert sum(one.mishap.is_lost for one in paid_in) == 3
    lost = Counter(one.adapter for one in plan.checkouts if one.mishap.is_lost)
    assert lost == dict.fromkeys(CHECKOUTS, 1)
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
        planned(1, count=400)
