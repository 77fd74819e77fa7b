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
    lumps_of_code,
    second_account,
    silent,
)
from support.settlement_school import NEXT, TERMS, lump, lumps_of

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
    lumps = await lumps_of(engine, [500_000])
    other = await second_account(lumps)
    movement = lumps.movement(0)
    back = Returned(movement=movement, number="990001", amount_vnd=100_000, at=movement.at)
    data = lumps.file(
        Payout(batch_id="B20260910", settled_on=NEXT, paid=[movement], returned=[back])
    )
    await bring_to(lumps, other, data)
    await lumps.bring_file(data)
    first = await lumps.night()
    reasons = [(reason, vnd) for reason, vnd, _ in await lumps.exceptions()]
    assert reasons.count(("refund_unmatched", 100_000)) == 2
    assert (await lumps.night()).result_hash == first.result_hash


async def test_a_file_of_another_account_of_the_provider_is_refused(engine: AsyncEngine) -> None:
    lumps = await lumps_of(engine, [500_000])
    other = await second_account(lumps)
    await lumps.notify(lumps.movement(0))
    data = lumps.file(Payout(batch_id="B1", settled_on=NEXT, paid=[lumps.movement(0)]))
    with pytest.raises(DomainError) as caught:
        await bring_to(lumps, other, data)
    assert caught.value.code == "other_account"
    await lumps.bring_file(data)
    await lumps.night()
    assert await lumps.count("payment") == 1


async def test_two_accounts_whose_batches_have_one_name_are_judged_apart(
    engine: AsyncEngine,
) -> None:
    lumps = await lumps_of(engine, [500_000, 300_000])
    other = await second_account(lumps)
    await lumps.set_terms(100)
    async with transaction(engine) as db:
        await db.raw.execute(
            "INSERT INTO settlement_terms (school_id, merchant_account_id, valid_from, fee_basis_points,"
            " fixed_vnd, vat_percent, settled_within_days, set_by)"
            " SELECT school_id, $2, valid_from, fee_basis_points, fixed_vnd, vat_percent, 2, 'an'"
            "   FROM settlement_terms WHERE school_id = $1",
            lumps.school_id,
            other,
        )
    one = Payout(batch_id="B20260910", settled_on=DAY, paid=[lumps.movement(0)])
    two = Payout(batch_id="B20260910", settled_on=DAY, paid=[lumps.movement(1)])
    await lumps.bring_file(lumps.file(one))
    await bring_to(lumps, other, lumps.file(two))
    await lumps.bring_lines([lump(one, SPOKEN, day=DAY), lump(two, SPOKEN)])
    await lumps.night()
    fees = [vnd for reason, vnd, _ in await lumps.exceptions() if reason == "fee_variance"]
    # 0,1 % of each and the VAT on it
    assert fees == [330, 550]


async def test_money_that_is_being_given_back_is_no_lump(engine: AsyncEngine) -> None:
    lumps, payout = await silent(engine)
    await lumps.night()
    waiting = await found(lumps, "exception", "reason = 'unknown_reference'")
    async with transaction(engine) as db:
        await request_refund(
            db,
            KEYS,
            lumps.school_id,
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
        line_id = await line_of_exception(db, lumps.school_id, waiting["id"])
        (batch,) = await candidate_batches(db, lumps.school_id, line_id)
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await match_payout(db, lumps.school_id, batch.id, line_id, actor="an", note="vì sao")
    assert status_of(caught.value) == 409
    await lumps.night()


async def test_a_refund_that_was_asked_for_is_not_booked_a_second_time_from_the_file(
    engine: AsyncEngine,
) -> None:
    lumps = await lumps_of(engine, [500_000])
    movement = lumps.movement(0)
    await lumps.notify(movement)
    payment = await found(lumps, "payment")
    async with transaction(engine) as db:
        await request_refund(
            db,
            KEYS,
            lumps.school_id,
            payment["id"],
            RefundRequest(amount_vnd=200_000, reason="thừa", method=Method.PROVIDER),
            actor="an",
        )
    back = Returned(movement=movement, number="990001", amount_vnd=200_000, at=movement.at)
    await lumps.bring_file(
        lumps.file(Payout(batch_id="B20260910", settled_on=NEXT, paid=[movement], returned=[back]))
    )
    await lumps.night()
    line = await found(lumps, "settlement_line", "kind = 'refund'")
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await book_provider_refund(db, lumps.school_id, line["id"], actor="an", note="vì sao")
    assert status_of(caught.value) == 409
    assert await lumps.count("refund") == 1


async def test_a_debit_that_was_no_batch_below_zero_can_be_booked_as_what_it_is(
    engine: AsyncEngine,
) -> None:
    lumps = await lumps_of(engine, [500_000])
    movement = lumps.movement(0)
    await lumps.notify(movement)
    back = Returned(movement=movement, number="990001", amount_vnd=500_000, at=movement.at)
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[], returned=[back])
    await lumps.bring_lines([lump(payout, SPOKEN)])
    await lumps.night()  # the line is an unexplained debit until its file comes
    await lumps.bring_file(lumps.file(payout))
    await lumps.night()
    batch = await found(lumps, "settlement_batch")
    assert batch["journal_id"]
    async with transaction(engine) as db:
        await undo_payout(db, lumps.school_id, batch["id"], actor="an", reason="nhầm")
    before = await lumps.night()
    async with transaction(engine) as db:
        (debit,) = await open_debits(db, lumps.school_id)
        await book_bank_fees(db, lumps.school_id, [debit.exception_id], actor="an")
    result = await lumps.night()
    assert lumps.bank(before).is_closed
    assert lumps.bank(result).is_closed
    assert result.matches == {"bank_fee": 1}


