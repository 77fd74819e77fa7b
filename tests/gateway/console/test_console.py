"""The console over HTTP: who gets in, what a school may see, and what its actions write."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import World, make_world
from support.fee_school import fee_file
from support.serving import gateway_client, settings_for_tests
from support.staff import PASSWORD, ConsoleSession, hire, receive
from support.statement_files import Entry, mb_csv

from core.identity.service import MAX_FAILURES_PER_NAME
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from gateway.app import create_app

TOTAL_VND = 1_250_000
SEE_OTHER = 303
ROSTER = "Mã học sinh,Họ và tên,Ngày sinh,Lớp\nHS901,Trần Bảo Ngọc,05/09/2018,3B\nHS902,Lê Gia Huy,06/10/2018,3B\n"
WATER = ("NUOC", "Nước uống", "Dịch vụ", "tháng", 16_000, 1, "", "không", "Toàn trường")


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_client(database_url) as client:
        yield client


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    async with transaction(engine) as db:
        world = await make_world(db, [TOTAL_VND, 700_000])
    await hire(engine, world, "ketoan")
    return world


@pytest.fixture
async def console(client: httpx.AsyncClient, world: World) -> ConsoleSession:
    """An accountant of the world's school, signed in."""
    console = ConsoleSession(client)
    answer = await console.sign_in("ketoan")
    assert (answer.status_code, answer.headers["location"]) == (SEE_OTHER, "/console")
    await console.get("/console")
    return console


async def count(engine: AsyncEngine, table: str) -> int:
    async with transaction(engine) as db:
        found: int = await db.raw.fetchval(f"SELECT count(*) FROM {table}")
        return found


async def suspended(engine: AsyncEngine, world: World, content: str = "nop hoc cho chau") -> int:
    """The exception of money that arrived with an unreadable text."""
    payment_id = await receive(engine, world, TOTAL_VND, content)
    async with transaction(engine) as db:
        found: int = await db.raw.fetchval(
            "SELECT id FROM exception WHERE payment_id = $1", payment_id
        )
        return found


# -- the door --------------------------------------------------------------------------------------


async def test_every_screen_but_the_login_wants_a_session(
    client: httpx.AsyncClient, database_url: str
) -> None:
    app = create_app(settings_for_tests(), database_url)
    screens = [
        (re.sub(r"{[^}]+}", "1", route.path), handler.http_methods)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/console")
        for handler in route.route_handlers
    ]
    assert len(screens) >= 20
    console = ConsoleSession(client)
    await console.get("/console/login")
    for path, methods in screens:
        if path == "/console/login" or methods == {"OPTIONS"}:
            continue
        answer = await (console.send(path) if "POST" in methods else client.get(path))
        assert answer.status_code == SEE_OTHER, path
        assert answer.headers["location"].startswith("/console/login"), path


async def test_the_refusal_does_not_tell_which_part_was_wrong(
    client: httpx.AsyncClient, world: World
) -> None:
    console = ConsoleSession(client)
    wrong = await console.sign_in("ketoan", "khong phai mat khau")
    unknown = await console.sign_in("khong-co-ai", "khong phai mat khau")
    assert wrong.status_code == unknown.status_code == 401
    alert = re.compile(r'role="alert">.*?</div>', re.DOTALL)
    assert alert.findall(wrong.text) == alert.findall(unknown.text) != []
    assert "set-cookie" not in wrong.headers


async def test_guessing_is_slowed_even_for_the_right_password(
    client: httpx.AsyncClient, world: World
) -> None:
    console = ConsoleSession(client)
    for _ in range(MAX_FAILURES_PER_NAME):
        assert (await console.sign_in("ketoan", "khong phai mat khau")).status_code == 401
    assert (await console.sign_in("ketoan")).status_code == 429


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    database_url: str, world: World
) -> None:
    settings = settings_for_tests(base_url="https://thu.truong.edu.vn")
    async with gateway_client(database_url, settings) as client:
        client.base_url = httpx.URL("https://testserver.local")
        cookie = (await ConsoleSession(client).sign_in("ketoan")).headers["set-cookie"].lower()
    assert cookie.startswith("hocphi_session=")
    for part in ("httponly", "secure", "samesite=lax", "path=/console"):
        assert part in cookie


