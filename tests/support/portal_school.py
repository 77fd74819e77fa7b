"""A school with a service of the portal, for tests: admission wishes, or an exam of several fees."""

from __future__ import annotations

from datetime import date

from support.factories import KEYS
from support.fee_school import FeeSchool, approved, fee_file, xlsx

from core.kit.database import Driver
from core.kit.faults import Fault
from core.portal.applications import Submitted, submit
from core.portal.forms import Form, form_of_json

HEADER = (
    *("Mã khoản thu", "Tên khoản thu", "Tính chất", "Đơn vị tính", "Đơn giá", "Số lượng"),
    *("Tài khoản nhận", "Tự nguyện", "Phạm vi", "Mã TTHC", "Tên TTHC", "Mã DVC", "Tên DVC"),
)
TITLES = (
    ("TRƯỜNG TRUNG HỌC PHỔ THÔNG HOA SEN",),
    ("LỆ PHÍ DỰ TUYỂN LỚP 10",),
    ("Tháng 09/2026",),
    ("Hạn nộp:", date(2026, 9, 25)),
)
PROCEDURE = ("1.001942", "Đăng ký dự tuyển", "1.001942.01", "Nộp lệ phí đăng ký dự tuyển")
WISHES = (
    "NV",
    "Lệ phí nguyện vọng",
    "Dịch vụ",
    "nguyện vọng",
    20_000,
    1,
    "",
    "không",
    "Hồ sơ",
    *PROCEDURE,
)
EXAM = ("LPT", "Lệ phí thi", "Dịch vụ", "hồ sơ", 130_000, 1, "", "không", "Theo hồ sơ", *PROCEDURE)
COPIES = ("BS", "Bản sao văn bằng", "Thu hộ", "bản", 5_000, 1, "", "có", "hồ sơ", *PROCEDURE)
ON = date(2026, 9, 5)


def service_file(
    *lines: tuple[object, ...], titles: tuple[tuple[object, ...], ...] = TITLES
) -> bytes:
    """A fee file of a service."""
    return fee_file(lines, titles=titles, header=HEADER)


async def open_wishes(db: Driver, school: FeeSchool) -> int:
    """An approved service that is paid by the wish, 20,000 VND each."""
    return await approved(db, school, service_file(WISHES))


async def open_exam(db: Driver, school: FeeSchool) -> int:
    """An approved service with a fee of 130,000 VND and copies of 5,000 VND for who wants them."""
    titles = (TITLES[0], ("LỆ PHÍ THI TỐT NGHIỆP",), *TITLES[2:])
    return await approved(db, school, service_file(EXAM, COPIES, titles=titles))


def form(
    code: str = "G01-260905-0001", name: str = "Trần Gia Hân", row: int = 1, **quantities: int
) -> Form:
    """An application."""
    faults: list[Fault] = []
    made = form_of_json(row, code, name, quantities, faults)
    assert faults == []
    return made


async def hand_in(db: Driver, school: FeeSchool, service_id: int, *forms: Form) -> Submitted:
    """Applications on ON."""
    return await submit(db, KEYS, school.id, service_id, forms, on=ON, actor="smas")


def application_file(
    *rows: tuple[object, ...], header: tuple[str, ...] = ("Mã hồ sơ", "Họ và tên", "Số lượng")
) -> bytes:
    """A workbook with applications under a title."""
    return xlsx({"Hồ sơ": [("DANH SÁCH HỒ SƠ ĐĂNG KÝ",), header, *rows]})
