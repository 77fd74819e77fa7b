"""Voucher numbers have no gap, whatever is booked late and whoever exports at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from support.accounting_school import book, export, ledger_accounts
from support.factories import World, make_world

from core.accounting.export import FORMATS, VoucherFile, download
from core.accounting.misa import RECEIPT_HEADERS
from core.accounting.vouchers import DESCRIPTIONS, describe
from core.kit.database import transaction
from core.ledger.postings import Event
from core.ledger.service import open_books

_codes = itertools.count()
FIRST = date(2026, 12, 20)

# what a journal is -> the two ledger accounts, of those that a world has
KINDS = {
    Event.INVOICE_ISSUED: ("receivable", "income"),
    Event.INVOICE_CANCELLED: ("income", "receivable"),
    Event.PAYMENT_RECEIVED: ("bank", "receivable"),
    Event.OVERPAYMENT: ("bank", "student_credit"),
    Event.SUSPENSE: ("bank", "suspense"),
    Event.SUSPENSE_RELEASED: ("suspense", "receivable"),
    Event.SUSPENDED: ("receivable", "suspense"),
    Event.REVERSAL: ("receivable", "bank"),
    Event.REFUND: ("student_credit", "bank"),
    Event.OPENING_BALANCE: ("bank", "opening"),
    Event.SETTLEMENT: ("bank", "clearing"),
    Event.PROVIDER_FEE: ("provider_fee", "clearing"),
    Event.BANK_FEE: ("bank_fee", "bank"),
    Event.PAID_ON: ("on_behalf", "bank"),
    Event.OWN_TRANSFER: ("bank", "in_transit"),
    Event.STATE_PART: ("state_receivable", "income"),
    Event.STATE_RECEIVED: ("bank", "state_receivable"),
    Event.INCOME_RELEASED: ("prepaid", "income"),
}
ARRIVING = {
    Event.PAYMENT_RECEIVED,
    Event.OVERPAYMENT,
    Event.SUSPENSE,
    Event.SETTLEMENT,
    Event.OWN_TRANSFER,
    Event.STATE_RECEIVED,
}
journals = st.lists(
    st.tuples(
        st.sampled_from(sorted(KINDS)),
        st.integers(0, 25),  # days from FIRST: over New Year
        st.integers(1, 10**10),
    ),
    max_size=5,
)


async def empty_world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [], code=f"N{next(_codes)}")
        await db.raw.execute(
            "INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)"
            " VALUES ($1, 'BHYT', 'Bảo hiểm y tế', 'on_behalf', 'năm', $2, false)",
            world.school_id,
            world.bank_account_id,
        )
        await open_books(db, world.school_id)
    return world


async def numbers_of(engine: AsyncEngine, world: World, name: str) -> list[tuple[str, int]]:
    """The voucher numbers of a format in the order they were given out, and their years."""
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            "SELECT v.voucher_no, min(t.business_date) AS day FROM voucher v"
            "  JOIN transfer t ON t.school_id = v.school_id AND t.id = v.transfer_id"
            " WHERE v.school_id = $1 AND v.format = $2 GROUP BY 1 ORDER BY 1",
            world.school_id,
            name,
        )
    return [(row["voucher_no"], row["day"].year) for row in rows]


async def expect_no_gap(engine: AsyncEngine, world: World, name: str) -> None:
    found = await numbers_of(engine, world, name)
    prefix = FORMATS[name].prefix
    for year in {year for _, year in found}:
        of_year = [number for number, its_year in found if its_year == year]
        assert of_year == [
            f"{prefix}{serial:07d}/{year % 100:02d}" for serial in range(1, len(of_year) + 1)
        ]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(st.tuples(journals, st.integers(1, 3)), min_size=1, max_size=3))
async def test_numbers_go_on_without_a_gap_and_nothing_is_exported_twice(
    engine: AsyncEngine, rounds: list[tuple[list[tuple[Event, int, int]], int]]
) -> None:
    world = await empty_world(engine)
    accounts = await ledger_accounts(engine, world)
    made: list[VoucherFile] = []
    amounts: dict[Event, int] = dict.fromkeys(KINDS, 0)
    for of_round, exporters in rounds:
        for kind, days, amount_vnd in of_round:  # the days of a later round may lie before these
            debit, credit = (accounts[name] for name in KINDS[kind])
            await book(
                engine, world, kind, debit, credit, amount_vnd, FIRST + timedelta(days), memo="x"
            )
            amounts[kind] += amount_vnd
        for name in FORMATS:
            found = await asyncio.gather(*(export(engine, world, name) for _ in range(exporters)))
            assert sum(one is not None for one in found) <= 1  # the others find nothing new
            made += [one for one in found if one]
    del amounts[Event.OPENING_BALANCE]
    total_vnd = sum(amounts.values())
    arrived_vnd = sum(amounts[kind] for kind in ARRIVING)
    for name in FORMATS:
        await expect_no_gap(engine, world, name)
        ours = [one for one in made if f"-{name}-" in one.file_name]
        assert [one.number for one in ours] == list(range(1, len(ours) + 1))
        assert sum(one.total_vnd for one in ours) == {
            "misa-receipts": arrived_vnd,
            "misa-general": total_vnd - arrived_vnd,
        }.get(name, total_vnd)
    async with transaction(engine) as db:
        assert not await db.raw.fetchval(
            "SELECT count(*) FROM (SELECT transfer_id FROM voucher WHERE school_id = $1"
            "  AND format LIKE 'misa-%' GROUP BY 1 HAVING count(*) > 1) twice",
            world.school_id,
        )
        for one in made:
            assert await download(db, world.school_id, one.id) == one
            kept = await db.raw.fetchval("SELECT sha256 FROM voucher_export WHERE id = $1", one.id)
            assert kept == hashlib.sha256(one.content).hexdigest()


async def test_an_export_can_be_acknowledged_and_never_changed(engine: AsyncEngine) -> None:
    world = await empty_world(engine)
    accounts = await ledger_accounts(engine, world)
    await book(engine, world, Event.BANK_FEE, accounts["bank_fee"], accounts["bank"], 1, FIRST)
    assert await export(engine, world, "journal-csv")
    for change in (
        "UPDATE voucher_export SET content = 'x'",
        "UPDATE voucher_export SET total_vnd = 0",
        "DELETE FROM voucher_export",
    ):
        with pytest.raises((DBAPIError, Exception), match="append-only"):
            async with transaction(engine) as db:
                await db.raw.execute(change)


async def test_every_event_has_words_of_its_own(engine: AsyncEngine) -> None:
    assert set(DESCRIPTIONS) == set(Event) == set(KINDS)
    texts = {
        event: describe(event, item="Học phí", reference="HP1", memo="tháng 9") for event in Event
    }
    assert len(set(texts.values())) == len(texts)
    bare = {event: describe(event, item="", reference="", memo="") for event in Event}
    for text in (*texts.values(), *bare.values()):
        assert not set(text) & set("{}[]")
        assert text == text.strip(" :,")
    assert texts[Event.PAID_ON] == "Chi trả khoản thu hộ: Học phí, tháng 9"
    assert bare[Event.STATE_PART] == "Ngân sách cấp bù miễn, giảm"
    assert len(RECEIPT_HEADERS) == 28
    world = await empty_world(engine)
    accounts = await ledger_accounts(engine, world)
    for kind, (debit, credit) in KINDS.items():
        await book(engine, world, kind, accounts[debit], accounts[credit], 1_000, FIRST, memo="m")
    receipts = await export(engine, world, "misa-receipts")
    general = await export(engine, world, "misa-general")
    assert receipts is not None
    assert general is not None
    assert receipts.voucher_count == len(ARRIVING)
    assert general.voucher_count == len(KINDS) - len(ARRIVING) - 1  # an opening balance is none