async def test_a_login_goes_on_to_the_page_wanted_and_never_to_another_site(
    client: httpx.AsyncClient, world: World
) -> None:
    console = ConsoleSession(client)
    asked = await client.get("/console/exceptions")
    assert asked.headers["location"] == "/console/login?next=%2Fconsole%2Fexceptions"
    ours = await console.sign_in("ketoan", next="/console/exceptions")
    assert ours.headers["location"] == "/console/exceptions"
    for other in ("//evil.vn", "https://evil.vn/console/", "/console//evil.vn", "/console/\\evil"):
        assert (await console.sign_in("ketoan", next=other)).headers["location"] == "/console"


async def test_logging_out_ends_the_session_on_our_side(
    console: ConsoleSession, engine: AsyncEngine
) -> None:
    kept = console.client.cookies["hocphi_session"]
    assert (await console.send("/console/logout")).headers["location"] == "/console/login"
    assert await count(engine, "session") == 0
    console.client.cookies.set("hocphi_session", kept, path="/console")
    assert (await console.client.get("/console")).status_code == SEE_OTHER


@pytest.mark.parametrize("token", ["", "0" * 128])
async def test_a_form_of_another_site_changes_nothing(
    console: ConsoleSession, engine: AsyncEngine, world: World, token: str
) -> None:
    console.token = token
    answer = await console.send(f"/console/invoices/{world.invoices[0].id}/cancel", reason="x")
    assert answer.status_code == 403
    assert "Biểu mẫu đã hết hạn" in answer.text
    async with transaction(engine) as db:
        assert (
            await db.raw.fetchval("SELECT count(*) FROM invoice WHERE cancelled_at IS NOT NULL")
            == 0
        )


async def test_another_schools_rows_do_not_exist(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    async with transaction(engine) as db:
        other = await make_world(db, [500_000], code="TH02")
        export_id = await db.raw.fetchval(
            "INSERT INTO voucher_export (school_id, number, format, file_name, content, sha256, voucher_count,"
            " total_vnd, exported_by) VALUES ($1, 1, 'journal-csv', 'a.csv', 'x', 'y', 1, 1, 'an') RETURNING id",
            other.school_id,
        )
        batch_id = await db.raw.fetchval(
            "INSERT INTO import_batch (school_id, kind, file_name, content, uploaded_by)"
            " VALUES ($1, 'fees', 'a.csv', 'x', 'an') RETURNING id",
            other.school_id,
        )
        schedule_id = await db.raw.fetchval(
            "SELECT id FROM fee_schedule WHERE school_id = $1", other.school_id
        )
    exception_id = await suspended(engine, other)
    mine = await suspended(engine, world)
    invoice_id = other.invoices[0].id
    for path in (
        f"/console/invoices/{invoice_id}",
        f"/console/exceptions/{exception_id}",
        f"/console/exceptions/{mine}/place/{invoice_id}",
        f"/console/schedules/{schedule_id}",
        f"/console/imports/{batch_id}",
        f"/console/exports/{export_id}/file",
    ):
        assert (await console.get(path)).status_code == 404, path
    for path in (
        f"/console/invoices/{invoice_id}/cancel",
        f"/console/exceptions/{mine}/place/{invoice_id}",
        f"/console/exceptions/{exception_id}/place/{world.invoices[0].id}",
        f"/console/exceptions/{exception_id}/resolve",
        f"/console/schedules/{schedule_id}/issue",
        f"/console/imports/{batch_id}/accept",
    ):
        answer = await console.send(path, reason="x", note="x", resolution="explained")
        assert answer.status_code == 404, path
    found = await console.send("/console/invoices", text=other.invoices[0].reference)
    assert "Không có phiếu báo thu nào phù hợp" in found.text
    await console.send(f"/console/imports/{batch_id}/drop")
    assert await count(engine, "import_batch") == 1


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "abc", "-1"])
async def test_a_number_that_is_none_is_a_plain_refusal(
    console: ConsoleSession, number: str
) -> None:
    assert (await console.get(f"/console/invoices/{number}")).status_code in {400, 404}