async def test_a_day_that_a_payer_writes_names_no_batch(engine: AsyncEngine) -> None:
    lumps = await lumps_of(engine, [500_000])
    free = Terms(fee_basis_points=0)
    payout = Payout(batch_id="", settled_on=NEXT, paid=[lumps.movement(0)])
    await lumps.notify(lumps.movement(0))
    await lumps.bring_file(lumps.file(payout, terms=free))
    text = f"NGUYEN VAN A nop hoc phi ngay {NEXT:%Y-%m-%d}"
    await lumps.bring_lines([lump(payout, text, terms=free)])
    await lumps.night()
    assert [(r, vnd) for r, vnd, _ in await lumps.exceptions()] == [("unknown_reference", 500_000)]
    # what speaks of the provider too is the lump of that day
    spoken = f"{SPOKEN} {NEXT:%Y%m%d}"
    await lumps.bring_lines([lump(payout, text, terms=free), lump(payout, spoken, terms=free)])
    await lumps.night()
    assert await lumps.balance_of("clearing") == 0


async def test_equal_lumps_of_following_days_are_booked_alike_each_night_or_all_at_once(
    engine: AsyncEngine,
) -> None:
    for nights in ([DAY, NEXT], [NEXT]):
        lumps = await lumps_of_code(engine, [500_000, 500_000], f"E{len(nights)}")
        one = Payout(batch_id="B0001", settled_on=DAY, paid=[lumps.movement(0)])
        two = Payout(batch_id="B0002", settled_on=NEXT, paid=[lumps.movement(1)])
        await lumps.bring_file(lumps.file(one, two))
        await lumps.bring_lines([lump(one, SPOKEN, day=DAY), lump(two, SPOKEN)])
        for day in nights:
            result = await lumps.night(day)
        assert await lumps.balance_of("clearing") == 0
        assert lumps.bank(result).is_closed


async def test_rows_that_cannot_be_read_belong_to_one_day_whatever_came_first(
    engine: AsyncEngine,
) -> None:
    days = []
    for turn in (0, 1):
        lumps = await lumps_of_code(engine, [500_000, 300_000], f"U{turn}")
        one = lumps.file(Payout(batch_id="B0001", settled_on=DAY, paid=[lumps.movement(0)]))
        two = lumps.file(Payout(batch_id="B0002", settled_on=NEXT, paid=[lumps.movement(1)]))
        spoilt = b"77,X,,pay,nhieu,1,1,1,2026-09-10 09:00:00,2026-09-10,B0001\n"
        files = [one + spoilt, two + spoilt]
        for data in files if turn else reversed(files):
            await lumps.bring_file(data)
        found_ = await found(lumps, "exception", "reason = 'unreadable_line'")
        days.append(found_["business_date"])
    assert days[0] == days[1]


@pytest.mark.parametrize(
    "batch", ["x'; DROP TABLE payment; --", "Lô «1» +1", "<b>1</b>", "9" * 128]
)
async def test_strange_names_of_batches_are_only_names(engine: AsyncEngine, batch: str) -> None:
    lumps = await lumps_of(engine, [500_000, 300_000])
    await lumps.set_terms(1)
    payout = Payout(batch_id=batch, settled_on=NEXT, paid=[lumps.movement(0)])
    await lumps.bring_file(lumps.file(payout))
    await lumps.bring_lines([lump(payout, SPOKEN)])
    await lumps.night()
    assert await lumps.balance_of("clearing") == 0
    late = replace(payout, paid=[lumps.movement(1)])
    await lumps.bring_file(lumps.file(late))
    await lumps.night()
    names = {reason for reason, _, resolution in await lumps.exceptions() if resolution is None}
    assert "batch_total_mismatch" in names


async def test_control_characters_and_huge_numbers_are_no_accident(engine: AsyncEngine) -> None:
    lumps = await lumps_of(engine, [500_000])
    data = lumps.file(Payout(batch_id="B0001", settled_on=NEXT, paid=[lumps.movement(0)]))
    with pytest.raises(DomainError) as caught:
        await lumps.bring_file(data + b"7\x007,X\x01,,pay,5,0,0,5,,2026-09-10,B0001\n")
    assert status_of(caught.value) == 422
    data += b"78,Y,,pay,99999999999999999999,0,0,99999999999999999999,,2026-09-10,B0001\n"
    data += b'79,"Z\xef\xbf\xbf",,pay,x,0,0,5,,9999-12-31,B0001\n'
    brought = await lumps.bring_file(data)
    assert (brought.lines, brought.unreadable) == (1, 2)
    await lumps.night()


async def test_a_transaction_in_two_batches_counts_once_every_night(engine: AsyncEngine) -> None:
    lumps = await lumps_of(engine, [500_000])
    movement = lumps.movement(0)
    await lumps.bring_file(lumps.file(Payout(batch_id="B0001", settled_on=NEXT, paid=[movement])))
    dear = replace(movement, amount_vnd=600_000)
    await lumps.bring_file(lumps.file(Payout(batch_id="B0002", settled_on=NEXT, paid=[dear])))
    await lumps.bring_file(lumps.file(Payout(batch_id="B0003", settled_on=NEXT, paid=[movement])))
    first = await lumps.night()
    conflicts = await lumps.count("notice_conflict")
    assert await lumps.count("payment") == 1
    assert (await lumps.night()).result_hash == first.result_hash
    assert await lumps.count("notice_conflict") == conflicts
