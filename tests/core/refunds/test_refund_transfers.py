"""Payouts: listed once, confirmed by a person or found on the statement; the day closes in every order."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World, make_world
from support.refund_school import (
    PAYEE,
    actions,
    approved,
    ask_for,
    at_once,
    receive,
    refund_request,
    shown,
    sound,
)
from support.statement_files import Entry, mb_csv

from adapters.tabular.workbook import read_sheets
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from core.refunds.manual import confirm_refund, fail_refund
from core.refunds.refund_transfers import TransferFile, download_transfer_list, make_transfer_list
from core.refunds.service import Status, cancel_refund, refundable
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.proof import Proof
from reconciliation.review.queue import list_exceptions
from reconciliation.statements.imports import import_statement

TOTAL_VND = 1_000_000
OPENING_VND = 5_000_000
TODAY = business_date(now_utc())
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        return await make_world(db, [TOTAL_VND, 700_000])


async def listed(engine: AsyncEngine, world: World, extension: str = "xlsx") -> TransferFile | None:
    async with transaction(engine) as db:
        return await make_transfer_list(
            db, KEYS, world.school_id, world.bank_account_id, extension=extension, actor="ketoan"
        )


async def one_listed(engine: AsyncEngine, world: World, amount_vnd: int = 400_000) -> int:
    """A payout in a list: of the first invoice's payment, which came today."""
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await approved(engine, world, payment_id, refund_request(amount_vnd))
    await listed(engine, world)
    return made.id


async def confirm(
    engine: AsyncEngine, world: World, refund_id: int, on: date = TODAY, bank_id: str = ""
) -> None:
    async with transaction(engine) as db:
        await confirm_refund(
            db, world.school_id, refund_id, on=on, bank_transaction_id=bank_id, actor="ketoan"
        )


async def bring(engine: AsyncEngine, world: World, *entries: Entry) -> None:
    async with transaction(engine) as db:
        await import_statement(
            db,
            world.school_id,
            world.bank_account_id,
            mb_csv(world.bank_number, OPENING_VND, entries),
            "mb.csv",
            actor="ketoan",
        )


async def night(engine: AsyncEngine, world: World) -> Proof:
    result = await reconcile(engine, world.school_id, TODAY)
    (proof,) = [proof for proof in result.proofs if proof.account == world.bank_number]
    again = await reconcile(engine, world.school_id, TODAY)
    assert again.result_hash == result.result_hash
    return proof


async def reasons(engine: AsyncEngine, world: World) -> list[tuple[str, str | None]]:
    async with transaction(engine) as db:
        rows = await list_exceptions(db, world.school_id, is_open=None)
    return sorted((row.reason, row.resolution) for row in rows)


def paid_in(world: World, bank_id: str = "FT0") -> Entry:
    return Entry(TODAY, TOTAL_VND, world.invoices[0].reference, bank_id)