# -- the figures and the invoices ------------------------------------------------------------------


async def test_today_shows_what_the_books_hold(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    await receive(engine, world, 90_000, "khong ro")
    page = (await console.get("/console")).text
    assert "1.340.000 đ" in page  # collected today
    assert "90.000 đ" in page  # in suspense
    assert re.search(r'class="count">1<', page)
    english = (await console.get("/console?lang=en")).text
    assert "VND 1,340,000" in english
    assert "Collected today" in english


async def test_the_chart_says_the_same_as_its_table(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    await receive(engine, world, 350_000, world.invoices[1].reference)
    page = (await console.get("/console")).text
    assert "<title>3A: 50%</title>" in page
    assert re.search(r"0/1</td>.*?700\.000 đ</td>.*?350\.000 đ</td>", page, re.DOTALL)
    due, paid = (
        float(re.search(rf'class="{name}"[^>]*?height="([0-9.]+)"', page)[1])  # type: ignore[index]
        for name in ("due", "collected")
    )
    assert abs(due - 2 * paid) < 0.05


async def test_no_name_ever_stands_in_an_address(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    exception_id = await suspended(engine, world, "nop cho Nguyen Minh Anh lop 3A")
    found = await console.send("/console/invoices", text="Nguyễn Minh Anh")
    assert found.status_code == 200
    assert "Nguyễn Minh Anh" in found.text
    paths = ("/console", "/console/invoices", f"/console/exceptions/{exception_id}")
    pages = [found.text, *[(await console.get(path)).text for path in paths]]
    answer = await console.send(f"/console/exceptions/{exception_id}/search", text="minh anh")
    pages.append(answer.text)
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', "".join(pages))
    assert len(addresses) > 50
    assert not [one for one in addresses if re.search("nguy|minh|anh[^/]", one, re.IGNORECASE)]


async def test_what_no_keyboard_types_is_no_failure(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    exception_id = await suspended(engine, world)
    for path in ("/console/invoices", f"/console/exceptions/{exception_id}/search"):
        assert (await console.send(path, text="\0%_\\'\u200f")).status_code == 200
    address = f"/console/exceptions/{exception_id}/notes"
    done = await console.send(address, note="a\0b")
    assert done.status_code == SEE_OTHER
    for query in ("?after=" + "9" * 30, "?class_id=x&status=none&after=-1", "?schedule_id=%00"):
        assert (await console.get(f"/console/invoices{query}")).status_code == 200


async def test_an_invoice_shows_its_payment_and_its_state(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    invoice = world.invoices[0]
    await receive(engine, world, TOTAL_VND, invoice.reference)
    page = (await console.get(f"/console/invoices/{invoice.id}")).text
    assert "Đã thu" in page
    assert "Đã nhận tiền, chưa xác nhận" in page
    assert f'href="/pay/{invoice.token}"' in page
    assert "Huỷ phiếu báo thu này" not in page  # it has money


async def test_cancelling_needs_a_reason_and_an_invoice_without_money(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    paid, open_ = world.invoices
    await receive(engine, world, 1_000, paid.reference)
    refused = await console.send(f"/console/invoices/{paid.id}/cancel", reason="nhầm")
    assert refused.status_code == 409
    assert "đã nhận tiền" in refused.text
    assert (
        await console.send(f"/console/invoices/{open_.id}/cancel", reason=" ")
    ).status_code == 400
    done = await console.send(f"/console/invoices/{open_.id}/cancel", reason="Chuyển trường")
    assert done.status_code == SEE_OTHER
    page = (await console.get(done.headers["location"])).text
    assert "Đã huỷ phiếu báo thu." in page
    assert "Chuyển trường" in page


# -- bringing data in ------------------------------------------------------------------------------


async def test_a_roster_is_written_when_it_is_accepted_and_once(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    held = await console.upload("roster", "lop3b.csv", ROSTER.encode(), school_year="2026-2027")
    preview = await console.get(held.headers["location"])
    assert "Trần Bảo Ngọc" in preview.text
    assert await count(engine, "student") == len(world.invoices)
    done = await console.send(f"{held.headers['location']}/accept")
    assert done.status_code == SEE_OTHER
    assert await count(engine, "student") == len(world.invoices) + 2
    again = await console.send(f"{held.headers['location']}/accept")
    assert again.status_code == 409
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT content FROM import_batch") == b""


async def test_a_faulty_roster_names_row_column_and_value_and_cannot_be_accepted(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    faulty = ROSTER + "HS903,Phạm Minh,31/02/2018,3B\n"
    held = await console.upload("roster", "lop3b.csv", faulty.encode(), school_year="2026-2027")
    page = (await console.get(held.headers["location"])).text
    row = re.search(r'<td class="num" data-label="Dòng">4</td>.*?</tr>', page, re.DOTALL)
    assert row is not None
    assert "Ngày sinh" in row[0]
    assert "31/02/2018" in row[0]
    assert "Chấp nhận</button>" not in page
    forced = await console.send(f"{held.headers['location']}/accept")
    assert forced.status_code == 422
    assert await count(engine, "student") == len(world.invoices)
    await console.send(f"{held.headers['location']}/drop")
    assert await count(engine, "import_batch") == 0


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("roster", b"\x00\x01\x02 not a table"),
        ("fees", b"PK\x03\x04 cut off"),
        ("statement", "chỉ có chữ".encode("utf-16")),
        ("roster", b"\xff\xfe\xfa\xfb,\xff\n"),
    ],
)
async def test_a_file_that_cannot_be_read_is_told_so_on_the_page(
    console: ConsoleSession, engine: AsyncEngine, world: World, kind: str, content: bytes
) -> None:
    fields = {"school_year": "2026-2027", "bank_account_id": str(world.bank_account_id)}
    held = await console.upload(kind, "tep.xlsx", content, **fields)
    page = await console.get(held.headers["location"])
    assert 400 <= page.status_code < 500
    assert 'role="alert"' in page.text
    assert "Bỏ tệp này" in page.text
    assert "Chấp nhận</button>" not in page.text


async def test_a_file_beyond_the_limit_is_refused_in_the_pages_own_words(
    database_url: str, engine: AsyncEngine, world: World
) -> None:
    async with gateway_client(database_url, settings_for_tests(upload_limit=20_000)) as client:
        console = ConsoleSession(client)
        await console.sign_in("ketoan")
        answer = await console.upload("roster", "to.csv", b"x" * 30_000, school_year="2026-2027")
    assert answer.status_code == 413
    assert "Tệp quá lớn" in answer.text
    assert await count(engine, "import_batch") == 0


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("roster", {"school_year": "x"}), ("statement", {}), ("other", {}), ("fees", {"empty": "1"})],
)
async def test_an_upload_without_what_it_needs_holds_nothing(
    console: ConsoleSession, engine: AsyncEngine, kind: str, fields: dict[str, str]
) -> None:
    content = b"" if "empty" in fields else b"a,b\n"
    answer = await console.upload(kind, "a.csv", content, **fields)
    assert 400 <= answer.status_code < 500
    assert await count(engine, "import_batch") == 0


async def test_a_schedule_needs_two_people_then_makes_its_invoices(
    console: ConsoleSession, engine: AsyncEngine, world: World, database_url: str
) -> None:
    await hire(engine, world, "hieutruong", "approver")
    held = await console.upload("fees", "thu.xlsx", fee_file([WATER]))
    preview = (await console.get(held.headers["location"])).text
    assert "Nước uống" in preview
    assert "32.000 đ" in preview  # two pupils
    drafted = await console.send(f"{held.headers['location']}/accept")
    address = drafted.headers["location"].split("?")[0]
    assert (await console.send(f"{address}/issue")).status_code == 409
    assert (await console.send(f"{address}/approve", version="1")).status_code == 403
    async with gateway_client(database_url) as other:
        approver = ConsoleSession(other)
        await approver.sign_in("hieutruong")
        assert "Duyệt đợt thu này" in (await approver.get(address)).text
        assert (await approver.send(f"{address}/approve", version="7")).status_code == 409
        assert (await approver.send(f"{address}/approve", version="1")).status_code == SEE_OTHER
    before = await count(engine, "invoice")
    assert (await console.send(f"{address}/issue")).status_code == SEE_OTHER
    assert await count(engine, "invoice") == before + 2
    assert "Đã phát hành" in (await console.get(address)).text


async def test_the_drafter_cannot_approve_even_as_an_approver(
    client: httpx.AsyncClient, engine: AsyncEngine, world: World
) -> None:
    await hire(engine, world, "hieutruong", "approver")
    console = ConsoleSession(client)
    await console.sign_in("hieutruong")
    held = await console.upload("fees", "thu.xlsx", fee_file([WATER]))
    drafted = await console.send(f"{held.headers['location']}/accept")
    address = drafted.headers["location"].split("?")[0]
    assert "Duyệt đợt thu này" not in (await console.get(address)).text
    assert (await console.send(f"{address}/approve", version="1")).status_code == 403


# -- exceptions ------------------------------------------------------------------------------------


async def test_money_in_suspense_is_placed_after_a_second_look_and_can_be_taken_back(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    exception_id = await suspended(engine, world)
    invoice = world.invoices[0]
    address = f"/console/exceptions/{exception_id}"
    confirm = await console.get(f"{address}/place/{invoice.id}")
    assert "phiếu báo thu đủ tiền" in confirm.text
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT paid_vnd FROM invoice WHERE id = $1", invoice.id) == 0
    assert (await console.send(f"{address}/place/{invoice.id}", note=" ")).status_code == 422
    done = await console.send(f"{address}/place/{invoice.id}", note="Phụ huynh gọi điện")
    assert done.headers["location"] == "/console/exceptions?done=placed"
    queue = (await console.get(done.headers["location"])).text
    assert "Không có ngoại lệ nào" in queue
    page = (await console.get(f"/console/invoices/{invoice.id}")).text
    assert "Đã xác nhận (thủ công)" in page
    again = await console.send(f"{address}/place/{world.invoices[1].id}", note="Lần nữa")
    assert again.status_code == 409

    assert (await console.send(f"{address}/undo", note="")).status_code == 422
    undone = await console.send(f"{address}/undo", note="Nhầm học sinh")
    assert undone.status_code == SEE_OTHER
    async with transaction(engine) as db:
        assert await db.raw.fetchval("SELECT paid_vnd FROM invoice WHERE id = $1", invoice.id) == 0
    assert "Không rõ nội dung chuyển khoản" in (await console.get("/console/exceptions")).text


async def test_resolving_needs_a_note_and_moves_no_money(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    payment_id = await receive(engine, world, TOTAL_VND + 5, world.invoices[0].reference)
    async with transaction(engine) as db:
        found = await db.raw.fetchval("SELECT id FROM exception WHERE payment_id = $1", payment_id)
    address = f"/console/exceptions/{found}/resolve"
    transfers = await count(engine, "transfer")
    assert (await console.send(address, resolution="explained", note=" ")).status_code == 422
    assert (await console.send(address, resolution="else", note="x")).status_code == 422
    done = await console.send(address, resolution="accepted", note="Trừ tháng sau")
    assert done.status_code == SEE_OTHER
    assert await count(engine, "transfer") == transfers
    listed = (await console.get("/console/exceptions?show=resolved")).text
    assert "Chấp nhận như hiện tại" in listed


async def test_money_that_waits_is_not_explained_away(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    exception_id = await suspended(engine, world)
    address = f"/console/exceptions/{exception_id}"
    refused = await console.send(f"{address}/resolve", resolution="explained", note="Bỏ qua")
    assert refused.status_code == 409
    assert "Tiền còn ở mục chờ xử lý" in refused.text
    assert "Đóng ngoại lệ" not in (await console.get(address)).text


async def test_the_queue_filters_and_goes_on_where_a_page_ends(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    for _ in range(53):
        await suspended(engine, world)
    await receive(engine, world, 100, world.invoices[0].reference)
    first = (await console.get("/console/exceptions?reason=unknown_reference")).text
    link = re.search(r'href="(/console/exceptions\?after=[^"]*)"', first)
    assert link is not None
    second = (await console.get(link[1].replace("&amp;", "&"))).text
    rows = re.compile(r'<th scope="row"><a href="(/console/exceptions/\d+)"')
    seen = rows.findall(first) + rows.findall(second)
    assert len(seen) == len(set(seen)) == 53
    assert "Số tiền không khớp" in first  # the tab of the other reason
    assert (
        len(rows.findall((await console.get("/console/exceptions?reason=amount_mismatch")).text))
        == 1
    )


# -- the day and the books -------------------------------------------------------------------------


async def test_a_statement_then_the_night_then_the_four_states(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    first, second = world.invoices
    await receive(engine, world, TOTAL_VND, first.reference)
    await receive(engine, world, 700_000, second.reference)
    today = business_date(now_utc())
    entries = [Entry(today, TOTAL_VND, first.reference, "FT0")]
    file = mb_csv(world.bank_number, 5_000_000, entries)
    held = await console.upload(
        "statement", "sao-ke.csv", file, bank_account_id=str(world.bank_account_id)
    )
    preview = (await console.get(held.headers["location"])).text
    assert "6.250.000 đ" in preview
    assert await count(engine, "statement_line") == 0
    await console.send(f"{held.headers['location']}/accept")
    assert await count(engine, "statement_line") == 1
    ran = await console.send("/console/reconciliation", day=today.isoformat())
    assert ran.status_code == SEE_OTHER
    page = (await console.get(ran.headers["location"])).text
    states = re.findall(r"<dt>([^<]*xác nhận[^<]*)</dt>\s*<dd>(\d+)", page)
    assert dict(states) == {
        "Chưa nhận tiền, đã xác nhận": "1",
        "Đã nhận tiền, chưa xác nhận": "0",
        "Đã xác nhận (thủ công)": "0",
        "Đã xác nhận (tự động)": "1",
    }
    assert "Khớp</span>" in page
    assert "6.250.000 đ" in page


async def test_a_day_to_come_and_a_day_that_is_none_are_refused(console: ConsoleSession) -> None:
    tomorrow = business_date(now_utc()) + timedelta(days=2)
    assert (
        await console.send("/console/reconciliation", day=tomorrow.isoformat())
    ).status_code == 422
    assert (await console.send("/console/reconciliation", day="31/02/2026")).status_code == 400
    assert (await console.get("/console/reconciliation?day=khong")).status_code == 200


async def test_an_export_is_made_once_and_downloads_byte_for_byte(
    console: ConsoleSession, engine: AsyncEngine, world: World
) -> None:
    await receive(engine, world, TOTAL_VND, world.invoices[0].reference)
    made = await console.send("/console/exports", format="journal-csv")
    assert made.headers["location"] == "/console/exports?done=exported"
    page = (await console.get("/console/exports")).text
    link = re.search(r'href="(/console/exports/\d+/file)"', page)
    assert link is not None
    file = await console.client.get(link[1])
    async with transaction(engine) as db:
        row = await db.raw.fetchrow("SELECT content, sha256 FROM voucher_export")
    assert file.content == row["content"]
    assert row["sha256"][:12] in page
    assert file.headers["content-disposition"].startswith("attachment")
    again = await console.send("/console/exports", format="journal-csv")
    assert again.headers["location"] == "/console/exports?done=nothing"
    assert (await console.send("/console/exports", format="pdf")).status_code == 400


async def test_pages_say_nothing_to_caches_frames_or_other_sites(console: ConsoleSession) -> None:
    headers = (await console.get("/console")).headers
    assert headers["cache-control"] == "private, no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert PASSWORD not in (await console.get("/console")).text
