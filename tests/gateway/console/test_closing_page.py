"""Closing on the console: what stands in the way, Chốt ngày, the papers, reopening by two persons."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import httpx
import pytest
from playwright.async_api import Browser, expect
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, KEYS, World, make_world
from support.live import LiveServer
from support.serving import gateway_client
from support.staff import PASSWORD, ConsoleSession, hire
from support.statement_files import Entry, mb_csv

from adapters.contract import Notice, Outcome
from core.kit.database import transaction
from core.merchants.directory import find_merchant
from core.payments.ingest.group_commit import commit_notices
from core.payments.ingest.inbound import InboundNotice
from gateway.console.books.proof_documents import document_of, draft_document, proof_pdf, proof_xlsx
from reconciliation.closing.records import records_of
from reconciliation.closing.service import close_day, draft_of
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement

PAGE = f"/console/reconciliation?day={DAY}"
PUPIL = "Nguyễn Minh Anh"
SEE_OTHER = 303


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """A school with one payment on its statement and a fee of the bank that nobody has explained."""
    async with transaction(engine) as db:
        world = await make_world(db, [100_000, 200_000])
        merchant = await find_merchant(db, KEYS, "sepay", world.merchants["sepay"][1])
    assert merchant is not None
    notice = Notice(
        transaction_id="S1",
        outcome=Outcome.PAID,
        amount_vnd=100_000,
        paid_at=datetime(DAY.year, DAY.month, DAY.day, 2, tzinfo=UTC),
        content=world.invoices[0].reference,
    )
    await commit_notices(engine, [InboundNotice(merchant, notice, b"{}")])
    for username, role in (("ketoan", "accountant"), ("hieutruong", "approver")):
        await hire(engine, world, username, role)
    return world


async def bring(engine: AsyncEngine, world: World) -> None:
    entries = [
        Entry(DAY, 100_000, world.invoices[0].reference, "FT1"),
        Entry(DAY, -11_000, f"PHI QUAN LY {PUPIL}", "FT2"),
    ]
    async with transaction(engine) as db:
        await import_statement(
            db,
            world.school_id,
            world.bank_account_id,
            mb_csv(world.bank_number, 5_000_000, entries),
            "saoke.csv",
            actor="ketoan",
        )


async def signed_in(client: httpx.AsyncClient, username: str) -> ConsoleSession:
    console = ConsoleSession(client)
    await console.sign_in(username)
    await console.get(PAGE)
    return console


def rows_of(content: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


async def test_a_day_is_closed_asked_for_and_reopened(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    console = await signed_in(client, "ketoan")
    refused = await console.send("/console/reconciliation/close", day=DAY.isoformat())
    assert refused.status_code == 409
    assert "chưa có sao kê của ngày này" in refused.text
    await bring(engine, world)
    assert "Ngày này chưa được đối soát" in (await console.get(PAGE)).text
    await reconcile(engine, world.school_id, DAY)
    assert "Mọi tài khoản đều khớp" in (await console.get(PAGE)).text

    closed = await console.send("/console/reconciliation/close", day=DAY.isoformat())
    assert closed.status_code == SEE_OTHER
    page = await console.get(closed.headers["location"])
    assert "Đã chốt sổ đến hết ngày này." in page.text
    assert "Đề nghị mở lại ngày này" in page.text
    assert PUPIL not in page.text
    assert (await console.send("/console/reconciliation/close", day="x")).status_code == 400

    asked = {"day": DAY.isoformat(), "note": "Thiếu một dòng sao kê"}
    assert (
        await console.send("/console/reconciliation/ask-to-reopen", **asked)
    ).status_code == SEE_OTHER
    page = await console.get(PAGE)
    assert "Thiếu một dòng sao kê" in page.text
    assert "Duyệt mở lại" not in page.text
    refused = await console.send("/console/reconciliation/reopen", day=DAY.isoformat())
    assert refused.status_code == 403

    await console.send("/console/logout")
    head = await signed_in(client, "hieutruong")
    assert "Duyệt mở lại" in (await head.get(PAGE)).text
    done = await head.send("/console/reconciliation/reopen", day=DAY.isoformat())
    assert done.status_code == SEE_OTHER
    page = await head.get(done.headers["location"])
    assert "Đã mở lại ngày này." in page.text
    assert page.text.count("kind=pdf") == 2  # the draft's and the record's that stays


async def test_an_approver_who_asked_cannot_approve(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    await bring(engine, world)
    await close_day(engine, KEYS, world.school_id, DAY, actor="ketoan")
    head = await signed_in(client, "hieutruong")
    await head.send("/console/reconciliation/ask-to-reopen", day=DAY.isoformat(), note="Sai")
    assert "Duyệt mở lại" not in (await head.get(PAGE)).text
    refused = await head.send("/console/reconciliation/reopen", day=DAY.isoformat())
    assert (refused.status_code, "cần một người khác" in refused.text) == (403, True)


async def test_the_papers_of_a_record_never_change(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    await bring(engine, world)
    await reconcile(engine, world.school_id, DAY)
    console = await signed_in(client, "ketoan")
    draft = await console.get(f"/console/reconciliation/paper?day={DAY}&kind=xlsx")
    assert "CHƯA CHỐT" in str(rows_of(draft.content)[1][0])
    assert "chua-chot" in draft.headers["content-disposition"]
    record = await close_day(engine, KEYS, world.school_id, DAY, actor="ketoan")
    assert (await console.get(f"/console/reconciliation/paper?day={DAY}")).status_code == 409
    assert (await console.get("/console/reconciliation/paper?number=7")).status_code == 404
    assert (await console.get("/console/reconciliation/paper?day=2026-09-30")).status_code == 404

    async with transaction(engine) as db:
        await db.raw.execute("UPDATE school SET address = 'nơi khác'")
        (kept,) = await records_of(db, world.school_id)
    sheet = await console.get("/console/reconciliation/paper?number=1&kind=xlsx")
    document = await console.get("/console/reconciliation/paper?number=1&kind=pdf")
    assert sheet.content == proof_xlsx(document_of(record)) == proof_xlsx(document_of(kept))
    assert document.content == proof_pdf(document_of(record)) == proof_pdf(document_of(kept))
    assert document.content.startswith(b"%PDF")
    assert document.headers["content-type"] == "application/pdf"

    rows = rows_of(sheet.content)
    assert "CHƯA CHỐT" not in str(rows)
    assert f"Mã biên bản (SHA-256): {record.hash.hex()}" in [row[0] for row in rows]
    told = {
        (row[0], row[1]): row[4]
        for row in rows
        if row[0] == f"Tài khoản ngân hàng {world.bank_number}"
    }
    bank = f"Tài khoản ngân hàng {world.bank_number}"
    assert told[bank, "Số dư đầu ngày"] == 5_000_000
    assert told[bank, "Dòng sao kê đã khớp với khoản thu"] == 100_000
    assert told[bank, "Dòng sao kê chưa có trong sổ (ngoại lệ)"] == -11_000
    assert told[bank, "Số dư cuối ngày"] == 5_089_000
    assert told[bank, "Chênh lệch"] == 0
    listed = [row for row in rows if row[0] == "Ngoại lệ còn mở"]
    assert [(row[1], row[2], row[4]) for row in listed] == [
        ("Khoản tiền ra chưa giải thích", date(2026, 9, 10), 11_000)
    ]
    assert any("saoke.csv" in str(row[1]) for row in rows)
    assert PUPIL not in str(rows)
    assert "Kế toán (ký, họ tên)" in rows[-1]


async def test_a_draft_is_marked_on_paper(engine: AsyncEngine, world: World) -> None:
    await bring(engine, world)
    await reconcile(engine, world.school_id, DAY)
    async with transaction(engine) as db:
        body = await draft_of(db, world.school_id, DAY)
    assert body is not None
    paper = draft_document(body)
    assert ("Tình trạng", "CHƯA CHỐT") in paper.facts
    assert proof_pdf(paper) == proof_pdf(draft_document(body))


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)], ids=["screen", "phone"])
async def test_closing_in_a_browser(
    browser: Browser,
    live_server: LiveServer,
    engine: AsyncEngine,
    world: World,
    width: int,
    height: int,
) -> None:
    await bring(engine, world)
    await reconcile(engine, world.school_id, DAY)
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()

    async def fits() -> None:
        spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(spill) == 0, page.url

    await page.goto(f"{live_server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console")
    await page.goto(f"{live_server.url}{PAGE}")
    await fits()
    await page.get_by_role("button", name="Chốt ngày 10/09/2026").click()
    await expect(page.get_by_role("status").first).to_contain_text("Đã chốt sổ")
    await fits()
    await page.get_by_text("Đề nghị mở lại ngày này").click()
    await page.get_by_label("Lý do (bắt buộc)").fill("Thiếu một dòng sao kê của ngân hàng")
    await page.get_by_role("button", name="Đề nghị mở lại").click()
    await expect(page.get_by_text("ketoan đề nghị mở lại ngày 10/09/2026")).to_be_visible()
    await fits()
    await context.close()
