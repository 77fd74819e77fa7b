"""Statements come in whole or not at all, and each line once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bank_day import OPENING_VND, bring, everything, world_of
from support.errors import status_of
from support.factories import DAY, World
from support.statement_files import HEADER, Entry, mb_csv

from adapters.statements import StatementMapping, mapped
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError
from reconciliation.statements.imports import import_statement, preview_statement

THREE = [Entry(DAY, 100_000, "A"), Entry(DAY, -20_000, "B"), Entry(DAY, 50_000, "C")]


def spoilt(world: World, old: str, new: str) -> bytes:
    data = mb_csv(world.bank_number, OPENING_VND, THREE).decode()
    assert old in data
    return data.replace(old, new).encode()


async def refused(engine: AsyncEngine, world: World, data: bytes) -> DomainError:
    """The refusal, after making sure that it left nothing."""
    before = await everything(engine)
    with pytest.raises(DomainError) as caught:
        await bring(engine, world, data)
    assert await everything(engine) == before
    return caught.value


async def test_a_broken_balance_refuses_the_whole_file_and_names_the_row(
    engine: AsyncEngine,
) -> None:
    world = await world_of(engine, [])
    problem = await refused(engine, world, spoilt(world, ",,50000,", ",,60000,"))
    assert problem.code == "balance_gap"
    assert status_of(problem) == 422
    assert [(fault.row, fault.value) for fault in problem.faults] == [(6, "-10000")]
    assert "10.000 đ" in problem.faults[0].vi


async def test_a_line_left_out_refuses_the_file(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    rows = mb_csv(world.bank_number, OPENING_VND, THREE).decode().splitlines()
    problem = await refused(engine, world, "\n".join([*rows[:4], *rows[5:]]).encode())
    assert [(fault.code, fault.row) for fault in problem.faults] == [("balance_gap", 5)]


async def test_another_accounts_statement_is_refused(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    data = mb_csv(world.other_bank_number, OPENING_VND, THREE)
    problem = await refused(engine, world, data)
    assert (problem.code, problem.faults[0].value) == ("other_account", world.other_bank_number)


async def test_a_future_date_is_refused_with_its_row(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    tomorrow = business_date(now_utc()) + timedelta(1)
    data = mb_csv(
        world.bank_number, OPENING_VND, [Entry(DAY, 5_000, "A"), Entry(tomorrow, 7_000, "B")]
    )
    problem = await refused(engine, world, data)
    assert [(fault.code, fault.row, fault.value) for fault in problem.faults] == [
        ("future_date", 5, f"{tomorrow:%d/%m/%Y}")
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "bad_encoding"),
        (b"PK\x03\x04broken", "truncated"),
        ("Tên,Lớp\nAn,3A\n".encode(), "unknown_layout"),
        (HEADER.encode(), "no_lines"),
        ("Ngày,Ghi nợ,Ghi có,Nội dung\n10/09/2026,,5000,A\n".encode(), "no_balance"),
    ],
)
async def test_what_is_no_statement_is_refused_by_its_kind(
    engine: AsyncEngine, data: bytes, code: str
) -> None:
    world = await world_of(engine, [])
    assert (await refused(engine, world, data)).code == code


async def test_an_unknown_account_is_refused(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    data = mb_csv(world.bank_number, OPENING_VND, THREE)
    with pytest.raises(DomainError, match="not_found"):
        async with transaction(engine) as db:
            await import_statement(db, world.school_id, 10**12, data, "a.csv", actor="an")


async def test_the_same_file_twice_changes_nothing(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    data = mb_csv(world.bank_number, OPENING_VND, THREE)
    first = await bring(engine, world, data)
    before = await everything(engine)
    again = await bring(engine, world, data, "another-name.csv")
    assert (first.is_new, first.new_lines, again.is_new, again.new_lines) == (True, 3, False, 0)
    assert again.statement_id == first.statement_id
    assert (again.lines, again.unreadable) == (first.lines, first.unreadable)
    assert await everything(engine) == before


async def test_a_preview_says_everything_and_writes_nothing(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    await bring(engine, world, mb_csv(world.bank_number, OPENING_VND, THREE[:2]))
    before = await everything(engine)
    async with transaction(engine) as db:
        preview = await preview_statement(
            db,
            world.school_id,
            world.bank_account_id,
            mb_csv(world.bank_number, OPENING_VND, THREE, spoil={1: "năm mươi"}),
            "a.csv",
        )
        bad = await preview_statement(
            db,
            world.school_id,
            world.bank_account_id,
            spoilt(world, world.bank_number, "99887766").replace(b",50000,", b",1,"),
            "b.csv",
        )
    assert (preview.lines, preview.new_lines, preview.is_known, preview.faults) == (2, 1, False, ())
    assert (preview.opening_vnd, preview.closing_vnd) == (OPENING_VND, OPENING_VND + 130_000)
    assert (preview.credit_vnd, preview.debit_vnd) == (150_000, 0)
    assert [(row.row, row.net_vnd) for row in preview.unreadable] == [(5, -20_000)]
    assert [fault.code for fault in bad.faults] == ["other_account", "balance_gap"]
    assert await everything(engine) == before


async def test_an_unreadable_last_row_is_listed_without_an_amount(engine: AsyncEngine) -> None:
    """Nothing after it says what it moved; the next statement's opening will."""
    world = await world_of(engine, [])
    imported = await bring(
        engine, world, mb_csv(world.bank_number, OPENING_VND, THREE, spoil={2: "năm mươi"})
    )
    assert (imported.lines, imported.unreadable, imported.gaps) == (2, 1, 0)


async def test_a_mapped_file_of_any_bank_comes_in(engine: AsyncEngine) -> None:
    world = await world_of(engine, [])
    data = (
        "Khi nào;Bao nhiêu;Còn lại;Chữ\n10/09/2026;5000;15000;A\n10/09/2026;-2000;13000;B\n"
    ).encode()
    layout = mapped(
        StatementMapping(date="Khi nào", amount="Bao nhiêu", balance="Còn lại", content="Chữ")
    )
    async with transaction(engine) as db:
        imported = await import_statement(
            db, world.school_id, world.bank_account_id, data, "x.csv", actor="an", layout=layout
        )
        rows = await db.raw.fetch("SELECT credit_vnd, debit_vnd FROM statement_line ORDER BY row")
    assert imported.lines == 2
    assert [tuple(row) for row in rows] == [(5_000, 0), (0, 2_000)]
