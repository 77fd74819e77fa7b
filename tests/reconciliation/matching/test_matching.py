"""The ladder and the proof as pure functions: each fact once, order decides nothing, never by amount alone."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.matching.ladder import Fact, Rule, amount_conflicts, propose_matches
from reconciliation.proof.proof import BalanceChain, BankDay, ItemKind, prove_bank

DAY = date(2026, 9, 10)


def fact(number: int, **more: object) -> Fact:
    fields: dict[str, object] = {
        "id": number,
        "identity": f"i{number:03d}",
        "bank_account_id": 1,
        "day": DAY,
        "amount_vnd": 100_000,
        "content": "",
        "bank_transaction_id": "",
    }
    return Fact(**{**fields, **more})


facts = st.lists(
    st.builds(
        lambda number, account, shift, amount, text, bank_id, ref, corrected: fact(
            number,
            bank_account_id=account,
            day=DAY + timedelta(shift),
            amount_vnd=amount,
            content=text,
            bank_transaction_id=bank_id,
            **{"corrected" if corrected else "exact": (ref,) if ref else ()},
        ),
        st.integers(0, 400),
        st.sampled_from([1, 2]),
        st.integers(-2, 2),
        st.sampled_from([100_000, 200_000]),
        st.sampled_from(["", "HOC PHI", "nop hoc phi thang 9", "CT hoc phi thang 9 tu A"]),
        st.sampled_from(["", "FT1", "FT2"]),
        st.sampled_from(["", "HPA", "HPB"]),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda one: one.id,
)


@given(facts, facts, st.randoms(use_true_random=False))
def test_each_once_account_and_amount_agree_and_order_decides_nothing(
    lines: list[Fact], payments: list[Fact], shuffle: random.Random
) -> None:
    matches = propose_matches(lines, payments)
    assert len({match.line.id for match in matches}) == len(matches)
    assert len({match.payment.id for match in matches}) == len(matches)
    for match in matches:
        line, payment = match.line, match.payment
        assert (line.bank_account_id, line.amount_vnd) == (
            payment.bank_account_id,
            payment.amount_vnd,
        )
        assert match.evidence
    mixed_lines, mixed_payments = list(lines), list(payments)
    shuffle.shuffle(mixed_lines)
    shuffle.shuffle(mixed_payments)
    assert set(propose_matches(mixed_lines, mixed_payments)) == set(matches)


def test_equal_amounts_alone_match_nothing() -> None:
    assert propose_matches([fact(1, content="A")], [fact(2, content="B")]) == ()


@pytest.mark.parametrize(("shift", "matched"), [(0, 1), (1, 1), (-1, 1), (2, 0), (-2, 0)])
def test_a_reference_reaches_one_day(shift: int, matched: int) -> None:
    payment = fact(2, exact=("HPA",), day=DAY + timedelta(shift))
    assert len(propose_matches([fact(1, exact=("HPA",))], [payment])) == matched


def test_the_surer_rule_and_the_nearer_day_go_first() -> None:
    line = fact(1, exact=("HPA",), bank_transaction_id="FT.1")
    tomorrow = fact(2, exact=("HPA",), day=DAY + timedelta(1))
    today = fact(3, exact=("HPA",))
    by_id = fact(4, bank_transaction_id="ft1", day=DAY + timedelta(1))
    assert propose_matches([line], [tomorrow, today])[0].payment == today
    (match,) = propose_matches([line], [tomorrow, today, by_id])
    assert (match.payment, match.rule) == (by_id, Rule.BANK_TRANSACTION_ID)


def test_the_same_transaction_with_another_amount_is_a_conflict() -> None:
    line = fact(1, bank_transaction_id="FT1", amount_vnd=50_000)
    payment = fact(2, bank_transaction_id="FT1")
    assert propose_matches([line], [payment]) == ()
    assert amount_conflicts([line], [payment]) == ((line, payment),)
    assert amount_conflicts([line], [fact(2, bank_account_id=9, bank_transaction_id="FT1")]) == ()


def day_of(**more: object) -> BankDay:
    fields: dict[str, object] = {
        "account": "1",
        "ledger_account_id": 1,
        "is_covered": True,
        "expected_opening_vnd": 100,
        "stated_openings": (),
        "stated_closings": (),
        "chain": BalanceChain(starts=(100,), ends=(150,)),
        "matched": (50, 1),
        "unposted": (0, 0),
        "unreadable": (0, 0),
        "carried": (0, 0),
        "missing": (0, 0),
        "ahead": (0, 0),
        "ledger_closing_vnd": 150,
    }
    return BankDay(**{**fields, **more})


def test_one_dong_is_a_difference() -> None:
    assert prove_bank(day_of()).is_closed
    proof = prove_bank(day_of(ledger_closing_vnd=151))
    assert (proof.difference_vnd, proof.is_closed) == (-1, False)


def test_files_with_a_hole_between_them_prove_nothing() -> None:
    chain = BalanceChain(starts=(100, 130), ends=(120, 150))
    proof = prove_bank(day_of(chain=chain))
    assert (proof.closing_vnd, proof.difference_vnd) == (None, None)
    assert ItemKind.BROKEN_BALANCE in {item.kind for item in proof.items}


def test_lines_that_lead_elsewhere_than_every_file_says_prove_nothing() -> None:
    assert prove_bank(day_of(stated_closings=(120, 150))).is_closed
    proof = prove_bank(day_of(stated_closings=(120, 200)))
    assert (proof.closing_vnd, proof.is_closed) == (None, False)
    assert ItemKind.BROKEN_BALANCE in {item.kind for item in proof.items}


def test_a_day_that_ends_where_it_began_is_entered_where_the_last_one_ended() -> None:
    circle = BalanceChain(circle=(100, 150))
    assert circle.opening(150) == circle.closing(150) == 150
    assert circle.opening(None, (150, 900)) == 150
    assert circle.opening(999) == 100
