"""Settlement by a person's word, its undoing, chargebacks, and what a provider owes beyond its days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.errors import status_of
from support.exception_queue import line_of_exception
from support.factories import DAY
from support.settlement_school import NEXT, TERMS, SettlementSchool, payout_line, settlement_school

from core.identity.audit import verify_chain
from core.kit.database import Driver, transaction
from core.kit.errors import DomainError
from reconciliation.review.manual_payouts import candidate_batches, match_payout
from reconciliation.review.provider_refunds import book_provider_refund
from reconciliation.review.undo_payouts import deny_payout, undo_payout
from reconciliation.settlements.terms import SettlementTerms, late_settlements, set_terms, terms_of
from sandbox.settlements import Payout, Returned, payout_vnd

SPOKEN = "MOMO QUYET TOAN"
SILENT = "CHUYEN KHOAN 0910"


async def one(db: Driver, table: str, **where: Any) -> Any:
    condition = " AND ".join(f"{name} = ${index + 1}" for index, name in enumerate(where))
    return await db.raw.fetchrow(f"SELECT * FROM {table} WHERE {condition}", *where.values())


async def reported(engine: AsyncEngine, text: str) -> tuple[SettlementSchool, Payout]:
    """A payment, its settlement file and the bank line of this text; no night yet."""
    school = await settlement_school(engine, [500_000])
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.notify(school.movement(0))
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, text)])
    return school, payout


async def test_a_payout_that_waits_in_suspense_is_settled_and_taken_back(
    engine: AsyncEngine,
) -> None:
    school, payout = await reported(engine, SILENT)
    await school.reconcile()
    net_vnd = payout_vnd(payout, TERMS)
    assert await school.exceptions() == [("unknown_reference", net_vnd, None)]
    async with transaction(engine) as db:
        found = await one(db, "exception", reason="unknown_reference")
        line_id = await line_of_exception(db, school.school_id, found["id"])
        (candidate,) = await candidate_batches(db, school.school_id, line_id)
        assert (candidate.title, candidate.net_vnd) == ("momo:B20260910", net_vnd)
        await match_payout(
            db, school.school_id, candidate.id, line_id, actor="an", note="MoMo báo qua điện thoại"
        )
    result = await school.reconcile()
    assert await school.exceptions() == [("unknown_reference", net_vnd, "settled")]
    assert (await school.balance_of("suspense"), await school.balance_of("clearing")) == (0, 0)
    assert await school.balance_of("provider_fee") == 5_500
    assert school.bank(result).is_closed

    async with transaction(engine) as db:
        await undo_payout(db, school.school_id, candidate.id, actor="an", reason="nhầm lô")
    result = await school.reconcile()
    assert await school.exceptions() == [("unknown_reference", net_vnd, None)]
    assert await school.balance_of("suspense") == -net_vnd
    assert await school.balance_of("clearing") == 500_000
    assert await school.balance_of("provider_fee") == 0
    assert school.bank(result).is_closed
    async with transaction(engine) as db:
        assert (await verify_chain(db, school.school_id)).broken_at is None
        steps = await db.raw.fetch(
            "SELECT action FROM audit_entry WHERE school_id = $1", school.school_id
        )
    assert {row["action"] for row in steps} >= {"settlement.booked", "settlement.undone"}


async def test_what_a_person_took_apart_no_night_puts_together(engine: AsyncEngine) -> None:
    school, payout = await reported(engine, SPOKEN)
    await school.reconcile()
    net_vnd = payout_vnd(payout, TERMS)
    async with transaction(engine) as db:
        batch = await one(db, "settlement_batch", name="B20260910")
        await undo_payout(db, school.school_id, batch["id"], actor="an", reason="của trường khác")
    result = await school.reconcile()
    assert result.matches == {}
    assert await school.exceptions() == [("batch_total_mismatch", net_vnd, None)]
    assert school.bank(result).is_closed
    assert (await school.reconcile()).result_hash == result.result_hash

    async with transaction(engine) as db:
        held = await one(db, "exception", reason="batch_total_mismatch")
        await deny_payout(db, school.school_id, held["id"], actor="an", note="một nhà tài trợ")
        with pytest.raises(DomainError) as caught:
            await deny_payout(db, school.school_id, held["id"], actor="an", note="lần nữa")
        assert caught.value.code == "already_resolved"
    result = await school.reconcile()
    assert result.matches == {"created_from_statement": 1}
    assert await school.exceptions() == [
        ("batch_total_mismatch", net_vnd, "no_settlement"),
        ("unknown_reference", net_vnd, None),
    ]


async def test_by_hand_the_amount_must_agree_to_the_dong(engine: AsyncEngine) -> None:
    school, payout = await reported(engine, SPOKEN)
    other = Payout(batch_id="B20260911", settled_on=NEXT, paid=[school.movement(0, 499_000)])
    async with transaction(engine) as db:
        batch = await one(db, "settlement_batch", name="B20260910")
        line = await one(db, "statement_line", school_id=school.school_id)
        await db.raw.execute(
            "UPDATE settlement_line SET gross_vnd = gross_vnd + 1, net_vnd = net_vnd + 1"
        )
        for note, code in (("", "note_required"), ("vì sao", "lump_differs")):
            with pytest.raises(DomainError) as caught:
                await match_payout(
                    db, school.school_id, batch["id"], line["id"], actor="an", note=note
                )
            assert caught.value.code == code
        await db.raw.execute(
            "UPDATE settlement_line SET gross_vnd = gross_vnd - 1, net_vnd = net_vnd - 1"
        )
    assert payout_vnd(payout, TERMS) != payout_vnd(other, TERMS)
    await school.reconcile()
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await match_payout(
                db, school.school_id, batch["id"], line["id"], actor="an", note="lại"
            )
        assert caught.value.code == "batch_booked"


async def test_a_chargeback_is_booked_against_its_payment(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    movement = school.movement(0)
    await school.notify(movement)
    back = Returned(movement=movement, number="990001", amount_vnd=200_000, at=movement.at)
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[movement], returned=[back])
    data = school.file(payout).decode().replace(",refund,", ",chargeback,").encode()
    await school.bring_file(data)
    await school.bring_lines([payout_line(payout, SPOKEN)])
    await school.reconcile()
    assert await school.exceptions() == [("refund_unmatched", 200_000, None)]
    async with transaction(engine) as db:
        line = await one(db, "settlement_line", kind="chargeback")
        touched = await book_provider_refund(
            db, school.school_id, line["id"], actor="an", note="chủ thẻ khiếu nại"
        )
        assert touched == {(school.school_id, school.world.invoices[0].id)}
        with pytest.raises(DomainError) as caught:
            await book_provider_refund(db, school.school_id, line["id"], actor="an", note="lần nữa")
        assert status_of(caught.value) == 404
    result = await school.reconcile()
    assert await school.exceptions() == [("refund_unmatched", 200_000, "settled")]
    assert await school.balance_of("receivable") == 200_000
    assert await school.balance_of("clearing") == 0
    assert {item.kind.value for item in school.clearing(result).items} == {
        "received", "settled", "provider_kept", "refunded", "unsettled",
    }  # fmt: skip


async def test_late_money_is_told_with_its_sum_and_since(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    await school.notify(school.movement(0))
    async with transaction(engine) as db:
        assert await late_settlements(db, school.school_id, DAY + timedelta(30)) == ()
        terms = SettlementTerms(valid_from=DAY, fee_basis_points=110, settled_within_days=2)
        await set_terms(db, school.school_id, school.merchant_id, terms, actor="an")
        assert await terms_of(db, school.school_id, school.merchant_id) == (terms,)
        assert await late_settlements(db, school.school_id, DAY + timedelta(2)) == ()
        (late,) = await late_settlements(db, school.school_id, DAY + timedelta(3))
        assert (late.unpaid_count, late.unpaid_vnd, late.unpaid_since) == (1, 500_000, DAY)
        with pytest.raises(DomainError):
            await set_terms(
                db,
                school.school_id,
                school.world.merchants["sepay"][0],
                terms,
                actor="an",
            )
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.bring_file(school.file(payout))
    await school.reconcile()
    async with transaction(engine) as db:
        (late,) = await late_settlements(db, school.school_id, DAY + timedelta(3))
    assert (late.unseen_count, late.unseen_vnd, late.unseen_since) == (
        1,
        payout_vnd(payout, TERMS),
        NEXT,
    )
    await school.bring_lines([payout_line(payout, SPOKEN, day=NEXT + timedelta(1))])
    await school.reconcile(NEXT + timedelta(1))
    async with transaction(engine) as db:
        assert await late_settlements(db, school.school_id, DAY + timedelta(3)) == ()
