"""A list of concessions brought in at the console, and what it does to a bill: on a large screen and on a phone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS, World
from support.fee_school import (
    ACCOUNT,
    HEADER,
    YEAR,
    FeeSchool,
    approved,
    fee_file,
    make_school,
    xlsx,
)
from support.live import LiveServer
from support.staff import PASSWORD, hire

from core.invoices.service import issue
from core.kit.database import transaction

pytestmark = pytest.mark.browser
BOOK = ("SLL", "Sổ liên lạc điện tử", "Dịch vụ", "học kỳ", 300_000, 1, ACCOUNT, "không", "Toàn trường", 3)  # fmt: skip
LIST = (
    ("Mã học sinh", "Mã khoản thu", "Tỷ lệ", "Nguồn", "Số quyết định", "Từ ngày", "Đến ngày"),
    ("3A-1", "SLL", "50%", "Nhà nước", "12/QĐ-UBND", date(2026, 9, 1), date(2027, 5, 31)),
    ("3A-1", "SLL", "20%", "Trường", "7/QĐ-HT", date(2026, 9, 1), date(2027, 5, 31)),
)


@pytest.fixture
async def school(engine: AsyncEngine) -> FeeSchool:
    async with transaction(engine) as db:
        made = await make_school(db, {"3A": 2})
    await hire(engine, World(made.id, made.account_ids[ACCOUNT], ACCOUNT, 0, ""), "ketoan")
    return made


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["screen", "phone"])
async def page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    width, height = request.param
    context = await browser.new_context(viewport={"width": width, "height": height})
    yield await context.new_page()
    await context.close()


async def look(page: Page, name: str) -> None:
    """Nothing spills; keep a picture where a person wants to see it."""
    spill = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(spill) == 0, page.url
    if place := os.environ.get("HOCPHI_SHOTS"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        await page.screenshot(path=f"{place}/{name}-{width}.png", full_page=True)


async def test_a_list_lowers_the_bill_and_the_parent_reads_no_decision(
    page: Page, live_server: LiveServer, engine: AsyncEngine, school: FeeSchool, tmp_path: Path
) -> None:
    async with transaction(engine) as db:
        schedule_id = await approved(db, school, fee_file([BOOK], header=(*HEADER, "Số tháng")))
    file = tmp_path / "mien-giam.xlsx"
    file.write_bytes(xlsx({"Miễn giảm": LIST}))
    await page.goto(f"{live_server.url}/console/login")
    await page.get_by_label("Tên đăng nhập").fill("ketoan")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hôm nay")).to_be_visible()
    await page.goto(f"{live_server.url}/console/imports")
    await look(page, "imports")
    await page.locator("#concessions-file").set_input_files(file)
    await page.locator("section:has(#concessions-file) button").click()
    await expect(page.get_by_text("12/QĐ-UBND")).to_be_visible()
    await look(page, "concessions")
    await page.get_by_role("button", name="Chấp nhận").press("Enter")
    await expect(page.get_by_role("heading", name="Nhập dữ liệu")).to_be_visible()
    await page.goto(f"{live_server.url}/console/schedules/{schedule_id}")
    await expect(page.get_by_text("390.000 đ")).to_be_visible()
    await look(page, "schedule")
    async with transaction(engine) as db:
        await issue(db, KEYS, school.id, schedule_id, on=date(2026, 9, 5), actor="co.lan")
        row = await db.raw.fetchrow(
            "SELECT id, token FROM invoice WHERE school_id = $1 AND student_id = $2",
            school.id,
            school.students["3A-1"],
        )
    assert YEAR in await page.content()
    await page.goto(f"{live_server.url}/console/invoices/{row['id']}")
    await expect(page.get_by_text("12/QĐ-UBND")).to_be_visible()
    await look(page, "invoice")
    await page.goto(f"{live_server.url}/pay/{row['token']}")
    await expect(page.get_by_text("miễn, giảm −210.000 đ")).to_be_visible()
    assert "QĐ-UBND" not in await page.content()
    await look(page, "pay")
