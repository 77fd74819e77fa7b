"""What a refund takes of a payment's parts: in order, never more, and the whole where it can."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import DAY

from core.ledger.positions import GivenBack, Part, give_back, take

KINDS = {1: "receivable", 2: "student_credit", 3: "suspense"}
GIVEN = GivenBack(
    school_id=1, journal_id=9, payment_id=5, paid_from_id=77, business_date=DAY, memo="HOAN000001"
)


@st.composite
def parts_of_a_payment(draw: st.DrawFn) -> list[Part]:
    amounts = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
    kinds = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=len(amounts), max_size=len(amounts)))
    return [
        Part(
            payment_id=5,
            account_id=kind,
            kind=KINDS[kind],
            invoice_id=100 + index if kind == 1 else None,
            student_id=index,
            amount_vnd=amount_vnd,
            newest_id=index,
            whole_id=1000 + index,
            paid_to_id=77,
        )
        for index, (amount_vnd, kind) in enumerate(zip(amounts, kinds, strict=True))
    ]


@given(parts_of_a_payment(), st.data())
def test_exactly_the_amount_is_taken_and_no_part_twice(
    parts: list[Part], data: st.DataObject
) -> None:
    total_vnd = sum(part.amount_vnd for part in parts)
    amount_vnd = data.draw(st.integers(1, total_vnd))
    chosen = data.draw(st.sampled_from([None, *(p.invoice_id for p in parts if p.invoice_id)]))
    taken = take(parts, amount_vnd, chosen)
    assert sum(part.amount_vnd for part in taken) == amount_vnd
    by_student = {part.student_id: part for part in parts}
    assert len({part.student_id for part in taken}) == len(taken)
    for part in taken:
        whole = by_student[part.student_id]
        assert 0 < part.amount_vnd <= whole.amount_vnd
        assert (part.whole_id is None) == (part.amount_vnd < whole.amount_vnd)
    if chosen is not None:
        assert taken[0].invoice_id == chosen
    postings = give_back(GIVEN, taken)
    assert sum(posting.amount_vnd for posting in postings) == amount_vnd
    assert all(posting.credit_account_id == 77 for posting in postings)
    assert [posting.reverses_id for posting in postings] == [part.whole_id for part in taken]


@given(parts_of_a_payment())
def test_more_than_there_is_is_never_taken(parts: list[Part]) -> None:
    with pytest.raises(ValueError, match="no more than there is"):
        take(parts, sum(part.amount_vnd for part in parts) + 1)


@given(parts_of_a_payment())
def test_settled_invoices_are_touched_last_and_the_newest_first(parts: list[Part]) -> None:
    taken = take(parts, sum(part.amount_vnd for part in parts))
    ranks = [list(KINDS.values()).index(part.kind) or 3 for part in taken]
    assert ranks == sorted(ranks)
    settled = [part.newest_id for part in taken if part.kind == "receivable"]
    assert settled == sorted(settled, reverse=True)


def test_money_that_another_account_pays_back_reverses_no_transfer() -> None:
    part = Part(
        payment_id=5,
        account_id=1,
        kind="receivable",
        invoice_id=1,
        student_id=1,
        amount_vnd=10,
        newest_id=1,
        whole_id=4,
        paid_to_id=78,
    )
    assert [posting.reverses_id for posting in give_back(GIVEN, take([part], 10))] == [None]
