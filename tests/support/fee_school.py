"""A school with classes and pupils, and fee files written as schools write them, for tests."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import xlsxwriter
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import KEYS

from core.fees.service import approve_schedule, draft_schedule
from core.kit.database import Driver, transaction
from core.kit.reference import make_references
from core.ledger.service import open_books

YEAR = "2026-2027"
ACCOUNT, OTHER_ACCOUNT = "0011000001", "0011000002"
HEADER = (
    *("Mã khoản thu", "Tên khoản thu", "Tính chất", "Đơn vị tính", "Đơn giá", "Số lượng"),
    *("Tài khoản nhận", "Tự nguyện", "Phạm vi"),
)
TITLES = (
    ("TRƯỜNG TIỂU HỌC HOA SEN",),
    ("CÁC KHOẢN THU THÁNG 09/2026",),
    ("Hạn nộp:", date(2026, 9, 25)),
)
LUNCH = ("AN", "Tiền ăn bán trú", "Dịch vụ", "ngày", 30_000, 22, "", "không", "Toàn trường")
TUITION = ("HP", "Học phí", "Học phí", "tháng", 155_000, 1, "", "không", "Khối 3, Khối 4")
INSURANCE = ("BH", "Bảo hiểm", "Thu hộ", "năm", 680_400, 1, OTHER_ACCOUNT, "không", "Toàn trường")
BUS = ("XE", "Xe đưa đón", "Dịch vụ", "tháng", 600_000, 1, "", "có", "Toàn trường")

Cells = Sequence[object]


def xlsx(sheets: Mapping[str, Sequence[Cells]]) -> bytes:
    """A workbook; text that begins with "=" becomes a formula."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for y, row in enumerate(rows):
                for x, value in enumerate(row):
                    if isinstance(value, date):
                        sheet.write_datetime(y, x, value, day)
                    elif value != "":
                        sheet.write(y, x, value)
    return buffer.getvalue()


def fee_file(
    items: Sequence[Cells],
    registrations: Sequence[tuple[str, str]] = (),
    *,
    titles: Sequence[Cells] = TITLES,
    header: Cells = HEADER,
) -> bytes:
    """A fee file with the usual titles; `registrations`: (student code, item codes)."""
    sheets: dict[str, Sequence[Cells]] = {"Khoản thu": [*titles, header, *items]}
    if registrations:
        sheets["Đăng ký"] = [("Mã học sinh", "Mã khoản thu"), *registrations]
    return xlsx(sheets)


@dataclass(frozen=True)
class FeeSchool:
    """`students`: code -> id; `account_ids`: number -> id."""

    id: int
    students: dict[str, int]
    class_ids: dict[str, int]
    account_ids: dict[str, int]


async def make_school(
    db: Driver, classes: Mapping[str, int], *, code: str = "TH01", year: str = YEAR
) -> FeeSchool:
    """A school with two accounts and these classes (name -> pupils, coded "3A-1" and so on)."""
    school_id = await db.raw.fetchval(
        "INSERT INTO school (code, name, accounting_regime) VALUES ($1, 'Trường', 'TT24/2024') RETURNING id",
        code,
    )
    accounts = await db.raw.fetch(
        "INSERT INTO bank_account (school_id, bin, number, holder, is_default) VALUES"
        " ($1, '970436', $2, 'TRUONG', true), ($1, '970422', $3, 'TRUONG', false) RETURNING number, id",
        school_id, ACCOUNT, OTHER_ACCOUNT,
    )  # fmt: skip
    await open_books(db, school_id)
    school = FeeSchool(school_id, {}, {}, {row["number"]: row["id"] for row in accounts})
    for name, count in classes.items():
        school.class_ids[name] = await db.raw.fetchval(
            "INSERT INTO school_class (school_id, school_year, name, grade) VALUES ($1, $2, $3, $4) RETURNING id",
            school_id, year, name, int(name[0]),
        )  # fmt: skip
        await enrol(db, school, name, [f"{name}-{n}" for n in range(1, count + 1)], year=year)
    return school


async def enrol(
    db: Driver, school: FeeSchool, class_name: str, codes: Sequence[str], *, year: str = YEAR
) -> None:
    """New pupils of a class."""
    numbers = await db.raw.fetch(
        "SELECT nextval('reference_number_seq') AS n FROM generate_series(1, $1)", len(codes)
    )
    rows = await db.raw.fetch(
        """
        WITH s AS (INSERT INTO student (school_id, code, full_name, search_name, reference)
                   SELECT $1, c, 'Nguyễn Minh Anh', 'nguyen minh anh', r
                     FROM unnest($2::text[], $3::text[]) AS u(c, r) RETURNING id, code),
             e AS (INSERT INTO enrolment (school_id, student_id, school_year, class_id)
                   SELECT $1, id, $4, $5 FROM s)
        SELECT id, code FROM s
        """,
        school.id, list(codes), make_references([row["n"] for row in numbers], KEYS.reference),
        year, school.class_ids[class_name],
    )  # fmt: skip
    school.students.update({row["code"]: row["id"] for row in rows})


async def approved(db: Driver, school: FeeSchool, data: bytes) -> int:
    """The schedule of a file, drafted and approved by two persons."""
    drafted = await draft_schedule(db, school.id, data, "khoan-thu.xlsx", actor="co.lan")
    await approve_schedule(db, school.id, drafted.schedule_id, actor="thay.hung")
    return drafted.schedule_id


@asynccontextmanager
async def thrown_away(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """A transaction that leaves nothing behind: the books forbid deleting between examples."""
    async with transaction(engine) as db:
        inner = db.transaction()
        await inner.start()
        try:
            yield db
        finally:
            await inner.rollback()
