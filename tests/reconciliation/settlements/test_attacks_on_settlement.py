"""Attacks on settlement: files and decisions that would count money twice, lose a line or stop the night."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.exception_queue import line_of_exception
from support.factories import DAY, KEYS
from support.refund_school import PAYEE
from support.settlement_attacks import (
    SPOKEN,
    bring_to,
    found,
    school_of_code,
    second_account,
    silent,
)
from support.settlement_school import NEXT, TERMS, payout_line, settlement_school

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.refunds.service import RefundRequest, request_refund
from core.refunds.states import Method
from reconciliation.review.debit_booking import book_bank_fees
from reconciliation.review.debits import open_debits
from reconciliation.review.manual_payouts import candidate_batches, match_payout
from reconciliation.review.provider_refunds import book_provider_refund
from reconciliation.review.undo_payouts import undo_payout
from sandbox.settlements import Payout, Returned, Terms, payout_vnd


async def test_a_file_brought_to_the_wrong_one_of_two_accounts_does_not_stop_the_night(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000])
    other = await second_account(school)
    movement = school.movement(0)
    back = Returned(movement=movement, number="990001", amount_vnd=100_000, at=movement.at)
    data = school.file(
        Payout(batch_id="B20260910", settled_on=NEXT, paid=[movement], returned=[back])
    )
    await bring_to(school, other, data)
    await school.bring_file(data)
    first = await school.reconcile()
    reasons = [(reason, vnd) for reason, vnd, _ in await school.exceptions()]
    assert reasons.count(("refund_unmatched", 100_000)) == 2
    assert (await school.reconcile()).result_hash == first.result_hash


async def test_a_file_of_another_account_of_the_provider_is_refused(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    other = await second_account(school)
    await school.notify(school.movement(0))
    data = school.file(Payout(batch_id="B1", settled_on=NEXT, paid=[school.movement(0)]))
    with pytest.raises(DomainError) as caught:
        await bring_to(school, other, data)
    assert caught.value.code == "other_account"
    await school.bring_file(data)
    await school.reconcile()
    assert await school.count("payment") == 1


async def test_two_accounts_whose_batches_have_one_name_are_judged_apart(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    other = await second_account(school)
    await school.set_terms(100)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO settlement_terms (school_id, merchant_account_id, valid_from, fee_basis_points,"
            " fixed_vnd, vat_percent, settled_within_days, set_by)"
            " SELECT school_id, $2, valid_from, fee_basis_points, fixed_vnd, vat_percent, 2, 'an'"
            "   FROM settlement_terms WHERE school_id = $1",
            school.school_id,
            other,
        )
    one = Payout(batch_id="B20260910", settled_on=DAY, paid=[school.movement(0)])
    two = Payout(batch_id="B20260910", settled_on=DAY, paid=[school.movement(1)])
    await school.bring_file(school.file(one))
    await bring_to(school, other, school.file(two))
    await school.bring_lines([payout_line(one, SPOKEN, day=DAY), payout_line(two, SPOKEN)])
    await school.reconcile()
    fees = [vnd for reason, vnd, _ in await school.exceptions() if reason == "fee_variance"]
    # 0,1 % of each and the VAT on it
    assert fees == [330, 550]


async def test_money_that_is_being_given_back_is_no_payout(engine: AsyncEngine) -> None:
    school, payout = await silent(engine)
    await school.reconcile()
    waiting = await found(school, "exception", "reason = 'unknown_reference'")
    async with transaction(engine) as db:
        await request_refund(
            db,
            KEYS,
            school.school_id,
            waiting["payment_id"],
            RefundRequest(
                amount_vnd=payout_vnd(payout, TERMS),
                reason="nộp nhầm",
                method=Method.TRANSFER,
                payee=PAYEE,
            ),
            actor="an",
        )
    async with transaction(engine) as db:
        line_id = await line_of_exception(db, school.school_id, waiting["id"])
        (batch,) = await candidate_batches(db, school.school_id, line_id)
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await match_payout(db, school.school_id, batch.id, line_id, actor="an", note="vì sao")
    assert status_of(caught.value) == 409
    await school.reconcile()


async def test_a_refund_that_was_asked_for_is_not_booked_a_second_time_from_the_file(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000])
    movement = school.movement(0)
    await school.notify(movement)
    payment = await found(school, "payment")
    async with transaction(engine) as db:
        await request_refund(
            db,
            KEYS,
            school.school_id,
            payment["id"],
            RefundRequest(amount_vnd=200_000, reason="thừa", method=Method.PROVIDER),
            actor="an",
        )
    back = Returned(movement=movement, number="990001", amount_vnd=200_000, at=movement.at)
    await school.bring_file(
        school.file(Payout(batch_id="B20260910", settled_on=NEXT, paid=[movement], returned=[back]))
    )
    await school.reconcile()
    line = await found(school, "settlement_line", "kind = 'refund'")
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await book_provider_refund(db, school.school_id, line["id"], actor="an", note="vì sao")
    assert status_of(caught.value) == 409
    assert await school.count("refund") == 1


async def test_a_debit_that_was_no_batch_below_zero_can_be_booked_as_what_it_is(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000])
    movement = school.movement(0)
    await school.notify(movement)
    back = Returned(movement=movement, number="990001", amount_vnd=500_000, at=movement.at)
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[], returned=[back])
    await school.bring_lines([payout_line(payout, SPOKEN)])
    await school.reconcile()  # the line is an unexplained debit until its file comes
    await school.bring_file(school.file(payout))
    await school.reconcile()
    batch = await found(school, "settlement_batch")
    assert batch["journal_id"]
    async with transaction(engine) as db:
        await undo_payout(db, school.school_id, batch["id"], actor="an", reason="nhầm")
    before = await school.reconcile()
    async with transaction(engine) as db:
        (debit,) = await open_debits(db, school.school_id)
        await book_bank_fees(db, school.school_id, [debit.exception_id], actor="an")
    result = await school.reconcile()
    assert school.bank(before).is_closed
    assert school.bank(result).is_closed
    assert result.matches == {"bank_fee": 1}


async def test_a_day_that_a_payer_writes_names_no_batch(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    free = Terms(fee_basis_points=0)
    payout = Payout(batch_id="", settled_on=NEXT, paid=[school.movement(0)])
    await school.notify(school.movement(0))
    await school.bring_file(school.file(payout, terms=free))
    text = f"NGUYEN VAN A nop hoc phi ngay {NEXT:%Y-%m-%d}"
    await school.bring_lines([payout_line(payout, text, terms=free)])
    await school.reconcile()
    assert [(r, vnd) for r, vnd, _ in await school.exceptions()] == [("unknown_reference", 500_000)]
    # what speaks of the provider too is the payout of that day
    spoken = f"{SPOKEN} {NEXT:%Y%m%d}"
    await school.bring_lines(
        [payout_line(payout, text, terms=free), payout_line(payout, spoken, terms=free)]
    )
    await school.reconcile()
    assert await school.balance_of("clearing") == 0


async def test_equal_payouts_of_following_days_are_booked_alike_each_night_or_all_at_once(
    engine: AsyncEngine,
) -> None:
    for nights in ([DAY, NEXT], [NEXT]):
        school = await school_of_code(engine, [500_000, 500_000], f"E{len(nights)}")
        one = Payout(batch_id="B0001", settled_on=DAY, paid=[school.movement(0)])
        two = Payout(batch_id="B0002", settled_on=NEXT, paid=[school.movement(1)])
        await school.bring_file(school.file(one, two))
        await school.bring_lines([payout_line(one, SPOKEN, day=DAY), payout_line(two, SPOKEN)])
        for day in nights:
            result = await school.reconcile(day)
        assert await school.balance_of("clearing") == 0
        assert school.bank(result).is_closed


async def test_rows_that_cannot_be_read_belong_to_one_day_whatever_came_first(
    engine: AsyncEngine,
) -> None:
    days = []
    for turn in (0, 1):
        school = await school_of_code(engine, [500_000, 300_000], f"U{turn}")
        one = school.file(Payout(batch_id="B0001", settled_on=DAY, paid=[school.movement(0)]))
        two = school.file(Payout(batch_id="B0002", settled_on=NEXT, paid=[school.movement(1)]))
        spoilt = b"77,X,,pay,nhieu,1,1,1,2026-09-10 09:00:00,2026-09-10,B0001\n"
        files = [one + spoilt, two + spoilt]
        for data in files if turn else reversed(files):
            await school.bring_file(data)
        found_ = await found(school, "exception", "reason = 'unreadable_line'")
        days.append(found_["business_date"])
    assert days[0] == days[1]


@pytest.mark.parametrize(
    "batch", ["x'; DROP TABLE payment; --", "Lô «1» +1", "<b>1</b>", "9" * 128]
)
async def test_strange_names_of_batches_are_only_names(engine: AsyncEngine, batch: str) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    await school.set_terms(1)
    payout = Payout(batch_id=batch, settled_on=NEXT, paid=[school.movement(0)])
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, SPOKEN)])
    await school.reconcile()
    assert await school.balance_of("clearing") == 0
    late = replace(payout, paid=[school.movement(1)])
    await school.bring_file(school.file(late))
    await school.reconcile()
    names = {reason for reason, _, resolution in await school.exceptions() if resolution is None}
    assert "batch_total_mismatch" in names


async def test_control_characters_and_huge_numbers_are_no_accident(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    data = school.file(Payout(batch_id="B0001", settled_on=NEXT, paid=[school.movement(0)]))
    with pytest.raises(DomainError) as caught:
        await school.bring_file(data + b"7\x007,X\x01,,pay,5,0,0,5,,2026-09-10,B0001\n")
    assert status_of(caught.value) == 422
    data += b"78,Y,,pay,99999999999999999999,0,0,99999999999999999999,,2026-09-10,B0001\n"
    data += b'79,"Z\xef\xbf\xbf",,pay,x,0,0,5,,9999-12-31,B0001\n'
    brought = await school.bring_file(data)
    assert (brought.lines, brought.unreadable) == (1, 2)
    await school.reconcile()


async def test_a_transaction_in_two_batches_counts_once_every_night(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    movement = school.movement(0)
    await school.bring_file(school.file(Payout(batch_id="B0001", settled_on=NEXT, paid=[movement])))
    dear = replace(movement, amount_vnd=600_000)
    await school.bring_file(school.file(Payout(batch_id="B0002", settled_on=NEXT, paid=[dear])))
    await school.bring_file(school.file(Payout(batch_id="B0003", settled_on=NEXT, paid=[movement])))
    first = await school.reconcile()
    conflicts = await school.count("notice_conflict")
    assert await school.count("payment") == 1
    assert (await school.reconcile()).result_hash == first.result_hash
    assert await school.count("notice_conflict") == conflicts
