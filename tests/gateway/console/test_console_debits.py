"""The debit console at the console: booked, refused with what was typed, taken back; many fees after a preview."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.console_debits import SEE_OTHER, listed
from support.factories import World, make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire, receive
from support.statement_files import Entry, mb_csv

from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.ledger.service import open_books
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """A school whose statement of yesterday shows three debits."""
    day = business_date(now_utc()) - timedelta(days=1)
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        await db.raw.execute(
            "INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)"
            " VALUES ($1, 'BHYT', 'Bảo hiểm y tế', 'on_behalf', 'năm', $2, false)",
            world.school_id,
            world.bank_account_id,
        )
        await open_books(db, world.school_id)
        entries = [
            Entry(day, -11_000, "PHI QUAN LY TK", "F1"),
            Entry(day, -22_000, "PHI SMS", "F2"),
            Entry(day, -500_000, "CHUYEN TIEN BHYT", "F3"),
        ]
        data = mb_csv(world.bank_number, 9_000_000, entries)
        await import_statement(
            db, world.school_id, world.bank_account_id, data, "mb.csv", actor="an"
        )
    await reconcile(engine, world.school_id, day)
    await hire(engine, world, "ketoan")
    return world


@pytest.fixture
async def console(database_url: str, world: World) -> AsyncIterator[ConsoleSession]:
    async with gateway_client(database_url) as client:
        console = ConsoleSession(client)
        await console.sign_in("ketoan")
        yield console


async def test_fees_are_booked_together_after_a_preview(console: ConsoleSession) -> None:
    first, second, third = await listed(console)
    body = {"_csrf_token": console.token, "line": [first, second]}
    preview = await console.client.post("/console/debits/preview", data=body)
    assert "33.000 đ" in preview.text
    assert "PHI SMS" in preview.text
    assert len(await listed(console)) == 3  # a preview books nothing
    done = await console.client.post(
        "/console/debits/fees", data={**body, "_csrf_token": console.token, "note": "tháng 9"}
    )
    assert (done.status_code, done.headers["location"]) == (
        SEE_OTHER,
        "/console/debits?done=debits_booked",
    )
    assert await listed(console) == [third]
    again = await console.client.post(
        "/console/debits/fees", data={**body, "_csrf_token": console.token}
    )
    assert again.status_code == 409
    nothing = await console.send("/console/debits/preview")
    assert nothing.status_code == 422


async def test_a_line_is_paid_on_and_taken_back(
    console: ConsoleSession, engine: AsyncEngine
) -> None:
    *_, third = await listed(console)
    path = f"/console/debits/{third}"
    field = re.search(r'name="(amount_\d+)"', (await console.get(path)).text)
    assert field is not None
    refused = await console.send(path, rule="paid_on", **{field[1]: "500.000"})
    assert refused.status_code == 409
    assert 'value="500.000"' in refused.text  # what was typed is still there
    assert (await console.send(path, rule="paid_on", **{field[1]: "5x"})).status_code == 422
    assert (await console.send(path, rule="other")).status_code == 422
    wish = {"rule": "paid_on", field[1]: "500.000", "beyond": "yes", "note": "chi trước"}
    assert (await console.send(path, **wish)).status_code == SEE_OTHER
    page = await console.get(path)
    assert "Chi trả khoản thu hộ" in page.text
    exception = await console.get(f"/console/exceptions/{third}")
    assert exception.status_code == 200
    assert "Đã ghi sổ" in exception.text
    assert (await console.send(f"{path}/undo", note=" ")).status_code == 422
    assert (await console.send(f"{path}/undo", note="ghi nhầm")).status_code == SEE_OTHER
    assert third in await listed(console)
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM line_journal") == 0


async def test_the_exception_itself_offers_the_form(console: ConsoleSession) -> None:
    first, *_ = await listed(console)
    page = await console.get(f"/console/exceptions/{first}")
    assert f'action="/console/debits/{first}"' in page.text
    done = await console.send(f"/console/debits/{first}", rule="own_transfer")
    assert done.headers["location"] == f"/console/debits/{first}?done=debit_booked"


async def test_money_of_the_school_is_no_familys(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    await receive(engine, world, 70_000, "chuyen noi bo")
    async with transaction(engine) as db:
        number = await db.raw.fetchval(
            "SELECT id FROM exception WHERE reason = 'unknown_reference'"
        )
    path = f"/console/exceptions/{number}/own-money"
    assert path in (await console.get(f"/console/exceptions/{number}")).text
    assert (await console.send(path, source="own_transfer", note="")).status_code == 422
    done = await console.send(path, source="own_transfer", note="từ TK thứ hai")
    assert done.status_code == SEE_OTHER
    assert "Hoàn tác việc ghi này" in (await console.get(path)).text
    assert (await console.send(f"{path}/undo", note="nhầm")).status_code == SEE_OTHER
    assert "Tiền từ đâu đến?" in (await console.get(path)).text


async def test_another_schools_debit_does_not_exist(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    first, *_ = await listed(console)
    async with transaction(engine) as db:
        other = await make_world(db, [1_000], code="TH02")
    await hire(engine, other, "nguoikhac")
    console.client.cookies.clear()
    await console.sign_in("nguoikhac")
    assert await listed(console) == []
    assert (await console.get(f"/console/debits/{first}")).status_code == 404
    assert (await console.send(f"/console/debits/{first}", rule="bank_fee")).status_code == 404
