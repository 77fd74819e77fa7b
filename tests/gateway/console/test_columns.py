"""Which column is what: said once on the screen, kept by the words of the header, and read by itself after."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.column_files import CHOSEN, SEE_OTHER, held, rows
from support.errors import status_of
from support.factories import DAY, World, make_world
from support.serving import gateway_client
from support.staff import ConsoleSession, hire
from support.statement_files import Entry, mb_csv
from support.table_files import as_csv, as_xlsx

from core.kit.database import transaction
from core.kit.errors import DomainError
from core.uploads.service import keep_upload
from reconciliation.statements.imports import preview_statement
from reconciliation.statements.mappings import save_mapping, saved_headers, saved_layout


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [500_000])
    await hire(engine, world, "ketoan")
    return world


@pytest.fixture
async def console(client: httpx.AsyncClient, world: World) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    return console


async def test_an_unknown_bank_is_read_after_its_columns_were_said_once(
    console: ConsoleSession, world: World, engine: AsyncEngine
) -> None:
    place = await held(console, world, as_xlsx(rows()))
    refused = await console.get(place)
    assert refused.status_code == 422
    assert f'{place}/columns"' in refused.text

    page = (await console.get(f"{place}/columns")).text
    assert "NGÂN HÀNG CHƯA AI BIẾT" in page
    for role, header in (("date", "Thời gian"), ("balance", "Còn lại")):
        select = page.split(f'<select id="{role}"')[1].split("</select>")[0]
        assert f"<option selected>{header}</option>" in select  # the guess

    looked = await console.send(
        f"{place}/columns", step="look", header="0.3.1", shown="0.3.1", **CHOSEN
    )
    assert looked.status_code == 200 or looked.status_code == 303
    assert "LAN MOT" in looked.text.split('id="read-title"')[1]
    assert "1.250.000" in looked.text.split('id="read-title"')[1]
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM file_mapping") == 0

    saved = await console.send(
        f"{place}/columns", step="save", header="0.3.1", shown="0.3.1", **CHOSEN
    )
    assert saved.headers["location"].startswith(place)
    assert "Chấp nhận</button>" in (await console.get(place)).text
    assert (await console.send(f"{place}/accept")).status_code == SEE_OTHER

    other = await held(console, world, as_csv(rows(last="LAN BA")), "thang-sau.csv")
    page = (await console.get(other)).text
    assert "LAN BA" in page
    assert "Chấp nhận</button>" in page
    async with transaction(engine) as db:
        kept = await saved_headers(db, world.school_id, bank_account_id=world.bank_account_id)
        entry = await db.raw.fetchrow(
            "SELECT actor, subject, detail::text AS detail FROM audit_entry WHERE action = 'file_mapping.saved'"
        )
    assert kept == CHOSEN
    assert (entry["actor"], entry["subject"]) == ("ketoan", f"bank_account:{world.bank_account_id}")
    detail = json.loads(entry["detail"])
    assert detail["before"] == []
    assert "amount=Số phát sinh (VND)" in detail["after"]


async def test_columns_may_move_but_a_header_that_is_gone_is_named(
    console: ConsoleSession, world: World, engine: AsyncEngine
) -> None:
    moved = [list(reversed(row)) if len(row) > 1 else row for row in rows()]
    async with transaction(engine) as db:
        await save_mapping(
            db,
            world.school_id,
            bank_account_id=world.bank_account_id,
            headers=CHOSEN,
            data=as_xlsx(rows()),
            file_name="a.xlsx",
            actor="ketoan",
        )
        read = await preview_statement(
            db, world.school_id, world.bank_account_id, as_xlsx(moved), "b.xlsx"
        )
        assert [(line.credit_vnd, line.debit_vnd, line.content) for line in read.sample] == [
            (1_250_000, 0, "LAN MOT"),
            (0, 250_000, "LAN HAI"),
        ]
        assert read.faults == ()
        for change, code in (
            (("Còn lại", "Khác"), "header_missing"),
            (("Còn lại", "Mã tra soát"), "header_twice"),
        ):
            spoilt = [[cell.replace(*change) for cell in map(str, row)] for row in rows()]
            with pytest.raises(DomainError) as caught:
                await save_mapping(
                    db,
                    world.school_id,
                    bank_account_id=world.bank_account_id,
                    headers=CHOSEN if code == "header_missing" else {**CHOSEN, "balance": ""},
                    data=as_xlsx(spoilt),
                    file_name="a.xlsx",
                    actor="ketoan",
                )
            assert (caught.value.code, status_of(caught.value)) == (code, 422)
            assert caught.value.faults[0].column in {"balance", "transaction_id"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": "Thời gian", "content": "Diễn giải chi tiết"},
        {**CHOSEN, "credit": "Còn lại"},
        {**CHOSEN, "balance": "Thời gian"},
        {**CHOSEN, "colour": "Còn lại"},
        {},
    ],
)
async def test_a_mapping_that_cannot_read_is_not_kept(
    world: World, engine: AsyncEngine, wrong: dict[str, str]
) -> None:
    async with transaction(engine) as db:
        with pytest.raises(DomainError) as caught:
            await save_mapping(
                db,
                world.school_id,
                bank_account_id=world.bank_account_id,
                headers=wrong,
                data=as_xlsx(rows()),
                file_name="a.xlsx",
                actor="ketoan",
            )
        assert status_of(caught.value) == 422
        assert await db.raw.fetchval("SELECT count(*) FROM file_mapping") == 0


async def test_a_known_banks_file_still_reads_beside_what_was_saved_and_what_was_said_can_be_forgotten(
    console: ConsoleSession, world: World, engine: AsyncEngine
) -> None:
    place = await held(console, world, as_xlsx(rows()))
    await console.send(f"{place}/columns", step="save", header="0.3.1", shown="0.3.1", **CHOSEN)
    known = await held(
        console, world, mb_csv(world.bank_number, 0, [Entry(DAY, 5_000, "BINH THUONG")])
    )
    assert "BINH THUONG" in (await console.get(known)).text
    done = await console.send(f"{place}/columns", step="forget")
    assert done.status_code == SEE_OTHER
    assert (await console.get(place)).status_code == 422
    async with transaction(engine) as db:
        assert (
            await saved_layout(db, world.school_id, bank_account_id=world.bank_account_id) is None
        )


async def test_a_settlement_files_columns_are_said_on_the_same_screen(
    console: ConsoleSession, world: World, engine: AsyncEngine
) -> None:
    merchant_id = world.merchants["vnpay"][0]
    table = [
        ["Tham chiếu", "Số tiền GD", "Phí thu", "VAT thu", "Về tài khoản", "Ngày quyết toán"],
        ["V1", "1.000.000", "10.000", "1.000", "989.000", "10/09/2026"],
    ]
    chosen = {
        "provider_transaction_id": "Tham chiếu",
        "gross": "Số tiền GD",
        "fee": "Phí thu",
        "vat": "VAT thu",
        "net": "Về tài khoản",
        "settled_on": "Ngày quyết toán",
    }
    async with transaction(engine) as db:
        batch_id = await keep_upload(
            db,
            world.school_id,
            kind="settlement",
            file_name="doi-soat.xlsx",
            content=as_xlsx(table),
            parameters={"merchant_account_id": str(merchant_id)},
            actor="ketoan",
        )
    place = f"/console/imports/{batch_id}/columns"
    page = (await console.get(place)).text
    assert "Phí chưa VAT" in page
    looked = await console.send(place, step="look", header="0.1.1", shown="0.1.1", **chosen)
    assert "989.000" in looked.text.split('id="read-title"')[1]
    saved = await console.send(place, step="save", header="0.1.1", shown="0.1.1", **chosen)
    assert saved.status_code == SEE_OTHER
    async with transaction(engine) as db:
        layout = await saved_layout(db, world.school_id, merchant_account_id=merchant_id)
        assert layout is not None
        assert layout.provider == "vnpay"


async def test_a_file_that_is_no_table_and_another_schools_file_say_so(
    console: ConsoleSession, world: World, engine: AsyncEngine
) -> None:
    place = await held(console, world, b"PK\x03\x04broken")
    page = await console.get(f"{place}/columns")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    async with transaction(engine) as db:
        other = await make_world(db, [1_000], code="TH02")
        theirs = await keep_upload(
            db,
            other.school_id,
            kind="statement",
            file_name="a.xlsx",
            content=as_xlsx(rows()),
            parameters={"bank_account_id": str(other.bank_account_id)},
            actor="x",
        )
    assert (await console.get(f"/console/imports/{theirs}/columns")).status_code == 404