async def test_a_list_holds_what_is_approved_and_is_handed_out_unchanged(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    first = await approved(engine, world, payment_id, refund_request(300_000))
    await ask_for(engine, world, payment_id, refund_request(200_000))  # not approved
    made = await listed(engine, world)
    assert made is not None
    assert (made.number, made.refund_count, made.total_vnd) == (1, 1, 300_000)
    (sheet,) = read_sheets(made.content, made.file_name)
    assert [list(row.cells)[:7] for row in sheet.rows] == [
        ["STT", "Mã BIN", "Ngân hàng", "Số tài khoản", "Tên người nhận", "Số tiền", "Nội dung"],
        [1, "970436", "Vietcombank", "0071001234567", "NGUYEN VAN A", 300_000, "HOAN000001 HOAN TIEN"],
    ]  # fmt: skip
    async with transaction(engine) as db:
        for _ in range(2):
            again = await download_transfer_list(db, KEYS, world.school_id, made.id, actor="ketoan")
            assert again.content == made.content
        sealed = await db.raw.fetchval("SELECT sealed_content FROM transfer_list")
        assert PAYEE.number.encode() not in sealed
    assert (await shown(engine, world, first.id)).status is Status.LISTED
    assert await listed(engine, world) is None
    second = await approved(engine, world, payment_id, refund_request(1_000))
    as_csv = await listed(engine, world, "csv")
    assert as_csv is not None
    assert (as_csv.number, as_csv.file_name) == (2, "hocphi-chi-hoan-0002.csv")
    rows = list(csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
    assert rows[1][3:] == ["0071001234567", "NGUYEN VAN A", "1000", f"{second.code} HOAN TIEN"]
    with pytest.raises(DomainError):
        await listed(engine, world, "pdf")


async def test_two_lists_at_once_hold_no_payout_twice(engine: AsyncEngine, world: World) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    for amount_vnd in (100_000, 200_000):
        await approved(engine, world, payment_id, refund_request(amount_vnd))
    ends = await at_once(*(listed(engine, world) for _ in range(3)))
    made = [end for end in ends if isinstance(end, TransferFile)]
    assert [one.refund_count for one in made] == [2]
    assert [end for end in ends if end is None] == [None, None]


async def test_confirming_books_it_once_and_opens_the_invoice(
    engine: AsyncEngine, world: World
) -> None:
    refund_id = await one_listed(engine, world)
    for wrong in (TODAY + timedelta(days=1), YESTERDAY):
        with pytest.raises(DomainError) as refused:
            await confirm(engine, world, refund_id, wrong)
        assert refused.value.code == "bad_day"
    with pytest.raises(DomainError):  # in a list it may be on its way
        async with transaction(engine) as db:
            await cancel_refund(db, world.school_id, refund_id, actor="ketoan", note="Thôi")
    ends = await at_once(*(confirm(engine, world, refund_id) for _ in range(3)))
    assert sorted(type(end).__name__ for end in ends) == [
        "NoneType",
        "RefundMovedOnError",
        "RefundMovedOnError",
    ]
    assert await sound(engine, world) == [600_000, 0]
    assert [step for step, _ in await actions(engine, refund_id)][-1] == "refund.done"


async def test_what_the_bank_could_not_pay_is_free_again(engine: AsyncEngine, world: World) -> None:
    refund_id = await one_listed(engine, world)
    async with transaction(engine) as db:
        await fail_refund(db, world.school_id, refund_id, actor="ketoan", note="Sai số tài khoản")
    row = await shown(engine, world, refund_id)
    assert (row.status, row.note) == (Status.REFUSED, "Sai số tài khoản")
    async with transaction(engine) as db:
        found = await refundable(db, world.school_id, row.payment_id)
    assert found.remaining_vnd == TOTAL_VND
    assert await sound(engine, world) == [TOTAL_VND, 0]


async def test_the_statement_finds_a_payout_that_nobody_confirmed(
    engine: AsyncEngine, world: World
) -> None:
    refund_id = await one_listed(engine, world)
    code = (await shown(engine, world, refund_id)).code
    text = f"CT DI {code[:6]} {code[6:]}HOAN TIEN-GD 0042"
    await bring(engine, world, paid_in(world), Entry(TODAY, -400_000, text, "FT77"))
    proof = await night(engine, world)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + 600_000, 0)
    row = await shown(engine, world, refund_id)
    assert (row.status, row.done_on, row.is_on_statement) == (Status.DONE, TODAY, True)
    assert (row.bank_transaction_id, row.closed_by) == ("FT77", "night")
    assert await sound(engine, world) == [600_000, 0]
    assert await reasons(engine, world) == []


@pytest.mark.parametrize("bank_id", ["", "FT 77"])
async def test_a_payout_confirmed_before_gets_its_line(
    engine: AsyncEngine, world: World, bank_id: str
) -> None:
    refund_id = await one_listed(engine, world)
    code = (await shown(engine, world, refund_id)).code
    await confirm(engine, world, refund_id, bank_id=bank_id)
    text = "CHUYEN TIEN" if bank_id else f"{code} HOAN TIEN"
    await bring(engine, world, paid_in(world), Entry(TODAY, -400_000, text, "FT77"))
    proof = await night(engine, world)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + 600_000, 0)
    assert {item.kind.value for item in proof.items} == {"matched", "ledger_closing"}
    assert (await shown(engine, world, refund_id)).is_on_statement
    assert await reasons(engine, world) == []
    assert await sound(engine, world) == [600_000, 0]


async def test_a_debit_seen_first_is_explained_once_its_refund_is_confirmed(
    engine: AsyncEngine, world: World
) -> None:
    refund_id = await one_listed(engine, world)
    await bring(engine, world, paid_in(world), Entry(TODAY, -400_000, "CHI TIEN", "FT77"))
    proof = await night(engine, world)
    assert proof.difference_vnd == 0
    assert await reasons(engine, world) == [("unexplained_debit", None)]
    await confirm(engine, world, refund_id, bank_id="FT77")
    proof = await night(engine, world)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + 600_000, 0)
    assert await reasons(engine, world) == [("unexplained_debit", "matched_later")]


