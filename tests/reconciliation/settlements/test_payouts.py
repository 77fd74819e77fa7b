"""SettlementSchool of providers in the night: booked against their bank line, whichever came first, or told to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY
from support.settlement_school import (
    CASES,
    NEXT,
    OPENING_VND,
    TERMS,
    payout_line,
    settlement_school,
)
from support.statement_files import Entry

from adapters.contract import VerdictKind
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.settlements.files import preview_settlement
from sandbox.settlements import Payout, Returned, Terms, payout_vnd

FILES = [("vnpay", "vnpay"), ("momo", "momo"), *((name, "neutral") for name in CASES)]
SPOKEN = {
    "momo": "CTCP DICH VU DI DONG TRUC TUYEN QUYET TOAN LO B20260910",
    "vnpay": "VNPAY thanh toan doi soat ngay 10/09/2026",
    "zalopay": "CONG TY CO PHAN ZION TAT TOAN GIAO DICH ZALOPAY",
    "payos": "PAYOS SETTLEMENT B20260910",
}


@pytest.mark.parametrize(("provider", "writer"), FILES)
async def test_a_payout_of_every_provider_is_booked_by_its_line(
    engine: AsyncEngine, provider: str, writer: str
) -> None:
    school = await settlement_school(engine, [1_250_000, 333_333], provider)
    paid = [school.movement(0), school.movement(1)]
    for movement in paid:
        await school.notify(movement)
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=paid)
    await school.bring_file(school.file(payout, writer=writer))
    await school.bring_lines([payout_line(payout, SPOKEN[provider])])

    result = await school.reconcile()

    assert result.matches == {"settlement": 1}
    assert await school.exceptions() == []
    fee_vnd, vat_vnd = 13_750 + 3_667, 1_375 + 367
    assert await school.balance_of("provider_fee") == fee_vnd
    assert await school.balance_of("provider_vat") == vat_vnd
    assert await school.balance_of("clearing") == 0
    bank = school.bank(result)
    assert (bank.closing_vnd, bank.difference_vnd) == (
        OPENING_VND + 1_583_333 - fee_vnd - vat_vnd,
        0,
    )
    assert {item.kind.value: item.amount_vnd for item in school.clearing(result).items} == {
        "received": 0,
        "settled": -(1_583_333 - fee_vnd - vat_vnd),
        "provider_kept": -(fee_vnd + vat_vnd),
        "unsettled": 0,
    }
    # the eve knows nothing of it
    eve = await school.reconcile(DAY)
    assert {item.kind.value: item.amount_vnd for item in school.clearing(eve).items} == {
        "received": 1_583_333,
        "settled": 0,
        "unsettled": 1_583_333,
    }
    again = await school.reconcile()
    assert (again.result_hash, again.created) == (result.result_hash, 0)


async def test_the_line_waits_for_its_file_and_never_becomes_a_payment(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000])
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.notify(school.movement(0))
    await school.bring_lines([payout_line(payout, SPOKEN["momo"])])
    net_vnd = payout_vnd(payout, TERMS)

    first = await school.reconcile()
    assert first.created == 0
    assert await school.exceptions() == [("batch_total_mismatch", net_vnd, None)]
    assert await school.count("payment") == 1

    await school.bring_file(school.file(payout))
    second = await school.reconcile()
    assert second.matches == {"settlement": 1}
    assert await school.exceptions() == [("batch_total_mismatch", net_vnd, "matched_later")]


async def test_money_that_only_the_file_tells_of_settles_its_invoice(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 200_000])
    payout = Payout(
        batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0), school.movement(1)]
    )
    await school.notify(school.movement(0))
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, SPOKEN["momo"])])
    await school.reconcile()
    assert await school.count("payment") == 2
    assert await school.balance_of("receivable") == 0
    assert await school.exceptions() == []

    late = await school.notify(school.movement(1))
    assert (late.kind, late.duplicate) == (VerdictKind.RECORDED, True)
    assert await school.count("payment") == 2
    other = await school.notify(replace(school.movement(1), amount_vnd=250_000))
    assert other.kind is VerdictKind.CONFLICT
    assert await school.count("notice_conflict") == 1


async def test_a_file_that_tells_another_amount_is_a_conflict(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    await school.notify(school.movement(0))
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0, 450_000)])
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, SPOKEN["momo"])])
    result = await school.reconcile()
    assert await school.exceptions() == [
        ("conflicting_duplicate", 450_000, None),
        ("missing_notice", 450_000, None),
    ]
    items = {item.kind.value: item.amount_vnd for item in school.clearing(result).items}
    assert (items["unsettled"], items["stray"]) == (500_000, -450_000)


async def test_refunds_come_off_and_strays_are_told(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    paid = [school.movement(0), school.movement(1)]
    for movement in paid:
        await school.notify(movement)
    await school.bring_file(school.file(Payout(batch_id="B20260910", settled_on=NEXT, paid=paid)))
    back = Returned(movement=paid[1], number="990001", amount_vnd=300_000, at=paid[1].at)
    gone = Payout(batch_id="B20260911", settled_on=NEXT, paid=[], returned=[back])
    await school.bring_file(school.file(gone))
    await school.bring_lines(
        [
            payout_line(Payout(batch_id="B20260910", settled_on=NEXT, paid=paid), SPOKEN["momo"]),
            payout_line(gone, "MOMO DOI SOAT thu hoi B20260911"),
        ]
    )
    result = await school.reconcile()
    assert result.matches == {"settlement": 2}
    assert await school.exceptions() == [("refund_unmatched", 300_000, None)]
    items = {item.kind.value: item.amount_vnd for item in school.clearing(result).items}
    assert items["stray"] == 300_000
    assert school.bank(result).is_closed
    # the fee of what went back came back with it
    assert await school.balance_of("provider_fee") == 5_500


async def test_a_batch_that_comes_to_nothing_needs_no_line(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000])
    movement = school.movement(0)
    await school.notify(movement)
    back = Returned(movement=movement, number="990001", amount_vnd=500_000, at=movement.at)
    payout = Payout(batch_id="B0", settled_on=NEXT, paid=[movement], returned=[back])
    await school.bring_file(school.file(payout))
    result = await school.reconcile()
    assert await school.exceptions() == [("refund_unmatched", 500_000, None)]
    items = {item.kind.value: item.amount_vnd for item in school.clearing(result).items}
    assert items == {"received": 0, "settled": 0, "unsettled": 0, "stray": 500_000}


async def test_a_fee_beyond_the_contract_is_told_with_its_difference(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [1_000_000])
    await school.set_terms(basis_points=100)
    await school.notify(school.movement(0))
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.bring_file(school.file(payout))
    await school.bring_lines([payout_line(payout, SPOKEN["momo"])])
    await school.reconcile()
    assert await school.exceptions() == [("fee_variance", 1_000 + 100, None)]
    async with transaction(engine) as db:  # the contract says otherwise since
        await db.raw.execute("UPDATE settlement_terms SET tolerance_vnd = 1000")
    await school.reconcile()
    assert await school.exceptions() == [("fee_variance", 1_100, "matched_later")]


async def test_amount_alone_never_books_and_a_familys_text_is_no_payout(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    await school.notify(school.movement(0))
    payout = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    await school.bring_file(school.file(payout))
    reference = school.world.invoices[1].reference
    await school.bring_lines(
        [
            payout_line(payout, "chuyen tien tu vi MOMO"),
            Entry(NEXT, 300_000, f"MOMO quyet toan {reference} cho con"),
        ]
    )
    result = await school.reconcile()
    assert result.matches == {"created_from_statement": 2}
    assert await school.exceptions() == [
        ("unknown_reference", payout_vnd(payout, TERMS), None),
    ]


async def test_two_payouts_of_one_amount_go_by_their_names(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 500_000])
    payouts = [
        Payout(batch_id=f"B2026091{i}", settled_on=NEXT, paid=[school.movement(i)]) for i in (0, 1)
    ]
    await school.bring_file(school.file(*payouts))
    lines = [
        payout_line(payouts[1], "MOMO QUYET TOAN B 202609 11"),
        payout_line(payouts[0], "MOMO QUYET TOAN"),
    ]
    await school.bring_lines([lines[1]])
    await school.reconcile()
    assert [reason for reason, *_ in await school.exceptions()] == ["batch_total_mismatch"]
    await school.bring_lines([lines[1], lines[0]])
    result = await school.reconcile()
    assert result.matches == {"settlement": 2}
    assert [end for *_, end in await school.exceptions()] == ["matched_later"]


async def test_lines_that_come_after_the_booking_are_a_payout_of_their_own(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    first = Payout(batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0)])
    both = replace(first, paid=[school.movement(0), school.movement(1)])
    await school.bring_file(school.file(first))
    await school.bring_lines([payout_line(first, SPOKEN["momo"])])
    await school.reconcile()
    imported = await school.bring_file(school.file(both), "lan-2.csv")
    assert (imported.lines, imported.new_lines) == (2, 1)
    await school.reconcile()
    late = replace(first, paid=[school.movement(1)])
    assert await school.exceptions() == [("batch_total_mismatch", payout_vnd(late, TERMS), None)]
    day = NEXT + timedelta(1)
    await school.bring_lines(
        [payout_line(first, SPOKEN["momo"]), payout_line(late, "MOMO QUYET TOAN BO SUNG", day=day)]
    )
    result = await school.reconcile(day)
    assert result.matches == {"settlement": 1}
    assert [end for *_, end in await school.exceptions()] == ["matched_later"]


async def test_a_file_is_refused_whole_with_every_fault(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    payout = Payout(
        batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0), school.movement(1)]
    )
    good = school.file(payout).decode()
    with pytest.raises(DomainError) as caught:
        await school.bring_file(good.replace(",500000,", ",500001,").encode())
    assert [(f.code, f.row, f.column) for f in caught.value.faults] == [
        ("settlement_gap", 2, "net")
    ]
    with pytest.raises(DomainError) as caught:
        await school.bring_file(school.file(payout, writer="vnpay"))
    assert {f.code for f in caught.value.faults} == {"other_provider"}
    assert await school.count("settlement_line") == 0

    imported = await school.bring_file(good.encode())
    again = await school.bring_file(good.encode(), "again.csv")
    assert (again.is_new, again.settlement_id, again.new_lines) == (
        False,
        imported.settlement_id,
        0,
    )
    # the same transactions at another price are not the same
    dearer = school.file(payout, terms=Terms(fee_basis_points=220))
    with pytest.raises(DomainError) as caught:
        await school.bring_file(dearer)
    assert [(f.code, f.row) for f in caught.value.faults] == [
        ("changed_line", 2),
        ("changed_line", 3),
    ]
    async with transaction(engine) as db:
        preview = await preview_settlement(
            db, school.school_id, school.merchant_id, dearer, "dearer.csv"
        )
    assert (preview.new_lines, preview.is_known, len(preview.faults)) == (2, False, 2)
    sepay = school.world.merchants["sepay"][0]
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await preview_settlement(db, school.school_id, sepay, dearer, "x.csv")
    assert caught.value.code == "not_settled_in_batches"


async def test_rows_that_cannot_be_read_are_kept(engine: AsyncEngine) -> None:
    school = await settlement_school(engine, [500_000, 300_000])
    payout = Payout(
        batch_id="B20260910", settled_on=NEXT, paid=[school.movement(0), school.movement(1)]
    )
    spoilt = school.file(payout).decode().replace(",300000,", ",ba tram,")
    imported = await school.bring_file(spoilt.encode())
    assert (imported.new_lines, imported.unreadable) == (1, 1)
    await school.bring_lines([payout_line(payout, SPOKEN["momo"])])
    await school.reconcile()
    assert await school.exceptions() == [
        ("batch_total_mismatch", payout_vnd(payout, TERMS), None),
        ("unreadable_line", 0, None),
    ]
    await school.bring_file(school.file(payout), "sua.csv")
    result = await reconcile(engine, school.school_id, NEXT)
    assert result.matches == {"settlement": 1}


async def test_a_payment_whose_name_the_file_cannot_give_is_listed_and_not_made_up(
    engine: AsyncEngine,
) -> None:
    school = await settlement_school(
        engine, [500_000], "bidv"
    )  # its pushes are named by the bank's number
    reference = school.world.invoices[0].reference
    row = f"pay,TR0001,{reference},500000,5500,550,493950,{NEXT.isoformat()},B20260910"
    head = "type,provider_transaction_id,merchant_reference,gross,fee,vat,net,settled_on,batch_id"
    await school.bring_file(f"{head}\n{row}\n".encode())
    result = await school.reconcile()
    assert (result.created, await school.count("payment")) == (0, 0)
    assert await school.exceptions() == [("missing_notice", 500_000, None)]
