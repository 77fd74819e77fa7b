"""Applications at the console, over HTTP and as a browser shows them on a large screen and on a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.fee_school import FeeSchool, make_school
from support.live import LiveServer
from support.portal_school import (
    WISHES,
    application_file,
    form,
    hand_in,
    open_exam,
    open_wishes,
    service_file,
)
from support.serving import gateway_client
from support.staff import PASSWORD, ConsoleSession

from core.identity.service import create_user
from core.kit.database import transaction


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        school = await make_school(db, {"3A": 2})
        await create_user(
            db,
            school.id,
            username="ketoan",
            display_name="Lê Thị Oanh",
            password=PASSWORD,
            role="accountant",
        )
    return school


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def console(school: FeeSchool, client: httpx.AsyncClient) -> ConsoleSession:
    """An accountant, signed in."""
    console = ConsoleSession(client)
    await console.sign_in("ketoan")
    return console


async def test_the_console_drafts_imports_and_lists(
    engine: AsyncEngine, school: FeeSchool, console: ConsoleSession
) -> None:
    held = await console.upload("fees", "dv.xlsx", service_file(WISHES))
    shown = (await console.get(held.headers["location"])).text
    assert "mỗi hồ sơ một phiếu báo thu" in shown
    assert "1.001942" in shown
    assert "Theo hồ sơ" in shown
    async with transaction(engine) as db:
        service = await open_wishes(db, school)
    page = f"/console/schedules/{service}/applications"
    assert page in (await console.get(f"/console/schedules/{service}")).text
    assert "Chưa có hồ sơ nào" in (await console.get(page)).text

    wrong = application_file(("HS-0001", "Trần Gia Hân", "nhiều"))
    held = await console.upload("applications", "hs.xlsx", wrong, schedule_id=str(service))
    shown = (await console.get(held.headers["location"])).text
    assert "nhiều" in shown
    assert "Chấp nhận</button>" not in shown

    right = application_file(("HS-0001", "Trần Gia Hân", 3), ("HS-0002", "Lê Bảo Bình", 1))
    held = await console.upload("applications", "hs.xlsx", right, schedule_id=str(service))
    preview = held.headers["location"]
    assert "80.000" in (await console.get(preview)).text
    accepted = await console.send(f"{preview}/accept")
    assert accepted.headers["location"] == f"{page}?done=accepted"
    listed = (await console.get(page)).text
    for text in ("HS-0001", "Trần Gia Hân", "3 nguyện vọng", "60.000", "/pay/", "Đang nhận hồ sơ"):
        assert text in listed, text
    today = (await console.get("/console")).text
    assert "theo lớp</h3>" not in today
    invoices = (await console.get(f"/console/invoices?schedule_id={service}")).text
    assert "HS-0002" in invoices
    assert "<option" in invoices
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT count(*) FROM application") == 2


async def test_the_console_issues_no_service_and_lists_no_roster_as_one(
    engine: AsyncEngine, school: FeeSchool, console: ConsoleSession
) -> None:
    async with transaction(engine) as db:
        service = await open_exam(db, school)
    await console.get(f"/console/schedules/{service}")
    refused = await console.send(f"/console/schedules/{service}/issue")
    assert refused.status_code == 409
    assert "thu theo hồ sơ" in refused.text
    assert (await console.get("/console/schedules/999/applications")).status_code == 404


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)], ids=["screen", "phone"])
async def test_the_list_fits_and_leads_to_the_pay_page(
    engine: AsyncEngine,
    school: FeeSchool,
    browser: Browser,
    live_server: LiveServer,
    width: int,
    height: int,
) -> None:
    async with transaction(engine) as db:
        service = await open_exam(db, school)
        await hand_in(
            db,
            school,
            service,
            form("000.00.16.G22-260905-0001", "Nguyễn Phạm Hoàng Thiên Ân", LPT=1, BS=12),
            form("HS-0002", "Lê Bình", 2),
        )
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    async def fits() -> None:
        spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(spill) == 0, page.url

    await page.goto(f"{live_server.url}/console/schedules/{service}")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nhận hồ sơ", exact=True)).to_be_visible()
    await fits()
    await page.get_by_role("link", name="Xem và nhập hồ sơ").click()
    await expect(page.get_by_role("heading", name="Hồ sơ", exact=False).first).to_be_visible()
    await expect(page.get_by_text("12 bản")).to_be_visible()
    await fits()
    async with context.expect_page() as opened:
        await page.get_by_role("link", name="Mở trang").first.click()
    pay = await opened.value
    await expect(pay.get_by_text("Người nộp hồ sơ")).to_be_visible()
    page = pay
    await fits()
    assert complaints == []
    await context.close()