async def test_a_confirmed_payout_that_no_line_shows_is_listed_and_the_day_still_closes(
    engine: AsyncEngine, world: World
) -> None:
    refund_id = await one_listed(engine, world)
    await confirm(engine, world, refund_id)
    await bring(engine, world, paid_in(world))
    proof = await night(engine, world)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + TOTAL_VND, 0)
    missing = [item for item in proof.items if item.kind.value == "missing_in_statement"]
    assert [(item.amount_vnd, item.count) for item in missing] == [(400_000, 1)]
    assert await reasons(engine, world) == [("refund_unmatched", None)]
    await bring(
        engine, world, paid_in(world), Entry(TODAY, -400_000, "HOAN000001 HOAN TIEN", "FT77")
    )
    proof = await night(engine, world)
    assert (proof.closing_vnd, proof.difference_vnd) == (OPENING_VND + 600_000, 0)
    assert await reasons(engine, world) == [("refund_unmatched", "matched_later")]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(TODAY, -399_999, "HOAN000001 HOAN TIEN", "FT77"),
        Entry(TODAY, -400_000, "HOAN000002 HOAN TIEN", "FT77"),
        Entry(TODAY, -400_000, "HOAN TIEN", "FT77"),
    ],
)
async def test_another_amount_or_another_code_explains_nothing(
    engine: AsyncEngine, world: World, entry: Entry
) -> None:
    refund_id = await one_listed(engine, world)
    await bring(engine, world, paid_in(world), entry)
    proof = await night(engine, world)
    assert proof.difference_vnd == 0
    assert (await shown(engine, world, refund_id)).status is Status.LISTED
    assert await reasons(engine, world) == [("unexplained_debit", None)]


async def test_two_lines_with_one_code_pay_one_refund(engine: AsyncEngine, world: World) -> None:
    await one_listed(engine, world)
    await bring(
        engine,
        world,
        paid_in(world),
        Entry(TODAY, -400_000, "HOAN000001 HOAN TIEN", "FT77"),
        Entry(TODAY, -400_000, "HOAN000001 HOAN TIEN", "FT78"),
    )
    proof = await night(engine, world)
    assert proof.difference_vnd == 0
    assert await reasons(engine, world) == [("unexplained_debit", None)]
    assert await sound(engine, world) == [600_000, 0]


async def test_money_in_suspense_is_given_back_and_its_exception_closed(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND, "chuyen nham")
    made = await approved(engine, world, payment_id, refund_request(400_000))
    await listed(engine, world)
    await confirm(engine, world, made.id)
    assert await reasons(engine, world) == [("unknown_reference", None)]  # the rest still waits
    rest = await approved(engine, world, payment_id, refund_request(600_000))
    await listed(engine, world)
    await confirm(engine, world, rest.id)
    assert await reasons(engine, world) == [("unknown_reference", "paid_back")]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT suspense_reason FROM payment") is None


async def test_credit_goes_before_what_is_settled_unless_the_invoice_is_chosen(
    engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND + 50_000, world.invoices[0].reference)
    for asked, expected in (
        (refund_request(30_000), TOTAL_VND),
        (refund_request(100_000, from_invoice_id=world.invoices[0].id), TOTAL_VND - 100_000),
        (refund_request(70_000), TOTAL_VND - 150_000),
    ):
        made = await approved(engine, world, payment_id, asked)
        await listed(engine, world)
        await confirm(engine, world, made.id)
        assert (await sound(engine, world))[0] == expected


@pytest.mark.parametrize("line_on", [0, 1, 2])
@pytest.mark.parametrize("confirmed_on", [0, 1, 2])
@pytest.mark.parametrize("first_shown", [0, 1])
async def test_every_day_closes_whenever_the_bank_posts_it(
    engine: AsyncEngine, world: World, line_on: int, confirmed_on: int, first_shown: int
) -> None:
    """Days are counted from three days ago; the statement begins with the first or the second."""
    days = [TODAY - timedelta(days=3 - index) for index in range(4)]
    at = now_utc() - timedelta(days=3)
    reference = world.invoices[0].reference
    payment_id = await receive(engine, world, TOTAL_VND, reference, at=at)
    made = await approved(engine, world, payment_id, refund_request(400_000))
    async with transaction(engine) as db:
        await db.raw.execute("UPDATE refund SET created_at = $1", at)
    await listed(engine, world)
    await confirm(engine, world, made.id, days[confirmed_on])
    entries = [
        Entry(days[0], TOTAL_VND, reference, "FT0"),
        Entry(days[1], 70_000, "tien gui", "FT1"),
        Entry(days[line_on], -400_000, f"{made.code} HOAN TIEN", "FT77"),
        Entry(days[3], 80_000, "tien gui", "FT3"),
    ]
    shown_from = days[first_shown]
    kept = sorted((e for e in entries if e.day >= shown_from), key=lambda e: e.day)
    before_vnd = sum(e.net_vnd for e in entries if e.day < shown_from)
    async with transaction(engine) as db:
        data = mb_csv(world.bank_number, OPENING_VND + before_vnd, kept)
        await import_statement(
            db, world.school_id, world.bank_account_id, data, "mb.csv", actor="ketoan"
        )
    for day in [day for day in days if day >= shown_from]:
        result = await reconcile(engine, world.school_id, day)
        (proof,) = [proof for proof in result.proofs if proof.account == world.bank_number]
        assert proof.closing_vnd == OPENING_VND + sum(e.net_vnd for e in entries if e.day <= day)
        assert proof.difference_vnd == 0, day
    assert (await sound(engine, world))[0] == 600_000
